"""Kullback-Leibler divergence from a teacher's distribution: distillation."""

from typing import Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_choice, check_floating, check_shape
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss

Teacher = Literal["probabilities", "logits"]


def kl_divergence(likelihood: Likelihood) -> Tensor:
    r"""Kullback-Leibler divergence of each element.

    .. math::
        \ell = \sum_k q_k (\log q_k - \log p_k)

    where :math:`q` is the target distribution and :math:`p` the predicted one, over classes or
    over yes and no; in nats. It is cross-entropy less the entropy of the target, and 0 where the
    two agree.

    Args:
        likelihood: What the logits say of the target.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> from pl_losses.core.likelihood import SoftLabelLikelihood
        >>> target = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
        >>> kl_divergence(SoftLabelLikelihood(torch.zeros(2, 2), target))
        tensor([0.0000, 0.6931])

    References:
        Hinton et al., `Distilling the Knowledge in a Neural Network
        <https://arxiv.org/abs/1503.02531>`_, 2015.
    """
    return likelihood.nll - _entropy(likelihood)


def _entropy(likelihood: Likelihood) -> Tensor | float:
    target = likelihood.target
    if not target.is_floating_point():
        return 0.0
    own: Tensor = torch.special.entr(target)
    if isinstance(likelihood, SigmoidLikelihood):
        other: Tensor = torch.special.entr(1 - target)
        return own + other
    return own.sum(1)


@LOSSES.register("kl_divergence", "kl", "distillation")
class KLDivergenceLoss(ClassificationLoss):
    r"""Kullback-Leibler divergence from a teacher; the formula is :func:`kl_divergence`'s.

    Both distributions are softened: their logits are divided by the temperature T, and the loss
    is multiplied by :math:`T^2`, so that its gradient keeps its size. The teacher gets no
    gradient. Torch's ``KLDivLoss`` with ``"batchmean"`` is ``reduction="sum"`` divided by N.

    Args:
        labels: Whether the distributions are over classes (multiclass) or over yes and no.
        temperature: :math:`T > 0`; the paper uses 2 to 20 to show what a teacher holds possible.
        teacher: What the target holds: ``"probabilities"`` (or any other target of the kind), or
            ``"logits"`` in the shape of the prediction.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``temperature`` is not above 0 or ``teacher`` not a known one.

    Example:
        >>> loss = KLDivergenceLoss("multiclass", temperature=2.0, teacher="logits")
        >>> loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0, 0.0]])).round(decimals=4)
        tensor(1.3113)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        temperature: float = 1.0,
        teacher: Teacher = "probabilities",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.temperature = check_above("temperature", temperature, 0)
        self.teacher = check_choice("teacher", teacher, get_args(Teacher))

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        target = likelihood.target
        if self.teacher == "probabilities" and target.is_floating_point():
            target = self._softened(target)
        softened = self.labels.likelihood(likelihood.logits / self.temperature, target)
        return self.temperature**2 * kl_divergence(softened)

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        target = target.detach()
        if self.teacher == "probabilities":
            return super().forward(pred, target, weight)
        # At once, not part by part: labels know marks of what is ignored, but not logits.
        with full_precision(pred):
            logits = upcast(check_shape("target", check_floating("target", target), pred.shape))
            logits = logits / self.temperature
            several = self.labels.kind == "multiclass"
            return super().forward(pred, logits.softmax(1) if several else logits.sigmoid(), weight)

    def _softened(self, target: Tensor) -> Tensor:
        if self.temperature == 1:
            return target
        share = target.pow(1 / self.temperature)
        if self.labels.kind != "multiclass":
            return share / (share + (1 - target).pow(1 / self.temperature))
        total = share.sum(1, keepdim=True)
        return share / total.where(total > 0, 1.0)  # an ignored element has no share of any class
