"""Balance by hand: weights that stay as they are."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.balancers.base import BALANCERS, Balancer, TaskKind
from pl_losses.core.checks import check_at_least
from pl_losses.registry import unknown


@BALANCERS.register("sum", "equal")
class SumBalancer(Balancer):
    r"""The plain sum of the losses, :math:`\sum_i L_i`.

    Args:
        tasks: Names of the tasks.
        kinds: Kind of each task; makes no difference here.

    Example:
        >>> SumBalancer(["cls", "box"])(torch.tensor([1.0, 3.0]))
        tensor(4.)
    """

    def __init__(self, tasks: Sequence[str], kinds: Sequence[TaskKind] | None = None) -> None:
        super().__init__(tasks, kinds)

    @override
    def weights(self, losses: Tensor) -> Tensor:
        return torch.ones_like(losses)


@BALANCERS.register("fixed")
class FixedBalancer(Balancer):
    r"""Weights chosen by the user, :math:`\sum_i w_i L_i`.

    A weight of 0 keeps the loss in the log and out of the gradient; to save its computation as
    well, give the task itself the weight 0.

    Args:
        tasks: Names of the tasks.
        kinds: Kind of each task; makes no difference here.
        weights: Weight of each task by name, at least 0; one if not named.

    Raises:
        ValueError: If a weight is below 0.
        LookupError: If a weight is for a task that does not exist.

    Example:
        >>> FixedBalancer(["cls", "box"], weights={"box": 0.5})(torch.tensor([1.0, 3.0]))
        tensor(2.5000)
    """

    chosen: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        kinds: Sequence[TaskKind] | None = None,
        *,
        weights: Mapping[str, float],
    ) -> None:
        super().__init__(tasks, kinds)
        for name in weights:
            if name not in self.tasks:
                raise LookupError(unknown("task", name, self.tasks, label="Tasks"))
        chosen = [check_at_least("weights", weights.get(name, 1.0), 0) for name in self.tasks]
        self.register_buffer("chosen", torch.tensor(chosen), persistent=False)

    @override
    def weights(self, losses: Tensor) -> Tensor:
        return self.chosen.to(losses.dtype)
