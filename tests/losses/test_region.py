"""Region losses against the papers' formulas, written as loops over samples and classes."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.likelihood import SigmoidLikelihood
from pl_losses.losses import LOSSES

Formula = Callable[[Tensor, Tensor], Tensor]
SMOOTH = 0.5


def batch(kind: str, space: tuple[int, ...] = (6, 5)) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(7)
    classes = 1 if kind == "binary" else 3
    logits = torch.randn(2, classes, *space, generator=rng, dtype=torch.float64)
    if kind == "multiclass":
        return logits, torch.randint(classes, (2, *space), generator=rng)
    return logits, torch.randint(2, logits.shape, generator=rng)


def regions(kind: str, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities and truth, ``(N, C, places)``."""
    if kind == "multiclass":
        truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
        return logits.softmax(1).flatten(2), truth.flatten(2).double()
    return logits.sigmoid().flatten(2), target.flatten(2).double()


def jaccard(p: Tensor, y: Tensor) -> Tensor:
    both = (p * y).sum()
    return 1 - (both + SMOOTH) / (p.sum() + y.sum() - both + SMOOTH)


def focal_tversky(p: Tensor, y: Tensor) -> Tensor:
    both, false, missed = (p * y).sum(), (p * (1 - y)).sum(), ((1 - p) * y).sum()
    return (1 - (both + SMOOTH) / (both + 0.3 * false + 0.7 * missed + SMOOTH)) ** 0.75


def log_cosh_dice(p: Tensor, y: Tensor) -> Tensor:
    dice = (2 * (p * y).sum() + SMOOTH) / (p.sum() + y.sum() + SMOOTH)
    return torch.log(torch.cosh(1 - dice))


def sensitivity_specificity(p: Tensor, y: Tensor) -> Tensor:
    error = (y - p) ** 2
    missed = (error * y).sum() / (y.sum() + SMOOTH)
    false = (error * (1 - y)).sum() / ((1 - y).sum() + SMOOTH)
    return 0.05 * missed + 0.95 * false


def mcc(p: Tensor, y: Tensor) -> Tensor:
    tp, fp = (p * y).sum(), (p * (1 - y)).sum()
    fn, tn = ((1 - p) * y).sum(), ((1 - p) * (1 - y)).sum()
    root = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)).sqrt()
    return 1 - (tp * tn - fp * fn) / root


FORMULAS: dict[str, tuple[Formula, dict[str, float]]] = {
    "jaccard": (jaccard, {"smooth": SMOOTH}),
    "focal_tversky": (focal_tversky, {"smooth": SMOOTH}),
    "log_cosh_dice": (log_cosh_dice, {"smooth": SMOOTH}),
    "sensitivity_specificity": (sensitivity_specificity, {"smooth": SMOOTH}),
    "mcc": (mcc, {"smooth": 1e-9}),
}

kinds = pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])


@kinds
@pytest.mark.parametrize("name", FORMULAS)
def test_value_and_gradient_are_the_formula_s(name: str, kind: str) -> None:
    formula, options = FORMULAS[name]
    logits, target = batch(kind)
    logits.requires_grad_()
    pred, truth = regions(kind, logits, target)
    pairs = zip(pred.flatten(0, 1), truth.flatten(0, 1), strict=True)
    expected = torch.stack([formula(p, y) for p, y in pairs]).mean()
    value = LOSSES.build(name, labels=kind, **options)(logits, target)
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_batch_is_one_sample_when_asked(name: str) -> None:
    logits, target = batch("multiclass")
    joined = logits.movedim(1, 0).flatten(1).unsqueeze(0), target.flatten().unsqueeze(0)
    whole = LOSSES.build(name, labels="multiclass", batch=True)(logits, target)
    torch.testing.assert_close(whole, LOSSES.build(name, labels="multiclass")(*joined))


@pytest.mark.parametrize("power", [2, 1, 0])
def test_generalized_dice_weighs_classes_by_their_inverse_size(power: int) -> None:
    logits, target = batch("multiclass")
    logits.requires_grad_()
    pred, truth = regions("multiclass", logits, target)
    weights = truth.sum(-1) ** -float(power)
    both = (weights * (pred * truth).sum(-1)).sum(1)
    sizes = (weights * (pred.sum(-1) + truth.sum(-1))).sum(1)
    size = {2: "square", 1: "simple", 0: "uniform"}[power]
    value = LOSSES.build("generalized_dice", labels="multiclass", size=size, smooth=0.0)(
        logits, target
    )
    expected = (1 - 2 * both / sizes).mean()
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


