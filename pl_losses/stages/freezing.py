"""Freezing: gradients off, evaluation mode on; and back to how the user had it."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from typing_extensions import Self

from pl_losses.stages.selection import Selection


@dataclass(frozen=True)
class Snapshot:
    """How the user had his model before the first stage.

    Attributes:
        flags: ``requires_grad`` of every parameter.
        modes: ``training`` of every module.

    Example:
        >>> from pl_losses.stages import Stage, select
        >>> model = nn.ModuleDict({"seg": nn.Linear(2, 2), "det": nn.Linear(2, 1)})
        >>> selection = select(Stage(train="seg"), model)
        >>> snapshot = Snapshot.of(model)
        >>> freeze(selection)
        >>> model["det"].weight.requires_grad
        False
        >>> snapshot.restore(selection)
        >>> model["det"].weight.requires_grad
        True
    """

    flags: Mapping[nn.Parameter, bool]
    modes: Mapping[nn.Module, bool]

    @classmethod
    def of(cls, module: nn.Module) -> Self:
        """Look at a model."""
        return cls(
            {each: each.requires_grad for each in module.parameters()},
            {each: each.training for each in module.modules()},
        )

    def restore(self, selection: Selection) -> None:
        """Undo a stage: the flags of all, and the modes of what the stage has put to rest."""
        for parameter, flag in self.flags.items():
            parameter.requires_grad = flag
        for module in selection.resting.values():
            module.training = self.modes[module]


def freeze(selection: Selection) -> None:
    """Let only the selected parameters learn.

    Old gradients are dropped everywhere: an optimizer moves whatever has one, even if it is
    zero, by weight decay and by momentum.
    """
    for parameter in selection.frozen.values():
        parameter.requires_grad = False
        parameter.grad = None
    for parameter in selection.trained.values():
        parameter.requires_grad = True
        parameter.grad = None


def rest(selection: Selection, norm: str = "eval") -> None:
    """Put frozen modules into evaluation mode: no dropout, and statistics that stand still.

    Args:
        selection: What the stage freezes.
        norm: ``"train"`` leaves normalisations with running statistics as they are.
    """
    for module in selection.resting.values():
        # Not `eval()`, which would reach a child that a trained branch shares.
        if norm == "eval" or not isinstance(module, _NormBase):
            module.training = False
