"""From logits to the probability of the truth; what follows need not know the kind of task."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.surprise import softmax_nll


class Likelihood(ABC):
    r"""What the logits say of the target.

    With label probabilities :math:`y_k` (one of them 1 for a hard label) and predicted
    probabilities :math:`p_k`, the likelihood of the target is :math:`p = \prod_k p_k^{y_k}`,
    which is the probability of the true label when the label is hard. Each property is computed
    anew when read; nothing is stored.
    """

    logits: Tensor
    target: Tensor

    @property
    @abstractmethod
    def nll(self) -> Tensor:
        r"""Negative log-likelihood :math:`-\sum_k y_k \log p_k`, in nats: the cross-entropy."""

    @property
    @abstractmethod
    def uniform_nll(self) -> Tensor:
        """Cross-entropy of the same logits with a uniform label, in nats."""

    @property
    @abstractmethod
    def others_nll(self) -> Tensor:
        r"""Surprise that the wrong labels are wrong, :math:`-\sum_k (1-y_k) \log(1-p_k)`."""

    @property
    @abstractmethod
    def probabilities(self) -> Tensor:
        """Predicted probabilities, in the shape of the logits."""

    @property
    @abstractmethod
    def truth(self) -> Tensor:
        """Label probabilities, in the shape of the logits."""

    def smooth_nll(self, smoothing: float) -> Tensor:
        """Cross-entropy with a label of which the share ``smoothing`` is spread uniformly."""
        return (1 - smoothing) * self.nll + smoothing * self.uniform_nll

    @property
    def p(self) -> Tensor:
        """Likelihood of the target."""
        return (-self.nll).exp()


@dataclass(frozen=True)
class SigmoidLikelihood(Likelihood):
    """Independent yes-or-no labels: ``target`` from 0 to 1, in the shape of ``logits``."""

    logits: Tensor
    target: Tensor

    @property
    @override
    def nll(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.target, reduction="none")

    @override
    def smooth_nll(self, smoothing: float) -> Tensor:
        smooth = (1 - smoothing) * self.target + smoothing / 2
        return F.binary_cross_entropy_with_logits(self.logits, smooth, reduction="none")

    @property
    @override
    def uniform_nll(self) -> Tensor:
        return F.softplus(self.logits) - 0.5 * self.logits

    @property
    @override
    def others_nll(self) -> Tensor:
        # With two labels the wrong one is wrong exactly when the true one is true.
        return self.nll

    @property
    @override
    def probabilities(self) -> Tensor:
        return self.logits.sigmoid()

    @property
    @override
    def truth(self) -> Tensor:
        return self.target


@dataclass(frozen=True)
class SoftmaxLikelihood(Likelihood):
    """One class of C: logits ``(N, C, *)``, class numbers ``(N, *)``."""

    logits: Tensor
    target: Tensor

    @property
    @override
    def nll(self) -> Tensor:
        return softmax_nll(self.logits, self.target)

    @override
    def smooth_nll(self, smoothing: float) -> Tensor:
        return softmax_nll(self.logits, self.target, smoothing)

    @property
    @override
    def uniform_nll(self) -> Tensor:
        return self.logits.logsumexp(1) - self.logits.mean(1)

    @property
    @override
    def others_nll(self) -> Tensor:
        # Not the sum less the true class: that one may be -1e4, and the rest would drown in it.
        return -log_refusals(self.logits).scatter(1, self.target.unsqueeze(1), 0.0).sum(1)

    @property
    @override
    def probabilities(self) -> Tensor:
        return self.logits.softmax(1)

    @property
    @override
    def truth(self) -> Tensor:
        target = self.target.unsqueeze(1)
        if torch.compiler.is_compiling():  # a comparison is never written out, a scatter is
            shape = (1, -1, *[1] * (target.ndim - 2))
            classes = torch.arange(self.logits.shape[1], device=target.device).view(shape)
            return (target == classes).to(self.logits.dtype)
        return torch.zeros_like(self.logits).scatter(1, target, 1.0)


@dataclass(frozen=True)
class SoftLabelLikelihood(Likelihood):
    """A distribution over C classes: logits and label probabilities ``(N, C, *)``."""

    logits: Tensor
    target: Tensor

    @property
    @override
    def nll(self) -> Tensor:
        return -(self.target * self.logits.log_softmax(1)).sum(1)

    @property
    @override
    def uniform_nll(self) -> Tensor:
        return self.logits.logsumexp(1) - self.logits.mean(1)

    @property
    @override
    def others_nll(self) -> Tensor:
        return ((self.target - 1) * log_refusals(self.logits)).sum(1)

    @property
    @override
    def probabilities(self) -> Tensor:
        return self.logits.softmax(1)

    @property
    @override
    def truth(self) -> Tensor:
        return self.target


def log_refusals(logits: Tensor) -> Tensor:
    r"""Return :math:`\log(1 - p_k)` of each softmax class, shape ``(N, C, *)``.

    Only the most probable class can have :math:`p > 1/2`, where the difference from 1 is lost;
    for it the share of the other classes is summed. Elsewhere the plain form is exact.

    Example:
        >>> log_refusals(torch.tensor([[0.0, 0.0]]))
        tensor([[-0.6931, -0.6931]])
    """
    top = logits.detach().max(1, keepdim=True).indices  # several times as fast as argmax
    others = logits.scatter(1, top, -torch.inf).logsumexp(1, keepdim=True)
    refusal = others - logits.logsumexp(1, keepdim=True)
    rest = torch.log1p(-logits.softmax(1).scatter(1, top, 0.0))
    return rest.scatter(1, top, refusal)


def at_truth(values: Tensor, target: Tensor) -> Tensor:
    """Return, of one value for each class, that of the true class.

    Args:
        values: What each class is worth, ``(N, C, *)``.
        target: Class numbers ``(N, *)``, or a distribution ``(N, C, *)``: then its mean.

    Returns:
        Shape ``(N, *)``.

    Example:
        >>> at_truth(torch.tensor([[3.0, 5.0]]), torch.tensor([1]))
        tensor([5.])
    """
    if target.ndim < values.ndim:
        return values.gather(1, target.unsqueeze(1)).squeeze(1)
    return (target * values).sum(1)
