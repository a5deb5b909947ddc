"""From logits to the probability of the truth; what follows need not know the kind of task."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override


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
        return F.cross_entropy(self.logits, self.target, reduction="none")

    @property
    @override
    def uniform_nll(self) -> Tensor:
        return self.logits.logsumexp(1) - self.logits.mean(1)

    @property
    @override
    def others_nll(self) -> Tensor:
        refusals = log_refusals(self.logits)
        return refusals.gather(1, self.target.unsqueeze(1)).squeeze(1) - refusals.sum(1)

    @property
    @override
    def probabilities(self) -> Tensor:
        return self.logits.softmax(1)

    @property
    @override
    def truth(self) -> Tensor:
        return torch.zeros_like(self.logits).scatter(1, self.target.unsqueeze(1), 1.0)


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

    It is the share of the other classes, so its sum runs over the others: ``log(1 - p)`` itself
    is lost once ``p`` rounds to one. Classes before and after the k-th are summed from either
    end, which costs a few passes in place of C.
    """
    shifted = (logits - logits.amax(1, keepdim=True).detach()).log_softmax(1)
    before = shifted.logcumsumexp(1)
    after = shifted.flip(1).logcumsumexp(1).flip(1)
    low = torch.full_like(shifted[:, :1], -torch.inf)
    # A finite floor: both sides may be empty of probability, and -inf minus -inf has no slope.
    low = low.clamp_min(torch.finfo(logits.dtype).min / 4)
    return torch.logaddexp(torch.cat([low, before[:, :-1]], 1), torch.cat([after[:, 1:], low], 1))
