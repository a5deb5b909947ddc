"""Boundary difference-over-union loss: a region loss that looks at borders, without distances."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_between
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.morphology import contour
from pl_losses.core.overlap import Overlap, by_class, overlap_sums
from pl_losses.core.reduction import Reduction
from pl_losses.core.space import fold, space_of, unfold
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, SummedLoss


@dataclass(frozen=True)
class ContouredOverlap(Overlap):
    """An overlap of squares, and the length of the contour of the truth, ``(N, C)`` each."""

    contour: Tensor


def boundary_dou_loss(
    overlap: ContouredOverlap, limit: float = 0.8, smooth: float = 1e-5
) -> Tensor:
    r"""Boundary difference-over-union loss of each region.

    .. math::
        \ell = \frac{P + T - 2 I + s}{P + T - (1 + \alpha) I + s}, \quad
        \alpha = \min\Big(1 - 2\,\frac{C + s}{T + s},\ \alpha_{max}\Big)

    where :math:`I` is the intersection, :math:`P` and :math:`T` are sums of squares and :math:`C`
    is the number of places on the contour of the truth. A large region has few of them and an
    :math:`\alpha` near its limit: of what is covered little counts, and the border is most of
    what is left. With :math:`\alpha = 0` it is Jaccard.

    Args:
        overlap: Sums of each region.
        limit: Largest :math:`\alpha`, -1 to 1; the authors' code has 0.8.
        smooth: Smoothing :math:`s \ge 0`, in places.

    Returns:
        Loss of each region, 0 to 1, shape ``(N, C)``.

    Example:
        >>> half = ContouredOverlap(*torch.tensor([[2.0], [4.0], [4.0], [16.0], [2.0]]))
        >>> boundary_dou_loss(half, smooth=0.0)  # half of the truth is contour
        tensor([0.6667])

    References:
        Sun, Luo and Li, `Boundary Difference Over Union Loss for Medical Image Segmentation
        <https://arxiv.org/abs/2308.00220>`_, MICCAI 2023, eqs. 2 and 3. The paper has
        :math:`\alpha \ge 0`; here, as in the authors' code, it is below 0 for what is all contour.
    """
    size = overlap.truth + smooth
    alpha = 1 - 2 * (overlap.contour + smooth) / size.where(size > 0, 1.0)
    difference = overlap.false_pred + overlap.missed_truth + smooth
    whole = difference + (1 - alpha.clamp_max(limit)) * overlap.both
    return difference / whole.where(whole > 0, 1.0)


@LOSSES.register("boundary_dou")
class BoundaryDoULoss(SummedLoss[ContouredOverlap]):
    """Boundary difference-over-union loss of logits; see :func:`boundary_dou_loss`.

    The edge of the image is no contour; in the authors' code it is one, and a region is one class
    in the whole batch. An empty region that is
    predicted empty costs 1, as in theirs; ``empty`` says otherwise.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        limit: Largest share of what is covered that does not count, -1 to 1.
        smooth: Smoothing, in places, at least 0.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = BoundaryDoULoss("binary")
        >>> loss(torch.tensor([[9.0, -9.0]]), torch.tensor([[1, 0]])) < 0.001
        tensor(True)
    """

    family = "distance"

    squared, walked = True, True

    def __init__(
        self,
        labels: LabelsLike,
        *,
        limit: float = 0.8,
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
        self.limit = check_between("limit", limit, -1, 1)
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        with torch.no_grad():
            pred, target, weight = elements.pred.detach(), elements.target, elements.weight
            logits, target, weight = self.labels.read(pred, target, weight)
            _, truth, _ = by_class(self.labels.likelihood(logits, target), weight)
            masks = unfold(truth > 0.5, space_of(elements, self.labels.kind))
            return (fold(contour(masks).to(truth.dtype), elements),)

    @override
    def sums(self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor) -> Tensor:
        logits, truth, weight = self.labels.read(pred, target, weight)
        sums = overlap_sums(self.labels.likelihood(logits, truth), weight, squared=True)
        border = context[0]
        if weight is not None:
            border = border * (weight if weight.ndim == 3 else weight.unsqueeze(1))
        return torch.cat([sums, border.sum(-1, keepdim=True)], -1)

    @override
    def measure(self, sums: Tensor) -> ContouredOverlap:
        return ContouredOverlap(*sums.unbind(-1))

    @override
    def values(self, region: ContouredOverlap) -> Tensor:
        return boundary_dou_loss(region, self.limit, self.smooth)
