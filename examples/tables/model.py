"""Two branches as a LightningModule: one draws the lines of the table, the other finds its box."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from typing_extensions import override

from examples.cracks.network import UNet
from examples.tables.average_precision import TablePrecision
from examples.tables.grid import best_boxes
from examples.tables.network import Detector
from pl_losses import MultiTaskMixin, TaskOutput, param_groups


class TableNet(MultiTaskMixin, LightningModule):
    """Heat-map branch ``seg``, and detector ``det`` that sees heat-map and image.

    The heat-map is not detached: a detector that trains with ``seg`` unfrozen trains it too. A
    detector whose tasks are all switched off is not run. Without a task ``seg`` there is no
    heat-map, and the detector sees only the image.

    Args:
        width: Number of channels of ``seg`` at full resolution.
        lr: Learning rate of RMSprop.
        objective: Options of :class:`pl_losses.MultiTaskMixin`. Tasks are ``seg`` and the
            detector's three, ``box``, ``objectness`` and ``class``.

    Example:
        >>> losses = {"seg": {"labels": "binary", "losses": "mse"}, "box": "ciou"}
        >>> net = TableNet(tasks=losses)
        >>> sorted(net(torch.zeros(2, 1, 64, 64)))
        ['box', 'class', 'objectness', 'seg']
    """

    def __init__(self, width: int = 8, lr: float = 1e-3, **objective: Any) -> None:
        super().__init__(**objective)
        drawn = "seg" in self.objective.task_names
        self.seg = UNet(inputs=1, width=width) if drawn else None
        self.det = Detector(inputs=2 if drawn else 1)
        self.precision_of_boxes = nn.ModuleDict(
            {"ap50": TablePrecision(enough=0.5), "ap75": TablePrecision(enough=0.75)}
        )
        self.lr = lr

    @override
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return one prediction per task of images ``(N, 1, H, W)``, see :class:`Detector`.

        ``seg`` are the logits of the heat-map, shape ``(N, 1, H, W)``.
        """
        if self.seg is None:
            return self.det(image)
        lines = self.seg(image)
        if self.objective.active == ("seg",):
            return {"seg": lines}
        return {"seg": lines, **self.det(torch.cat([lines.sigmoid(), image], 1))}

    @override
    def outputs(self, batch: Any) -> dict[str, TaskOutput]:
        """Count boxes and classes only in the cells that see the table."""
        found = super().outputs(batch)
        _, target = batch
        for name in found.keys() & {"box", "class"}:
            found[name] = found[name]._replace(weight=target["objectness"])
        return found

    @override
    def on_validation_batch_end(self, outputs: Any, *args: Any) -> None:
        self._log_precision("val", outputs)

    @override
    def on_test_batch_end(self, outputs: Any, *args: Any) -> None:
        self._log_precision("test", outputs)

    def _log_precision(self, stage: str, outputs: Mapping[str, TaskOutput]) -> None:
        if "box" not in outputs:
            return
        box, score = surest(outputs)
        for name, metric in self.precision_of_boxes.items():
            # Each cell is asked for the same box.
            metric.update(box, score, outputs["box"].target[:, 0])
            self.log(f"{stage}/{name}", metric, batch_size=len(box))

    @override
    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(param_groups(self), self.lr, alpha=0.9)


def surest(outputs: Mapping[str, TaskOutput]) -> tuple[Tensor, Tensor]:
    """Return the surest box of each page ``(N, 4)``, and how sure it is ``(N,)``, in 0..1."""
    chances = [outputs[name].pred.sigmoid() for name in ("objectness", "class")]
    return best_boxes(outputs["box"].pred, chances[0] * chances[1])
