"""Shape-aware cross-entropy: cross-entropy that counts more, the farther from the true contour."""

from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_choice
from pl_losses.core.distance import signed_distance
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.morphology import contour
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.distance import Borders, DistanceLoss

Coefficient = Literal["place", "contour"]


def shape_aware_cross_entropy(likelihood: Likelihood, error: Tensor) -> Tensor:
    r"""Shape-aware cross-entropy of each element.

    .. math::
        \ell = -(1 + E) \sum_k y_k \log p_k

    where :math:`E` is a distance from the true contour; in nats times the unit of the spacing.

    Args:
        likelihood: What the logits say of the target.
        error: Coefficient :math:`E \ge 0` of each element.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> guess = SigmoidLikelihood(torch.zeros(2), torch.tensor([1.0, 0.0]))
        >>> shape_aware_cross_entropy(guess, torch.tensor([0.0, 3.0]))
        tensor([0.6931, 2.7726])

    References:
        Al Arif, Knapp and Slabaugh, `Shape-aware Deep Convolutional Neural Network for Vertebrae
        Segmentation <https://doi.org/10.1007/978-3-319-74113-0_2>`_, MSKI 2017; Jadon, `A Survey
        of Loss Functions for Semantic Segmentation <https://arxiv.org/abs/2006.14822>`_, 2020,
        section II-I.
    """
    return (1 + error) * likelihood.nll


def contour_error(pred: Tensor, off: Tensor) -> Tensor:
    """Return how far the contour of each predicted mask is from the true one, on the average.

    Args:
        pred: Predicted masks, shape ``(B, *)``.
        off: Distance of each place from the true contour.

    Returns:
        One mean for each image, with axes of size one; 0 if nothing is predicted, or all.

    Example:
        >>> import torch
        >>> pred = torch.tensor([[False, True, True, True, False]])
        >>> contour_error(pred, torch.tensor([[3.0, 2.0, 1.0, 0.0, 1.0]]))
        tensor([[1.]])
    """
    axes = tuple(range(1, pred.ndim))
    points = contour(pred).to(off.dtype)
    return (points * off).sum(axes, keepdim=True) / points.sum(axes, keepdim=True).clamp_min(1)


@LOSSES.register("shape_aware_cross_entropy")
class ShapeAwareCrossEntropyLoss(DistanceLoss):
    """Shape-aware cross-entropy of logits; the formula is :func:`shape_aware_cross_entropy`'s.

    An image without a border has plain cross-entropy. Distances are in places, so that the loss
    of a large image may be many times its cross-entropy; a spacing of 1/size tames it.

    Args:
        labels: What the target means: a kind, or ``Labels``. Of multiclass labels, the contour of
            the class that is there counts.
        coefficient: Whose distance from the true contour: ``"place"``, each place's own, known
            from the truth alone (the survey's index); ``"contour"``, the mean of the predicted
            contour's (the vertebrae paper), for the places that are predicted wrongly.
        spacing: Distance of neighbouring places along each spatial axis; 1 if not given.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> import torch
        >>> loss = ShapeAwareCrossEntropyLoss("binary")
        >>> loss(torch.zeros(1, 4), torch.tensor([[0, 0, 1, 1]]))  # E is 2, 1, 0, 1
        tensor(1.3863)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        coefficient: Coefficient = "place",
        spacing: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, spacing=spacing, reduction=reduction)
        self.coefficient = check_choice("coefficient", coefficient, get_args(Coefficient))

    @override
    def field(self, borders: Borders) -> Tensor:
        error = signed_distance(borders.truth, borders.distance, self.spacing).abs()
        if self.coefficient == "contour":
            error = contour_error(borders.pred, error) * (borders.pred != borders.truth)
        return error * borders.truth if self.labels.kind == "multiclass" else error

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        error = context[0]
        if self.labels.kind == "multiclass":  # of the class that is there
            error = error.sum(1)
        return shape_aware_cross_entropy(likelihood, error)
