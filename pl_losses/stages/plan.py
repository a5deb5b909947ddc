"""What a schedule will do to a model, as a table, before anything is trained."""

from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from pl_losses.stages.construction import Recipe
from pl_losses.stages.progress import check_schedule
from pl_losses.stages.selection import Selection, branch, select
from pl_losses.stages.stage import Stage
from pl_losses.stages.table import Table, shortened

COLUMNS = ("stage", "trains", "trainable", "freezes", "frozen", "shared", "optimizer", "ends after")


def plan(stages: Sequence[Stage], module: nn.Module) -> Table:
    """Return a table of the stages: what each trains and freezes, how, and until when.

    Args:
        stages: The stages in order.
        module: The model; it is only looked at.

    Raises:
        LookupError: If a stage names a module that does not exist.
        ValueError: If a stage trains nothing, or can never run.

    Example:
        >>> model = nn.ModuleDict({"seg": nn.Linear(2, 2), "det": nn.Linear(2, 1)})
        >>> table = plan([Stage(train="seg", max_epochs=3), Stage(train="all")], model)
        >>> table.rows[0]
        ('1 seg', 'seg', '6', 'det', '3', '-', "the module's", '3 epochs')
    """
    check_schedule(stages)
    rows = [
        _row(f"{number} {stage.title}", stage, select(stage, module))
        for number, stage in enumerate(stages, 1)
    ]
    return Table(f"Stages of {type(module).__name__}", COLUMNS, tuple(rows))


def described(recipe: Recipe | None) -> str:
    """Name an optimizer or scheduler that a stage asks for."""
    if recipe is None:
        return "the module's"
    if isinstance(recipe, str):
        return recipe.rpartition(".")[2]
    if isinstance(recipe, Mapping):
        return str(recipe["class_path"]).rpartition(".")[2]
    return getattr(recipe, "__name__", type(recipe).__name__)


def branches(names: Iterable[str]) -> list[str]:
    """Return the branches that parameters belong to, each once, in order."""
    return list(dict.fromkeys(branch(name) for name in names))


def _row(title: str, stage: Stage, selection: Selection) -> tuple[str, ...]:
    frozen = sum(parameter.numel() for parameter in selection.frozen.values())
    return (
        title,
        shortened(branches(selection.trained)),
        f"{selection.trainable:,}",
        shortened(branches(selection.frozen)),
        f"{frozen:,}",
        shortened(" = ".join(names) for names in selection.shared),
        described(stage.optimizer),
        stage.until,
    )
