"""Stages under FSDP2 on the CPU: one process and two, each started once for all tests."""

from typing import Any

import pytest
import torch

from pl_losses import StagedFreezing
from tests.callbacks.two_branches import QUIET, copies, differing, loader, trainer
from tests.rigs import sharded_ranks
from tests.rigs.ranks import run_on_ranks
from tests.rigs.staged_ranks import Plain

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(torch.cpu.Stream(), "record_event"), reason="this torch has FSDP2 on GPUs only"
    ),
    *QUIET,
]

Found = dict[str, list[dict[str, Any]]]
TRAINED = ["branches", "whole", "resumed", "best"]


@pytest.fixture(scope="module", params=[1, 2], ids=["one_process", "two_processes"])
def found(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder, world = tmp_path_factory.mktemp("ranks"), request.param
    run_on_ranks(sharded_ranks.__file__, folder, world=world)
    return {
        case.__name__.removeprefix("case_"): [
            torch.load(folder / f"{case.__name__}-{rank}.pt", weights_only=True)
            for rank in range(world)
        ]
        for case in sharded_ranks.CASES
    }


@pytest.fixture(scope="module")
def alone() -> dict[str, torch.Tensor]:
    model = Plain()
    staged = StagedFreezing.alternate("seg", "det", max_epochs=2)
    trainer(staged, epochs=sharded_ranks.EPOCHS).fit(model, loader(batch=12), loader(12))
    return copies(model)


@pytest.mark.parametrize("case", ["branches", "whole", "resumed"])
def test_weights_in_pieces_learn_what_whole_ones_learn(found: Found, alone: Any, case: str) -> None:
    for each in found[case]:
        torch.testing.assert_close(each["state"], alone)


@pytest.mark.parametrize("case", ["branches", "whole", "best"])
def test_each_stage_moves_its_branch_alone(found: Found, case: str) -> None:
    for each in found[case]:
        assert each["learning"] == [("seg",)] * 2 + [("det",)] * 2 + [("trunk", "seg", "det")] * 2
        assert each["moved"] == [["seg"]] * 2 + [["det"]] * 2 + [["det", "seg", "trunk"]] * 2


@pytest.mark.parametrize("case", TRAINED)
def test_the_checksums_are_of_whole_weights(found: Found, case: str) -> None:
    first = ["6/6 still, 4/4 moved", "6/6 still, 4/4 moved", "0/0 still, 10/10 moved"]
    for each in found[case]:
        assert [proof for _, _, proof in each["history"]] == first


def test_a_resumed_run_ends_bitwise_equal(found: Found) -> None:
    for whole, resumed in zip(found["whole"], found["resumed"], strict=True):
        assert differing(whole["state"], resumed["state"]) == []
        assert resumed["learning"] == whole["learning"][3:]


def test_an_optimizer_that_could_not_be_resumed_is_refused(found: Found) -> None:
    for each in found["swapped"]:
        assert "under ModelParallelStrategy, which could not resume it" in each["error"]
