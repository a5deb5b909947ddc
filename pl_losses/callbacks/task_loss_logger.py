"""What each task costs, weighs and contributes: in the log, and as a table after each epoch."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from typing_extensions import override

from pl_losses.lightning import Callback, LightningModule, Trainer, rank_zero_info
from pl_losses.objective import Objective, Report, TaskOutput
from pl_losses.objective.meter import LossMeter
from pl_losses.stages.table import Table


class TaskLossLogger(Callback):
    """Logs each task's share of the total, and shows the losses of an epoch as a table.

    It listens to the :class:`~pl_losses.Objective` of the model, wherever that is and whoever
    calls it, so it serves hand-written training steps as well as the mixin. Means are over the
    samples of all batches and ranks, whatever the accumulation. Nothing waits for the device
    before the end of an epoch. For a hand-written training step it also logs the losses and
    weights themselves, under the names that the mixin uses (``train/<task>/<term>``,
    ``weight/<task>``, …).

    Args:
        table: Whether to show a table at the end of each epoch.

    Example:
        >>> callback = TaskLossLogger(table=False)
        >>> callback.table
        False
    """

    def __init__(self, *, table: bool = True) -> None:
        super().__init__()
        self.table = table
        self._objective: Objective | None = None
        self._meter: LossMeter | None = None
        self._handle: RemovableHandle | None = None

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        found = [each for each in pl_module.modules() if isinstance(each, Objective)]
        if len(found) != 1:
            raise ValueError(
                f"TaskLossLogger must find one Objective in the model; got {len(found)}."
            )
        self._objective = found[0]
        self._meter = LossMeter(self._objective)
        self._handle = self._objective.register_forward_hook(self._listen)

    def _listen(self, objective: nn.Module, inputs: tuple[Any, ...], report: Report) -> None:  # noqa: ARG002 - torch's
        # Validation evaluates the objective too, without gradients.
        if self._meter is not None and torch.is_grad_enabled():
            outputs: Mapping[str, TaskOutput] = inputs[0]
            self._meter.add(report, outputs)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._meter is None or self._objective is None:
            return

        def over_ranks(sums: Tensor) -> Tensor:
            reduced: Tensor = trainer.strategy.reduce(sums.clone(), reduce_op="sum")
            return reduced

        means = self._meter.means(over_ranks)
        self._meter.clear()
        if not means:
            return
        names = self._objective.task_names
        shares = shares_of(means, names)
        logged = {f"share/{name}": value for name, value in shares.items()}
        if not self._objective.logged_by_owner:
            balance = ("weight/", "weighted/")
            own = {n if n.startswith(balance) else f"train/{n}": v for n, v in means.items()}
            logged.update(own)
        pl_module.log_dict(logged, on_step=False, on_epoch=True)
        if self.table:
            rank_zero_info(str(loss_table(trainer.current_epoch, self._objective, means, shares)))

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


def shares_of(means: Mapping[str, Tensor], tasks: tuple[str, ...]) -> dict[str, Tensor]:
    """Return the share of each task in the sum of all weighted losses; 0 for an absent one.

    Example:
        >>> means = {"weighted/a": torch.tensor(3.0), "weighted/b": torch.tensor(1.0)}
        >>> shares_of(means, ("a", "b"))
        {'a': tensor(0.7500), 'b': tensor(0.2500)}
    """
    weighted = torch.stack([means[f"weighted/{name}"] for name in tasks]).nan_to_num(0.0)
    whole = weighted.abs().sum()
    shares = weighted / whole.where(whole > 0, 1.0)
    return dict(zip(tasks, shares.unbind(), strict=True))


def loss_table(
    epoch: int, objective: Objective, means: Mapping[str, Tensor], shares: Mapping[str, Tensor]
) -> Table:
    """Return a row for each task, and one for each of its terms if it has several."""
    rows = []
    for name, task in objective.items():
        figures = (means[f"{name}/loss"], means[f"weight/{name}"], means[f"weighted/{name}"])
        rows.append((name, *(_text(each) for each in figures), f"{shares[name].item():.1%}"))
        if len(task.losses) > 1:
            rows += [
                (f"  {term}", _text(means[f"{name}/{term}"]), "", "", "") for term in task.losses
            ]
    total = (_text(means["loss"]), "", _text(means["total"]), "")
    rows.append(("total", *total))
    columns = ("task", "loss", "weight", "weighted", "share")
    return Table(f"Epoch {epoch}, training losses", columns, tuple(rows))


def _text(value: Tensor) -> str:
    number = value.item()
    return "no data" if number != number else f"{number:.4g}"
