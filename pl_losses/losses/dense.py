"""What losses on anchors and heat-maps share: so few positives that a mean may be over those."""

from typing import Literal

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_choice
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction, divide
from pl_losses.losses.base import reduce_elements
from pl_losses.losses.classification import ClassificationLoss

Normalizer = Literal["elements", "positives"]


class DenseLoss(ClassificationLoss):
    """A classification loss whose mean may be over the positives; a subclass writes ``values``.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        normalizer: What the mean divides by: the ``"elements"``, or the ``"positives"``, as the
            papers on detection do: their weight, at least 1.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``normalizer`` is not a known one.
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        normalizer: Normalizer = "elements",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.normalizer = check_choice("normalizer", normalizer, ("elements", "positives"))

    def positive(self, truth: Tensor) -> Tensor:
        """Return how far each yes-or-no target counts as a positive, 0 to 1; a hook."""
        return truth

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        if self.normalizer == "elements" or self.reduction in ("none", "sum"):
            return super().forward(pred, target, weight)
        with full_precision(pred):
            elements = self.labels.arrange(pred, target, weight)
            total = reduce_elements(self.block, elements, "sum", context=self.context(elements))
            return divide(total, self._positives(elements), self.reduction)

    def _positives(self, elements: Elements) -> Tensor:
        pred = elements.pred.detach()
        _, truth, weight = self.labels.read(pred, elements.target, elements.weight)
        if self.labels.kind == "multiclass":  # class 0 is the background
            positive = truth != 0 if truth.ndim < pred.ndim else 1 - truth[:, 0]
        else:
            positive = self.positive(truth)
        return (positive if weight is None else positive * weight).sum().clamp_min(1)
