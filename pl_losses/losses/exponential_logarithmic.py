"""Exponential logarithmic loss: Dice and cross-entropy, both bent towards small structures."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.overlap import Overlap
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.compound import CompoundLoss, SurprisedOverlap
from pl_losses.losses.region import Empty


def log_dice_loss(overlap: Overlap, smooth: float = 1.0) -> Tensor:
    r"""Logarithmic Dice loss of each region, :math:`-\log \frac{2 I + s}{P + T + s}`, in nats.

    Example:
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> log_dice_loss(half, smooth=1.0)
        tensor([0.5108])
    """
    # log(1 + error / covered): digits are kept near a perfect Dice, and far from it.
    errors = overlap.false_pred + overlap.missed_truth
    return torch.log1p(errors.clamp_min(0) / (2 * overlap.both + smooth))


def exponential_logarithmic_loss(
    overlap: SurprisedOverlap,
    dice_share: float = 0.8,
    gamma: float = 0.3,
    smooth: float = 1.0,
) -> Tensor:
    r"""Exponential logarithmic loss of each region.

    .. math::
        \ell = w\,(-\log D)^{\gamma_D} + (1 - w)\,\frac1N \sum_i (-\log p_i)^{\gamma_C}

    where :math:`D` is the Dice coefficient. With an exponent below 1 a small error costs much: the
    slope of :math:`x^\gamma` at 0 is infinite, and is 0 here at 0 itself.

    Args:
        overlap: Sums of each region; its surprise is the sum of the powers.
        dice_share: Weight :math:`w` of the first term, 0 to 1.
        gamma: Exponent :math:`\gamma_D > 0`.
        smooth: Smoothing :math:`s > 0` of the Dice coefficient, in places.

    Returns:
        Loss of each region, at least 0, shape ``(N, C)``.

    Example:
        >>> half = SurprisedOverlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0], [4.0]]))
        >>> exponential_logarithmic_loss(half, gamma=1.0)
        tensor([0.5087])

    References:
        Wong et al., `3D Segmentation with Exponential Logarithmic Loss for Highly Unbalanced Object
        Sizes <https://arxiv.org/abs/1809.00076>`_, MICCAI 2018.
    """
    region = power(log_dice_loss(overlap, smooth), gamma)
    return dice_share * region + (1 - dice_share) * overlap.mean_surprise


@LOSSES.register("exponential_logarithmic")
class ExponentialLogarithmicLoss(CompoundLoss):
    r"""Exponential logarithmic loss of logits; see :func:`exponential_logarithmic_loss`.

    The paper weighs each label's cross-entropy by :math:`\sqrt{\sum_k f_k / f_l}`, where
    :math:`f_l` is its frequency: the class weights of ``labels``, which weigh the places in the
    Dice term too.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        dice_share: Weight of the Dice term, 0 to 1; the cross-entropy has the rest.
        gamma_dice: Exponent of the Dice term, above 0.
        gamma_cross_entropy: Exponent of the cross-entropy, above 0.
        smooth: Smoothing of the Dice coefficient, in places, above 0.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = ExponentialLogarithmicLoss("binary", dice_share=0.0, gamma_cross_entropy=1.0)
        >>> loss(torch.zeros(1, 4), torch.tensor([[1, 0, 0, 0]]))
        tensor(0.6931)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        dice_share: float = 0.8,
        gamma_dice: float = 0.3,
        gamma_cross_entropy: float = 0.3,
        smooth: float = 1.0,
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
        self.dice_share = check_between("dice_share", dice_share, 0, 1)
        self.gamma_dice = check_above("gamma_dice", gamma_dice, 0)
        self.gamma_cross_entropy = check_above("gamma_cross_entropy", gamma_cross_entropy, 0)
        self.smooth = check_above("smooth", smooth, 0)

    @override
    def surprise(self, likelihood: Likelihood) -> Tensor:
        return power(likelihood.nll, self.gamma_cross_entropy)

    @override
    def values(self, region: SurprisedOverlap) -> Tensor:
        return exponential_logarithmic_loss(region, self.dice_share, self.gamma_dice, self.smooth)
