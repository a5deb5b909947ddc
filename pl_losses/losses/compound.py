"""What compound losses share: the overlap of each region, and a sum of surprises beside it."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.likelihood import Likelihood, SoftLabelLikelihood, SoftmaxLikelihood
from pl_losses.core.overlap import Overlap, overlap_sums
from pl_losses.losses.region import SummedLoss


@dataclass(frozen=True)
class SurprisedOverlap(Overlap):
    """An overlap, and surprise beside it, shape ``(N, C)`` each.

    Attributes:
        surprise: Sum of a loss of the places: those of the region's own class (binary,
            multilabel), or of all classes, so that each class of a sample has the same.
    """

    surprise: Tensor

    @property
    def mean_surprise(self) -> Tensor:
        """Surprise of a place, on the average."""
        return self.surprise / self.places.where(self.places > 0, 1.0)


class CompoundLoss(SummedLoss[SurprisedOverlap]):
    """A region loss with a term of each place in it; a subclass writes two methods.

    Both terms come from one walk over the places. Each region has its mean surprise, so that the
    loss of a sample is known by itself; over samples with unequal numbers of ignored places, that
    is a mean of means.
    """

    family = "compound"

    walked = True

    @abstractmethod
    def surprise(self, likelihood: Likelihood) -> Tensor:
        """Return the loss of each place, ``(N, places)``; ``(N, C, places)`` for multilabel."""

    @override
    def sums(self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor) -> Tensor:
        logits, truth, weight = self.labels.read(pred, target, weight)
        likelihood = self.labels.likelihood(logits, truth)
        surprise = self.surprise(likelihood)
        if weight is not None:
            surprise = surprise * weight
        sums = overlap_sums(likelihood, weight)
        total = surprise.sum(-1)
        total = (total if total.ndim == 2 else total.unsqueeze(1)).expand(sums.shape[:2])
        return torch.cat([sums, total.unsqueeze(-1)], -1)

    @override
    def measure(self, sums: Tensor) -> SurprisedOverlap:
        return SurprisedOverlap(*sums.unbind(-1))


def foreground(likelihood: Likelihood) -> Tensor:
    """Return how much of each place is not background, 0 to 1, in the shape of its surprise.

    It is the target of yes-or-no labels; of classes that exclude each other, all but class 0.
    """
    target = likelihood.target
    if isinstance(likelihood, SoftmaxLikelihood):
        return (target > 0).to(likelihood.logits.dtype)
    return 1 - target[:, 0] if isinstance(likelihood, SoftLabelLikelihood) else target
