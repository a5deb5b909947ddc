"""A comparison killed at any moment goes on where it was, and ends as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CONFIG

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COMMAND = "import sys; from pl_losses.cli import main; sys.exit(main(sys.argv[1:]))"


def words(folder: Path, out: str) -> list[str]:
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    losses = ["--losses", "bce", "focal", "both=[bce, dice]"]
    more = ["--trainer.max_epochs", "3", "--seeds", "0", "1", "--out", str(folder / out)]
    return [sys.executable, "-c", COMMAND, "compare", "--config", str(config), *losses, *more]


def figures(out: Path) -> dict[str, Any]:
    found = {}
    for path in sorted(out.glob("runs/*/*/result.json")):
        found[str(path.parent.relative_to(out))] = json.loads(path.read_text())["figures"]
        del found[str(path.parent.relative_to(out))]["seconds"]
    return found


def test_killed_and_resumed_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    quiet: dict[str, Any] = {
        "env": environment,
        "cwd": ROOT,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    assert subprocess.run(words(tmp_path, "whole"), **quiet).returncode == 0
    rng = random.Random(0)
    for wanted in (1, 3):
        process = subprocess.Popen(words(tmp_path, "killed"), **quiet)
        while process.poll() is None and len(figures(tmp_path / "killed")) < wanted:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Whatever is there is whole: the index of the runs can be read at any moment.
        assert all(each["f1"] is not None for each in figures(tmp_path / "killed").values())
    assert subprocess.run(words(tmp_path, "killed"), **quiet).returncode == 0
    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")
    assert len(figures(tmp_path / "whole")) == 6
    assert (tmp_path / "killed/report.html").exists()
