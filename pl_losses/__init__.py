"""Losses, task balancing and staged training, as plugins for a LightningModule."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pl_losses.balancers import BALANCERS as BALANCERS, Balancer as Balancer
from pl_losses.core.labels import Labels as Labels
from pl_losses.losses import LOSSES as LOSSES, Loss as Loss
from pl_losses.metrics import METRICS as METRICS
from pl_losses.objective import (
    Objective as Objective,
    Report as Report,
    Task as Task,
    TaskOutput as TaskOutput,
    param_groups as param_groups,
)
from pl_losses.stages import Stage as Stage
from pl_losses.version import __version__ as __version__

if TYPE_CHECKING:
    from pl_losses.callbacks import (
        StagedFreezing as StagedFreezing,
        TaskLossLogger as TaskLossLogger,
    )
    from pl_losses.mixins import MultiTaskMixin as MultiTaskMixin

# What needs Lightning is imported when it is asked for: losses alone cost what torch costs.
_LAZY = {
    "MultiTaskMixin": "pl_losses.mixins",
    "StagedFreezing": "pl_losses.callbacks",
    "TaskLossLogger": "pl_losses.callbacks",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
