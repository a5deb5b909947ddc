"""Metrics on an accelerator: the same figures, and no update makes the host wait."""

import pytest
import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError

from pl_losses import Labels
from pl_losses.metrics import METRICS, build_metrics
from tests.metrics.samples import IGNORED, KINDS, sample
from tests.rigs import simulated_accelerator as rig
from tests.rigs.devices import Device


def batch(kind: str) -> tuple[Tensor, Tensor, Tensor]:
    logits, labels = sample(kind)
    labels[1] = IGNORED
    return logits, labels, torch.tensor([1.0, 1.0, 0.0, 2.0])


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_updates_do_not_make_the_host_wait(kind: str, device: Device, *, weighed: bool) -> None:
    labels = Labels(kind, ignore_index=IGNORED)
    here, there = (build_metrics(METRICS.names, labels) for _ in range(2))
    there = there.to(device.name)
    parts = batch(kind)[: 3 if weighed else 2]
    moved = [part.to(device.name) for part in parts]
    with device.watch() as ledger:
        for _ in range(2):
            there.update(*moved)
    assert ledger.syncs == 0, ledger.report()
    for _ in range(2):
        here.update(*parts)
    values = there.compute()
    assert {value.device.type for value in values.values()} == {device.name}
    for name, value in here.compute().items():
        device.assert_close(values[name], value)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_in_half_precision_do_not_make_the_host_wait(kind: str, device: Device) -> None:
    metrics = build_metrics(METRICS.names, kind).to(device.name)
    logits, labels = (part.to(device.name) for part in sample(kind))
    with device.forbid_syncs():
        metrics.update(logits.bfloat16(), labels)
    assert metrics["f1"].compute().isfinite()


@pytest.mark.skipif(not rig.available(), reason="needs a newer torch")
def test_another_library_waits_only_where_something_may_be_left_out() -> None:
    pred, target = torch.zeros(3, 2, device=rig.NAME), torch.ones(3, 2, device=rig.NAME)
    metrics = build_metrics([MeanAbsoluteError()], "regression").to(rig.NAME)
    with rig.forbid_syncs():
        metrics.update(pred, target)
    weight = torch.tensor([1.0, 0.0, 1.0]).to(rig.NAME)
    with rig.watch() as ledger:
        metrics.update(pred, target, weight)
    assert ledger.count("dynamic") > 0
    assert metrics.compute()["mean_absolute_error"].item() == 1


def test_reset_stays_on_the_device(device: Device) -> None:
    metrics = build_metrics(METRICS.names, "binary").to(device.name)
    logits, labels = (part.to(device.name) for part in sample("binary"))
    metrics.update(logits, labels)
    metrics.reset()
    metrics.update(logits, labels)
    assert metrics["f1"].confusion.device.type == device.name
