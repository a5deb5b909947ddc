"""Stages under DDP: two processes on gloo, started once for all tests of this file."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pl_losses import StagedFreezing
from tests.callbacks.two_branches import QUIET, copies, differing, loader, trainer
from tests.rigs import staged_ranks

pytestmark = [pytest.mark.slow, *QUIET]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": "2",
        "NODE_RANK": "0",
    }
    script = [sys.executable, staged_ranks.__file__, str(folder)]
    with (folder / "errors.txt").open("w") as errors:
        both = [
            subprocess.Popen(
                script,
                env={**common, "LOCAL_RANK": str(rank)},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            for rank in (0, 1)
        ]
        try:
            codes = [process.wait(timeout=300) for process in both]
        finally:
            for process in both:
                process.kill()
    assert codes == [0, 0], (folder / "errors.txt").read_text()[-3000:]
    return {
        case.__name__.removeprefix("case_"): [
            torch.load(folder / f"{case.__name__}-{rank}.pt", weights_only=False) for rank in (0, 1)
        ]
        for case in staged_ranks.CASES
    }


TRAINED = ["three_stages", "resumed", "joined_batch", "own_monitor", "objective"]


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


def test_two_ranks_learn_what_one_process_learns_from_the_joined_batch(found: Any) -> None:
    model = staged_ranks.Plain()
    staged = StagedFreezing.alternate("seg", "det", max_epochs=2)
    trainer(staged, epochs=6).fit(model, loader(batch=12), loader(12))
    torch.testing.assert_close(found["joined_batch"][0]["state"], copies(model))


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
