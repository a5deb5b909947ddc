"""What losses of single elements share: a batch is laid out, and its blocks are reduced."""

from abc import abstractmethod
from collections.abc import Callable

from torch import Tensor
from typing_extensions import override

from pl_losses.core import chunks
from pl_losses.core.elements import Elements
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.losses.base import Loss, reduce_elements


class ElementwiseLoss(Loss):
    """A loss of each element; a family says what it sees of one.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If the loss does not take the kind of labels.
    """

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
    """The kinds of labels that the loss takes."""

    lean: tuple[Kind, ...] = ()
    """Kinds of labels of which the formula makes no more than one tensor as large as the
    prediction, so that a large batch is done at once."""

    alone = False
    """Whether the loss of an element depends on nothing else, so that a bare batch, one that is
    read as it is, need not be laid out."""

    kernel: Callable[..., Tensor] | None = None
    """Torch's own function of the same formula, if it has one; it takes ``reduction``."""

    def __init__(self, labels: LabelsLike, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)

    @abstractmethod
    def block(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the loss of each element of a part of the batch, and its weight."""

    def context(self, elements: Elements) -> tuple[Tensor, ...]:  # noqa: ARG002 - a hook
        """Return what the formula must know of the whole batch, such as a count; nothing here.

        Each tensor is laid out as the target is, or has size one along an axis.
        """
        return ()

    @abstractmethod
    def bare_values(self, pred: Tensor, target: Tensor) -> Tensor:
        """Return what :meth:`block` does of a bare batch, in its shape, without reading it."""

    def compared(self, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the kernel takes of a bare batch; a hook."""
        return pred, target

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        labels = self.labels
        with full_precision(pred):
            if self.alone and labels.bare(pred, target, weight) and self._whole(pred, target):
                if self.kernel is not None and self.reduction in ("mean", "sum") and pred.numel():
                    return self.kernel(*self.compared(pred, target), reduction=self.reduction)
                return reduce(self.bare_values(pred, target), self.reduction)
            elements = labels.arrange(pred, target, weight)
            return reduce_elements(
                self.block,
                elements,
                self.reduction,
                context=self.context(elements),
                at_once=labels.kind in self.lean and labels.light(elements),
            )

    def _whole(self, pred: Tensor, target: Tensor) -> bool:
        return self.labels.kind in self.lean or not chunks.walks((pred, target))
