"""A stage of training: which part of the model learns, how, and until when. A line of data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from pl_losses.core.checks import check_at_least, check_choice, check_number
from pl_losses.stages.construction import Recipe, check_recipe

PATIENCE = 5
"""Validations without improvement after which a monitored stage counts as converged."""

OPTIMIZERS = "torch.optim"
SCHEDULERS = "torch.optim.lr_scheduler"
SCHEDULER_KEYS = ("interval", "frequency", "monitor", "strict", "name")


@dataclass(frozen=True)
class Stage:
    """One stage of a schedule; everything it does not train is frozen.

    A stage ends at the end of an epoch: when its monitor has converged or has reached the
    threshold, or after so many epochs or steps, whichever comes first. Without any of these
    it lasts until the trainer stops, which only the last stage may do.

    Args:
        train: Names of the modules to train, with wildcards if need be (``"encoder.layer*"``),
            or ``"all"``. What the user froze himself stays frozen, unless it is frozen as a
            whole and named without wildcards.
        freeze: In place of ``train``: the names of what is *not* trained.
        monitor: Logged value that tells when the stage has converged.
        mode: Whether a smaller or a larger value is better, ``"min"`` or ``"max"``.
        patience: Validations without improvement (epochs, for a value logged in training) that
            mean convergence; 5 unless given.
        min_delta: A change not larger than this is no improvement.
        threshold: A value as good as this ends the stage at once.
        min_epochs: Epochs before which the monitor ends nothing.
        max_epochs: Epochs after which the stage ends.
        max_steps: Optimizer steps after which the stage ends, rounded up to whole epochs.
        restore_best: Whether the stage ends with the weights of its best validation.
        optimizer: Optimizer of this stage alone: a class path, a mapping with ``class_path`` and
            ``init_args``, or a factory that takes parameter groups. Otherwise the module's own.
        lr_scheduler: Scheduler of this stage alone; a mapping may also have ``interval``,
            ``frequency``, ``monitor``, ``strict`` and ``name``; a factory takes the optimizer.
        tasks: New weights of some tasks; a task of weight 0 is switched off.
        balancer: Balancer of this stage alone.
        norm: ``"eval"`` keeps the running statistics of frozen normalisations; ``"train"`` lets
            them adapt.
        name: Name in logs and tables; made from ``train`` or ``freeze`` unless given.

    Raises:
        ValueError: If options are out of range or contradict each other.
        LookupError: If the class or an argument of an optimizer or scheduler is unknown.

    Example:
        >>> stage = Stage(train=["seg"], monitor="val/seg/loss", max_epochs=20)
        >>> stage.title, stage.until
        ('seg', 'val/seg/loss is no better for 5 checks, or 20 epochs')
    """

    train: str | Sequence[str] | None = None
    freeze: str | Sequence[str] | None = None
    monitor: str | None = None
    mode: Literal["min", "max"] = "min"
    patience: int | None = None
    min_delta: float = 0.0
    threshold: float | None = None
    min_epochs: int = 1
    max_epochs: int | None = None
    max_steps: int | None = None
    restore_best: bool = False
    optimizer: Recipe | None = None
    lr_scheduler: Recipe | None = None
    tasks: Mapping[str, float] | None = None
    balancer: Any = None
    norm: Literal["eval", "train"] = "eval"
    name: str | None = None

    def __post_init__(self) -> None:
        if (self.train is None) == (self.freeze is None):
            raise ValueError(
                "A stage must have either `train` or `freeze`;"
                f" got train={self.train!r}, freeze={self.freeze!r}."
            )
        object.__setattr__(self, "train", _names("train", self.train))
        object.__setattr__(self, "freeze", _names("freeze", self.freeze))
        check_choice("mode", self.mode, ("min", "max"))
        check_choice("norm", self.norm, ("eval", "train"))
        self._check_limits()
        self._check_monitor()
        self._check_recipes()

    def written(self) -> dict[str, Any]:
        """The options that differ from their defaults, as a config file says them."""
        options = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        said = {key: value for key, (value, default) in options.items() if value != default}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in said.items()}

    @property
    def title(self) -> str:
        """The name of the stage, given or made."""
        made = "+".join(self.train or ()) or "not " + "+".join(self.freeze or ())
        return self.name or made

    @property
    def owns_optimizer(self) -> bool:
        """Whether the stage begins with a new optimizer: its own, or one for its balancer."""
        return any(each is not None for each in (self.optimizer, self.lr_scheduler, self.balancer))

    @property
    def checks(self) -> int:
        """Checks of the monitor without improvement that mean convergence."""
        return PATIENCE if self.patience is None else self.patience

    @property
    def until(self) -> str:
        """When the stage ends, in words."""
        ends = []
        if self.monitor is not None:
            ends.append(f"{self.monitor} is no better for {self.checks} checks")
        if self.threshold is not None:
            sign = "<=" if self.mode == "min" else ">="
            ends.append(f"{self.monitor} {sign} {self.threshold:g}")
        if self.max_epochs is not None:
            ends.append(f"{self.max_epochs} epochs")
        if self.max_steps is not None:
            ends.append(f"{self.max_steps} steps")
        return ", or ".join(ends) or "the trainer stops"

    def _check_limits(self) -> None:
        check_at_least("min_epochs", self.min_epochs, 1)
        if self.max_epochs is not None:
            check_at_least("max_epochs", self.max_epochs, self.min_epochs)
        if self.max_steps is not None:
            check_at_least("max_steps", self.max_steps, 1)
        for task, weight in (self.tasks or {}).items():
            check_at_least(f"tasks[{task!r}]", weight, 0)

    def _check_monitor(self) -> None:
        check_at_least("min_delta", self.min_delta, 0)
        if self.patience is not None:
            check_at_least("patience", self.patience, 1)
        if self.threshold is not None:
            check_number("threshold", self.threshold)
        if self.monitor is not None:
            return
        for option in ("mode", "patience", "min_delta", "threshold", "restore_best"):
            value = getattr(self, option)
            if value != type(self).__dataclass_fields__[option].default:
                raise ValueError(f"`{option}` must come with a `monitor`; got {value!r} alone.")

    def _check_recipes(self) -> None:
        if self.optimizer is not None:
            check_recipe("optimizer", self.optimizer, OPTIMIZERS)
        if self.lr_scheduler is not None:
            check_recipe("lr_scheduler", self.lr_scheduler, SCHEDULERS, SCHEDULER_KEYS)


def _names(option: str, names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    listed = (names,) if isinstance(names, str) else tuple(names)
    if not listed or not all(isinstance(each, str) and each for each in listed):
        raise ValueError(f"`{option}` must be one or more names of modules; got {names!r}.")
    return listed
