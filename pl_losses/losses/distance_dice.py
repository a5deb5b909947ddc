"""Distance-penalised Dice loss: Dice in which places near the true border count more."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.distance import border_closeness
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap, by_class
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction
from pl_losses.core.space import fold, with_places
from pl_losses.losses.base import LOSSES
from pl_losses.losses.dice import dice_loss
from pl_losses.losses.distance import check_spacing, find_borders
from pl_losses.losses.region import Empty, SummedLoss


@LOSSES.register("distance_dice")
class DistanceDiceLoss(SummedLoss[Overlap]):
    r"""Distance-penalised Dice loss of logits.

    .. math::
        \ell = 1 - \frac{2 \sum d\,p\,y + s}{\sum d\,p + \sum d\,y + s}, \quad d = 1 + \phi

    where :math:`\phi` is 1 at the border of the class and falls to 0 at the place farthest from
    it, on each side (:func:`~pl_losses.core.distance.border_closeness`). It is Dice with the
    weights :math:`d`, from 0 to 1 and 0 at a perfect prediction. The known implementation puts
    :math:`d` into the intersection alone, which may take the loss below 0 and gives a perfect
    prediction a value that depends on the shape. An image without a border has plain Dice.

    ``forward`` takes distances that were computed beforehand as a fourth argument, ``distance``.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        spacing: Distance of neighbouring places along each spatial axis; 1 if not given.
        smooth: Smoothing :math:`s \ge 0`, in places.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = DistanceDiceLoss("binary", smooth=0.0)
        >>> loss(torch.tensor([[-99.0, -99.0, 99.0, 99.0]]), torch.tensor([[0, 0, 0, 1]]))
        tensor(0.3333)

    References:
        Caliva et al., `Distance Map Loss Penalty Term for Semantic Segmentation
        <https://openreview.net/forum?id=B1eIcvS45V>`_, MIDL 2019, for the distances; Ma et al.,
        `Loss Odyssey in Medical Image Segmentation
        <https://doi.org/10.1016/j.media.2021.102035>`_, 2021, for Dice.
    """

    family = "distance"

    walked = True

    def __init__(
        self,
        labels: LabelsLike,
        *,
        spacing: Sequence[float] | None = None,
        smooth: float = 1e-5,
        batch: bool = False,
        include_background: bool = True,
        empty: Empty = "smooth",
        region_weights: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(
            labels,
            batch=batch,
            include_background=include_background,
            empty=empty,
            region_weights=region_weights,
            reduction=reduction,
        )
        self.spacing = check_spacing(spacing)
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        distance: Tensor | None = None,
    ) -> Tensor:
        """Return the reduced loss; see :meth:`~pl_losses.losses.distance.DistanceLoss.forward`."""
        with full_precision(pred):
            elements = with_places(self.labels.arrange(pred, target, weight), self.labels.kind)
            return self.reduce_regions(elements, (self._closeness(elements, distance),))

    def _closeness(self, elements: Elements, distance: Tensor | None) -> Tensor:
        with torch.no_grad():
            borders = find_borders(self.labels, elements, distance, self.spacing)
            closeness = border_closeness(borders.truth, borders.distance)
            return fold(closeness, elements)

    @override
    def sums(self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor) -> Tensor:
        logits, target, weight = self.labels.read(pred, target, weight)
        pred, truth, weight = by_class(self.labels.likelihood(logits, target), weight)
        places = torch.ones_like(pred) if weight is None else weight.expand_as(pred)
        counted = (1 + context[0]) * places
        terms = [counted * pred * truth, counted * pred, counted * truth, places]
        return torch.stack([term.sum(-1) for term in terms], -1)

    @override
    def measure(self, sums: Tensor) -> Overlap:
        return Overlap(*sums.unbind(-1))

    @override
    def values(self, region: Overlap) -> Tensor:
        return dice_loss(region, self.smooth)
