"""Breaks the most important lines of the core one at a time; each break must be noticed.

Usage: ``python tests/mutations.py``. The package is copied, so nothing here is changed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Break(NamedTuple):
    """One line, what it becomes, and where that should be noticed."""

    file: str
    line: str
    broken: str
    tests: str


BREAKS = [
    Break("core/reduction.py", "(mass + (mass == 0))", "mass", "tests/core/test_reduction.py"),
    Break("core/reduction.py", "mass = mean_over_ranks(", "mass = (", "tests/rigs/test_two_processes_objective.py"),
    Break("core/reduction.py", "torch.where(weight == 0, 0.0, weight * values)", "weight * values", "tests/core/test_reduction.py"),
    Break("core/precision.py", "tensor.float() if tensor.dtype in HALF else tensor", "tensor", "tests/core/test_precision.py"),
    Break("core/labels.py", "counts if weight is None else weight * counts", "weight", "tests/core/test_labels.py"),
    Break("core/chunks.py", "gradient.mul_(grads[0])", "gradient", "tests/core/test_chunks.py"),
    Break("core/powers.py", "base.clamp_min(tiny)", "base", "tests/core/test_powers.py"),
    Break("objective/objective.py", "None if all_true(present) else there", "None", "tests/objective"),
    Break("balancers/base.py", "detached = losses.detach()", "detached = losses", "tests/balancers"),
    Break("mixins/training_log.py", "self.window.clear()", "pass", "tests/mixins"),
    Break("compare/judge.py", "thresholds.best_f1(_histogram(module, task, validation)", "thresholds.best_f1(_histogram(module, task, test)", "tests/compare/test_compare.py"),
    Break("stages/freezing.py", "module.training = False", "pass", "tests/callbacks/test_staged_freezing.py"),
    Break("specs/task.py", "spec.build_losses()  #", "pass  #", "tests/cli/test_mistakes.py"),
]  # fmt: skip


def is_noticed(each: Break) -> bool:
    """Return whether the tests fail on the broken package."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("pl_losses", "tests", "examples"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", copy)
        path = copy / "pl_losses" / each.file
        text = path.read_text(encoding="utf-8")
        if each.line not in text:
            raise LookupError(f"{each.file} has no line with {each.line!r} any more.")
        path.write_text(text.replace(each.line, each.broken, 1), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", each.tests, "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTEST_ADDOPTS": ""}
        found = subprocess.run(command, cwd=copy, env=environment, capture_output=True)
        return found.returncode == 1


def main() -> int:
    """Break one line after the other; return 1 if a break goes unnoticed."""
    missed = 0
    for each in BREAKS:
        noticed = is_noticed(each)
        missed += not noticed
        said = "noticed" if noticed else "MISSED"
        print(f"{said:8s} {each.file}: {each.line}", flush=True)  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