def test_generalized_dice_gives_an_absent_class_the_largest_weight_there_is() -> None:
    logits, target = batch("multiclass")
    target = target.clamp_max(1)
    pred, truth = regions("multiclass", logits, target)
    weights = truth.sum(-1) ** -2.0
    weights[:, 2] = weights[:, :2].amax(1)
    both = (weights * (pred * truth).sum(-1)).sum(1)
    sizes = (weights * (pred.sum(-1) + truth.sum(-1))).sum(1)
    loss = LOSSES.build("generalized_dice", labels="multiclass", smooth=0.0)
    torch.testing.assert_close(loss(logits, target), (1 - 2 * both / sizes).mean())


def test_generalized_dice_leaves_out_what_does_not_count() -> None:
    logits, target = batch("multiclass")
    target = target.clamp_max(1)
    skip = LOSSES.build("generalized_dice", labels="multiclass", empty="skip")
    twice = LOSSES.build("generalized_dice", labels="multiclass", region_weights=[1, 1, 0])
    torch.testing.assert_close(skip(logits, target), twice(logits, target))


def test_generalized_dice_smooths_in_places_of_the_smallest_class_that_counts() -> None:
    logits, target = batch("multiclass")
    target[target == 2] = 1
    target[:, 0, :2] = 2  # the smallest class, which does not count
    pred, truth = (each[:, :2] for each in regions("multiclass", logits, target))
    sizes = truth.sum(-1)
    weights = (sizes.amin(1, keepdim=True) / sizes) ** 2
    both = (weights * (pred * truth).sum(-1)).sum(1)
    whole = (weights * (pred.sum(-1) + sizes)).sum(1)
    options = {"region_weights": [1, 1, 0], "smooth": 2.0}
    value = LOSSES.build("generalized_dice", labels="multiclass", **options)(logits, target)
    torch.testing.assert_close(value, (1 - (2 * both + 2) / (whole + 2)).mean())


def test_jaccard_is_the_union_form_of_dice() -> None:
    logits, target = batch("multiclass")
    union = LOSSES.build("dice", labels="multiclass", denominator="union")
    jaccard_loss = LOSSES.build("jaccard", labels="multiclass")
    torch.testing.assert_close(jaccard_loss(logits, target), union(logits, target), rtol=0, atol=0)


def test_focal_tversky_without_focus_is_tversky() -> None:
    logits, target = batch("multilabel")
    focal = LOSSES.build("focal_tversky", labels="multilabel", gamma=1.0)
    tversky = LOSSES.build("tversky", labels="multilabel")
    torch.testing.assert_close(focal(logits, target), tversky(logits, target), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["focal_tversky", "log_cosh_dice", "mcc", "generalized_dice"])
def test_a_perfect_prediction_has_a_finite_slope(name: str) -> None:
    target = torch.tensor([[[[0, 0, 1, 1]]]])
    for confidence in (5.0, 30.0, 200.0):
        logits = (confidence * (2.0 * target - 1)).requires_grad_()
        LOSSES.build(name, labels="binary")(logits, target).backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


def test_mcc_sees_one_place_in_a_large_image() -> None:
    target = torch.zeros(1, 1, 512, 512)
    target[..., 100, 100] = 1
    loss = LOSSES.build("mcc", labels="binary")
    assert loss(200 * target - 100, target) < 0.05
    assert loss(200 * target.roll(1, -1) - 100, target) > 0.99


def test_mcc_of_a_large_image_does_not_overflow() -> None:
    rng = torch.Generator().manual_seed(0)
    target = torch.rand(1, 1, 512, 512, generator=rng) < 0.1
    logits = torch.randn(1, 1, 512, 512, generator=rng) + 2 * target
    loss = LOSSES.build("mcc", labels="binary")
    expected = loss(logits.double(), target)
    torch.testing.assert_close(loss(logits.half(), target).double(), expected, rtol=2e-3, atol=0)


