"""Classes that are counted over the training set, once, for weights and for losses."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pl_losses.core.labels import Labels
from pl_losses.lightning import rank_zero_info
from pl_losses.losses.counted import CountedLoss
from pl_losses.mixins.training_log import sum_over_ranks

if TYPE_CHECKING:
    from pl_losses.mixins.multi_task import MultiTaskMixin

Waiting = Labels | CountedLoss


def count_classes(module: "MultiTaskMixin") -> None:
    """Count the classes for all labels and losses that want it and know nothing yet.

    Labels get weights by their rule; losses get the counts. All ranks count their own part and
    share the sums. What was counted is part of the checkpoint, so that a resumed run does not count
    again, and a later test uses what its training knew.
    """
    waiting = {name: _waiting(task) for name, task in module.objective.items()}
    waiting = {name: each for name, each in waiting.items() if each}
    if not waiting:
        return
    module.trainer.fit_loop.setup_data()  # before the sanity check there are no batches yet
    loader = module.trainer.train_dataloader
    if loader is None:
        return
    counts = _count(module, {name: _labels(first) for name, (first, *_) in waiting.items()}, loader)
    for name, those in waiting.items():
        if name not in counts:
            raise LookupError(
                f"`targets` must return task {name!r}, whose classes are to be counted; got "
                f"{', '.join(counts) or 'none'}. Override it together with `outputs`."
            )
        total = sum_over_ranks(module, counts[name].to(module.device))
        for each in those:
            _tell(each, total)
        numbers = ", ".join(f"{each:.0f}" for each in total.flatten().tolist())
        rank_zero_info(f"Classes of task {name!r}, counted: {numbers}")


def _count(
    module: "MultiTaskMixin", labels: Mapping[str, Labels], loader: Iterable[Any]
) -> dict[str, Tensor]:
    counts: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):  # counting must not change the shuffling to come
        for batch in loader:
            targets = module.targets(batch)
            for name in labels.keys() & targets.keys():
                found = count_labels(labels[name], targets[name])
                counts[name] = add_counts(counts.get(name), found)
    return counts


def _waiting(task: torch.nn.Module) -> list[Waiting]:
    wanted = [each for each in task.modules() if isinstance(each, Waiting) and each.counted]
    return [each for each in wanted if _known(each) is None]


def _known(waiting: Waiting) -> Tensor | None:
    return waiting.class_weights if isinstance(waiting, Labels) else waiting.class_counts


def _labels(waiting: Waiting) -> Labels:
    return waiting if isinstance(waiting, Labels) else waiting.labels


def _tell(waiting: Waiting, counts: Tensor) -> None:
    if isinstance(waiting, Labels):
        waiting.set_class_counts(counts)
    else:  # a class that never occurs has no logarithm; it counts as if it had occurred once
        waiting.set_class_counts(counts.clamp_min(1))


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
