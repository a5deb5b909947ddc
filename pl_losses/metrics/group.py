"""Metrics of one task as a collection in which each state is updated once."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torchmetrics import Metric, MetricCollection

from pl_losses.core.labels import LabelsLike
from pl_losses.metrics.base import METRICS, LabelMetric
from pl_losses.metrics.selection import SelectedMetric


def build_metrics(
    metrics: Sequence[str | Metric] | Mapping[str, Metric | Mapping[str, Any]],
    labels: LabelsLike,
    *,
    prefix: str | None = None,
) -> MetricCollection:
    """Return a collection that takes ``update(pred, target, weight=None)``.

    Metrics that read one state, as precision, recall, F1 and IoU do, share it: one of them is
    updated for all. Which do is known beforehand, so no states are compared in the first step.

    Args:
        metrics: Registered names, or metrics, named by their class; or a mapping from names to
            metrics, and from registered names to options. A metric whose ``update`` takes no
            ``weight`` becomes a :class:`pl_losses.metrics.selection.SelectedMetric`.
        labels: What the targets of the task mean.
        prefix: What stands before each name in the results.

    Raises:
        ValueError: If two metrics have one name, or an option or the labels do not suit a metric.
        LookupError: If a name is not a registered one.

    Example:
        >>> import torch
        >>> metrics = build_metrics(["precision", "recall"], "binary", prefix="val/")
        >>> metrics.update(torch.tensor([1.0, 1.0, -1.0]), torch.tensor([1, 0, 1]))
        >>> metrics.compute()
        {'val/precision': tensor(0.5000), 'val/recall': tensor(0.5000)}
    """
    if not isinstance(metrics, Mapping):
        metrics = _named(metrics)
    built = {name: _built(name, each, labels) for name, each in metrics.items()}
    states: dict[object, list[str]] = {}
    for name, metric in built.items():
        key = metric.state_key if isinstance(metric, LabelMetric) else name
        states.setdefault(key, []).append(name)
    return MetricCollection(
        dict(built.items()), prefix=prefix, compute_groups=list(states.values())
    )


def _named(metrics: Sequence[str | Metric]) -> dict[str, Metric | Mapping[str, Any]]:
    named: dict[str, Metric | Mapping[str, Any]] = {}
    for each in metrics:
        name = each if isinstance(each, str) else _snake_case(type(each).__name__)
        if name in named:
            raise ValueError(f"`metrics` must have different names; got {name!r} twice.")
        named[name] = {} if isinstance(each, str) else each
    return named


def _built(name: str, given: Metric | Mapping[str, Any], labels: LabelsLike) -> Metric:
    metric = given if isinstance(given, Metric) else METRICS.build(name, labels=labels, **given)
    takes_weight = "weight" in inspect.signature(metric.update).parameters
    return metric if takes_weight else SelectedMetric(metric, labels)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
