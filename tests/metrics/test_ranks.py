"""Metrics of two processes are those of one that has seen it all."""

from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torchmetrics import MeanAbsoluteError, MetricCollection

from pl_losses.metrics import METRICS, build_metrics
from tests.metrics.samples import KINDS, sample

RANKS = 2


def collections() -> dict[str, MetricCollection]:
    """Return what is measured: each metric on each kind of labels, and another library's."""
    built = {kind: build_metrics(METRICS.names, kind) for kind in KINDS}
    built["nothing"] = build_metrics(METRICS.names, "multiclass")
    built["regression"] = build_metrics([MeanAbsoluteError()], "regression")
    return built


def update(built: dict[str, MetricCollection], seeds: list[int]) -> None:
    for kind in KINDS:
        for seed in seeds:
            built[kind].update(*sample(kind, seed))
    for seed in seeds:
        built["regression"].update(torch.zeros(1), torch.full((1,), float(seed)))


def results(built: dict[str, MetricCollection]) -> dict[str, torch.Tensor]:
    return {
        f"{kind}/{name}": value
        for kind, collection in built.items()
        for name, value in collection.compute().items()
    }


def measure(rank: int, folder: str) -> None:
    """Measure a share of the data in one process: rank 1 sees nothing, then the rest."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS
    )
    built = collections()
    if rank == 0:
        update(built, [0, 1])
    first = results(built)
    update(built, [2] if rank == 0 else [3, 4])
    torch.save([first, results(built)], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_say_what_one_would(tmp_path: Path) -> None:
    mp.spawn(measure, (str(tmp_path),), nprocs=RANKS)
    alone = collections()
    expected = []
    for seeds in ([0, 1], [2, 3, 4]):
        update(alone, seeds)
        expected.append(results(alone))
    for rank in range(RANKS):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for have, want in zip(found, expected, strict=True):
            torch.testing.assert_close(have, want, rtol=0, atol=0, equal_nan=True)
