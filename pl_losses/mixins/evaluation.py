"""Losses and metrics of a validation or test, task by task."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from pl_losses.mixins.training_log import logged_names, sum_over_ranks
from pl_losses.objective import TaskOutput
from pl_losses.objective.meter import LossMeter
from pl_losses.objective.task import main_output

if TYPE_CHECKING:
    from pl_losses.mixins.multi_task import MultiTaskMixin

Stage = Literal["val", "test"]


class Evaluation(nn.Module):
    """Means of losses, and metrics, of one evaluation for each data loader.

    It is a module so that the metrics move with the model; it has no state to save.
    """

    def __init__(self) -> None:
        super().__init__()
        self.groups = nn.ModuleDict()
        self._meters: dict[int, LossMeter] = {}
        self._stage: Stage = "val"

    def start(self, module: "MultiTaskMixin", stage: Stage) -> None:
        """Begin a new evaluation of all loaders of a stage."""
        self._stage = stage
        trainer = module.trainer
        loaders = trainer.num_val_batches if stage == "val" else trainer.num_test_batches
        if trainer.sanity_checking:
            loaders = trainer.num_sanity_val_batches
        count = len(loaders) if isinstance(loaders, list) else 1
        self._meters = {
            index: LossMeter(module.objective, losses_only=True) for index in range(count)
        }
        for index in range(count):
            for name, task in module.objective.items():
                key = f"{index}/{name}"
                if key not in self.groups:
                    self.groups[key] = task.build_metrics().to(module.device)
                self._group(key).reset()

    # Sums and counts, in which the compiler would find nothing to save.
    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch's
    def add(self, module: "MultiTaskMixin", outputs: Mapping[str, TaskOutput], loader: int) -> None:
        """Add one batch of one loader."""
        if loader not in self._meters:
            self.start(module, self._stage)
        self._meters[loader].add(module.objective(outputs), outputs)
        for name, output in outputs.items():
            if output.target is not None:
                self._group(f"{loader}/{name}").update(
                    main_output(output.pred), output.target, output.weight
                )

    def end(self, module: "MultiTaskMixin") -> None:
        """Log everything; what had no data is left out."""
        for index, meter in self._meters.items():
            suffix = f"/dataloader_idx_{index}" if len(self._meters) > 1 else ""
            found = meter.means(lambda sums: sum_over_ranks(module, sums))
            for name in module.objective.task_names:
                group = self._group(f"{index}/{name}")
                found.update({f"{name}/{key}": value for key, value in group.compute().items()})
            known = {f"{key}{suffix}": value for key, value in found.items() if _is_known(value)}
            module.log_dict(
                logged_names(known, self._stage),
                sync_dist=module.trainer.world_size > 1,
                add_dataloader_idx=False,
            )

    def _group(self, key: str) -> MetricCollection:
        group = self.groups[key]
        if not isinstance(group, MetricCollection):
            raise TypeError(f"{key!r} is no group of metrics.")
        return group


def _is_known(value: Tensor) -> bool:
    return not bool(torch.isnan(value).any())
