"""Combo loss: Dice for the imbalance of classes, weighted cross-entropy for that of errors."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.compound import CompoundLoss, SurprisedOverlap, foreground
from pl_losses.losses.dice import dice_loss
from pl_losses.losses.region import Empty


def combo_loss(overlap: SurprisedOverlap, alpha: float = 0.5, smooth: float = 1e-5) -> Tensor:
    r"""Combo loss of each region.

    .. math::
        \ell = \alpha\,\frac1N \sum_i e_i + (1 - \alpha) \Big(1 - \frac{2 I + s}{P + T + s}\Big)

    where :math:`e` is the weighted cross-entropy of each place. The paper subtracts the Dice
    coefficient; here its loss is added, which differs by the constant :math:`1 - \alpha` and keeps
    the loss at least 0.

    Args:
        overlap: Sums of each region.
        alpha: Part :math:`\alpha` of the cross-entropy, 0 to 1.
        smooth: Smoothing :math:`s \ge 0` of the Dice loss, in places.

    Returns:
        Loss of each region, at least 0, shape ``(N, C)``.

    Example:
        >>> import torch
        >>> half = SurprisedOverlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0], [4.0]]))
        >>> combo_loss(half, smooth=0.0)
        tensor([0.5000])

    References:
        Taghanaki et al., `Combo Loss: Handling Input and Output Imbalance in Multi-Organ
        Segmentation <https://arxiv.org/abs/1805.02798>`_, CMIG 2019.
    """
    return alpha * overlap.mean_surprise + (1 - alpha) * dice_loss(overlap, smooth)


@LOSSES.register("combo")
class ComboLoss(CompoundLoss):
    r"""Combo loss of logits; the formula is :func:`combo_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        alpha: Part of the cross-entropy, 0 to 1.
        beta: Weight :math:`\beta` of what is there in the cross-entropy, 0 to 1; that of what is
            not is :math:`1 - \beta`, and 0.5 halves plain cross-entropy. Above 0.5 less is missed,
            below less is invented. Of multiclass labels, class 0 is what is not there.
        smooth: Smoothing of the Dice loss, in places, at least 0.
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
        >>> loss = ComboLoss("binary", alpha=1.0, beta=0.5)
        >>> loss(torch.zeros(1, 4), torch.tensor([[1, 0, 0, 0]]))  # half of log 2
        tensor(0.3466)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        alpha: float = 0.5,
        beta: float = 0.5,
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
        self.alpha = check_between("alpha", alpha, 0, 1)
        self.beta = check_between("beta", beta, 0, 1)
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def surprise(self, likelihood: Likelihood) -> Tensor:
        there = foreground(likelihood)
        return likelihood.nll * (self.beta * there + (1 - self.beta) * (1 - there))

    @override
    def values(self, region: SurprisedOverlap) -> Tensor:
        return combo_loss(region, self.alpha, self.smooth)
