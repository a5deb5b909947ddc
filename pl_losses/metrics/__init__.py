"""Metrics: a few shared states, and the figures that are read from them."""

from pl_losses.metrics.base import METRICS as METRICS, LabelMetric as LabelMetric
from pl_losses.metrics.confusion import (
    F1 as F1,
    Accuracy as Accuracy,
    ConfusionMetric as ConfusionMetric,
    IoU as IoU,
    Precision as Precision,
    Recall as Recall,
)
from pl_losses.metrics.group import build_metrics as build_metrics
from pl_losses.metrics.scores import (
    AveragePrecision as AveragePrecision,
    BestF1 as BestF1,
    BestThreshold as BestThreshold,
    ScoreHistogramMetric as ScoreHistogramMetric,
)
from pl_losses.metrics.selection import SelectedMetric as SelectedMetric
