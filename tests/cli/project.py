"""A small project of a user: a model and data that a config names by class_path."""

from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pl_losses import MultiTaskMixin


class Net(MultiTaskMixin, LightningModule):
    """Points in, one logit out."""

    def __init__(self, width: int = 4, **objective: Any) -> None:
        super().__init__(**objective)
        self.layers = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)


class Broken(Net):
    """A model that fails in its second step."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        if batch_idx:
            raise RuntimeError("out of luck\nin the second step")
        return super().training_step(batch, batch_idx)


class Data(LightningDataModule):
    """Points and whether they lie to the right."""

    def __init__(self, count: int = 64) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        points = torch.randn(count, 2, generator=rng)
        self.samples = list(zip(points, (points[:, :1] > 0).float(), strict=True))

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.samples, batch_size=8, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.samples, batch_size=16)

    test_dataloader = val_dataloader
    predict_dataloader = val_dataloader
