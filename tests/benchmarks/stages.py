"""What a stage costs: a step with half the model frozen, and the callback itself.

Run as ``python -m tests.benchmarks.stages``; one row a question, CPU time, side by side.
"""

import logging
import statistics
import sys
import time
import warnings
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from pl_losses import MultiTaskMixin, Stage, StagedFreezing

ROUNDS = 6
BATCHES = 12


def head(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 1, 1),
    )


class TwoHeads(MultiTaskMixin, LightningModule):
    """Two equal branches on one image; a branch whose task is off is not run."""

    def __init__(self, width: int = 24) -> None:
        super().__init__(tasks={"seg": {"losses": "mse"}, "det": {"losses": "mse"}})
        self.seg, self.det = head(width), head(width)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        heads = {"seg": self.seg, "det": self.det}
        return {name: heads[name](x) for name in self.objective.active}

    def outputs(self, batch: Any) -> Any:
        return super().outputs((batch[0], dict.fromkeys(("seg", "det"), batch[1])))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=1e-3)


class BothRun(TwoHeads):
    """The same, but the frozen branch is run all the same."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"seg": self.seg(x), "det": self.det(x)}


class Clock(Callback):
    """CPU time of each step, by the title of the stage."""

    def __init__(self, staged: StagedFreezing | None = None) -> None:
        self.staged = staged
        self.times: dict[str, list[float]] = {}
        self._start = 0.0

    def on_train_batch_start(self, *args: Any) -> None:
        self._start = time.process_time()

    def on_train_batch_end(self, *args: Any) -> None:
        title = self.staged.stage.title if self.staged else "bare"
        self.times.setdefault(title, []).append(time.process_time() - self._start)


def data(size: int, batches: int, batch: int) -> DataLoader[Any]:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(batches * batch, 3, size, size, generator=rng)
    return DataLoader(TensorDataset(x, x[:, :1]), batch_size=batch)


def fit(model: LightningModule, loader: DataLoader[Any], epochs: int, *more: Callback) -> None:
    plain = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    runner = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        enable_model_summary=False,
        callbacks=list(more),
        **plain,
    )
    runner.fit(model, loader)


def frozen_half(model: LightningModule) -> float:
    """Median ratio of a step that trains ``seg`` alone to one that trains all, in turns."""
    turn = [
        Stage(train="all", max_epochs=1, name="full"),
        Stage(train="seg", tasks={"det": 0}, max_epochs=1, name="half"),
    ]
    staged = StagedFreezing(turn * ROUNDS)
    clock = Clock(staged)
    fit(model, data(32, BATCHES, 8), 2 * ROUNDS, staged, clock)
    full, half = (statistics.median(clock.times[name][2:]) for name in ("full", "half"))
    return half / full


def callback_alone() -> tuple[float, float]:
    """Time of a bare step of a tiny model, and of what the callback does in each step, in us."""

    class Tiny(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(16, 4)

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return self.layer(batch[0].flatten(1)[:, :16]).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    model, clock = Tiny(), Clock()
    staged = StagedFreezing([Stage(train="all")])
    hooks = Hooks(staged)
    fit(model, data(4, 400, 8), 2, staged, clock, hooks)
    return 1e6 * statistics.median(clock.times["bare"]), 1e6 * statistics.median(hooks.times)


class Hooks(Callback):
    """Time of the callback's own hooks of a step, called once more."""

    def __init__(self, staged: StagedFreezing) -> None:
        self.staged = staged
        self.times: list[float] = []
        self._loss = torch.zeros((), requires_grad=True)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        start = time.perf_counter()
        for _ in range(100):
            self.staged.on_before_backward(trainer, pl_module, self._loss)
            self.staged.on_after_backward(trainer, pl_module)
        self.times.append((time.perf_counter() - start) / 100)


def main() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    off, run = frozen_half(TwoHeads()), frozen_half(BothRun())
    step, hooks = callback_alone()
    sys.stdout.write(
        f"one of two equal branches frozen, its task off and not run: {off:.2f} of a full step\n"
        f"the same, but the frozen branch is run:                     {run:.2f} of a full step\n"
        f"the callback in each step: {hooks:.2f} us of {step:.0f} us, {hooks / step:.2%}\n"
    )


if __name__ == "__main__":
    main()
