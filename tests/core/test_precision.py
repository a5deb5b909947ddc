"""Half precision is lifted to float32; float64 stays; autocast stays out."""

import pytest
import torch

from pl_losses.core.precision import full_precision, upcast


@pytest.mark.parametrize(
    ("dtype", "computed"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_is_computed_in_float32_or_better(dtype: torch.dtype, computed: torch.dtype) -> None:
    assert upcast(torch.ones(2, dtype=dtype)).dtype == computed


def test_what_is_precise_is_not_copied() -> None:
    ones = torch.ones(2)
    assert upcast(ones) is ones


def test_autocast_is_off_inside_and_on_again_after() -> None:
    ones = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with full_precision(ones):
            assert (ones @ ones).dtype == torch.float32
        assert (ones @ ones).dtype == torch.bfloat16


def test_autocast_is_on_again_after_an_error() -> None:
    ones = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.raises(RuntimeError, match="inside"), full_precision(ones):
            raise RuntimeError("inside")
        assert torch.is_autocast_enabled("cpu")


def test_a_meta_tensor_has_no_autocast_to_switch_off() -> None:
    with full_precision(torch.ones(2, device="meta")):
        assert not torch.is_autocast_enabled("cpu")
