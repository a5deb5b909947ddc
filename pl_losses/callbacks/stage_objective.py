"""The tasks and the balancer of a stage, lent to the objective for as long as it lasts."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pl_losses.balancers import Balancer
from pl_losses.lightning import LightningModule
from pl_losses.objective import Objective
from pl_losses.specs import BalancerSpec
from pl_losses.stages.selection import LENT
from pl_losses.stages.stage import Stage


class StageObjective:
    """Switch the tasks and the balancer of a module's objective, stage by stage.

    A lent balancer is a part of the module, so that it moves, learns and is synchronised with
    it. It is not a part of the module's checkpoint, which has to fit the module as the user
    made it, in whatever stage it is saved: its state is saved with the stages.

    Args:
        module: The module; without an objective, stages can change neither.
    """

    def __init__(self, module: LightningModule) -> None:
        found = getattr(module, "objective", None)
        self._module = module
        self._objective = found if isinstance(found, Objective) else None
        self._lent: Balancer | None = None
        if self._objective is not None:
            register = self._objective.register_state_dict_post_hook
            self._hook = register(_without_lent)  # type: ignore[no-untyped-call]  # torch's

    def switch(self, stage: Stage, balance: Mapping[str, Any]) -> None:
        """Use the tasks and the balancer of a stage, or the objective's own.

        Args:
            stage: The stage.
            balance: Saved state of its balancer, if it is not new.

        Raises:
            ValueError: If the stage changes an objective that the module does not have.
            LookupError: If the stage names a task that does not exist.
        """
        if self._objective is None:
            if stage.tasks is not None or stage.balancer is not None:
                raise ValueError(
                    f"The stage {stage.title!r} names `tasks` or a `balancer`, so the module must"
                    f" have an `objective`; got {type(self._module).__name__}, which has none."
                )
            return
        self._lent = None
        if stage.balancer is not None:
            own = self._objective.balancer
            self._lent = BalancerSpec.read(stage.balancer).build(own.tasks, own.kinds)
            self._lent.to(self._module.device)
            if balance:
                self._lent.load_state_dict(balance)
        self._objective.switch(stage.tasks, self._lent)

    @property
    def balance(self) -> dict[str, Tensor]:
        """State of the lent balancer."""
        return {} if self._lent is None else dict(self._lent.state_dict())

    def give_back(self) -> None:
        """Leave the objective as the user made it."""
        if self._objective is not None:
            self._objective.switch(None, None)
            self._hook.remove()


def _without_lent(
    module: nn.Module,  # noqa: ARG001 - the form of a hook
    state: dict[str, Any],
    prefix: str,
    metadata: dict[str, Any],  # noqa: ARG001
) -> None:
    for name in [each for each in state if each.startswith(f"{prefix}{LENT}.")]:
        del state[name]
