"""Class weights against their definitions, and counts that are zero or huge."""

from collections.abc import Callable

import pytest
import torch

from pl_losses.core.class_balance import balanced_weights, effective_number_weights


def test_balanced_classes_weigh_the_same_in_sum() -> None:
    counts = torch.tensor([900, 90, 10])
    weights = balanced_weights(counts)
    torch.testing.assert_close(counts * weights, torch.full((3,), 1000 / 3))
    assert weights.dtype == torch.float32


def test_pairs_of_labels_are_balanced_row_by_row() -> None:
    counts = torch.tensor([[75, 25], [10, 90]])
    expected = torch.stack([balanced_weights(row) for row in counts])
    torch.testing.assert_close(balanced_weights(counts), expected)


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.9999])
def test_effective_numbers_are_the_papers(beta: float) -> None:
    counts = torch.tensor([5000.0, 50.0, 2.0], dtype=torch.float64)
    raw = (1 - beta) / (1 - beta**counts)
    expected = (3 * raw / raw.sum()).float()
    torch.testing.assert_close(effective_number_weights(counts, beta), expected)


def test_effective_numbers_go_from_equal_to_balanced() -> None:
    counts = torch.tensor([900, 90, 10])
    torch.testing.assert_close(effective_number_weights(counts, 0.0), torch.ones(3))
    balanced = balanced_weights(counts)
    for beta in (1.0, 1 - 1e-9):
        weights = effective_number_weights(counts, beta)
        torch.testing.assert_close(weights, 3 * balanced / balanced.sum())


@pytest.mark.parametrize("weigh", [balanced_weights, effective_number_weights])
def test_a_class_without_elements_weighs_as_the_rarest(
    weigh: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    weights = weigh(torch.tensor([100, 0, 10]))
    assert weights[1] == weights[2]
    torch.testing.assert_close(weigh(torch.zeros(3)), torch.ones(3))


def test_a_class_without_elements_takes_no_weight_from_the_others() -> None:
    with_absent = balanced_weights(torch.tensor([100, 0, 10]))
    torch.testing.assert_close(with_absent[[0, 2]], balanced_weights(torch.tensor([100, 10])))


def test_wrong_beta_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"`beta` must be from 0 to 1; got 2"):
        effective_number_weights(torch.tensor([1, 2]), beta=2)
