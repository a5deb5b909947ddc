"""Stages on an accelerator: the same weights, and no step makes the host wait."""

from typing import Any

import torch
from lightning.pytorch import Trainer

from pl_losses import StagedFreezing
from tests.callbacks.two_branches import QUIET, TwoBranches, loader, trainer
from tests.rigs.devices import Device

pytestmark = QUIET


class OnDevice(TwoBranches):
    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        errors = list(self.errors(batch).values())
        return errors[0] + errors[1]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        errors = list(self.errors(batch).values())
        self.log("val/loss", errors[0] + errors[1])


def fitted(
    device: Device, batches: int, *, restore_best: bool = False, **options: Any
) -> tuple[OnDevice, int]:
    model = OnDevice()
    staged = StagedFreezing.alternate(
        "seg", "det", monitor="val/loss", max_epochs=2, restore_best=restore_best, optimizer="Adam"
    )
    runner: Trainer = trainer(staged, **options)
    with device.watch(only="pl_losses") as ledger:
        runner.fit(model, loader(6 * batches), loader(12))
    return model, ledger.syncs


def test_the_weights_are_those_of_the_cpu(device: Device) -> None:
    here, _ = fitted(device, 4, restore_best=True)
    there, _ = fitted(device, 4, restore_best=True, **device.trainer_options())
    device.assert_learned(there.state_dict(), here.state_dict())


def test_more_steps_do_not_make_the_host_wait_more(device: Device) -> None:
    options = device.trainer_options()
    _, few = fitted(device, 2, **options)
    _, many = fitted(device, 8, **options)
    assert few == many
