"""Hausdorff loss by erosions: errors cost more, the more erosions they survive."""

from functools import partial

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core import chunks
from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.morphology import cross_mean
from pl_losses.core.overlap import by_class
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.reduction import Reduction, divide, weigh
from pl_losses.core.space import space_of, unfold, with_places
from pl_losses.losses.base import LOSSES, Block, Loss
from pl_losses.losses.distance import check_background

FLAT = 1e-6
"""Difference between the largest and least of an eroded error below which it is left as it is."""


def survived_erosions(error: Tensor, alpha: float = 2.0, erosions: int = 10) -> Tensor:
    r"""Hausdorff loss of each place of each image.

    .. math::
        \ell = \sum_{k=1}^{K} k^\alpha\, e_k, \quad e_0 = (p - y)^2, \quad
        e_k = \mathrm{stretch}\big(\max(0,\ B * e_{k-1} - 1/2)\big)

    where :math:`B` is the mean over a place and its direct neighbours, and stretch maps the least
    of an image to 0 and its largest to 1, as in the known implementations: without it nothing
    would survive two erosions.

    Args:
        error: Squared error of each place, 0 to 1, shape ``(B, *)``.
        alpha: Exponent :math:`\alpha \ge 0`.
        erosions: Their number :math:`K`.

    Returns:
        Loss of each place, in the shape of ``error``.

    Example:
        >>> survived_erosions(torch.tensor([[1.0, 1.0, 1.0, 0.0]]), erosions=2)
        tensor([[0.3333, 5.0000, 0.3333, 0.0000]])

    References:
        Karimi and Salcudean, `Reducing the Hausdorff Distance in Medical Image Segmentation with
        Convolutional Neural Networks <https://arxiv.org/abs/1904.10030>`_, IEEE TMI 2020; alpha
        2 and 10 erosions are its choice.
    """
    axes = tuple(range(1, error.ndim))
    total = torch.zeros_like(error)
    for k in range(1, erosions + 1):
        error = (cross_mean(error) - 0.5).relu()
        least, most = error.amin(axes, keepdim=True), error.amax(axes, keepdim=True)
        span = most - least
        # Not stretched where there is nothing but rounding: its slope would be past all bounds.
        error = torch.where(span > FLAT, (error - least) / span.clamp_min(FLAT), error)
        total = total + k**alpha * error
    return total


@LOSSES.register("hausdorff_erosion")
class HausdorffErosionLoss(Loss):
    r"""Hausdorff loss of logits by erosions; the formula is :func:`survived_erosions`'s.

    It needs no distances. An error survives an erosion only where it fills more than half of a
    place and its neighbours: one wrong place, or two side by side in a plane, cost nothing.

    Args:
        labels: What the target means: a kind, or ``Labels``. Of multiclass labels the mean over
            the classes is taken.
        alpha: Exponent :math:`\alpha \ge 0` of the number of erosions.
        erosions: How many, at least 1.
        include_background: Whether class 0 of multiclass labels is looked at.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is out of range, or does not go with the kind of labels.

    Example:
        >>> loss = HausdorffErosionLoss("binary")
        >>> logits, target = torch.full((1, 1, 5, 5), 99.0), torch.zeros(1, 1, 5, 5)
        >>> loss(logits, target) > loss(logits, 1 - target)
        tensor(True)
    """

    family = "distance"

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
    """The kinds of labels that the loss takes."""

    def __init__(
        self,
        labels: LabelsLike,
        *,
        alpha: float = 2.0,
        erosions: int = 10,
        include_background: bool = True,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)
        check_background(self.labels, include_background=include_background)
        self.include_background = include_background
        self.alpha = check_at_least("alpha", alpha, 0)
        self.erosions = int(check_at_least("erosions", erosions, 1))

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            elements = with_places(self.labels.arrange(pred, target, weight), self.labels.kind)
            block = partial(self._block, space_of(elements, self.labels.kind))
            if self.reduction == "none":
                pred, target, weight = elements.pred, elements.target, elements.weight
                return weigh(*block(upcast(pred), target, weight)).reshape(elements.shape)
            # A sample at a time: erosions need many times the memory of what they erode.
            sums = chunks.sums(partial(_sums, block), elements.parts, whole=True).sum(0)
            return divide(sums[0], sums[1], self.reduction)

    def _block(
        self, space: tuple[int, ...], pred: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        logits, target, weight = self.labels.read(pred, target, weight)
        pred, truth, by_place = by_class(self.labels.likelihood(logits, target), weight)
        error = (pred - truth) ** 2
        if by_place is not None:  # what is ignored is not wrong
            error = error * (by_place > 0)
        if not self.include_background:
            error = error[:, 1:]
        values = survived_erosions(unfold(error, space), self.alpha, self.erosions)
        if self.labels.kind == "multiclass":
            return values.reshape(error.shape).mean(1), weight
        return values.reshape(logits.shape), weight


def _sums(block: Block, *parts: Tensor) -> Tensor:
    values, weight = block(*parts)
    weights = torch.ones_like(values) if weight is None else weight.expand_as(values)
    return torch.stack([(values * weights).flatten(1).sum(1), weights.flatten(1).sum(1)], -1)
