"""The optimizer and the scheduler that a stage asks for, handed to the trainer."""

from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from pl_losses.balancers import Balancer
from pl_losses.lightning import LRSchedulerConfig, Trainer
from pl_losses.stages.construction import made
from pl_losses.stages.selection import Selection, branch
from pl_losses.stages.stage import OPTIMIZERS, SCHEDULER_KEYS, SCHEDULERS, Stage


def install(trainer: Trainer, module: nn.Module, stage: Stage, selection: Selection) -> None:
    """Give the trainer the optimizer and scheduler of a stage, or the module's own, anew.

    No group is ever added to a running optimizer: several schedulers cannot follow that.
    """
    strategy = trainer.strategy
    if stage.optimizer is None:
        strategy.setup_optimizers(trainer)
    else:
        groups = named_groups(module, selection)
        strategy.optimizers = [made(stage.optimizer, OPTIMIZERS, groups)]
        strategy.lr_scheduler_configs = []
    if stage.lr_scheduler is not None:
        strategy.lr_scheduler_configs = [scheduled(stage, strategy.optimizers[0])]


def named_groups(module: nn.Module, selection: Selection) -> list[dict[str, Any]]:
    """Return a parameter group for each branch that learns, under the name of the branch.

    The weights of a balancer are not weights of the model: they do not decay, and may have a
    learning rate of their own.
    """
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in selection.trained.items():
        groups.setdefault(branch(name), []).append(parameter)
    balances = [each for each in module.modules() if isinstance(each, Balancer)]
    rates = {p: each.lr for each in balances for p in each.parameters() if each.lr is not None}
    listed: list[dict[str, Any]] = []
    for name, parameters in groups.items():
        own: dict[str, Any] = {"weight_decay": 0.0} if name == "balancer" else {}
        if parameters[0] in rates:
            own["lr"] = rates[parameters[0]]
        listed.append({"params": parameters, "name": name, **own})
    return listed


def scheduled(stage: Stage, optimizer: Optimizer) -> LRSchedulerConfig:
    """Make the scheduler of a stage.

    A plateau is watched for in the stage's own monitor, and one cycle is run through by steps,
    unless the stage says otherwise.

    Raises:
        ValueError: If a scheduler that needs a monitor has none.
    """
    recipe = stage.lr_scheduler or {}
    scheduler = made(recipe, SCHEDULERS, optimizer)
    said = dict(recipe) if isinstance(recipe, dict) else {}
    if isinstance(scheduler, dict):
        said, scheduler = scheduler, scheduler["scheduler"]
    plateau = isinstance(scheduler, ReduceLROnPlateau)
    options = {
        "interval": "step" if isinstance(scheduler, OneCycleLR) else "epoch",
        "monitor": stage.monitor,
        **{key: said[key] for key in SCHEDULER_KEYS if key in said},
    }
    if plateau and options["monitor"] is None:
        raise ValueError("`lr_scheduler` must have a `monitor` to find a plateau in; got none.")
    return LRSchedulerConfig(scheduler, reduce_on_plateau=plateau, **options)


def groups_of(trainer: Trainer) -> dict[nn.Parameter, str]:
    """Return the name of the parameter group that holds each parameter."""
    return {
        parameter: group.get("name", f"group {number}")
        for optimizer in trainer.optimizers
        for number, group in enumerate(optimizer.param_groups)
        for parameter in group["params"]
    }


def check_optimized(trainer: Trainer, stage: Stage, selection: Selection) -> None:
    """Refuse an optimizer that does not have what a stage trains.

    Raises:
        ValueError: If all that a selector trains is missing from the optimizer.
    """
    held = groups_of(trainer)
    for selector, parameters in selection.reach.items():
        if not any(parameter in held for parameter in parameters):
            raise ValueError(
                f"The optimizer must have the parameters of {selector!r}, which the stage"
                f" {stage.title!r} trains; got none of them. Pass them in `configure_optimizers`,"
                " or give the stage an `optimizer`."
            )
