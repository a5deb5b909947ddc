"""Generated pages with one ruled table each: faint lines, text, stray lines, a slight turn.

Angles are in degrees, clockwise as seen, since y points down. Boxes are left, top, right, bottom
in pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

SIZE = 64
# Lines are drawn at four times the size, then shrunk by area: a pixel's value is how much of it
# the ink covers.
FINE = 4


@dataclass(frozen=True)
class Table:
    """A table before its page is turned, in pixels from the page's centre.

    Args:
        columns: Where the vertical lines are, from left to right.
        rows: Where the horizontal lines are, from top to bottom.
    """

    columns: np.ndarray
    rows: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, *, size: int, degrees: float) -> "Table":
        """Return a table that still lies on a page of the given size when that is turned."""
        radians = np.deg2rad(abs(degrees))
        half = 0.47 * size / (np.cos(radians) + np.sin(radians))
        return cls(_rulings(rng, half, narrowest=7), _rulings(rng, half, narrowest=5))

    @property
    def lines(self) -> np.ndarray:
        """Both ends of each line, shape ``(lines, 2, 2)``."""
        left, right, top, bottom = *self.columns[[0, -1]], *self.rows[[0, -1]]
        vertical = [[(x, top), (x, bottom)] for x in self.columns]
        return np.array(vertical + [[(left, y), (right, y)] for y in self.rows])

    def is_beside(self, other: "Table") -> bool:
        """Return whether the two do not overlap."""
        pairs = ((self.columns, other.columns), (self.rows, other.rows))
        return any(one[-1] < two[0] or two[-1] < one[0] for one, two in pairs)


@dataclass(frozen=True)
class Page:
    """A page and its truth.

    Args:
        image: Grey values in 0..1, shape ``(1, size, size)``.
        heat: 1 on the lines of the table, else 0; shape ``(1, size, size)``.
        box: The upright box around the turned table, shape ``(4,)``.
        degrees: By how much the page is turned.
    """

    image: Tensor
    heat: Tensor
    box: Tensor
    degrees: float


def generate(count: int, seed: int) -> list[Page]:
    """Return pages; the same seed gives the same pages.

    Example:
        >>> (page,) = generate(1, seed=0)
        >>> page.image.shape, page.heat.shape, page.box.shape
        (torch.Size([1, 64, 64]), torch.Size([1, 64, 64]), torch.Size([4]))
    """
    rng = np.random.default_rng(seed)
    return [_page(rng) for _ in range(count)]


def turn(points: np.ndarray, degrees: float, size: int) -> np.ndarray:
    """Return where points ``(*, 2)``, counted from the centre, lie on the turned page."""
    radians = np.deg2rad(degrees)
    cos, sin = np.cos(radians), np.sin(radians)
    return points @ np.array([[cos, sin], [-sin, cos]]) + size / 2


def ink(lines: np.ndarray, *, width: float, size: int) -> np.ndarray:
    """Return how much of each pixel the lines ``(lines, 2, 2)`` cover, in 0..1."""
    sheet = Image.new("L", (size * FINE, size * FINE))
    pen = ImageDraw.Draw(sheet)
    for start, end in FINE * lines:
        pen.line((*start, *end), fill=255, width=round(FINE * width))
    return np.asarray(sheet.reduce(FINE), dtype=np.float32) / 255


def _page(rng: np.random.Generator) -> Page:
    degrees = rng.uniform(-8, 8)
    table = Table.draw(rng, size=SIZE, degrees=degrees)
    lines = turn(table.lines, degrees, SIZE)
    text = turn(np.concatenate([_cells(rng, table), _paragraphs(rng, table)]), degrees, SIZE)
    others = np.concatenate([_strays(rng), turn(_frames(rng, table), degrees, SIZE)])
    rulings = ink(lines, width=1.5, size=SIZE)
    image = rng.uniform(0.75, 0.95) + rng.normal(0, 0.05, (SIZE, SIZE))
    image -= rng.uniform(0.08, 0.2) * np.maximum(rulings, ink(others, width=1.5, size=SIZE))
    image -= rng.uniform(0.3, 0.6) * ink(text, width=1.0, size=SIZE)
    return Page(
        image=torch.from_numpy(image.clip(0, 1).astype(np.float32))[None],
        heat=torch.from_numpy(rulings >= 0.5).float()[None],
        box=torch.from_numpy(np.concatenate([lines.min((0, 1)), lines.max((0, 1))])).float(),
        degrees=degrees,
    )


def _rulings(rng: np.random.Generator, half: float, *, narrowest: float) -> np.ndarray:
    """Return where parallel lines lie: two to six spaces, of unlike width."""
    length = rng.uniform(0.6, 1.6) * half
    start = rng.uniform(-half, half - length)
    most = np.clip(length // narrowest, 2, 6)
    spaces = rng.uniform(0.7, 1.3, rng.integers(2, most + 1))
    return start + length * np.concatenate([[0], np.cumsum(spaces) / spaces.sum()])


def _cells(rng: np.random.Generator, table: Table) -> np.ndarray:
    """Return strokes of text in most cells of a table."""
    strokes = [
        [
            (left + margin, (top + bottom) / 2),
            (right - margin * rng.uniform(1, 3), (top + bottom) / 2),
        ]
        for left, right in zip(table.columns[:-1], table.columns[1:], strict=True)
        for top, bottom in zip(table.rows[:-1], table.rows[1:], strict=True)
        for margin in [0.2 * (right - left)]
        if rng.random() < 0.7
    ]
    return np.array(strokes).reshape(-1, 2, 2)


def _paragraphs(rng: np.random.Generator, table: Table) -> np.ndarray:
    """Return strokes of text above and below a table, in words."""
    above = np.arange(table.rows[0] - 4, -SIZE / 2, -4)
    below = np.arange(table.rows[-1] + 4, SIZE / 2, 4)
    strokes = []
    for y in np.concatenate([above, below]):
        ends = np.cumsum(rng.uniform(2, 9, 12)) - 0.45 * SIZE
        words = np.stack([ends[:-1] + 1.5, ends[1:]], 1)
        strokes += [[(a, y), (b, y)] for a, b in words if b < 0.45 * SIZE and b > a]
    kept = [stroke for stroke in strokes if rng.random() < 0.8]
    return np.array(kept).reshape(-1, 2, 2)


def _frames(rng: np.random.Generator, table: Table) -> np.ndarray:
    """Return the sides of up to three frames beside a table: outlined like it, but not ruled."""
    sides = []
    for _ in range(rng.integers(4)):
        middle, half = rng.uniform(-0.4 * SIZE, 0.4 * SIZE, 2), rng.uniform(4, 14, 2)
        frame = Table(*(np.array([m - h, m + h]) for m, h in zip(middle, half, strict=True)))
        if frame.is_beside(table):
            sides.append(frame.lines)
    return np.concatenate([np.empty((0, 2, 2)), *sides])


def _strays(rng: np.random.Generator) -> np.ndarray:
    """Return up to three lines that belong to no table, in any direction."""
    return rng.uniform(0, SIZE, (rng.integers(4), 2, 2))
