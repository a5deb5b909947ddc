"""A stage may wait for what the mixin logs of its training, and ends in the epoch that is due."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from pl_losses import MultiTaskMixin, Stage, StagedFreezing
from pl_losses.objective import TaskOutput
from tests.callbacks.two_branches import QUIET, checkpoints, loader, trainer

pytestmark = QUIET
VALUES = (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0)


class Scripted(MultiTaskMixin, LightningModule):
    """Its mean training loss is one given value in each epoch; single batches are off by one."""

    def __init__(self, values: Sequence[float] = VALUES) -> None:
        super().__init__(tasks={"task": "l1"})
        self.seg, self.det = nn.Linear(4, 1), nn.Linear(4, 1)
        self.values = values
        self.epochs_trained = 0

    def outputs(self, batch: Any) -> dict[str, TaskOutput]:
        x, _ = batch
        size = len(x)
        sign = torch.tensor([1.0, -1.0]).repeat(size)[:size, None]
        moves = self.seg(x) + self.det(x)
        pred = moves - moves.detach() + self.values[self.current_epoch] + sign
        return {"task": TaskOutput(pred, torch.zeros(size, 1))}

    def on_train_epoch_start(self) -> None:
        self.epochs_trained += 1
        super().on_train_epoch_start()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def waiting(**options: Any) -> Stage:
    return Stage(train="seg", **{"monitor": "train/loss", "patience": 1, **options})


FIRST = [waiting(), Stage(train="det")]
ONLY = [waiting()]
OPTIONS = {
    "plain": {},
    "accumulating": {"accumulate_grad_batches": 3},
    "logging each step": {"log_every_n_steps": 1},
    "a part of the epoch": {"limit_train_batches": 2},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("stages", [FIRST, ONLY], ids=["first", "last"])
def test_the_stage_ends_in_the_epoch_that_is_due(
    stages: list[Stage], options: dict[str, Any]
) -> None:
    staged, model = StagedFreezing(stages), Scripted()
    trainer(staged, epochs=6, **options).fit(model, loader())
    (record, *_) = staged.progress.history
    assert (record.epochs, record.best) == (3, 2.0)
    assert model.epochs_trained == (6 if len(stages) == 2 else 3)


def test_a_stage_of_one_epoch_ends_after_it() -> None:
    staged, model = StagedFreezing([waiting(threshold=3.5)]), Scripted()
    trainer(staged, epochs=6).fit(model, loader())
    assert staged.progress.history[0].reason == "train/loss reached 3.5"
    assert model.epochs_trained == 1


def test_two_stages_that_wait_for_training_follow_each_other() -> None:
    stages = [waiting(), Stage(train="det", monitor="train/loss", patience=1)]
    staged, model = StagedFreezing(stages), Scripted((3.0, 2.0, 2.0, 5.0, 5.0, 0.0))
    trainer(staged, epochs=6).fit(model, loader())
    assert [(each.epochs, each.best) for each in staged.progress.history] == [(3, 2.0), (2, 5.0)]
    assert model.epochs_trained == 5


def test_a_loader_without_a_length_has_a_last_batch_too() -> None:
    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(loader().dataset)

    staged, model = StagedFreezing(ONLY), Scripted()
    trainer(staged, epochs=6).fit(model, DataLoader(Stream(), batch_size=6))
    assert model.epochs_trained == 3


def test_validation_beside_it_counts_nothing_twice() -> None:
    staged, model = StagedFreezing([waiting(patience=2)]), Scripted()
    trainer(staged, epochs=8, val_check_interval=0.5).fit(model, loader(), loader(12))
    assert staged.progress.history[0].epochs == 4


@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_a_resumed_run_ends_its_stage_in_the_same_epoch(epoch: int, tmp_path: Path) -> None:
    def fit(*callbacks: Callback, resume: Path | None = None) -> StagedFreezing:
        staged = StagedFreezing(FIRST)
        run = trainer(staged, *callbacks, epochs=5, enable_checkpointing=bool(callbacks))
        run.fit(Scripted(), loader(), ckpt_path=resume)
        return staged

    whole = fit(ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1))
    resumed = fit(resume=checkpoints(tmp_path)[epoch])
    assert resumed.progress.history == whole.progress.history
    assert resumed.progress.history[0].epochs == 3


def test_an_epoch_that_is_cut_off_has_its_mean_too() -> None:
    run = trainer(epochs=6, max_steps=6)
    run.fit(Scripted(), loader())
    mean: Tensor = run.callback_metrics["train/loss"]
    assert mean == VALUES[1]


def test_the_means_of_an_epoch_are_not_those_of_the_one_before() -> None:
    seen: list[float] = []

    class Net(Scripted):
        def on_train_epoch_end(self) -> None:
            super().on_train_epoch_end()
            seen.append(float(self.trainer.callback_metrics["train/loss"]))

    trainer(epochs=3).fit(Net((3.0, 1.0, 2.0)), loader())
    assert seen == [3.0, 1.0, 2.0]
