"""What losses on class labels share: they see the likelihood of the truth and nothing else."""

from abc import abstractmethod

from torch import Tensor
from typing_extensions import override

from pl_losses.core.elements import Elements
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import Loss, reduce_elements


class ClassificationLoss(Loss):
    """A loss on binary, multiclass or multilabel targets; a subclass writes :meth:`values`.

    Args:
        labels: What the target means: a kind, or :class:`~pl_losses.core.labels.Labels`.
        reduction: How the elements' losses become one number.
    """

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
    """The kinds of labels that the loss takes."""

    lean: tuple[Kind, ...] = ()
    """Kinds of labels of which the formula makes no more than one tensor as large as the
    prediction, so that a large batch is done at once."""

    def __init__(self, labels: LabelsLike, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)

    @abstractmethod
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        """Return the loss of each element.

        Args:
            likelihood: What the logits say of the target.
            context: The parts of what :meth:`context` returned that belong to these elements.
        """

    def context(self, elements: Elements) -> tuple[Tensor, ...]:  # noqa: ARG002 - a hook
        """Return what the formula must know of the whole batch, such as counts; nothing here.

        Each tensor is laid out as the target is, or has size one along an axis.
        """
        return ()

    def block(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the loss of each element of a part of the batch, and its weight."""
        logits, truth, weight = self.labels.read(pred, target, weight)
        return self.values(self.labels.likelihood(logits, truth), *context), weight

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            elements = self.labels.arrange(pred, target, weight)
            return reduce_elements(
                self.block,
                elements,
                self.reduction,
                context=self.context(elements),
                at_once=self.labels.kind in self.lean and self.labels.light(elements),
            )
