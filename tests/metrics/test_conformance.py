"""What every registered metric promises, whatever its formula.

A new metric is tested by being registered; nothing is added here.
"""

import copy
import pickle

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from pl_losses import Labels
from pl_losses.metrics import METRICS
from tests.metrics.samples import IGNORED, KINDS, sample

pytestmark = [
    pytest.mark.parametrize("kind", KINDS),
    pytest.mark.parametrize("name", METRICS.names),
]


def build(name: str, kind: str, **options: object) -> Metric:
    return METRICS.build(name, labels=Labels(kind, ignore_index=IGNORED), **options)


def value(name: str, kind: str, *batch: Tensor) -> Tensor:
    metric = build(name, kind)
    metric.update(*batch)
    return metric.compute()


def same(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def test_is_a_share(name: str, kind: str) -> None:
    result = value(name, kind, *sample(kind))
    assert result.shape == ()
    assert 0 < result < 1


def test_no_data_reads_nan_and_does_not_warn(name: str, kind: str) -> None:
    assert build(name, kind).compute().isnan()


def test_a_batch_in_which_all_is_ignored_is_no_data(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    assert value(name, kind, logits, torch.full_like(labels, IGNORED)).isnan()
    assert value(name, kind, logits, labels, torch.zeros(4)).isnan()
    assert value(name, kind, logits[:0], labels[:0]).isnan()


def test_ignored_elements_have_no_say(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    left = value(name, kind, logits[1:], labels[1:])
    labels[0] = IGNORED
    same(value(name, kind, logits, labels), left)


def test_elements_of_weight_zero_have_no_say(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    weight = torch.tensor([0.0, 1.0, 1.0, 1.0])
    same(value(name, kind, logits, labels, weight), value(name, kind, logits[1:], labels[1:]))


def test_other_weights_change_nothing(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    weight = torch.tensor([0.1, 1.0, 2.0, 9.0])
    same(value(name, kind, logits, labels, weight), value(name, kind, logits, labels))


def test_class_weights_change_nothing(name: str, kind: str) -> None:
    weights = [0.0, 8.0] if kind == "binary" else [0.0, 8.0, 1.0]
    metric = METRICS.build(name, labels=Labels(kind, class_weights=weights))
    metric.update(*sample(kind))
    same(metric.compute(), value(name, kind, *sample(kind)))


def test_parts_add_up_to_the_whole(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    metric = build(name, kind)
    for part in (slice(0, 1), slice(1, 4)):
        metric.update(logits[part], labels[part])
    same(metric.compute(), value(name, kind, logits, labels))


def test_reset_forgets(name: str, kind: str) -> None:
    metric = build(name, kind)
    metric.update(*sample(kind, seed=1))
    metric.reset()
    metric.update(*sample(kind))
    same(metric.compute(), value(name, kind, *sample(kind)))


def test_a_call_returns_the_value_of_its_batch_and_counts_it(name: str, kind: str) -> None:
    metric = build(name, kind)
    metric(*sample(kind, seed=1))
    same(metric(*sample(kind)), value(name, kind, *sample(kind)))
    logits, labels = (torch.cat(pair) for pair in zip(sample(kind, 1), sample(kind), strict=True))
    same(metric.compute(), value(name, kind, logits, labels))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_prediction_means_the_same_in_each_precision(
    name: str, kind: str, dtype: torch.dtype
) -> None:
    logits, labels = sample(kind)
    logits = logits.bfloat16().half().to(dtype)
    same(value(name, kind, logits, labels), value(name, kind, logits.float(), labels))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_may_have_any_integer_dtype(name: str, kind: str, dtype: torch.dtype) -> None:
    logits, labels = sample(kind)
    same(value(name, kind, logits, labels.to(dtype)), value(name, kind, logits, labels))


def test_the_target_may_come_in_another_form(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    forms = {
        "binary": labels.squeeze(1),
        "multiclass": labels.unsqueeze(1),
        "multilabel": labels.bool(),
    }
    same(value(name, kind, logits, forms[kind]), value(name, kind, logits, labels))


def test_probabilities_mean_the_same_as_logits(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    probabilities = logits.softmax(1) if kind == "multiclass" else logits.sigmoid()
    metric = METRICS.build(name, labels=Labels(kind, from_logits=False))
    metric.update(probabilities.double(), labels)
    torch.testing.assert_close(
        metric.compute(), value(name, kind, logits, labels), rtol=0.01, atol=0
    )


def test_the_truth_itself_is_without_error(name: str, kind: str) -> None:
    _, labels = sample(kind)
    hot = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1) if kind == "multiclass" else labels
    result = value(name, kind, 8.0 * hot - 4.0, labels)
    # Every threshold from -4 to 4 is equally good then, and one half the nearest to itself.
    assert result == (0.5 if name == "best_threshold" else 1)


@pytest.mark.parametrize("extreme", [1e30, torch.inf, -torch.inf, torch.nan])
def test_special_predictions_leave_a_figure(name: str, kind: str, extreme: float) -> None:
    logits, labels = sample(kind)
    if kind == "binary":
        logits[0, 0, 0, 0] = extreme
    else:
        logits[0, 1, 0, 0] = extreme
    assert 0 <= value(name, kind, logits, labels) <= 1


def test_inputs_stay_as_they_are(name: str, kind: str) -> None:
    batch = (*sample(kind), torch.ones(4))
    before = [each.clone() for each in batch]
    value(name, kind, *batch)
    for each, was in zip(batch, before, strict=True):
        same(each, was)


def test_a_prediction_with_a_graph_leaves_none_in_the_state(name: str, kind: str) -> None:
    logits, labels = sample(kind)
    metric = build(name, kind)
    metric.update(logits.requires_grad_(), labels)
    assert not any(state.requires_grad for state in metric.metric_state.values())


def test_state_survives_a_checkpoint(name: str, kind: str) -> None:
    metric = build(name, kind)
    metric.persistent(mode=True)
    metric.update(*sample(kind))
    fresh = build(name, kind)
    fresh.load_state_dict(metric.state_dict())
    same(fresh.compute(), metric.compute())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_goes_its_own_way(name: str, kind: str, copied: object) -> None:
    metric = build(name, kind)
    metric.update(*sample(kind))
    twin = copied(metric)
    before = metric.compute()
    same(twin.compute(), before)
    twin.update(*sample(kind, seed=3))
    metric.compute()
    same(metric.compute(), before)
    assert twin.compute() != before or name == "best_threshold"


def test_labels_of_a_regression_are_an_error(name: str, kind: str) -> None:
    with pytest.raises(ValueError, match=r"`labels` must be one of 'binary', .*; got 'regression'"):
        METRICS.build(name, labels="regression")
    with pytest.raises(ValueError, match="`target` must have shape"):
        value(name, kind, *(part[:n] for part, n in zip(sample(kind), (4, 3), strict=True)))
