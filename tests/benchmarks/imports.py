"""What it costs to import the package, and to ask the command for help.

Usage: ``python tests/benchmarks/imports.py``. Process time of new interpreters, the median ratio
of several rounds. The goals: 1.10 of torch and torchmetrics, 2 of Lightning.
"""

import statistics
import subprocess
import sys

ROUNDS = 7
CLOCK = "import time; print(time.process_time(), file=__import__('sys').stderr)"
HELP = "from pl_losses.cli import main; main(['--help'])"


def seconds(*steps: str) -> list[float]:
    """Return the process time of one interpreter after each step."""
    code = "\n".join(line for step in steps for line in (step, CLOCK))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(line) for line in done.stderr.splitlines()[-len(steps) :]]


def package() -> float:
    """Return the time of what the package needs and itself, over that of what it needs."""
    needed, whole = seconds("import torch, torchmetrics", "import pl_losses")
    return whole / needed


def command() -> float:
    """Return the time of ``pl-losses --help`` over that of Lightning's import."""
    return seconds(HELP)[0] / seconds("import lightning")[0]


def main() -> None:
    """Measure and print a table."""
    cases = {
        "`import pl_losses` over `import torch, torchmetrics`": (package, 1.10),
        "`pl-losses --help` over `import lightning`": (command, 2.0),
    }
    print("| | ratio | goal |\n|---|---:|---:|")  # noqa: T201
    for name, (ratio, goal) in cases.items():
        found = statistics.median(ratio() for _ in range(ROUNDS))
        print(f"| {name} | {found:.2f} | {goal:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
