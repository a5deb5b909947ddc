"""Values of the figures that come from a histogram of scores."""

import pytest
import torch
import torchmetrics.classification as oracle

from pl_losses import Labels
from pl_losses.metrics import METRICS, AveragePrecision, BestF1, BestThreshold
from pl_losses.metrics.thresholds import figures_at
from tests.metrics.samples import KINDS, sample


@pytest.mark.parametrize("average", ["macro", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_average_precision_is_that_of_torchmetrics(kind: str, average: str) -> None:
    size = {"binary": {}, "multiclass": {"num_classes": 3}, "multilabel": {"num_labels": 3}}[kind]
    options = size if kind == "binary" else {**size, "average": average}
    reference = getattr(oracle, f"{kind.capitalize()}AveragePrecision")(**options)
    logits, labels = sample(kind, size=(20, 20))
    metric = AveragePrecision(kind, average=average)
    metric.update(logits, labels)
    torch.testing.assert_close(metric.compute(), reference(logits, labels), rtol=0, atol=2e-3)


def test_classes_without_truth_are_left_out_of_the_mean() -> None:
    logits, labels = sample("multilabel")
    labels[:, 2] = 0
    each, mean = AveragePrecision("multilabel", average="none"), AveragePrecision("multilabel")
    each.update(logits, labels)
    mean.update(logits, labels)
    assert each.compute()[2].isnan()
    torch.testing.assert_close(mean.compute(), each.compute()[:2].mean())


def test_micro_pools_the_classes() -> None:
    logits, labels = sample("multilabel")
    pooled, flat = AveragePrecision("multilabel", average="micro"), AveragePrecision("binary")
    pooled.update(logits, labels)
    flat.update(logits, labels)
    assert pooled.compute() == flat.compute()


@pytest.mark.parametrize("seed", range(4))
def test_f1_at_the_best_threshold_is_the_best_f1(seed: int) -> None:
    logits, labels = sample("binary", seed)
    best, threshold = BestF1("binary"), BestThreshold("binary")
    best.update(logits, labels)
    threshold.update(logits, labels)
    metric = METRICS.build("f1", labels="binary", threshold=threshold.compute().item())
    metric.update(logits, labels)
    torch.testing.assert_close(metric.compute(), best.compute())


@pytest.mark.parametrize("name", ["precision", "recall", "f1", "iou"])
def test_figures_of_the_histogram_are_those_of_the_confusion_at_one_half(name: str) -> None:
    logits, labels = sample("binary")
    logits[0, 0, 0] = 0.0
    logits[0, 0, 1] = -1e-30
    metric, scores = METRICS.build(name, labels="binary"), AveragePrecision("binary")
    metric.update(logits, labels)
    scores.update(logits, labels)
    figure = getattr(figures_at(scores.histogram[0]), name)
    torch.testing.assert_close(figure.float(), metric.compute())


def test_each_class_has_its_own_threshold_or_all_have_one() -> None:
    logits, labels = sample("multilabel")
    logits[:, 1] += 4
    own, common = BestThreshold("multilabel", average="none"), BestThreshold("multilabel")
    own.update(logits, labels)
    common.update(logits, labels)
    assert own.compute().shape == (3,)
    assert own.compute()[1] > own.compute()[0]
    assert common.compute().shape == ()
    with pytest.raises(ValueError, match="`average` must be one of 'micro', 'none'; got 'macro'"):
        BestThreshold("multilabel", average="macro")


def test_the_memory_does_not_grow_with_the_data() -> None:
    metric = AveragePrecision(Labels("multiclass"))
    sizes = []
    for seed in range(2):
        metric.update(*sample("multiclass", seed))
        sizes.append(sum(state.numel() for state in metric.metric_state.values()))
    assert sizes[0] == sizes[1]
    assert metric.histogram.dtype == torch.int64
