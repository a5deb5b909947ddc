"""Asymmetric loss: hushes easy negatives far more than easy positives."""

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def asymmetric_loss(
    likelihood: Likelihood,
    gamma_positive: float = 0.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    r"""Asymmetric loss of each element.

    .. math::
        \ell = -y\,(1 - p)^{\gamma_+} \log p - (1 - y)\,p_m^{\gamma_-} \log(1 - p_m),
        \qquad p_m = \max(p - m, 0)

    in nats. A negative with :math:`p \le m` costs nothing. With both :math:`\gamma` equal and
    :math:`m = 0` it is focal loss.

    Args:
        likelihood: What the logits say of yes-or-no targets.
        gamma_positive: Focus :math:`\gamma_+ \ge 0` on hard positives.
        gamma_negative: Focus :math:`\gamma_- \ge 0` on hard negatives.
        margin: Shift :math:`m` of the negatives' probability, 0 to 1.

    Returns:
        Loss of each element.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> asymmetric_loss(SigmoidLikelihood(torch.zeros(2), torch.tensor([0.0, 1.0])))
        tensor([0.0245, 0.6931])

    References:
        Ridnik et al., `Asymmetric Loss For Multi-Label Classification
        <https://arxiv.org/abs/2009.14119>`_, ICCV 2021. The defaults are the paper's; the class
        of its authors' code has 1 for :math:`\gamma_+`. Their code sums over the batch, and may
        let no gradient through the focusing factors, where this is the slope of the formula.
    """
    logits = likelihood.logits
    refusal = (-logits).sigmoid()
    positive = power(refusal, gamma_positive) * F.softplus(-logits)
    if margin:
        kept = (refusal + margin).clamp_max(1.0)
        negative = -power(1 - kept, gamma_negative) * kept.log()
    else:  # here the logarithm could be of 0
        negative = power(logits.sigmoid(), gamma_negative) * F.softplus(logits)
    return torch.lerp(negative, positive, likelihood.truth)


@LOSSES.register("asymmetric", "asl")
class AsymmetricLoss(ClassificationLoss):
    r"""Asymmetric loss of logits; the formula is :func:`asymmetric_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        gamma_positive: Focus :math:`\gamma_+ \ge 0` on hard positives.
        gamma_negative: Focus :math:`\gamma_- \ge 0` on hard negatives.
        margin: Shift :math:`m` of the negatives' probability, 0 to 1.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> import torch
        >>> loss = AsymmetricLoss("multilabel", gamma_positive=1.0)
        >>> loss(torch.zeros(1, 2), torch.tensor([[0, 1]]))
        tensor(0.1855)
    """

    alone = True

    kinds = ("binary", "multilabel")

    def __init__(
        self,
        labels: LabelsLike,
        *,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        margin: float = 0.05,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.gamma_positive = check_at_least("gamma_positive", gamma_positive, 0)
        self.gamma_negative = check_at_least("gamma_negative", gamma_negative, 0)
        self.margin = check_between("margin", margin, 0, 1)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return asymmetric_loss(likelihood, self.gamma_positive, self.gamma_negative, self.margin)
