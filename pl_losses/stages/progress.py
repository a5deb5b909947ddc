"""How far a schedule has come: a small state, and the functions that move it on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pl_losses.stages.stage import Stage


@dataclass(frozen=True)
class Ended:
    """What a finished stage did.

    Attributes:
        name: Name of the stage.
        epochs: Epochs it trained.
        steps: Optimizer steps it took.
        best: Best value of its monitor, if it had one.
        reason: Why it ended.
        proof: What its checksums say of frozen and of trained weights.
    """

    name: str
    epochs: int
    steps: int
    best: float | None
    reason: str
    proof: str = ""


@dataclass(frozen=True)
class Progress:
    """The whole state of a schedule; it is saved in the checkpoint.

    Attributes:
        stage: Index of the present stage.
        epochs: Epochs that it has begun.
        epoch: The trainer's index of the last of them; None between two fits.
        steps: Optimizer steps it has taken, as of ``mark``.
        mark: The trainer's count of steps when it was last looked at.
        best: Best value of the monitor in this stage.
        bad: Checks of the monitor since then.
        done: Whether the last stage has ended.
        history: The stages before this one.
    """

    stage: int = 0
    epochs: int = 0
    epoch: int | None = None
    steps: int = 0
    mark: int = 0
    best: float | None = None
    bad: int = 0
    done: bool = False
    history: tuple[Ended, ...] = ()

    def saved(self) -> dict[str, Any]:
        """The state in plain numbers, strings and lists."""
        return asdict(self) | {"history": [asdict(each) for each in self.history]}

    @classmethod
    def loaded(cls, saved: Mapping[str, Any]) -> "Progress":
        """The state that :meth:`saved` gave, perhaps in an older version, which had less to say."""
        history = tuple(Ended(**each) for each in saved.get("history", ()))
        return cls(**{**saved, "history": history})


def unknown_fields(saved: Mapping[str, Any]) -> list[str]:
    """Return the names in a saved state that mean nothing here: a newer version wrote them.

    Example:
        >>> unknown_fields({**Progress().saved(), "mood": "good"})
        ['mood']
    """
    known = {each.name for kind in (Progress, Ended) for each in fields(kind)}
    said = [*saved, *(name for each in saved.get("history", ()) for name in each)]
    return [name for name in dict.fromkeys(said) if name not in known]


def epoch_begun(progress: Progress, epoch: int) -> Progress:
    """Count an epoch.

    Counted at its start, so that a checkpoint from anywhere in the epoch has it counted once.
    """
    return replace(progress, epochs=progress.epochs + 1, epoch=epoch)


def fit_ended(progress: Progress) -> Progress:
    """Forget the trainer's count of epochs; the next trainer has another."""
    return replace(progress, epoch=None)


def stepped(progress: Progress, step: int) -> Progress:
    """Count the steps since the last look; a new trainer counts from zero again.

    Example:
        >>> stepped(stepped(Progress(steps=10, mark=100), 3), 7).steps
        14
    """
    since = step - progress.mark
    return replace(progress, steps=progress.steps + max(since, 0), mark=step)


def improves(stage: Stage, value: float, best: float | None) -> bool:
    """Tell whether a value of the monitor is better than the best; NaN never is."""
    if math.isnan(value):
        return False
    gain = value if best is None else (best - value if stage.mode == "min" else value - best)
    return best is None or gain > stage.min_delta


def observed(progress: Progress, stage: Stage, value: float) -> Progress:
    """Take note of a value of the monitor.

    Example:
        >>> stage = Stage(train="seg", monitor="val/loss", min_delta=0.1)
        >>> progress = observed(observed(Progress(), stage, 1.0), stage, 0.95)
        >>> progress.best, progress.bad
        (1.0, 1)
    """
    if improves(stage, value, progress.best):
        return replace(progress, best=value, bad=0)
    return replace(progress, bad=progress.bad + 1)


def why_ended(progress: Progress, stage: Stage) -> str | None:
    """Return why the stage is over at the end of an epoch, or None while it is not.

    Example:
        >>> why_ended(Progress(epochs=20), Stage(train="seg", max_epochs=20))
        '20 epochs'
    """
    if stage.max_epochs is not None and progress.epochs >= stage.max_epochs:
        return f"{stage.max_epochs} epochs"
    if stage.max_steps is not None and progress.steps >= stage.max_steps:
        return f"{stage.max_steps} steps"
    if stage.monitor is None or progress.epochs < stage.min_epochs:
        return None
    if _reached(stage, progress.best):
        return f"{stage.monitor} reached {stage.threshold:g}"
    if progress.bad >= stage.checks:
        return f"{stage.monitor} no better for {progress.bad} checks"
    return None


def _reached(stage: Stage, best: float | None) -> bool:
    if stage.threshold is None or best is None:
        return False
    return best <= stage.threshold if stage.mode == "min" else best >= stage.threshold


def ended(progress: Progress, stage: Stage, reason: str, proof: str = "") -> Ended:
    """The record of the present stage."""
    return Ended(stage.title, progress.epochs, progress.steps, progress.best, reason, proof)


def moved_on(progress: Progress, record: Ended, stages: Sequence[Stage]) -> Progress:
    """Begin the next stage; after the last one, the schedule is done."""
    history = (*progress.history, record)
    if progress.stage + 1 == len(stages):
        return replace(progress, history=history, done=True)
    return Progress(stage=progress.stage + 1, mark=progress.mark, history=history)


def fewest_epochs(stage: Stage) -> float:
    """The fewest epochs the stage can last: its full length if nothing can cut it short."""
    if stage.monitor is not None or stage.max_steps is not None:
        return stage.min_epochs
    return math.inf if stage.max_epochs is None else stage.max_epochs


def check_schedule(stages: Sequence[Stage], max_epochs: int | None = None) -> None:
    """Refuse a schedule in which a stage can never run.

    Args:
        stages: The stages in order.
        max_epochs: Epochs of the trainer; None or -1 is without limit.

    Raises:
        ValueError: If there is no stage, or one comes after a stage without end or after
            the trainer's last epoch.
    """
    if not stages:
        raise ValueError("`stages` must have at least one stage; got none.")
    limit = math.inf if max_epochs in (None, -1) else max_epochs
    begin: float = 0
    for index, stage in enumerate(stages):
        if begin == math.inf:
            before = stages[index - 1].title
            raise ValueError(
                f"The stage {before!r} must have an end (`monitor`, `max_epochs` or `max_steps`),"
                f" or {stage.title!r} never runs; got none."
            )
        if begin >= (limit or 0):
            raise ValueError(
                f"`max_epochs` of the trainer must be above {begin:g}, or the stage"
                f" {stage.title!r} never runs; got {max_epochs}."
            )
        begin += fewest_epochs(stage)
