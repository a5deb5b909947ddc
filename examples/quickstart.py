"""One task, no YAML: a net that tells rare from common, with a loss that minds the rare ones."""

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from pl_losses import MultiTaskMixin, TaskLossLogger


class Net(MultiTaskMixin, LightningModule):
    """A small classifier; the steps, metrics and logs come from the mixin."""

    def __init__(self, **objective: object) -> None:
        super().__init__(**objective)
        self.layers = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points).squeeze(1)


if __name__ == "__main__":
    seed_everything(0)
    points = torch.randn(4000, 2)
    rare = (points.norm(dim=1) > 2.5).long()  # about 4 in 100
    train = DataLoader(TensorDataset(points[:3000], rare[:3000]), batch_size=50, shuffle=True)
    val = DataLoader(TensorDataset(points[3000:], rare[3000:]), batch_size=500)

    net = Net(tasks={"rare": {
        "labels": "binary",
        "losses": {"cross_entropy": {}, "dice": {"batch": True, "weight": 0.5}},
        "metrics": ["precision", "recall", "f1", "iou"],
    }})  # fmt: skip
    trainer = Trainer(max_epochs=20, callbacks=[TaskLossLogger()], log_every_n_steps=20)
    trainer.fit(net, train, val)
    trainer.validate(net, val)
