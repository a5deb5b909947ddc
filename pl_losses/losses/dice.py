"""Dice loss: how far prediction and truth are from covering each other."""

from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_choice
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, OverlapLoss

Denominator = Literal["sum", "squares", "union"]


def dice_loss(overlap: Overlap, smooth: float = 1e-5) -> Tensor:
    r"""Dice loss of each region.

    .. math::
        \ell = 1 - \frac{2 I + s}{P + T + s}

    where :math:`I` is the intersection, :math:`P` and :math:`T` the sizes of prediction and truth
    (sums of probabilities, or of their squares) and :math:`s` the smoothing, in places.

    Args:
        overlap: Sums of each region.
        smooth: Smoothing :math:`s \ge 0`. A rightly empty region costs about 0 only if :math:`s`
            is large beside what is left of :math:`P`.

    Returns:
        Loss of each region, 0 to 1, shape ``(N, C)``.

    Example:
        >>> import torch
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> dice_loss(half, smooth=0.0)
        tensor([0.5000])

    References:
        Milletari et al., `V-Net <https://arxiv.org/abs/1606.04797>`_, 3DV 2016 (squares);
        Drozdzal et al., `The Importance of Skip Connections <https://arxiv.org/abs/1608.04117>`_,
        2016 (sums).
    """
    return _share_missed(2 * overlap.both, overlap.pred + overlap.truth, smooth)


def union_loss(overlap: Overlap, smooth: float = 1e-5) -> Tensor:
    r"""Jaccard loss of each region, :math:`\ell = 1 - (I + s) / (P + T - I + s)`.

    Example:
        >>> import torch
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> union_loss(half, smooth=0.0)
        tensor([0.6667])
    """
    return _share_missed(overlap.both, overlap.pred + overlap.missed_truth, smooth)


def _share_missed(covered: Tensor, whole: Tensor, smooth: float) -> Tensor:
    # One fraction: 1 - a/b loses the digits of a small loss. Nothing at all is no loss.
    missed = whole - covered
    return missed / (whole + smooth) if smooth else missed / whole.where(whole > 0, 1.0)


@LOSSES.register("dice")
class DiceLoss(OverlapLoss):
    """Dice loss of logits; the formula is :func:`dice_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        denominator: ``"sum"`` of the sizes; ``"squares"``, their sums of squares; ``"union"``,
            the Jaccard form (:func:`union_loss`).
        smooth: Smoothing, in places, at least 0; see :func:`dice_loss`.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> import torch
        >>> loss = DiceLoss("binary", batch=True)
        >>> loss(torch.tensor([[9.0, -9.0]]), torch.tensor([[1, 0]])) < 0.001
        tensor(True)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        denominator: Denominator = "sum",
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
        self.denominator = check_choice("denominator", denominator, get_args(Denominator))
        self.smooth = check_at_least("smooth", smooth, 0)
        self.squared = denominator == "squares"

    @override
    def values(self, region: Overlap) -> Tensor:
        formula = union_loss if self.denominator == "union" else dice_loss
        return formula(region, self.smooth)
