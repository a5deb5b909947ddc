"""Multi-scale SSIM loss: SSIM at several distances from the image."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.powers import power
from pl_losses.core.ratios import ratio
from pl_losses.core.reduction import Reduction
from pl_losses.core.windows import Border, Window
from pl_losses.losses.base import LOSSES
from pl_losses.losses.ssim import check_fits, unlikeness
from pl_losses.losses.structure import Images, StructureLoss

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

POOLINGS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def ms_ssim_loss(
    images: Images,
    window: Window,
    data_range: float = 1.0,
    exponents: Sequence[float] = EXPONENTS,
) -> Tensor:
    r"""Multi-scale SSIM loss of each channel of each image.

    .. math::
        \ell = 1 - \overline{l_M s_M}^{\,\beta_M} \prod_{j<M} \overline{s_j}^{\,\beta_j}

    where :math:`l` and :math:`s` are the two factors of SSIM (brightness; contrast and
    structure), a bar is the mean over the windows, and scale :math:`j` is the image halved
    :math:`j - 1` times by averaging pairs of places. No unit. A mean below 0, which has no real
    power, counts as 0 and has no gradient.

    Args:
        images: Predicted and true images ``(N, C, *space)``.
        window: The window at each scale.
        data_range: Range of the images: greatest minus least value.
        exponents: Exponents :math:`\beta_j`, one for each scale, the finest first.

    Returns:
        Loss of each channel, 0 to 1, shape ``(N, C)``.

    Example:
        >>> import torch
        >>> black, white = torch.zeros(1, 1, 8), torch.ones(1, 1, 8)
        >>> ms_ssim_loss(Images(black, white, None), Window(3), exponents=(0.5, 0.5))
        tensor([[0.9900]])

    References:
        Wang et al., `Multi-Scale Structural Similarity
        <https://doi.org/10.1109/ACSSC.2003.1292216>`_, Asilomar 2003; with its authors' code,
        the last factor is the mean of the product.
    """
    likeness = None
    for scale, exponent in enumerate(exponents):
        if scale:
            images = _halved(images)
        luminance, structure = unlikeness(images, window, data_range)
        factor = 1 - structure
        if scale == len(exponents) - 1:
            factor = factor * (1 - luminance)
        mean = _mean(factor, images, window)
        part = power(mean.relu(), exponent) * (mean > 0)
        likeness = part if likeness is None else likeness * part
    if likeness is None:
        raise ValueError("`exponents` must hold at least one number; got none.")
    return 1 - likeness


def _mean(values: Tensor, images: Images, window: Window) -> Tensor:
    if images.weight is None:
        return values.flatten(2).mean(-1)
    weight = window.centres(images.weight, images.axes).flatten(2)
    return ratio((values.flatten(2) * weight).sum(-1), weight.sum(-1))


def _halved(images: Images) -> Images:
    def halve(places: Tensor) -> Tensor:
        pair = [min(2, size) for size in places.shape[2:]]  # an axis of one place stays as it is
        return POOLINGS[images.axes - 1](places, pair, ceil_mode=True)

    if images.weight is None:
        return Images(halve(images.pred), halve(images.target), None)
    weight = halve(images.weight)
    pred, target = (
        ratio(halve(each * images.weight), weight) for each in (images.pred, images.target)
    )
    return Images(pred, target, weight)


@LOSSES.register("ms_ssim")
class MSSSIMLoss(StructureLoss):
    """Multi-scale SSIM loss of images; the formula is :func:`ms_ssim_loss`'s.

    Args:
        labels: What the target means; numbers, such as brightness, unless said otherwise.
        data_range: Greatest minus least value that an image may have, above 0.
        exponents: Exponent of each scale, the finest first, at least 0; their number is that of
            the scales.
        size: Places of the window along each axis; odd.
        sigma: Spread of the window, in places.
        border: ``"valid"``: windows that lie in the image count, as in the paper; with five
            scales the image must have 161 places along each axis. ``"shrink"``: a window around
            each place counts, as far as it lies in the image, which may have any size.
        reduction: How the channels' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> import torch
        >>> image = torch.linspace(0, 1, 144).reshape(1, 1, 12, 12)
        >>> MSSSIMLoss(border="shrink")(image, image)
        tensor(0.)
    """

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        data_range: float = 1.0,
        exponents: Sequence[float] = EXPONENTS,
        size: int = 11,
        sigma: float = 1.5,
        border: Border = "valid",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.data_range = check_above("data_range", data_range, 0)
        self.exponents = tuple(check_at_least("exponents", each, 0) for each in exponents)
        if not self.exponents:
            raise ValueError("`exponents` must hold at least one number; got none.")
        self.window = Window(size, sigma, border)

    @override
    def values(self, images: Images) -> tuple[Tensor, Tensor | None]:
        check_fits(images, self.window, scales=len(self.exponents))
        values = ms_ssim_loss(images, self.window, self.data_range, self.exponents)
        return values, None if images.weight is None else images.weight.flatten(2).mean(-1)
