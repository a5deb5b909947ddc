"""What losses on numbers share: they see a prediction and a target, element for element."""

from abc import abstractmethod

from torch import Tensor
from typing_extensions import override

from pl_losses.core.labels import Labels, LabelsLike
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
    """

    def __init__(self, labels: LabelsLike = "regression", *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels)

    @abstractmethod
    def values(self, pred: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each number."""

    def block(
        self, pred: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the loss of each element of a part of the batch, and its weight."""
        pred, target, weight = self.labels.read(pred, target, weight)
        if self.labels.kind == "regression":
            return self.values(pred, target), weight
        likelihood = self.labels.likelihood(pred, target)
        values = self.values(likelihood.probabilities, likelihood.truth)
        return (values.sum(1) if self.labels.kind == "multiclass" else values), weight

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            elements = self.labels.arrange(pred, target, weight)
            return reduce_elements(self.block, elements, self.reduction)
