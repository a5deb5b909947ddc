"""What distance losses share: they know how far each place is from the border of the truth."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_shape
from pl_losses.core.distance import Spacing, border_distance
from pl_losses.core.elements import Elements
from pl_losses.core.labels import Labels, LabelsLike
from pl_losses.core.overlap import by_class
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction
from pl_losses.core.space import space_of, unfold, with_places
from pl_losses.losses.base import reduce_elements
from pl_losses.losses.classification import ClassificationLoss


@dataclass(frozen=True)
class Borders:
    """Masks of a batch, one image for each sample and class, shape ``(N * C, *)`` each.

    Attributes:
        truth: Where the class is: label probability above 1/2.
        pred: Where it is predicted; as the truth, where the target is ignored.
        distance: Distance to the border of the truth, on either side of it.
    """

    truth: Tensor
    pred: Tensor
    distance: Tensor


def find_borders(
    labels: Labels,
    elements: Elements,
    distance: Tensor | None = None,
    spacing: Spacing | None = None,
    *,
    include_background: bool = True,
) -> Borders:
    """Return the masks of a batch that was laid out, and their distances.

    Args:
        labels: What the target means.
        elements: The batch, with an axis of places.
        distance: Distances that were computed beforehand, ``(N, C, *)``, or ``(N, *)`` for binary
            labels; see :func:`~pl_losses.core.distance.border_distance`.
        spacing: Distance of neighbours along each axis, if distances are to be computed.
        include_background: Whether to look at class 0 of multiclass labels.
    """
    space = space_of(elements, labels.kind)
    first = 0 if include_background else 1
    logits, target, weight = labels.read(elements.pred.detach(), elements.target, elements.weight)
    pred, truth, weight = by_class(labels.likelihood(logits, target), weight)
    there, said = truth > 0.5, pred > 0.5
    if weight is not None:
        said = torch.where(weight == 0, there, said)
    masks = unfold(there[:, first:], space)
    if distance is None:
        distance = border_distance(masks, spacing, logits.dtype)
    else:
        distance = distance.unsqueeze(1) if distance.ndim == 1 + len(space) else distance
        check_shape("distance", distance, (*there.shape[:2], *space))
        distance = distance[:, first:].flatten(0, 1).to(logits.dtype)
    return Borders(masks, unfold(said[:, first:], space), distance)


class DistanceLoss(ClassificationLoss):
    """A loss that weighs places by their distance from a border; a subclass writes two methods.

    ``forward`` takes the distances of the truth as a fourth argument, ``distance``, so that a
    dataset can make them once and for all. It is an argument of its own, and not part of
    ``weight``, because it has a value for each class, is not divided by in the mean, and is made
    into something else by each loss: one map serves them all.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        include_background: Whether class 0 of multiclass labels is looked at.
        spacing: Distance of neighbouring places along each spatial axis; 1 if not given.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option does not go with the kind of labels, or is out of range.
    """

    family = "distance"

    def __init__(
        self,
        labels: LabelsLike,
        *,
        include_background: bool = True,
        spacing: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        check_background(self.labels, include_background=include_background)
        self.include_background = include_background
        self.spacing = check_spacing(spacing)

    @abstractmethod
    def field(self, borders: Borders) -> Tensor:
        """Return what the formula must know of each place, in the shape of the masks."""

    @override
    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        distance: Tensor | None = None,
    ) -> Tensor:
        """Return the reduced loss; half precision is computed, and returned, in float32.

        Args:
            pred: Prediction.
            target: Truth.
            weight: Weight of each element, at least 0; see :class:`~pl_losses.losses.base.Loss`.
            distance: :func:`~pl_losses.core.distance.border_distance` of the truth of each class,
                ``(N, C, *)``, or ``(N, *)`` for binary labels; computed if not given.
        """
        with full_precision(pred):
            elements = with_places(self.labels.arrange(pred, target, weight), self.labels.kind)
            with torch.no_grad():
                field = self.field(self.borders(elements, distance))
                field = field.reshape(self._layout(elements))
            return reduce_elements(self.block, elements, self.reduction, context=(field,))

    def borders(self, elements: Elements, distance: Tensor | None) -> Borders:
        """Return the borders that this loss looks at."""
        return find_borders(
            self.labels,
            elements,
            distance,
            self.spacing,
            include_background=self.include_background,
        )

    def _layout(self, elements: Elements) -> tuple[int, ...]:
        shape = tuple(elements.pred.shape)
        if len(shape) == 2 or self.include_background:
            return shape
        return shape[0], shape[1] - 1, shape[2]


def check_background(labels: Labels, *, include_background: bool) -> None:
    """Check that only multiclass labels leave out a background."""
    if labels.kind != "multiclass" and not include_background:
        raise ValueError(
            f"`include_background` must be left out for {labels.kind} labels, which have no class "
            "for the background; got False."
        )


def check_spacing(spacing: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the distances of neighbours along each axis, if they are above 0."""
    return None if spacing is None else tuple(check_above("spacing", step, 0) for step in spacing)
