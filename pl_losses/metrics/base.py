"""What every metric on labels shares: one reading of targets, one way to join the ranks."""

from abc import ABC
from typing import Any, get_args

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors
from typing_extensions import override

from pl_losses.core.checks import check_choice
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.metrics.counts import Average
from pl_losses.registry import Registry

METRICS = Registry[Metric]("metric", "pl_losses.metrics")

KINDS: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")


class LabelMetric(Metric, ABC):
    """A metric that reads predictions and targets exactly as the losses do.

    An element that is ignored, or whose weight is 0, has no say; every other one counts once:
    weights, and the class weights of the labels, steer the training and not the figures. A soft
    yes-or-no target means yes from 0.5 on, and a soft distribution its likeliest class.

    With nothing seen the metric reads NaN, "no data", and does not warn.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        average: See :func:`pl_losses.metrics.counts.averaged`.

    Raises:
        ValueError: If the labels are those of a regression, or an option is not a known one.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(self, labels: LabelsLike, *, average: Average) -> None:
        super().__init__(dist_sync_fn=gather_broadcast)
        self.labels = element_labels(labels)
        check_choice("labels", self.labels.kind, KINDS)
        self.average = check_choice("average", average, get_args(Average))

    @property
    def state_key(self) -> tuple[Any, ...]:
        """What the state depends on: metrics with equal keys can share one state."""
        return (*self._defaults, repr(self.labels))

    @property
    @override
    def update_called(self) -> bool:
        """Always true: there is a reading without an update too, so none is warned of."""
        return True

    def read(
        self, pred: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return logits, target and which elements count (``None``: all), side by side."""
        elements = self.labels.arrange(pred, target, weight)
        logits, target, weight = self.labels.read(elements.pred, elements.target, elements.weight)
        return logits, target, None if weight is None else weight != 0


def element_labels(labels: LabelsLike) -> Labels:
    """Return labels that say what counts, but not how much: a copy without class weights."""
    said = Labels.of(labels)
    return Labels(said.kind, ignore_index=said.ignore_index, from_logits=said.from_logits)


def class_numbers(truth: Tensor, logits: Tensor) -> Tensor:
    """Return the number of the true class; of a distribution, that of its likeliest class."""
    return truth if truth.ndim < logits.ndim else truth.max(1).indices


def gather_broadcast(state: Tensor, group: Any = None) -> list[Tensor]:
    """Gather a state from all ranks; one that has seen nothing takes the shape of the others.

    The number of classes is first known from a prediction, so a rank without data holds a state
    of zeros with class axes of size one.
    """
    states = gather_all_tensors(state, group)
    largest = max(states, key=Tensor.numel)
    return [each.expand_as(largest) for each in states]
