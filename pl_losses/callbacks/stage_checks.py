"""Checks while a stage runs: its monitor is logged, its loss arrives, the processes agree."""

from torch import Tensor

from pl_losses.lightning import LightningModule, Trainer
from pl_losses.stages.fingerprint import fingerprint, moved
from pl_losses.stages.reach import Reach
from pl_losses.stages.stage import Stage
from pl_losses.stages.table import shortened


def check_monitor(trainer: Trainer, stage: Stage) -> None:
    """Refuse a monitor that was not logged although it could have been.

    Raises:
        ValueError: If nothing is logged under the name of the monitor.
    """
    if stage.monitor is not None and stage.monitor not in trainer.callback_metrics:
        logged = ", ".join(sorted(trainer.callback_metrics)) or "none"
        raise ValueError(
            f"`monitor` of the stage {stage.title!r} must be a value that is logged; got"
            f" {stage.monitor!r}. Logged: {logged}."
        )


def check_attached(loss: Tensor, stage: Stage) -> None:
    """Refuse a loss that cannot teach anything.

    Raises:
        ValueError: If the loss depends on no parameter that learns.
    """
    if not loss.requires_grad:
        raise ValueError(
            f"The loss must depend on what the stage {stage.title!r} trains; got one without a"
            " gradient. Train what it depends on, or add the task of the trained branch."
        )


def check_reached(reach: Reach, stage: Stage) -> None:
    """Refuse a loss that leaves out a part of what a stage trains.

    Raises:
        ValueError: If no gradient has come to a module that the stage names.
    """
    if reach.missing:
        raise ValueError(
            f"The loss must reach all that the stage {stage.title!r} trains; got no gradient in"
            f" {shortened(map(repr, reach.missing))}. Is the task of that branch switched off, or"
            " is the branch detached?"
        )


def check_same(trainer: Trainer, module: LightningModule, stage: Stage) -> None:
    """Compare the weights of all processes.

    Raises:
        RuntimeError: In every process, if the weights of any differ from the first's.
    """
    own = fingerprint(dict(module.named_parameters()))
    differ = moved(trainer.strategy.broadcast(own), own)
    if not trainer.strategy.reduce_boolean_decision(not differ):
        raise RuntimeError(
            f"The weights of the processes must be equal after the stage {stage.title!r}; they"
            f" differ, in this process in: {shortened(differ)}."
        )
