"""How runs went: one panel per logged name, one line per run."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from pl_losses.plots.canvas import (
    QUIET,
    Numbers,
    add_legend,
    blank_figure,
    draw_line,
    dress,
    floats,
    save_figure,
)
from pl_losses.plots.ranges import shown_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History = Mapping[str, tuple[Numbers, Numbers]]
Line = tuple[list[float], list[float]]

MOST_POINTS = 120
COLUMNS = 3
LOG_FROM = 30.0


def draw_training_curves(
    runs: Mapping[str, History], keys: Sequence[str], path: str | Path
) -> Path:
    """Draw what runs logged, as a PNG: a panel for each key, a line for each run.

    A line of more than 120 points is drawn as a running mean, and the panel's title says over how
    many; an axis of positive values that span more than a factor of 30 is logarithmic.

    Args:
        runs: For each run what it logged: name -> (steps, values).
        keys: The logged names to draw. A run that lacks one has no line in that panel.
        path: Where the picture goes.

    Returns:
        The path of the picture.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If there are no runs or no keys.

    Example:
        >>> import tempfile
        >>> runs = {"mse": {"val/loss": ([1, 2, 3], [0.9, 0.5, 0.4])}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw_training_curves(runs, ["val/loss"], f"{folder}/training.png").name
        'training.png'
    """
    if not runs or not keys:
        raise ValueError(
            f"`runs` and `keys` must not be empty; got {len(runs)} runs and {len(keys)} keys."
        )
    columns = min(COLUMNS, len(keys))
    rows = math.ceil(len(keys) / columns)
    figure = blank_figure(max(6.0, 4.2 * columns), 3.0 * rows + 0.8)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, key in zip(panels, keys, strict=False):
        _draw_panel(axes, key, list(runs.values()))
    for axes in panels[len(keys) :]:
        axes.set_axis_off()
    add_legend(figure, list(runs))
    return save_figure(figure, path)


def running_mean(values: Sequence[float], width: int) -> list[float]:
    """Return the mean of the last ``width`` values at each place, of fewer at the start.

    Example:
        >>> running_mean([1.0, 3.0, 5.0], 2)
        [1.0, 2.0, 4.0]
    """
    sums = [0.0, *accumulate(values)]
    return [
        (sums[at] - sums[max(0, at - width)]) / min(at, width) for at in range(1, len(values) + 1)
    ]


def _draw_panel(axes: "Axes", key: str, runs: Sequence[History]) -> None:
    lines = {at: _finite(*run[key]) for at, run in enumerate(runs) if key in run}
    longest = max((len(y) for _, y in lines.values()), default=0)
    width = math.ceil(longest / MOST_POINTS) * 2 if longest > MOST_POINTS else 1
    dress(axes, key if width == 1 else f"{key} (mean of {width})", "step")
    if not longest:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color=QUIET)
        return
    smooth = {at: (x, running_mean(y, width)) for at, (x, y) in lines.items()}
    for at, (x, y) in smooth.items():
        draw_line(axes, x, y, at)
    _set_scale(axes, [y for _, y in smooth.values()])


def _set_scale(axes: "Axes", lines: Sequence[Sequence[float]]) -> None:
    low = min(min(line, default=math.inf) for line in lines)
    high = max(max(line, default=-math.inf) for line in lines)
    if low > 0 and high / low > LOG_FROM:
        _set_log_scale(axes)
    else:
        shown = shown_range(lines)
        axes.set_ylim(shown.low, shown.high)


def _set_log_scale(axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _finite(steps: Numbers, values: Numbers) -> Line:
    points = zip(floats(steps), floats(values), strict=True)
    kept = [(step, value) for step, value in points if math.isfinite(value)]
    return [step for step, _ in kept], [value for _, value in kept]
