"""Focal losses of anchors and heat-maps against their papers' formulas, case by case."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pl_losses.losses import (
    CornerNetFocalLoss,
    FocalLoss,
    Loss,
    QualityFocalLoss,
    VarifocalLoss,
)


def quality(p: float, y: float) -> float:
    return -(abs(y - p) ** 2) * (y * math.log(p) + (1 - y) * math.log(1 - p))


def varifocal(p: float, y: float) -> float:
    if y > 0:
        return -y * (y * math.log(p) + (1 - y) * math.log(1 - p))
    return -0.75 * p**2 * math.log(1 - p)


def cornernet(p: float, y: float) -> float:
    if y == 1:
        return -((1 - p) ** 2) * math.log(p)
    return -((1 - y) ** 4) * p**2 * math.log(1 - p)


LOSSES = [(QualityFocalLoss, quality), (VarifocalLoss, varifocal), (CornerNetFocalLoss, cornernet)]


def heat() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, 1, 4, 5, generator=rng, dtype=torch.float64)
    target = torch.rand(2, 1, 4, 5, generator=rng, dtype=torch.float64)
    target[target < 0.4] = 0.0
    target[target > 0.9] = 1.0
    assert (target == 0).any()
    assert (target == 1).any()
    return logits, target


@pytest.mark.parametrize(("loss", "formula"), LOSSES)
def test_value_is_the_papers(loss: type[Loss], formula: Callable[[float, float], float]) -> None:
    logits, target = heat()
    pairs = zip(logits.sigmoid().flatten().tolist(), target.flatten().tolist(), strict=True)
    expected = [formula(p, y) for p, y in pairs]
    values = loss("binary", reduction="none")(logits, target)
    torch.testing.assert_close(values.flatten(), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(
    ("loss", "positive"),
    [(QualityFocalLoss, 1e-9), (VarifocalLoss, 1e-9), (CornerNetFocalLoss, 1.0)],
)
def test_the_mean_may_be_over_the_positives(loss: type[Loss], positive: float) -> None:
    logits, target = heat()
    total = loss("binary", reduction="sum")(logits, target)
    mean = loss("binary", normalizer="positives")(logits, target)
    torch.testing.assert_close(mean, total / (target >= positive).sum())


@pytest.mark.parametrize(("loss", "_formula"), LOSSES)
def test_without_a_positive_the_mean_divides_by_one(
    loss: type[Loss], _formula: Callable[[float, float], float]
) -> None:
    logits, target = heat()
    nothing = torch.zeros_like(target)
    total = loss("binary", reduction="sum")(logits, nothing)
    torch.testing.assert_close(loss("binary", normalizer="positives")(logits, nothing), total)


def test_quality_focal_of_hard_labels_is_focal() -> None:
    logits, target = heat()
    hard = target.round()
    focal = FocalLoss("binary", gamma=1.5)(logits, hard)
    torch.testing.assert_close(QualityFocalLoss("binary", beta=1.5)(logits, hard), focal)


def test_cornernet_focal_without_forgiveness_is_focal_of_the_keypoints() -> None:
    logits, target = heat()
    focal = FocalLoss("binary")(logits, (target == 1).long())
    torch.testing.assert_close(CornerNetFocalLoss("binary", beta=0.0)(logits, target), focal)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QualityFocalLoss("binary", beta=-1), r"`beta` must be at least 0; got -1"),
        (lambda: VarifocalLoss("binary", alpha=-1), r"`alpha` must be at least 0; got -1"),
        (lambda: VarifocalLoss("binary", gamma=-1), r"`gamma` must be at least 0; got -1"),
        (lambda: CornerNetFocalLoss("binary", alpha=-1), r"`alpha` must be at least 0; got -1"),
        (lambda: CornerNetFocalLoss("binary", beta=-1), r"`beta` must be at least 0; got -1"),
        (lambda: VarifocalLoss("multiclass"), r"`labels` must be binary or multilabel"),
        (
            lambda: VarifocalLoss("binary", normalizer="x"),
            r"`normalizer` must be one of",
        ),
    ],
)
def test_wrong_options_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
