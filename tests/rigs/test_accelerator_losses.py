"""Losses on an accelerator: the CPU's values, and no host that waits."""

import pytest
import torch
from torch import Tensor

from pl_losses.losses import Loss
from tests.losses.samples import SUBJECTS, Subject
from tests.rigs.devices import Device

every = pytest.mark.parametrize("subject", SUBJECTS, ids=str)


def step(loss: Loss, pred: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
    leaf = pred.detach().requires_grad_()
    value = loss(leaf, *rest)
    value.backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


@every
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_no_step_makes_the_host_wait(subject: Subject, reduction: str, device: Device) -> None:
    pred, target = subject.sample(dtype=torch.float32)
    inputs = [pred, target, torch.tensor([1.0, 2.0, 0.0, 3.0])]
    moved = [each.to(device.name) for each in inputs]
    here = subject.build(reduction=reduction)
    there = subject.build(reduction=reduction).to(device.name)
    if reduction == "none":
        with device.forbid_syncs():
            values = there(*moved)
        device.assert_close(values, here(*inputs))
        return
    with device.forbid_syncs():
        value, gradient = step(there, *moved)
    expected, expected_gradient = step(here, *inputs)
    device.assert_close(value, expected)
    device.assert_close(gradient, expected_gradient)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_make_the_host_wait(
    subject: Subject, dtype: torch.dtype, device: Device
) -> None:
    pred, target = subject.sample(dtype=torch.float32)
    loss = subject.build().to(device.name)
    moved = pred.to(dtype).to(device.name), target.to(device.name)
    with device.forbid_syncs():
        value, gradient = step(loss, *moved)
    assert value.device.type == device.name
    assert value.cpu().isfinite()
    assert gradient.cpu().isfinite().all()


@every
def test_autocast_on_the_device_does_not_reach_into_a_loss(
    subject: Subject, device: Device
) -> None:
    moved = [each.to(device.name) for each in subject.sample(dtype=torch.float32)]
    loss = subject.build().to(device.name)
    expected = loss(*moved).cpu()
    with torch.autocast(device.name, torch.bfloat16), device.forbid_syncs():
        value = loss(*moved)
    torch.testing.assert_close(value.cpu(), expected)
