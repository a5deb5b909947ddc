"""Hierarchical cross-entropy: a mistake between near classes costs less than one between far."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_class_count
from pl_losses.core.elements import Elements
from pl_losses.core.hierarchy import Level, levels
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, SoftLabelLikelihood, at_truth
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def hierarchical_cross_entropy(
    likelihood: Likelihood, tree: Sequence[Level], alpha: float = 0.4
) -> Tensor:
    r"""Hierarchical cross-entropy of each element.

    .. math::
        \ell = -\sum_{l=0}^{h-1} e^{-\alpha\,d(C^{l+1})} \log p(C^l \mid C^{l+1})

    where :math:`C^0` is the true class, :math:`C^h` the root, :math:`C^{l+1}` the parent of
    :math:`C^l`, and :math:`d(C)` the number of edges from the root to a node; the probability of
    a node is the sum over its classes. In nats. At :math:`\alpha = 0` it is cross-entropy; the
    greater :math:`\alpha`, the more the coarse decisions count beside the fine ones.

    Args:
        likelihood: What the logits say of a class.
        tree: Levels of the tree, from :func:`pl_losses.core.hierarchy.levels`.
        alpha: Decay :math:`\alpha \ge 0` of the say of a decision, away from the root.

    Returns:
        Loss of each element, shape ``(N, *)``.

    Example:
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> likelihood = SoftmaxLikelihood(torch.zeros(1, 3), torch.tensor([0]))
        >>> hierarchical_cross_entropy(likelihood, levels([[0, 1], 2]), alpha=0.0)
        tensor([1.0986])

    References:
        Bertinetto et al., `Making Better Mistakes <https://arxiv.org/abs/1912.09393>`_, CVPR
        2020. The decay starts at the first decision below the root, which weighs 1; the authors'
        code gives that one a step of decay, and divides by the sum of all weights of the tree.
    """
    below = logits = likelihood.logits
    cost = torch.zeros_like(logits)
    for level in tree:
        above = _group_logsumexp(logits, level).index_select(1, level.groups)
        factor = (-alpha * level.depths.to(logits.dtype)).exp()
        cost = cost + (above - below) * factor.reshape(-1, *[1] * (logits.ndim - 2))
        below = above
    return at_truth(cost, likelihood.target)


def semantic_cross_entropy(likelihood: Likelihood, nearness: Tensor) -> Tensor:
    r"""Cross-entropy with a label that is spread over the classes by their nearness.

    .. math::
        \ell = -\sum_k s_{yk} \log p_k, \qquad
        s_{yk} = \frac{e^{-\beta d_{yk}}}{\sum_j e^{-\beta d_{yj}}}

    where :math:`d_{yk}` is the semantic distance of two classes; in nats.

    Args:
        likelihood: What the logits say of a class.
        nearness: The matrix :math:`s`, shape ``(C, C)``, each row adding up to 1.

    Returns:
        Loss of each element, shape ``(N, *)``.

    Example:
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> likelihood = SoftmaxLikelihood(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
        >>> semantic_cross_entropy(likelihood, torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
        tensor([0.3269])

    References:
        Bertinetto et al., `Making Better Mistakes <https://arxiv.org/abs/1912.09393>`_, CVPR
        2020, whose soft labels these are.
    """
    target = likelihood.target
    if target.is_floating_point():
        spread = torch.einsum("nc...,ck->nk...", target, nearness)
    else:
        spread = nearness[target].movedim(-1, 1)
    return SoftLabelLikelihood(likelihood.logits, spread).nll


def _group_logsumexp(logits: Tensor, level: Level) -> Tensor:
    if level.count == 1:
        return logits.logsumexp(1, keepdim=True)
    index = level.groups.reshape(-1, *[1] * (logits.ndim - 2)).expand_as(logits)
    empty = logits.detach().narrow(1, 0, level.count)
    # Shifted by the largest logit of its own group: a group far from the best keeps its digits.
    top = torch.full_like(empty, -torch.inf).scatter_reduce(1, index, logits.detach(), "amax")
    share = (logits - top.gather(1, index)).exp()
    return torch.zeros_like(empty).scatter_add(1, index, share).log() + top


@LOSSES.register("hierarchical_cross_entropy", "hxe")
class HierarchicalCrossEntropyLoss(ClassificationLoss):
    r"""Hierarchical cross-entropy of logits, from a tree or from distances of classes.

    The formulas are :func:`hierarchical_cross_entropy`'s and :func:`semantic_cross_entropy`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        tree: Nested lists whose leaves are the class numbers: ``[[0, 1], [2, [3, 4]]]``.
        alpha: Decay away from the root of the tree, at least 0; 0 is cross-entropy. 0.4 if not
            given; the paper tries 0.1 to 0.6.
        distances: Semantic distance of each two classes, C rows of C numbers, at least 0: in
            place of a tree.
        beta: How fast the label falls off with the distance, at least 0; large is cross-entropy.
            10 if not given; the paper tries 4 to 30, with distances from 0 to 1.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If not exactly one of ``tree`` and ``distances`` is given, one of them is not
            well formed, or ``alpha`` or ``beta`` goes with the other.

    Example:
        >>> loss = HierarchicalCrossEntropyLoss("multiclass", tree=[[0, 1], 2])
        >>> sibling, stranger = torch.eye(3)[[1, 2]].mul(3).split(1)
        >>> bool(loss(sibling, torch.tensor([0])) < loss(stranger, torch.tensor([0])))
        True
    """

    kinds = ("multiclass",)

    groups: Tensor | None
    depths: Tensor | None
    nearness: Tensor | None

    def __init__(
        self,
        labels: LabelsLike,
        *,
        tree: Sequence[Any] | None = None,
        alpha: float | None = None,
        distances: Sequence[Sequence[float]] | None = None,
        beta: float | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        if (tree is None) == (distances is None):
            found = "neither" if tree is None else "both"
            raise ValueError(f"`tree` or `distances` must be given, one of them; got {found}.")
        stray, owner = (("alpha", alpha), "tree") if tree is None else (("beta", beta), "distances")
        if stray[1] is not None:
            raise ValueError(f"`{stray[0]}` must come with `{owner}`; got {stray[1]} without it.")
        self.alpha = check_at_least("alpha", 0.4 if alpha is None else alpha, 0)
        self.beta = check_at_least("beta", 10.0 if beta is None else beta, 0)
        self._keep_tree([] if tree is None else levels(tree))
        nearness = None if distances is None else (-self.beta * _matrix(distances)).softmax(1)
        self.register_buffer("nearness", nearness, persistent=False)

    def _keep_tree(self, tree: list[Level]) -> None:
        self.counts = [level.count for level in tree]
        for name, rows in (
            ("groups", [level.groups for level in tree]),
            ("depths", [level.depths for level in tree]),
        ):
            self.register_buffer(name, torch.stack(rows) if rows else None, persistent=False)

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        if self.nearness is not None:
            check_class_count("distances", len(self.nearness), elements.pred)
        elif self.groups is not None:
            check_class_count("tree", self.groups.shape[1], elements.pred)
        return ()

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        if self.nearness is not None:
            nearness = self.nearness.to(likelihood.logits.dtype)
            return semantic_cross_entropy(likelihood, nearness)
        if self.groups is None or self.depths is None:
            return likelihood.nll
        rows = zip(self.groups, self.depths, self.counts, strict=True)
        return hierarchical_cross_entropy(likelihood, [Level(*row) for row in rows], self.alpha)


def _matrix(distances: Sequence[Sequence[float]]) -> Tensor:
    size = len(distances)
    if size < 2 or any(len(row) != size for row in distances):
        raise ValueError(
            "`distances` must have as many rows as columns, two or more; got rows of "
            f"{[len(row) for row in distances]}."
        )
    return torch.tensor([[check_at_least("distances", each, 0) for each in r] for r in distances])
