"""The rig catches what would make a host wait for a GPU, or mix devices: faults are planted."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pl_losses.losses import Loss
from tests.rigs import simulated_accelerator as rig

pytestmark = pytest.mark.skipif(not rig.available(), reason="needs a newer torch")


class Planted(Loss):
    """A loss with a fault in its forward pass."""

    def __init__(self, fault: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fault = fault

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        del weight
        return self.fault((pred - target).square()).mean()


def planted(fault: Callable[[Tensor], Tensor]) -> Tensor:
    pred, target = (torch.ones(3, 2, device=rig.NAME) for _ in range(2))
    return Planted(fault)(pred, target)


WAITS: dict[str, Callable[[Tensor], Tensor]] = {
    "item": lambda error: error * error.mean().item(),
    "float": lambda error: error * float(error.mean()),
    "branch": lambda error: error if error.mean() > 1 else 2 * error,
    "upload": lambda error: error * torch.tensor([1.0, 2.0], device=error.device),
    "download": lambda error: error * error.cpu().numel(),
    "mask": lambda error: error[error > 0.5],
    "nonzero": lambda error: error.flatten()[error.flatten().nonzero()],
}


@pytest.mark.parametrize("fault", WAITS)
def test_a_planted_wait_is_caught_with_its_line(fault: str) -> None:
    with (
        rig.forbid_syncs(),
        pytest.raises(rig.HostSyncError, match=r"test_simulated_acc.*\.py:\d+"),
    ):
        planted(WAITS[fault])
    with rig.watch() as ledger:
        planted(WAITS[fault])
    assert ledger.syncs >= 1, ledger.report()


def test_a_planted_constant_of_the_cpu_is_caught() -> None:
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        planted(lambda error: error * torch.ones(2))


def test_a_buffer_that_was_left_behind_is_caught() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        layer(torch.ones(3, 2, device=rig.NAME))


def test_what_does_not_wait_is_let_pass() -> None:
    with rig.forbid_syncs():
        value = planted(lambda error: torch.where(error > 0.5, error, 2.0).clamp_min(0))
    assert value.device.type == rig.NAME
    assert value.item() == 2


def test_waits_outside_of_the_watched_package_are_left_out() -> None:
    with rig.watch(only="pl_losses") as ledger:
        planted(WAITS["item"])
    assert ledger.syncs == 0
