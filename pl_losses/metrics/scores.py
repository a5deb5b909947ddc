"""Average precision and the best threshold: figures of one histogram of scores."""

from typing import Literal

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_choice
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import log_refusals
from pl_losses.metrics import thresholds
from pl_losses.metrics.base import METRICS, LabelMetric
from pl_losses.metrics.counts import Average


class ScoreHistogramMetric(LabelMetric):
    """A metric made from a histogram of scores, so that it knows every threshold.

    Its state ``histogram`` has shape ``(C, 2, BINS)``, int64, whatever the number of elements;
    :mod:`pl_losses.metrics.thresholds` tells its bins and their resolution. Multiclass labels
    are read one class against the rest.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        average: ``"macro"``: the mean over the classes that have truth; ``"micro"``: classes are
            pooled, and so share one threshold; ``"none"``: one figure for each class.
    """

    histogram: Tensor

    def __init__(self, labels: LabelsLike, *, average: Average = "macro") -> None:
        super().__init__(labels, average=average)
        empty = torch.zeros(1, 2, thresholds.BINS, dtype=torch.int64)
        self.add_state("histogram", empty, dist_reduce_fx="sum")

    @override
    def update(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Count the scores of a batch.

        Args:
            pred: Prediction.
            target: Truth.
            weight: Weight of each element, as for a loss; only whether it is 0 matters.
        """
        logits, target, counts = self.read(pred, target, weight)
        if self.labels.kind == "multiclass":
            truth = self.labels.likelihood(logits, target).truth
            scores = logits.log_softmax(1) - log_refusals(logits)  # the logit of each class
            counts = None if counts is None else counts.unsqueeze(1)
        else:
            truth, scores = target, logits
        if self.labels.kind == "binary":
            truth, scores = truth.unsqueeze(1), scores.unsqueeze(1)
            counts = None if counts is None else counts.unsqueeze(1)
        self.histogram = self.histogram + _histogram(truth >= 0.5, scores, counts)

    def _averaged(self, values: Tensor) -> Tensor:
        value = values.nanmean() if self.average == "macro" else values
        return value.float().to(self.histogram.device)

    @property
    def _classes(self) -> Tensor:
        return self.histogram.sum(0) if self.average == "micro" else self.histogram


@METRICS.register("average_precision")
class AveragePrecision(ScoreHistogramMetric):
    """Area under the curve of precision over recall, whatever the threshold.

    Example:
        >>> metric = AveragePrecision("binary")
        >>> metric.update(torch.tensor([3.0, 1.0, 0.5, -2.0]), torch.tensor([1, 0, 1, 0]))
        >>> metric.compute()
        tensor(0.8333)
    """

    higher_is_better = True

    @override
    def compute(self) -> Tensor:
        """Return the average precision, or with the average ``"none"`` one for each class."""
        return self._averaged(thresholds.average_precision(self._classes))


@METRICS.register("best_f1")
class BestF1(ScoreHistogramMetric):
    """F1 at the threshold at which it is best on these very data; the macro mean has one each.

    It flatters: a threshold chosen on the data that it is judged by. Choose on a part for
    validation, then ask :func:`pl_losses.metrics.thresholds.figures_at` for the test.

    Example:
        >>> metric = BestF1("binary")
        >>> metric.update(torch.tensor([3.0, 1.0, -0.5, -2.0]), torch.tensor([1, 1, 1, 0]))
        >>> metric.compute()
        tensor(1.)
    """

    higher_is_better = True

    @override
    def compute(self) -> Tensor:
        """Return the best F1, or with the average ``"none"`` one for each class."""
        return self._averaged(thresholds.best_f1(self._classes)[1])


@METRICS.register("best_threshold")
class BestThreshold(ScoreHistogramMetric):
    """Probability from which on yes should be said, for the best F1.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        average: ``"micro"``: one threshold, the best for all classes pooled; ``"none"``: one for
            each class. A mean of thresholds would be the best for none.

    Example:
        >>> metric = BestThreshold("binary")
        >>> metric.update(torch.tensor([3.0, 1.0, -0.5, -2.0]), torch.tensor([1, 1, 1, 0]))
        >>> metric.compute()
        tensor(0.3775)
    """

    def __init__(self, labels: LabelsLike, *, average: Literal["micro", "none"] = "micro") -> None:
        super().__init__(labels, average=check_choice("average", average, ("micro", "none")))

    @override
    def compute(self) -> Tensor:
        """Return the threshold, or with the average ``"none"`` one for each class."""
        return self._averaged(thresholds.best_f1(self._classes)[0])


def _histogram(truth: Tensor, scores: Tensor, counts: Tensor | None) -> Tensor:
    classes, bins = scores.shape[1], thresholds.BINS
    rows = truth + 2 * torch.arange(classes, device=scores.device).view(-1, 1)
    index = rows * bins + thresholds.bin_of(scores)
    counted = torch.ones_like(index) if counts is None else counts.expand_as(index).long()
    # Not bincount, which makes the host wait for the device to tell the largest index.
    table = index.new_zeros(classes * 2 * bins).scatter_add_(0, index.flatten(), counted.flatten())
    return table.view(classes, 2, bins)
