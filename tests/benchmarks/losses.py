"""Compare the losses with those of other libraries: forward and backward, one thread.

Run from the root of the repository, with whichever of the peers are installed::

    OMP_NUM_THREADS=1 python -m tests.benchmarks.losses [--compiled] [words that rows contain]

Eager, or each loss and each peer under ``torch.compile``. It prints a Markdown table. Memory is the
most that a step holds at one time beyond its input, over the bytes of the prediction; 1 is the
gradient alone.
"""

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from tests.benchmarks.measure import milliseconds, peak_bytes, ratio, step_of, tried
from tests.benchmarks.rows import INPUTS, ROWS, Row

OURS = "pl_losses"


@dataclass(frozen=True)
class Result:
    """One measured row."""

    row: Row
    ms: float
    peer: str
    peer_ms: float
    faster: float
    memory: float
    peer_memory: float

    def __str__(self) -> str:
        return (
            f"| {self.row.name}{' *' if self.row.kernel else ''} | {self.row.inputs} "
            f"| {self.ms:.3f} | {self.peer_ms:.3f} ({self.peer}) | {self.faster:.2f} "
            f"| {self.memory:.2f} | {self.peer_memory:.2f} |"
        )


def measured(row: Row, prepare: Callable[[Any], Any] = lambda loss: loss) -> Result | None:
    """Return the row, measured; nothing if there is no one to compare with.

    Args:
        row: What to compare.
        prepare: What is done to each loss before, such as ``torch.compile``.
    """
    pred, target = INPUTS[row.inputs]()
    own = tried(row.build, LookupError)
    peers = {
        name: tried(peer.build, ImportError, AttributeError) for name, peer in row.peers.items()
    }
    steps = {
        name: step_of(prepare(loss), pred, row.peers[name].form(target))
        for name, loss in peers.items()
        if loss is not None and _runs(prepare(loss), pred, row.peers[name].form(target))
    }
    if own is None or not steps:
        return None
    steps[OURS] = step_of(prepare(own), pred, target)
    times = milliseconds(steps)
    medians = {name: statistics.median(each) for name, each in times.items()}
    best = min((name for name in steps if name != OURS), key=medians.__getitem__)
    unit = pred.nbytes
    return Result(
        row,
        medians[OURS],
        best,
        medians[best],
        ratio(times[OURS], times[best]),
        peak_bytes(steps[OURS]) / unit,
        peak_bytes(steps[best]) / unit,
    )


def _runs(loss: object, pred: torch.Tensor, target: torch.Tensor) -> bool:
    # Some peers import what they need when first called; some cannot be compiled.
    return tried(lambda: loss(pred, target), ImportError, RuntimeError) is not None  # type: ignore[operator]


def say(line: str) -> None:
    """Write a line at once: a long table is read while it grows."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table of the rows whose name or input contains one of the words."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    say("| loss | input | ours, ms | best peer, ms | times faster | memory | its memory |")
    say("|---|---|---|---|---|---|---|")
    results = []
    for row in ROWS:
        said = f"{row.name} {row.inputs}"
        if options.words and not any(word in said for word in options.words):
            continue
        torch.compiler.reset()  # else the losses before count against the limit of recompilations
        if result := measured(row, torch.compile if options.compiled else lambda loss: loss):
            results.append(result)
            say(str(result))
    say("")
    for text, chosen in (
        ("all rows", results),
        ("rows that are not a kernel of torch (*)", [r for r in results if not r.row.kernel]),
    ):
        if chosen:
            mean = statistics.geometric_mean([each.faster for each in chosen])
            say(f"Geometric mean over {text}: {mean:.2f} times faster.")


if __name__ == "__main__":
    main()
