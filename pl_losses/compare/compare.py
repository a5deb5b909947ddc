"""Runs what is planned, one after the other, and keeps whatever is finished."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import torch
from typing_extensions import override

from pl_losses.compare.files import write_whole
from pl_losses.compare.judge import judge, pictures
from pl_losses.compare.rows import Row
from pl_losses.compare.run import SHEET, Run
from pl_losses.lightning import (
    Callback,
    LightningDataModule,
    LightningModule,
    Trainer,
    callbacks_of,
)
from pl_losses.mixins import MultiTaskMixin


@dataclass(frozen=True)
class Parts:
    """What a config makes: a model, its data and a trainer."""

    model: LightningModule
    data: LightningDataModule
    trainer: Trainer


class Progress:
    """Hears of every step of every run; does nothing by itself."""

    def begin(self, run: Run, index: int, count: int) -> None:
        """A run begins, or is taken from its folder."""

    def step(self, done: int, steps: int) -> None:
        """A training step of the current run is done, of so many."""

    def end(self, row: Row) -> None:
        """A run has ended."""


def compare(
    runs: Sequence[Run],
    task: str,
    make: Callable[[Mapping[str, Any]], Parts],
    progress: Progress,
) -> tuple[list[Row], bool]:
    """Do all runs that are not finished yet.

    A run that fails is reported, and the others go on. An interrupt ends the comparison and keeps
    what is finished; the same call later goes on from there.

    Args:
        runs: The planned runs.
        task: Name of the task that is judged.
        make: Makes model, data and trainer out of a config.
        progress: Hears of every step.

    Returns:
        One row for each run, and whether the comparison was interrupted.
    """
    rows: list[Row] = []
    for index, run in enumerate(runs):
        progress.begin(run, index, len(runs))
        row = run.finished()
        try:
            if row is None:
                row = _do(run, task, make, progress)
        except KeyboardInterrupt:
            rest = [Row(each.name, each.seed, "missing", {}) for each in runs[index:]]
            return [*rows, *rest], True
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            row = Row(run.name, run.seed, "failed", {}, reason)
        progress.end(row)
        rows.append(row)
    return rows, False


def _do(run: Run, task: str, make: Callable[[Mapping[str, Any]], Parts], progress: Progress) -> Row:
    run.begin()
    parts = make(run.config)
    module, trainer = parts.model, parts.trainer
    if not isinstance(module, MultiTaskMixin):
        raise ValueError(f"The model must use MultiTaskMixin; got {type(module).__name__}.")
    if trainer.world_size > 1:
        raise ValueError(
            f"A comparison must run on one device, --trainer.devices 1; got {trainer.world_size}."
        )
    callbacks_of(trainer).append(_Steps(progress))  # no argument, so the config stays clean
    began = time.perf_counter()
    trainer.fit(module, datamodule=parts.data)
    seconds = time.perf_counter() - began
    if trainer.interrupted:
        raise KeyboardInterrupt
    module.to(trainer.strategy.root_device)
    for stage in ("validate", "test"):
        parts.data.setup(stage)
    validation, test = parts.data.val_dataloader(), parts.data.test_dataloader()
    figures = judge(module, task, validation, test)
    with torch.no_grad():
        found = pictures(module, task, test)
    if found:
        _save(found, run)
    return run.finish({**figures, "seconds": seconds})


def _save(tensors: Mapping[str, torch.Tensor], run: Run) -> None:
    whole = BytesIO()
    torch.save(dict(tensors), whole)
    write_whole(run.folder / SHEET, whole.getvalue())


class _Steps(Callback):
    """Tells the progress of each training step."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    @override
    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self.progress.step(trainer.global_step, int(trainer.estimated_stepping_batches))
