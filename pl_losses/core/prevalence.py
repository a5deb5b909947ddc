"""How often the label 1 occurs, in each image or in the batch."""

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from pl_losses.core import chunks
from pl_losses.core.elements import Elements
from pl_losses.core.labels import Labels

Scope = Literal["image", "batch"]


def positive_share(labels: Labels, elements: Elements, per: Scope) -> Tensor:
    r"""Return the share of positives :math:`\sum w y / \sum w` among what is not ignored.

    Args:
        labels: Binary or multilabel ones. Their class weights do not count: they would cancel
            the balance that the share is for.
        elements: The batch as ``labels`` arrange it.
        per: Over what to count. Images of one element each, a plain classification, are counted
            as one.

    Returns:
        The share, ``(N or 1, 1)`` or ``(N or 1, C, 1)``; 0 where nothing counts. No gradient.
    """
    parts = (elements.pred.detach(), elements.target, elements.weight)
    sums = chunks.sums(partial(_masses, labels), parts).detach()
    if per == "batch" or elements.pred.shape[-1] == 1:
        sums = sums.sum(0, keepdim=True)
    positive, every = sums[..., :1], sums[..., 1:]
    return positive / every.where(every > 0, 1.0)


def _masses(labels: Labels, pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    truth, mass = labels.clean(pred, target, weight)
    if mass is None:
        return torch.stack([truth.sum(-1), truth.new_full(truth.shape[:-1], truth.shape[-1])], -1)
    return torch.stack([(truth * mass).sum(-1), mass.expand_as(truth).sum(-1)], -1)
