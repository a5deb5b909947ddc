"""Focal Tversky loss: Tversky, with more weight on the regions that go badly."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, OverlapLoss
from pl_losses.losses.tversky import tversky_loss


def focal_tversky_loss(
    overlap: Overlap,
    gamma: float = 4 / 3,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 1e-5,
) -> Tensor:
    r"""Focal Tversky loss of each region.

    .. math::
        \ell = (1 - \mathrm{TI})^{1/\gamma}

    where :math:`1 - \mathrm{TI}` is :func:`~pl_losses.losses.tversky.tversky_loss`. The exponent is
    taken for each class, as in the paper, not of their mean. The paper's own exponent
    :math:`3/4` has an infinite slope at a perfect prediction; here the slope is 0 there.

    Args:
        overlap: Sums of each region.
        gamma: Focus :math:`\gamma > 0`; the paper uses 1 to 3. Above 1, small losses are raised,
            so that a class which is nearly right still learns; below 1 they are hushed.
        alpha: Price :math:`\alpha \ge 0` of a false positive.
        beta: Price :math:`\beta \ge 0` of a false negative.
        smooth: Smoothing :math:`s \ge 0` of the index, in places.

    Returns:
        Loss of each region, 0 to 1, shape ``(N, C)``.

    Example:
        >>> import torch
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> focal_tversky_loss(half, gamma=0.5, smooth=0.0)
        tensor([0.2500])

    References:
        Abraham and Khan, `A Novel Focal Tversky Loss Function with Improved Attention U-Net for
        Lesion Segmentation <https://arxiv.org/abs/1810.07842>`_, ISBI 2019, eq. 4. Its alpha is
        the price of a false negative, 0.7; here alpha is the false positive's, as in Tversky.
    """
    return power(tversky_loss(overlap, alpha, beta, smooth), 1 / gamma)


@LOSSES.register("focal_tversky")
class FocalTverskyLoss(OverlapLoss):
    """Focal Tversky loss of logits; the formula is :func:`focal_tversky_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        gamma: Focus, above 0; the loss is raised to 1/gamma.
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
        >>> loss = FocalTverskyLoss("binary", gamma=0.5, alpha=0.5, beta=0.5, smooth=0.0)
        >>> loss(torch.tensor([[99.0, 99.0, -99.0]]), torch.tensor([[1, 0, 1]]))
        tensor(0.2500)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        gamma: float = 4 / 3,
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
        self.gamma = check_above("gamma", gamma, 0)
        self.alpha = check_at_least("alpha", alpha, 0)
        self.beta = check_at_least("beta", beta, 0)
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def values(self, region: Overlap) -> Tensor:
        return focal_tversky_loss(region, self.gamma, self.alpha, self.beta, self.smooth)
