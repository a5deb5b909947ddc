"""Trainers in which stages would go wrong, refused or warned of, with what to do instead."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch.nn.modules.batchnorm import _BatchNorm

from pl_losses.lightning import (
    BaseFinetuning,
    EarlyStopping,
    LightningModule,
    StochasticWeightAveraging,
    Trainer,
    callbacks_of,
    is_dry_run,
    rank_zero_warn,
)
from pl_losses.stages.progress import check_schedule
from pl_losses.stages.selection import Selection
from pl_losses.stages.stage import Stage


def check_company(trainer: Trainer, stages: Sequence[Stage]) -> None:
    """Refuse callbacks that would end the stages early, or freeze on their own.

    Raises:
        ValueError: If there is such a callback.
    """
    for callback in callbacks_of(trainer):
        if isinstance(callback, EarlyStopping) and len(stages) > 1:
            raise ValueError(
                "`callbacks` must not have an EarlyStopping beside stages: it would end the whole"
                f" run in the stage {stages[0].title!r}; got one that monitors"
                f" {callback.monitor!r}. Write it into the stages: Stage(...,"
                f" monitor={callback.monitor!r}, patience={callback.patience},"
                f" mode={callback.mode!r})."
            )
        if isinstance(callback, BaseFinetuning):
            raise ValueError(
                "`callbacks` must have one that freezes, not two; got"
                f" {type(callback).__name__} beside StagedFreezing. Write it as a stage:"
                " Stage(train=[...])."
            )


def check_optimization(trainer: Trainer, module: LightningModule, stages: Sequence[Stage]) -> None:
    """Refuse a new optimizer where none can be put in.

    Raises:
        ValueError: If a stage names an optimizer or scheduler, under manual optimisation or a
            strategy that restores checkpoints too late.
    """
    owners = [stage.title for stage in stages if stage.owns_optimizer]
    if not owners:
        return
    if not module.automatic_optimization:
        raise ValueError(
            "A stage must not name an `optimizer` or `lr_scheduler` under manual optimisation,"
            f" where the module steps its own; got them in {', '.join(map(repr, owners))}."
        )
    if trainer.strategy.restore_checkpoint_after_setup:
        raise ValueError(
            f"A stage must not name an `optimizer` or `lr_scheduler` under"
            f" {type(trainer.strategy).__name__}, which could not resume it; got them in"
            f" {', '.join(map(repr, owners))}. Use the module's optimizer for all stages."
        )


def check_epochs(trainer: Trainer, stages: Sequence[Stage]) -> None:
    """Refuse stages that the trainer can never come to; warn of those it may not come to.

    Raises:
        ValueError: If a stage can never run within ``max_epochs``.
    """
    if is_dry_run(trainer):
        return
    check_schedule(stages, trainer.max_epochs)
    limit = trainer.max_epochs if trainer.max_epochs not in (None, -1) else math.inf
    begin = 0
    for stage, following in pairwise(stages):
        if stage.max_epochs is None:
            return
        begin += stage.max_epochs
        if begin >= (limit or 0):
            rank_zero_warn(
                f"The stages before {following.title!r} may take {begin} epochs, and the trainer"
                f" stops after {trainer.max_epochs}: it may never run."
            )
            return


def check_averaging(trainer: Trainer, last: Selection) -> None:
    """Refuse weight averaging that would reset statistics no stage learns again.

    Raises:
        ValueError: If SWA meets a last stage with frozen batch normalisation.
    """
    averages = any(isinstance(each, StochasticWeightAveraging) for each in callbacks_of(trainer))
    frozen = [name for name, each in last.resting.items() if isinstance(each, _BatchNorm)]
    if averages and frozen:
        raise ValueError(
            "The last stage must train every branch with batch normalisation under"
            " StochasticWeightAveraging, which resets its running statistics; got"
            f" {frozen[0]!r} frozen. End with Stage(train='all')."
        )


def warn_of_averaging(trainer: Trainer) -> None:
    """Warn at a transition if weights are averaged already: the average mixes two stages."""
    for callback in callbacks_of(trainer):
        averages = isinstance(callback, StochasticWeightAveraging)
        if averages and callback.swa_start < trainer.current_epoch:
            rank_zero_warn(
                f"StochasticWeightAveraging averages weights since epoch {callback.swa_start}, over"
                f" a change of stages in epoch {trainer.current_epoch}. Let it begin in the last"
                " stage."
            )


def warn_of_unrun(trainer: Trainer, left: Sequence[Stage]) -> None:
    """Warn at the end of stages that the training did not come to."""
    if left and not is_dry_run(trainer):
        titles = ", ".join(repr(stage.title) for stage in left)
        rank_zero_warn(f"The training ended before the stages {titles} could run.")
