"""Matthews correlation loss: how little prediction and truth vary together."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, OverlapLoss


def mcc_loss(overlap: Overlap, smooth: float = 1e-6) -> Tensor:
    r"""Matthews correlation loss of each region.

    .. math::
        \ell = 1 - \frac{TP \cdot TN - FP \cdot FN}
                        {\sqrt{(TP + FP)(TP + FN)(TN + FP)(TN + FN)}}

    with soft counts. In shares of all places, with :math:`\bar p = (TP + FP) / n` and
    :math:`\bar y = (TP + FN) / n`, the fraction is

    .. math::
        \frac{TP / n - \bar p\,\bar y}{\sqrt{\bar p (1 - \bar p)\,\bar y (1 - \bar y)}}

    the correlation of two yes-or-no maps, so that no product of four counts can overflow. Unlike
    Dice it values true negatives as much as true positives. Where truth or prediction is the same
    everywhere there is no correlation, and the loss is 1.

    Args:
        overlap: Sums of each region.
        smooth: Smoothing :math:`s > 0`, a share of the places: :math:`s^2` is added under the
            root. Objects that are not large beside it are not seen.

    Returns:
        Loss of each region, 0 to 2, shape ``(N, C)``.

    Example:
        >>> import torch
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [4.0]]))
        >>> mcc_loss(half)  # no better than a coin
        tensor([1.])

    References:
        Abhishek and Hamarneh, `Matthews Correlation Coefficient Loss for Deep Convolutional
        Networks <https://arxiv.org/abs/2010.13454>`_, ISBI 2021, eqs. 3 to 5. The authors' code
        has 0, not 1, for an empty region that is predicted as nothing but zeros.
    """
    places = overlap.places.where(overlap.places > 0, 1.0)
    # Differences of counts, not of shares: what little is missing to all keeps its digits.
    pred, truth = overlap.pred / places, overlap.truth / places
    spared, absent = (places - overlap.pred) / places, (places - overlap.truth) / places
    together = overlap.both / places * absent - overlap.false_pred / places * truth
    # Rounding may take a share past 1, and a root of less than nothing is nan.
    spread = (pred * spared * (truth * absent)).clamp_min(0)
    return 1 - together / (spread + smooth * smooth).sqrt()


@LOSSES.register("mcc")
class MCCLoss(OverlapLoss):
    """Matthews correlation loss of logits; the formula is :func:`mcc_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``; each class of several is one
            yes-or-no map.
        smooth: Smoothing, a share of the places, above 0.
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
        >>> loss = MCCLoss("binary")
        >>> loss(torch.tensor([[9.0, -9.0]]), torch.tensor([[1, 0]])) < 0.001
        tensor(True)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        smooth: float = 1e-6,
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
        self.smooth = check_above("smooth", smooth, 0)

    @override
    def values(self, region: Overlap) -> Tensor:
        return mcc_loss(region, self.smooth)
