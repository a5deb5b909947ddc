"""Augmentation of a batch of images and masks: one turn, zoom, shift and mirroring a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Sample = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Augment:
    """Random view of each image of a batch, with the same view of its mask.

    It is a ``collate_fn``: it takes samples and returns a batch. All random numbers come from
    torch's global generator, which ``seed_everything`` sets. Image and mask are read in one pass;
    beyond the border they are mirrored. The interpolated mask is cut at one half, which keeps the
    cracks' area: to cut it to whole numbers instead would leave only the pixels that are exactly
    1, about two thirds of a crack.

    Args:
        size: Height and width of the view, in pixels.
        degrees: Largest turn to either side.
        zoom: Smallest and largest magnification.
        brightness: Largest change of brightness to either side, as a part of the full range.

    Example:
        >>> samples = [(torch.rand(3, 160, 240), torch.zeros(1, 160, 240))] * 4
        >>> images, masks = Augment()(samples)
        >>> images.shape, masks.shape
        (torch.Size([4, 3, 96, 144]), torch.Size([4, 1, 96, 144]))
    """

    size: tuple[int, int] = (96, 144)
    degrees: float = 30.0
    zoom: tuple[float, float] = (0.85, 1.4)
    brightness: float = 30 / 255

    def __call__(self, samples: Sequence[Sample]) -> Sample:
        """Return a batch of views: images ``(N, 3, h, w)`` in 0..1 and masks ``(N, 1, h, w)``."""
        images, masks = (torch.stack(part) for part in zip(*samples, strict=True))
        both = torch.cat([images, masks], 1)
        grid = self._grid(len(both), both.shape[-2], both.shape[-1])
        seen = F.grid_sample(both, grid, padding_mode="reflection", align_corners=False)
        shift = _uniform(len(both), -self.brightness, self.brightness)
        return (seen[:, :-1] + shift[:, None, None, None]).clamp(0, 1), (
            seen[:, -1:] >= 0.5
        ).float()

    def _grid(self, count: int, height: int, width: int) -> Tensor:
        """Return where each pixel of each view is read, as ``grid_sample`` wants it."""
        image = torch.tensor([width, height])
        view = torch.tensor(self.size[::-1])
        mirror = 2.0 * torch.randint(2, (count, 2)) - 1
        centre = (torch.rand(count, 2) - 0.5) * (image - view)
        angle = _uniform(count, -self.degrees, self.degrees).deg2rad()
        zoom = _uniform(count, *self.zoom)[:, None, None]
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
        # In pixels from the image's centre; grid_sample counts in half sizes of the image.
        theta = torch.cat([turn * (mirror * view / 2)[:, None], turn @ centre[:, :, None]], 2)
        theta = theta / zoom / (image / 2)[:, None]
        return F.affine_grid(theta, [count, 1, *self.size], align_corners=False)


def _uniform(count: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(count)
