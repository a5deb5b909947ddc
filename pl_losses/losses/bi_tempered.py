"""Bi-tempered logistic loss: bounded, and with a heavy tail, for noisy labels."""

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood, at_truth
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss

STEPS = 3
"""Newton steps towards the normalisation, a fixed number: none looks at a value to stop."""


def bi_tempered_loss(likelihood: Likelihood, t1: float = 0.8, t2: float = 1.2) -> Tensor:
    r"""Bi-tempered logistic loss of each element.

    .. math::
        \ell = \sum_k \Big( y_k (\log_{t_1} y_k - \log_{t_1} p_k)
               - \frac{y_k^{2 - t_1} - p_k^{2 - t_1}}{2 - t_1} \Big),
        \qquad \log_t x = \frac{x^{1 - t} - 1}{1 - t}

    where :math:`p` is the tempered softmax, :func:`tempered_log_softmax`. At
    :math:`t_1 = t_2 = 1` it is cross-entropy, less the entropy of a soft label. It is at most
    :math:`1/(1 - t_1)` for hard labels, up to a constant.

    Args:
        likelihood: What the logits say of the target; a yes-or-no target is two classes, of which
            the first has the logit 0.
        t1: Temperature :math:`t_1` of the loss, 0 to 1: the lower, the less an outlier costs.
        t2: Temperature :math:`t_2 \ge 1` of the softmax: the higher, the heavier its tail.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> likelihood = SoftmaxLikelihood(torch.zeros(1, 2), torch.tensor([0]))
        >>> bi_tempered_loss(likelihood, t1=1.0, t2=1.0)
        tensor([0.6931])

    References:
        Amid et al., `Robust Bi-Tempered Logistic Loss <https://arxiv.org/abs/1906.03361>`_,
        NeurIPS 2019, whose temperatures go with the data; the defaults are usual ones for noisy
        labels.
    """
    logits, target = likelihood.logits, likelihood.target
    if isinstance(likelihood, SigmoidLikelihood):
        logits = torch.stack([torch.zeros_like(logits), logits], 1)
        target = torch.stack([1 - target, target], 1)
    log_p = tempered_log_softmax(logits, t2)
    rest = ((2 - t1) * log_p).exp().sum(1) / (2 - t1)
    return at_truth(_tempered(-log_p, t1), target) + rest - _best(target, t1, logits.ndim)


def tempered_log_softmax(logits: Tensor, t: float) -> Tensor:
    r"""Logarithm of the tempered softmax over axis 1.

    .. math::
        p_k = \big(1 + (t - 1)(\lambda - x_k)\big)^{-1 / (t - 1)}, \qquad \sum_k p_k = 1

    whose tail falls like a power of the logit. The :math:`\lambda` that normalises it is found by
    Newton's method on a form of the sum that is nearly linear, and concave, so that each step
    stays on its side. The last two steps carry the gradient, which makes it, and the second
    derivative, those of the exact solution.

    Args:
        logits: Shape ``(N, C, *)``.
        t: Temperature :math:`t \ge 1`; 1 is the softmax.

    Example:
        >>> tempered_log_softmax(torch.tensor([[0.0, 3.0]]), 1.5).exp()
        tensor([[0.1497, 0.8503]])
    """
    if t == 1:
        return logits.log_softmax(1)
    fall = (t - 1) * (logits.detach().amax(1, keepdim=True) - logits)
    with torch.no_grad():
        lift = torch.zeros_like(fall[:, :1])
        for _ in range(STEPS):
            lift = _newton(lift, fall, t - 1)
    for _ in range(2):
        lift = _newton(lift, fall, t - 1)
    return (lift + fall).log1p() / (1 - t)


def _newton(lift: Tensor, fall: Tensor, power: float) -> Tensor:
    above = lift + fall
    share = (above.log1p() / -power).exp()
    total = share.sum(1, keepdim=True)
    # total ** -power is to be 1, and has the slope total ** (-power - 1) * sum(share / base).
    gap = total.pow(power) - 1
    return lift + gap * total / (share / (1 + above)).sum(1, keepdim=True)


def _tempered(surprise: Tensor, t: float) -> Tensor:
    return surprise if t == 1 else ((t - 1) * surprise).expm1() / (t - 1)


def _best(target: Tensor, t: float, ndim: int) -> Tensor | float:
    if target.ndim < ndim:
        return 1 / (2 - t)
    tiny = torch.finfo(target.dtype).tiny
    surprise = -target.clamp_min(tiny).log()
    own = (target * _tempered(surprise, t)).sum(1)
    return own + target.pow(2 - t).sum(1) / (2 - t)


@LOSSES.register("bi_tempered")
class BiTemperedLoss(ClassificationLoss):
    """Bi-tempered logistic loss of logits; the formula is :func:`bi_tempered_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        t1: Temperature of the loss, 0 to 1: the lower, the less an outlier costs.
        t2: Temperature of the softmax, at least 1: the higher, the heavier its tail.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``t1`` is not from 0 to 1, or ``t2`` below 1.

    Example:
        >>> loss = BiTemperedLoss("multiclass")
        >>> loss(torch.tensor([[-9.0, 9.0]]), torch.tensor([0])).round(decimals=4)
        tensor(3.9127)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        t1: float = 0.8,
        t2: float = 1.2,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.t1 = check_between("t1", t1, 0, 1)
        self.t2 = check_at_least("t2", t2, 1)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return bi_tempered_loss(likelihood, self.t1, self.t2)
