"""The same without the mixin: an objective in a training step that is written by hand."""

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from pl_losses import Objective, Task, TaskLossLogger, TaskOutput, param_groups


class TwoHeads(LightningModule):
    """Tells a sign and measures a length, balanced by their uncertainty."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(2, 32), nn.ReLU())
        self.sign, self.length = nn.Linear(32, 1), nn.Linear(32, 1)
        self.objective = Objective(
            {"sign": Task("cross_entropy", labels="binary"), "length": Task("smooth_l1")},
            balancer={"name": "uncertainty", "lr": 0.025},
        )

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        points, sign, length = batch
        features = self.trunk(points)
        report = self.objective({
            "sign": TaskOutput(self.sign(features), sign),
            "length": TaskOutput(self.length(features), length),
        })  # fmt: skip
        return report.total

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(param_groups(self, weight_decay=1e-2), lr=1e-2)


if __name__ == "__main__":
    seed_everything(0)
    points = torch.randn(2000, 2)
    data = TensorDataset(points, (points[:, 0] > 0).float(), 10 * points.norm(dim=1))
    trainer = Trainer(max_epochs=3, callbacks=[TaskLossLogger()], enable_checkpointing=False)
    trainer.fit(TwoHeads(), DataLoader(data, batch_size=50, shuffle=True))
