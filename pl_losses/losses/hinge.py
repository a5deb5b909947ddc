"""Hinge loss: right is not enough, it must be right by a margin."""

from collections.abc import Callable

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood, at_truth
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def hinge_loss(likelihood: Likelihood, margin: float = 1.0) -> Tensor:
    r"""Hinge loss of each element.

    .. math::
        \ell = \max(0, m - s), \qquad
        s = \begin{cases} (2y - 1)\,x & \text{yes or no} \\
            x_y - \max_{k \ne y} x_k & \text{classes} \end{cases}

    where :math:`s` says by how much the logits :math:`x` prefer the true label. Of a soft label it
    is the mean over its hard ones.

    Args:
        likelihood: What the logits say of the target.
        margin: Margin :math:`m > 0`, in units of the logits.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> logits = torch.tensor([[3.0, 1.0, 2.5], [3.0, 1.0, 2.5]])
        >>> hinge_loss(SoftmaxLikelihood(logits, torch.tensor([0, 1])))
        tensor([0.5000, 3.0000])

    References:
        Crammer and Singer, `On the Algorithmic Implementation of Multiclass Kernel-based Vector
        Machines <https://www.jmlr.org/papers/v2/crammer01a.html>`_, JMLR 2001. Torch's
        ``MultiMarginLoss`` sums over all other classes instead, and divides by their number + 1.
    """
    return price_of_margin(likelihood, lambda score: (margin - score).clamp_min(0))


def price_of_margin(likelihood: Likelihood, price: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what a formula makes of how much the logits prefer the true label."""
    logits, target = likelihood.logits, likelihood.target
    if isinstance(likelihood, SigmoidLikelihood):
        return torch.lerp(price(-logits), price(logits), target)
    if not target.is_floating_point():
        own = target.unsqueeze(1)
        rival = logits.scatter(1, own, -torch.inf).amax(1, keepdim=True)
        return price(logits.gather(1, own) - rival).squeeze(1)
    best, top = logits.max(1, keepdim=True)
    second = logits.scatter(1, top, -torch.inf).amax(1, keepdim=True)
    rival = best.expand_as(logits).scatter(1, top, second)
    return at_truth(price(logits - rival), target)


@LOSSES.register("hinge")
class HingeLoss(ClassificationLoss):
    r"""Hinge loss of logits; the formula is :func:`hinge_loss`'s.

    Labels are 0 and 1, as everywhere here, not -1 and 1.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        margin: Margin :math:`m > 0`, in units of the logits.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``margin`` is not above 0.

    Example:
        >>> import torch
        >>> loss = HingeLoss("binary")
        >>> loss(torch.tensor([0.5, 2.0]), torch.tensor([1, 0]))
        tensor(1.7500)
    """

    def __init__(
        self, labels: LabelsLike, *, margin: float = 1.0, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.margin = check_above("margin", margin, 0)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return hinge_loss(likelihood, self.margin)
