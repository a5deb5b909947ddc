"""What every balancer is: a weight for each loss, and a price for the weights."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor

from pl_losses.core.checks import check_above, check_choice, check_shape
from pl_losses.core.precision import FullPrecisionModule
from pl_losses.registry import Registry

TaskKind = Literal["classification", "regression"]


class Balancer(FullPrecisionModule, ABC):
    r"""Sum the losses of T tasks into one: :math:`\sum_i w_i L_i + c_i`.

    The weights see the losses detached, so a gradient reaches the model only through the
    :math:`L_i`, and the balancer only through its own parameters. State that must outlive a
    step belongs in buffers and changes only in :meth:`observe`; a call changes nothing. A task
    that is absent from a batch adds nothing and moves nothing.

    Args:
        tasks: Names of the tasks, in the order of their losses.
        kinds: Kind of each task; all regression if not given.
        lr: Learning rate of the balancer's own parameters; that of the model if not given.

    Raises:
        ValueError: If there is no task, a name comes twice, or there is not one kind for each.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        kinds: Sequence[TaskKind] | None = None,
        *,
        lr: float | None = None,
    ) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        if not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"`tasks` must be different names, at least one; got {list(tasks)}.")
        self.kinds: tuple[TaskKind, ...] = tuple(
            ["regression" for _ in self.tasks] if kinds is None else kinds
        )
        if len(self.kinds) != len(self.tasks):
            raise ValueError(
                f"`kinds` must have one entry for each of the {len(self.tasks)} tasks; "
                f"got {list(self.kinds)}."
            )
        for kind in self.kinds:
            check_choice("kinds", kind, get_args(TaskKind))
        self.lr = lr if lr is None else check_above("lr", lr, 0)

    @abstractmethod
    def weights(self, losses: Tensor) -> Tensor:
        """Return the weight of each loss, shape ``(T,)``; ``losses`` come detached."""

    def prices(self, losses: Tensor) -> Tensor | None:  # noqa: ARG002 - a hook
        """Return the price of each weight, shape ``(T,)``; none unless the method has one."""
        return None

    def observe(self, losses: Tensor, present: Tensor) -> None:
        """Take note of the losses; called once after every optimizer step."""

    def forward(
        self, losses: Tensor, present: Tensor | None = None, factors: Tensor | None = None
    ) -> Tensor:
        """Return the total, a scalar; see :meth:`balance`."""
        return self.balance(losses, present, factors)[0]

    def balance(
        self, losses: Tensor, present: Tensor | None = None, factors: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the total, and what each loss was multiplied with, detached.

        Args:
            losses: Losses, shape ``(T,)``.
            present: 1 for each task that has something to learn from, 0 for the others.
            factors: What the user multiplies each task with, price included, so that it changes
                how hard a task pulls and not where a learned weight comes to rest.
        """
        check_shape("losses", losses, (len(self.tasks),))
        detached = losses.detach()
        weights = self.weights(detached)
        prices = self.prices(detached)
        parts = weights * losses if prices is None else weights * losses + prices
        for scale in (present, factors):
            parts = parts if scale is None else parts * scale
        used = weights.detach()
        return parts.sum(), used if factors is None else used * factors


BALANCERS = Registry[Balancer]("balancer", "pl_losses.balancers")
