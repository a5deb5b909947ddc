"""What models see: images, truths and predictions of several runs on one sheet."""

import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pl_losses.plots.canvas import INK, QUIET, RULE, blank_figure, save_figure
from pl_losses.plots.verdicts import COLORS, f1_score, verdict_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 1.7  # inches
TITLE_LETTERS = 28


def draw_prediction_sheet(
    images: Tensor,
    truths: Tensor,
    predictions: Mapping[str, Tensor],
    path: str | Path,
    *,
    threshold: float | Mapping[str, float] = 0.5,
    titles: Mapping[str, str] | None = None,
) -> Path:
    """Draw images, truths and the predictions of runs, as a PNG: a row for each image.

    Where a prediction rightly sees nothing it is a grey that darkens with the probability;
    elsewhere the colour says whether the element is found, a false alarm or missed, and the depth
    of the colour how sure the model is. Below each prediction stands its own F1.

    Args:
        images: Shape ``(N, C, H, W)`` or ``(N, H, W)``: bytes, or floats from 0 to 1; others are
            stretched to that range, each image by itself. Unless C is 3, channels are averaged.
        truths: Shape ``(N, H, W)`` or ``(N, 1, H, W)``: 1 is positive, 0 negative, and all else
            ignored.
        predictions: For each run the probabilities, in the shape of the truths.
        path: Where the picture goes.
        threshold: From which probability on an element is positive, for all runs or for each.
        titles: The figure over a run's column; without it, the F1 over the images shown.

    Returns:
        The path of the picture.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If there are no images, or the shapes do not match.

    Example:
        >>> import tempfile
        >>> image, truth = torch.zeros(1, 3, 8, 8), torch.eye(8)[None]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw_prediction_sheet(image, truth, {"mse": truth}, f"{folder}/sheet.png").name
        'sheet.png'
    """
    if not len(images):
        raise ValueError("`images` must have at least one image; got none.")
    size = (len(images), *images.shape[-2:])
    truths = _maps("truths", truths, size)
    runs = {name: _maps(f"predictions[{name!r}]", p, size) for name, p in predictions.items()}
    cuts = threshold if isinstance(threshold, Mapping) else dict.fromkeys(runs, threshold)
    figure, columns = _grid(size, 2 + len(runs))
    _fill(columns[0], "image", [_picture(image) for image in images])
    # A truth is a prediction without fault.
    _fill(columns[1], "truth", [verdict_image(truth, truth, 0.5) for truth in truths])
    for column, (name, p) in zip(columns[2:], runs.items(), strict=True):
        score = (titles or {}).get(name, f"F1 {f1_score(truths, p, cuts[name]):.3f}")
        title = f"{textwrap.fill(name, TITLE_LETTERS)}\n{score}, p ≥ {cuts[name]:.2f}"
        _fill(
            column,
            title,
            [verdict_image(*pair, cuts[name]) for pair in zip(truths, p, strict=True)],
        )
        for axes, *pair in zip(column, truths, p, strict=True):
            _score_below(axes, f1_score(pair[0], pair[1], cuts[name]))
    _add_key(figure)
    return save_figure(figure, path)


def _grid(size: tuple[int, ...], columns: int) -> "tuple[Figure, list[list[Axes]]]":
    count, height, width = size
    # Very long or very high images would leave no room for the words.
    cell = CELL * min(2.5, max(0.3, height / width))
    figure = blank_figure(CELL * columns + 0.1, (cell + 0.18) * count + 0.9)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.0)
    cells = figure.subplots(count, columns, squeeze=False)
    return figure, [list(cells[:, at]) for at in range(columns)]


def _fill(column: "list[Axes]", title: str, pictures: list[Tensor]) -> None:
    column[0].set_title(title, fontsize=8, color=INK, parse_math=False)
    for axes, picture in zip(column, pictures, strict=True):
        axes.imshow(picture.numpy(), vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(RULE)


def _score_below(axes: "Axes", f1: float) -> None:
    axes.set_xlabel("no data" if math.isnan(f1) else f"F1 {f1:.2f}", fontsize=7, color=QUIET)
    axes.xaxis.labelpad = 2


def _add_key(figure: "Figure") -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=color, label=label) for label, color in COLORS.items()]
    figure.legend(
        handles=patches,
        loc="outside lower center",
        ncols=len(patches),
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        handlelength=1,
        handleheight=1,
    )


def _picture(image: Tensor) -> Tensor:
    """Return an image in shape ``(H, W, 3)`` with values from 0 to 1."""
    values = image.detach().cpu().float()
    if image.dtype == torch.uint8:
        values = values / 255
    values = values.nan_to_num(0, 0, 0)
    low, high = values.min(), values.max()
    if low < 0 or high > 1:
        values = (values - low) / (high - low).clamp_min(1e-12)
    channels = values.reshape(-1, *values.shape[-2:])
    channels = channels if len(channels) == 3 else channels.mean(0).expand(3, -1, -1)
    return channels.movedim(0, -1)


def _maps(name: str, tensor: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return one map for each image, on the CPU, with a single channel taken away."""
    maps = tensor.squeeze(1) if tensor.ndim == 4 else tensor
    if maps.shape != size:
        raise ValueError(
            f"`{name}` must have shape {size}, as the images; got shape {tuple(tensor.shape)}."
        )
    return maps.detach().cpu().float()
