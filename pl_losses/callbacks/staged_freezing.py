"""Staged freezing: train one branch to convergence, then another, then all."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from torch import Tensor
from typing_extensions import Self, override

from pl_losses.callbacks.fresh_metrics import FreshMetrics, mean_over_processes
from pl_losses.callbacks.rewrap import waits_for_all
from pl_losses.callbacks.stage_audit import audit, opening, show, show_stage, summary
from pl_losses.callbacks.stage_checks import (
    check_attached,
    check_monitor,
    check_reached,
    check_same,
)
from pl_losses.callbacks.stage_ledger import StageLedger
from pl_losses.callbacks.stage_refusals import (
    check_company,
    check_epochs,
    check_optimization,
    warn_of_unrun,
)
from pl_losses.callbacks.staged_model import StagedModel
from pl_losses.lightning import Callback, LightningModule, Trainer, rank_zero_info
from pl_losses.specs.stage import read_stages
from pl_losses.stages.progress import Progress, epoch_begun, fit_ended, stepped
from pl_losses.stages.reach import Reach
from pl_losses.stages.stage import Stage


class StagedFreezing(Callback):
    """Train a model in stages, each of which freezes what it does not train.

    What is frozen neither moves nor costs a backward pass: it has no gradient, its dropout is
    off and its running statistics stand still. Stages change only between epochs. The state is
    small and saved: a run that is resumed from any checkpoint goes on in the same stage. Under
    DDP the module is wrapped anew at each transition.

    A stage without an ``optimizer`` uses the module's own, from ``configure_optimizers``; that
    one runs on through such stages, and is made anew after a stage with its own. The index of
    the stage is logged as ``stage``. What the user had frozen, and how, comes back after the fit.
    List it before callbacks that look at what learns, such as weight averaging.

    Args:
        stages: The stages in order; in Python, mappings of their options will do as well.
        check_sync: Whether to stop if, after an epoch, the weights of the processes differ.

    Raises:
        ValueError: If a stage can never run, or the trainer cannot work with stages.
        LookupError: If a stage has an unknown option, or names a module that does not exist.

    Example:
        >>> staged = StagedFreezing([
        ...     Stage(train="seg", monitor="val/seg/loss", patience=3, max_epochs=20),
        ...     Stage(train="det", max_epochs=20),
        ...     Stage(train="all"),
        ... ])
        >>> staged.stage.title
        'seg'
    """

    def __init__(self, stages: Sequence[Stage], *, check_sync: bool = False) -> None:
        self.stages = read_stages(stages)
        self.check_sync = check_sync
        self.reset()

    @classmethod
    def alternate(cls, *branches: str, check_sync: bool = False, **common: Any) -> Self:
        """Train each branch alone, one after the other, and then all of them.

        Args:
            branches: Names of the branches.
            check_sync: As for the class.
            common: Options of every stage. Unless they say when a stage ends, it ends when
                ``val/loss`` has converged.

        Example:
            >>> staged = StagedFreezing.alternate("seg", "det", max_epochs=20)
            >>> [stage.title for stage in staged.stages]
            ['seg', 'det', 'all']
        """
        if not {"monitor", "max_epochs", "max_steps"} & set(common):
            common["monitor"] = "val/loss"
        stages = [Stage(train=branch, **common) for branch in (*branches, "all")]
        return cls(stages, check_sync=check_sync)

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return self._ledger.stage

    @property
    def progress(self) -> Progress:
        """How far the schedule has come."""
        return self._ledger.progress

    def card(self) -> dict[str, Any]:
        """Return the schedule, every default spelled out, for the run card."""
        return {"stages": [asdict(stage) for stage in self.stages]}

    def reset(self) -> None:
        """Go back to the first stage: the next fit begins the schedule anew."""
        self._ledger = StageLedger(self.stages)
        self._metrics = FreshMetrics()
        self._reach = Reach({})
        self._model: StagedModel | None = None

    @override
    def state_dict(self) -> dict[str, Any]:
        if self._model is not None:
            self._ledger.balance = self._model.objective.balance
        return self._ledger.saved()

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._ledger.load(state_dict)

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            check_company(trainer, self.stages)
            check_optimization(trainer, pl_module, self.stages)

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        check_epochs(trainer, self.stages[self.progress.stage :])
        self._model = StagedModel(trainer, pl_module, self.stages)
        # Now, since the trainer goes on to restore the state of this stage's optimizer.
        self._enter(swap=self.stage.owns_optimizer)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.progress.done:
            rank_zero_info("All stages have ended; `reset()` begins them anew.")
            trainer.should_stop = True
            return
        self._ledger.progress = stepped(self.progress, trainer.global_step)
        if self._staged.stage is not self.stage:
            # Some strategies restore the state of callbacks only after `on_fit_start`.
            self._enter(swap=False)
        if self.progress.epoch not in (None, trainer.current_epoch):
            # Resumed after the last batch of an epoch, the trainer begins the next one without
            # calling `on_train_epoch_start`.
            self._begin_epoch(trainer)
        self._staged.rest()
        self._announce(trainer)

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._observe(trainer, self._metrics.next_epoch_begins(trainer, self.stage.monitor))
        if self._metrics.due(trainer):
            check_monitor(trainer, self.stage)
        if self.progress.epoch != trainer.current_epoch:
            self._begin_epoch(trainer)
        self._staged.rest()
        self._announce(trainer)

    @override
    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        check_attached(loss, self.stage)

    @override
    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._reach.waiting:
            self._reach.look()
            if waits_for_all(trainer.strategy):
                check_reached(self._reach, self.stage)

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._metrics.validation_begins(trainer, self.stage.monitor)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Before `ModelCheckpoint`, which comes last: what it saves has this value counted.
        if self._model is not None and not trainer.sanity_checking:
            self._observe(trainer, self._metrics.validation_ends(trainer, self.stage.monitor))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ledger.progress = stepped(self.progress, trainer.global_step)
        self._observe(trainer, self._metrics.epoch_ends(trainer, self.stage.monitor))
        check_reached(self._reach, self.stage)
        if self.check_sync:
            check_same(trainer, pl_module, self.stage)
        pl_module.log("stage", float(self.progress.stage), sync_dist=True)
        if self._ledger.over and self._ledger.last:
            self._close(self._ledger.over)
            trainer.should_stop = True

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        records = self.progress.history
        if not self.progress.done:
            reason = self._ledger.over or "the trainer stopped"
            unfinished = self._ledger.record(reason, pl_module, self._staged.selection)
            records = (*records, unfinished)
        show(summary(records))
        warn_of_unrun(trainer, self.stages[self.progress.stage + 1 :])

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._leave()

    @override
    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._leave()

    def _begin_epoch(self, trainer: Trainer) -> None:
        if self._ledger.over and not self._ledger.last:
            owned = self.stage.owns_optimizer
            self._close(self._ledger.over)
            self._enter(swap=owned or self.stage.owns_optimizer)
        self._ledger.progress = epoch_begun(self.progress, trainer.current_epoch)

    def _enter(self, *, swap: bool) -> None:
        self._staged.enter(self.stage, swap=swap, balance=self._ledger.balance)
        self._reach = Reach(self._staged.selection.reach)
        self._metrics.begin_stage()

    def _close(self, reason: str) -> None:
        record = self._ledger.close(reason, self._staged.module, self._staged.selection)
        rank_zero_info(f"Stage {record.name!r} ended: {reason}; {record.proof}.")

    def _announce(self, trainer: Trainer) -> None:
        index, staged = self.progress.stage, self._staged
        show_stage(trainer, index, self.stages)
        if self._ledger.open(staged.selection):
            rank_zero_info(opening(index, self.stages, staged.selection))
            rank_zero_info(str(audit(trainer, staged.module, self.stage, staged.selection)))

    def _observe(self, trainer: Trainer, value: Tensor | None) -> None:
        if value is not None:
            mean = mean_over_processes(trainer, value)
            self._ledger.observe(mean, self._staged.module, self._staged.selection)

    def _leave(self) -> None:
        if self._model is not None:
            self._ledger.balance = self._model.objective.balance
            self._ledger.progress = fit_ended(self.progress)
            self._model.leave()
            self._model = None

    @property
    def _staged(self) -> StagedModel:
        if self._model is None:
            raise RuntimeError("StagedFreezing must be in a fit; none has been started.")
        return self._model
