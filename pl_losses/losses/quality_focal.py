"""Quality focal loss: focal loss whose positives are a quality from 0 to 1."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.dense import DenseLoss, Normalizer


def quality_focal_loss(likelihood: Likelihood, beta: float = 2.0) -> Tensor:
    r"""Quality focal loss of each element.

    .. math::
        \ell = -|y - p|^\beta \big(y \log p + (1 - y) \log(1 - p)\big)

    where :math:`y` from 0 to 1 is the quality, such as the IoU of the predicted box; in nats. It
    is 0 at :math:`p = y`, and focal loss if y is 0 or 1.

    Args:
        likelihood: What the logits say of soft yes-or-no targets.
        beta: Focus :math:`\beta \ge 0`.

    Returns:
        Loss of each element.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> quality_focal_loss(SigmoidLikelihood(torch.zeros(3), torch.tensor([0.0, 0.5, 1.0])))
        tensor([0.1733, 0.0000, 0.1733])

    References:
        Li et al., `Generalized Focal Loss <https://arxiv.org/abs/2006.04388>`_, NeurIPS 2020;
        its best :math:`\beta` is the default.
    """
    distance = (likelihood.probabilities - likelihood.truth).square()
    return power(distance, beta / 2) * likelihood.nll


@LOSSES.register("quality_focal", "qfl")
class QualityFocalLoss(DenseLoss):
    r"""Quality focal loss of logits; the formula is :func:`quality_focal_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        beta: Focus :math:`\beta \ge 0`.
        normalizer: What the mean divides by: the ``"elements"``, or the ``"positives"``, as in
            the paper: the elements whose quality is above 0.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``beta`` is below 0.

    Example:
        >>> import torch
        >>> loss = QualityFocalLoss("binary", normalizer="positives")
        >>> loss(torch.zeros(3), torch.tensor([0.0, 0.8, 0.0]))
        tensor(0.4090)
    """

    alone = True

    kinds = ("binary", "multilabel")

    def __init__(
        self,
        labels: LabelsLike,
        *,
        beta: float = 2.0,
        normalizer: Normalizer = "elements",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, normalizer=normalizer, reduction=reduction)
        self.beta = check_at_least("beta", beta, 0)

    @override
    def positive(self, truth: Tensor) -> Tensor:
        return (truth > 0).to(truth.dtype)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return quality_focal_loss(likelihood, self.beta)
