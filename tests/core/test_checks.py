"""Every check lets what is right pass, and says what was expected and found."""

from collections.abc import Callable
from math import inf, nan

import pytest
import torch

from pl_losses.core.checks import (
    check_above,
    check_at_least,
    check_between,
    check_choice,
    check_floating,
    check_number,
    check_shape,
)

WRONG = {
    "`a` must be one of 'x', 'y'; got 'z'.": lambda: check_choice("a", "z", ("x", "y")),
    "`a` must be a finite number; got True.": lambda: check_number("a", True),  # noqa: FBT003 - it is what is refused
    "`a` must be a finite number; got nan.": lambda: check_at_least("a", nan, 0),
    "`a` must be a finite number; got inf.": lambda: check_above("a", inf, 0),
    "`a` must be a finite number; got '1'.": lambda: check_between("a", "1", 0, 1),
    "`a` must be at least 0; got -1.0.": lambda: check_at_least("a", -1.0, 0),
    "`a` must be above 0; got 0.": lambda: check_above("a", 0, 0),
    "`a` must be from 0 to 1; got 1.5.": lambda: check_between("a", 1.5, 0, 1),
    "`a` must have shape (2, 3); got shape (3,).": lambda: check_shape("a", torch.ones(3), (2, 3)),
    "`a` must have a floating dtype; got torch.int64.": lambda: check_floating(
        "a", torch.tensor(1)
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_says_what_was_expected_and_what_was_found(message: str) -> None:
    wrong: Callable[[], object] = WRONG[message]
    with pytest.raises(ValueError, match=r"^`a` must") as error:
        wrong()
    assert str(error.value) == message


def test_returns_what_is_right() -> None:
    ones = torch.ones(2, 3)
    assert check_choice("a", "x", ("x", "y")) == "x"
    assert check_number("a", 1) == 1
    assert check_at_least("a", 0, 0) == 0
    assert check_above("a", 0.1, 0) == 0.1
    assert check_between("a", 1, 0, 1) == 1
    assert check_shape("a", ones, (2, 3)) is ones
    assert check_floating("a", ones) is ones
