"""What one of two processes does for ``test_two_processes_stages.py``; run once for each rank.

Usage: ``python staged_ranks.py FOLDER``, with the rank in ``LOCAL_RANK``. Each case leaves one file
for each rank in the folder.
"""

import gc
import os
import sys
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from pl_losses import MultiTaskMixin, Stage, StagedFreezing
from tests.callbacks.two_branches import Trace, TwoBranches, copies, loader, trainer

EPOCHS = 6


class Plain(TwoBranches):
    """Without normalisation, whose statistics depend on how a batch is split; and with SGD."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk[1] = nn.Identity()
        self.seg[1] = nn.Identity()
        self.det[1] = nn.Identity()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class OwnMonitor(TwoBranches):
    """Logs a monitor that differs between the ranks, and does not synchronise it."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        better_until = 2 if self.global_rank == 0 else 3
        self.log("val/loss", float(max(0, better_until - self.current_epoch)))


class Detached(TwoBranches):
    """Its loss has nothing to do with ``det``."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.errors(batch)["seg"]


class Straying(TwoBranches):
    """The first rank goes its own way."""

    def on_train_batch_end(self, *args: Any) -> None:
        if self.global_rank == 0:
            with torch.no_grad():
                self.seg[0].weight.add_(1e-3)


class Objected(MultiTaskMixin, LightningModule):
    """Two tasks on two branches, with an objective."""

    def __init__(self) -> None:
        tasks = {"seg": {"losses": "mse"}, "det": {"losses": "mse"}}
        super().__init__(tasks=tasks, balancer={"name": "uncertainty", "lr": 0.1})
        net = Plain()
        self.trunk, self.seg, self.det = net.trunk, net.seg, net.det

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.trunk(x)
        heads = {"seg": self.seg, "det": self.det}
        return {name: heads[name](features) for name in self.objective.active}

    def targets_of(self, y: Tensor) -> dict[str, Tensor]:
        return {"seg": y, "det": y}

    def outputs(self, batch: Any) -> Any:
        return super().outputs((batch[0], self.targets_of(batch[1])))


class Wrappers(Callback):
    """Keeps an eye on the wrappers of the module, without keeping them alive."""

    def __init__(self) -> None:
        self.seen: list[weakref.ref[Any]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append(weakref.ref(trainer.strategy.model))

    @property
    def alive(self) -> int:
        gc.collect()
        return len({id(ref()) for ref in self.seen if ref() is not None})


def ranks(*callbacks: Callback, **options: Any) -> Trainer:
    strategy = DDPStrategy(process_group_backend="gloo", **options.pop("ddp", {}))
    return trainer(*callbacks, **{"epochs": EPOCHS, "devices": 2, "strategy": strategy, **options})


def run(model: LightningModule, staged: StagedFreezing, **options: Any) -> dict[str, Any]:
    trace, wrappers = Trace(), Wrappers()
    more = options.pop("more", ())
    path, data = options.pop("ckpt_path", None), options.pop("data", loader())
    runner = ranks(staged, trace, wrappers, *more, **options)
    runner.fit(model, data, loader(12), ckpt_path=path)
    return {
        "state": copies(model),
        "learning": trace.learning,
        "moved": trace.moved,
        "history": [each.name for each in staged.progress.history],
        "epochs": [each.epochs for each in staged.progress.history],
        "alive": wrappers.alive,
    }


def swapping() -> StagedFreezing:
    recipes = [{"class_path": name, "init_args": {"lr": 1e-2}} for name in ("AdamW", "RMSprop")]
    return StagedFreezing(
        [
            Stage(train="seg", max_epochs=2, optimizer=recipes[0]),
            Stage(train="det", max_epochs=2, optimizer=recipes[1]),
            Stage(train="all", max_epochs=2, optimizer=recipes[0]),
        ],
        check_sync=True,
    )


def case_three_stages(folder: Path) -> dict[str, Any]:
    saves = ModelCheckpoint(folder / "saved", filename="{epoch}", save_top_k=-1)
    return run(TwoBranches(dropout=0.5), swapping(), more=[saves], enable_checkpointing=True)


def case_resumed(folder: Path) -> dict[str, Any]:
    path = folder / "saved" / "epoch=3.ckpt"
    return run(TwoBranches(dropout=0.5), swapping(), ckpt_path=path)


def joined_batch(**ddp: Any) -> dict[str, Any]:
    # Lightning's own sampler shuffles; here the ranks' batches together are one of 12.
    samples = loader().dataset
    share = Subset(samples, range(int(os.environ["LOCAL_RANK"]), len(samples), 2))
    staged = StagedFreezing.alternate("seg", "det", max_epochs=2)
    data = DataLoader(share, batch_size=6)
    return run(Plain(), staged, data=data, use_distributed_sampler=False, ddp=ddp)


def case_joined_batch(folder: Path) -> dict[str, Any]:
    return joined_batch()


def case_static_graph(folder: Path) -> dict[str, Any]:
    return joined_batch(static_graph=True)


def case_unused_allowed(folder: Path) -> dict[str, Any]:
    return joined_batch(find_unused_parameters=True)


def case_own_monitor(folder: Path) -> dict[str, Any]:
    staged = StagedFreezing.alternate("seg", "det", patience=1, restore_best=True)
    return run(OwnMonitor(), staged, epochs=12)


def case_objective(folder: Path) -> dict[str, Any]:
    stages = [
        Stage(train="seg", tasks={"det": 0}, max_epochs=2),
        Stage(train="det", tasks={"seg": 0}, balancer="sum", max_epochs=2),
        Stage(train="all", balancer={"name": "uncertainty", "lr": 0.2}, max_epochs=2),
    ]
    return run(Objected(), StagedFreezing(stages, check_sync=True))


def case_unreached(folder: Path) -> dict[str, Any]:
    stages = [Stage(train="seg", max_epochs=1), Stage(train=["seg", "det"], max_epochs=1)]
    return refused(lambda: run(Detached(), StagedFreezing(stages), epochs=2))


def case_straying(folder: Path) -> dict[str, Any]:
    staged = StagedFreezing([Stage(train="seg")], check_sync=True)
    return refused(lambda: run(Straying(), staged))


def refused(action: Callable[[], Any]) -> dict[str, Any]:
    try:
        action()
    except (ValueError, RuntimeError) as error:
        return {"error": str(error)}
    return {"error": None}


CASES = [
    case_three_stages,
    case_resumed,
    case_joined_batch,
    case_static_graph,
    case_unused_allowed,
    case_own_monitor,
    case_objective,
    case_unreached,
    case_straying,
]


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    for case in CASES:
        found = case(folder)
        rank = torch.distributed.get_rank()
        torch.save(found, folder / f"{case.__name__}-{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
