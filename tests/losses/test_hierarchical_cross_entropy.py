"""Hierarchical cross-entropy against sums of probabilities along the path to the root."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.hierarchy import levels
from pl_losses.losses import CrossEntropyLoss, HierarchicalCrossEntropyLoss

TREE = [[0, 3], 4, [[1, 5], 2]]
PATHS = {  # of each class: the classes of each node on its way to the root
    0: [[0], [0, 3], [0, 1, 2, 3, 4, 5]],
    3: [[3], [0, 3], [0, 1, 2, 3, 4, 5]],
    4: [[4], [0, 1, 2, 3, 4, 5]],
    1: [[1], [1, 5], [1, 2, 5], [0, 1, 2, 3, 4, 5]],
    5: [[5], [1, 5], [1, 2, 5], [0, 1, 2, 3, 4, 5]],
    2: [[2], [1, 2, 5], [0, 1, 2, 3, 4, 5]],
}


def sample() -> tuple[Tensor, Tensor]:
    logits = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return logits, torch.arange(6)


def naive(logits: Tensor, label: int, alpha: float) -> float:
    p = logits.softmax(0)
    path = PATHS[label]
    total = 0.0
    for step, (child, parent) in enumerate(pairwise(path)):
        depth = len(path) - 2 - step
        total -= math.exp(-alpha * depth) * math.log(p[child].sum() / p[parent].sum())
    return total


@pytest.mark.parametrize("alpha", [0.0, 0.4, 2.0])
def test_each_decision_on_the_path_is_scored(alpha: float) -> None:
    logits, target = sample()
    expected = [naive(logits[label], label, alpha) for label in range(6)]
    loss = HierarchicalCrossEntropyLoss("multiclass", tree=TREE, alpha=alpha, reduction="none")
    values = loss(logits, target)
    torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(loss(logits, F.one_hot(target)), values)


@pytest.mark.parametrize("tree", [TREE, [0, 1, 2, 3, 4, 5], [[[0], 1], 2, [3, 4], [5]]])
def test_without_decay_it_is_cross_entropy(tree: list[Any]) -> None:
    logits, target = sample()
    expected = CrossEntropyLoss("multiclass")(logits, target)
    loss = HierarchicalCrossEntropyLoss("multiclass", tree=tree, alpha=0.0)
    torch.testing.assert_close(loss(logits, target), expected)


def test_a_flat_tree_is_cross_entropy_whatever_the_decay() -> None:
    logits, target = sample()
    expected = CrossEntropyLoss("multiclass")(logits, target)
    loss = HierarchicalCrossEntropyLoss("multiclass", tree=list(range(6)), alpha=3.0)
    torch.testing.assert_close(loss(logits, target), expected)


def test_a_group_far_from_the_best_class_keeps_its_digits() -> None:
    logits = torch.tensor([[9e3, 0.0, 1.0]], requires_grad=True)
    loss = HierarchicalCrossEntropyLoss("multiclass", tree=[0, [1, 2]], alpha=0.0)
    loss(logits, torch.tensor([1])).backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[1.0, -1.0, 0.0]]))


def test_semantic_distances_spread_the_label() -> None:
    logits, target = sample()
    rng = torch.Generator().manual_seed(1)
    distances = torch.rand(6, 6, generator=rng).fill_diagonal_(0)
    labels = (-5 * distances.double()).softmax(1)
    expected = -(labels * logits.log_softmax(1)).sum(1).mean()
    loss = HierarchicalCrossEntropyLoss("multiclass", distances=distances.tolist(), beta=5.0)
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(loss(logits, F.one_hot(target)), expected, rtol=1e-6, atol=0)


def test_a_steep_fall_of_the_label_is_cross_entropy() -> None:
    logits, target = sample()
    distances = (1 - torch.eye(6)).tolist()
    loss = HierarchicalCrossEntropyLoss("multiclass", distances=distances, beta=100.0)
    expected = CrossEntropyLoss("multiclass")(logits, target)
    torch.testing.assert_close(loss(logits, target), expected)


def build(**options: Any) -> Callable[[], object]:
    return lambda: HierarchicalCrossEntropyLoss("multiclass", **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (build(), r"`tree` or `distances` must be given, one of them; got neither"),
        (build(tree=[0, 1], distances=[[0, 1], [1, 0]]), r"one of them; got both"),
        (build(tree=[0, 1], beta=1.0), r"`beta` must come with `distances`; got 1\.0"),
        (build(distances=[[0, 1], [1, 0]], alpha=1.0), r"`alpha` must come with `tree`"),
        (build(tree=[0, 1], alpha=-1), r"`alpha` must be at least 0; got -1"),
        (build(distances=[[0, 1], [1, 0]], beta=-1), r"`beta` must be at least 0; got -1"),
        (build(distances=[[0, 1]]), r"`distances` must have as many rows as columns"),
        (build(distances=[[0, -1], [1, 0]]), r"`distances` must be at least 0; got -1"),
        (lambda: levels([0, [1, 1]]), r"`tree` must hold each class once; got 1 twice"),
        (lambda: levels([0, [2, 3]]), r"`tree` must hold the classes from 0 on, two or more; got"),
        (lambda: levels([0]), r"`tree` must hold the classes from 0 on, two or more; got \[0\]"),
        (lambda: levels([0, [], 1]), r"`tree` must hold a class in each branch"),
        (
            lambda: build(tree=TREE)()(torch.zeros(2, 3), torch.tensor([0, 1])),
            r"`tree` must have one entry for each of the 3 classes; got 6",
        ),
        (
            lambda: build(distances=[[0, 1], [1, 0]])()(torch.zeros(2, 3), torch.tensor([0, 1])),
            r"`distances` must have one entry for each of the 3 classes; got 2",
        ),
    ],
)
def test_wrong_options_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
