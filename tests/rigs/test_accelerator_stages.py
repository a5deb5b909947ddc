"""Stages on the simulated accelerator: the same weights, and no step makes the host wait."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

from pl_losses import StagedFreezing
from tests.callbacks.two_branches import QUIET, TwoBranches, loader, trainer
from tests.rigs import simulated_accelerator as rig

pytestmark = [*QUIET, pytest.mark.skipif(not rig.available(), reason="needs a newer torch")]


class OnDevice(TwoBranches):
    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        errors = list(self.errors(batch).values())
        return errors[0] + errors[1]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        errors = list(self.errors(batch).values())
        self.log("val/loss", errors[0] + errors[1])


def on_device() -> dict[str, Any]:
    return {"accelerator": "auto", "devices": "auto", **rig.trainer_kwargs()}


def fitted(batches: int, *, restore_best: bool = False, **options: Any) -> tuple[OnDevice, int]:
    model = OnDevice()
    staged = StagedFreezing.alternate(
        "seg", "det", monitor="val/loss", max_epochs=2, restore_best=restore_best, optimizer="Adam"
    )
    runner: Trainer = trainer(staged, **options)
    with rig.watch(only="pl_losses") as ledger:
        runner.fit(model, loader(6 * batches), loader(12))
    return model, ledger.syncs


def test_the_weights_are_those_of_the_cpu() -> None:
    here, _ = fitted(4, restore_best=True)
    there, _ = fitted(4, restore_best=True, **on_device())
    for name, tensor in there.state_dict().items():
        assert torch.equal(tensor.cpu(), here.state_dict()[name]), name


def test_more_steps_do_not_make_the_host_wait_more() -> None:
    _, few = fitted(2, **on_device())
    _, many = fitted(8, **on_device())
    assert few == many
