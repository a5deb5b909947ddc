"""Distance-penalised cross-entropy: cross-entropy that counts more near the true border."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from pl_losses.core.distance import border_closeness
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.distance import Borders, DistanceLoss


def distance_cross_entropy(likelihood: Likelihood, closeness: Tensor) -> Tensor:
    r"""Distance-penalised cross-entropy of each element.

    .. math::
        \ell = -(1 + \phi) \sum_k y_k \log p_k

    where :math:`\phi` is 1 at the border of the true class and falls to 0 at the place farthest
    from it; in nats.

    Args:
        likelihood: What the logits say of the target.
        closeness: Closeness :math:`\phi` of each element; see
            :func:`~pl_losses.core.distance.border_closeness`.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> guess = SigmoidLikelihood(torch.zeros(2), torch.tensor([1.0, 0.0]))
        >>> distance_cross_entropy(guess, torch.tensor([0.0, 1.0]))
        tensor([0.6931, 1.3863])

    References:
        Caliva et al., `Distance Map Loss Penalty Term for Semantic Segmentation
        <https://openreview.net/forum?id=B1eIcvS45V>`_, MIDL 2019, eq. 2. The paper inverts the
        distance by subtracting it from the largest; here, as in the known implementation, the
        result is also divided by its largest value, on each side of the border.
    """
    return (1 + closeness) * likelihood.nll


@LOSSES.register("distance_cross_entropy")
class DistanceCrossEntropyLoss(DistanceLoss):
    """Distance-penalised cross-entropy of logits; see :func:`distance_cross_entropy`.

    An image without a border has plain cross-entropy.

    Args:
        labels: What the target means: a kind, or ``Labels``. Of multiclass labels, the border of
            the class that is there counts.
        spacing: Distance of neighbouring places along each spatial axis; 1 if not given.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> import torch
        >>> loss = DistanceCrossEntropyLoss("binary")
        >>> loss(torch.zeros(1, 4), torch.tensor([[0, 0, 0, 1]]))  # 6.5 / 4 of log 2
        tensor(1.1264)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        spacing: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, spacing=spacing, reduction=reduction)

    @override
    def field(self, borders: Borders) -> Tensor:
        closeness = border_closeness(borders.truth, borders.distance)
        return closeness * borders.truth if self.labels.kind == "multiclass" else closeness

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        closeness = context[0]
        if self.labels.kind == "multiclass":  # of the class that is there
            closeness = closeness.sum(1)
        return distance_cross_entropy(likelihood, closeness)
