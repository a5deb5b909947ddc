"""What one of two processes does for ``test_two_processes_objective.py``.

Usage: ``python objective_ranks.py FOLDER``, with the rank in ``LOCAL_RANK``.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.utils.data import DataLoader, DistributedSampler

from pl_losses import LOSSES, MultiTaskMixin, TaskLossLogger

SAMPLES = 16
TASKS = {
    "seg": {
        "labels": {"kind": "binary", "ignore_index": -1, "class_weights": "auto"},
        "losses": {"bce": {"reduction": "global_mean"}},
        "metrics": ["precision", "recall", "f1", "iou", "average_precision"],
    },
    "size": {"losses": "mse"},
}


class Net(MultiTaskMixin, LightningModule):
    def __init__(self, tasks: Any = TASKS) -> None:
        torch.manual_seed(0)
        super().__init__(tasks=tasks, balancer={"name": "uncertainty", "lr": 0.05})
        self.seg, self.size = nn.Linear(6, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"seg": self.seg(x), "size": self.size(x)}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def samples() -> list[Any]:
    """Samples of which the first half has far more ignored elements than the second."""
    rng = torch.Generator().manual_seed(1)
    found = []
    for index in range(SAMPLES):
        x = torch.randn(6, generator=rng)
        seg = (torch.rand(6, generator=rng) < 0.3).float()
        seg[: 5 if index % 2 else 1] = -1
        found.append((x, {"seg": seg, "size": torch.randn(1, generator=rng)}))
    return found


class Loaders(LightningDataModule):
    """The samples in their order, dealt out to the ranks."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size

    def train_dataloader(self) -> DataLoader[Any]:
        found = samples()
        if not dist.is_initialized():
            return DataLoader(found, batch_size=self.batch_size)
        sampler = DistributedSampler(found, shuffle=False)
        return DataLoader(found, batch_size=self.batch_size, sampler=sampler)

    val_dataloader = train_dataloader


def fit(folder: Path, batch_size: int, **options: Any) -> tuple[Net, Trainer]:
    """Train two epochs; two ranks with half the batch size see the same joined batches."""
    net = Net()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[TaskLossLogger(table=False)],
        use_distributed_sampler=False,  # Lightning's own shuffles
        **options,
    )
    trainer.fit(net, Loaders(batch_size))
    return net, trainer


def main(folder: Path) -> None:
    """Train as one of two ranks, and leave what came of it in the folder."""
    warnings.simplefilter("ignore")
    rank = int(os.environ["LOCAL_RANK"])
    strategy = DDPStrategy(process_group_backend="gloo")
    net, trainer = fit(folder, 4, strategy=strategy, devices=2)
    logits, target = torch.tensor([1.0, 2.0]), torch.tensor([1, 0])
    mine = target if rank == 0 else torch.tensor([1, -1])
    labels = {"kind": "binary", "ignore_index": -1}
    means = {
        how: LOSSES.build("bce", labels=labels, reduction=how)(logits, mine)
        for how in ("mean", "global_mean")
    }
    saved = {
        "state": net.state_dict(),
        "metrics": {name: value.clone() for name, value in trainer.callback_metrics.items()},
        "means": means,
    }
    torch.save(saved, folder / f"{rank}.pt")
    dist.barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
