"""A small staged and balanced run, and the checkpoint that a version leaves of it.

Usage: ``python -m tests.checkpoints.staged``, once for each minor version, with the lowest
supported versions of torch and Lightning; it writes ``<version>.ckpt`` beside this file.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pl_losses import MultiTaskMixin, Stage, StagedFreezing, __version__
from tests.callbacks.two_branches import trainer

FOLDER = Path(__file__).parent
EPOCHS = 6
TASKS = {
    "seg": {
        "labels": {"kind": "binary", "class_weights": "auto"},
        "losses": {"bce": {}, "dice": {"weight": 0.5}},
        "metrics": ["f1", "average_precision"],
    },
    "det": {"losses": "smooth_l1"},
}


class Net(MultiTaskMixin, LightningModule):
    """Two branches on a trunk with a normalisation."""

    def __init__(self) -> None:
        super().__init__(tasks=TASKS, balancer={"name": "uncertainty", "lr": 0.05})
        self.trunk = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.seg, self.det = nn.Linear(4, 1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.trunk(x)
        return {"seg": self.seg(features), "det": self.det(features)}


def loader() -> DataLoader[Any]:
    """Batches that are always the same."""
    rng = torch.Generator().manual_seed(0)
    points = torch.randn(12, 4, generator=rng)
    samples = [(each, {"seg": each[:1].gt(0).float(), "det": each[:2]}) for each in points]
    return DataLoader(samples, batch_size=4)


def stages() -> StagedFreezing:
    """Three stages, which save all that stages can save."""
    watched: dict[str, Any] = {"monitor": "val/loss", "patience": 9, "restore_best": True}
    lent = {"name": "uncertainty", "lr": 0.1}
    return StagedFreezing(
        [
            Stage(train="seg", max_epochs=2, tasks={"det": 0}, optimizer="RMSprop", **watched),
            Stage(train=["trunk", "det"], max_epochs=2, balancer=lent, **watched),
            Stage(train="all", max_epochs=2),
        ]
    )


def run(*callbacks: Any, ckpt_path: Path | None = None) -> tuple[Net, Trainer]:
    """Train, or go on with the training of a checkpoint."""
    torch.manual_seed(0)
    net = Net()
    runner = trainer(*callbacks, epochs=EPOCHS, enable_checkpointing=True)
    runner.fit(net, loader(), loader(), ckpt_path=ckpt_path)
    return net, runner


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    minor = ".".join(__version__.split(".")[:2])
    # In the second stage, after its first epoch: something of everything is in it.
    saves = ModelCheckpoint(FOLDER, filename="{epoch}", save_top_k=-1)
    run(stages(), saves)
    saved = torch.load(FOLDER / "epoch=2.ckpt", weights_only=True)
    # Of the callbacks only ours: the other one names folders of this machine.
    saved["callbacks"] = {"StagedFreezing": saved["callbacks"]["StagedFreezing"]}
    torch.save(saved, FOLDER / f"{minor}.ckpt")
    for path in FOLDER.glob("epoch=*.ckpt"):
        path.unlink()
