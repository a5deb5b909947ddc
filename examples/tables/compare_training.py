"""Stages against joint training at equal compute: the same CPU seconds for each.

Run it with ``python -m examples.tables.compare_training --seconds 60 --seeds 0 1``. Network, tasks
and stages are those of ``tables.yaml``; each stage gets a share of the seconds, and its learning
rate falls along a cosine to a hundredth.
"""

import argparse
import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from typing_extensions import override

from examples.tables.data import TableData
from examples.tables.model import TableNet
from pl_losses import StagedFreezing

CONFIG = yaml.safe_load(Path(__file__).with_name("tables.yaml").read_text(encoding="utf-8"))
TASKS = CONFIG["model"]["init_args"]["tasks"]
STAGES = [
    {key: stage[key] for key in ("train", "tasks", "optimizer") if key in stage}
    for stage in CONFIG["trainer"]["callbacks"][0]["init_args"]["stages"]
]
# A stage ends with an epoch: short ones end it close to its share.
BATCHES = 10
LOWEST = 0.01
FIGURES = {"AP75": "test/ap75", "AP50": "test/ap50", "heat-map F1": "test/seg/f1"}


@dataclass(frozen=True)
class Training:
    """A way to train.

    Args:
        stages: Stages, and the share of the seconds that each gets.
        balancer: How the tasks are balanced.
        heat_map: Whether there is a heat-map at all.
    """

    stages: Sequence[tuple[Mapping[str, Any], float]]
    balancer: Any = "sum"
    heat_map: bool = True

    @property
    def tasks(self) -> dict[str, Any]:
        """The tasks of the network."""
        return {name: task for name, task in TASKS.items() if self.heat_map or name != "seg"}


TOGETHER = [(STAGES[-1], 1.0)]
TRAININGS = {
    "staged": Training(list(zip(STAGES, (0.25, 0.45, 0.3), strict=True))),
    "joint, unit weights": Training(TOGETHER),
    "joint, `uncertainty`": Training(TOGETHER, {"name": "uncertainty", "lr": 0.025}),
    "no heat-map": Training(TOGETHER, heat_map=False),
}


class CpuClock(Callback):
    """Logs the CPU seconds of a training as ``cpu_seconds``, for stages to end by.

    List it before :class:`pl_losses.StagedFreezing`.
    """

    def __init__(self) -> None:
        self._began: float | None = None

    @property
    def spent(self) -> float:
        """CPU seconds of this process since the training began, in all its threads."""
        return 0.0 if self._began is None else time.process_time() - self._began

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._began = time.process_time()

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log("cpu_seconds", self.spent)

    def cosine(self, begin: float, end: float) -> Callable[[Optimizer], dict[str, Any]]:
        """Return what makes the schedule of a stage between two readings of the clock."""

        def rate(_: int) -> float:
            part = min(max((self.spent - begin) / (end - begin), 0.0), 1.0)
            # Not to zero: a stage whose seconds are used up by the one before still trains once.
            return LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * part)) / 2

        return lambda optimizer: {"scheduler": LambdaLR(optimizer, rate), "interval": "step"}


def schedule(training: Training, clock: CpuClock, seconds: float) -> StagedFreezing:
    """Return the stages of a training, each with the seconds by which it ends."""
    stages, begin = [], 0.0
    for stage, share in training.stages:
        end = begin + share * seconds
        ends = {"monitor": "cpu_seconds", "mode": "max", "threshold": end}
        stages.append({**stage, **ends, "lr_scheduler": clock.cosine(begin, end)})
        begin = end
    return StagedFreezing(stages)


def figures(training: Training, *, seconds: float, seed: int, **pages: int) -> dict[str, float]:
    """Train for so many CPU seconds, and return steps, seconds and what the test pages say.

    Args:
        training: How to train.
        seconds: Seconds to train for; the last epoch is finished.
        seed: Random seed of the weights and of the order of the pages.
        pages: Numbers of pages, see :class:`examples.tables.data.TableData`.
    """
    seed_everything(seed, verbose=False)
    data = TableData(**pages)
    net = TableNet(tasks=training.tasks, balancer=training.balancer)
    clock = CpuClock()
    trainer = Trainer(
        max_epochs=-1,
        limit_train_batches=BATCHES,
        limit_val_batches=0,
        callbacks=[clock, schedule(training, clock, seconds)],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(net, data)
    used = {"steps": trainer.global_step, "CPU s": clock.spent}
    (found,) = trainer.test(net, data, verbose=False)
    return {**{name: found.get(key, math.nan) for name, key in FIGURES.items()}, **used}


def row(name: str, runs: Sequence[Mapping[str, float]]) -> str:
    """Return a row of the table, with the figures of each seed side by side."""
    cells = []
    for figure in runs[0]:
        digits = {"steps": 0, "CPU s": 1}.get(figure, 3)
        values = [run[figure] for run in runs]
        text = " / ".join(f"{value:.{digits}f}" for value in values)
        cells.append("-" if any(map(math.isnan, values)) else text)
    return f"| {name} | {' | '.join(cells)} |\n"


def main(words: Sequence[str] | None = None) -> None:
    """Print a table: what each training reaches, with a figure for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU seconds of each training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args(words)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for index, (name, training) in enumerate(TRAININGS.items()):
        runs = []
        for seed in options.seeds:
            runs.append(figures(training, seconds=options.seconds, seed=seed))
            sys.stderr.write(row(f"{name}, seed {seed}", runs[-1:]))
        if index == 0:
            columns = ["training", *runs[0]]
            sys.stdout.write(f"| {' | '.join(columns)} |\n|---{'|---:' * len(runs[0])}|\n")
        sys.stdout.write(row(name, runs))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
