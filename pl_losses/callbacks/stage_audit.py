"""What the stages did, shown: a table at each transition, and one at the end."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from pl_losses.callbacks.stage_optimizers import groups_of
from pl_losses.lightning import Trainer, rank_zero_info, rank_zero_only
from pl_losses.stages.fingerprint import fingerprint, moved, still_tensors
from pl_losses.stages.plan import branches, described
from pl_losses.stages.progress import Ended
from pl_losses.stages.selection import Selection, branch
from pl_losses.stages.stage import Stage
from pl_losses.stages.table import Table, shortened

AUDIT = ("branch", "selected by", "trained", "frozen", "optimizer group", "norm")
SUMMARY = ("stage", "epochs", "steps", "best", "ended by", "checksums")


def audit(trainer: Trainer, module: nn.Module, stage: Stage, selection: Selection) -> Table:
    """Return what is true of each branch of the model in this stage."""
    names = dict(module.named_parameters())
    groups = groups_of(trainer)
    rows = [
        _row(each, {n: p for n, p in names.items() if branch(n) == each}, selection, groups)
        for each in branches(names)
    ]
    norms = _norm_modes(module)
    return Table(
        f"Stage {stage.title!r}",
        AUDIT,
        tuple((*row, shortened(norms.get(row[0], ()))) for row in rows),
    )


def opening(index: int, stages: Sequence[Stage], selection: Selection) -> str:
    """Return the line that says that a stage begins."""
    stage = stages[index]
    parts = [
        f"trains {selection.trainable:,} weights in {shortened(branches(selection.trained))}",
        f"freezes {shortened(branches(selection.frozen))}",
        f"optimizer: {described(stage.optimizer)}",
        f"until {stage.until}",
    ]
    if selection.shared:
        parts.append(f"shared: {shortened(map(' = '.join, selection.shared))}")
    if selection.kept:
        parts.append(f"frozen before, and still: {shortened(branches(selection.kept))}")
    return f"Stage {index + 1} of {len(stages)}, {stage.title!r}: {'; '.join(parts)}."


def show_stage(trainer: Trainer, index: int, stages: Sequence[Stage]) -> None:
    """Put the stage where other callbacks and the progress bar find it, as plain numbers."""
    trainer.callback_metrics["stage"] = torch.tensor(float(index))
    shown: dict[str, Any] = trainer.progress_bar_metrics
    shown["stage"] = f"{stages[index].title} {index + 1}/{len(stages)}"


def prints(selection: Selection, norm: str) -> dict[str, dict[str, int]]:
    """Return the checksums of what a stage must not move, and of what it must."""
    return {
        "still": fingerprint(still_tensors(selection, norm)),
        "trained": fingerprint(selection.trained),
    }


def proof(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> tuple[str, list[str]]:
    """Return what the checksums say, in words, and what is wrong."""
    strayed = moved(before["still"], after["still"])
    learned = moved(before["trained"], after["trained"])
    wrong = [f"frozen {name!r} has moved" for name in strayed]
    if not learned:
        wrong.append("nothing that was to learn has moved")
    still, trained = len(after["still"]), len(after["trained"])
    words = f"{still - len(strayed)}/{still} still, {len(learned)}/{trained} moved"
    return words, wrong


def summary(records: Sequence[Ended]) -> Table:
    """Return what each stage did."""
    rows = [
        (
            f"{number} {each.name}",
            str(each.epochs),
            str(each.steps),
            "-" if each.best is None else f"{each.best:.4g}",
            each.reason,
            each.proof or "-",
        )
        for number, each in enumerate(records, 1)
    ]
    return Table("Stages", SUMMARY, tuple(rows))


@rank_zero_only
def show(table: Table) -> None:
    """Put a table on the screen with rich, or into the log without it; never into the output."""
    if find_spec("rich") is None:
        rank_zero_info(str(table))
        return
    from rich.console import Console  # rich is optional
    from rich.table import Table as RichTable

    drawn = RichTable(*table.columns, title=table.title, title_justify="left")
    for row in table.rows:
        drawn.add_row(*row)
    Console(stderr=True).print(drawn)


def _row(
    name: str,
    parameters: Mapping[str, nn.Parameter],
    selection: Selection,
    groups: Mapping[nn.Parameter, str],
) -> tuple[str, ...]:
    trained = set(selection.trained.values())
    learning = [each for each in parameters.values() if each in trained]
    count = sum(each.numel() for each in learning)
    total = sum(each.numel() for each in parameters.values())
    chosen = [key for key, found in selection.reach.items() if set(found) & set(learning)]
    held = dict.fromkeys(groups.get(each, "none") for each in learning)
    return name, shortened(chosen), f"{count:,}", f"{total - count:,}", shortened(held)


def _norm_modes(module: nn.Module) -> dict[str, list[str]]:
    modes: dict[str, dict[str, None]] = {}
    for name, each in module.named_modules():
        if isinstance(each, _NormBase):
            modes.setdefault(branch(name), {})["train" if each.training else "eval"] = None
    return {name: list(found) for name, found in modes.items()}
