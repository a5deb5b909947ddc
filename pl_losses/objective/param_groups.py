"""Groups of parameters for an optimizer: the balance apart from the model."""

from typing import Any

from torch import nn

from pl_losses.balancers import Balancer


def param_groups(module: nn.Module, *, weight_decay: float | None = None) -> list[dict[str, Any]]:
    """Return the parameters of a module, those of its balancers in a group of their own.

    A learned balance has its own learning rate and no weight decay, which would pull every task
    towards weight one.

    Args:
        module: Anything that contains an :class:`~pl_losses.objective.Objective`, perhaps.
        weight_decay: Weight decay of all other parameters; that of the optimizer if not given.

    Returns:
        One group, ``model``, or one more for each learned balance.

    Example:
        >>> from pl_losses.objective import Objective, Task
        >>> objective = Objective({"a": Task("mse"), "b": Task("l1")}, {
        ...     "name": "uncertainty", "lr": 0.025})
        >>> [(g["name"], g.get("lr"), g["weight_decay"]) for g in param_groups(objective)]
        [('balancer', 0.025, 0.0)]
    """
    balancers = {name: each for name, each in module.named_modules() if isinstance(each, Balancer)}
    own = {id(p) for each in balancers.values() for p in each.parameters()}
    rest = [p for p in module.parameters() if id(p) not in own]
    groups: list[dict[str, Any]] = []
    if rest:
        group: dict[str, Any] = {"name": "model", "params": rest}
        groups.append(group if weight_decay is None else {**group, "weight_decay": weight_decay})
    for name, each in balancers.items():
        params = list(each.parameters())
        if params:
            group = {"name": name, "params": params, "weight_decay": 0.0}
            groups.append(group if each.lr is None else {**group, "lr": each.lr})
    return groups
