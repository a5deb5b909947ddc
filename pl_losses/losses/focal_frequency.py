"""Focal frequency loss: squared error in the spectrum, where the worst frequencies weigh most."""

from math import prod

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.powers import power
from pl_losses.core.ratios import ratio
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.structure import Images, StructureLoss


def focal_frequency_loss(images: Images, alpha: float = 1.0) -> Tensor:
    r"""Focal frequency loss of each channel of each image.

    .. math::
        \ell = \frac{1}{n} \sum_f \omega_f |D_f|^2, \qquad
        \omega_f = \frac{|D_f|^\alpha}{\max_g |D_g|^\alpha}

    where :math:`D` is the orthonormal Fourier transform of prediction minus truth and :math:`n`
    the number of places; in squared units of the target. The weights :math:`\omega` have no
    gradient. With :math:`\alpha = 0` it is the mean squared error. With weights of places it is
    the difference times their square root that is transformed, and :math:`n` is their sum.

    Args:
        images: Predicted and true images ``(N, C, *space)``.
        alpha: Exponent :math:`\alpha \ge 0`; the greater, the more the worst frequencies weigh.

    Returns:
        Loss of each channel, shape ``(N, C)``.

    Example:
        >>> pred, target = torch.tensor([[[1.0, 0.0]]]), torch.zeros(1, 1, 2)
        >>> focal_frequency_loss(Images(pred, target, None))
        tensor([[0.5000]])

    References:
        Jiang et al., `Focal Frequency Loss <https://arxiv.org/abs/2012.12821>`_, ICCV 2021; of
        its code's options, the exponent.
    """
    difference = images.pred - images.target
    if images.weight is not None:
        difference = difference * images.weight.sqrt()
    if not difference.numel():  # the transform does not take an empty batch
        return difference.flatten(2).sum(-1)
    spectrum = torch.fft.rfftn(difference, dim=tuple(range(2, difference.ndim)), norm="ortho")
    squares = torch.view_as_real(spectrum).square().sum(-1)
    with torch.no_grad():
        greatest = squares.flatten(2).amax(-1).reshape(*squares.shape[:2], *[1] * images.axes)
        focus = power(ratio(squares, greatest), alpha / 2)
    total = _sum(focus * squares, difference.shape[-1])
    if images.weight is None:
        return total / prod(difference.shape[2:])
    return ratio(total, images.weight.flatten(2).sum(-1))


def _sum(spectrum: Tensor, width: int) -> Tensor:
    # The spectrum of a real image is its own mirror image: of each pair one column is at hand.
    paired = spectrum[..., 1 : (width + 1) // 2]
    return spectrum.flatten(2).sum(-1) + paired.flatten(2).sum(-1)


@LOSSES.register("focal_frequency")
class FocalFrequencyLoss(StructureLoss):
    """Focal frequency loss of images; the formula is :func:`focal_frequency_loss`'s.

    Args:
        labels: What the target means; numbers, such as brightness, unless said otherwise.
        alpha: Exponent, at least 0; the greater, the more the worst frequencies weigh.
        reduction: How the channels' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If ``alpha`` is below 0.

    Example:
        >>> checks = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 1, 2, 2)
        >>> FocalFrequencyLoss()(checks, torch.zeros(1, 1, 2, 2))
        tensor(0.5000)
    """

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        alpha: float = 1.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.alpha = check_at_least("alpha", alpha, 0)

    @override
    def values(self, images: Images) -> tuple[Tensor, Tensor | None]:
        values = focal_frequency_loss(images, self.alpha)
        return values, None if images.weight is None else images.weight.flatten(2).mean(-1)
