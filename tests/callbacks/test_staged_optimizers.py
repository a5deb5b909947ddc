"""Each stage may have its own optimizer and scheduler, of any kind."""

import csv
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from torch.optim.lr_scheduler import LambdaLR

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import QUIET, Trace, TwoBranches, fit

pytestmark = QUIET


class Rates(Callback):
    """The learning rate of each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


def rmsprop(rate: float = 1.0) -> dict[str, Any]:
    return {"class_path": "torch.optim.RMSprop", "init_args": {"lr": rate}}


def rates_of(scheduler: Any, **options: Any) -> list[float]:
    rates = Rates()
    stages = StagedFreezing.alternate(
        "seg", "det", max_epochs=2, optimizer=rmsprop(), lr_scheduler=scheduler, **options
    )
    fit(TwoBranches(), stages, rates)
    return rates.rates


def test_optimizers_change_with_the_stage() -> None:
    trace = Trace()
    stages = [
        Stage(train="seg", max_epochs=1, optimizer="SGD"),
        Stage(train="det", max_epochs=1, optimizer=partial(torch.optim.RMSprop, lr=0.1)),
        Stage(train="all", max_epochs=1),
    ]
    fit(TwoBranches(), StagedFreezing(stages), trace, epochs=3)
    assert trace.optimizers == ["SGD", "RMSprop", "AdamW"]
    assert trace.moved == [{"seg"}, {"det"}, {"trunk", "seg", "det"}]


def test_steps_of_the_trainer_go_on_over_a_change() -> None:
    seen: list[int] = []

    class Steps(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            seen.append(trainer.global_step)

    fit(TwoBranches(), StagedFreezing.alternate("seg", max_epochs=1, optimizer="SGD"), Steps())
    assert seen == [4, 8]


def test_a_lambda_begins_anew_in_each_stage() -> None:
    scheduler = partial(LambdaLR, lr_lambda=lambda epoch: 0.5**epoch)
    assert rates_of(scheduler) == [1.0] * 4 + [0.5] * 4 + [1.0] * 4 + [0.5] * 4 + (
        [1.0] * 4 + [0.5] * 4
    )


def test_a_cosine_runs_to_its_end_in_each_stage() -> None:
    recipe = {
        "class_path": "CosineAnnealingLR",
        "init_args": {"T_max": 8},
        "interval": "step",
    }
    rates = rates_of(recipe)
    assert rates[0:8] == rates[8:16] == rates[16:24]
    assert rates[0] == 1.0
    assert rates[7] < 0.05


def test_one_cycle_goes_by_steps() -> None:
    recipe = {"class_path": "OneCycleLR", "init_args": {"max_lr": 1.0, "total_steps": 8}}
    rates = rates_of(recipe)
    assert rates[0:8] == rates[8:16] == rates[16:24]
    assert max(rates) > 0.9
    assert rates[7] < 0.01


def test_a_plateau_is_sought_in_the_stages_own_monitor() -> None:
    # No improvement is ever large enough, so each epoch ends on a plateau.
    recipe = {"class_path": "ReduceLROnPlateau", "init_args": {"patience": 0, "threshold": 1e9}}
    rates = rates_of(recipe, monitor="val/loss", patience=9)
    assert rates[::4] == pytest.approx([1.0, 0.1] * 3)


def test_a_scheduler_alone_takes_the_modules_optimizer_anew() -> None:
    rates, trace = Rates(), Trace()
    scheduler = {"class_path": "StepLR", "init_args": {"step_size": 1, "gamma": 0.5}}
    stages = [
        Stage(train="seg", max_epochs=2, lr_scheduler=scheduler),
        Stage(train="all", max_epochs=1),
    ]
    fit(TwoBranches(), StagedFreezing(stages), rates, trace, epochs=3)
    assert trace.optimizers == ["AdamW"] * 3
    assert rates.rates == [0.01] * 4 + [0.005] * 4 + [0.01] * 4


def test_an_optimizer_that_asks_what_is_trainable_gets_everything() -> None:
    class Net(TwoBranches):
        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(p for p in self.parameters() if p.requires_grad)

    trace = Trace()
    stages = [
        Stage(train="seg", max_epochs=1),
        Stage(train="det", max_epochs=1, optimizer="SGD"),
        Stage(train="all", max_epochs=1),
    ]
    fit(Net(), StagedFreezing(stages), trace, epochs=3)
    assert trace.moved == [{"seg"}, {"det"}, {"trunk", "seg", "det"}]


def test_groups_have_the_names_of_branches_in_the_learning_rate_curves(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="")
    stages = [
        Stage(train="seg", max_epochs=1, optimizer=rmsprop(0.1)),
        Stage(train="all", max_epochs=1, optimizer="SGD"),
    ]
    monitor = LearningRateMonitor()
    fit(
        TwoBranches(), StagedFreezing(stages), monitor, epochs=2, logger=logger, log_every_n_steps=1
    )
    with (tmp_path / "metrics.csv").open() as file:
        columns = set(csv.DictReader(file).fieldnames or [])
    branches = {"lr-SGD/trunk", "lr-SGD/seg", "lr-SGD/det"}
    assert {"lr-RMSprop/seg", "stage", *branches} <= columns
    assert set(monitor.lrs) >= {"lr-RMSprop/seg", *branches}


def test_a_factory_may_return_a_whole_configuration() -> None:
    def halving(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        scheduler = LambdaLR(optimizer, lambda step: 0.5**step)
        return {"scheduler": scheduler, "interval": "step"}

    assert rates_of(halving)[:4] == [1.0, 0.5, 0.25, 0.125]
