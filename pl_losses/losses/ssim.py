"""SSIM loss: how unlike two images are in brightness, contrast and structure, window by window."""

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.core.windows import Border, Window
from pl_losses.losses.base import LOSSES
from pl_losses.losses.structure import Images, StructureLoss

K_LUMINANCE = 0.01
K_STRUCTURE = 0.03


def ssim_loss(images: Images, window: Window, data_range: float = 1.0) -> Tensor:
    r"""SSIM loss of each window.

    .. math::
        \ell = 1 - \frac{(2 \mu_x \mu_y + c_1) (2 \sigma_{xy} + c_2)}
            {(\mu_x^2 + \mu_y^2 + c_1) (\sigma_x^2 + \sigma_y^2 + c_2)}, \qquad
        c_1 = (0.01 L)^2, \quad c_2 = (0.03 L)^2

    where :math:`\mu, \sigma` are the means, spreads and covariance of prediction and truth in the
    window, and :math:`L` is the range of the images. No unit. Weights act within the windows, so
    that an ignored place is seen by none.

    Args:
        images: Predicted and true images ``(N, C, *space)``.
        window: The window; the paper's has size 11 and a spread of 1.5.
        data_range: Range :math:`L > 0`: greatest minus least value that an image may have.

    Returns:
        Loss of each window, 0 to 2, shape ``(N, C, *windows)``.

    Example:
        >>> black, white = torch.zeros(1, 1, 3), torch.ones(1, 1, 3)
        >>> ssim_loss(Images(black, white, None), Window(3))
        tensor([[[0.9999]]])

    References:
        Wang et al., `Image Quality Assessment <https://doi.org/10.1109/TIP.2003.819861>`_, IEEE
        TIP 2004. Some implementations give half of it.
    """
    luminance, structure = unlikeness(images, window, data_range)
    return luminance + structure - luminance * structure


def unlikeness(images: Images, window: Window, data_range: float) -> tuple[Tensor, Tensor]:
    r"""Return what the two factors of SSIM lack to 1, window by window.

    With sum :math:`s = x + y` and difference :math:`d = x - y` of prediction and truth they are
    :math:`2 \mu_d^2 / (\mu_s^2 + \mu_d^2 + 2 c_1)` and
    :math:`2 \sigma_d^2 / (\sigma_s^2 + \sigma_d^2 + 2 c_2)`: the same numbers, but small ones keep
    their digits, and rounding cannot make a denominator vanish.
    """
    pair = torch.stack([images.pred + images.target, images.pred - images.target], 2)
    weight = None if images.weight is None else images.weight.unsqueeze(2)
    means = window.means(torch.cat([pair, pair.square()], 2), weight, images.axes)
    mean_squares, squares = means[:, :, :2].square(), means[:, :, 2:]
    spreads = (squares - mean_squares).relu()
    return (
        _share(mean_squares, 2 * (K_LUMINANCE * data_range) ** 2),
        _share(spreads, 2 * (K_STRUCTURE * data_range) ** 2),
    )


def _share(squares: Tensor, constant: float) -> Tensor:
    of_sum, of_difference = squares.unbind(2)
    return 2 * of_difference / (of_sum + of_difference + constant)


@LOSSES.register("ssim")
class SSIMLoss(StructureLoss):
    """SSIM loss of images or of probability maps; the formula is :func:`ssim_loss`'s.

    Args:
        labels: What the target means; numbers, such as brightness, unless said otherwise.
        data_range: Greatest minus least value that an image may have, above 0.
        size: Places of the window along each axis; odd.
        sigma: Spread of the window, in places.
        border: ``"valid"``: windows that lie in the image count, as in the paper. ``"shrink"``: a
            window around each place counts, as far as it lies in the image, which may then be
            smaller than a window.
        reduction: How the windows' losses become one number.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> image = torch.linspace(0, 1, 144).reshape(1, 1, 12, 12)
        >>> loss = SSIMLoss()
        >>> loss(image, image), loss(1 - image, image).round(decimals=3)
        (tensor(0.), tensor(1.9320))
    """

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        data_range: float = 1.0,
        size: int = 11,
        sigma: float = 1.5,
        border: Border = "valid",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.data_range = check_above("data_range", data_range, 0)
        self.window = Window(size, sigma, border)

    @override
    def values(self, images: Images) -> tuple[Tensor, Tensor | None]:
        check_fits(images, self.window, scales=1)
        values = ssim_loss(images, self.window, self.data_range)
        if images.weight is None:
            return values, None
        return values, self.window.centres(images.weight, images.axes)


def check_fits(images: Images, window: Window, scales: int) -> None:
    """Raise an error if an image, halved until the last scale, is smaller than the window."""
    smallest = (window.size - 1) * 2 ** (scales - 1) + 1
    space = tuple(images.pred.shape[2:])
    if window.border == "valid" and min(space) < smallest:
        raise ValueError(
            f"`pred` must be at least {smallest} along each spatial axis for a window of size "
            f"{window.size} and {scales} scale(s), or `border` be 'shrink'; got {space}."
        )
