"""Two processes equal one: losses with masks, counted class weights, balance, metrics, logs."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.rigs import objective_ranks
from tests.rigs.ranks import run_on_ranks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    run_on_ranks(objective_ranks.__file__, folder)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("alone")
    net, trainer = objective_ranks.fit(folder, 8)
    return {"state": net.state_dict(), "metrics": dict(trainer.callback_metrics)}


def test_the_ranks_have_equal_weights_and_balance(both: list[dict[str, Any]]) -> None:
    for name, tensor in both[0]["state"].items():
        assert torch.equal(tensor, both[1]["state"][name]), name


def test_the_weights_are_those_of_one_process_on_the_joined_batch(
    both: list[dict[str, Any]], alone: dict[str, Any]
) -> None:
    for name, tensor in alone["state"].items():
        torch.testing.assert_close(both[0]["state"][name], tensor, rtol=1e-4, atol=1e-6, msg=name)


def test_the_ranks_log_the_same(both: list[dict[str, Any]]) -> None:
    assert both[0]["metrics"] == both[1]["metrics"]


@pytest.mark.parametrize("name", ["val/seg/f1", "val/seg/iou", "val/seg/average_precision",
                                  "val/size/loss", "train/size/mse", "weight/seg"])  # fmt: skip
def test_a_logged_figure_is_that_of_one_process(
    both: list[dict[str, Any]], alone: dict[str, Any], name: str
) -> None:
    wanted = alone["metrics"][name]
    torch.testing.assert_close(both[0]["metrics"][name], wanted, rtol=1e-4, atol=1e-5)


def test_the_global_mean_is_over_the_valid_elements_of_all_ranks(
    both: list[dict[str, Any]],
) -> None:
    a, b = F.softplus(torch.tensor(-1.0)), F.softplus(torch.tensor(2.0))
    found = torch.stack([each["means"]["global_mean"] for each in both])
    torch.testing.assert_close(found.mean(), (a + b + a) / 3)


def test_the_plain_mean_is_each_ranks_own(both: list[dict[str, Any]]) -> None:
    a, b = F.softplus(torch.tensor(-1.0)), F.softplus(torch.tensor(2.0))
    found = torch.stack([each["means"]["mean"] for each in both])
    torch.testing.assert_close(found, torch.stack([(a + b) / 2, a]))
