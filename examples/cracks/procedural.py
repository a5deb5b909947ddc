"""Drawn cracks on real photographs: data for a first run, without a download.

The surfaces are the gravel and brick photographs that ship inside scikit-image. Training images
show only the left 60 % of each photograph, test images only the right 40 %.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from skimage import data
from torch import Tensor

Sample = tuple[Tensor, Tensor]

HEIGHT, WIDTH = 160, 240
# Lines are drawn at four times the size, then shrunk by area: a pixel's value is how much of it
# the crack covers.
FINE = 4
TRAIN_PART = 0.6


@dataclass(frozen=True)
class Surface:
    """Part of a photograph, and how far to shrink it: full-size stones would hide every crack."""

    photo: np.ndarray
    shrink: tuple[float, float]

    def view(self, rng: np.random.Generator) -> np.ndarray:
        """Return a random view with mean 0 and deviation 1, mirrored at the part's borders."""
        scale = rng.uniform(*self.shrink)
        height, width = (round(side * scale) for side in self.photo.shape)
        image = Image.fromarray(self.photo).resize((width, height), Image.Resampling.BOX)
        rows, columns = _mirrored(rng, HEIGHT, height), _mirrored(rng, WIDTH, width)
        view = np.asarray(image, dtype=np.float32)[np.ix_(rows, columns)]
        return (view - view.mean()) / view.std()


@dataclass(frozen=True)
class Walk:
    """A crack that is about to grow; all lengths in pixels of the image.

    Args:
        start: Where it begins, (x, y).
        heading: Its direction in radians.
        width: Its mean width.
        length: How far it grows.
    """

    start: tuple[float, float]
    heading: float
    width: float
    length: float

    def grow(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list["Walk"]]:
        """Return the corners of its path, the width at each, and the branches that leave it."""
        steps = max(int(self.length / 2), 2)
        heading = self.heading + np.cumsum(rng.normal(0, 0.09, steps)) + rng.normal(0, 0.45, steps)
        moves = 2 * np.stack([np.cos(heading), np.sin(heading)], 1)
        path = np.array(self.start) + np.cumsum(moves, 0)
        swell = np.convolve(rng.normal(0, 1, steps + 8), np.full(9, 1 / 3), "valid")
        taper = np.linspace(1.1, 0.75, steps)
        # Below this a line would cover no pixel by half, and leave gaps in the mask.
        widths = np.maximum(self.width * np.exp(0.3 * swell) * taper, 1.5)
        forks = np.flatnonzero(rng.random(steps) < 0.012) if self.width > 1.7 else ()
        return path, widths, [self._branch(rng, path[at], heading[at]) for at in forks]

    def _branch(self, rng: np.random.Generator, start: np.ndarray, heading: float) -> "Walk":
        turn = rng.choice([-1, 1]) * rng.uniform(0.5, 1.3)
        length = self.length * rng.uniform(0.2, 0.6)
        return Walk(tuple(start), heading + turn, self.width * rng.uniform(0.65, 0.9), length)


def generate(
    seed: int = 0, *, train: int = 94, test: int = 24
) -> tuple[list[Sample], list[Sample]]:
    """Return training and test samples; the same seed gives the same samples.

    Args:
        seed: Seed of everything that is drawn.
        train: Number of training samples.
        test: Number of test samples.

    Returns:
        Samples of an image ``(3, 160, 240)`` in 0..1 and a mask ``(1, 160, 240)`` of 0 and 1.

    Example:
        >>> train, test = generate(train=2, test=1)
        >>> image, mask = train[0]
        >>> image.shape, mask.shape
        (torch.Size([3, 160, 240]), torch.Size([1, 160, 240]))
    """
    rngs = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]
    seen, unseen = zip(*(_parts(photo) for photo in (data.gravel(), data.brick())), strict=True)
    return (
        [_sample(rngs[0], seen) for _ in range(train)],
        [_sample(rngs[1], unseen) for _ in range(test)],
    )


def _parts(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cut = round(photo.shape[1] * TRAIN_PART)
    return photo[:, :cut], photo[:, cut:]


def _sample(rng: np.random.Generator, photos: tuple[np.ndarray, np.ndarray]) -> Sample:
    gravel, brick = photos
    # One wall in four; the rest looks like asphalt.
    surface = Surface(brick, (0.5, 0.9)) if rng.random() < 0.25 else Surface(gravel, (0.22, 0.4))
    cover = _cracks(rng)
    depth = rng.uniform(0.13, 0.27) * (0.65 + 0.35 * _cloud(rng, radius=8))
    image = rng.uniform(0.42, 0.62) + rng.uniform(0.035, 0.05) * surface.view(rng)
    image = image + 0.02 * _cloud(rng, radius=40) - 0.12 * _stains(rng) - depth * cover
    tint = rng.normal(0, 0.012, (3, 1, 1))
    grain = rng.normal(0, 0.012, (3, HEIGHT, WIDTH))
    pixels = torch.from_numpy((image + tint + grain).clip(0, 1).astype(np.float32))
    return pixels, torch.from_numpy(cover >= 0.5).float()[None]


def _cracks(rng: np.random.Generator) -> np.ndarray:
    """Return how much of each pixel is crack, in 0..1."""
    sheet = Image.new("L", (WIDTH * FINE, HEIGHT * FINE))
    pen = ImageDraw.Draw(sheet)
    walks = [_across(rng) for _ in range(rng.integers(1, 3))]
    while walks:
        path, widths, branches = walks.pop().grow(rng)
        walks += branches
        for (x, y), radius in zip(FINE * path, FINE * widths / 2, strict=True):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(sheet.reduce(FINE), dtype=np.float32) / 255


def _across(rng: np.random.Generator) -> Walk:
    """Return a walk that starts near the middle of a side and heads into the image."""
    width, length = rng.uniform(1.6, 3.2), rng.uniform(90, 320)
    if rng.random() < 0.5:
        return Walk((0.0, rng.uniform(10, HEIGHT - 10)), rng.normal(0, 0.3), width, length)
    return Walk((rng.uniform(10, WIDTH - 10), 0.0), np.pi / 2 + rng.normal(0, 0.3), width, length)


def _stains(rng: np.random.Generator) -> np.ndarray:
    """Return up to two soft dark ellipses in 0..1: dark as a crack, but not long and thin."""
    sheet = Image.new("L", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(sheet)
    for _ in range(rng.integers(3)):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        across, down = rng.uniform(3, 14, 2)
        pen.ellipse((x - across, y - down, x + across, y + down), fill=int(rng.integers(100, 255)))
    return np.asarray(sheet.filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float32) / 255


def _cloud(rng: np.random.Generator, *, radius: int) -> np.ndarray:
    """Return smooth random hills, from -1 to 1, of about the given size."""
    coarse = rng.uniform(-1, 1, (HEIGHT // radius + 2, WIDTH // radius + 2)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def _mirrored(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Return ``count`` neighbouring indices below ``size``, reflected at both ends."""
    position = (rng.integers(2 * size) + np.arange(count)) % (2 * size)
    return np.minimum(position, 2 * size - 1 - position)
