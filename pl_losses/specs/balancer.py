"""What a user may write for a balancer."""

from collections.abc import Sequence
from typing import Any

from pl_losses.balancers import BALANCERS, Balancer
from pl_losses.balancers.base import TaskKind
from pl_losses.specs.choice import Choice

CONTEXT = ("tasks", "kinds")


class BalancerSpec:
    """A balancer that is chosen, before its tasks are known.

    It is no dataclass, as config parsers take those apart by themselves.

    Args:
        choice: What was chosen.

    Example:
        >>> spec = BalancerSpec.read({"name": "uncertainty", "lr": 0.025})
        >>> spec.build(["cls", "box"]).tasks
        ('cls', 'box')
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice

    @classmethod
    def read(cls, value: Any) -> "BalancerSpec":
        """Read a name, a mapping with ``name`` or ``class_path``, or a balancer."""
        if isinstance(value, BalancerSpec):
            return value
        return cls(Choice.read(value, BALANCERS, Balancer, CONTEXT))

    def build(self, tasks: Sequence[str], kinds: Sequence[TaskKind] | None = None) -> Balancer:
        """Make the balancer of these tasks.

        Raises:
            ValueError: If a balancer was given as an object and has other tasks.
        """
        balancer: Balancer = self.choice.build(tasks=tasks, kinds=kinds)
        if balancer.tasks != tuple(tasks):
            raise ValueError(
                f"The balancer must have the tasks {list(tasks)}; got {list(balancer.tasks)}."
            )
        return balancer

    def written(self) -> dict[str, Any]:
        """Return the mapping that reads back as this balancer, with every default."""
        return self.choice.written(CONTEXT)
