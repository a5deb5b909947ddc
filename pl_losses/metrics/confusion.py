"""Precision, recall, F1, IoU and accuracy: figures of one confusion matrix."""

from abc import abstractmethod

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.metrics.base import METRICS, LabelMetric, class_numbers
from pl_losses.metrics.counts import Average, Counts, averaged, f1, iou, precision, recall


class ConfusionMetric(LabelMetric):
    """A metric made from a confusion matrix, which counts in int64 and makes no device wait.

    Its state ``confusion`` has shape ``(G, K, K)``: how often truth (row) met prediction
    (column). Yes-or-no labels have one 2x2 matrix for each class; multiclass labels have one
    matrix for all classes, whose memory is 8 K² bytes.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        threshold: Probability from which on a prediction means yes. Multiclass labels have none:
            the likeliest class is the prediction.
        average: How the classes become one figure.

    Raises:
        ValueError: If ``threshold`` is not from 0 to 1, or is given for multiclass labels.
    """

    confusion: Tensor

    def __init__(
        self, labels: LabelsLike, *, threshold: float = 0.5, average: Average = "macro"
    ) -> None:
        super().__init__(labels, average=average)
        self.threshold = check_between("threshold", threshold, 0, 1)
        single = self.labels.kind == "multiclass"
        if single and threshold != 0.5:
            raise ValueError(
                "`threshold` must be left out for multiclass labels, whose likeliest class is the "
                f"prediction; got {threshold}."
            )
        # In double precision, so that it meets the bin edges of a score histogram exactly.
        self._logit = torch.tensor(threshold, dtype=torch.float64).logit().item()
        size = 1 if single else 2
        empty = torch.zeros(1, size, size, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    @property
    @override
    def state_key(self) -> tuple[object, ...]:
        return (*super().state_key, self.threshold)

    @property
    def counts(self) -> Counts:
        """Hits, false alarms and misses of each class, shape ``(C,)``."""
        if self.labels.kind != "multiclass":
            (_, fp), (fn, tp) = (row.unbind(-1) for row in self.confusion.unbind(1))
            return Counts(tp, fp, fn)
        matrix = self.confusion[0]
        tp = matrix.diagonal()
        return Counts(tp, matrix.sum(0) - tp, matrix.sum(1) - tp)

    @override
    def update(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Count a batch.

        Args:
            pred: Prediction.
            target: Truth.
            weight: Weight of each element, as for a loss; only whether it is 0 matters.
        """
        logits, truth, counts = self.read(pred, target, weight)
        if self.labels.kind == "multiclass":
            # The maximum takes half as long as argmax along an axis that is not the last.
            truth, said = class_numbers(truth, logits), logits.max(1).indices
            table = _cross(truth, said, counts, classes=logits.shape[1])
        else:
            table = _cross_yes_no(truth >= 0.5, logits >= self._logit, counts)
        self.confusion = self.confusion + table


class ClassMetric(ConfusionMetric):
    """A confusion metric that is one figure for each class, averaged over the classes.

    Binary labels have one class, the positive one, pooled over all elements. The macro average
    is over the classes that occur in truth or prediction. One that occurs in one of them only
    has a precision and a recall of 0, also where the share is 0 / 0, and never NaN.
    """

    higher_is_better = True

    @abstractmethod
    def figure(self, counts: Counts) -> Tensor:
        """Return the figure of each class."""

    @override
    def compute(self) -> Tensor:
        """Return the figure, or with the average ``"none"`` one for each class, ``(C,)``."""
        return averaged(self.counts, self.figure, self.average)


@METRICS.register("precision")
class Precision(ClassMetric):
    """Share of what was claimed that is there.

    Example:
        >>> metric = Precision("binary")
        >>> metric.update(torch.tensor([2.0, 1.0, -1.0]), torch.tensor([1, 0, 1]))
        >>> metric.compute()
        tensor(0.5000)
    """

    @override
    def figure(self, counts: Counts) -> Tensor:
        return precision(counts)


@METRICS.register("recall")
class Recall(ClassMetric):
    """Share of what is there that was found.

    Example:
        >>> metric = Recall("multiclass", average="none")
        >>> metric.update(torch.eye(3), torch.tensor([0, 0, 2]))
        >>> metric.compute()
        tensor([0.5000, 0.0000, 1.0000])
    """

    @override
    def figure(self, counts: Counts) -> Tensor:
        return recall(counts)


@METRICS.register("f1", "dice_score")
class F1(ClassMetric):
    """Harmonic mean of precision and recall; of masks, the Dice score.

    Example:
        >>> metric = F1("binary", threshold=0.3)
        >>> metric.update(torch.zeros(4), torch.tensor([1, 0, 1, 1]))
        >>> metric.compute()
        tensor(0.8571)
    """

    @override
    def figure(self, counts: Counts) -> Tensor:
        return f1(counts)


@METRICS.register("iou", "jaccard_index")
class IoU(ClassMetric):
    """Intersection over union of claim and truth.

    Example:
        >>> metric = IoU("multilabel", average="none")
        >>> metric.update(torch.tensor([[1.0, -1.0], [1.0, -1.0]]), torch.tensor([[1, 0], [0, 0]]))
        >>> metric.compute()
        tensor([0.5000,    nan])
    """

    @override
    def figure(self, counts: Counts) -> Tensor:
        return iou(counts)


@METRICS.register("accuracy")
class Accuracy(ConfusionMetric):
    """Share of the elements that were answered rightly; of multilabel ones, of the answers.

    It has no average over classes: that mean, known as balanced or macro accuracy, is the macro
    average of the recall.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        threshold: Probability from which on a prediction means yes.

    Example:
        >>> metric = Accuracy("multiclass")
        >>> metric.update(torch.eye(4), torch.tensor([0, 1, 2, 0]))
        >>> metric.compute()
        tensor(0.7500)
    """

    higher_is_better = True

    def __init__(self, labels: LabelsLike, *, threshold: float = 0.5) -> None:
        super().__init__(labels, threshold=threshold, average="micro")

    @override
    def compute(self) -> Tensor:
        """Return the share, a scalar."""
        return self.confusion.diagonal(0, 1, 2).sum() / self.confusion.sum()


def _cross(truth: Tensor, said: Tensor, counts: Tensor | None, classes: int) -> Tensor:
    index = truth * classes + said
    counted = torch.ones_like(index) if counts is None else counts.long()
    # Not bincount, which makes the host wait for the device to tell the largest index.
    table = index.new_zeros(classes * classes).scatter_add_(0, index.flatten(), counted.flatten())
    return table.view(1, classes, classes)


def _cross_yes_no(truth: Tensor, said: Tensor, counts: Tensor | None) -> Tensor:
    if counts is not None:
        truth, said = truth & counts, said & counts
    yes, claimed, hits = _total(truth), _total(said), _total(truth & said)
    if counts is None:
        every = torch.full_like(yes, said.numel() // len(yes))
    else:
        every = _total(counts.expand_as(said))
    misses, alarms = yes - hits, claimed - hits
    rest = every - hits - misses - alarms
    return torch.stack([rest, alarms, misses, hits], -1).view(-1, 2, 2)


def _total(mask: Tensor) -> Tensor:
    # Binary masks are (N, places), one class in all; multilabel ones (N, C, places).
    return mask.count_nonzero().reshape(1) if mask.ndim == 2 else mask.sum((0, 2))
