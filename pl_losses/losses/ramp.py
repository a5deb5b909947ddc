"""Ramp loss: hinge loss with a ceiling, so that no outlier outweighs the rest."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_number
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss
from pl_losses.losses.hinge import price_of_margin


def ramp_loss(likelihood: Likelihood, floor: float = -1.0) -> Tensor:
    r"""Ramp loss of each element.

    .. math::
        \ell = \min\big(1 - f, \max(0, 1 - s)\big)

    where :math:`s` says by how much the logits prefer the true label, as in
    :func:`~pl_losses.losses.hinge.hinge_loss`, and :math:`f` is the score below which it gets no
    worse. Of a soft label it is the mean over its hard ones.

    Args:
        likelihood: What the logits say of the target.
        floor: Score :math:`f < 1`, in units of the logits.

    Returns:
        Loss of each element, from 0 to :math:`1 - f`; ``(N, *)``, or ``(N, C, *)`` for
        multilabel.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> ramp_loss(SigmoidLikelihood(torch.tensor([-9.0, 0.5, 9.0]), torch.ones(3)))
        tensor([2.0000, 0.5000, 0.0000])

    References:
        Collobert et al., `Trading Convexity for Scalability
        <https://doi.org/10.1145/1143844.1143870>`_, ICML 2006.
    """
    return price_of_margin(likelihood, lambda score: (1 - score).clamp(0, 1 - floor))


@LOSSES.register("ramp")
class RampLoss(ClassificationLoss):
    r"""Ramp loss of logits; the formula is :func:`ramp_loss`'s.

    Beyond the ceiling nothing is learned: a model whose every element starts there stays there.
    Start with hinge loss or cross-entropy, and go on with this one.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        floor: Score :math:`f < 1` below which it gets no worse, in units of the logits.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``floor`` is not below 1.

    Example:
        >>> import torch
        >>> loss = RampLoss("multiclass", floor=0.0)
        >>> loss(torch.tensor([[0.0, 9.0, 0.0]]), torch.tensor([0]))
        tensor(1.)
    """

    def __init__(
        self, labels: LabelsLike, *, floor: float = -1.0, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(labels, reduction=reduction)
        if not check_number("floor", floor) < 1:
            raise ValueError(f"`floor` must be below 1; got {floor}.")
        self.floor = floor

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return ramp_loss(likelihood, self.floor)
