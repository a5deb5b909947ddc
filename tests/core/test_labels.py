"""Labels read a target once, and say what counts."""

import math

import pytest
import torch

from pl_losses import Labels


def read(
    labels: Labels, pred: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    return labels.read(*labels.arrange(pred, target, weight).parts)


def test_ignored_elements_and_weights_both_count() -> None:
    labels = Labels("binary", ignore_index=-1)
    target, weight = torch.tensor([1, -1, 0, 1]), torch.tensor([2.0, 3.0, 0.0, 5.0])
    _, truth, found = read(labels, torch.zeros(4), target, weight)
    assert found.flatten().tolist() == [2.0, 0.0, 0.0, 5.0]
    assert truth.flatten().tolist() == [1.0, 0.0, 0.0, 1.0]


def test_without_anything_to_ignore_there_are_no_weights() -> None:
    _, _, found = read(Labels("binary"), torch.zeros(4), torch.tensor([1, 0, 0, 1]), None)
    assert found is None


def test_class_weights_are_looked_up_by_label_and_mixed_by_a_soft_one() -> None:
    labels = Labels("binary", class_weights=[1, 8])
    _, _, found = read(labels, torch.zeros(3), torch.tensor([0.0, 1.0, 0.5]), None)
    assert found.flatten().tolist() == [1.0, 8.0, 4.5]


def test_a_label_that_a_byte_cannot_hold_is_not_taken_for_another() -> None:
    # As a byte -100 is 156.
    labels = Labels("multiclass")
    target = torch.tensor([[156, 1]], dtype=torch.uint8)
    assert labels.ignored(*labels.arrange(torch.zeros(1, 200, 2), target).parts) is None


def test_nan_can_be_the_mark_of_a_missing_number() -> None:
    labels = Labels("regression", ignore_index=math.nan)
    _, truth, found = read(labels, torch.ones(2), torch.tensor([math.nan, 3.0]), None)
    assert truth.flatten().tolist() == [0.0, 3.0]
    assert found.flatten().tolist() == [0.0, 1.0]


def test_a_one_hot_target_can_be_ignored_by_its_class() -> None:
    labels = Labels("multiclass", ignore_index=0)
    target = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    _, _, found = read(labels, torch.zeros(2, 3), target, None)
    assert found.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "binry"}, "`kind` must be one of 'binary', 'multiclass'"),
        ({"kind": "binary", "class_weights": [1, 2, 3]}, "must be two weights, for 0 and 1"),
        ({"kind": "binary", "class_weights": [1, -1]}, "`class_weights` must be at least 0"),
        ({"kind": "regression", "class_weights": [1, 2]}, "must be left out for regression"),
        ({"kind": "multiclass", "class_weights": "balanced"}, "must be one of 'auto'"),
    ],
)
def test_options_that_cannot_be_are_answered(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Labels(**options)


def test_class_weights_of_another_number_of_classes_are_answered() -> None:
    labels = Labels("multiclass", class_weights=[1, 2])
    with pytest.raises(ValueError, match="one entry for each of the 3 classes; got 2"):
        labels.arrange(torch.zeros(4, 3), torch.zeros(4, dtype=torch.long))
