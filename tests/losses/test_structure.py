"""Losses on the structure of images against loops over windows and frequencies, in float64."""

import cmath
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor

from pl_losses.core.windows import Border, Window
from pl_losses.losses import (
    LOSSES,
    CMSSLoss,
    FocalFrequencyLoss,
    MSELoss,
    MSSSIMLoss,
    SSIMLoss,
)
from pl_losses.losses.cmssl import structural_error
from pl_losses.losses.structure import Images

NAMES = ("ssim", "ms_ssim", "focal_frequency")


def images(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return a noisy prediction and its truth, from 0 to 1."""
    rng = torch.Generator().manual_seed(seed)
    target = torch.rand(shape, generator=rng, dtype=torch.float64)
    noise = 0.3 * torch.randn(shape, generator=rng, dtype=torch.float64)
    return (target + noise).clamp(0, 1), target


def gaussian(size: int, sigma: float) -> list[float]:
    row = [math.exp(-((i - size // 2) ** 2) / (2 * sigma**2)) for i in range(size)]
    return [each / sum(row) for each in row]


def window_moments(
    x: Tensor, y: Tensor, weight: Tensor, corner: tuple[int, int], row: list[float]
) -> tuple[float, float, float, float, float]:
    """Return means, variances and covariance in one window, whose parts outside weigh nothing."""
    height, width = x.shape
    seen = []
    for i, j in itertools.product(range(len(row)), repeat=2):
        r, c = corner[0] + i, corner[1] + j
        if 0 <= r < height and 0 <= c < width:
            seen.append((row[i] * row[j] * weight[r, c].item(), x[r, c].item(), y[r, c].item()))
    mass = sum(w for w, _, _ in seen)
    mean_x = sum(w * a for w, a, _ in seen) / mass
    mean_y = sum(w * b for w, _, b in seen) / mass
    var_x = sum(w * (a - mean_x) ** 2 for w, a, _ in seen) / mass
    var_y = sum(w * (b - mean_y) ** 2 for w, _, b in seen) / mass
    covariance = sum(w * (a - mean_x) * (b - mean_y) for w, a, b in seen) / mass
    return mean_x, mean_y, var_x, var_y, covariance


def naive_factors(x: Tensor, y: Tensor, weight: Tensor, row: list[float], *, valid: bool) -> Tensor:
    """Return the two factors of SSIM for each window of one channel, shape ``(windows, 2)``."""
    half = len(row) // 2
    first, cut = (0, 2 * half) if valid else (-half, 0)
    factors = []
    for i, j in itertools.product(range(x.shape[0] - cut), range(x.shape[1] - cut)):
        mx, my, vx, vy, cov = window_moments(x, y, weight, (i + first, j + first), row)
        luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
        factors.append([luminance, (2 * cov + 0.03**2) / (vx + vy + 0.03**2)])
    return torch.tensor(factors, dtype=torch.float64)


def test_ssim_is_that_of_the_paper_window_by_window() -> None:
    pred, target = images(1, 1, 7, 8)
    values = SSIMLoss(size=5, reduction="none")(pred, target)
    factors = naive_factors(
        pred[0, 0], target[0, 0], torch.ones(7, 8), gaussian(5, 1.5), valid=True
    )
    torch.testing.assert_close(values, 1 - factors.prod(1).reshape(1, 1, 3, 4))


def test_ssim_agrees_with_scikit_image() -> None:
    pred, target = images(1, 1, 24, 20)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    other = structural_similarity(
        pred[0, 0].numpy(), target[0, 0].numpy(), win_size=11, data_range=1.0, **options
    )
    torch.testing.assert_close(SSIMLoss()(pred, target).item(), 1 - other, rtol=1e-7, atol=0)


def test_the_window_shrinks_at_the_border_and_around_ignored_places() -> None:
    pred, target = images(1, 1, 4, 5)
    weight = torch.rand(4, 5, generator=torch.Generator().manual_seed(1)).double()
    weight[1, 2] = weight[0, 0] = 0
    loss = SSIMLoss(size=5, border="shrink")
    factors = naive_factors(pred[0, 0], target[0, 0], weight, gaussian(5, 1.5), valid=False)
    values = 1 - factors.prod(1)
    expected = (weight.flatten() * values).sum() / weight.sum()
    torch.testing.assert_close(loss(pred, target, weight.reshape(1, 1, 4, 5)), expected)


def test_weights_choose_among_the_windows_of_a_valid_border() -> None:
    pred, target = images(1, 1, 6, 6)
    weight = torch.rand(6, 6, generator=torch.Generator().manual_seed(1)).double()
    factors = naive_factors(pred[0, 0], target[0, 0], weight, gaussian(3, 1.5), valid=True)
    chosen = weight[1:-1, 1:-1].flatten()
    expected = (chosen * (1 - factors.prod(1))).sum() / chosen.sum()
    torch.testing.assert_close(SSIMLoss(size=3)(pred, target, weight.reshape(1, 1, 6, 6)), expected)


def test_constant_weights_change_nothing() -> None:
    pred, target = images(2, 3, 12, 13)
    for name in NAMES:
        options = {"border": "shrink"} if name != "focal_frequency" else {}
        loss = LOSSES.build(name, **options)
        weight = torch.full((2, 1, 12, 13), 3.0)
        torch.testing.assert_close(loss(pred, target, weight), loss(pred, target))


def test_a_range_of_255_is_a_range_of_one_scaled() -> None:
    pred, target = images(2, 1, 12, 12)
    for cls in (SSIMLoss, MSSSIMLoss):
        torch.testing.assert_close(
            cls(data_range=255, border="shrink")(255 * pred, 255 * target),
            cls(border="shrink")(pred, target),
        )


def test_ms_ssim_multiplies_the_scales() -> None:
    pred, target = images(1, 1, 11, 9)
    exponents = (0.3, 0.7)
    value = MSSSIMLoss(size=3, exponents=exponents)(pred, target)
    row = gaussian(3, 1.5)
    fine = naive_factors(pred[0, 0], target[0, 0], torch.ones(11, 9), row, valid=True)
    halves = [F.avg_pool2d(each, 2, ceil_mode=True)[0, 0] for each in (pred, target)]
    coarse = naive_factors(halves[0], halves[1], torch.ones(6, 5), row, valid=True)
    likeness = fine[:, 1].mean() ** 0.3 * coarse.prod(1).mean() ** 0.7
    torch.testing.assert_close(value, 1 - likeness)


def test_ms_ssim_at_one_scale_is_ssim() -> None:
    pred, target = images(2, 2, 14, 14)
    torch.testing.assert_close(MSSSIMLoss(exponents=[1.0])(pred, target), SSIMLoss()(pred, target))


def test_ms_ssim_halves_weighed_places_by_their_weighed_mean() -> None:
    pred, target = images(1, 1, 8, 8)
    hidden = torch.ones(1, 1, 8, 8)
    hidden[..., 3:6, 2:5] = 0
    changed = torch.where(hidden == 0, 7.0, pred)
    loss = MSSSIMLoss(border="shrink", exponents=(0.5, 0.3, 0.2))
    torch.testing.assert_close(loss(changed, target, hidden), loss(pred, target, hidden))


@pytest.mark.parametrize("exponents", [(0.05,), (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)])
def test_an_inverted_image_has_no_likeness_left_and_a_finite_gradient(
    exponents: tuple[float, ...],
) -> None:
    _, target = images(1, 1, 16, 16)
    pred = (1 - target).requires_grad_()
    loss = MSSSIMLoss(border="shrink", exponents=exponents)(pred, target)
    loss.backward()
    assert loss == 1
    assert pred.grad is not None
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize("border", ["valid", "shrink"])
def test_flat_images_of_great_offset_do_not_break_a_denominator(border: Border) -> None:
    # The rounding error of a mean square is far above the constant that it is added to.
    for offset in (12.3, 123.4, 1234.5, 12345.6, 1e4):
        pred = torch.full((1, 1, 12, 12), offset, requires_grad=True)
        values = SSIMLoss(border=border, reduction="none")(pred, torch.full((1, 1, 12, 12), 0.5))
        values.sum().backward()
        assert (values >= 0).all()
        assert (values <= 2).all()
        assert pred.grad is not None
        assert pred.grad.isfinite().all()


def test_a_nearly_right_image_keeps_the_digits_of_its_loss_in_float32() -> None:
    _, target = images(1, 1, 16, 16)
    pred = target + 1e-4 * torch.cos(torch.arange(256.0)).reshape(1, 1, 16, 16)
    loss = SSIMLoss()
    torch.testing.assert_close(
        loss(pred.float(), target.float()).double(), loss(pred, target), rtol=1e-2, atol=0
    )


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 6, 5), (1, 2, 5, 4, 6)])
def test_ssim_sees_one_two_and_three_axes(shape: tuple[int, ...]) -> None:
    pred, target = images(*shape)
    values = SSIMLoss(size=3, reduction="none")(pred, target)
    assert values.shape == (*shape[:2], *(each - 2 for each in shape[2:]))
    # What a permutation of the axes does to the images it does to the loss.
    turned = SSIMLoss(size=3, reduction="none")(pred.transpose(-1, 2), target.transpose(-1, 2))
    torch.testing.assert_close(turned, values.transpose(-1, 2))


def naive_spectrum(difference: Tensor) -> list[float]:
    height, width = difference.shape
    squares = []
    for u, v in itertools.product(range(height), range(width)):
        total = 0j
        for r, c in itertools.product(range(height), range(width)):
            turn = u * r / height + v * c / width
            total += difference[r, c].item() * cmath.exp(-2j * math.pi * turn)
        squares.append(abs(total) ** 2 / (height * width))
    return squares


@pytest.mark.parametrize("shape", [(4, 6), (5, 3), (1, 1), (3, 1), (2, 2)])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_focal_frequency_is_that_of_the_paper(alpha: float, shape: tuple[int, int]) -> None:
    pred, target = images(1, 1, *shape)
    squares = naive_spectrum((pred - target)[0, 0])
    greatest = max(squares) ** 0.5
    expected = sum((s**0.5 / greatest) ** alpha * s for s in squares) / len(squares)
    loss = FocalFrequencyLoss(alpha=alpha)(pred, target)
    torch.testing.assert_close(loss.item(), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("shape", [(2, 3, 8), (2, 3, 8, 7), (2, 1, 3, 4, 5)])
def test_focal_frequency_without_focus_is_the_squared_error(shape: tuple[int, ...]) -> None:
    pred, target = images(*shape)
    loss = FocalFrequencyLoss(alpha=0)
    torch.testing.assert_close(loss(pred, target), MSELoss()(pred, target))
    weight = torch.rand(2, 1, *shape[2:], generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(loss(pred, target, weight), MSELoss()(pred, target, weight))


def test_the_weights_of_the_frequencies_have_no_gradient() -> None:
    pred, target = images(1, 1, 4, 4)
    pred.requires_grad_()
    (slope,) = torch.autograd.grad(FocalFrequencyLoss()(pred, target), pred)
    difference = (pred - target).detach()
    spectrum = torch.fft.fft2(difference, norm="ortho")
    focus = spectrum.abs() / spectrum.abs().max()
    torch.testing.assert_close(slope, 2 * torch.fft.ifft2(focus * spectrum, norm="ortho").real / 16)


def test_masks_are_compared_as_probability_maps() -> None:
    logits = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)).double()
    target = torch.randint(3, (2, 12, 12), generator=torch.Generator().manual_seed(1))
    one_hot = F.one_hot(target, 3).movedim(-1, 1).double()
    for name in NAMES:
        options = {"border": "shrink"} if name != "focal_frequency" else {}
        plain = LOSSES.build(name, **options)
        by_class = LOSSES.build(name, labels="multiclass", **options)
        torch.testing.assert_close(by_class(logits, target), plain(logits.softmax(1), one_hot))
        one_class = LOSSES.build(name, labels="binary", **options)
        torch.testing.assert_close(
            one_class(logits[:, 0], one_hot[:, 0]), plain(logits[:, :1].sigmoid(), one_hot[:, :1])
        )


def naive_cmssl(p: Tensor, y: Tensor, beta: float) -> float:
    """Return the loss of one binary map, window by window."""
    weight, row, c = torch.ones(p.shape), gaussian(3, 1.5), 0.01
    errors, surprises = [], []
    for i, j in itertools.product(range(p.shape[0]), range(p.shape[1])):
        mp, my, vp, vy, _ = window_moments(p, y, weight, (i - 1, j - 1), row)
        q, t = p[i, j].item(), y[i, j].item()
        errors.append(abs((t - my + c) / (vy**0.5 + c) - (q - mp + c) / (vp**0.5 + c)))
        surprises.append(-math.log(q if t else 1 - q))
    kept = [error > beta * max(errors) for error in errors]
    total = sum(e * s for e, s, k in zip(errors, surprises, kept, strict=True) if k)
    return total / sum(kept)


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5])
def test_cmssl_is_that_of_the_paper(beta: float) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 1, 5, 6, generator=rng, dtype=torch.float64)
    target = torch.randint(2, (1, 1, 5, 6), generator=rng)
    expected = naive_cmssl(logits.sigmoid()[0, 0], target[0, 0], beta)
    loss = CMSSLoss("binary", beta=beta)(logits, target)
    torch.testing.assert_close(loss.item(), expected, rtol=1e-6, atol=0)


def test_cmssl_of_two_classes_is_the_binary_one_of_their_difference() -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 5, 6, generator=rng, dtype=torch.float64)
    target = torch.ones(1, 5, 6, dtype=torch.long)
    target[:, 2:4, 2:5] = -100
    # Where only class 1 is true, both forms see its map, its error and its cross-entropy.
    binary = CMSSLoss({"kind": "binary", "ignore_index": -100})
    torch.testing.assert_close(
        CMSSLoss("multiclass")(logits, target), binary(logits[:, 1] - logits[:, 0], target)
    )


def test_the_structural_error_is_a_weight_without_gradient() -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 1, 5, 6, generator=rng, dtype=torch.float64, requires_grad=True)
    target = torch.randint(2, (1, 1, 5, 6), generator=rng)
    (slope,) = torch.autograd.grad(CMSSLoss("binary", beta=0.0)(logits, target), logits)
    maps = Images(logits.sigmoid().detach(), target.double(), None)
    error = structural_error(maps, Window(3, border="shrink"))
    torch.testing.assert_close(slope, error * (maps.pred - maps.target) / 30)


def test_cmssl_leaves_places_out_whose_structure_is_right() -> None:
    target = torch.zeros(1, 1, 8, 8, dtype=torch.long)
    target[..., 4:] = 1
    logits = (8.0 * target - 4).requires_grad_()
    with torch.no_grad():
        logits[..., 2, 6] = -4.0
    CMSSLoss("binary")(logits, target).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0, 2, 6] < 0
    assert (logits.grad[..., 6:, :2] == 0).all()


def test_small_images_say_what_would_take_them() -> None:
    small = torch.zeros(1, 1, 12, 9)
    message = r"`pred` must be at least 11 along each spatial axis .* 'shrink'; got \(12, 9\)."
    with pytest.raises(ValueError, match=message):
        SSIMLoss()(small, small)
    with pytest.raises(ValueError, match=r"`pred` must be at least 161 .* 5 scale"):
        MSSSIMLoss()(small, small)
    large = torch.zeros(1, 1, 161)
    assert MSSSIMLoss()(large, large) == 0


def test_images_without_space_are_an_error() -> None:
    flat = torch.zeros(2, 3)
    for name in NAMES:
        with pytest.raises(ValueError, match=r"`pred` must have shape \(N, C, \*space\)"):
            LOSSES.build(name)(flat, flat)


@pytest.mark.parametrize(
    ("name", "option", "value", "message"),
    [
        ("ssim", "size", 4, "`size` must be an odd whole number; got 4."),
        ("ssim", "size", -3, "`size` must be above 0; got -3."),
        ("ssim", "sigma", 0, "`sigma` must be above 0; got 0."),
        ("ssim", "border", "same", "`border` must be one of 'valid', 'shrink'; got 'same'."),
        ("ssim", "data_range", 0, "`data_range` must be above 0; got 0."),
        ("ms_ssim", "exponents", [], "`exponents` must hold at least one number; got none."),
        ("ms_ssim", "exponents", [-1.0], "`exponents` must be at least 0; got -1.0."),
        ("focal_frequency", "alpha", -1, "`alpha` must be at least 0; got -1."),
    ],
)
def test_options_out_of_range_are_named(
    name: str, option: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{message}$"):
        LOSSES.build(name, **{option: value})


def test_cmssl_rejects_numbers_and_a_beta_out_of_range() -> None:
    with pytest.raises(ValueError, match="`labels` must be binary or multiclass or multilabel"):
        CMSSLoss("regression")
    with pytest.raises(ValueError, match=r"`beta` must be from 0 to 1; got 2."):
        CMSSLoss("binary", beta=2)
