"""The examples' models on an accelerator: the CPU's weights, and no training step waits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader

from examples import composition, quickstart
from examples.cracks.model import CrackNet
from examples.tables.data import sample
from examples.tables.model import TableNet
from examples.tables.pages import generate
from pl_losses import TaskLossLogger
from tests.callbacks.two_branches import QUIET, trainer
from tests.rigs.devices import Device

pytestmark = QUIET

EXAMPLES = Path(__file__).parents[2] / "examples"
Made = tuple[LightningModule, list[Any]]


def tasks_of(config: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / config).read_text())["model"]["init_args"]
    return {name: found[name] for name in ("tasks", "balancer") if name in found}


def points(count: int) -> Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(1))


def in_words(count: int) -> Made:
    net = quickstart.Net(
        tasks={"rare": {"labels": "binary", "losses": {"cross_entropy": {}, "dice": {}}}}
    )
    return net, [(each, each[0].gt(1).long()) for each in points(count)]


def by_hand(count: int) -> Made:
    data = [(each, each[0].gt(0).float(), each.norm()) for each in points(count)]
    return composition.TwoHeads(), data


def cracks(count: int) -> Made:
    rng = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 32, 32, generator=rng) for _ in range(count)]
    data = [(image, image[:1].gt(0.9).float()) for image in images]
    return CrackNet(width=2, **tasks_of("cracks/cracks.yaml")), data


def tables(count: int) -> Made:
    data = [sample(page) for page in generate(count, seed=1)]
    return TableNet(width=2, **tasks_of("tables/tables.yaml")), data


MAKERS = [in_words, by_hand, cracks, tables]
each_example = pytest.mark.parametrize("make", MAKERS)


def fitted(
    device: Device, make: Callable[[int], Made], count: int, only: str = "", **options: Any
) -> tuple[LightningModule, int]:
    torch.manual_seed(0)
    model, data = make(count)
    runner = trainer(TaskLossLogger(table=False), epochs=1, **options)
    with device.watch(only) as ledger:
        runner.fit(model, DataLoader(data, batch_size=2))
    return model, ledger.syncs


@each_example
def test_the_weights_are_those_of_the_cpu(make: Callable[[int], Made], device: Device) -> None:
    here, _ = fitted(device, make, 6)
    there, _ = fitted(device, make, 6, **device.trainer_options())
    device.assert_learned(there.state_dict(), here.state_dict())


@each_example
@pytest.mark.parametrize("code", ["pl_losses", "examples"])
def test_more_steps_do_not_make_the_host_wait_more(
    make: Callable[[int], Made], code: str, device: Device
) -> None:
    options = device.trainer_options()
    few, many = (fitted(device, make, count, code, **options)[1] for count in (4, 12))
    assert few == many
