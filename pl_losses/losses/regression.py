"""What losses on numbers share: they see a prediction and a target, element for element."""

from abc import abstractmethod

from torch import Tensor
from typing_extensions import override

from pl_losses.core.elements import Elements
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import Loss, reduce_elements


class RegressionLoss(Loss):
    """A loss on numbers; a subclass writes :meth:`values`.

    On labels of a classification task it compares the predicted probabilities with the label's:
    the probability of 1 (binary, multilabel), or those of all classes, summed (multiclass).

    Args:
        labels: What the target means; numbers, unless said otherwise.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If the loss does not take the kind of labels.
    """

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel", "regression")
    """The kinds of labels that the loss takes."""

    lean: tuple[Kind, ...] = ()
    """Kinds of labels of which the formula makes no more than one tensor as large as the
    prediction, so that a large batch is done at once."""

    def __init__(self, labels: LabelsLike = "regression", *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)

    @abstractmethod
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        """Return the loss of each number.

        Args:
            pred: Numbers or probabilities.
            target: Their truth, same shape.
            context: The parts of what :meth:`context` returned that belong to these elements.
        """

    def context(self, elements: Elements) -> tuple[Tensor, ...]:  # noqa: ARG002 - a hook
        """Return what the formula must know of the whole batch, such as a scale; nothing here.

        Each tensor is laid out as the target is, or has size one along an axis.
        """
        return ()

    def block(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the loss of each element of a part of the batch, and its weight."""
        pred, target, weight = numbers(self.labels, pred, target, weight)
        values = self.values(pred, target, *context)
        return (values.sum(1) if self.labels.kind == "multiclass" else values), weight

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


def numbers(
    labels: Labels, pred: Tensor, target: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Read what is compared: numbers as they are, or probabilities and those of the labels.

    Args:
        labels: What the target means.
        pred: Prediction, or a part of it, as :meth:`~pl_losses.core.labels.Labels.arrange` lays
            it out.
        target: Its target.
        weight: Its weight.

    Returns:
        Two tensors in the shape of the prediction, and the weight of each element.
    """
    pred, target, weight = labels.read(pred, target, weight)
    if labels.kind == "regression":
        return pred, target, weight
    likelihood = labels.likelihood(pred, target)
    return likelihood.probabilities, likelihood.truth, weight
