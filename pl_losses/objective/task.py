"""A task: one prediction, what its target means, and the losses and metrics that judge it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from typing_extensions import override

from pl_losses.core.precision import upcast
from pl_losses.losses import Loss
from pl_losses.metrics import build_metrics
from pl_losses.specs import TaskSpec

INTERPOLATION = {3: "linear", 4: "bilinear", 5: "trilinear"}


class TaskOutput(NamedTuple):
    """What a model says for one task, and what was to be said.

    Attributes:
        pred: Prediction, or a list of side outputs for the same target, the finest first.
        target: Truth; ``None`` if this batch has none for the task.
        weight: Weight of each element (broadcastable), or of each sample ``(N,)``; 0 is ignored.
    """

    pred: Tensor | Sequence[Tensor]
    target: Tensor | None
    weight: Tensor | None = None


class Task(nn.Module):
    """One task: the weighted sum of its losses.

    Args:
        losses: One loss, a list, or a mapping from names to losses or their options. A loss is a
            registered name, a mapping ``{name: …, weight: …, options}``, a mapping
            ``{class_path: …, init_args: …, weight: …}``, or any ``torch.nn.Module``.
        labels: What the target means: a kind, or a mapping of the options of ``Labels``. Losses
            on boxes and numbers need none.
        metrics: Metrics, by the same rule; torchmetrics' own are accepted by ``class_path``.
        weight: How hard the task pulls; 0 switches it off, and then nothing of it is computed.

    Raises:
        LookupError: If a name is unknown, with the one that was meant.
        ValueError: If an option is out of range, or options contradict each other.

    Example:
        >>> task = Task({"cross_entropy": {}, "dice": {"weight": 0.5}}, labels="binary")
        >>> task
        Task(cross_entropy + 0.5 dice, Labels(binary))
    """

    def __init__(
        self,
        losses: Any,
        *,
        labels: str | Mapping[str, Any] | None = None,
        metrics: Sequence[Any] = (),
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.spec = TaskSpec.read(
            {"losses": losses, "labels": labels, "metrics": metrics, "weight": weight}
        )
        self.weight = self.spec.weight
        self.labels = self.spec.build_labels()
        self.losses = nn.ModuleDict(self.spec.build_losses(self.labels))
        self.term_weights = {name: term.weight for name, term in self.spec.terms.items()}
        for name in self.spec.build_metrics(self.labels):
            if name in self.losses or name == "loss":
                raise ValueError(
                    f"Losses and metrics of a task must have different names; got {name!r} twice."
                )

    @classmethod
    def of(cls, value: "Task | TaskSpec | Any") -> "Task":
        """Return a task for whatever may stand for one."""
        if isinstance(value, Task):
            return value
        spec = TaskSpec.read(value)
        return cls(dict(spec.terms), labels=spec.labels, metrics=spec.metrics, weight=spec.weight)

    def build_metrics(self) -> MetricCollection:
        """Return new metrics of the task, which share what they count."""
        return build_metrics(self.spec.build_metrics(self.labels), self.labels or "regression")

    def terms(self, output: TaskOutput) -> list[Tensor]:
        """Return the losses of the task, one after the other, unweighted."""
        return [self._term(loss, output) for loss in self.losses.values()]

    def present(self, output: TaskOutput) -> Tensor | bool:
        """Return whether the output has anything to learn from.

        Only what ignoring makes uncertain is a tensor; it stays on its device.
        """
        pred, target, weight = main_output(output.pred), output.target, output.weight
        if target is None or pred.numel() == 0 or target.numel() == 0:
            return False
        if self.labels is None:
            return True if weight is None else (weight > 0).any()
        if weight is None and self.labels.ignore_index is None:
            return True
        elements = self.labels.arrange(pred.detach(), target, weight)
        ignored = self.labels.ignored(*elements.parts)
        return True if ignored is None else ~ignored.all()

    def _term(self, loss: nn.Module, output: TaskOutput) -> Tensor:
        if isinstance(output.pred, Tensor):
            return self._value(loss, output.pred, output)
        shares = [2.0**-level for level in range(len(output.pred))]
        values = [
            share / sum(shares) * self._value(loss, fit_places(pred, output.target), output)
            for share, pred in zip(shares, output.pred, strict=True)
        ]
        return torch.stack(values).sum()

    def _value(self, loss: nn.Module, pred: Tensor, output: TaskOutput) -> Tensor:
        if output.target is None:
            return attached_zero(pred)
        if isinstance(loss, Loss):
            value: Tensor = loss(pred, output.target, output.weight)
        elif output.weight is None:
            value = upcast(loss(pred, output.target))
        else:
            raise ValueError(
                f"`weight` must be None for {type(loss).__name__}, a loss of another library, "
                "which takes none; got a tensor."
            )
        if value.ndim:
            raise ValueError(
                f"{type(loss).__name__} must return a scalar in a task; got shape "
                f"{tuple(value.shape)} (its reduction is probably 'none')."
            )
        return value

    @override
    def __repr__(self) -> str:
        terms = " + ".join(
            name if weight == 1 else f"{weight:g} {name}"
            for name, weight in self.term_weights.items()
        )
        labels = "" if self.labels is None else f", {self.labels}"
        weight = "" if self.weight == 1 else f", weight={self.weight:g}"
        return f"Task({terms}{labels}{weight})"


def main_output(pred: Tensor | Sequence[Tensor]) -> Tensor:
    """Return the prediction that counts: the first, finest of several side outputs."""
    return pred if isinstance(pred, Tensor) else pred[0]


def attached_zero(pred: Tensor) -> Tensor:
    """Return a zero that keeps ``pred`` in the graph, with a gradient of zeros.

    A sum over an empty part, not ``0 * pred``, which is nan where the prediction is infinite.
    """
    return pred.reshape(-1)[:0].float().sum()


def fit_places(pred: Tensor, target: Tensor | None) -> Tensor:
    """Resize a side output to the places of its target, linearly.

    The prediction is enlarged, not the target shrunk: a thin structure would be lost from it.
    """
    if target is None or pred.ndim not in INTERPOLATION:
        return pred
    places = target.shape[-(pred.ndim - 2) :]
    if pred.shape[2:] == places:
        return pred
    return F.interpolate(pred, size=places, mode=INTERPOLATION[pred.ndim], align_corners=False)
