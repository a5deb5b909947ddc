"""What one evaluation of the objective found: the total, and all that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Report:
    """Losses of one batch. Everything but the total is detached; nothing waits for the device.

    Attributes:
        total: What is to be minimised; the only part with a gradient.
        task_names: The tasks, in order.
        term_names: The terms, ``"task/term"``, in order.
        losses: Loss of each task, before balancing, shape ``(tasks,)``.
        weights: What each task's loss was multiplied with, shape ``(tasks,)``.
        present: 1 for each task that had something to learn from, else 0, shape ``(tasks,)``.
        terms: Raw value of each term, shape ``(terms,)``.
        owners: Index of each term's task.
        shares: Weight of each term within its task.
    """

    total: Tensor
    task_names: Sequence[str]
    term_names: Sequence[str]
    losses: Tensor
    weights: Tensor
    present: Tensor
    terms: Tensor
    owners: Sequence[int]
    shares: Sequence[float]

    @property
    def raw(self) -> Mapping[str, Tensor]:
        """Value of each term as its formula gives it."""
        return dict(zip(self.term_names, self.terms.unbind(), strict=True))

    @property
    def weight(self) -> Mapping[str, Tensor]:
        """What each term was multiplied with: its own weight times its task's."""
        tasks = self.weights.unbind()
        own = zip(self.term_names, self.owners, self.shares, strict=True)
        return {name: tasks[owner] * share for name, owner, share in own}

    @property
    def weighted(self) -> Mapping[str, Tensor]:
        """What each term added to the total, apart from the price of learned weights."""
        raw, weight = self.raw, self.weight
        return {name: raw[name] * weight[name] for name in self.term_names}

    @property
    def task_losses(self) -> Mapping[str, Tensor]:
        """Loss of each task, before balancing."""
        return dict(zip(self.task_names, self.losses.unbind(), strict=True))

    @property
    def absent(self) -> tuple[str, ...]:
        """The tasks with nothing to learn from. Reading this waits for the device."""
        there = self.present.tolist()
        return tuple(name for name, each in zip(self.task_names, there, strict=True) if not each)
