"""Losses on numbers against their textbook formulas in plain float64, branch by branch."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core import chunks
from pl_losses.losses import (
    LOSSES,
    AdaptiveWingLoss,
    L1Loss,
    LogCoshLoss,
    MSELoss,
    QuantileLoss,
    TukeyLoss,
    WingLoss,
)

RESIDUALS = [-300.0, -12.0, -4.7, -1.0, -0.3, -1e-4, 0.0, 1e-5, 0.2, 0.5, 1.0, 3.0, 10.0, 15.0, 1e4]


def wing(x: float, y: float) -> float:
    r = abs(x - y)
    constant = 10 - 10 * math.log(1 + 10 / 2)
    return 10 * math.log1p(r / 2) if r < 10 else r - constant


def adaptive_wing(x: float, y: float) -> float:
    r, power = abs(x - y), 2.1 - y
    if r < 0.5:
        return 14 * math.log1p(r**power)
    slope = 14 / (1 + 0.5**power) * power * 0.5 ** (power - 1)
    return slope * r - (0.5 * slope - 14 * math.log1p(0.5**power))


def tukey(x: float, y: float) -> float:
    r, c = x - y, 4.6851
    return c**2 / 6 * (1 - (1 - (r / c) ** 2) ** 3) if abs(r) <= c else c**2 / 6


def log_cosh(x: float, y: float) -> float:
    r = abs(x - y)
    return r + math.log1p(math.exp(-2 * r)) - math.log(2) if r > 1e-3 else r**2 / 2 - r**4 / 12


def quantile(x: float, y: float) -> float:
    return max(0.9 * (y - x), (0.9 - 1) * (y - x))


FORMULAS: dict[str, tuple[dict[str, float], Callable[[float, float], float]]] = {
    "l1": ({}, lambda x, y: abs(x - y)),
    "huber": (
        {"delta": 2.0},
        lambda x, y: (x - y) ** 2 / 2 if abs(x - y) <= 2 else 2 * (abs(x - y) - 1),
    ),
    "log_cosh": ({}, log_cosh),
    "charbonnier": ({"epsilon": 0.1}, lambda x, y: math.sqrt((x - y) ** 2 + 0.01)),
    "quantile": ({"quantile": 0.9}, quantile),
    "wing": ({}, wing),
    "tukey": ({}, tukey),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_the_papers(name: str) -> None:
    options, formula = FORMULAS[name]
    pred = torch.tensor([[0.25 + residual for residual in RESIDUALS]], dtype=torch.float64)
    target = torch.full_like(pred, 0.25)
    values = LOSSES.build(name, reduction="none", **options)(pred, target)
    naive = [formula(x, 0.25) for x in pred.flatten().tolist()]
    torch.testing.assert_close(
        values, torch.tensor([naive], dtype=torch.float64), rtol=1e-9, atol=1e-14
    )


@pytest.mark.parametrize("truth", [0.0, 0.3, 1.0])
def test_adaptive_wing_is_that_of_the_paper_for_any_height_of_the_map(truth: float) -> None:
    pred = torch.tensor([truth + residual for residual in RESIDUALS], dtype=torch.float64)
    loss = AdaptiveWingLoss(reduction="none")
    values = loss(pred, torch.full_like(pred, truth))
    naive = [adaptive_wing(x, truth) for x in pred.tolist()]
    torch.testing.assert_close(values, torch.tensor(naive, dtype=torch.float64))


@pytest.mark.parametrize(("name", "corner"), [("wing", 10.0), ("adaptive_wing", 0.5)])
def test_nothing_jumps_where_two_branches_meet(name: str, corner: float) -> None:
    around = [corner - 1e-6, corner, corner + 1e-6]
    pred = torch.tensor([around], dtype=torch.float64, requires_grad=True)
    values = LOSSES.build(name, reduction="none")(pred, torch.zeros_like(pred))
    (slopes,) = torch.autograd.grad(values.sum(), pred)
    assert values.max() - values.min() < 1e-4
    # Wing's own slope drops from w / (w + epsilon) to 1; at the corner it is one of the two.
    expected = [10 / 12, 10 / 12, 1.0] if name == "wing" else [slopes[0, 0].item()] * 3
    torch.testing.assert_close(
        slopes, torch.tensor([expected], dtype=torch.float64), rtol=1e-5, atol=0
    )


def test_log_cosh_is_as_exact_as_a_residual_about_one() -> None:
    pred = torch.tensor([-1e-3, 1e-4, 3e4, -3e4], requires_grad=True)
    values = LogCoshLoss(reduction="none")(pred, torch.zeros(4))
    (slopes,) = torch.autograd.grad(values.sum(), pred)
    line = 3e4 - math.log(2)
    torch.testing.assert_close(values, torch.tensor([5e-7, 5e-9, line, line]), rtol=1e-6, atol=2e-7)
    torch.testing.assert_close(slopes, torch.tensor([-1e-3, 1e-4, 1, -1]), rtol=1e-6, atol=2e-7)


def test_quantile_is_half_the_absolute_error_at_one_half() -> None:
    pred, target = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(QuantileLoss()(pred, target), 0.5 * F.l1_loss(pred, target))


def test_quantile_is_least_at_the_quantile() -> None:
    target = torch.arange(100.0)
    costs = torch.stack(
        [QuantileLoss(quantile=0.9)(torch.full((100,), x), target) for x in torch.arange(100.0)]
    )
    assert costs.argmin() in (89, 90)


def test_adaptive_wing_takes_a_heat_map_as_soft_labels() -> None:
    logits, target = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0)).chunk(2)
    target = target.sigmoid()
    torch.testing.assert_close(
        AdaptiveWingLoss("binary")(logits, target), AdaptiveWingLoss()(logits.sigmoid(), target)
    )


def test_adaptive_wing_treats_targets_out_of_range_as_the_nearer_end() -> None:
    loss = AdaptiveWingLoss(reduction="none")
    residual = torch.tensor([0.2, 3.0, 0.0])
    for target, end in ((3.0, 1.0), (-50.0, 0.0)):
        torch.testing.assert_close(
            loss(target + residual, torch.full((3,), target)),
            loss(end + residual, torch.full((3,), end)),
            rtol=1e-4,
            atol=1e-4,
        )


def test_outliers_have_no_say_in_tukey() -> None:
    pred = torch.tensor([0.5, 100.0, -9.0], requires_grad=True)
    TukeyLoss()(pred, torch.zeros(3)).backward()
    assert pred.grad is not None
    assert pred.grad[0] > 0
    assert (pred.grad[1:] == 0).all()


def measured(residuals: list[float]) -> float:
    """Return 1.4826 times the median absolute deviation of an odd number of residuals."""
    middle = sorted(residuals)[len(residuals) // 2]
    return 1.4826 * sorted(abs(each - middle) for each in residuals)[len(residuals) // 2]


def test_measured_spread_divides_the_residuals() -> None:
    residuals = [-7.0, 2.0, 11.0, 30.0, 500.0]
    pred = torch.tensor(residuals, dtype=torch.float64)
    loss = TukeyLoss(scale="mad", reduction="none")(pred, torch.zeros_like(pred))
    plain = TukeyLoss(reduction="none")(pred / measured(residuals), torch.zeros_like(pred))
    torch.testing.assert_close(loss, plain)


def test_measured_spread_does_not_see_what_is_ignored() -> None:
    pred = torch.tensor([[1.0, 5.0, -3.0, 2.0, 40.0, 7.0, 60.0]], dtype=torch.float64)
    target = torch.zeros_like(pred)
    weight = torch.tensor([[1.0, 2.0, 1.0, 1.0, 0.0, 0.5, 0.0]])
    kept = pred[:, [0, 1, 2, 3, 5]]
    torch.testing.assert_close(
        TukeyLoss(scale="mad", reduction="sum")(pred, target, weight),
        TukeyLoss(scale="mad", reduction="sum")(kept, 0 * kept, weight[:, [0, 1, 2, 3, 5]]),
    )


def test_measured_spread_has_no_gradient() -> None:
    residuals = [-1.0, 2.0, 3.0]
    pred = torch.tensor(residuals, dtype=torch.float64, requires_grad=True)
    scale = measured(residuals)
    (slope,) = torch.autograd.grad(TukeyLoss(scale="mad")(pred, torch.zeros_like(pred)), pred)
    plain = TukeyLoss()(pred / scale, torch.zeros_like(pred))
    torch.testing.assert_close(slope, torch.autograd.grad(plain, pred)[0])


@pytest.mark.parametrize(
    "residuals", [[], [2.0], [1.0, 1.0, 1.0], [torch.nan]], ids=["none", "one", "equal", "ignored"]
)
def test_without_a_spread_the_unit_of_the_target_stands(residuals: list[float]) -> None:
    pred = torch.full((len(residuals),), 3.0, requires_grad=True)
    target = 3.0 - torch.tensor(residuals)
    labels = {"kind": "regression", "ignore_index": torch.nan}
    loss = TukeyLoss(labels, scale="mad")(pred, target)
    torch.testing.assert_close(loss, TukeyLoss(labels)(pred, target))
    loss.backward()
    assert pred.grad is not None
    assert pred.grad.isfinite().all()


def test_the_measured_spread_is_that_of_the_batch_not_of_a_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pred, target = torch.randn(2, 40, 5, generator=torch.Generator().manual_seed(0))
    loss = TukeyLoss(scale="mad", c=1.0)
    whole = loss(pred, target)
    monkeypatch.setattr(chunks, "CHUNK", 20)
    torch.testing.assert_close(loss(pred, target), whole)


def test_error_of_probabilities_is_summed_over_classes() -> None:
    logits, target = torch.zeros(1, 4), torch.tensor([2])
    assert L1Loss("multiclass")(logits, target).item() == pytest.approx(1.5)
    assert MSELoss("multiclass")(logits, target).item() == pytest.approx(0.75)


def test_nan_marks_missing_numbers() -> None:
    labels = {"kind": "regression", "ignore_index": torch.nan}
    target = torch.tensor([[1.0, torch.nan], [torch.nan, 4.0]])
    for name in ("l1", "huber", "log_cosh", "charbonnier", "quantile", "wing", "tukey"):
        loss = LOSSES.build(name, labels=labels)
        expected = loss(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 4.0]))
        torch.testing.assert_close(loss(torch.full((2, 2), 0.5), target), expected)


@pytest.mark.parametrize("name", ["quantile", "tukey", "wing"])
def test_losses_in_the_unit_of_the_target_do_not_take_classes(name: str) -> None:
    with pytest.raises(ValueError, match="`labels` must be regression for this loss; got binary."):
        LOSSES.build(name, labels="binary")


@pytest.mark.parametrize(
    ("name", "option", "value", "message"),
    [
        ("huber", "delta", 0, "`delta` must be above 0; got 0."),
        ("charbonnier", "epsilon", 0.0, "`epsilon` must be above 0; got 0.0."),
        ("quantile", "quantile", 1.5, "`quantile` must be from 0 to 1; got 1.5."),
        ("wing", "width", -1, "`width` must be above 0; got -1."),
        ("wing", "curvature", 0, "`curvature` must be above 0; got 0."),
        ("adaptive_wing", "alpha", 1.9, "`alpha` must be at least 2; got 1.9."),
        ("adaptive_wing", "theta", 0, "`theta` must be above 0; got 0."),
        ("adaptive_wing", "omega", 0, "`omega` must be above 0; got 0."),
        ("adaptive_wing", "epsilon", 0, "`epsilon` must be above 0; got 0."),
        ("tukey", "c", 0, "`c` must be above 0; got 0."),
        ("tukey", "scale", "iqr", "`scale` must be one of 'none', 'mad'; got 'iqr'."),
    ],
)
def test_options_out_of_range_are_named(
    name: str, option: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{message}$"):
        LOSSES.build(name, **{option: value})


def test_wing_pulls_small_errors_as_hard_as_its_curvature_says() -> None:
    pred: Tensor = torch.tensor([1e-3], requires_grad=True)
    WingLoss(width=10.0, curvature=0.5)(pred, torch.zeros(1)).backward()
    assert pred.grad is not None
    assert pred.grad.item() == pytest.approx(20, rel=0.01)
