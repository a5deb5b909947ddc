"""Centre loss: features of one class gather around its centre."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.elements import classes
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.losses.base import LOSSES, Loss


def center_loss(features: Tensor, target: Tensor, centers: Tensor) -> Tensor:
    r"""Centre loss of each element.

    .. math::
        \ell = \tfrac{1}{2} \lVert f - c_y \rVert^2

    where :math:`c_y` is the centre of the true class; in squared units of the features.

    Args:
        features: Features :math:`f`, shape ``(N, D, *)``.
        target: Class numbers, shape ``(N, *)``.
        centers: Centre of each class, shape ``(C, D)``.

    Returns:
        Loss of each element, shape ``(N, *)``.

    Example:
        >>> centers = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
        >>> center_loss(torch.zeros(2, 2), torch.tensor([0, 1]), centers)
        tensor([ 0.0000, 12.5000])

    References:
        Wen et al., `A Discriminative Feature Learning Approach for Deep Face Recognition
        <https://doi.org/10.1007/978-3-319-46478-7_31>`_, ECCV 2016.
    """
    own = centers[target].movedim(-1, 1)
    return (features - own).square().sum(1) / 2


@LOSSES.register("center")
class CenterLoss(Loss):
    """Centre loss of features; the formula is :func:`center_loss`'s.

    Alone it is least where all features are one point; it belongs beside a cross-entropy, with a
    small weight (the paper's 0.003), as two terms of the model.

    The centres are parameters, which start at zero and are learned with the model: their slope
    pulls each towards the mean of its class. The paper moves them by a rule of its own after each
    step; a parameter group with a higher learning rate and no weight decay comes near to it.

    Args:
        labels: How class numbers are read: multiclass labels.
        num_classes: Number C of classes, at least 2.
        num_features: Number D of features on axis 1 of the prediction.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If a number is too small, or the features are not as many as said.

    Example:
        >>> loss = CenterLoss(num_classes=3, num_features=2)
        >>> loss(torch.ones(4, 2), torch.tensor([0, 1, 2, 0])).item()
        1.0
    """

    family = "embedding"

    kinds: tuple[Kind, ...] = ("multiclass",)
    """The kinds of labels that the loss takes."""

    def __init__(
        self,
        labels: LabelsLike = "multiclass",
        *,
        num_classes: int,
        num_features: int,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)
        shape = check_at_least("num_classes", num_classes, 2), num_features
        check_at_least("num_features", num_features, 1)
        self.centers = nn.Parameter(torch.zeros([int(each) for each in shape]))

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        if pred.ndim < 2 or pred.shape[1] != self.centers.shape[1]:
            raise ValueError(
                f"`pred` must have shape (N, {self.centers.shape[1]}, *); got shape "
                f"{tuple(pred.shape)}."
            )
        with full_precision(pred):
            elements = classes(pred, target, weight)
            features = upcast(elements.pred)
            if elements.target.ndim == features.ndim:
                raise ValueError(
                    "`target` must hold class numbers, without an axis for the features; got "
                    f"shape {tuple(target.shape)}."
                )
            _, truth, mass = self.labels.read(features, elements.target, elements.weight)
            values = center_loss(features, truth, self.centers.to(features.dtype))
            return reduce(values, self.reduction, mass).reshape(
                elements.shape if self.reduction == "none" else ()
            )
