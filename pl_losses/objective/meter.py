"""Means of what reports say, over many batches, without waiting for the device."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pl_losses.objective.objective import Objective
from pl_losses.objective.report import Report
from pl_losses.objective.task import TaskOutput, main_output

MANY = 64
"""Reports that may wait."""


class LossMeter:
    """Adds up reports; each mean is weighted by the samples that it averages over.

    A task that is absent from a batch has no part in its means. Reports wait, detached, until
    there are many: the small operations of adding up are then shared by all of them.

    Args:
        objective: Whose reports they are.
        losses_only: Whether to leave out the balance (weights and weighted losses).
    """

    def __init__(self, objective: Objective, *, losses_only: bool = False) -> None:
        tasks, terms = objective.task_names, objective.term_names
        self._objective = objective
        self._losses_only = losses_only
        self.names = ["loss", *terms, *(f"{task}/loss" for task in tasks)]
        if not losses_only:
            balance = [f"{what}/{task}" for what in ("weight", "weighted") for task in tasks]
            self.names += ["total", *balance]
        self._sums: Tensor | None = None
        self._waiting: list[tuple[Tensor, ...]] = []
        self._sizes: tuple[float, ...] = ()

    def add(self, report: Report, outputs: Mapping[str, TaskOutput]) -> None:
        """Add one batch."""
        sizes = tuple(
            float(main_output(outputs[name].pred).shape[0]) if name in outputs else 0.0
            for name in report.task_names
        )
        if sizes != self._sizes or len(self._waiting) == MANY:
            self._settle()
        self._sizes = sizes
        total = report.total.detach()
        self._waiting.append((report.terms, report.losses, report.present, total, report.weights))

    def clear(self) -> None:
        """Forget everything."""
        self._sums, self._waiting = None, []

    def means(self, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> dict[str, Tensor]:
        """Return the means by name; ``nan`` where there was nothing to average over.

        Args:
            reduce: Sums a tensor over all ranks. Every rank must come here, even without data.
        """
        self._settle()
        if self._sums is None:
            return {}
        sums, counts = reduce(self._sums).unbind()
        return dict(zip(self.names, (sums / counts).unbind(), strict=True))

    def _settle(self) -> None:
        """Add up what waits: batches of the same sizes, stacked."""
        if not self._waiting:
            return
        terms, losses, present, total, weights = (
            torch.stack(each) for each in zip(*self._waiting, strict=True)
        )
        self._waiting = []
        largest = max(self._sizes)
        counts = present * largest
        if any(size != largest for size in self._sizes):
            # One by one, for a tensor of them would be an upload, and the device would wait.
            sized = zip(present.unbind(1), self._sizes, strict=True)
            counts = torch.stack([each * size for each, size in sized], 1)
        whole = torch.full_like(counts[:, :1], largest)
        there = losses * present
        values = [there.sum(1, keepdim=True), terms, losses]
        masses = [whole, counts[:, self._objective.owners_on(counts.device)], counts]
        if not self._losses_only:
            values += [total.unsqueeze(1), weights, weights * there]
            masses += [whole, counts, counts]
        flat, mass = torch.cat(values, 1).float(), torch.cat(masses, 1).float()
        sums = torch.stack([(flat * mass).sum(0), mass.sum(0)])
        self._sums = sums if self._sums is None else self._sums + sums
