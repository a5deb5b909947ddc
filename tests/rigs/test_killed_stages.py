"""A run in stages that was killed at a random moment goes on where its last checkpoint is."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.callbacks.two_branches import (
    QUIET,
    Trace,
    TwoBranches,
    copies,
    differing,
    loader,
    trainer,
)
from tests.rigs import staged_until_killed as rig

pytestmark = [pytest.mark.slow, *QUIET]

ROOT = Path(__file__).parents[2]
# After the first epoch, which ends with the first checkpoint.
MOMENTS = random.Random(0).sample(range(8, rig.EVENTS), 2)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folders = {moment: tmp_path_factory.mktemp(f"killed{moment}") for moment in MOMENTS}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, rig.__file__, str(folder), str(moment)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for moment, folder in folders.items()
    ]
    assert [each.wait(timeout=240) for each in running] == [-signal.SIGKILL] * len(MOMENTS)
    return folders


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_ends_as_if_it_had_not_been(moment: int, killed: dict[int, Path]) -> None:
    whole, staged, trace = TwoBranches(), rig.schedule(), Trace()
    trainer(staged, trace, epochs=rig.EPOCHS).fit(whole, loader(), loader(12))
    model, again, rest = TwoBranches(seed=5), rig.schedule(), Trace()
    runner = trainer(again, rest, epochs=rig.EPOCHS)
    runner.fit(model, loader(), loader(12), ckpt_path=killed[moment] / "last.ckpt")
    assert again.progress.history == staged.progress.history
    assert 0 < len(rest.learning) < len(trace.learning)
    assert rest.learning == trace.learning[-len(rest.learning) :]
    assert differing(copies(whole), copies(model)) == []
