"""A figure to draw on, and the look that all pictures share."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = Sequence[float] | Tensor

INK = "#222222"
QUIET = "#767676"
RULE = "#E3E3E3"

# Okabe and Ito's colours, which colour-blind people can tell apart, without the yellow, which
# nobody can see on white. After the last colour the line is dashed and the colours begin anew.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# As matplotlib reads them: an offset, then the lengths of strokes and gaps.
DASHES: tuple[tuple[float, Sequence[float]], ...] = (
    (0, ()),
    (0, (4, 1.6)),
    (0, (1, 1.4)),
    (0, (5, 1.4, 1, 1.4)),
)
DOTS_PER_INCH = 150


def blank_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of a size in inches, which no global state knows of.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install pl-losses[plots]") from None
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    figure.set_facecolor("white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: "Figure", path: str | Path) -> Path:
    """Write the figure as a PNG that is there as a whole or not at all; return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        # Without the version of matplotlib, so that the same numbers give the same bytes.
        figure.savefig(partial, format="png", metadata={"Software": None})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def floats(numbers: Numbers) -> list[float]:
    """Return numbers, perhaps a tensor of any dtype on any device, as a list."""
    return numbers.tolist() if isinstance(numbers, Tensor) else [float(each) for each in numbers]


def dress(axes: "Axes", title: str, xlabel: str = "") -> None:
    """Give a panel its title and quiet rules in place of a box."""
    axes.set_title(title, loc="left", fontsize=10, color=INK, parse_math=False)
    axes.set_xlabel(xlabel, fontsize=9, color=INK, parse_math=False)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=QUIET, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(RULE)


def line_look(place: int) -> tuple[str, tuple[float, Sequence[float]]]:
    """Return the colour and the dash of a line, by its place among the lines."""
    return COLORS[place % len(COLORS)], DASHES[place // len(COLORS) % len(DASHES)]


def draw_line(axes: "Axes", x: Sequence[float], y: Sequence[float], place: int) -> None:
    """Draw one line, in the colour and dash of its place among the lines."""
    color, dash = line_look(place)
    axes.plot(
        x,
        y,
        color=color,
        linestyle=dash,
        # A line of one or two points would hardly show.
        marker="o" if len(y) < 3 else "",
        markersize=4,
        linewidth=1.7,
    )


def add_legend(figure: "Figure", names: Sequence[str]) -> None:
    """Name the lines, by their places, below the panels."""
    from matplotlib.lines import Line2D

    looks = [line_look(place) for place in range(len(names))]
    handles = [Line2D([], [], color=color, linestyle=dash, linewidth=2) for color, dash in looks]
    widest = max(len(name) for name in names)
    fitting = int(figure.get_figwidth() * 14 / (widest + 8))
    legend = figure.legend(
        handles,
        # Placeholders: a label that begins with "_" would be left out.
        [str(at) for at in range(len(names))],
        loc="outside lower center",
        ncols=max(1, min(len(names), fitting)),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handlelength=2.4,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
