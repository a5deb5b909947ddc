"""Varifocal loss: hushes easy negatives only; positives count by their quality."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.dense import DenseLoss, Normalizer


def varifocal_loss(likelihood: Likelihood, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    r"""Varifocal loss of each element.

    .. math::
        \ell = \begin{cases}
            -y \big(y \log p + (1 - y) \log(1 - p)\big) & y > 0 \\
            -\alpha\,p^\gamma \log(1 - p) & y = 0
        \end{cases}

    where :math:`y` from 0 to 1 is the quality, such as the IoU of the predicted box; in nats.

    Args:
        likelihood: What the logits say of soft yes-or-no targets.
        alpha: Factor :math:`\alpha \ge 0` of the negatives.
        gamma: Focus :math:`\gamma \ge 0` of the negatives.

    Returns:
        Loss of each element.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> varifocal_loss(SigmoidLikelihood(torch.zeros(3), torch.tensor([0.0, 0.5, 1.0])))
        tensor([0.1300, 0.3466, 0.6931])

    References:
        Zhang et al., `VarifocalNet <https://arxiv.org/abs/2008.13367>`_, CVPR 2021.
    """
    truth = likelihood.truth
    negative = alpha * power(likelihood.probabilities, gamma) * (truth <= 0)
    return (truth + negative) * likelihood.nll


@LOSSES.register("varifocal", "vfl")
class VarifocalLoss(DenseLoss):
    r"""Varifocal loss of logits; the formula is :func:`varifocal_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        alpha: Factor :math:`\alpha \ge 0` of the negatives.
        gamma: Focus :math:`\gamma \ge 0` of the negatives.
        normalizer: What the mean divides by: the ``"elements"``, or the ``"positives"``, as in
            the paper: the elements whose quality is above 0.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``alpha`` or ``gamma`` is below 0.

    Example:
        >>> import torch
        >>> loss = VarifocalLoss("binary", normalizer="positives")
        >>> loss(torch.zeros(3), torch.tensor([0.0, 0.8, 0.0]))
        tensor(0.8144)
    """

    kinds = ("binary", "multilabel")

    def __init__(
        self,
        labels: LabelsLike,
        *,
        alpha: float = 0.75,
        gamma: float = 2.0,
        normalizer: Normalizer = "elements",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, normalizer=normalizer, reduction=reduction)
        self.alpha = check_at_least("alpha", alpha, 0)
        self.gamma = check_at_least("gamma", gamma, 0)

    @override
    def positive(self, truth: Tensor) -> Tensor:
        return (truth > 0).to(truth.dtype)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return varifocal_loss(likelihood, self.alpha, self.gamma)
