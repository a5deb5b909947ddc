"""Shapes that fit are laid side by side; shapes that may be misread are errors."""

import pytest
import torch

from pl_losses.core.elements import channels, classes, pair, spread_weight


def ones(*shape: int) -> torch.Tensor:
    return torch.ones(shape)


def numbers(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.long)


@pytest.mark.parametrize(
    ("pred", "target", "flat"),
    [
        ((4, 2, 3), (4, 2, 3), (4, 6)),
        ((4, 1, 2, 3), (4, 2, 3), (4, 6)),
        ((4, 2, 3), (4, 1, 2, 3), (4, 6)),
        ((4,), (4,), (4, 1)),
        ((), (), (1, 1)),
        ((0, 3), (0, 3), (0, 3)),
    ],
)
def test_pairs_may_lack_a_channel_of_one(
    pred: tuple[int, ...], target: tuple[int, ...], flat: tuple[int, ...]
) -> None:
    elements = pair(ones(*pred), ones(*target))
    assert elements.pred.shape == elements.target.shape == flat
    assert elements.shape == pred


@pytest.mark.parametrize(
    ("pred", "target", "flat_pred", "flat_target"),
    [
        ((4, 3, 2, 5), (4, 2, 5), (4, 3, 10), (4, 10)),
        ((4, 3, 2, 5), (4, 1, 2, 5), (4, 3, 10), (4, 10)),
        ((4, 3, 2, 5), (4, 3, 2, 5), (4, 3, 10), (4, 3, 10)),
        ((4, 3), (4,), (4, 3), (4,)),
        ((4, 3), (4, 1), (4, 3), (4,)),
        ((4, 3), (4, 3), (4, 3), (4, 3)),
    ],
)
def test_class_numbers_come_in_three_shapes(
    pred: tuple[int, ...],
    target: tuple[int, ...],
    flat_pred: tuple[int, ...],
    flat_target: tuple[int, ...],
) -> None:
    elements = classes(ones(*pred), numbers(*target))
    assert elements.pred.shape == flat_pred
    assert elements.target.shape == flat_target
    assert elements.shape == (pred[0], *pred[2:])


def test_channels_are_kept() -> None:
    elements = channels(ones(4, 3, 2, 5), ones(4, 3, 2, 5), ones(4, 2, 5))
    assert elements.pred.shape == (4, 3, 10)
    assert elements.weight is not None
    assert elements.weight.shape == (4, 3, 10)
    assert channels(ones(4, 3), ones(4, 3)).pred.shape == (4, 3, 1)


@pytest.mark.parametrize(
    ("weight", "spread"),
    [
        ((), (4, 1)),
        ((1,), (4, 1)),
        ((4,), (4, 1)),
        ((4, 1, 1, 1), (4, 1)),
        ((4, 1, 2, 3), (4, 6)),
        ((4, 2, 3), (4, 6)),
        ((1, 1, 2, 3), (4, 6)),
    ],
)
def test_weights_are_spread_over_samples_and_places(
    weight: tuple[int, ...], spread: tuple[int, ...]
) -> None:
    assert spread_weight(ones(*weight), (4, 1, 2, 3)).shape == spread


def test_a_weight_stays_with_its_sample_and_place() -> None:
    weight = torch.arange(24.0).reshape(4, 2, 3)
    torch.testing.assert_close(spread_weight(weight, (4, 2, 3)), weight.reshape(4, 6))
    by_sample = torch.tensor([1.0, 2.0, 3.0, 4.0])
    torch.testing.assert_close(spread_weight(by_sample, (4, 2, 3)), by_sample.unsqueeze(1))


WRONG = {
    "`target` must have shape (4, 2, 3); got shape (4, 3, 2).": lambda: pair(
        ones(4, 2, 3), ones(4, 3, 2)
    ),
    "`pred` must have a floating dtype; got torch.int64.": lambda: pair(numbers(4), ones(4)),
    "`pred` must have shape (N, C, *); got shape (4,).": lambda: classes(ones(4), numbers(4)),
    "`pred` must have at least 2 classes on axis 1": lambda: classes(ones(4, 1), numbers(4)),
    "`target` must have shape (4, 2) or (4, 1, 2) (class numbers) or (4, 3, 2)": lambda: classes(
        ones(4, 3, 2), numbers(4, 3)
    ),
    "`target` of class numbers must have an integer dtype; got torch.float32": lambda: classes(
        ones(4, 3, 2), ones(4, 2)
    ),
    "`target` must have shape (4, 3); got shape (4,).": lambda: channels(ones(4, 3), ones(4)),
    "`weight` must be a scalar, have shape (4,) (one for each sample) or broadcast to (4, 2, 3)": (
        lambda: spread_weight(ones(3), (4, 2, 3))
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_says_which_shapes_would_fit(message: str) -> None:
    with pytest.raises(ValueError, match="must") as error:
        WRONG[message]()
    assert str(error.value).startswith(message)
