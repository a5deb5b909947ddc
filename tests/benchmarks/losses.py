"""Compare the losses with those of other libraries: forward and backward, one thread, eager.

Run from the root of the repository, with whichever of the peers are installed::

    OMP_NUM_THREADS=1 python -m tests.benchmarks.losses [words that rows must contain]

It prints a Markdown table. Memory is the most that a step holds at one time beyond its input,
over the bytes of the prediction; 1 is the gradient alone.
"""

import statistics
import sys
import warnings
from dataclasses import dataclass

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


def measured(row: Row) -> Result | None:
    """Return the row, measured; nothing if there is no one to compare with."""
    pred, target = INPUTS[row.inputs]()
    own = tried(row.build, LookupError)
    peers = {
        name: tried(peer.build, ImportError, AttributeError) for name, peer in row.peers.items()
    }
    steps = {
        name: step_of(loss, pred, row.peers[name].form(target))  # type: ignore[arg-type]
        for name, loss in peers.items()
        if loss is not None and _runs(loss, pred, row.peers[name].form(target))
    }
    if own is None or not steps:
        return None
    steps[OURS] = step_of(own, pred, target)  # type: ignore[arg-type]
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
    return tried(lambda: loss(pred, target), ImportError, ModuleNotFoundError) is not None  # type: ignore[operator]


def say(line: str) -> None:
    """Write a line at once: a long table is read while it grows."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> None:
    """Print the table of the rows whose name or input contains one of the words."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    say("| loss | input | ours, ms | best peer, ms | times faster | memory | its memory |")
    say("|---|---|---|---|---|---|---|")
    results = []
    for row in ROWS:
        if words and not any(word in f"{row.name} {row.inputs}" for word in words):
            continue
        if result := measured(row):
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
    main(sys.argv[1:])
