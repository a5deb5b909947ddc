"""What one process does for ``test_sharded_stages.py``: stages under FSDP2.

Usage: ``python sharded_ranks.py FOLDER``, with the rank and their number in the environment.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader, Subset

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import Trace, loader, trainer
from tests.rigs.staged_ranks import Plain, refused

WORLD = int(os.environ.get("WORLD_SIZE", "1"))
EPOCHS = 6


class Branches(Plain):
    """Each branch in pieces of its own, and the rest of the module in one more."""

    apart: tuple[str, ...] = ("trunk", "seg", "det")

    def configure_model(self) -> None:
        if any(isinstance(each, DTensor) for each in self.parameters()):
            return
        mesh = self.device_mesh["data_parallel"]
        for name in self.apart:
            fully_shard(getattr(self, name), mesh=mesh)
        fully_shard(self, mesh=mesh)


class Whole(Branches):
    """The module in pieces as a whole, which stays together after a validation."""

    apart = ()


def stages(**options: Any) -> StagedFreezing:
    return StagedFreezing.alternate("seg", "det", max_epochs=2, check_sync=True, **options)


def run(model: Branches, staged: StagedFreezing, **options: Any) -> dict[str, Any]:
    trace = Trace()
    strategy = ModelParallelStrategy(WORLD, 1, process_group_backend="gloo")
    # Lightning's own sampler shuffles; here the ranks' batches together are one of 12.
    samples = loader().dataset
    share = Subset(samples, range(int(os.environ["LOCAL_RANK"]), len(samples), WORLD))
    more, path = options.pop("more", ()), options.pop("ckpt_path", None)
    fixed = {"epochs": EPOCHS, "devices": WORLD, "use_distributed_sampler": False}
    runner = trainer(staged, trace, *more, strategy=strategy, **fixed, **options)
    runner.fit(model, DataLoader(share, batch_size=12 // WORLD), loader(12), ckpt_path=path)
    return {
        "state": {n: t.full_tensor().detach() for n, t in model.state_dict().items()},
        "learning": trace.learning,
        "moved": [sorted(each) for each in trace.moved],
        "history": [[each.name, each.epochs, each.proof] for each in staged.progress.history],
    }


def case_branches(folder: Path) -> dict[str, Any]:
    return run(Branches(), stages())


def case_whole(folder: Path) -> dict[str, Any]:
    saves = ModelCheckpoint(folder / "saved", filename="{epoch}", save_top_k=-1)
    return run(Whole(), stages(), more=[saves], enable_checkpointing=True)


def case_resumed(folder: Path) -> dict[str, Any]:
    return run(Whole(), stages(), ckpt_path=folder / "saved" / "epoch=2.ckpt")


def case_best(folder: Path) -> dict[str, Any]:
    return run(Whole(), stages(monitor="val/loss", restore_best=True))


def case_swapped(folder: Path) -> dict[str, Any]:
    swap = StagedFreezing([Stage(train="seg", max_epochs=1, optimizer="Adam"), Stage(train="all")])
    return refused(lambda: run(Branches(), swap))


CASES = [case_branches, case_whole, case_resumed, case_best, case_swapped]


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    for case in CASES:
        found = case(folder)
        rank = torch.distributed.get_rank()
        torch.save(found, folder / f"{case.__name__}-{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
