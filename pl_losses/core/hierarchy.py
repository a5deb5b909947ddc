"""Trees of classes: which classes belong together, from one class alone up to all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Level:
    """The classes of a tree, grouped by their ancestors up to some height.

    Attributes:
        groups: Number of the group of each class, shape ``(C,)``.
        depths: How many edges lie between the group of each class and the root, ``(C,)``.
        count: Number of groups.
    """

    groups: Tensor
    depths: Tensor
    count: int


@dataclass
class _Walk:
    paths: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    nodes: int = 0

    def visit(self, node: Any) -> tuple[int, list[int]]:
        """Note the node on the path of each of its leaves; return its height, and the leaves."""
        if isinstance(node, int):
            if node in self.paths:
                raise ValueError(f"`tree` must hold each class once; got {node} twice.")
            self.paths[node] = []
            height, leaves = 0, [node]
        else:
            if not node:
                raise ValueError("`tree` must hold a class in each branch; got an empty branch.")
            below = [self.visit(child) for child in node]
            height = 1 + max(each[0] for each in below)
            leaves = [leaf for _, part in below for leaf in part]
        for leaf in leaves:
            self.paths[leaf].append((self.nodes, height))
        self.nodes += 1
        return height, leaves


def levels(tree: Sequence[Any]) -> list[Level]:
    """Return the levels of a tree, from the parents of the lowest leaves to the root.

    Args:
        tree: Nested lists whose leaves are the class numbers, such as ``[[0, 1], [2, [3, 4]]]``.

    Raises:
        ValueError: If the tree does not hold each class from 0 on once, or fewer than two.

    Example:
        >>> [level.groups.tolist() for level in levels([[0, 1], 2])]
        [[0, 0, 1], [0, 0, 0]]
    """
    walk = _Walk()
    height, _ = walk.visit(tree)
    classes = sorted(walk.paths)
    if classes != list(range(len(classes))) or len(classes) < 2:
        raise ValueError(f"`tree` must hold the classes from 0 on, two or more; got {classes}.")
    return [_level(walk, len(classes), each) for each in range(1, height + 1)]


def _level(walk: _Walk, classes: int, height: int) -> Level:
    owners, depths = [], []
    for each in range(classes):
        path = walk.paths[each]
        nodes = [node for node, its_height in path if its_height <= height]
        owners.append(nodes[-1])
        depths.append(len(path) - len(nodes))
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners))}
    groups = torch.tensor([numbers[owner] for owner in owners])
    return Level(groups, torch.tensor(depths, dtype=torch.float32), len(numbers))