def lovasz_by_hand(errors: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """The extension as it is defined: Jaccard losses of growing sets of mistakes."""
    order = sorted(range(len(errors)), key=lambda i: -float(errors[i].detach()))
    value, before, wrong = errors.new_zeros(()), 0.0, set[int]()
    for place in order:
        wrong.add(place)
        said = [truth[i] if i not in wrong else 1 - truth[i] for i in range(len(truth))]
        both = sum(float(w * y * s) for w, y, s in zip(weight, truth, said, strict=True))
        either = sum(float(w * max(y, s)) for w, y, s in zip(weight, truth, said, strict=True))
        jaccard_loss = 1 - both / either if either > 0 else 0.0
        value, before = value + errors[place] * (jaccard_loss - before), jaccard_loss
    return value


@pytest.mark.parametrize("weights", ["equal", "unequal"])
@kinds
def test_lovasz_is_the_extension_of_the_jaccard_loss(kind: str, weights: str) -> None:
    logits, target = batch(kind, (3, 4))
    logits.requires_grad_()
    weight = torch.ones(2, 3, 4, dtype=torch.float64)
    if weights == "unequal":
        weight = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(3)).double()
        weight[0, 0, :2] = 0
    pred, truth = regions(kind, logits, target)
    errors = (truth - pred).abs()
    if kind != "multiclass":
        errors = (1 - logits.flatten(2) * (2 * truth - 1)).clamp_min(0)
    values = [
        lovasz_by_hand(errors[n, c], truth[n, c], weight[n].flatten())
        for n in range(2)
        for c in range(errors.shape[1])
    ]
    expected = torch.stack(values).mean()
    value = LOSSES.build("lovasz", labels=kind)(logits, target, weight)
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


def test_lovasz_of_hard_mistakes_is_the_jaccard_loss() -> None:
    truth = torch.tensor([[[1, 1, 1, 0, 0, 0]]])
    logits = torch.tensor([[[1.0, 1.0, -1.0, 1.0, -1.0, -1.0]]])  # hinge errors are 0 or 2
    value = LOSSES.build("lovasz", labels="binary")(logits, truth)
    torch.testing.assert_close(value, torch.tensor(2 * (1 - 2 / 4)))


def test_lovasz_softmax_counts_the_classes_that_are_present() -> None:
    logits, target = batch("multiclass")
    target = target.clamp_max(1)
    each = LOSSES.build("lovasz", labels="multiclass", reduction="none", empty="smooth")
    values = each(logits, target)
    present = LOSSES.build("lovasz", labels="multiclass")(logits, target)
    everyone = LOSSES.build("lovasz", labels="multiclass", empty="smooth")(logits, target)
    torch.testing.assert_close(present, values[:, :2].mean())
    torch.testing.assert_close(everyone, values.mean())
    largest = logits.softmax(1)[:, 2].flatten(1).amax(1)
    torch.testing.assert_close(values[:, 2], largest)


@kinds
def test_lovasz_of_a_batch_ranks_all_places_together(kind: str) -> None:
    logits, target = batch(kind)
    joined = logits.movedim(1, 0).flatten(1).unsqueeze(0)
    target_joined = target.flatten().unsqueeze(0)
    if kind != "multiclass":
        target_joined = target.movedim(1, 0).flatten(1).unsqueeze(0)
    whole = LOSSES.build("lovasz", labels=kind, batch=True)(logits, target)
    torch.testing.assert_close(whole, LOSSES.build("lovasz", labels=kind)(joined, target_joined))


def test_lovasz_of_a_large_image_is_as_exact_in_single_precision() -> None:
    rng = torch.Generator().manual_seed(0)
    target = torch.rand(3, 1, 256, 300, generator=rng) < 0.02
    logits = torch.randn(3, 1, 256, 300, generator=rng)
    loss = LOSSES.build("lovasz", labels="binary")
    slopes = []
    for leaf in (logits.clone(), logits.double()):
        (slope,) = torch.autograd.grad(loss(leaf.requires_grad_(), target), leaf)
        slopes.append(slope.double())
    assert (slopes[0] - slopes[1]).norm() < 1e-4 * slopes[1].norm()


def test_cl_dice_of_a_broken_line_is_worse_than_dice() -> None:
    line = torch.zeros(1, 1, 9, 30)
    line[..., 3:6, :] = 1
    thin = line.clone()
    thin[..., 3, :] = thin[..., 5, :] = 0
    broken = line.clone()
    broken[..., 10:20] = 0
    loss = LOSSES.build("cl_dice", labels="binary")
    of_thin, of_broken = (loss(200 * said - 100, line) for said in (thin, broken))
    assert of_thin < 0.02
    assert of_broken > 0.15
    dice = LOSSES.build("dice", labels="binary")
    assert dice(200 * thin - 100, line) > dice(200 * broken - 100, line)


@kinds
def test_cl_dice_is_the_formula_s(kind: str) -> None:
    logits, target = batch(kind, (7, 9))
    logits.requires_grad_()
    pred, truth = (each.reshape(-1, 7, 9) for each in regions(kind, logits, target))
    of_pred, of_truth = (skeleton(image, 2) for image in (pred, truth))
    precision = ((of_pred * truth).sum((1, 2)) + 1) / (of_pred.sum((1, 2)) + 1)
    sensitivity = ((of_truth * pred).sum((1, 2)) + 1) / (of_truth.sum((1, 2)) + 1)
    expected = (1 - 2 * precision * sensitivity / (precision + sensitivity)).mean()
    value = LOSSES.build("cl_dice", labels=kind, iterations=2)(logits, target)
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


