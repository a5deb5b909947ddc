"""What a user may write for a task: its losses, labels, metrics and weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torchmetrics import Metric

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import Labels
from pl_losses.losses import LOSSES
from pl_losses.metrics import METRICS
from pl_losses.registry import unknown
from pl_losses.specs.choice import Choice
from pl_losses.specs.options import REQUIRED, check_options, options_of

CONTEXT = ("labels",)
LABEL_OPTIONS = ("class_weights", "ignore_index", "from_logits")
TASK_KEYS = ("losses", "labels", "metrics", "weight")


@dataclass(frozen=True)
class TermSpec:
    """One loss of a task.

    Attributes:
        choice: The loss.
        weight: Its weight in the task's sum.
        labels: Where this loss reads the target differently from the rest of its task.
    """

    choice: Choice
    weight: float = 1.0
    labels: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, value: Any) -> "TermSpec":
        """Read a loss, whose mapping may also have a ``weight`` and options of labels."""
        if isinstance(value, TermSpec):
            return value
        weight, labels = 1.0, {}
        if isinstance(value, Mapping):
            value = dict(value)
            weight = check_at_least("weight", value.pop("weight", 1.0), 0)
            if (
                isinstance(value.get("name"), str)
                and value["name"] in LOSSES
                and "labels" in options_of(LOSSES[value["name"]])
            ):
                labels = {key: value.pop(key) for key in LABEL_OPTIONS if key in value}
                labels = check_options(f"loss {value['name']!r}", Labels, labels)
        return cls(Choice.read(value, LOSSES, nn.Module, CONTEXT), weight, labels)

    def build(self, labels: Labels | None, own: Mapping[str, Any] | None) -> nn.Module:
        """Make the loss.

        Args:
            labels: The labels of the task, shared by all its losses that read them alike.
            own: What the labels were made from.

        Raises:
            ValueError: If the loss must know what its target means, and nothing says so.
        """
        if self.labels:
            labels = Labels(**{"kind": "regression", **(own or {}), **self.labels})
        if labels is None and self._needs_labels:
            raise ValueError(
                f"Loss {self.choice.name!r} needs `labels` beside it in its task: binary, "
                "multiclass or multilabel."
            )
        context = {} if labels is None else {"labels": labels}
        built = self.choice.build(**context)
        if not isinstance(built, nn.Module):
            raise ValueError(f"A loss must be a torch.nn.Module; got {type(built).__name__}.")
        return built

    @property
    def _needs_labels(self) -> bool:
        cls = self.choice.cls
        option = None if cls is None else options_of(cls).get("labels")
        return option is not None and option.default is REQUIRED

    def written(self) -> dict[str, Any]:
        """Return the mapping that reads back as this term, with every default."""
        return {**self.choice.written(CONTEXT), **self.labels, "weight": self.weight}


class TaskSpec:
    """A task that is described, not built.

    It is no dataclass, as config parsers take those apart by themselves.

    Args:
        terms: Its losses by name.
        labels: What its target means, as options of ``Labels``; ``None`` if no loss needs it.
        metrics: Its metrics.
        weight: How hard the task pulls; 0 switches it off.

    Example:
        >>> losses = {"dice": {}, "focal": {"gamma": 3, "weight": 0.5}}
        >>> spec = TaskSpec.read({"labels": "binary", "losses": losses})
        >>> spec.terms["focal"].choice.options, spec.terms["focal"].weight
        ({'gamma': 3.0}, 0.5)
    """

    def __init__(
        self,
        terms: Mapping[str, TermSpec],
        labels: Mapping[str, Any] | None = None,
        metrics: tuple[Choice, ...] = (),
        weight: float = 1.0,
    ) -> None:
        self.terms = terms
        self.labels = labels
        self.metrics = metrics
        self.weight = weight

    @classmethod
    def read(cls, value: Any) -> "TaskSpec":
        """Read a mapping with ``losses``, or the losses alone.

        Raises:
            LookupError: If a key, name or option is unknown, with the one that was meant.
            ValueError: If something is missing or of the wrong type, or options contradict.
        """
        if isinstance(value, TaskSpec):
            return value
        if not isinstance(value, Mapping) or {"name", "class_path"} & set(value):
            value = {"losses": value}
        for key in value:
            if "." in str(key):
                raise ValueError(
                    "A task must be given as a whole, as {losses: …}; got the dotted key "
                    f"{key!r}."
                )
            if key not in TASK_KEYS:
                raise LookupError(unknown("key of a task:", key, TASK_KEYS, label="Keys"))
        if "losses" not in value:
            raise ValueError(f"A task needs `losses`; got only {', '.join(value) or 'nothing'}.")
        metrics = value.get("metrics") or ()
        spec = cls(
            read_terms(value["losses"]),
            _read_labels(value.get("labels")),
            tuple(
                Choice.read(each, METRICS, Metric, CONTEXT)
                for each in ([metrics] if isinstance(metrics, str | Mapping) else metrics)
            ),
            check_at_least("weight", value.get("weight", 1.0), 0),
        )
        spec.build_losses()  # what contradicts itself is to say so now, not when training begins
        return spec

    def build_labels(self) -> Labels | None:
        """Make the labels of the task."""
        return None if self.labels is None else Labels(**self.labels)

    def build_losses(self, labels: Labels | None = None) -> dict[str, nn.Module]:
        """Make the losses of the task."""
        labels = labels or self.build_labels()
        return {name: term.build(labels, self.labels) for name, term in self.terms.items()}

    def build_metrics(self, labels: Labels | None = None) -> dict[str, Metric]:
        """Make the metrics of the task, by name."""
        labels = labels or self.build_labels()
        context = {} if labels is None else {"labels": labels}
        return {each.name.rpartition(".")[2]: each.build(**context) for each in self.metrics}

    def written(self) -> dict[str, Any]:
        """Return the mapping that reads back as this task, with every default."""
        return {
            "labels": None if self.labels is None else dict(self.labels),
            "losses": {name: term.written() for name, term in self.terms.items()},
            "metrics": [each.written(CONTEXT) for each in self.metrics],
            "weight": self.weight,
        }


def read_terms(value: Any) -> dict[str, TermSpec]:
    """Read one loss, a list of losses, or a mapping from names to losses or their options.

    Raises:
        ValueError: If there is no loss, or two have the same name.
    """
    if isinstance(value, Mapping) and not {"name", "class_path"} & set(value):
        terms = {str(name): TermSpec.read(_named(name, each)) for name, each in value.items()}
    else:
        single = isinstance(value, str | Mapping | nn.Module | TermSpec)
        listed = [value] if single or not isinstance(value, Sequence) else value
        read = [TermSpec.read(each) for each in listed]
        names = [term.choice.name.rpartition(".")[2] for term in read]
        if len(set(names)) < len(names):
            raise ValueError(
                "Losses of one task must have different names; give each its own in a mapping "
                f"{{my_name: {{name: …}}}}; got {names}."
            )
        terms = dict(zip(names, read, strict=True))
    if not terms:
        raise ValueError("A task needs at least one loss; got none.")
    for name in terms:
        if not name or "." in name or "/" in name:
            raise ValueError(f"The name of a loss must have no '.' and no '/'; got {name!r}.")
    return terms


def _named(name: Any, value: Any) -> Any:
    if value is None:
        return {"name": name}
    if isinstance(value, Mapping) and not {"name", "class_path"} & set(value):
        return {"name": name, **value}
    return value


def _read_labels(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"`labels` must be a kind or a mapping with `kind`; got {value!r}.")
    checked = check_options("labels", Labels, value)
    Labels(**checked)
    return {"kind": "multiclass", **checked}
