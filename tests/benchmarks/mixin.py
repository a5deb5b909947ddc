"""What a training step costs beside bare Lightning: the mixin, and the usual code by hand.

Usage: ``python tests/benchmarks/mixin.py``. Four tasks with a loss each, a tiny model, one thread;
process time per step, the best of several interleaved rounds.
"""

import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    BinaryF1Score,
    BinaryJaccardIndex,
    BinaryPrecision,
    BinaryRecall,
)

from pl_losses import MultiTaskMixin, TaskLossLogger

NAMES = ("a", "b", "c", "d")
STEPS, ROUNDS = 300, 5


class Net(LightningModule):
    def __init__(self, **objective: Any) -> None:
        super().__init__(**objective)
        self.layer = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return dict(zip(NAMES, self.layer(x).split(1, dim=1), strict=True))

    def losses(self, batch: Any) -> list[Tensor]:
        x, target = batch
        found = self(x)
        return [
            nn.functional.binary_cross_entropy_with_logits(found[name], target[name])
            for name in NAMES
        ]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Bare(Net):
    """Losses and nothing else."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return torch.stack(self.losses(batch)).sum()


class ByHand(Net):
    """What most projects write: a log line for each loss, metrics updated and logged."""

    def __init__(self) -> None:
        super().__init__()
        metrics = [BinaryPrecision(), BinaryRecall(), BinaryF1Score(), BinaryJaccardIndex()]
        self.metrics = MetricCollection(metrics)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        losses = self.losses(batch)
        for name, loss in zip(NAMES, losses, strict=True):
            self.log(f"train/{name}", loss)
        self.metrics.update(self(batch[0])["a"], batch[1]["a"].int())
        self.log_dict(self.metrics, on_step=False, on_epoch=True)
        return torch.stack(losses).sum()


class Mixed(MultiTaskMixin, Net):
    """The mixin, with the balance and the shares logged too."""


def step_time(make: Callable[[], LightningModule], *callbacks: Any) -> float:
    """Return the process time of a step, in microseconds."""
    data = [(torch.randn(16), {name: torch.ones(1) for name in NAMES}) for _ in range(8)]
    batch = next(iter(DataLoader(data, batch_size=8)))
    batches: Any = DataLoader([batch] * STEPS, batch_size=None)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
    )
    module = make()
    began = time.process_time()
    trainer.fit(module, batches)
    return (time.process_time() - began) / STEPS * 1e6


def main() -> None:
    """Measure and print a table."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    tasks = {name: {"labels": "binary", "losses": "bce", "metrics": ["f1"]} for name in NAMES}
    cases: dict[str, Callable[[], float]] = {
        "bare Lightning": lambda: step_time(Bare),
        "mixin": lambda: step_time(lambda: Mixed(tasks=tasks)),
        "mixin and TaskLossLogger": lambda: step_time(
            lambda: Mixed(tasks=tasks), TaskLossLogger(table=False)
        ),
        "by hand": lambda: step_time(ByHand),
    }
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(ROUNDS):
        for name, measure in cases.items():
            best[name] = min(best[name], measure())
    bare = best["bare Lightning"]
    print("| training step | over bare Lightning | ratio |\n|---|---:|---:|")  # noqa: T201
    for name, figure in best.items():
        print(f"| {name} | {figure - bare:+.0f} us | {figure / bare:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
