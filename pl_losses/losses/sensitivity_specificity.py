"""Sensitivity-specificity loss: the error on what is there, and the error on what is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import by_class
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, SummedLoss


@dataclass(frozen=True)
class SquaredErrors:
    r"""Weighed sums over the places of each region, shape ``(N, C)`` each.

    Attributes:
        missed: Squared error where the class is, :math:`\sum w\,y\,(y - p)^2`.
        false: Squared error where it is not, :math:`\sum w\,(1 - y)(y - p)^2`.
        truth: Size of the truth, :math:`\sum w\,y`.
        places: All places, :math:`\sum w`.
    """

    missed: Tensor
    false: Tensor
    truth: Tensor
    places: Tensor


def sensitivity_specificity_loss(
    errors: SquaredErrors, sensitivity: float = 0.05, smooth: float = 1e-5
) -> Tensor:
    r"""Sensitivity-specificity loss of each region.

    .. math::
        \ell = r \frac{\sum y (y - p)^2}{\sum y + s}
             + (1 - r) \frac{\sum (1 - y)(y - p)^2}{\sum (1 - y) + s}

    where :math:`r` is the part of the first, sensitivity's term: few places, so that a small part
    is enough.

    Args:
        errors: Sums of each region.
        sensitivity: Part :math:`r` of the sensitivity term, 0 to 1.
        smooth: Smoothing :math:`s \ge 0`, in places.

    Returns:
        Loss of each region, 0 to 1, shape ``(N, C)``.

    Example:
        >>> errors = SquaredErrors(*torch.tensor([[1.0], [0.0], [2.0], [8.0]]))
        >>> sensitivity_specificity_loss(errors, sensitivity=0.5, smooth=0.0)
        tensor([0.2500])

    References:
        Brosch et al., `Deep Convolutional Encoder Networks for Multiple Sclerosis Lesion
        Segmentation <https://doi.org/10.1007/978-3-319-24574-4_1>`_, MICCAI 2015, which
        chose r = 0.05.
    """
    there, elsewhere = errors.truth + smooth, errors.places - errors.truth + smooth
    missed = errors.missed / there.where(there > 0, 1.0)
    false = errors.false / elsewhere.where(elsewhere > 0, 1.0)
    return sensitivity * missed + (1 - sensitivity) * false


@LOSSES.register("sensitivity_specificity")
class SensitivitySpecificityLoss(SummedLoss[SquaredErrors]):
    """Sensitivity-specificity loss of logits; see :func:`sensitivity_specificity_loss`.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        sensitivity: Part of the sensitivity term, 0 to 1.
        smooth: Smoothing, in places, at least 0.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = SensitivitySpecificityLoss("binary", sensitivity=0.5)
        >>> loss(torch.zeros(1, 4), torch.tensor([[1, 0, 0, 0]])).round(decimals=4)
        tensor(0.2500)
    """

    walked = True

    def __init__(
        self,
        labels: LabelsLike,
        *,
        sensitivity: float = 0.05,
        smooth: float = 1e-5,
        batch: bool = False,
        include_background: bool = True,
        empty: Empty = "smooth",
        region_weights: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(
            labels,
            batch=batch,
            include_background=include_background,
            empty=empty,
            region_weights=region_weights,
            reduction=reduction,
        )
        self.sensitivity = check_between("sensitivity", sensitivity, 0, 1)
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def sums(self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor) -> Tensor:
        logits, target, weight = self.labels.read(pred, target, weight)
        pred, truth, weight = by_class(self.labels.likelihood(logits, target), weight)
        error = (truth - pred) ** 2
        missed = error * truth
        terms = [missed, error - missed, truth, torch.ones_like(pred[:, :1]).expand_as(pred)]
        if weight is not None:
            terms = [term * weight for term in terms]
        return torch.stack([term.sum(-1) for term in terms], -1)

    @override
    def measure(self, sums: Tensor) -> SquaredErrors:
        return SquaredErrors(*sums.unbind(-1))

    @override
    def values(self, region: SquaredErrors) -> Tensor:
        return sensitivity_specificity_loss(region, self.sensitivity, self.smooth)
