"""Generalized Dice loss: one Dice for all classes, in which small ones count as much as large."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_choice
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, OverlapLoss

ClassSize = Literal["square", "simple", "uniform"]


def generalized_dice_loss(overlap: Overlap, weights: Tensor, smooth: float = 1e-5) -> Tensor:
    r"""Generalized Dice loss of each sample.

    .. math::
        \ell = 1 - \frac{2 \sum_c w_c I_c + s}{\sum_c w_c (P_c + T_c) + s}

    where :math:`I_c` is the intersection of class c, and :math:`P_c` and :math:`T_c` are the sizes
    of prediction and truth.

    Args:
        overlap: Sums of each region.
        weights: Weight :math:`w_c \ge 0` of each region; see :func:`inverse_size`.
        smooth: Smoothing :math:`s \ge 0`, in places of the class with the largest weight.

    Returns:
        Loss of each sample, 0 to 1, shape ``(N, 1)``.

    Example:
        >>> sums = [[1.0, 1.0], [2.0, 1.0], [2.0, 1.0], [3.0, 3.0]]  # of two classes
        >>> overlap = Overlap(*torch.tensor(sums).unsqueeze(1))
        >>> generalized_dice_loss(overlap, inverse_size(overlap.truth), smooth=0.0)
        tensor([[0.1667]])

    References:
        Sudre et al., `Generalised Dice Overlap as a Deep Learning Loss Function for Highly
        Unbalanced Segmentations <https://arxiv.org/abs/1707.03237>`_, DLMIA 2017.
    """
    errors = (weights * (overlap.false_pred + overlap.missed_truth)).sum(1, keepdim=True)
    whole = (weights * (overlap.pred + overlap.truth)).sum(1, keepdim=True) + smooth
    return errors / whole.where(whole > 0, 1.0)


def inverse_size(truth: Tensor, size: ClassSize = "square") -> Tensor:
    r"""Return the weight of each class, relative to the sample's largest, shape ``(N, C)``.

    The paper's :math:`w_c = 1 / T_c^2` (``"square"``; ``"simple"`` is :math:`1 / T_c`) is not
    defined for a class that is absent; it gets the largest weight of those that are there, as in
    the known implementations. A common factor leaves the loss as it is, so weights are relative
    to the largest, which keeps them in range.

    Example:
        >>> inverse_size(torch.tensor([[4.0, 2.0, 0.0]]))
        tensor([[0.2500, 1.0000, 1.0000]])
    """
    if size == "uniform":
        return torch.ones_like(truth)
    smallest = truth.where(truth > 0, torch.inf).amin(1, keepdim=True)
    relative = (smallest / truth.where(truth > 0, 1.0)).where(truth > 0, 1.0)
    return relative * relative if size == "square" else relative


@LOSSES.register("generalized_dice")
class GeneralizedDiceLoss(OverlapLoss):
    """Generalized Dice loss of logits; the formula is :func:`generalized_dice_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``. Binary labels have one class, so
            that the loss is plain Dice; the paper's two-class form is multiclass with C = 2.
        size: How a class's weight falls with its size: ``"square"``, ``"simple"`` (inverse) or
            ``"uniform"`` (not at all).
        smooth: Smoothing, in places of the smallest class, at least 0.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a class without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it is left out of the sums; ``"zero"``, the same.
        region_weights: Factor of each class's weight; one each if not given.
        reduction: How the samples' losses become one number; ``"none"`` gives ``(N, 1)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = GeneralizedDiceLoss("multiclass")
        >>> loss(torch.tensor([[[9.0, -9.0], [-9.0, 9.0]]]), torch.tensor([[0, 1]])) < 0.001
        tensor(True)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        size: ClassSize = "square",
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
        self.size = check_choice("size", size, get_args(ClassSize))
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def values(self, region: Overlap) -> Tensor:
        weights = self.counts(region)
        if self.empty == "zero":
            weights = weights * (region.truth > 0)
        # What does not count must not be the smallest class either.
        weights = weights * inverse_size(region.truth * (weights > 0), self.size)
        return generalized_dice_loss(region, weights, self.smooth)

    @override
    def reduce_regions(self, elements: Elements, context: tuple[Tensor, ...]) -> Tensor:
        region = self.regions(elements, context)
        counted = (self.counts(region) > 0).any(1, keepdim=True)
        return reduce(self.values(region), self.reduction, counted.to(region.truth.dtype))
