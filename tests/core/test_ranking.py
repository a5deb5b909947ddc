"""The order of numbers, sorted by their bits or not."""

import pytest
import torch

from pl_losses.core import ranking
from pl_losses.core.ranking import descending


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("long", [1, 1 << 15])
def test_the_order_is_that_of_a_stable_sort(
    rows: int, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "LONG", long)
    rng = torch.Generator().manual_seed(rows)
    numbers = torch.randn(rows, 500, generator=rng).clamp_min(0) * 1e4
    numbers[:, ::7] = 0.25
    numbers[:, 3] = -0.0
    numbers[:, 5] = 3.4e38
    expected = torch.sort(numbers, dim=-1, descending=True, stable=True).indices
    assert torch.equal(descending(numbers), expected)


def test_double_precision_is_kept() -> None:
    numbers = torch.tensor([[1.0, 1.0 + 1e-12, 0.5]], dtype=torch.float64)
    assert descending(numbers).tolist() == [[1, 0, 2]]
