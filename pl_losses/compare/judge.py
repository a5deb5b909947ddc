"""How good a trained model is, at one half and at a threshold chosen without the test data."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from pl_losses.lightning import LightningModule
from pl_losses.metrics import ScoreHistogramMetric, build_metrics, thresholds
from pl_losses.mixins import MultiTaskMixin
from pl_losses.objective import TaskOutput
from pl_losses.objective.task import main_output

NAMES = ("precision", "recall", "f1", "iou")
PICTURES = 4


def judge(
    module: MultiTaskMixin, task: str, validation: Iterable[Any], test: Iterable[Any]
) -> dict[str, float | None]:
    """Return the figures of one task on the test data.

    Binary labels: at the threshold one half, and at the one with the best F1 on the validation
    data; pooled over all elements, with no tolerance for places. Other labels: the mean over the
    classes, each element given to its most probable one.

    Args:
        module: The trained model.
        task: Name of the task.
        validation: Batches held out of the training data, on which the threshold is chosen.
        test: Batches that nothing was chosen on.
    """
    labels = module.objective.task(task).labels
    if labels is None or labels.kind == "regression":
        raise ValueError(f"Only tasks with labels can be compared; {task!r} has none.")
    if labels.kind != "binary":
        return _judge_classes(module, task, test)
    threshold, _ = thresholds.best_f1(_histogram(module, task, validation).squeeze(0))
    histogram = _histogram(module, task, test).squeeze(0)
    chosen = float(threshold) if not torch.isnan(threshold) else None
    figures = _at(histogram, 0.5, "")
    figures["threshold"] = chosen
    figures.update(_at(histogram, chosen, "best_") if chosen is not None else {})
    figures["average_precision"] = _number(thresholds.average_precision(histogram))
    return figures


def pictures(module: MultiTaskMixin, task: str, test: Iterable[Any]) -> dict[str, Tensor]:
    """Return the first few test images with truth and probabilities; empty if there are none."""
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for batch in test:
        inputs = batch[0] if isinstance(batch, tuple | list) else None
        output = _outputs(module, batch)[task]
        pred = main_output(output.pred)
        if not isinstance(inputs, Tensor) or inputs.ndim != 4 or output.target is None:
            return {}
        if pred.ndim != 4 or pred.shape[1] != 1:
            return {}
        rows = zip(inputs, output.target, pred.sigmoid().float(), strict=True)
        found += [(image.cpu(), truth.cpu(), each.cpu()) for image, truth, each in rows]
        if len(found) >= PICTURES:
            break
    if not found:
        return {}
    images, truths, probabilities = (
        torch.stack([row[at] for row in found[:PICTURES]]) for at in range(3)
    )
    return {"images": images, "truths": truths.reshape(probabilities.shape), "pred": probabilities}


def _judge_classes(
    module: MultiTaskMixin, task: str, test: Iterable[Any]
) -> dict[str, float | None]:
    metrics = build_metrics([*NAMES, "average_precision"], _labels(module, task))
    _update(metrics, module, task, test)
    return {name: _number(value) for name, value in metrics.compute().items()}


def _histogram(module: MultiTaskMixin, task: str, batches: Iterable[Any]) -> Tensor:
    metrics = build_metrics(["average_precision"], _labels(module, task))
    _update(metrics, module, task, batches)
    metric = metrics["average_precision"]
    if not isinstance(metric, ScoreHistogramMetric):
        raise TypeError("The average precision keeps no histogram.")
    return metric.histogram


def _labels(module: MultiTaskMixin, task: str) -> Any:
    return module.objective.task(task).labels


@torch.no_grad()
def _update(
    metrics: MetricCollection, module: MultiTaskMixin, task: str, batches: Iterable[Any]
) -> None:
    metrics.to(module.device)
    for batch in batches:
        output = _outputs(module, batch)[task]
        if output.target is not None:
            metrics.update(main_output(output.pred), output.target, output.weight)


@torch.no_grad()
def _outputs(module: MultiTaskMixin, batch: Any) -> dict[str, TaskOutput]:
    if not isinstance(module, LightningModule):
        raise TypeError("A model to compare must be a LightningModule.")
    module.eval()
    moved = module.transfer_batch_to_device(batch, module.device, 0)
    return module.outputs(moved)


def _at(histogram: Tensor, threshold: float, prefix: str) -> dict[str, float | None]:
    found = thresholds.figures_at(histogram, threshold)
    return {f"{prefix}{name}": _number(getattr(found, name)) for name in NAMES}


def _number(value: Tensor) -> float | None:
    number = float(value)
    return None if number != number else number
