"""Checksums notice every change, and nothing else."""

import pytest
import torch
from torch import nn

from pl_losses import Stage
from pl_losses.stages import select
from pl_losses.stages.best import best_weights, put_back
from pl_losses.stages.fingerprint import checksum, fingerprint, moved, still_tensors

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64]


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_changed_element_changes_the_checksum(dtype: torch.dtype) -> None:
    first = torch.zeros(3, 5).to(dtype)
    second = first.clone()
    second[1, 2] = 1
    assert checksum(first) == checksum(first.clone())
    assert checksum(first) != checksum(second)


def test_the_smallest_change_and_the_sign_of_zero_are_noticed() -> None:
    one = torch.ones(1)
    assert checksum(one) != checksum(torch.nextafter(one, 2 * one))
    assert checksum(torch.zeros(1)) != checksum(-torch.zeros(1))


def test_the_order_of_elements_counts() -> None:
    values = torch.arange(6.0)
    assert checksum(values) != checksum(values.flip(0))


def test_the_layout_in_memory_does_not_count() -> None:
    values = torch.arange(6.0).reshape(2, 3)
    assert checksum(values) == checksum(values.t().contiguous().t())


def test_empty_tensors_and_no_tensors_are_fine() -> None:
    assert fingerprint({"none": torch.zeros(0)}) == {"none": 0}
    assert fingerprint({}) == {}


def test_moved_names_what_differs() -> None:
    before = fingerprint({"a": torch.zeros(2), "b": torch.zeros(2)})
    after = fingerprint({"a": torch.zeros(2), "b": torch.ones(2)})
    assert moved(before, after) == ["b"]


def branches() -> nn.Module:
    return nn.ModuleDict(
        {"seg": nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "det": nn.BatchNorm1d(2)}
    )


def test_statistics_of_frozen_norms_must_stand_still_unless_they_may_adapt() -> None:
    selection = select(Stage(train="seg"), branches())
    statistics = {"det.running_mean", "det.running_var", "det.num_batches_tracked"}
    assert set(still_tensors(selection)) == {"det.weight", "det.bias", *statistics}
    assert set(still_tensors(selection, "train")) == {"det.weight", "det.bias"}


def test_the_best_weights_are_those_that_can_move() -> None:
    net = branches()
    selection = select(Stage(train="seg"), net)
    kept = best_weights(net, selection)
    assert {name.split(".")[0] for name in kept} == {"seg"}
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.add_(1)
    put_back(net, kept)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name]) is name.startswith("seg")
