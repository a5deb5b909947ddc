"""Losses on the simulated accelerator: the CPU's values, and no host that waits."""

import pytest
import torch
from torch import Tensor

from pl_losses.losses import Loss
from tests.losses.samples import SUBJECTS, Subject
from tests.rigs import simulated_accelerator as rig

pytestmark = pytest.mark.skipif(not rig.available(), reason="needs a newer torch")

every = pytest.mark.parametrize("subject", SUBJECTS, ids=str)


def step(loss: Loss, pred: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
    leaf = pred.detach().requires_grad_()
    value = loss(leaf, *rest)
    value.backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


@every
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_no_step_makes_the_host_wait(subject: Subject, reduction: str) -> None:
    pred, target = subject.sample(dtype=torch.float32)
    inputs = [pred, target, torch.tensor([1.0, 2.0, 0.0, 3.0])]
    moved = [each.to(rig.NAME) for each in inputs]
    here = subject.build(reduction=reduction)
    there = subject.build(reduction=reduction).to(rig.NAME)
    if reduction == "none":
        with rig.forbid_syncs():
            values = there(*moved)
        torch.testing.assert_close(values.cpu(), here(*inputs))
        return
    with rig.forbid_syncs():
        value, gradient = step(there, *moved)
    expected, expected_gradient = step(here, *inputs)
    torch.testing.assert_close(value.cpu(), expected)
    torch.testing.assert_close(gradient.cpu(), expected_gradient)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_make_the_host_wait(subject: Subject, dtype: torch.dtype) -> None:
    pred, target = subject.sample(dtype=torch.float32)
    loss = subject.build().to(rig.NAME)
    moved = pred.to(dtype).to(rig.NAME), target.to(rig.NAME)
    with rig.forbid_syncs():
        value, gradient = step(loss, *moved)
    assert value.device.type == rig.NAME
    assert value.cpu().isfinite()
    assert gradient.cpu().isfinite().all()


@every
def test_autocast_on_the_device_does_not_reach_into_a_loss(subject: Subject) -> None:
    moved = [each.to(rig.NAME) for each in subject.sample(dtype=torch.float32)]
    loss = subject.build().to(rig.NAME)
    expected = loss(*moved).cpu()
    with torch.autocast(rig.NAME, torch.bfloat16), rig.forbid_syncs():
        value = loss(*moved)
    torch.testing.assert_close(value.cpu(), expected, rtol=0, atol=0)
