"""A model on its way from stage to stage: tasks, optimizer, flags and wrapper, in order."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from pl_losses.callbacks.rewrap import check_wrapper, reshard, rewrap
from pl_losses.callbacks.stage_objective import StageObjective
from pl_losses.callbacks.stage_optimizers import check_optimized, install
from pl_losses.callbacks.stage_refusals import check_averaging, warn_of_averaging
from pl_losses.lightning import LightningModule, Trainer
from pl_losses.stages.freezing import Snapshot, freeze, rest
from pl_losses.stages.selection import Selection, select
from pl_losses.stages.stage import Stage


class StagedModel:
    """A module in the hands of a trainer, put into one stage after another.

    Args:
        trainer: The trainer, after its strategy has wrapped the module.
        module: The module, as the user made it.
        stages: All stages; their names are looked up at once, so that a wrong one shows now.

    Raises:
        LookupError: If a stage names a module that does not exist.
        ValueError: If a stage trains nothing, or the strategy cannot work with stages.
    """

    def __init__(self, trainer: Trainer, module: LightningModule, stages: Sequence[Stage]) -> None:
        check_wrapper(trainer.strategy)
        self.trainer = trainer
        self.module = module
        self.stage: Stage | None = None
        self.objective = StageObjective(module)
        self._snapshot = Snapshot.of(module)
        self._wrapped = self._learning()
        selections = [self._select(stage) for stage in stages]
        check_averaging(trainer, selections[-1])
        self.selection = selections[0]

    def enter(self, stage: Stage, *, swap: bool, balance: Mapping[str, Any]) -> None:
        """Leave the present stage and begin another.

        Args:
            stage: The stage to begin.
            swap: Whether it begins with a new optimizer.
            balance: Saved state of its balancer, if it is not new.
        """
        if self.stage is not None:
            warn_of_averaging(self.trainer)
        reshard(self.module)
        self._snapshot.restore(self.selection)
        self.objective.switch(stage, balance)
        selection = self._select(stage)
        if swap:
            # Before freezing: a `configure_optimizers` that asks what is trainable must get
            # the same answer when the run is resumed.
            install(self.trainer, self.module, stage, selection)
        check_optimized(self.trainer, stage, selection)
        freeze(selection)
        if self._learning() != self._wrapped:
            rewrap(self.trainer.strategy, self.module)
            self._wrapped = self._learning()
        self.stage, self.selection = stage, selection

    def rest(self) -> None:
        """Put what is frozen to rest; once more, since user code may have woken it."""
        if self.stage is not None:
            rest(self.selection, self.stage.norm)

    def leave(self) -> None:
        """Give the module back as the user had it."""
        self._snapshot.restore(self.selection)
        self.objective.give_back()
        self.stage = None

    def _select(self, stage: Stage) -> Selection:
        return select(stage, self.module, self._snapshot.flags)

    def _learning(self) -> set[nn.Parameter]:
        return {each for each in self.module.parameters() if each.requires_grad}
