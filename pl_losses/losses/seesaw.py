"""Seesaw loss: rare classes are spared the pull of frequent ones, unless the model errs."""

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, at_truth
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.counted import ClassCounts, CountedLoss


def seesaw_loss(likelihood: Likelihood, log_mitigation: Tensor, q: float = 2.0) -> Tensor:
    r"""Seesaw loss of each element.

    .. math::
        \ell = -\log \frac{e^{x_y}}{\sum_k M_{yk} C_{yk} e^{x_k}}, \qquad
        M_{yk} = \min\Big(1, \frac{n_k}{n_y}\Big)^p, \qquad
        C_{yk} = \max\Big(1, \frac{p_k}{p_y}\Big)^q

    where :math:`n_k` counts the training elements of class k and :math:`p_k` is its predicted
    probability; in nats. M spares a class that is rarer than the true one, C takes that back where
    the model holds it for more probable. Of a soft label the factors are the geometric mean.

    Args:
        likelihood: What the logits say of a class.
        log_mitigation: :math:`\log M`, true class by other class, shape ``(C, C)``.
        q: Strength :math:`q \ge 0` of the compensation; no gradient passes through it.

    Returns:
        Loss of each element, shape ``(N, *)``.

    Example:
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> likelihood = SoftmaxLikelihood(torch.zeros(1, 2), torch.tensor([0]))
        >>> seesaw_loss(likelihood, torch.tensor([[0.0, -1.0986], [0.0, 0.0]]))
        tensor([0.2877])

    References:
        Wang et al., `Seesaw Loss for Long-Tailed Instance Segmentation
        <https://arxiv.org/abs/2008.10032>`_, CVPR 2021. C has no limit, as in
        the paper; the authors' code keeps :math:`p_y` above 0.01 in it.
    """
    logits, target = likelihood.logits, likelihood.target
    if target.is_floating_point():
        spared = torch.einsum("nc...,ck->nk...", target, log_mitigation)
    else:
        spared = log_mitigation[target].movedim(-1, 1)
    log_p = logits.detach().log_softmax(1)
    excess = (log_p - at_truth(log_p, target).unsqueeze(1)).clamp_min(0)
    adjusted = logits + spared + q * excess
    return adjusted.logsumexp(1) - at_truth(logits, target)


@LOSSES.register("seesaw")
class SeesawLoss(CountedLoss):
    """Seesaw loss of logits; the formula is :func:`seesaw_loss`'s.

    The paper counts the elements while it trains; here the counts are known before, so that the
    loss of a batch does not depend on the batches before.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        class_counts: Number of training elements of each class, above 0; only ratios matter.
            ``"auto"``: counted when the training of a :class:`~pl_losses.MultiTaskMixin` starts.
        p: Strength of the mitigation, at least 0.
        q: Strength of the compensation, at least 0.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is out of range, or there are not as many counts as classes.

    Example:
        >>> loss = SeesawLoss("multiclass", class_counts=[300, 100], p=1.0)
        >>> loss(torch.zeros(1, 2), torch.tensor([0]))
        tensor(0.2877)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        class_counts: ClassCounts,
        p: float = 0.8,
        q: float = 2.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.p = check_at_least("p", p, 0)
        self.q = check_at_least("q", q, 0)
        self.start_with(class_counts)

    @override
    def derive(self, counts: Tensor) -> Tensor:
        log_counts = counts.log()
        return self.p * (log_counts - log_counts.unsqueeze(1)).clamp_max(0)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return seesaw_loss(likelihood, self.known(likelihood.logits), self.q)
