"""CMSSL: cross-entropy where prediction and truth differ in local structure."""

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_between
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.core.windows import Window
from pl_losses.losses.base import LOSSES, Loss
from pl_losses.losses.structure import Images, image_shape, images_of

STABILIZER = 0.01


def structural_error(images: Images, window: Window) -> Tensor:
    r"""Structural error of each place of a probability map.

    .. math::
        e = \Big| \frac{y - \mu_y + c}{\sigma_y + c} - \frac{p - \mu_p + c}{\sigma_p + c} \Big|,
        \qquad c = 0.01

    where :math:`\mu, \sigma` are mean and spread of label and probability in a window around the
    place: 0 where one map is a linear function of the other that rises, hence "correlation
    maximized". No unit. It is a weight and has no gradient.

    Args:
        images: Predicted and true probabilities ``(N, C, *space)``.
        window: The window, which must have one place for each place.

    Returns:
        Error of each place, shape ``(N, C, *space)``.

    Example:
        >>> step = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])
        >>> flat = torch.full_like(step, 0.5)
        >>> structural_error(Images(flat, step, None), Window(3, border="shrink"))
        tensor([[[0.0000, 1.6315, 0.3261, 0.0000]]])

    References:
        Zhao et al., `Correlation Maximized Structural Similarity Loss
        <https://arxiv.org/abs/1910.08711>`_, 2019.
    """
    with torch.no_grad():
        maps = torch.stack([images.pred, images.target], 2)
        weight = None if images.weight is None else images.weight.unsqueeze(2)
        means = window.means(maps, weight, images.axes)
        squares = window.means(maps.square(), weight, images.axes)
        spreads = (squares - means.square()).relu().sqrt()
        pred, target = ((maps - means + STABILIZER) / (spreads + STABILIZER)).unbind(2)
        return (target - pred).abs()


@LOSSES.register("cmssl")
class CMSSLoss(Loss):
    r"""Correlation maximized structural similarity loss of logits.

    .. math::
        \ell = e f \cdot \mathrm{CE}, \qquad f = [e > \beta \max e]

    where CE is the cross-entropy of the place, in nats, :math:`e` its :func:`structural_error`
    (for multiclass labels that of the true class) and the maximum is taken over the batch. The
    mean is over the places that :math:`f` keeps. It is zero once the structure is right, so it
    stands beside plain cross-entropy as a second term, not alone.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        beta: Share :math:`\beta` of the greatest error below which a place is left out, 0 to 1.
        size: Places of the window along each axis; odd. At the border it shrinks.
        sigma: Spread of the window, in places.
        reduction: How the places' losses become one number.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = CMSSLoss("binary")
        >>> logits = torch.tensor([[[-1.0, -1.0, 1.0, 1.0]]])
        >>> target = torch.tensor([[[0, 0, 1, 1]]])
        >>> loss(logits, target) < loss(-logits, target)
        tensor(True)

    References:
        Zhao et al., `Correlation Maximized Structural Similarity Loss
        <https://arxiv.org/abs/1910.08711>`_, 2019. Window and the missing gradient of :math:`e`
        are choices made here.
    """

    family = "structure"

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
    """The kinds of labels that the loss takes."""

    def __init__(
        self,
        labels: LabelsLike,
        *,
        beta: float = 0.1,
        size: int = 3,
        sigma: float = 1.5,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)
        self.beta = check_between("beta", beta, 0, 1)
        self.window = Window(size, sigma, "shrink")

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            elements = self.labels.arrange(pred, target, weight)
            logits, truth, counts = self.labels.read(
                elements.pred, elements.target, elements.weight
            )
            likelihood = self.labels.likelihood(logits, truth)
            surprise = likelihood.nll
            maps = likelihood.probabilities, likelihood.truth
            error = self._error(images_of(*maps, counts, shape=image_shape(self.labels, pred)))
            error = error.reshape(surprise.shape)
            counts = torch.ones_like(error) if counts is None else counts.expand_as(error)
            error = error * (counts > 0)
            kept = counts * (error > self.beta * _greatest(error))
            values = (error * surprise).reshape(elements.shape)
            return reduce(values, self.reduction, kept.reshape(elements.shape))

    def _error(self, images: Images) -> Tensor:
        error = structural_error(images, self.window)
        return (error * images.target).sum(1) if self.labels.kind == "multiclass" else error


def _greatest(error: Tensor) -> Tensor:
    # One entry more, so that a batch of nothing has a greatest error, too.
    return torch.cat([error.flatten(), error.new_zeros(1)]).amax()
