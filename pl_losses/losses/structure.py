"""What losses on the structure of images share: they see whole images, not single places."""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor
from typing_extensions import override

from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.losses.base import Loss
from pl_losses.losses.regression import numbers


@dataclass(frozen=True)
class Images:
    """Predicted and true images ``(N, C, *space)`` with the weight of each place.

    ``weight`` has one channel or C; ``None`` if all weigh one.
    """

    pred: Tensor
    target: Tensor
    weight: Tensor | None

    @property
    def axes(self) -> int:
        """Number of spatial axes."""
        return self.pred.ndim - 2


class StructureLoss(Loss):
    """A loss on images ``(N, C, *space)`` of 1 to 3 spatial axes; a subclass writes :meth:`values`.

    On labels of a classification task the images are the predicted probabilities and those of the
    labels, one channel for each class; binary ones may lack their channel.

    Args:
        labels: What the target means; numbers, such as brightness, unless said otherwise.
        reduction: How the values become one number; their shape is the loss's own.

    Raises:
        ValueError: If the loss does not take the kind of labels.
    """

    family = "structure"

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel", "regression")
    """The kinds of labels that the loss takes."""

    def __init__(self, labels: LabelsLike = "regression", *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)

    @abstractmethod
    def values(self, images: Images) -> tuple[Tensor, Tensor | None]:
        """Return the loss of each window or image, and its weight."""

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            elements = self.labels.arrange(pred, target, weight)
            parts = numbers(self.labels, elements.pred, elements.target, elements.weight)
            values, mass = self.values(images_of(*parts, shape=image_shape(self.labels, pred)))
            return reduce(values, self.reduction, mass)


def image_shape(labels: Labels, pred: Tensor) -> tuple[int, ...]:
    """Return the shape ``(N, C, *space)`` of the images in a prediction.

    Raises:
        ValueError: If it has no spatial axes, or more than three.
    """
    shape = tuple(pred.shape)
    if labels.kind == "binary" and not (pred.ndim > 2 and shape[1] == 1):
        shape = (*shape[:1], 1, *shape[1:])
    if not 3 <= len(shape) <= 5:
        raise ValueError(
            "`pred` must have shape (N, C, *space) with 1 to 3 spatial axes; got shape "
            f"{tuple(pred.shape)}."
        )
    return shape


def images_of(
    pred: Tensor, target: Tensor, weight: Tensor | None, *, shape: tuple[int, ...]
) -> Images:
    """Give numbers that are laid out as elements the shape of images again."""
    if weight is not None and weight.ndim < pred.ndim:  # one weight for all classes of a place
        places = (*pred.shape[:1], *pred.shape[2:])
        weight = weight.expand(places).reshape(shape[0], 1, *shape[2:])
    elif weight is not None:
        weight = weight.expand(pred.shape).reshape(shape)
    return Images(pred.reshape(shape), target.reshape(shape), weight)
