"""Metrics of other libraries, given only the elements that count."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.wrappers.abstract import WrapperMetric
from typing_extensions import override

from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.metrics.base import class_numbers, element_labels


class SelectedMetric(WrapperMetric):
    """A metric whose ``update`` takes prediction and target, kept from what does not count.

    It gets numbers as they are for regression, else probabilities and whole-number targets, so
    that it need not guess whether they are logits. They come

    - in the shape that they have, if nothing can be left out: no ``ignore_index``, no weight;
    - without the samples of weight 0, if all there is is one weight for each sample of binary
      labels or a regression;
    - otherwise as a list of elements, ``(M,)`` or for multiclass labels ``(M, C)`` with ``(M,)``,
      for an image with holes is no image. Multiclass labels always ignore -100; of multilabel
      ones the list mixes the classes.

    In the last two cases the host must learn how many are left, and waits for an accelerator
    once in each update; this package's own metrics do not. With nothing seen it reads NaN.

    Args:
        metric: The metric.
        labels: What the target means: a kind, or ``Labels``.

    Example:
        >>> from torchmetrics import MeanAbsoluteError
        >>> from pl_losses import Labels
        >>> labels = Labels("regression", ignore_index=float("nan"))
        >>> metric = SelectedMetric(MeanAbsoluteError(), labels)
        >>> metric.update(torch.tensor([1.0, 2.0]), torch.tensor([1.5, torch.nan]))
        >>> metric.compute()
        tensor(0.5000)
    """

    def __init__(self, metric: Metric, labels: LabelsLike) -> None:
        super().__init__()
        self.metric = metric
        self.updates = UpdateCount()
        self.labels = element_labels(labels)

    @override
    def update(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Hand a batch on, unless nothing in it counts."""
        with torch.no_grad():
            values, truth = self._select(pred, target, weight)
        if len(values) > 0:
            self.metric.update(values, truth)
            self.updates.update()

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Any:
        """Hand a batch on, and return what the metric says of it alone."""
        values, truth = self._select(pred, target, weight)
        if len(values) == 0:
            return values.new_full((), torch.nan)
        self.updates.update()
        return self.metric(values, truth)

    @override
    def compute(self) -> Any:
        """Return what the metric says of all that was handed on."""
        value, updates = self.metric.compute(), self.updates.compute()
        return torch.where(updates > 0, value, torch.nan) if isinstance(value, Tensor) else value

    @override
    def reset(self) -> None:
        """Forget what was handed on."""
        super().reset()
        self.metric.reset()
        self.updates.reset()

    @override
    def persistent(self, mode: bool = False) -> None:
        """Say whether the states go into the ``state_dict``."""
        self.metric.persistent(mode)
        self.updates.persistent(mode)

    def _select(self, pred: Tensor, target: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        elements = self.labels.arrange(pred, target, weight)
        values, truth, counts = self._read(elements)
        shaped = values.reshape(pred.shape), truth.reshape(elements.shape)
        if counts is None:
            return shaped
        given = elements.weight
        if self.labels.ignore_index is None and given is not None and given.shape[1:] == (1,):
            samples = given[:, 0] != 0
            return shaped[0][samples], shaped[1][samples]
        if self.labels.kind == "multiclass":
            values = values.movedim(1, -1)
        return values[counts], truth[counts]

    def _read(self, elements: Elements) -> tuple[Tensor, Tensor, Tensor | None]:
        values, truth, weight = self.labels.read(elements.pred, elements.target, elements.weight)
        counts = None if weight is None else weight != 0
        if self.labels.kind == "regression":
            return values, truth, counts
        if self.labels.kind == "multiclass":
            return values.softmax(1), class_numbers(truth, values), counts
        return values.sigmoid(), (truth >= 0.5).long(), counts


class UpdateCount(Metric):
    """How many updates there were, on all ranks together."""

    full_state_update = False
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    @property
    @override
    def update_called(self) -> bool:
        """Always true: no update is a number too, so none is warned of."""
        return True

    @override
    def update(self) -> None:
        """Count one more."""
        self.count = self.count + 1

    @override
    def compute(self) -> Tensor:
        """Return the number, a scalar."""
        return self.count
