"""Poly-1 loss: cross-entropy or focal loss with its leading polynomial term adjusted."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def poly1_loss(likelihood: Likelihood, epsilon: float = 2.0, gamma: float = 0.0) -> Tensor:
    r"""Poly-1 loss of each element.

    .. math::
        \ell = -(1 - p)^\gamma \log p + \epsilon\,(1 - p)^{\gamma + 1}

    where :math:`p` is the probability given to the true label (of a soft label its likelihood
    :math:`\prod_k p_k^{y_k}`); in nats. Written as a polynomial in :math:`1 - p`, cross-entropy
    starts with the coefficient 1; here that one is :math:`1 + \epsilon`.

    Args:
        likelihood: What the logits say of the target.
        epsilon: :math:`\epsilon \ge -1`. The paper's best are 2 for classification (the default)
            and -1 for detection, whose labels are lopsided.
        gamma: Focus :math:`\gamma \ge 0`; 0 starts from cross-entropy, more from focal loss.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> poly1_loss(SigmoidLikelihood(torch.zeros(2), torch.tensor([0.0, 1.0])))
        tensor([1.6931, 1.6931])

    References:
        Leng et al., `PolyLoss <https://arxiv.org/abs/2204.12511>`_, ICLR 2022.
    """
    nll = likelihood.nll
    miss = 1 - (-nll).exp()
    return power(miss, gamma) * (nll + epsilon * miss)


@LOSSES.register("poly1", "poly")
class Poly1Loss(ClassificationLoss):
    r"""Poly-1 loss of logits; the formula is :func:`poly1_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        epsilon: What is added to the first polynomial coefficient, at least -1.
        gamma: Focus :math:`\gamma \ge 0`; 0 starts from cross-entropy, more from focal loss.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``epsilon`` is below -1 or ``gamma`` below 0.

    Example:
        >>> import torch
        >>> loss = Poly1Loss("multiclass", epsilon=1.0)
        >>> loss(torch.zeros(1, 4), torch.tensor([0]))
        tensor(2.1363)
    """

    alone = True
    lean = ("multiclass",)

    def __init__(
        self,
        labels: LabelsLike,
        *,
        epsilon: float = 2.0,
        gamma: float = 0.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.epsilon = check_at_least("epsilon", epsilon, -1)
        self.gamma = check_at_least("gamma", gamma, 0)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return poly1_loss(likelihood, self.epsilon, self.gamma)
