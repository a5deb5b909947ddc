"""Means are taken over what counts, and over nothing they are zero."""

import pytest
import torch
import torch.distributed as dist

from pl_losses.core.reduction import divide, reduce, weigh

VALUES = torch.tensor([1.0, 5.0, torch.nan])
WEIGHT = torch.tensor([3.0, 1.0, 0.0])


def test_what_weighs_nothing_is_zero_even_if_it_is_nan() -> None:
    torch.testing.assert_close(weigh(VALUES, WEIGHT), torch.tensor([3.0, 5.0, 0.0]))


def test_mean_is_the_weighted_mean() -> None:
    assert reduce(VALUES, "mean", WEIGHT) == 2
    assert reduce(VALUES[:2], "mean") == 3
    assert reduce(VALUES, "sum", WEIGHT) == 8
    assert reduce(VALUES, "none", WEIGHT).tolist() == [3, 5, 0]


def test_a_weight_is_broadcast() -> None:
    values = torch.arange(6.0).reshape(2, 3)
    weight = torch.tensor([[1.0], [0.0]])
    assert reduce(values, "mean", weight) == 1


@pytest.mark.parametrize("weight", [None, torch.zeros(0)])
def test_the_mean_of_nothing_is_zero(weight: torch.Tensor | None) -> None:
    values = torch.zeros(0, requires_grad=True)
    mean = reduce(values, "mean", weight)
    mean.backward()
    assert mean == 0
    assert values.grad is not None


def test_a_mean_without_mass_keeps_a_finite_slope_under_a_loss_scale() -> None:
    values = torch.ones(3, requires_grad=True)
    (reduce(values, "mean", torch.zeros(3)) * 2.0**24).backward()
    assert values.grad is not None
    assert (values.grad == 0).all()


def test_one_process_has_the_global_mean_by_itself() -> None:
    assert divide(torch.tensor(6.0), 3, "global_mean") == 2
    assert divide(torch.tensor(6.0), torch.tensor(3.0), "global_mean") == 2


def test_the_global_mean_divides_by_the_mean_mass_of_the_ranks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def all_reduce(mass: torch.Tensor) -> None:
        mass += 4  # what the other of two ranks holds

    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "all_reduce", all_reduce)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    assert divide(torch.tensor(6.0), 2, "global_mean") == 2
    assert divide(torch.tensor(6.0), torch.tensor(2.0), "global_mean") == 2
    assert divide(torch.tensor(6.0), 2, "mean") == 3
