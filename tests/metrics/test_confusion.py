"""Values of the figures that come from a confusion matrix."""

import pytest
import torch
import torchmetrics.classification as oracle
from torch import Tensor

from pl_losses import Labels
from pl_losses.metrics import METRICS, Accuracy, IoU, Precision, Recall
from tests.metrics.samples import KINDS, sample

FIGURES = ("precision", "recall", "f1", "iou")
ORACLES = {"precision": "Precision", "recall": "Recall", "f1": "F1Score", "iou": "JaccardIndex"}


def value(name: str, kind: str, logits: Tensor, labels: Tensor, **options: object) -> Tensor:
    metric = METRICS.build(name, labels=kind, **options)
    metric.update(logits, labels)
    return metric.compute()


def naive_counts(said: list[int], truth: list[int], label: int) -> tuple[int, int, int]:
    pairs = list(zip(said, truth, strict=True))
    return (
        sum(s == label and t == label for s, t in pairs),
        sum(s == label and t != label for s, t in pairs),
        sum(s != label and t == label for s, t in pairs),
    )


def naive(name: str, tp: int, fp: int, fn: int) -> float:
    whole = {"precision": tp + fp, "recall": tp + fn, "f1": tp + (fp + fn) / 2, "iou": tp + fp + fn}
    return tp / whole[name]


@pytest.mark.parametrize("name", FIGURES)
def test_binary_figures_are_those_of_a_loop(name: str) -> None:
    logits, labels = sample("binary")
    said, truth = (logits > 0).int().flatten().tolist(), labels.flatten().tolist()
    expected = naive(name, *naive_counts(said, truth, 1))
    assert value(name, "binary", logits, labels).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", FIGURES)
def test_multiclass_figures_are_those_of_a_loop(name: str) -> None:
    logits, labels = sample("multiclass")
    said, truth = logits.argmax(1).flatten().tolist(), labels.flatten().tolist()
    expected = [naive(name, *naive_counts(said, truth, label)) for label in range(3)]
    result = value(name, "multiclass", logits, labels, average="none")
    torch.testing.assert_close(result, torch.tensor(expected))
    macro = value(name, "multiclass", logits, labels)
    torch.testing.assert_close(macro, torch.tensor(expected).mean())


