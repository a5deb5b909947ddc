"""What a target means: ignored elements, class weights, forms of predictions."""

import math

import pytest
import torch
from torch import Tensor

from pl_losses.core.class_balance import balanced_weights, effective_number_weights
from pl_losses.core.labels import Kind, Labels
from pl_losses.core.likelihood import SigmoidLikelihood, SoftLabelLikelihood, SoftmaxLikelihood


def read(
    labels: Labels, pred: Tensor, target: Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor | None]:
    return labels.read(*labels.arrange(pred, target, weight).parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "likelihood"),
    [
        ("binary", SigmoidLikelihood),
        ("multilabel", SigmoidLikelihood),
        ("multiclass", SoftmaxLikelihood),
    ],
)
def test_the_kind_decides_the_likelihood(kind: Kind, likelihood: type) -> None:
    labels, target = Labels(kind), torch.zeros(4, 3, dtype=torch.long)
    pred, truth, weight = read(
        labels, torch.zeros(4, 3), target[:, 0] if kind == "multiclass" else target
    )
    assert type(labels.likelihood(pred, truth)) is likelihood
    assert weight is None or (weight == 1).all()


def test_a_distribution_is_told_from_class_numbers_by_its_shape() -> None:
    labels = Labels("multiclass")
    pred, truth, _ = read(labels, torch.zeros(4, 3), torch.full((4, 3), 1 / 3))
    assert isinstance(labels.likelihood(pred, truth), SoftLabelLikelihood)


def test_ignored_elements_weigh_nothing_and_get_a_harmless_target() -> None:
    labels = Labels("multiclass", ignore_index=7)
    _, truth, weight = read(labels, torch.zeros(3, 2), torch.tensor([1, 7, 0]))
    assert truth.tolist() == [1, 0, 0]
    assert weight is not None
    assert weight.tolist() == [1, 0, 1]


def test_without_anything_to_ignore_there_are_no_weights() -> None:
    _, _, weight = read(Labels("binary"), torch.zeros(4), torch.tensor([1, 0, 0, 1]))
    assert weight is None


def test_ignored_elements_and_weights_both_count() -> None:
    labels = Labels("binary", ignore_index=-1)
    target, weight = torch.tensor([1, -1, 0, 1]), torch.tensor([2.0, 3.0, 0.0, 5.0])
    _, truth, found = read(labels, torch.zeros(4), target, weight)
    assert truth.flatten().tolist() == [1, 0, 0, 1]
    assert found is not None
    assert found.flatten().tolist() == [2, 0, 0, 5]


def test_multiclass_ignores_minus_100_as_torch_does() -> None:
    _, _, weight = read(Labels("multiclass"), torch.zeros(2, 2), torch.tensor([1, -100]))
    assert weight is not None
    assert weight.tolist() == [1, 0]


def test_bytes_are_not_compared_with_what_they_cannot_be() -> None:
    target = torch.tensor([156, 1], dtype=torch.uint8)  # 156 is -100, wrapped around
    _, truth, weight = read(Labels("multiclass"), torch.zeros(2, 200), target)
    assert truth.tolist() == [156, 1]
    assert weight is None


def test_an_ignored_distribution_is_marked_by_its_class_or_in_each_channel() -> None:
    inside = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    _, _, weight = read(Labels("multiclass", ignore_index=1), torch.zeros(2, 2), inside)
    assert weight is not None
    assert weight.tolist() == [0, 1]
    outside = torch.tensor([[-1.0, -1.0], [1.0, 0.0]])
    _, truth, weight = read(Labels("multiclass", ignore_index=-1), torch.zeros(2, 2), outside)
    assert weight is not None
    assert weight.tolist() == [0, 1]
    assert truth.min() == 0


def test_nan_can_be_ignored_in_regression() -> None:
    labels = Labels("regression", ignore_index=math.nan)
    _, truth, weight = read(labels, torch.zeros(3), torch.tensor([1.0, math.nan, 2.0]))
    assert truth.flatten().tolist() == [1, 0, 2]
    assert weight is not None
    assert weight.flatten().tolist() == [1, 0, 1]


