"""The books of a schedule: its progress, its proofs, its best weights. All of it is saved."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from pl_losses.callbacks.stage_audit import prints, proof
from pl_losses.lightning import LightningModule, rank_zero_warn
from pl_losses.stages.best import best_weights, put_back
from pl_losses.stages.progress import (
    Ended,
    Progress,
    ended,
    improves,
    moved_on,
    observed,
    unknown_fields,
    why_ended,
)
from pl_losses.stages.selection import Selection
from pl_losses.stages.stage import Stage
from pl_losses.version import __version__


class StageLedger:
    """What has to be known of a schedule to go on with it, and to tell what it did.

    Args:
        stages: The stages in order.

    Attributes:
        progress: How far the schedule has come.
        balance: State of the balancer that the present stage has of its own.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = tuple(stages)
        self.progress = Progress()
        self.balance: Mapping[str, Tensor] = {}
        self._prints: dict[str, dict[str, int]] = {}
        self._best: dict[str, Tensor] = {}

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return self.stages[self.progress.stage]

    @property
    def last(self) -> bool:
        """Whether no stage comes after the present one."""
        return self.progress.stage + 1 == len(self.stages)

    @property
    def over(self) -> str | None:
        """Why the present stage is over, or None while it is not."""
        return None if self.progress.done else why_ended(self.progress, self.stage)

    def saved(self) -> dict[str, Any]:
        """The books, for a checkpoint."""
        return {
            "version": __version__,
            "progress": self.progress.saved(),
            "prints": self._prints,
            "best": self._best,
            "balance": self.balance,
            "titles": [stage.title for stage in self.stages],
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take over the books of a checkpoint.

        Raises:
            ValueError: If the checkpoint has been in other stages than these, or a newer version
                has written it with what this one does not know.
        """
        newer = [each for each in saved if each not in self.saved()]
        newer += unknown_fields(saved["progress"])
        if newer:
            raise ValueError(
                f"The stages of a checkpoint must be written by pl-losses {__version__} or older;"
                f" got {saved.get('version')}, with {', '.join(newer)}. Update pl-losses."
            )
        progress = Progress.loaded(saved["progress"])
        begun = saved["titles"][: progress.stage + 1]
        titles = [stage.title for stage in self.stages]
        if titles[: len(begun)] != begun:
            raise ValueError(
                f"`stages` must begin with {begun}, as the checkpoint has it; got {titles}."
            )
        self.progress, self._prints = progress, saved.get("prints", {})
        self._best, self.balance = saved.get("best", {}), saved.get("balance", {})

    def open(self, selection: Selection) -> bool:
        """Note the weights that the stage begins with; tell whether it has only now begun."""
        if self._prints:
            return False
        self._prints = prints(selection, self.stage.norm)
        return True

    def observe(self, value: float, module: LightningModule, selection: Selection) -> None:
        """Note a value of the monitor, and the weights if there were none better."""
        if self.stage.restore_best and improves(self.stage, value, self.progress.best):
            self._best = best_weights(module, selection, self.stage.norm)
        self.progress = observed(self.progress, self.stage, value)

    def close(self, reason: str, module: LightningModule, selection: Selection) -> Ended:
        """End the present stage and move on to the next."""
        record = self.record(reason, module, selection)
        self.progress = moved_on(self.progress, record, self.stages)
        self._prints, self._best, self.balance = {}, {}, {}
        return record

    def record(self, reason: str, module: LightningModule, selection: Selection) -> Ended:
        """Put back the best weights, if they were to be kept, and tell what the stage did."""
        put_back(module, self._best)
        words, wrong = proof(self._prints, prints(selection, self.stage.norm))
        for each in wrong:
            rank_zero_warn(f"In the stage {self.stage.title!r}, {each}.")
        return ended(self.progress, self.stage, reason, words)
