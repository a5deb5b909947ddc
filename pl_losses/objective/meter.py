"""Means of what reports say, over many batches, without waiting for the device."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pl_losses.objective.objective import Objective
from pl_losses.objective.report import Report
from pl_losses.objective.task import TaskOutput, main_output


class LossMeter:
    """Adds up reports; each mean is weighted by the samples that it averages over.

    A task that is absent from a batch has no part in its means. All sums live in one tensor on
    the device of the losses, so that a batch costs a handful of small operations.

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

    def add(self, report: Report, outputs: Mapping[str, TaskOutput]) -> None:
        """Add one batch."""
        self.add_row(self.row(report, outputs))

    def add_row(self, row: Tensor) -> None:
        """Add what :meth:`row` returned, perhaps of another meter of the same objective."""
        self._sums = row if self._sums is None else self._sums + row

    def clear(self) -> None:
        """Forget everything."""
        self._sums = None

    def means(self, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> dict[str, Tensor]:
        """Return the means by name; ``nan`` where there was nothing to average over.

        Args:
            reduce: Sums a tensor over all ranks. Every rank must come here, even without data.
        """
        if self._sums is None:
            return {}
        sums, counts = reduce(self._sums).unbind()
        return dict(zip(self.names, (sums / counts).unbind(), strict=True))

    def row(self, report: Report, outputs: Mapping[str, TaskOutput]) -> Tensor:
        """Return values and counts of one batch, shape ``(2, names)``."""
        present = report.present
        sizes = [
            float(main_output(outputs[name].pred).shape[0]) if name in outputs else 0.0
            for name in report.task_names
        ]
        largest = max(sizes)
        # Sizes differ only where a task has fewer samples than the batch; no upload otherwise.
        counts = present * largest
        if any(size != largest for size in sizes):
            parts = [each * size for each, size in zip(present.unbind(), sizes, strict=True)]
            counts = torch.stack(parts)
        owned = counts[self._objective.owners_on(counts.device)]
        whole = torch.full_like(counts[:1], largest)
        there = report.losses * present
        values = [there.sum(0, keepdim=True), report.terms, report.losses]
        weights = [whole, owned, counts]
        if not self._losses_only:
            values += [report.total.detach().reshape(1), report.weights, report.weights * there]
            weights += [whole, counts, counts]
        flat, mass = torch.cat(values).to(torch.float32), torch.cat(weights).to(torch.float32)
        return torch.stack([flat * mass, mass])
