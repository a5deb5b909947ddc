"""What losses on numbers share: they see a prediction and a target, element for element."""

from abc import abstractmethod

from torch import Tensor
from typing_extensions import override

from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.elementwise import ElementwiseLoss


class RegressionLoss(ElementwiseLoss):
    """A loss on numbers; a subclass writes :meth:`values`.

    On labels of a classification task it compares the predicted probabilities with the label's:
    the probability of 1 (binary, multilabel), or those of all classes, summed (multiclass).

    Args:
        labels: What the target means; numbers, unless said otherwise.
        reduction: How the elements' losses become one number.
    """

    family = "regression"
    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel", "regression")

    def __init__(self, labels: LabelsLike = "regression", *, reduction: Reduction = "mean") -> None:
        super().__init__(labels, reduction=reduction)

    @abstractmethod
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        """Return the loss of each number.

        Args:
            pred: Numbers or probabilities.
            target: Their truth, same shape.
            context: The parts of what :meth:`context` returned that belong to these elements.
        """

    @override
    def block(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        pred, target, weight = numbers(self.labels, pred, target, weight)
        values = self.values(pred, target, *context)
        return (values.sum(1) if self.labels.kind == "multiclass" else values), weight

    @override
    def bare_values(self, pred: Tensor, target: Tensor) -> Tensor:
        return self.values(*self.compared(pred, target))

    @override
    def compared(self, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        if self.labels.kind == "regression":
            return pred, target
        return numbers(self.labels, pred, target, None)[:2]


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
