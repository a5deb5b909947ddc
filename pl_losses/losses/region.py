"""What region losses share: they see how much prediction and truth overlap, class by class."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core import chunks
from pl_losses.core.checks import check_at_least, check_choice
from pl_losses.core.labels import Kind, Labels, LabelsLike
from pl_losses.core.overlap import Overlap, overlap_sums
from pl_losses.core.precision import full_precision
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.losses.base import Loss

Empty = Literal["smooth", "skip", "zero"]


class RegionLoss(Loss):
    """A loss on regions: one class in one sample each; a subclass writes :meth:`values`.

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

    kinds: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
    """The kinds of labels that the loss takes."""

    squared = False
    """Whether the overlap sums squares for its sizes."""

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
    def values(self, overlap: Overlap) -> Tensor:
        """Return the loss of each region, in the shape of the sums of ``overlap``."""

    def sums(self, pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the overlap sums of a part of the batch, shape ``(N, C, 4)``."""
        logits, truth, weight = self.labels.read(pred, target, weight)
        likelihood = self.labels.likelihood(logits, truth)
        return overlap_sums(likelihood, weight, squared=self.squared)

    def overlap(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Overlap:
        """Return the overlap of each region of a whole batch."""
        elements = self.labels.arrange(pred, target, weight)
        parts = elements.parts
        if self.labels.kind == "multiclass" and pred.ndim == 2:  # no places: each sample is one
            parts = tuple(part if part is None else part.unsqueeze(-1) for part in parts)
        sums = chunks.sums(self.sums, parts)
        if self.batch:
            sums = sums.sum(0, keepdim=True)
        return Overlap(*sums.unbind(-1))

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            overlap = self.overlap(pred, target, weight)
            values = self.values(overlap)
            if self.empty == "zero":
                values = values * (overlap.truth > 0)
            return reduce(values, self.reduction, self._weights(overlap))

    def _weights(self, overlap: Overlap) -> Tensor:
        counts = (overlap.places > 0).to(overlap.both.dtype)
        if self.empty == "skip":
            counts = counts * (overlap.truth > 0)
        if self.region_weights is not None:
            counts = counts * self.region_weights.to(counts.dtype)
        if not self.include_background:
            counts = torch.cat([torch.zeros_like(counts[:, :1]), counts[:, 1:]], 1)
        return counts
