"""The U-Net as a LightningModule: only the forward pass and the optimizer are written here."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from typing_extensions import override

from examples.cracks.network import UNet
from pl_losses import MultiTaskMixin


class CrackNet(MultiTaskMixin, LightningModule):
    """Finds cracks; the losses, the metrics and the balancer are chosen from outside.

    Args:
        width: Number of channels at full resolution.
        lr: Learning rate of RMSprop; it falls along a cosine to a hundredth of itself.
        objective: Options of :class:`pl_losses.MultiTaskMixin`, such as ``tasks``.
    """

    def __init__(self, width: int = 8, lr: float = 1e-3, **objective: Any) -> None:
        super().__init__(**objective)
        self.unet = UNet(width=width)
        self.lr = lr

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Return logits, shape ``(N, 1, H, W)``, of images ``(N, 3, H, W)``."""
        return self.unet(image)

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = torch.optim.RMSprop(self.parameters(), self.lr, alpha=0.9)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, self.lr / 100)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
