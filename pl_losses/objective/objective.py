"""The objective of a training: tasks, and how they are balanced."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from pl_losses.balancers import Balancer
from pl_losses.balancers.base import TaskKind
from pl_losses.objective.report import Report
from pl_losses.objective.task import Task, TaskOutput
from pl_losses.registry import unknown
from pl_losses.specs import BalancerSpec


class Objective(nn.Module):
    """Tasks and a balancer: from outputs to the number that is minimised.

    It knows no Trainer and changes nothing when called, so that it serves any training step.

    Args:
        tasks: Tasks by name; each a :class:`Task`, or the mapping or loss that stands for one.
        balancer: A registered name, a mapping with ``name`` or ``class_path``, or a balancer.

    Raises:
        LookupError: If a name is unknown, with the one that was meant.
        ValueError: If there is no task, or its name cannot be part of a log's.

    Example:
        >>> objective = Objective({
        ...     "cls": Task("cross_entropy", labels="multiclass"),
        ...     "box": Task({"smooth_l1": {"beta": 0.5}}, weight=2.0),
        ... })
        >>> report = objective({
        ...     "cls": TaskOutput(torch.zeros(1, 2), torch.tensor([1])),
        ...     "box": TaskOutput(torch.ones(1, 4), torch.zeros(1, 4)),
        ... })
        >>> report.total, report.raw["box/smooth_l1"], report.absent
        (tensor(2.1931), tensor(0.7500), ())
    """

    _owners: Tensor
    _shares: Tensor
    _factors: Tensor

    def __init__(self, tasks: Mapping[str, Any], balancer: Any = "sum") -> None:
        super().__init__()
        if not tasks:
            raise ValueError("`tasks` must have at least one task; got none.")
        for name in tasks:
            if not name or "." in name or "/" in name:
                raise ValueError(f"The name of a task must have no '.' and no '/'; got {name!r}.")
        self._items = [(name, Task.of(task)) for name, task in tasks.items()]
        self.tasks = nn.ModuleDict(dict(self._items))
        self.task_names = tuple(tasks)
        owned = [(at, name, task) for at, (name, task) in enumerate(self._items)]
        self.term_names = tuple(f"{name}/{term}" for _, name, task in owned for term in task.losses)
        self.term_owners = tuple(at for at, _, task in owned for _ in task.losses)
        self.term_shares = tuple(w for _, _, task in owned for w in task.term_weights.values())
        self.register_buffer("_owners", torch.tensor(self.term_owners), persistent=False)
        self.register_buffer("_shares", torch.tensor(self.term_shares), persistent=False)
        self._one_term_each = self.term_shares == (1.0,) * len(self._items)
        self.balancer_spec = BalancerSpec.read(balancer)
        self.balancer = self.balancer_spec.build(self.task_names, self._kinds())
        self._override: Balancer | None = None
        # Whether the module that owns it logs what it reports, as the mixin does.
        self.logged_by_owner = False
        self._weights = {name: task.weight for name, task in self._items}
        self._plain = set(self._weights.values()) == {1.0}
        self.register_buffer("_factors", self._factor_tensor(), persistent=False)

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the tasks that are switched on: those whose weight is not 0."""
        return tuple(name for name in self.task_names if self._weights[name] > 0)

    @property
    def balancer_in_use(self) -> Balancer:
        """The balancer that weighs at present: the one of a stage, or the objective's own."""
        return self._override if self._override is not None else self.balancer

    def items(self) -> list[tuple[str, Task]]:
        """The tasks with their names."""
        return self._items

    def task(self, name: str) -> Task:
        """The task of that name."""
        return dict(self._items)[name]

    def switch(
        self, weights: Mapping[str, float] | None = None, balancer: Balancer | None = None
    ) -> None:
        """Use other task weights, and perhaps another balancer, until told otherwise.

        Args:
            weights: Weight of each task named; 0 switches it off. ``None`` gives every task its
                own weight back.
            balancer: Balancer to use; ``None`` means the objective's own.

        Raises:
            LookupError: If a weight is for a task that does not exist.
        """
        for name in weights or {}:
            if name not in self.tasks:
                raise LookupError(unknown("task", name, self.task_names, label="Tasks"))
        own = {name: task.weight for name, task in self.items()}
        self._weights = {**own, **(weights or {})}
        self._plain = set(self._weights.values()) == {1.0}
        self._factors = self._factor_tensor().to(self._factors.device)
        self._override = balancer

    @override
    def forward(self, outputs: Mapping[str, TaskOutput]) -> Report:
        """Return the total loss of one batch, and all that it is made of.

        Args:
            outputs: Prediction, target and weight of each task. A task that is switched off may be
                left out; one whose target is ``None``, or ignored altogether, is absent.

        Raises:
            LookupError: If the names are not those of the tasks, with both lists.
        """
        self._check_names(outputs)
        found = {
            name: task.terms(outputs[name])
            for name, task in self._items
            if name in outputs and self._weights[name] > 0
        }
        if not found:
            raise ValueError(
                "The outputs must have at least one task that is switched on; got "
                f"{', '.join(outputs) or 'none'}, and on are {', '.join(self.active) or 'none'}."
            )
        terms = self._stacked(found)
        present = [name in found and task.present(outputs[name]) for name, task in self._items]
        there = _mask(present, terms.detach())
        losses = self._task_losses(terms)
        balancer = self.balancer if self._override is None else self._override
        factors = None if self._plain else self._factors.to(terms.dtype)
        total, weights = balancer.balance(losses, None if all_true(present) else there, factors)
        return Report(
            total,
            self.task_names,
            self.term_names,
            losses.detach(),
            weights,
            there,
            terms.detach(),
            self.term_owners,
            self.term_shares,
        )

    def _stacked(self, found: Mapping[str, list[Tensor]]) -> Tensor:
        if len(found) == len(self._items):
            return torch.stack([term for terms in found.values() for term in terms])
        nothing = next(iter(found.values()))[0].detach().new_zeros(())
        return torch.stack(
            [
                term
                for name, task in self._items
                for term in found.get(name, [nothing] * len(task.losses))
            ]
        )

    def _task_losses(self, terms: Tensor) -> Tensor:
        if self._one_term_each:
            return terms
        # Added up by task, not multiplied by a matrix, where one infinite term would spoil all.
        losses = torch.zeros(len(self._items), dtype=terms.dtype, device=terms.device)
        return losses.index_add(0, self._owners, terms * self._shares.to(terms.dtype))

    def owners_on(self, device: torch.device) -> Tensor:
        """Index of the task of each term, as a tensor where the losses are."""
        return self._owners if self._owners.device == device else self._owners.to(device)

    def _check_names(self, outputs: Mapping[str, TaskOutput]) -> None:
        extra = [name for name in outputs if name not in self.tasks]
        missing = [name for name in self.active if name not in outputs]
        if extra or missing:
            raise LookupError(
                f"Outputs and tasks must have the same names; got outputs "
                f"{', '.join(outputs) or 'none'}, and tasks {', '.join(self.active)}. A task "
                "without truth in a batch is there with the target None."
            )

    def _kinds(self) -> list[TaskKind]:
        return [
            "regression"
            if task.labels is None or task.labels.kind == "regression"
            else "classification"
            for _, task in self.items()
        ]

    def _factor_tensor(self) -> Tensor:
        return torch.tensor(list(self._weights.values()), dtype=torch.float32)


def all_true(present: list[Tensor | bool]) -> bool:
    """Whether every task is known to be there without asking the device."""
    return all(each is True for each in present)


def _mask(present: list[Tensor | bool], template: Tensor) -> Tensor:
    if all_true(present):
        return torch.ones(len(present), dtype=template.dtype, device=template.device)
    one, zero = template.new_ones(()), template.new_zeros(())
    return torch.stack(
        [
            each.to(template.dtype) if isinstance(each, Tensor) else one if each else zero
            for each in present
        ]
    )
