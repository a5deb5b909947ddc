"""A small model with a trunk and two branches, data for it, and a trainer without decoration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from pl_losses import StagedFreezing

QUIET = [
    # https://lightning.ai/docs/pytorch/stable/advanced/speed.html: no workers for six samples
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    # Lightning 2.6 with torch 2.13
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*before the stages .* could run"),
    pytest.mark.filterwarnings("ignore:.*it may never run"),
    pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint"),
]


def branch(*, dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, 1)
    )


class TwoBranches(LightningModule):
    """Trunk, ``seg`` and ``det``; the loss is the sum of both branches' squared errors."""

    def __init__(self, *, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.trunk = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh())
            self.seg = branch(dropout=dropout)
            self.det = branch(dropout=dropout)
        self.losses: list[Tensor] = []

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.trunk(x)
        return {"seg": self.seg(features), "det": self.det(features)}

    def errors(self, batch: Sequence[Tensor]) -> dict[str, Tensor]:
        x, y = batch
        return {name: (pred - y).square().mean() for name, pred in self(x).items()}

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        return sum(self.errors(batch).values(), torch.zeros(()))

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        errors = self.errors(batch)
        self.log_dict({f"val/{name}/loss": value for name, value in errors.items()})
        self.log("val/loss", sum(errors.values(), torch.zeros(())))

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=1e-2, weight_decay=0.1)


def loader(samples: int = 24, batch: int = 6) -> DataLoader[Any]:
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(samples, 4, generator=rng)
    y = x.sum(dim=1, keepdim=True).sin()
    return DataLoader(TensorDataset(x, y), batch_size=batch)


def trainer(*callbacks: Callback, epochs: int = 6, **options: Any) -> Trainer:
    plain = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return Trainer(max_epochs=epochs, callbacks=list(callbacks), **{**plain, **options})


def fit(
    model: LightningModule, staged: StagedFreezing, *more: Callback, **options: Any
) -> StagedFreezing:
    runner = trainer(staged, *more, **options)
    runner.fit(model, loader(), loader(12))
    return staged


class Trace(Callback):
    """What learns, and what moves, in each epoch of training."""

    def __init__(self) -> None:
        self.learning: list[tuple[str, ...]] = []
        self.moved: list[set[str]] = []
        self.optimizers: list[str] = []
        self._before: dict[str, Tensor] = {}

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0:
            self._before = copies(pl_module)
            self.learning.append(learning(pl_module))
            optimizer: Optimizer = trainer.optimizers[0]
            self.optimizers.append(type(optimizer).__name__)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        now = pl_module.state_dict()
        changed = {n for n, t in self._before.items() if not torch.equal(t, now[n])}
        self.moved.append({name.split(".")[0] for name in changed})


def learning(model: nn.Module) -> tuple[str, ...]:
    named = {n.split(".")[0]: p.requires_grad for n, p in model.named_parameters()}
    return tuple(name for name, flag in named.items() if flag)


def copies(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def differing(first: dict[str, Tensor], second: dict[str, Tensor]) -> list[str]:
    return [name for name, tensor in first.items() if not torch.equal(tensor, second[name])]


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns)
