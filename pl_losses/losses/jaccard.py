"""Jaccard loss: the share of the union that prediction and truth do not share."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.dice import union_loss
from pl_losses.losses.region import Empty, OverlapLoss


@LOSSES.register("jaccard", "soft_iou")
class JaccardLoss(OverlapLoss):
    """Jaccard loss of logits, one minus the soft IoU; the formula is :func:`union_loss`'s.

    It is the ``"union"`` form of :class:`~pl_losses.losses.dice.DiceLoss` under its own name, and
    Tversky with both prices 1. The IoU of boxes is another loss, ``"iou"``.

    Args:
        labels: What the target means: a kind, or ``Labels``.
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
        >>> import torch
        >>> loss = JaccardLoss("binary")
        >>> loss(torch.tensor([[9.0, 9.0, -9.0]]), torch.tensor([[1, 0, 0]])).round(decimals=2)
        tensor(0.5000)

    References:
        Rahman and Wang, `Optimizing Intersection-Over-Union in Deep Neural Networks for Image
        Segmentation <https://doi.org/10.1007/978-3-319-50835-1_22>`_, ISVC 2016.
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
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
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def values(self, region: Overlap) -> Tensor:
        return union_loss(region, self.smooth)
