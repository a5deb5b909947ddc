"""Centreline Dice loss: Dice of skeletons, so that thin structures stay connected."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core import chunks
from pl_losses.core.checks import check_at_least
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.morphology import soft_skeleton
from pl_losses.core.overlap import by_class
from pl_losses.core.reduction import Reduction
from pl_losses.core.space import space_of, unfold
from pl_losses.losses.base import LOSSES
from pl_losses.losses.region import Empty, RegionLoss


@dataclass(frozen=True)
class Skeletons:
    r"""Weighed sums over the places of each region, shape ``(N, C)`` each.

    Attributes:
        right: Skeleton of the prediction within the truth, :math:`\sum w\,S(p)\,y`.
        pred: Skeleton of the prediction, :math:`\sum w\,S(p)`.
        found: Skeleton of the truth within the prediction, :math:`\sum w\,S(y)\,p`.
        truth: Skeleton of the truth, :math:`\sum w\,S(y)`.
        places: All places, :math:`\sum w`.
    """

    right: Tensor
    pred: Tensor
    found: Tensor
    truth: Tensor
    places: Tensor


def cl_dice_loss(skeletons: Skeletons, smooth: float = 1.0) -> Tensor:
    r"""Centreline Dice loss of each region.

    .. math::
        \ell = 1 - 2 \frac{t_p\,t_s}{t_p + t_s}, \quad
        t_p = \frac{\sum S(p)\,y + s}{\sum S(p) + s}, \quad
        t_s = \frac{\sum S(y)\,p + s}{\sum S(y) + s}

    where :math:`S` is the soft skeleton, :math:`t_p` the precision and :math:`t_s` the sensitivity
    of the topology.

    Args:
        skeletons: Sums of each region.
        smooth: Smoothing :math:`s \ge 0`, in places.

    Returns:
        Loss of each region, 0 to 1, shape ``(N, C)``.

    Example:
        >>> skeletons = Skeletons(*torch.tensor([[2.0], [4.0], [3.0], [3.0], [16.0]]))
        >>> cl_dice_loss(skeletons, smooth=0.0)
        tensor([0.3333])

    References:
        Shit et al., `clDice: A Novel Topology-Preserving Loss Function for Tubular Structure
        Segmentation <https://arxiv.org/abs/2003.07311>`_, CVPR 2021, eqs. 1 and 2. The paper adds
        soft Dice to it: a second term of the task.
    """
    precision = _share(skeletons.right + smooth, skeletons.pred + smooth)
    sensitivity = _share(skeletons.found + smooth, skeletons.truth + smooth)
    return 1 - _share(2 * precision * sensitivity, precision + sensitivity)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    return part / whole.where(whole > 0, 1.0)


@LOSSES.register("cl_dice")
class ClDiceLoss(RegionLoss[Skeletons]):
    """Centreline Dice loss of logits; the formula is :func:`cl_dice_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        iterations: Erosions on the way to the skeleton, at least 0: the radius of the thickest
            structure, in places. More cost time and change nothing.
        smooth: Smoothing, in places of the skeleton, at least 0.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = ClDiceLoss("binary")
        >>> line = torch.zeros(1, 1, 5, 5)
        >>> line[..., 2, :] = 1
        >>> loss(200 * line - 100, line), loss(-100 * torch.ones_like(line), line) > 0.5
        (tensor(0.), tensor(True))
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        iterations: int = 3,
        smooth: float = 1.0,
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
        self.iterations = int(check_at_least("iterations", iterations, 0))
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def regions(self, elements: Elements, context: tuple[Tensor, ...]) -> Skeletons:
        space = space_of(elements, self.labels.kind)
        with torch.no_grad():
            _, truth, _ = self._read(elements.pred.detach(), elements.target, elements.weight)
            of_truth = self._skeleton(truth, space)
        formula = partial(self._sums_in, space)
        # Whole samples: a cut through a vessel would end its skeleton.
        sums = chunks.sums(formula, (*elements.parts, of_truth), whole=True)
        return Skeletons(*(sums.sum(0, keepdim=True) if self.batch else sums).unbind(-1))

    def _skeleton(self, image: Tensor, space: tuple[int, ...]) -> Tensor:
        return soft_skeleton(unfold(image, space), self.iterations).reshape(image.shape)

    def _read(
        self, pred: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        logits, target, weight = self.labels.read(pred, target, weight)
        pred, truth, weight = by_class(self.labels.likelihood(logits, target), weight)
        if weight is not None:  # what is ignored is nothing's part
            pred, truth = pred * (weight > 0), truth * (weight > 0)
        return pred, truth, weight

    def _sums_in(self, space: tuple[int, ...], *parts: Tensor) -> Tensor:
        *of_place, of_truth = parts
        pred, truth, weight = self._read(*of_place)
        of_pred = self._skeleton(pred, space)
        places = torch.ones_like(pred[:, :1]).expand_as(pred)
        terms = [of_pred * truth, of_pred, of_truth * pred, of_truth, places]
        if weight is not None:
            terms = [term * weight for term in terms]
        return torch.stack([term.sum(-1) for term in terms], -1)

    @override
    def values(self, region: Skeletons) -> Tensor:
        return cl_dice_loss(region, self.smooth)
