"""Overlap of prediction and truth: the few sums from which every region loss is made."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood, SoftmaxLikelihood
from pl_losses.core.overlap_gradient import by_hand, sigmoid_overlap, softmax_overlap


@dataclass(frozen=True)
class Overlap:
    r"""Weighed sums over the places of each region, shape ``(N, C)`` each.

    A region is one class in one sample (``(1, C)``: in the whole batch).

    Attributes:
        both: Intersection :math:`\sum w\,p\,y`.
        pred: Size of the prediction, :math:`\sum w\,p` (or :math:`\sum w\,p^2`).
        truth: Size of the truth, :math:`\sum w\,y` (or :math:`\sum w\,y^2`).
        places: All places, :math:`\sum w`.
    """

    both: Tensor
    pred: Tensor
    truth: Tensor
    places: Tensor

    @property
    def false_pred(self) -> Tensor:
        """What was predicted and is not there (false positives)."""
        return self.pred - self.both

    @property
    def missed_truth(self) -> Tensor:
        """What is there and was not predicted (false negatives)."""
        return self.truth - self.both


def by_class(likelihood: Likelihood, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return probabilities, truth and weight with an axis of classes, ``(N, C, places)``.

    Args:
        likelihood: Logits ``(N, places)`` or ``(N, C, places)`` and their target.
        weight: Weight of each place, ``(N, places)`` or ``(N, C, places)``; where one weight
            serves all classes, it gets an axis of one.
    """
    pred, truth = likelihood.probabilities, likelihood.truth
    if pred.ndim == 2:
        pred, truth = pred.unsqueeze(1), truth.unsqueeze(1)
    if weight is not None and weight.ndim == 2:
        weight = weight.unsqueeze(1)
    return pred, truth, weight


def overlap(likelihood: Likelihood, weight: Tensor | None, *, squared: bool = False) -> Overlap:
    """Return the sums of a whole batch; as :func:`overlap_sums`, each by itself."""
    sums = _sums_by_hand(likelihood, weight, squared=squared)
    if sums is None:
        return Overlap(*_plain_sums(likelihood, weight, squared=squared))
    return Overlap(*sums.unbind(-1))


def overlap_sums(likelihood: Likelihood, weight: Tensor | None, *, squared: bool = False) -> Tensor:
    """Return the four sums of :class:`Overlap` for one part of a batch.

    Args:
        likelihood: Logits ``(N, places)`` or ``(N, C, places)`` and their target.
        weight: Weight of each place, ``(N, places)`` or ``(N, 1 or C, places)``.
        squared: Whether sizes sum squares.

    Returns:
        The sums over the places, shape ``(N, C, 4)``.
    """
    sums = _sums_by_hand(likelihood, weight, squared=squared)
    return _stacked(likelihood, weight, squared=squared) if sums is None else sums


def _sums_by_hand(likelihood: Likelihood, weight: Tensor | None, *, squared: bool) -> Tensor | None:
    logits, target = likelihood.logits, likelihood.target
    if not by_hand(logits, target):
        return None
    if isinstance(likelihood, SigmoidLikelihood):
        if logits.ndim == 2:
            logits, target = logits.unsqueeze(1), target.unsqueeze(1)
            weight = None if weight is None else weight.unsqueeze(1)
        return sigmoid_overlap(_plain_sigmoid, logits, target, weight, squared=squared)
    shared = weight is None or weight.ndim == 2
    if isinstance(likelihood, SoftmaxLikelihood) and shared:
        return softmax_overlap(_plain_softmax, logits, target, weight, squared=squared)
    return None


def _plain_sigmoid(
    logits: Tensor, target: Tensor, weight: Tensor | None, *, squared: bool
) -> Tensor:
    return _stacked(SigmoidLikelihood(logits, target), weight, squared=squared)


def _plain_softmax(
    logits: Tensor, target: Tensor, weight: Tensor | None, *, squared: bool
) -> Tensor:
    return _stacked(SoftmaxLikelihood(logits, target), weight, squared=squared)


def _stacked(likelihood: Likelihood, weight: Tensor | None, *, squared: bool) -> Tensor:
    return torch.stack(_plain_sums(likelihood, weight, squared=squared), -1)


def _plain_sums(
    likelihood: Likelihood, weight: Tensor | None, *, squared: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    shared = weight is None or weight.ndim == 2
    scattered = likelihood.logits.is_cpu and not torch.compiler.is_compiling()
    if isinstance(likelihood, SoftmaxLikelihood) and shared and scattered:
        return _sums_by_class(likelihood.probabilities, likelihood.target, weight, squared=squared)
    pred, truth, weight = by_class(likelihood, weight)
    weighed = truth if weight is None else truth * weight
    sizes = (pred, truth) if not squared else (pred * pred, truth * truth)
    both = (pred * weighed).sum(-1)
    if weight is None:
        places = pred.new_full(pred.shape[:2], pred.shape[-1])
        return both, sizes[0].sum(-1), sizes[1].sum(-1), places
    places = weight.expand_as(pred).sum(-1)
    return both, (sizes[0] * weight).sum(-1), (sizes[1] * weight).sum(-1), places


def _sums_by_class(
    pred: Tensor, target: Tensor, weight: Tensor | None, *, squared: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    # One-hot free: each place adds to its own class only. On an accelerator the scattered
    # additions would be slow and of no fixed order; there the products serve.
    zeros = pred.new_zeros(pred.shape[:2])
    own = pred.gather(1, target.unsqueeze(1)).squeeze(1)
    one = torch.ones_like(own) if weight is None else weight.expand_as(own)
    size = pred * pred if squared else pred
    if weight is not None:
        own, size = own * weight, size * weight.unsqueeze(1)
    return (
        zeros.scatter_add(1, target, own),
        size.sum(-1),
        zeros.scatter_add(1, target, one),
        one.sum(-1, keepdim=True).expand_as(zeros),
    )