@pytest.mark.parametrize("average", ["macro", "micro", "none"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_those_of_torchmetrics(name: str, kind: str, average: str) -> None:
    size = {"binary": {}, "multiclass": {"num_classes": 3}, "multilabel": {"num_labels": 3}}[kind]
    options = size if kind == "binary" else {**size, "average": average}
    reference = getattr(oracle, f"{kind.capitalize()}{ORACLES[name]}")(**options)
    for seed in range(3):
        logits, labels = sample(kind, seed)
        result = value(name, kind, logits, labels, average=average)
        torch.testing.assert_close(result, reference(logits, labels), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_is_the_share_of_right_answers(kind: str) -> None:
    logits, labels = sample(kind)
    said = logits.argmax(1) if kind == "multiclass" else logits > 0
    expected = (said == labels).float().mean()
    torch.testing.assert_close(value("accuracy", kind, logits, labels), expected)


def test_a_class_that_is_nowhere_is_left_out_of_the_mean() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
    target = torch.tensor([0, 1])
    metric = IoU("multiclass", average="none")
    metric.update(logits, target)
    torch.testing.assert_close(
        metric.compute(), torch.tensor([0.5, 0.0, torch.nan]), equal_nan=True
    )
    assert value("iou", "multiclass", logits, target) == 0.25


def test_a_class_without_a_claim_has_precision_zero_and_without_truth_recall_zero() -> None:
    never, always = torch.full((3,), -1.0), torch.full((3,), 1.0)
    assert value("precision", "binary", never, torch.ones(3)) == 0
    assert value("recall", "binary", always, torch.zeros(3)) == 0
    assert value("f1", "binary", never, torch.zeros(3)).isnan()
    assert value("accuracy", "binary", never, torch.zeros(3)) == 1


def test_a_probability_at_the_threshold_means_yes() -> None:
    logits = torch.tensor([0.0, torch.nextafter(torch.tensor(0.0), torch.tensor(-1.0))])
    metric = Precision("binary")
    metric.update(logits, torch.tensor([1, 0]))
    assert metric.counts.tp == 1
    assert metric.counts.fp == 0


@pytest.mark.parametrize(("threshold", "claims"), [(0, 3), (0.3, 2), (0.5, 1), (0.9, 0), (1, 0)])
def test_the_threshold_is_a_probability(threshold: float, claims: int) -> None:
    metric = Recall(Labels("binary", from_logits=False), threshold=threshold)
    metric.update(torch.tensor([0.1, 0.4, 0.6]), torch.ones(3))
    assert metric.counts.tp == claims


def test_soft_targets_mean_yes_from_one_half_on() -> None:
    metric = Recall("binary")
    metric.update(torch.ones(4), torch.tensor([0.2, 0.49, 0.5, 0.9]))
    assert metric.counts.tp == 2
    assert metric.counts.fp == 2


def test_a_soft_distribution_means_its_likeliest_class() -> None:
    metric = Accuracy("multiclass")
    metric.update(torch.eye(3), torch.tensor([[0.6, 0.4, 0.0], [0.3, 0.4, 0.3], [0.5, 0.2, 0.3]]))
    assert metric.compute() == pytest.approx(2 / 3)


def test_an_ignored_class_of_a_distribution_has_no_say() -> None:
    metric = Accuracy(Labels("multiclass", ignore_index=2))
    metric.update(torch.eye(3), torch.eye(3).roll(1, 0))
    assert metric.confusion.sum() == 2


def test_rows_are_truth_and_columns_predictions() -> None:
    metric = Precision("multiclass")
    metric.update(torch.eye(3)[[0, 1, 1]], torch.tensor([0, 0, 1]))
    assert metric.confusion.tolist() == [[[1, 1, 0], [0, 1, 0], [0, 0, 0]]]
    metric = Precision("binary")
    metric.update(torch.tensor([1.0, 1.0, -1.0, -1.0, -1.0]), torch.tensor([1, 0, 1, 1, 0]))
    assert metric.confusion.tolist() == [[[1, 1], [2, 1]]]


def test_counts_stay_exact_beyond_what_a_float_can_count() -> None:
    metric = Precision("binary")
    metric.confusion = torch.full((1, 2, 2), 2**40)
    metric.update(torch.ones(3), torch.tensor([1, 1, 0]))
    assert metric.confusion.tolist() == [[[2**40, 2**40 + 1], [2**40, 2**40 + 2]]]


@pytest.mark.parametrize("ignore_index", [None, 5])
@pytest.mark.parametrize("wrong", [3, -1])
@pytest.mark.parametrize("said", [0, 1, 2])
def test_a_class_number_that_does_not_exist_is_an_error_and_not_a_count(
    wrong: int, said: int, ignore_index: int | None
) -> None:
    metric = Precision(Labels("multiclass", ignore_index=ignore_index))
    with pytest.raises(RuntimeError, match="out of bounds"):
        metric.update(torch.eye(3)[[0, said]], torch.tensor([0, wrong]))


def test_wrong_options_say_what_must_hold() -> None:
    with pytest.raises(ValueError, match=r"`threshold` must be from 0 to 1; got 1.5"):
        Precision("binary", threshold=1.5)
    with pytest.raises(ValueError, match="`threshold` must be left out for multiclass labels"):
        Precision("multiclass", threshold=0.3)
    with pytest.raises(ValueError, match="`average` must be one of 'macro', 'micro', 'none'"):
        Precision("binary", average="mean")
    with pytest.raises(LookupError, match=r"Unknown metric 'precison'. Did you mean 'precision'"):
        METRICS.build("precison", labels="binary")
