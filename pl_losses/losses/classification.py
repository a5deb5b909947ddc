"""What classification losses share: they see a likelihood, and nothing of shapes or weights."""

from abc import abstractmethod

from torch import Tensor
from typing_extensions import override

from pl_losses.core.likelihood import Likelihood
from pl_losses.losses.elementwise import ElementwiseLoss


class ClassificationLoss(ElementwiseLoss):
    """A loss on class labels; a subclass writes :meth:`values`.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        reduction: How the elements' losses become one number.
    """

    family = "classification"

    @abstractmethod
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        """Return the loss of each element of a part of the batch.

        Args:
            likelihood: What the logits say of the target.
            context: The parts of what :meth:`context` returned that belong to these elements.
        """

    @override
    def block(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        logits, target, weight = self.labels.read(pred, target, weight)
        return self.values(self.labels.likelihood(logits, target), *context), weight

    @override
    def bare_values(self, pred: Tensor, target: Tensor) -> Tensor:
        return self.values(self.labels.likelihood(pred, target))
