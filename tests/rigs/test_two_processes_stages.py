"""Stages under DDP: two processes on gloo, started once for all tests of this file."""

from typing import Any

import pytest
import torch

from pl_losses import StagedFreezing
from tests.callbacks.two_branches import QUIET, copies, differing, loader, trainer
from tests.rigs import staged_ranks
from tests.rigs.ranks import run_on_ranks

pytestmark = [pytest.mark.slow, *QUIET]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("ranks")
    run_on_ranks(staged_ranks.__file__, folder)
    return {
        case.__name__.removeprefix("case_"): [
            torch.load(folder / f"{case.__name__}-{rank}.pt", weights_only=False) for rank in (0, 1)
        ]
        for case in staged_ranks.CASES
    }


JOINED = ["joined_batch", "static_graph", "unused_allowed"]
TRAINED = ["three_stages", "resumed", *JOINED, "own_monitor", "objective"]


@pytest.mark.parametrize("case", TRAINED)
def test_weights_of_both_ranks_are_bitwise_equal(found: Any, case: str) -> None:
    first, second = (each["state"] for each in found[case])
    statistics = ("running_mean", "running_var")
    weights = {name: t for name, t in first.items() if not name.endswith(statistics)}
    assert differing(weights, second) == []


def test_each_rank_trains_the_branch_of_the_stage(found: Any) -> None:
    for each in found["three_stages"]:
        assert each["moved"] == [{"seg"}] * 2 + [{"det"}] * 2 + [{"trunk", "seg", "det"}] * 2


def test_a_resumed_run_goes_through_the_same_stages(found: Any) -> None:
    for each in found["resumed"]:
        assert each["learning"] == [("trunk", "seg", "det")] * 2
        assert each["history"] == ["seg", "det", "all"]


@pytest.mark.parametrize("case", JOINED)
def test_two_ranks_learn_what_one_process_learns_from_the_joined_batch(
    found: Any, case: str
) -> None:
    model = staged_ranks.Plain()
    staged = StagedFreezing.alternate("seg", "det", max_epochs=2)
    trainer(staged, epochs=6).fit(model, loader(batch=12), loader(12))
    torch.testing.assert_close(found[case][0]["state"], copies(model))


def test_ranks_with_different_monitors_change_stages_together(found: Any) -> None:
    first, second = found["own_monitor"]
    assert first["learning"] == second["learning"]
    assert first["epochs"] == second["epochs"]
    assert first["history"] == ["seg", "det", "all"]


def test_old_wrappers_are_let_go(found: Any) -> None:
    assert [each["alive"] for each in found["three_stages"]] == [0, 0]


def test_a_branch_that_the_loss_misses_is_named_before_ddp_gives_up(found: Any) -> None:
    for each in found["unreached"]:
        assert "got no gradient in 'det'" in each["error"]


def test_ranks_that_have_parted_are_stopped(found: Any) -> None:
    errors = [each["error"] for each in found["straying"]]
    assert all("must be equal after the stage 'seg'" in error for error in errors)
    assert "seg.0.weight" in errors[1]
