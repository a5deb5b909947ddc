"""Class weights that are counted over the training set, once."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pl_losses.core.class_balance import balanced_weights
from pl_losses.core.labels import Labels
from pl_losses.lightning import rank_zero_info
from pl_losses.mixins.training_log import sum_over_ranks

if TYPE_CHECKING:
    from pl_losses.mixins.multi_task import MultiTaskMixin


def count_class_weights(module: "MultiTaskMixin") -> None:
    """Give class weights to all labels that want them counted and have none yet.

    The weight of a class is what makes every class weigh the same in sum and the mean weight 1.
    All ranks count their own part and share the sums. The weights are part of the checkpoint, so
    that a resumed run does not count again, and a later test uses those of its training.
    """
    waiting = {
        name: [each for each in task.modules() if isinstance(each, Labels) and each.auto]
        for name, task in module.objective.items()
    }
    waiting = {
        name: [each for each in labels if each.class_weights is None]
        for name, labels in waiting.items()
    }
    names = [name for name, labels in waiting.items() if labels]
    loader = module.trainer.train_dataloader
    if not names or loader is None:
        return
    counts: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):  # counting must not change the shuffling to come
        for batch in loader:
            targets = module.targets(batch)
            for name in names:
                if name in targets:
                    found = count_labels(waiting[name][0], targets[name])
                    counts[name] = add_counts(counts.get(name), found)
    for name in names:
        total = sum_over_ranks(module, counts[name].to(module.device))
        for labels in waiting[name]:
            labels.set_class_weights(balanced_weights(total))
        weights = ", ".join(f"{each:.4g}" for each in balanced_weights(total).flatten().tolist())
        rank_zero_info(f"Class weights of task {name!r}, counted: {weights}")


def count_labels(labels: Labels, target: Tensor) -> Tensor:
    """Return how often each label occurs, shape ``(classes,)``; ``(C, 2)`` for multilabel.

    It runs before training and may wait for the device.
    """
    if labels.kind == "multiclass" and not target.is_floating_point():
        valid = target[target != labels.ignore_index]
        return torch.bincount(valid.flatten().long()).double()
    if labels.kind == "multiclass":
        return target.double().transpose(0, 1).flatten(1).sum(1)
    valid = torch.ones_like(target, dtype=torch.bool)
    if labels.ignore_index is not None:
        valid = target != labels.ignore_index
    ones, zeros = ((target > 0.5) & valid).double(), ((target <= 0.5) & valid).double()
    if labels.kind == "binary":
        return torch.stack([zeros.sum(), ones.sum()])
    both = torch.stack([zeros, ones]).transpose(1, 2)
    return both.flatten(2).sum(2).T


def add_counts(old: Tensor | None, new: Tensor) -> Tensor:
    """Add counts of classes; the higher classes may have been missing from one of the two."""
    if old is None:
        return new
    size = max(len(old), len(new))
    total = torch.zeros((size, *new.shape[1:]), dtype=new.dtype, device=new.device)
    total[: len(old)] += old
    total[: len(new)] += new
    return total
