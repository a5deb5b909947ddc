"""What region losses share: they see sums over the places of each class, and nothing else."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Generic, Literal, Protocol, get_args

import torch
from torch import Tensor
from typing_extensions import TypeVar, override

from pl_losses.core import chunks
from pl_losses.core.checks import check_at_least, check_choice
from pl_losses.core.elements import Elements
from pl_losses.core.ignoring import some
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.overlap import Overlap, overlap, overlap_sums
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.core.space import with_places
from pl_losses.losses.base import Loss

Empty = Literal["smooth", "skip", "zero"]


class Region(Protocol):
    """What is known of each region, whatever its loss: shape ``(N, C)`` each."""

    @property
    def truth(self) -> Tensor:
        """How much of the class is there."""

    @property
    def places(self) -> Tensor:
        """Weight of all places."""


R = TypeVar("R", bound=Region)


class RegionLoss(Loss, Generic[R]):
    """A loss on regions, one class in one sample each.

    A subclass finds what it must know of each region in :meth:`regions`, and makes its loss of that
    in :meth:`values`. Most are an :class:`OverlapLoss`, or a :class:`SummedLoss` with other sums.

    Args:
        labels: What the target means: a kind, or ``Labels``. Its class weights are weights of
            elements, as everywhere, and act within the sums.
        batch: Whether a region is one class in the whole batch, not in one sample. Small crops of
            rare objects want this: a crop without an object says little by itself.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is not a known one, or does not go with the kind of labels.
    """

    family = "region"

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
    """The kinds of labels that the loss takes."""

    region_weights: Tensor | None

    def __init__(
        self,
        labels: LabelsLike,
        *,
        batch: bool = False,
        include_background: bool = True,
        empty: Empty = "smooth",
        region_weights: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.labels = Labels.of(labels, self.kinds)
        kind = self.labels.kind
        if kind != "multiclass" and not include_background:
            raise ValueError(
                f"`include_background` must be left out for {kind} labels, which have no class "
                "for the background; got False."
            )
        self.batch = batch
        self.include_background = include_background
        self.empty = check_choice("empty", empty, get_args(Empty))
        weights = None
        if region_weights is not None:
            weights = torch.tensor([check_at_least("region_weights", w, 0) for w in region_weights])
        self.register_buffer("region_weights", weights, persistent=False)

    @abstractmethod
    def values(self, region: R) -> Tensor:
        """Return the loss of each region, shape ``(N, C)``."""

    def context(self, elements: Elements) -> tuple[Tensor, ...]:  # noqa: ARG002 - a hook
        """Return what the sums must know of the whole batch, ``(N, C, places)``; nothing here."""
        return ()

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            elements = with_places(self.labels.arrange(pred, target, weight), self.labels.kind)
            return self.reduce_regions(elements, self.context(elements))

    def reduce_regions(self, elements: Elements, context: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of a batch that was laid out."""
        region = self.regions(elements, context)
        values = self.values(region)
        if self.empty == "zero":
            values = values * (region.truth > 0)
        counts = None if self._all_count(elements, region) else self.counts(region)
        return reduce(values, self.reduction, counts, finite=True)

    @abstractmethod
    def regions(self, elements: Elements, context: tuple[Tensor, ...]) -> R:
        """Return what is known of each region of a batch that was laid out."""

    def _all_count(self, elements: Elements, region: R) -> bool:
        if self.empty == "skip" or self.region_weights is not None or not self.include_background:
            return False
        every = self.labels.kind != "multiclass" and elements.pred.shape[-1] > 0
        if every and self.labels.light(elements):
            return True
        return some(region.places <= 0) is None

    def counts(self, region: R) -> Tensor:
        """Return how much each region counts in the mean, shape ``(N, C)``."""
        counts = (region.places > 0).to(region.places.dtype)
        if self.empty == "skip":
            counts = counts * (region.truth > 0)
        if self.region_weights is not None:
            counts = counts * self.region_weights.to(counts.dtype)
        if not self.include_background:
            counts = torch.cat([torch.zeros_like(counts[:, :1]), counts[:, 1:]], 1)
        return counts


class SummedLoss(RegionLoss[R]):
    """A loss on sums of its own over the places of each region.

    A subclass writes :meth:`sums`, names them in :meth:`measure`, and makes its loss in
    :meth:`values`.
    """

    walked = False
    """Whether the sums hold several tensors of the prediction's size, so that a large batch is
    walked over in chunks."""

    @abstractmethod
    def sums(self, pred: Tensor, target: Tensor, weight: Tensor | None, *context: Tensor) -> Tensor:
        """Return the sums over a part of the places, shape ``(N, C, number of sums)``.

        Args:
            pred: Prediction, laid out by :meth:`Labels.arrange`; so are target and weight.
            target: Truth.
            weight: Weight of each place.
            context: The parts of what :meth:`context` returned that belong to these places.
        """

    @abstractmethod
    def measure(self, sums: Tensor) -> R:
        """Give the sums their names."""

    @override
    def regions(self, elements: Elements, context: tuple[Tensor, ...]) -> R:
        if self.walked or soft(self.labels, elements):
            sums = chunks.sums(self.sums, (*elements.parts, *context))
        else:
            pred, target, weight = elements.parts
            sums = self.sums(upcast(pred), target, weight, *context)
        return self.measure(sums.sum(0, keepdim=True) if self.batch else sums)


class OverlapLoss(RegionLoss[Overlap]):
    """A loss on the overlap of regions; a subclass writes :meth:`values`."""

    squared = False
    """Whether sizes sum squares."""

    @override
    def regions(self, elements: Elements, context: tuple[Tensor, ...]) -> Overlap:
        if soft(self.labels, elements):
            sums = chunks.sums(self._sums, elements.parts)
            return Overlap(*(sums.sum(0, keepdim=True) if self.batch else sums).unbind(-1))
        # Not stacked to be taken apart again: the steps of a small batch are what it costs.
        likelihood, weight = self._read(*elements.parts)
        found = overlap(likelihood, weight, squared=self.squared)
        if not self.batch:
            return found
        return Overlap(*(getattr(found, each.name).sum(0, keepdim=True) for each in fields(found)))

    def _read(
        self, pred: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Likelihood, Tensor | None]:
        logits, truth, weight = self.labels.read(pred, target, weight)
        return self.labels.likelihood(logits, truth), weight

    def _sums(self, pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        likelihood, weight = self._read(pred, target, weight)
        return overlap_sums(likelihood, weight, squared=self.squared)


def soft(labels: Labels, elements: Elements) -> bool:
    """Return whether the target is a distribution over classes, as large as the prediction."""
    return labels.kind == "multiclass" and elements.target.ndim == elements.pred.ndim
