"""A whole training on the simulated accelerator: equal to the CPU's, and no step waits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from pl_losses import BALANCERS, TaskLossLogger
from tests.mixins.test_multi_task import TASKS, Net, samples
from tests.rigs import simulated_accelerator as rig

pytestmark = pytest.mark.skipif(not rig.available(), reason="needs a newer torch")

OPTIONS = {"fixed": {"weights": {"box": 0.5}}}


def fit(folder: Path, balancer: Any, count: int, **options: Any) -> tuple[Net, int]:
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
    with rig.watch(only="pl_losses") as ledger:
        trainer.fit(net, DataLoader(samples(count), batch_size=2))
    return net, ledger.syncs


@pytest.mark.parametrize("name", BALANCERS.names)
def test_a_training_equals_the_cpus(tmp_path: Path, name: str) -> None:
    balancer = {"name": name, **OPTIONS.get(name, {})}
    here, _ = fit(tmp_path, balancer, 8, accelerator="cpu")
    there, _ = fit(tmp_path, balancer, 8, **rig.trainer_kwargs())
    for key, tensor in here.state_dict().items():
        assert torch.equal(there.state_dict()[key].cpu(), tensor), key


def test_more_steps_do_not_make_the_host_wait_more(tmp_path: Path) -> None:
    few = fit(tmp_path, "uncertainty", 4, **rig.trainer_kwargs())[1]
    many = fit(tmp_path, "uncertainty", 24, **rig.trainer_kwargs())[1]
    assert many == few


@pytest.mark.parametrize("precision", ["bf16-mixed"])
def test_autocast_trains_on_the_accelerator(tmp_path: Path, precision: str) -> None:
    net, _ = fit(tmp_path, "uncertainty", 4, **rig.trainer_kwargs(precision))
    assert net.objective.balancer.log_variance.isfinite().all()
