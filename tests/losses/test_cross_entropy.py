"""Cross-entropy and focal loss against torch, and against their formulas written plainly."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import CrossEntropyLoss, FocalLoss

WEIGHTS = [0.5, 1.0, 4.0]


def batch(kind: str) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    logits = torch.randn(4, 3, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    if kind == "multiclass":
        return logits, torch.randint(3, (4, 5), generator=rng)
    return logits, torch.rand(logits.shape, generator=rng, dtype=torch.float64).round()


def assert_same(value: Tensor, expected: Tensor, logits: Tensor) -> None:
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_of_classes_it_is_torchs(smoothing: float, weights: list[float] | None) -> None:
    logits, target = batch("multiclass")
    target[0, :2] = -100
    own = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    expected = F.cross_entropy(logits, target, own, label_smoothing=smoothing)
    labels = {"kind": "multiclass", "class_weights": weights}
    assert_same(
        CrossEntropyLoss(labels, label_smoothing=smoothing)(logits, target), expected, logits
    )


def test_of_distributions_it_is_torchs() -> None:
    logits, _ = batch("multiclass")
    target = logits.detach().flip(0).softmax(1)
    assert_same(
        CrossEntropyLoss("multiclass")(logits, target), F.cross_entropy(logits, target), logits
    )


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_of_yes_or_no_it_is_torchs(kind: str, smoothing: float) -> None:
    logits, target = batch(kind)
    smooth = (1 - smoothing) * target + smoothing / 2
    expected = F.binary_cross_entropy_with_logits(logits, smooth)
    assert_same(CrossEntropyLoss(kind, label_smoothing=smoothing)(logits, target), expected, logits)


def test_a_weight_of_positives_has_torchs_sum() -> None:
    logits, target = batch("binary")
    eight = torch.tensor(8.0, dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(logits, target, pos_weight=eight, reduction="sum")
    labels = {"kind": "binary", "class_weights": [1, 8]}
    assert_same(CrossEntropyLoss(labels, reduction="sum")(logits, target), expected, logits)
    mean = CrossEntropyLoss(labels)(logits, target)
    torch.testing.assert_close(mean, expected / (1 + 7 * target).sum())


@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 3.7])
@pytest.mark.parametrize("kind", ["binary", "multilabel"])
def test_focal_of_yes_or_no_is_the_formula_s(kind: str, gamma: float, alpha: float | None) -> None:
    logits, target = batch(kind)
    p = torch.where(target == 1, logits.sigmoid(), 1 - logits.sigmoid())
    factor = 1.0 if alpha is None else alpha * target + (1 - alpha) * (1 - target)
    expected = (-factor * (1 - p) ** gamma * p.log()).mean()
    assert_same(FocalLoss(kind, gamma=gamma, alpha=alpha)(logits, target), expected, logits)


@pytest.mark.parametrize("alpha", [None, WEIGHTS])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_of_classes_is_the_formula_s(gamma: float, alpha: list[float] | None) -> None:
    logits, target = batch("multiclass")
    p = logits.softmax(1).gather(1, target.unsqueeze(1)).squeeze(1)
    factor = 1.0 if alpha is None else torch.tensor(alpha, dtype=torch.float64)[target]
    expected = (-factor * (1 - p) ** gamma * p.log()).mean()
    assert_same(FocalLoss("multiclass", gamma=gamma, alpha=alpha)(logits, target), expected, logits)


def test_focal_can_be_a_mean_over_the_positives() -> None:
    logits, target = batch("binary")
    total = FocalLoss("binary", reduction="sum")(logits, target)
    mean = FocalLoss("binary", normalizer="positives")(logits, target)
    torch.testing.assert_close(mean, total / target.sum())


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ("binary", {"gamma": -1.0}, "`gamma` must be at least 0; got -1.0"),
        ("binary", {"alpha": 1.5}, "`alpha` must be from 0 to 1; got 1.5"),
        ("binary", {"alpha": [0.2, 0.8]}, "`alpha` must be one number for binary labels"),
        ("multiclass", {"alpha": 0.25}, "`alpha` must be one factor for each class"),
        (
            "binary",
            {"normalizer": "anchors"},
            "`normalizer` must be one of 'elements', 'positives'",
        ),
    ],
)
def test_options_out_of_range_are_errors(
    labels: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        FocalLoss(labels, **options)
