"""A histogram of scores against the scores themselves."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from pl_losses.metrics import AveragePrecision, thresholds
from pl_losses.metrics.thresholds import BINS, PER_UNIT, bin_of, edges, figures_at


def histogram(scores: Tensor, truth: Tensor) -> Tensor:
    table = torch.zeros(2, BINS, dtype=torch.int64)
    for where, label in zip(bin_of(scores).tolist(), truth.int().tolist(), strict=True):
        table[label, where] += 1
    return table


def scores_and_truth(seed: int, spread: float = 3.0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    truth = torch.rand(400, generator=rng) < 0.2
    scores = spread * torch.randn(400, generator=rng) + spread * truth
    return scores, truth


def naive_figures(scores: Tensor, truth: Tensor, logit: float) -> tuple[float, float, float, float]:
    said = scores >= logit
    tp = (said & truth).sum().item()
    fp = (said & ~truth).sum().item()
    fn = (~said & truth).sum().item()
    return (
        tp / max(tp + fp, 1),
        tp / (tp + fn),
        2 * tp / (2 * tp + fp + fn),
        tp / (tp + fp + fn),
    )


def naive_average_precision(scores: Tensor, truth: Tensor) -> float:
    total, before = 0.0, 0.0
    for score in sorted(set(scores.tolist()), reverse=True):
        precision, recall, *_ = naive_figures(scores, truth, score)
        total += precision * (recall - before)
        before = recall
    return total


@given(st.floats(-25, 25, width=32))
def test_a_score_lies_between_the_edges_of_its_bin(score: float) -> None:
    where = int(bin_of(torch.tensor(score)))
    assert edges()[where] <= score
    assert where == BINS - 1 or score < edges()[where + 1]


def test_every_edge_belongs_to_the_bin_above_it() -> None:
    low = edges()[1:].float()
    assert (bin_of(low) == torch.arange(1, BINS)).all()
    below = torch.nextafter(low, torch.tensor(-torch.inf))
    assert (bin_of(below) == torch.arange(BINS - 1)).all()


def test_one_half_is_an_edge() -> None:
    assert (edges() == 0).sum() == 1
    assert (edges().sigmoid() == 0.5).any()


@pytest.mark.parametrize("seed", range(5))
def test_figures_at_an_edge_are_exact(seed: int) -> None:
    scores, truth = scores_and_truth(seed)
    table = histogram(scores, truth)
    for logit in (-2.0, -1 / PER_UNIT, 0.0, 3 + 5 / PER_UNIT):
        figures = figures_at(table, torch.tensor(logit, dtype=torch.float64).sigmoid().item())
        found = (figures.precision, figures.recall, figures.f1, figures.iou)
        assert [each.item() for each in found] == pytest.approx(
            naive_figures(scores, truth, logit), abs=1e-12
        )


def test_the_ends_of_the_scale_say_always_and_hardly_ever() -> None:
    table = histogram(torch.tensor([-50.0, -3.0, 3.0, 50.0]), torch.tensor([1, 0, 1, 1]))
    assert figures_at(table, 0).recall == 1
    assert figures_at(table, 1).recall == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match=r"`threshold` must be from 0 to 1; got -0.1"):
        figures_at(table, -0.1)


@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_the_scores_up_to_ties(seed: int, spread: float) -> None:
    scores, truth = scores_and_truth(seed, spread)
    rounded = (scores * PER_UNIT).floor() / PER_UNIT
    result = thresholds.average_precision(histogram(scores, truth)).item()
    assert result == pytest.approx(naive_average_precision(rounded, truth), abs=1e-12)
    assert result == pytest.approx(naive_average_precision(scores, truth), abs=0.02)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_no_threshold_has_a_better_f1_than_the_best(seed: int) -> None:
    scores, truth = scores_and_truth(seed)
    table = histogram(scores, truth)
    threshold, figure = thresholds.best_f1(table)
    assert figures_at(table, threshold.item()).f1 == figure
    assert all(naive_figures(scores, truth, e)[2] <= figure for e in edges()[::64].tolist())
    curve = thresholds.curve(table)
    assert curve.f1.nan_to_num().max() == figure
    assert (curve.threshold == threshold).any()


def test_of_equal_thresholds_the_nearest_to_one_half_is_best() -> None:
    apart = histogram(torch.tensor([-3.0, 2.0]), torch.tensor([0, 1]))
    assert thresholds.best_f1(apart)[0] == 0.5
    high = histogram(torch.tensor([1.0, 3.0]), torch.tensor([0, 1]))
    assert thresholds.best_f1(high)[0].logit() == pytest.approx(1 + 1 / PER_UNIT)


def test_only_the_lowest_edge_may_be_best() -> None:
    table = histogram(torch.tensor([-30.0, 3.0, -19.0]), torch.tensor([1, 1, 0]))
    assert thresholds.best_f1(table)[0] == 0


def test_without_truth_there_is_nothing_to_find() -> None:
    table = histogram(torch.tensor([1.0, 2.0]), torch.tensor([0, 0]))
    assert thresholds.average_precision(table).isnan()
    assert all(each.isnan() for each in thresholds.best_f1(table))


def test_saturated_scores_keep_their_order() -> None:
    scores = torch.tensor([12.0, 13.0, 14.0, 15.0])  # 0.99999 and more, each of them
    metric = AveragePrecision("binary")
    metric.update(scores, torch.tensor([0, 0, 1, 1]))
    assert metric.compute() == 1


def test_histograms_keep_their_leading_axes() -> None:
    one, two = (histogram(*scores_and_truth(seed)) for seed in (0, 1))
    both = torch.stack([one, two])
    assert thresholds.average_precision(both).tolist() == [
        thresholds.average_precision(each).item() for each in (one, two)
    ]
    assert figures_at(both, 0.5).f1.tolist() == [figures_at(x, 0.5).f1.item() for x in (one, two)]