def skeleton(plane: Tensor, iterations: int) -> Tensor:
    def opened(plane: Tensor) -> tuple[Tensor, Tensor]:
        tall = -F.max_pool2d(-plane, (3, 1), 1, (1, 0))
        eroded = torch.minimum(tall, -F.max_pool2d(-plane, (1, 3), 1, (0, 1)))
        return eroded, F.max_pool2d(eroded, 3, 1, 1)

    total = torch.zeros_like(plane)
    for _ in range(iterations + 1):
        eroded, back = opened(plane)
        ridge = F.relu(plane - back)
        total, plane = total + F.relu(ridge - total * ridge), eroded
    return total


def test_boundary_dou_is_the_formula_s() -> None:
    logits, _ = batch("binary", (12, 12))
    target = torch.zeros(2, 1, 12, 12)
    target[0, 0, 2:10, 3:11], target[1, 0, 4:6, 4:9] = 1, 1
    border, size = torch.tensor([28.0, 10.0]), torch.tensor([64.0, 10.0])
    alpha = (1 - 2 * border / size).clamp_max(0.1).double()
    pred, truth = regions("binary", logits, target)
    both = (pred * truth).sum((1, 2))
    sizes = (pred**2).sum((1, 2)) + (truth**2).sum((1, 2))
    expected = (sizes - 2 * both) / (sizes - (1 + alpha) * both)
    value = LOSSES.build("boundary_dou", labels="binary", limit=0.1, smooth=0.0)(logits, target)
    torch.testing.assert_close(value, expected.mean())


@kinds
def test_boundary_dou_of_a_batch_is_the_authors_code_s_but_for_the_edge(kind: str) -> None:
    logits, target = batch(kind, (9, 8))
    logits.requires_grad_()
    pred, truth = regions(kind, logits, target)
    cross = torch.tensor([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=torch.float64)[None, None]
    planes = F.pad(truth.reshape(-1, 1, 9, 8), (1, 1, 1, 1), value=1.0)
    inner = (F.conv2d(planes, cross) == 5).reshape(truth.shape)
    contours = (truth * ~inner).sum((0, 2))
    both, size = (pred * truth).sum((0, 2)), truth.sum((0, 2))
    alpha = (1 - 2 * (contours + 1e-5) / (size + 1e-5)).clamp_max(0.8)
    sizes = (pred**2).sum((0, 2)) + size
    expected = ((sizes - 2 * both + 1e-5) / (sizes - (1 + alpha) * both + 1e-5)).mean()
    value = LOSSES.build("boundary_dou", labels=kind, batch=True)(logits, target)
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("jaccard", {"smooth": -1.0}, "`smooth` must be at least 0; got -1.0"),
        ("focal_tversky", {"gamma": 0.0}, "`gamma` must be above 0; got 0.0"),
        ("mcc", {"smooth": 0.0}, "`smooth` must be above 0; got 0.0"),
        ("sensitivity_specificity", {"sensitivity": 2.0}, "`sensitivity` must be from 0 to 1"),
        ("generalized_dice", {"size": "cube"}, "`size` must be one of 'square', 'simple'"),
        ("lovasz", {"empty": "present"}, "`empty` must be one of 'smooth', 'skip', 'zero'"),
        ("cl_dice", {"iterations": -1}, "`iterations` must be at least 0; got -1"),
        ("boundary_dou", {"limit": 1.5}, "`limit` must be from -1 to 1; got 1.5"),
        ("lovasz", {"include_background": False}, "`include_background` must be left out"),
    ],
)
def test_options_out_of_range_are_errors(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LOSSES.build(name, labels="binary", **options)


def test_the_worst_of_log_cosh_dice_is_log_cosh_of_one() -> None:
    target = torch.tensor([[1, 1, 0, 0]])
    value = LOSSES.build("log_cosh_dice", labels="binary")(200.0 - 400.0 * target, target)
    assert value.item() == pytest.approx(math.log(math.cosh(1)), abs=1e-4)


def test_hinge_errors_are_those_of_signed_labels() -> None:
    from pl_losses.losses.lovasz import lovasz_errors

    logits, truth = torch.tensor([[2.0, 0.5, -3.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    errors = lovasz_errors(SigmoidLikelihood(logits, truth), truth)
    torch.testing.assert_close(errors, torch.tensor([[0.0, 1.5, 4.0]]))
