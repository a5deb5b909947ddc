"""Time and memory of a forward and backward pass, measured side by side."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

Step = Callable[[], None]


def step_of(loss: Callable[[Tensor, Tensor], Tensor], pred: Tensor, target: Tensor) -> Step:
    """Return one forward and backward pass; the gradient is made anew each time."""
    leaf = pred.detach().clone().requires_grad_()

    def step() -> None:
        loss(leaf, target).backward()
        leaf.grad = None  # now: what is held before a step would hide as much of what it takes

    return step


def milliseconds(
    steps: Mapping[str, Step], *, rounds: int = 9, least: float = 0.03
) -> dict[str, list[float]]:
    """Time the steps in interleaved rounds, so that a busy machine is as unfair to each.

    Args:
        steps: What to time, by name.
        rounds: How many times each takes its turn.
        least: Seconds for which a turn repeats a short step.

    Returns:
        CPU time of a step in each round, in milliseconds.
    """
    repeats = {}
    for name, step in steps.items():
        step()
        start = time.process_time()
        step()
        repeats[name] = max(1, round(least / max(time.process_time() - start, 1e-6)))
    times: dict[str, list[float]] = {name: [] for name in steps}
    order = list(steps)
    gc.collect()
    for turn in range(rounds):
        for name in order if turn % 2 else reversed(order):
            start = time.process_time()
            for _ in range(repeats[name]):
                steps[name]()
            times[name].append(1e3 * (time.process_time() - start) / repeats[name])
    return times


def ratio(fast: list[float], slow: list[float]) -> float:
    """Return by how much the first is faster: the median over rounds."""
    return statistics.median(s / f for f, s in zip(fast, slow, strict=True))


def peak_bytes(step: Step) -> int:
    """Return the most bytes that a step holds at one time, beyond those held before it."""
    step()
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    held = peak = 0
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(events, key=lambda each: each.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def tried(build: Callable[[], object], *errors: type[Exception]) -> object | None:
    """Return what ``build`` builds, or nothing where it is not installed."""
    with suppress(*errors):
        return build()
    return None


def generator(seed: int = 0) -> torch.Generator:
    """Return a source of random numbers of one's own."""
    return torch.Generator().manual_seed(seed)