def test_what_weighs_nothing_is_not_looked_at() -> None:
    target, weight = torch.tensor([1.0, math.nan]), torch.tensor([2.0, 0.0])
    _, truth, weighed = read(Labels("binary"), torch.zeros(2), target, weight)
    assert truth.flatten().tolist() == [1, 0]
    assert weighed is not None
    assert weighed.flatten().tolist() == [2, 0]


@pytest.mark.parametrize(
    ("kind", "weights", "target", "expected"),
    [
        ("binary", [1, 8], [0.0, 1.0, 0.5], [1, 8, 4.5]),
        ("multiclass", [1, 8], [0, 1, 1], [1, 8, 8]),
        ("multilabel", [2, 4], [[0.0, 1.0]], [2, 4]),
        ("multilabel", [[1, 2], [3, 4]], [[0.0, 1.0], [1.0, 0.0]], [1, 4, 2, 3]),
    ],
)
def test_class_weights_are_weights_of_elements(
    kind: Kind, weights: list[float], target: list[float], expected: list[float]
) -> None:
    truth = torch.tensor(target)
    pred = torch.zeros(len(truth), 2) if kind != "binary" else torch.zeros(len(truth))
    _, _, weight = read(Labels(kind, class_weights=weights), pred, truth)
    assert weight is not None
    assert weight.flatten().tolist() == expected


def test_a_soft_class_has_the_mean_weight() -> None:
    labels = Labels("multiclass", class_weights=[1, 3])
    _, _, weight = read(labels, torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]))
    assert weight is not None
    assert weight.tolist() == [2]


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_probabilities_are_read_as_logits_even_at_their_ends(kind: Kind) -> None:
    scores = torch.tensor([[-3.0, 0.5, 40.0]])
    p = scores.softmax(1) if kind == "multiclass" else scores.sigmoid()
    target = torch.tensor([2]) if kind == "multiclass" else torch.ones(1, 3)
    labels = Labels(kind, from_logits=False)
    p.requires_grad_()
    pred, truth, _ = read(labels, p, target)
    nll = labels.likelihood(pred, truth).nll
    expected = labels.likelihood(scores, truth).nll
    torch.testing.assert_close(nll.detach(), expected, atol=1e-5, rtol=1e-4)
    nll.sum().backward()
    assert p.grad is not None
    assert p.grad.isfinite().all()


def test_labels_may_be_given_as_a_kind_a_mapping_or_themselves() -> None:
    labels = Labels("binary", class_weights=[1, 8])
    assert Labels.of(labels) is labels
    assert Labels.of("multilabel").kind == "multilabel"
    assert Labels.of({"kind": "binary", "ignore_index": 255}).ignore_index == 255


def test_reading_is_light_where_it_makes_nothing_large() -> None:
    pred = torch.zeros(4, 3, 5)
    numbers, mask = torch.zeros(4, 5, dtype=torch.long), torch.zeros(4, 3, 5)
    assert Labels("multiclass").light(Labels("multiclass").arrange(pred, numbers))
    assert not Labels("multiclass").light(Labels("multiclass").arrange(pred, mask))
    for labels, light in (
        (Labels("multilabel"), True),
        (Labels("multilabel", ignore_index=2), False),
        (Labels("multilabel", class_weights=[1, 2, 3]), False),
    ):
        assert labels.light(labels.arrange(pred, mask)) == light
    assert not Labels("binary").light(Labels("binary").arrange(pred, mask, torch.ones(4)))


def test_auto_weights_are_part_of_the_checkpoint() -> None:
    counted = Labels("multiclass", class_weights="auto")
    counted.set_class_weights([1.0, 2.0, 3.0])
    fresh = Labels("multiclass", class_weights="auto")
    fresh.load_state_dict(counted.state_dict())
    assert fresh.class_weights is not None
    assert fresh.class_weights.tolist() == [1, 2, 3]
    assert Labels("multiclass", class_weights=[1, 2]).state_dict() == {}


