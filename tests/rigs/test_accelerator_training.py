"""A whole training on an accelerator: equal to the CPU's, and no step waits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from pl_losses import BALANCERS, TaskLossLogger
from tests.mixins.test_multi_task import TASKS, Net, samples
from tests.rigs.devices import Device

OPTIONS = {"fixed": {"weights": {"box": 0.5}}}


def fit(device: Device, folder: Path, balancer: Any, count: int, **options: Any) -> tuple[Net, int]:
    torch.manual_seed(0)
    net = Net(tasks=TASKS, balancer=balancer)
    callback = TaskLossLogger(table=False)
    trainer = Trainer(
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[callback],
        **options,
    )
    with device.watch(only="pl_losses") as ledger:
        trainer.fit(net, DataLoader(samples(count), batch_size=2))
    return net, ledger.syncs


@pytest.mark.parametrize("name", BALANCERS.names)
def test_a_training_equals_the_cpus(tmp_path: Path, name: str, device: Device) -> None:
    balancer = {"name": name, **OPTIONS.get(name, {})}
    here, _ = fit(device, tmp_path, balancer, 8, accelerator="cpu")
    there, _ = fit(device, tmp_path, balancer, 8, **device.trainer_options())
    device.assert_learned(there.state_dict(), here.state_dict())


def test_more_steps_do_not_make_the_host_wait_more(tmp_path: Path, device: Device) -> None:
    options = device.trainer_options()
    few = fit(device, tmp_path, "uncertainty", 4, **options)[1]
    many = fit(device, tmp_path, "uncertainty", 24, **options)[1]
    assert many == few


def test_autocast_trains_on_the_accelerator(tmp_path: Path, device: Device) -> None:
    options = device.trainer_options("bf16-mixed")
    net, _ = fit(device, tmp_path, "uncertainty", 4, **options)
    assert net.objective.balancer.log_variance.isfinite().all()
