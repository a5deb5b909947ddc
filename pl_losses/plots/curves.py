"""What a loss says, and which way it pushes: value and gradient side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Curve:
    """A loss over a range of predictions.

    Args:
        name: What the legend calls it.
        x: The predictions: probabilities, logits or residuals.
        value: The loss at each of them.
        gradient: Its slope at each of them.
    """

    name: str
    x: Numbers
    value: Numbers
    gradient: Numbers


def draw_loss_curves(curves: Sequence[Curve], path: str | Path, xlabel: str) -> Path:
    """Draw the values of losses on the left and their gradients on the right, as a PNG.

    A spike at the end of a range, such as the slope of a logarithm near 0, is cut off and the
    panel's title says so: it would press all other curves flat.

    Args:
        curves: The losses, in the order of the legend.
        path: Where the picture goes.
        xlabel: What the predictions are, with their unit if they have one.

    Returns:
        The path of the picture.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If there are no curves, or the lengths of one curve differ.

    Example:
        >>> import tempfile
        >>> square = Curve("mse", [-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [-2.0, 0.0, 2.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw_loss_curves([square], f"{folder}/mse.png", "residual").name
        'mse.png'
    """
    if not curves:
        raise ValueError("`curves` must have at least one curve; got none.")
    figure = blank_figure(10, 4.2)
    for axes, title in zip(figure.subplots(1, 2), ("value", "gradient"), strict=True):
        lines = [_line(curve, title) for curve in curves]
        shown = shown_range([y for _, y in lines])
        dress(axes, f"{title} (cut off)" if shown.cut else title, xlabel)
        axes.axhline(0, color=QUIET, linewidth=0.8)
        for place, (x, y) in enumerate(lines):
            draw_line(axes, x, y, place)
        axes.set_ylim(shown.low, shown.high)
        axes.margins(x=0)
    add_legend(figure, [curve.name for curve in curves])
    return save_figure(figure, path)


def _line(curve: Curve, which: str) -> tuple[list[float], list[float]]:
    x, y = floats(curve.x), floats(curve.value if which == "value" else curve.gradient)
    if len(x) != len(y):
        raise ValueError(
            f"`{which}` of {curve.name!r} must have {len(x)} numbers, as `x`; got {len(y)}."
        )
    return x, y
