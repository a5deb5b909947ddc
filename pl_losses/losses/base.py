"""What every loss is: values of elements, then one reduction."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import get_args

from torch import Tensor

from pl_losses.core import chunks
from pl_losses.core.checks import check_choice
from pl_losses.core.elements import Elements
from pl_losses.core.precision import FullPrecisionModule, upcast
from pl_losses.core.reduction import Reduction, divide, reduce, weigh
from pl_losses.registry import Registry

Block = Callable[..., tuple[Tensor, Tensor | None]]
"""From a part of the prediction, target and weight to values and their weights."""


class Loss(FullPrecisionModule, ABC):
    """A loss: from a prediction and a target to a number.

    Args:
        reduction: See :func:`pl_losses.core.reduction.reduce`.

    Raises:
        ValueError: If ``reduction`` is not a known one.
    """

    family = "other"
    """Under which family it is listed."""

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction = check_choice("reduction", reduction, get_args(Reduction))

    @abstractmethod
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the reduced loss; half precision is computed, and returned, in float32.

        Args:
            pred: Prediction.
            target: Truth.
            weight: Weight of each element, at least 0: a scalar, one for each sample ``(N,)``, or
                anything that broadcasts to the elements axis by axis.
        """


def reduce_elements(
    block: Block,
    elements: Elements,
    reduction: Reduction,
    *,
    context: tuple[Tensor, ...] = (),
    at_once: bool = False,
) -> Tensor:
    """Reduce the loss values of elements.

    Args:
        block: Finds the values of a part of the elements, and their weights.
        elements: The whole batch, laid out.
        reduction: How the values become one number; ``"none"``: they keep the elements' shape.
        context: Further tensors of which a block gets its part.
        at_once: Whether the block holds so little that a large batch need not be cut.
    """
    parts = (*elements.parts, *context)
    if reduction == "none":
        values, weight = block(upcast(elements.pred), *parts[1:])
        return weigh(values, weight).reshape(elements.shape)
    if at_once or not chunks.walks(parts):
        values, weight = block(upcast(elements.pred), *parts[1:])
        # Finite: reading has replaced the target of whatever weighs nothing.
        return reduce(values, reduction, weight, finite=True)
    total, mass = chunks.total(block, parts)
    return divide(total, prod(elements.shape) if mass is None else mass, reduction)


LOSSES = Registry[Loss]("loss", "pl_losses.losses")