WRONG = {
    "`kind` must be one of 'binary', 'multiclass', 'multilabel', 'regression'; got 'multi'.": (
        lambda: Labels("multi")  # type: ignore[arg-type]
    ),
    "`labels` must be binary for this loss; got multiclass.": lambda: Labels.of(
        "multiclass", ("binary",)
    ),
    "`class_weights` and `from_logits` must be left out for regression": lambda: Labels(
        "regression", class_weights=[1, 2]
    ),
    "`class_weights` must be two weights, for 0 and 1": lambda: Labels(
        "binary", class_weights=[1, 2, 3]
    ),
    "`class_weights` must be one weight per class": lambda: Labels("multiclass", class_weights=[1]),
    "`class_weights` must be at least 0; got -1.0.": lambda: Labels(
        "binary", class_weights=[1, -1]
    ),
    "`class_weights` must be numbers, 'auto' or {'effective_number': beta}; "
    "got 'balanced'.": lambda: Labels(
        "multiclass",
        class_weights="balanced",  # type: ignore[arg-type]
    ),
    "`class_weights` must have one entry for each of the 3 classes; got 2.": lambda: Labels(
        "multiclass", class_weights=[1, 2]
    ).arrange(torch.zeros(1, 3), torch.tensor([0])),
}


@pytest.mark.parametrize("message", WRONG)
def test_says_what_does_not_go_together(message: str) -> None:
    with pytest.raises(ValueError, match="must") as error:
        WRONG[message]()
    assert str(error.value).startswith(message)


def test_says_in_one_line_what_it_is() -> None:
    labels = Labels("multiclass", ignore_index=255, class_weights="auto", from_logits=False)
    assert (
        repr(labels)
        == "Labels(multiclass, ignore_index=255, class_weights=auto, from_logits=False)"
    )


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_where_nothing_is_ignored_nothing_is_weighed(kind: Kind) -> None:
    labels = Labels(kind, ignore_index=7)
    pred, target = torch.zeros(4, 3), torch.zeros(4, 3)
    target = target[:, 0].long() if kind == "multiclass" else target
    assert read(labels, pred, target)[2] is None
    target.view(-1)[1] = 7
    weight = read(labels, pred, target)[2]
    assert weight is not None
    assert weight.flatten().tolist().count(0.0) == 1


def test_weights_are_counted_by_the_rule_that_is_named() -> None:
    counts = torch.tensor([90.0, 10.0])
    balanced, effective = (
        Labels("binary", class_weights="auto"),
        Labels("binary", class_weights={"effective_number": 0.9}),
    )
    for labels, wanted in (
        (balanced, balanced_weights(counts)),
        (effective, effective_number_weights(counts, beta=0.9)),
    ):
        with pytest.raises(ValueError, match="`class_weights` must be known"):
            labels.arrange(torch.zeros(2), torch.zeros(2))
        labels.set_class_counts(counts)
        torch.testing.assert_close(labels.class_weights, wanted)
        again = Labels("binary", class_weights="auto")
        again.load_state_dict(labels.state_dict())
        torch.testing.assert_close(again.class_weights, wanted)
    assert repr(effective) == "Labels(binary, class_weights={'effective_number': 0.9})"


@pytest.mark.parametrize("rule", ["effective_number", {}, {"effective": 0.9}])
def test_another_rule_is_an_error(rule: object) -> None:
    with pytest.raises(ValueError, match="`class_weights` must be numbers, 'auto' or {'effective"):
        Labels("binary", class_weights=rule)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", [{"effective_number": 1.5}])
def test_a_rule_out_of_range_is_an_error(rule: object) -> None:
    with pytest.raises(ValueError, match="`effective_number` must be"):
        Labels("binary", class_weights=rule)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("nothing", [False, True])
def test_a_weight_of_each_sample_is_read_as_one_of_each_element(
    kind: Kind, *, nothing: bool
) -> None:
    pred = torch.zeros(3, 2, 4)
    target = torch.zeros(3, 4, dtype=torch.long) if kind == "multiclass" else torch.zeros(3, 2, 4)
    weight = torch.tensor([2.0, 0.0 if nothing else 1.0, 3.0])
    found = read(Labels(kind), pred, target, weight)[2]
    assert found is not None
    sums = found.flatten(1).sum(1) / found[0].numel()
    assert found.numel() == target.numel()
    torch.testing.assert_close(sums, weight)
