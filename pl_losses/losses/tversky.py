"""Tversky loss: Dice with a price of its own for each kind of error."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, OverlapLoss


def tversky_loss(
    overlap: Overlap, alpha: float = 0.3, beta: float = 0.7, smooth: float = 1e-5
) -> Tensor:
    r"""Tversky loss of each region.

    .. math::
        \ell = 1 - \frac{I + s}{I + \alpha\,\mathrm{FP} + \beta\,\mathrm{FN} + s}

    where :math:`I` is the intersection, :math:`\mathrm{FP} = P - I` what was predicted in vain and
    :math:`\mathrm{FN} = T - I` what was missed, in places. With :math:`\alpha = \beta = 1/2` it is
    Dice, with both 1 it is Jaccard.

    Args:
        overlap: Sums of each region.
        alpha: Price :math:`\alpha \ge 0` of a false positive.
        beta: Price :math:`\beta \ge 0` of a false negative.
        smooth: Smoothing :math:`s \ge 0`, in places.

    Returns:
        Loss of each region, 0 to 1, shape ``(N, C)``.

    Example:
        >>> import torch
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> tversky_loss(half, alpha=0.5, beta=0.5, smooth=0.0)
        tensor([0.5000])

    References:
        Salehi et al., `Tversky Loss Function for Image Segmentation
        <https://arxiv.org/abs/1706.05721>`_, MLMI 2017; its best setting is the default.
    """
    errors = alpha * overlap.false_pred + beta * overlap.missed_truth
    whole = overlap.both + errors + smooth
    return errors / whole.where(whole > 0, 1.0)


@LOSSES.register("tversky")
class TverskyLoss(OverlapLoss):
    """Tversky loss of logits; the formula is :func:`tversky_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        alpha: Price of a false positive, at least 0.
        beta: Price of a false negative, at least 0.
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
        >>> loss = TverskyLoss("binary", alpha=1.0, beta=1.0)
        >>> loss(torch.tensor([[0.0, -99.0]]), torch.tensor([[1, 0]])).round(decimals=3)
        tensor(0.5000)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
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
        self.alpha = check_at_least("alpha", alpha, 0)
        self.beta = check_at_least("beta", beta, 0)
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def values(self, region: Overlap) -> Tensor:
        return tversky_loss(region, self.alpha, self.beta, self.smooth)
