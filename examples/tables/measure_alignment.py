"""Error of the angle in degrees, against generated heat-maps whose angle is known.

Run it with ``python -m examples.tables.measure_alignment``; the Hough transform is measured
too where OpenCV is installed.
"""

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from examples.tables.alignment import profile_angle
from examples.tables.hough import hough_angle
from examples.tables.pages import Table, ink, turn

SIZE = 256


def heat_map(rng: np.random.Generator, degrees: float) -> Tensor:
    """Return a heat-map ``(256, 256)`` as a network might give it: gaps, blur and noise."""
    table = Table.draw(rng, size=SIZE, degrees=degrees)
    lines = ink(turn(table.lines, degrees, SIZE), width=rng.uniform(1.5, 3.0), size=SIZE)
    gaps = np.asarray(Image.fromarray(rng.random((16, 16), dtype=np.float32)).resize((SIZE, SIZE)))
    blurred = Image.fromarray(np.uint8(255 * lines * (gaps > 0.3))).filter(
        ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5))
    )
    heat = np.asarray(blurred) / np.max(blurred) + rng.normal(0, 0.1, (SIZE, SIZE))
    specks = rng.random((SIZE, SIZE)) < 0.005
    return torch.from_numpy(np.maximum(heat, specks).clip(0, 1)).float()


def errors(angle: Callable[[Tensor], float], *, count: int, seed: int) -> list[float]:
    """Return by how many degrees each of ``count`` angles, up to 30 degrees, is missed."""
    rng = np.random.default_rng(seed)
    truths = rng.uniform(-30, 30, count)
    return [abs(angle(heat_map(rng, truth)) - truth) for truth in truths]


def main() -> None:
    """Print a table: mean and largest error, and time, of each method."""
    methods = {"projection profile": profile_angle}
    if find_spec("cv2"):
        methods["Sobel + Hough (OpenCV)"] = hough_angle
    sys.stdout.write("| method | mean error | largest error | ms |\n|---|---|---|---|\n")
    level = heat_map(np.random.default_rng(0), 0.0)
    for name, angle in methods.items():
        found = errors(angle, count=40, seed=0)
        start = time.perf_counter()
        for _ in range(10):
            angle(level)
        spent = 100 * (time.perf_counter() - start)
        sys.stdout.write(f"| {name} | {np.mean(found):.3f} | {max(found):.2f} | {spent:.0f} |\n")


if __name__ == "__main__":
    main()
