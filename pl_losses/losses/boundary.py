"""Boundary loss: how far from the true border the prediction strays."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.distance import signed_distance
from pl_losses.core.likelihood import Likelihood
from pl_losses.losses.base import LOSSES
from pl_losses.losses.distance import Borders, DistanceLoss


def boundary_loss(probabilities: Tensor, signed: Tensor) -> Tensor:
    r"""Boundary loss of each place and class.

    .. math::
        \ell = p\,\phi

    where :math:`\phi` is the signed distance from the true border, above 0 outside of the region
    and at most 0 within, in the unit of the spacing.

    Args:
        probabilities: Probability :math:`p` of the class.
        signed: Signed distance :math:`\phi`, in the same shape.

    Returns:
        Loss of each place, below 0 within the region.

    Example:
        >>> import torch
        >>> boundary_loss(torch.tensor([0.5, 1.0]), torch.tensor([2.0, -1.0]))
        tensor([ 1., -1.])

    References:
        Kervadec et al., `Boundary Loss for Highly Unbalanced Segmentation
        <https://arxiv.org/abs/1812.07032>`_, MIDL 2019, eq. 5.
    """
    return probabilities * signed


@LOSSES.register("boundary")
class BoundaryLoss(DistanceLoss):
    """Boundary loss of logits; the formula is :func:`boundary_loss`'s.

    Its least value is negative, and an image without a border has none. By itself it may settle
    at an empty prediction: the paper adds it to a region loss, with a weight that grows from 0.01
    by 0.01 each epoch.

    Args:
        labels: What the target means: a kind, or ``Labels``. Of multiclass labels the mean over
            the classes is taken.
        include_background: Whether class 0 of multiclass labels is looked at.
        spacing: Distance of neighbouring places along each spatial axis; 1 if not given.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option does not go with the kind of labels, or is out of range.

    Example:
        >>> import torch
        >>> loss = BoundaryLoss("binary")
        >>> logits = torch.tensor([[-99.0, -99.0, 99.0, 99.0]])
        >>> loss(logits, torch.tensor([[0, 1, 1, 0]]))
        tensor(0.2500)
    """

    @override
    def field(self, borders: Borders) -> Tensor:
        return signed_distance(borders.truth, borders.distance, self.spacing)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        if self.labels.kind != "multiclass":
            return boundary_loss(likelihood.probabilities, context[0])
        first = 0 if self.include_background else 1
        return boundary_loss(likelihood.probabilities[:, first:], context[0]).mean(1)
