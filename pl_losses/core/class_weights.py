"""Weights of labels: as the user says them, as they are kept, and how they are counted."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from torch import Tensor

from pl_losses.core.checks import check_at_least, check_between
from pl_losses.core.class_balance import balanced_weights, effective_number_weights

Rule = Callable[[Tensor], Tensor]
"""From the number of elements of each class to its weight."""

ClassWeights = (
    Sequence[float]
    | Sequence[Sequence[float]]
    | Literal["auto"]
    | Mapping[Literal["effective_number"], float]
)


def counting_rule(weights: ClassWeights | None) -> Rule | None:
    """Return the rule by which weights are to be counted; nothing if they are numbers.

    Raises:
        ValueError: If the rule is not a known one, or its number is out of range.

    Example:
        >>> import torch
        >>> rule = counting_rule({"effective_number": 0.99})
        >>> rule(torch.tensor([1000, 10]))
        tensor([0.1746, 1.8254])
    """
    if isinstance(weights, Mapping) and list(weights) == ["effective_number"]:
        beta = check_between("effective_number", weights["effective_number"], 0, 1)
        return partial(effective_number_weights, beta=beta)
    if weights == "auto":
        return balanced_weights
    if isinstance(weights, str | Mapping):
        raise ValueError(
            "`class_weights` must be numbers, 'auto' or {'effective_number': beta}; got "
            f"{weights!r}."
        )
    return None


def check_class_weights(weights: Tensor, kind: str) -> Tensor:
    """Return the weights as they are kept: one each, or for multilabel a pair ``(C, 2)``.

    Raises:
        ValueError: If there are too few of them for the kind of labels, or one is below 0.
    """
    check_at_least("class_weights", weights.min().item() if weights.numel() else 0.0, 0)
    if kind == "multilabel" and weights.ndim == 1:
        weights = weights.unsqueeze(1).expand(-1, 2)
    wanted = {"binary": "two weights, for 0 and 1", "multiclass": "one weight per class"}
    right = {
        "binary": weights.shape == (2,),
        "multiclass": weights.ndim == 1 and len(weights) > 1,
        "multilabel": weights.ndim == 2 and weights.shape[1] == 2,
    }
    if not right.get(kind, False):
        raise ValueError(
            f"`class_weights` must be {wanted.get(kind, 'one weight or pair per class')} "
            f"for {kind} labels; got {weights.tolist()}."
        )
    return weights.contiguous()


def weight_of_label(target: Tensor, weights: Tensor, kind: str) -> Tensor:
    """Return the entry of ``weights``, laid out as class weights, for each target."""
    if kind == "multiclass":
        if target.is_floating_point():
            return (target * weights.reshape(-1, *[1] * (target.ndim - 2))).sum(1)
        return weights[target]
    if weights.ndim == 2:
        weights = weights.T.unsqueeze(-1)
    negative, positive = weights.unbind(0)
    # Not `lerp`, which takes care of the last digit at several times the price.
    return (target * (positive - negative)).add_(negative)
