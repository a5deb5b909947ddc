"""Lovász loss: the Jaccard loss itself, made convex, so that hinge or softmax errors descend it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core import chunks
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood
from pl_losses.core.ranking import descending
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, SummedLoss


@dataclass(frozen=True)
class Extension:
    """Weighed sums over the places of each region, shape ``(N, C)`` each.

    Attributes:
        loss: Errors times the slopes of :func:`jaccard_slopes`.
        truth: Size of the truth.
        places: All places.
    """

    loss: Tensor
    truth: Tensor
    places: Tensor


def lovasz_errors(likelihood: Likelihood, truth: Tensor) -> Tensor:
    r"""Return how wrong each place is, at least 0, in the shape of the logits.

    Of yes-or-no logits :math:`x` it is the hinge :math:`\max(0, 1 - x\,(2y - 1))`; of classes that
    exclude each other the error of the probability, :math:`|y - p|`.
    """
    if isinstance(likelihood, SigmoidLikelihood):
        return (1 - likelihood.logits * (2 * truth - 1)).clamp_min(0)
    return (truth - likelihood.probabilities).abs()


def jaccard_slopes(errors: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""Slopes of the Lovász extension of the Jaccard loss.

    Places are taken in the order of their errors, the worst first. With the first i of them wrong,
    the Jaccard loss is :math:`\Delta_i = 1 - I_i / U_i`, where :math:`I_i` is the truth that is
    left and :math:`U_i` the truth and what was wrongly added to it. The slope of a place is the
    step :math:`\Delta_i - \Delta_{i-1}` that it makes.

    Args:
        errors: Error of each place, at least 0, shape ``(rows, places)``.
        truth: Truth of each place, 0 to 1.
        weight: Weight of each place: how much it adds to intersection and union.

    Returns:
        Slope of each place, at least 0, in the shape of ``errors``; their sum is at most 1.

    Example:
        >>> jaccard_slopes(torch.tensor([[0.9, 0.1, 0.5]]), torch.tensor([[1.0, 1.0, 0.0]]))
        tensor([[0.5000, 0.3333, 0.1667]])
    """
    order = descending(errors)
    ours = truth.gather(-1, order)
    weights = 1.0 if weight is None else weight.gather(-1, order)
    lost = ours * weights
    added = weights - lost
    # Without truth the first wrong place costs all: the limit of next to no truth.
    size = lost.sum(-1, keepdim=True).clamp_min(torch.finfo(lost.dtype).tiny)
    left = size - lost.cumsum(-1)
    total = added.cumsum(-1)
    union, before = size + total, size + (total - added)
    # The step in one fraction: a difference of two Jaccard losses would lose its digits.
    steps = (lost + left * (added / union)) / before
    return torch.zeros_like(errors).scatter(-1, order, steps)


@LOSSES.register("lovasz")
class LovaszLoss(SummedLoss[Extension]):
    r"""Lovász hinge (binary, multilabel) or Lovász softmax (multiclass).

    .. math::
        \ell = \sum_i m_i\,(\Delta_i - \Delta_{i-1})

    where :math:`m_i` are the errors (:func:`lovasz_errors`) in falling order and :math:`\Delta_i`
    the Jaccard loss if the first i places are wrong (:func:`jaccard_slopes`): the tightest convex
    loss that agrees with the Jaccard loss wherever each place is simply right or wrong.

    Sorting takes most of the time. The gradient is that of the order found: where errors are
    equal it is one of several that are right.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        batch: Whether places are ranked over the whole batch, not in each sample. The known
            implementations do so for softmax and not for the hinge; here it is one option.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"skip"``, it does not count (the classes
            ``"present"``); ``"smooth"``, it costs its largest error (``"all"``); ``"zero"``, it
            counts and costs nothing. Not given: ``"skip"`` for multiclass, ``"smooth"`` else.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is not a known one.

    Example:
        >>> loss = LovaszLoss("binary")
        >>> loss(torch.tensor([[2.0, 0.0, -0.5]]), torch.tensor([[1, 1, 0]]))
        tensor(0.5833)

    References:
        Berman, Triki and Blaschko, `The Lovász-Softmax Loss
        <https://arxiv.org/abs/1705.08790>`_, CVPR 2018; Yu and Blaschko, `The Lovász Hinge
        <https://arxiv.org/abs/1512.07797>`_, 2015.
    """

    walked = True

    def __init__(
        self,
        labels: LabelsLike,
        *,
        batch: bool = False,
        include_background: bool = True,
        empty: Empty | None = None,
        region_weights: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(
            labels,
            batch=batch,
            include_background=include_background,
            empty=empty or "smooth",
            region_weights=region_weights,
            reduction=reduction,
        )
        if empty is None and self.labels.kind == "multiclass":
            self.empty = "skip"

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        with torch.no_grad():
            pred, target, weight = elements.pred, elements.target, elements.weight
            if self.batch or not chunks.walks(elements.parts):
                return (self._slopes(pred, target, weight),)
            # A sample at a time: ranking needs ten times the memory of what it ranks.
            samples = [slice(n, n + 1) for n in range(len(pred))]
            slopes = [
                self._slopes(pred[n], target[n], None if weight is None else weight[n])
                for n in samples
            ]
            return (torch.cat(slopes),)

    def _slopes(self, pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        errors, truth, weight = self._read(pred, target, weight)
        rows = [errors, truth] if weight is None else [errors, truth, weight.expand_as(truth)]
        if self.batch:  # one row for each class: (C, N, places)
            rows = [row.movedim(1, 0) for row in rows]
        shape, depth = rows[0].shape, 1 if self.batch else 0
        slopes = jaccard_slopes(*(row.flatten(depth, depth + 1) for row in rows)).reshape(shape)
        return slopes.movedim(0, 1) if self.batch else slopes

    def _read(
        self, pred: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        logits, target, weight = self.labels.read(pred, target, weight)
        likelihood = self.labels.likelihood(logits, target)
        truth = likelihood.truth
        errors = lovasz_errors(likelihood, truth)
        if errors.ndim == 2:
            errors, truth = errors.unsqueeze(1), truth.unsqueeze(1)
        if weight is not None and weight.ndim == 2:
            weight = weight.unsqueeze(1)
        return errors, truth, weight

    @override
    def sums(self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor) -> Tensor:
        errors, truth, weight = self._read(pred, target, weight)
        places = torch.ones_like(truth[:, :1]).expand_as(truth)
        terms = [truth, places] if weight is None else [truth * weight, places * weight]
        return torch.stack([term.sum(-1) for term in (errors * context[0], *terms)], -1)

    @override
    def measure(self, sums: Tensor) -> Extension:
        return Extension(*sums.unbind(-1))

    @override
    def values(self, region: Extension) -> Tensor:
        return region.loss
