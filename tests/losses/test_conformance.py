"""What every registered loss promises, whatever its formula.

A new loss is tested by being registered. What is particular about one, such as an option that it
cannot be built without, stands in the table of ``samples.py``, and nowhere else.
"""

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core import chunks
from tests.losses.samples import CLASSES, IGNORED, ONE_EACH, SUBJECTS, Subject

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
HOUSE_FORM = r"^`\w+` must .*; got .*\."
LABELLED = [subject for subject in SUBJECTS if subject.labelled]
CLASSIFYING = [subject for subject in SUBJECTS if subject.classifies]

Value = Callable[..., Tensor]

every = pytest.mark.parametrize("subject", SUBJECTS, ids=str)
one_each = pytest.mark.parametrize("subject", ONE_EACH, ids=str)
labelled = pytest.mark.parametrize("subject", LABELLED, ids=str)
classifying = pytest.mark.parametrize("subject", CLASSIFYING, ids=str)


def slope(loss: Value, pred: Tensor, *rest: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the loss, and the gradient of the prediction, under a loss scale."""
    leaf = pred.detach().clone().requires_grad_()
    value = loss(leaf, *rest)
    (gradient,) = torch.autograd.grad(value * scale, leaf)
    return value.detach(), gradient


def assert_finite(loss: Value, pred: Tensor, *rest: Tensor) -> None:
    value, gradient = slope(loss, pred, *rest)
    assert value.isfinite(), f"the loss is {value}"
    assert gradient.isfinite().all(), f"the gradient is {gradient}"


def assert_alike(
    loss: Value, one: tuple[Tensor, ...], other: tuple[Tensor, ...], rtol: float = 1e-9
) -> None:
    """Assert that two inputs give one value; what they are is said by the caller."""
    torch.testing.assert_close(loss(*one), loss(*other), rtol=rtol, atol=1e-12)


@every
def test_is_a_finite_scalar_in_the_precision_of_the_prediction(subject: Subject) -> None:
    loss = subject.build()
    for dtype in FLOATS:
        value = loss(*subject.sample(dtype=dtype))
        assert value.shape == ()
        assert value.isfinite()
        assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


@every
def test_reductions_agree(subject: Subject) -> None:
    pred, target = subject.sample()
    values, total, mean, joint = (
        subject.build(reduction=reduction)(pred, target)
        for reduction in ("none", "sum", "mean", "global_mean")
    )
    torch.testing.assert_close(total, values.sum())
    torch.testing.assert_close(joint, mean)
    subject.excuse("mean")
    torch.testing.assert_close(mean, values.mean())


@every
def test_gradient_is_the_slope(subject: Subject) -> None:
    subject.excuse("slope")
    loss = subject.build()
    pred, target = subject.sample(count=2)
    assert torch.autograd.gradcheck(lambda leaf: loss(leaf, target), pred.requires_grad_())


@every
def test_a_sample_of_weight_zero_is_as_if_it_was_not_there(subject: Subject) -> None:
    subject.excuse("weight")
    loss = subject.build()
    pred, target = subject.sample()
    weight = torch.tensor([0.0, 1.0, 1.0, 1.0])
    without, slope_without = slope(loss, pred[1:], target[1:])
    if target.is_floating_point():
        target[0] = torch.nan
    else:
        target[0] = 77
    value, gradient = slope(loss, pred, target, weight)
    torch.testing.assert_close(value, without)
    torch.testing.assert_close(gradient[1:], slope_without)
    assert (gradient[0] == 0).all()


@every
def test_scaling_all_weights_leaves_the_mean(subject: Subject) -> None:
    subject.excuse("scale")
    loss = subject.build()
    pred, target = subject.sample()
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0])
    # Region losses add their smoothing to the weighed sums, hence the wide tolerance.
    assert_alike(loss, (pred, target, weight), (pred, target, 4 * weight), rtol=1e-3)


@labelled
def test_an_element_of_weight_zero_is_an_ignored_one(subject: Subject) -> None:
    subject.excuse("ignore")
    loss = subject.build() if subject.classifies else subject.build(ignore_index=torch.nan)
    pred, target = subject.sample()
    absent = subject.some_elements(target)
    ignored = target.masked_fill(absent, IGNORED if subject.classifies else torch.nan)
    weight = (~absent).double()
    value, gradient = slope(loss, pred, ignored)
    by_weight, slope_by_weight = slope(loss, pred, target, weight)
    torch.testing.assert_close(by_weight, value)
    torch.testing.assert_close(slope_by_weight, gradient)
    changed = torch.where(subject.like_pred(absent, pred), 50.0, pred)
    value_changed, slope_changed = slope(loss, changed, ignored)
    torch.testing.assert_close(value_changed, value, rtol=0, atol=0)
    torch.testing.assert_close(slope_changed, gradient, rtol=1e-12, atol=1e-15)
    assert (gradient[subject.like_pred(absent, pred)] == 0).all()


@every
def test_nothing_to_learn_from_is_zero_with_zero_gradient(subject: Subject) -> None:
    loss = subject.build()
    pred, target = subject.sample()
    cases: list[tuple[Tensor, ...]] = [(pred, target, torch.zeros(len(pred)))]
    cases.append((pred[:0], target[:0]))
    if subject.classifies:
        cases.append((pred, torch.full_like(target, IGNORED)))
    for dtype in (torch.float64, torch.float16):
        for leaf, *rest in cases:
            value, gradient = slope(loss, leaf.to(dtype), *rest)
            assert value == 0
            assert (gradient == 0).all()


@every
def test_one_element_is_finite(subject: Subject) -> None:
    space = tuple([subject.special.smallest] * len(subject.space()))
    assert_finite(subject.build(), *subject.sample(space, count=1))


@every
def test_extreme_predictions_are_finite(subject: Subject) -> None:
    loss = subject.build()
    for dtype in FLOATS[1:]:
        pred, target = subject.sample(dtype=torch.float32)
        for extreme in (1e4 * pred.sign(), 1e4 * pred, torch.full_like(pred, 1e4), 0 * pred):
            assert_finite(loss, extreme.clamp(-6e4, 6e4).to(dtype), target)


@one_each
@pytest.mark.parametrize("size", [8, 512])
def test_half_precision_is_right_at_any_size(subject: Subject, size: int) -> None:
    rank = len(subject.space())
    space = (size, size) if rank == 2 else (size * size,) * (rank > 0)
    loss = subject.build()
    for dtype, tolerance in ((torch.float16, 2e-3), (torch.bfloat16, 1e-2)):
        pred, target = subject.sample(space, count=1 if size > 8 else 2, dtype=dtype)
        # A loss scale, as every half-precision trainer uses one: the mean of 2**18 elements has
        # gradients below the smallest float16.
        value, gradient = slope(loss, pred, target, scale=float(pred.numel()))
        right, right_gradient = slope(loss, pred.double(), target, scale=float(pred.numel()))
        torch.testing.assert_close(value.double(), right, rtol=tolerance, atol=1e-9)
        error = (gradient.double() - right_gradient).norm()
        assert error <= tolerance * right_gradient.norm()


@classifying
def test_empty_full_and_perfect_masks_are_finite(subject: Subject) -> None:
    loss = subject.build()
    _, target = subject.sample()
    last = CLASSES - 1 if subject.kind == "multiclass" else 1
    for mask in (target, torch.zeros_like(target), torch.full_like(target, last)):
        for confidence in (4.0, 20.0, 100.0, -20.0, -100.0):
            for dtype in (torch.float64, torch.float32, torch.float16):
                assert_finite(loss, subject.perfect(mask, confidence).to(dtype), mask)


@every
def test_truth_costs_less_than_error(subject: Subject) -> None:
    subject.excuse("truth")
    loss = subject.build()
    pred, target = subject.sample()
    if subject.classifies:
        assert loss(subject.perfect(target, 4.0), target) < loss(
            subject.perfect(target, -4.0), target
        )
    else:
        assert_finite(loss, subject.perfect(target), target)
        assert loss(subject.perfect(target), target) < loss(pred, target)


@classifying
def test_class_255_can_be_ignored_in_bytes(subject: Subject) -> None:
    pred, target = subject.sample()
    absent = subject.some_elements(target)
    expected = subject.build()(pred, target.masked_fill(absent, IGNORED))
    value = subject.build(ignore_index=255)(pred, target.masked_fill(absent, 255).to(torch.uint8))
    torch.testing.assert_close(value, expected)


@every
def test_works_with_any_number_of_spatial_axes(subject: Subject) -> None:
    loss = subject.build()
    for rank in subject.special.ranks:
        assert_finite(loss, *subject.sample(subject.space(rank)))


@every
def test_memory_layout_changes_nothing(subject: Subject) -> None:
    loss = subject.build()
    pred, target = subject.sample()
    expected, expected_slope = slope(loss, pred, target)
    layouts = [pred.mT.contiguous().mT, torch.stack([pred, pred], -1)[..., 0]]
    if pred.ndim == 4:
        layouts.append(pred.contiguous(memory_format=torch.channels_last))
    strided = torch.stack([target, target], -1)[..., 0]
    for layout in layouts:
        value, gradient = slope(loss, layout, strided)
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(gradient, expected_slope)


@classifying
def test_target_forms_agree(subject: Subject) -> None:
    loss = subject.build()
    pred, target = subject.sample()
    forms = [target.to(torch.uint8), target.to(torch.int32)]
    if subject.kind == "multiclass":
        one_hot = F.one_hot(target, CLASSES).movedim(-1, 1)
        forms.append(target.unsqueeze(1))
        if "soft" not in subject.special.excused:
            forms += [one_hot, one_hot.double(), one_hot.bool()]
    else:
        forms += [target.bool(), target.float()]
    if subject.kind == "binary":
        forms.append(target.squeeze(1))
        assert_alike(loss, (pred.squeeze(1), target.squeeze(1)), (pred, target))
    for form in forms:
        assert_alike(loss, (pred, form), (pred, target))


@classifying
def test_soft_targets_are_finite(subject: Subject) -> None:
    subject.excuse("soft")
    pred, other = (subject.sample(seed=seed)[0] for seed in (0, 1))
    soft = other.softmax(1) if subject.kind == "multiclass" else other.sigmoid()
    assert_finite(subject.build(), pred, soft)


@every
def test_a_call_changes_nothing(subject: Subject) -> None:
    loss = subject.build()
    pred, target = subject.sample()
    weight = torch.tensor([1.0, 2.0, 0.0, 3.0])
    inputs = [pred, target, weight]
    before = [each.clone() for each in inputs]
    state = {name: each.clone() for name, each in loss.state_dict().items()}
    first = slope(loss, *inputs)
    again = slope(loss, *inputs)
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    torch.testing.assert_close(inputs, before, rtol=0, atol=0)
    torch.testing.assert_close(dict(loss.state_dict()), state, rtol=0, atol=0)


@every
def test_autocast_does_not_reach_into_a_loss(subject: Subject) -> None:
    loss = subject.build()
    inputs = subject.sample(dtype=torch.float32)
    expected = loss(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(*inputs)
    torch.testing.assert_close(value, expected, rtol=0, atol=0)


@one_each
def test_compiles_into_one_graph(subject: Subject) -> None:
    subject.excuse("compile")
    loss = subject.build()
    pred, target = subject.sample()
    weight = torch.tensor([1.0, 2.0, 0.0, 3.0])
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager", dynamic=False)
    value, gradient = slope(compiled, pred, target, weight)
    expected, expected_gradient = slope(loss, pred, target, weight)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@every
def test_function_transforms_agree_with_autograd(subject: Subject) -> None:
    subject.excuse("transforms")
    loss = subject.build()
    pred, target = subject.sample()
    value, gradient = slope(loss, pred, target)
    torch.testing.assert_close(torch.func.grad(loss)(pred, target), gradient)
    both = torch.func.vmap(lambda each: loss(each, target))(torch.stack([pred, 2 * pred]))
    torch.testing.assert_close(both, torch.stack([value, loss(2 * pred, target)]))


@every
def test_runs_on_the_meta_device(subject: Subject) -> None:
    pred, target = (each.to("meta") for each in subject.sample())
    value, gradient = slope(subject.build().to("meta"), pred, target)
    assert value.device.type == "meta"
    assert value.shape == ()
    assert gradient.shape == pred.shape


@every
def test_survives_copies_and_checkpoints(subject: Subject) -> None:
    loss = subject.build()
    inputs = subject.sample()
    expected = loss(*inputs)
    reloaded, stream = subject.build(), io.BytesIO()
    torch.save(loss.state_dict(), stream)
    stream.seek(0)
    reloaded.load_state_dict(torch.load(stream, weights_only=True))
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), reloaded):
        torch.testing.assert_close(twin(*inputs), expected, rtol=0, atol=0)


@every
def test_wrong_input_is_an_error_in_the_house_form(subject: Subject) -> None:
    loss = subject.build()
    pred, target = subject.sample()
    wrong: list[tuple[Tensor, ...]] = [
        (pred, target[:-1]),
        (pred, target.unsqueeze(0)),
        (pred.long(), target),
        (pred, target, torch.ones(len(pred) + 1)),
    ]
    if target.ndim > 1:
        wrong.append((pred, target[..., :-1]))
    for inputs in wrong:
        with pytest.raises(ValueError, match=HOUSE_FORM):
            loss(*inputs)


@every
def test_chunks_agree_with_the_whole(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = subject.build()
    weight = torch.tensor([1.0, 2.0, 0.0, 3.0])
    for dtype in FLOATS:
        pred, target = subject.sample(dtype=dtype)
        monkeypatch.setattr(chunks, "CHUNK", 1 << 17)
        whole = curvature(loss, pred, target, weight)
        monkeypatch.setattr(chunks, "CHUNK", 5)
        parts = curvature(loss, pred, target, weight)
        rtol = {torch.float64: 1e-9, torch.float32: 1e-4}.get(dtype, 2e-2)
        torch.testing.assert_close(parts, whole, rtol=rtol, atol=rtol / 10)


def curvature(loss: Value, pred: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
    """Return the loss, its gradient, and the gradient of a sum of squares of the gradient."""
    leaf = pred.detach().clone().requires_grad_()
    value = loss(leaf, *rest)
    (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
    # The gradient by itself once more: without a graph it is made on the way, in chunks.
    (plain,) = torch.autograd.grad(loss(leaf, *rest), leaf)
    if not gradient.requires_grad:  # a loss of straight lines
        return value.detach(), gradient, plain
    (second,) = torch.autograd.grad(gradient.float().square().sum(), leaf)
    return value.detach(), gradient.detach(), plain, second
