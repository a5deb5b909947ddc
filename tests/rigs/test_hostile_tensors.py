"""Whatever tensors a loss is given, it says a finite number or what is wrong, and changes none."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import Tensor

from tests.losses.samples import IGNORED, SUBJECTS, Subject

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
LAYOUTS = ("as it is", "transposed", "every other", "expanded")
WEIGHTS = ("none", "scalar", "samples", "elements", "zeros")
hostile = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@dataclass(frozen=True)
class Batch:
    """A batch as someone might hand it over."""

    count: int
    space: tuple[int, ...]
    dtype: torch.dtype
    size: float
    layout: str
    weight: str
    ignored: bool
    seed: int


@st.composite
def batches(draw: st.DrawFn, subject: Subject) -> Batch:
    ranks, least = subject.special.ranks, subject.special.smallest
    rank = draw(st.sampled_from(ranks))
    return Batch(
        draw(st.integers(0, 3)),
        tuple(draw(st.integers(least, 6)) for _ in range(rank)),
        draw(st.sampled_from(DTYPES)),
        draw(st.sampled_from([0.0, 1e-6, 1.0, 30.0, 1e4])),
        draw(st.sampled_from(LAYOUTS)),
        draw(st.sampled_from(WEIGHTS)),
        draw(st.booleans()),
        draw(st.integers(0, 99)),
    )


def tensors(subject: Subject, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
    pred, target = subject.sample(batch.space, count=batch.count, seed=batch.seed)
    pred = (pred * batch.size).to(batch.dtype)
    if target.is_floating_point():
        target = target.to(batch.dtype)
    if batch.ignored and subject.classifies:
        target = target.masked_fill(subject.some_elements(target), IGNORED)
    weights = {
        "none": None,
        "scalar": torch.tensor(2.0),
        "samples": torch.arange(batch.count).float(),
        "elements": torch.rand(target.shape, generator=torch.Generator().manual_seed(batch.seed)),
        "zeros": torch.zeros(target.shape),
    }
    weight = weights[batch.weight] if subject.labelled else None
    return laid_out(pred, batch.layout), laid_out(target, batch.layout), weight


def laid_out(tensor: Tensor, layout: str) -> Tensor:
    """Return the same numbers, elsewhere in memory."""
    if layout == "transposed" and tensor.ndim > 1:
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "every other":
        return torch.stack([tensor, tensor], -1)[..., 0]
    if layout == "expanded" and len(tensor) > 1:
        return tensor[:1].expand_as(tensor)
    return tensor


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_finite_batch_has_a_finite_loss_and_stays_as_it_was(subject: Subject) -> None:
    loss = subject.build()

    @hostile
    @given(batches(subject))
    def holds(batch: Batch) -> None:
        pred, target, weight = tensors(subject, batch)
        before = [None if each is None else each.clone() for each in (pred, target, weight)]
        leaf = pred.detach().requires_grad_()
        value = loss(leaf, target) if weight is None else loss(leaf, target, weight)
        assert value.shape == ()
        assert value.isfinite()
        (slope,) = torch.autograd.grad(value, leaf)
        assert slope.shape == pred.shape
        # In half precision a slope of 1e5 is beyond the largest number, not beyond the formula.
        assert slope.isfinite().all() or batch.dtype == torch.float16
        for old, new in zip(before, (pred, target, weight), strict=True):
            if old is not None and new is not None:
                torch.testing.assert_close(new, old, rtol=0, atol=0, equal_nan=True)

    holds()


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
@pytest.mark.parametrize("shape", ["an axis less", "an axis more", "one sample more", "nothing"])
def test_shapes_that_do_not_fit_are_an_error_and_no_broadcast(subject: Subject, shape: str) -> None:
    loss = subject.build()
    pred, target = subject.sample(count=4)
    wrong = {
        "an axis less": target[0],
        "an axis more": target.unsqueeze(-1),
        "one sample more": torch.cat([target, target[:1]]),
        "nothing": target[:0],
    }[shape]
    with pytest.raises(ValueError, match="must"):
        loss(pred, wrong)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
@pytest.mark.parametrize("special", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_do_not_crash(subject: Subject, special: float) -> None:
    loss = subject.build()
    pred, target = subject.sample()
    pred.view(-1)[::3] = special
    value = loss(pred.requires_grad_(), target)
    assert value.shape == ()
    (slope,) = torch.autograd.grad(value, pred)
    assert slope.shape == pred.shape
