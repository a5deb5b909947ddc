"""Local means: what surrounds each place of an image, seen through a Gaussian window."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.checks import check_above, check_choice
from pl_losses.core.ratios import ratio

Border = Literal["valid", "shrink"]

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)


@dataclass(frozen=True)
class Window:
    """A Gaussian window that slides over the 1 to 3 spatial axes of images.

    Args:
        size: Places along each axis; odd.
        sigma: Standard deviation, in places.
        border: Which windows count. ``"valid"``: those that lie in the image, so that the result
            is smaller by ``size - 1`` along each axis. ``"shrink"``: one around each place, of
            which the part in the image counts.

    Raises:
        ValueError: If an option is out of range.
    """

    size: int = 11
    sigma: float = 1.5
    border: Border = "valid"

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size % 2 != 1:
            raise ValueError(f"`size` must be an odd whole number; got {self.size!r}.")
        check_above("size", self.size, 0)
        check_above("sigma", self.sigma, 0)
        check_choice("border", self.border, get_args(Border))

    def means(self, images: Tensor, weight: Tensor | None, axes: int) -> Tensor:
        """Return the weighed mean of each window; 0 where nothing in it weighs.

        Args:
            images: Shape ``(N, *, *space)``.
            weight: Weight of each place, broadcastable to ``images``, with all axes of space.
            axes: Number of spatial axes.
        """
        if weight is not None:
            return ratio(self._sums(images * weight, axes), self._sums(weight, axes))
        sums = self._sums(images, axes)
        if self.border == "valid":
            return sums
        inside = images.new_ones(1, 1, *images.shape[-axes:])
        return ratio(sums, self._sums(inside, axes))

    def centres(self, places: Tensor, axes: int) -> Tensor:
        """Return the places that windows have in their middle."""
        if self.border == "shrink":
            return places
        half = self.size // 2
        for axis in range(-axes, 0):
            places = places.narrow(axis, half, places.shape[axis] - 2 * half)
        return places

    def _sums(self, images: Tensor, axes: int) -> Tensor:
        sums = images.flatten(1, -axes - 1)
        row = self._row(images).expand(sums.shape[1], 1, -1)
        for axis in range(axes):  # a Gaussian is a product: one pass along each axis
            along = [int(axis == each) for each in range(axes)]
            sums = CONVOLUTIONS[axes - 1](
                sums,
                row.reshape(*row.shape[:2], *[self.size if here else 1 for here in along]),
                padding=[self.size // 2 * here * (self.border == "shrink") for here in along],
                groups=sums.shape[1],
            )
        return sums.reshape(*images.shape[:-axes], *sums.shape[2:])

    def _row(self, like: Tensor) -> Tensor:
        place = torch.arange(self.size, dtype=like.dtype, device=like.device) - self.size // 2
        row = (-0.5 * (place / self.sigma).square()).exp()
        return row / row.sum()
