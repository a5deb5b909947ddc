"""Metrics of other libraries see only what counts."""

import pytest
import torch
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric
from torchmetrics.classification import BinaryF1Score, MulticlassAccuracy

from pl_losses import Labels
from pl_losses.metrics import METRICS, SelectedMetric
from tests.metrics.samples import sample


class Keeper(Metric):
    """A metric that keeps what it was given."""

    full_state_update = False

    def update(self, pred: torch.Tensor, target: torch.Tensor) -> None:
        """Keep a batch."""
        self.given = pred, target

    def compute(self) -> torch.Tensor:
        """Say nothing of it."""
        return torch.zeros(())


def given(labels: Labels, *batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    metric = Keeper()
    SelectedMetric(metric, labels).update(*batch)
    return metric.given


def test_an_ignored_number_has_no_say() -> None:
    metric = SelectedMetric(MeanSquaredError(), Labels("regression", ignore_index=float("nan")))
    metric.update(
        torch.tensor([[1.0, 2.0], [3.0, 9.0]]), torch.tensor([[1.5, 2.0], [3.0, torch.nan]])
    )
    assert metric.compute() == pytest.approx(0.25 / 3)


def test_nothing_to_leave_out_leaves_the_shape() -> None:
    boxes = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    pred, target = given(Labels("regression"), boxes, boxes + 1)
    assert torch.equal(pred, boxes)
    assert torch.equal(target, boxes + 1)


def test_samples_of_weight_zero_are_left_out_whole() -> None:
    boxes = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    pred, target = given(Labels("regression"), boxes, boxes + 1, torch.tensor([1.0, 0.0, 2.0]))
    assert torch.equal(pred, boxes[[0, 2]])
    assert torch.equal(target, boxes[[0, 2]] + 1)


def test_elements_of_weight_zero_are_left_out() -> None:
    pred, target = given(
        Labels("binary"),
        torch.zeros(2, 1, 1, 2),
        torch.tensor([[[1, 0]], [[1, 1]]]),
        torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]),
    )
    assert pred.tolist() == [0.5, 0.5]
    assert target.tolist() == [1, 1]


def test_other_libraries_agree_on_what_is_left() -> None:
    logits, labels = sample("multiclass")
    labels[0] = -100
    theirs = SelectedMetric(MulticlassAccuracy(3, average="micro"), Labels("multiclass"))
    ours = METRICS.build("accuracy", labels="multiclass")
    for metric in (theirs, ours):
        metric.update(logits, labels)
    torch.testing.assert_close(theirs.compute(), ours.compute())


def test_logits_are_not_taken_for_probabilities() -> None:
    # All within 0 and 1, where a metric would have to guess.
    logits, labels = torch.tensor([0.1, 0.2, 0.9]), torch.tensor([1, 1, 1])
    metric = SelectedMetric(BinaryF1Score(), "binary")
    metric.update(logits, labels)
    assert metric.compute() == 1


def test_a_distribution_becomes_class_numbers() -> None:
    pred, target = given(Labels("multiclass"), torch.eye(3), torch.eye(3))
    assert target.tolist() == [0, 1, 2]
    assert pred.shape == (3, 3)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_data_reads_nan_even_if_the_metric_says_zero() -> None:
    metric = SelectedMetric(BinaryF1Score(), "binary")
    assert metric.compute().isnan()
    metric.update(torch.ones(2), torch.ones(2), torch.zeros(2))
    assert metric.compute().isnan()
    metric.update(torch.ones(2), torch.ones(2))
    assert metric.compute() == 1
    metric.reset()
    assert metric.compute().isnan()


def test_a_call_returns_the_value_of_its_batch_and_counts_it() -> None:
    metric = SelectedMetric(MeanAbsoluteError(), "regression")
    assert metric(torch.zeros(2), torch.ones(2)) == 1
    assert metric(torch.zeros(2), torch.zeros(2)) == 0
    assert metric(torch.zeros(2), torch.ones(2), torch.zeros(2)).isnan()
    assert metric.compute() == 0.5


def test_state_survives_a_checkpoint() -> None:
    metric, fresh = (SelectedMetric(MeanAbsoluteError(), "regression") for _ in range(2))
    metric.persistent(mode=True)
    metric.update(torch.zeros(2), torch.ones(2))
    state = metric.state_dict()
    assert state["updates.count"] == 1
    fresh.load_state_dict(state)
    assert fresh.metric.total == 2
