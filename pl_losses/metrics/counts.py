"""Hits, false alarms and misses, and the figures that are made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Average = Literal["macro", "micro", "none"]
Formula = Callable[["Counts"], Tensor]


@dataclass(frozen=True)
class Counts:
    """How often a class was found, wrongly claimed and missed; whole numbers of one shape.

    Attributes:
        tp: Hits, true positives.
        fp: False alarms, false positives.
        fn: Misses, false negatives.
    """

    tp: Tensor
    fp: Tensor
    fn: Tensor

    @property
    def seen(self) -> Tensor:
        """Whether the class occurs in truth or prediction."""
        return self.tp + self.fp + self.fn > 0

    @property
    def pooled(self) -> "Counts":
        """The counts summed over the last axis, as if all its classes were one."""
        return Counts(self.tp.sum(-1), self.fp.sum(-1), self.fn.sum(-1))

    def share(self, part: Tensor, whole: Tensor) -> Tensor:
        """Return ``part / whole``: 0 without a whole, NaN if the class was not seen at all."""
        return torch.where(self.seen, part / whole.clamp_min(1), torch.nan)


def precision(counts: Counts) -> Tensor:
    r"""Share of what was claimed that is there, :math:`TP / (TP + FP)`.

    Example:
        >>> precision(Counts(*torch.tensor([[3, 0, 0], [1, 0, 0], [0, 2, 0]])))
        tensor([0.7500, 0.0000,    nan])
    """
    return counts.share(counts.tp, counts.tp + counts.fp)


def recall(counts: Counts) -> Tensor:
    r"""Share of what is there that was found, :math:`TP / (TP + FN)`."""
    return counts.share(counts.tp, counts.tp + counts.fn)


def f1(counts: Counts) -> Tensor:
    r"""Harmonic mean of precision and recall, :math:`2\,TP / (2\,TP + FP + FN)`."""
    return counts.share(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def iou(counts: Counts) -> Tensor:
    r"""Intersection over union of claim and truth, :math:`TP / (TP + FP + FN)`."""
    return counts.share(counts.tp, counts.tp + counts.fp + counts.fn)


def averaged(counts: Counts, formula: Formula, average: Average) -> Tensor:
    """Return one figure for all classes, or with ``"none"`` one for each.

    Args:
        counts: One entry for each class.
        formula: The figure of a class.
        average: ``"macro"``: the mean over the classes that were seen; ``"micro"``: the figure of
            the pooled counts; ``"none"``: NaN stands for a class that was not seen.
    """
    if average == "micro":
        return formula(counts.pooled)
    values = formula(counts)
    return values.nanmean() if average == "macro" else values
