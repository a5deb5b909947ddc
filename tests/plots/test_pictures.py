"""Pictures are whole PNGs, made of what they were given, and leave no trace elsewhere."""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure

from pl_losses.plots import (
    Curve,
    canvas,
    curves,
    draw_loss_curves,
    draw_prediction_sheet,
    draw_training_curves,
    sheet,
    training,
)

AWKWARD = ["_hidden", "cost in $", "$\\frac{$", "<b>", "a" * 60]


def square(name: str = "mse") -> Curve:
    x = torch.linspace(-1, 1, 20)
    return Curve(name, x, x**2, 2 * x)


def history(count: int = 5) -> dict[str, tuple[list[float], list[float]]]:
    steps = [float(at) for at in range(count)]
    return {"val/loss": (steps, [1 / (1 + at) for at in steps])}


def draw_curves(path: Path, name: str = "mse") -> Path:
    return draw_loss_curves([square(name)], path, "residual")


def draw_training(path: Path, name: str = "mse") -> Path:
    return draw_training_curves({name: history()}, ["val/loss"], path)


def draw_sheet(path: Path, name: str = "mse") -> Path:
    truth = torch.eye(8)[None]
    return draw_prediction_sheet(torch.zeros(1, 3, 8, 8), truth, {name: truth}, path)


every_picture = pytest.mark.parametrize("draw", [draw_curves, draw_training, draw_sheet])
Draw = Callable[..., Path]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved, to look into."""
    figures: list[Figure] = []

    def save(figure: Figure, path: Path) -> Path:
        figures.append(figure)
        return canvas.save_figure(figure, path)

    for module in (curves, training, sheet):
        monkeypatch.setattr(module, "save_figure", save)
    return figures


@every_picture
def test_is_a_png_at_the_path(draw: Draw, tmp_path: Path) -> None:
    path = draw(tmp_path / "new" / "picture.png")
    assert path == tmp_path / "new" / "picture.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
    assert [each.name for each in path.parent.iterdir()] == ["picture.png"]


@every_picture
def test_same_numbers_give_the_same_bytes(draw: Draw, tmp_path: Path) -> None:
    assert draw(tmp_path / "a.png").read_bytes() == draw(tmp_path / "b.png").read_bytes()


@every_picture
@pytest.mark.parametrize("name", AWKWARD)
def test_any_name_is_drawn_as_it_is(
    draw: Draw, name: str, tmp_path: Path, drawn: list[Figure]
) -> None:
    draw(tmp_path / "picture.png", name)
    words = drawn[0].legends[0].get_texts() + [axes.title for axes in drawn[0].axes]
    joined = "|".join(word.get_text().replace("\n", "") for word in words)
    assert name in joined


@every_picture
def test_a_failure_leaves_the_old_picture(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = draw(tmp_path / "picture.png").read_bytes()

    def fails(_: Figure, path: Path, **options: object) -> None:
        path.write_bytes(b"half")
        raise OSError("The disk is full.")

    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(OSError, match="disk is full"):
        draw(tmp_path / "picture.png")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"picture.png": before}


@every_picture
def test_a_new_picture_takes_the_place_of_the_old_at_once(draw: Draw, tmp_path: Path) -> None:
    path = draw(tmp_path / "picture.png", "old")
    # A second name for the old file: whoever still reads it must not see it change.
    (tmp_path / "reader.png").hardlink_to(path)
    before = path.read_bytes()
    draw(path, "new")
    assert path.read_bytes() != before
    assert (tmp_path / "reader.png").read_bytes() == before


@every_picture
def test_global_settings_stay(draw: Draw, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw(tmp_path / "picture.png")
    assert dict(matplotlib.rcParams) == before


def test_matplotlib_waits_until_it_is_needed() -> None:
    for path in Path(canvas.__file__).parent.glob("*.py"):
        # What stands at the left margin is run by an import; the rest is not.
        lines = [line for line in path.read_text().splitlines() if "matplotlib" in line]
        assert not [line for line in lines if line.startswith(("import", "from"))]


@every_picture
def test_without_matplotlib_one_line_says_what_to_install(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"^Pictures need matplotlib: pip install .*\[plots\]$"):
        draw(tmp_path / "picture.png")


def test_numbers_may_be_tensors_of_any_dtype_with_a_gradient(tmp_path: Path) -> None:
    x = torch.linspace(0, 1, 5, dtype=torch.bfloat16, requires_grad=True)
    assert draw_loss_curves([Curve("x", x, x * 2, x)], tmp_path / "x.png", "x").exists()


def test_a_spike_is_cut_off_and_said_to_be(tmp_path: Path, drawn: list[Figure]) -> None:
    x = torch.linspace(0.001, 1, 200, dtype=torch.float64)
    draw_loss_curves([Curve("log", x, -x.log(), -1 / x)], tmp_path / "log.png", "probability")
    value, gradient = drawn[0].axes
    assert value.get_title(loc="left") == "value"
    assert gradient.get_title(loc="left") == "gradient (cut off)"
    assert -200 < gradient.get_ylim()[0] < -5


def test_curves_must_match_in_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`gradient` of 'x' must have 2 numbers, as `x`; got 1"):
        draw_loss_curves([Curve("x", [0, 1], [0, 1], [0])], tmp_path / "x.png", "x")


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`curves` must have at least one curve"):
        draw_loss_curves([], tmp_path / "x.png", "x")
    with pytest.raises(ValueError, match="must not be empty; got 0 runs and 1 keys"):
        draw_training_curves({}, ["loss"], tmp_path / "x.png")
    with pytest.raises(ValueError, match="at least one image"):
        draw_prediction_sheet(torch.zeros(0, 3, 4, 4), torch.zeros(0, 4, 4), {}, tmp_path / "x.png")


def test_many_runs_look_different() -> None:
    assert len({canvas.line_look(place) for place in range(28)}) == 28


def test_a_run_keeps_its_colour_where_another_is_missing(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    runs = {"a": {}, "b": history(), "c": history()}
    draw_training_curves(runs, ["val/loss"], tmp_path / "runs.png")
    assert [line.get_color() for line in drawn[0].axes[0].lines] == list(canvas.COLORS[1:3])


def test_a_key_that_nobody_logged_says_no_data(tmp_path: Path, drawn: list[Figure]) -> None:
    nothing = {"val/f1": ([0.0, 1.0], [math.nan, math.nan])}
    draw_training_curves({"a": nothing}, ["val/f1", "val/iou"], tmp_path / "runs.png")
    assert [axes.texts[0].get_text() for axes in drawn[0].axes] == ["no data", "no data"]


def test_a_long_line_is_a_running_mean_and_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_training_curves({"a": history(1200)}, ["val/loss"], tmp_path / "runs.png")
    axes = drawn[0].axes[0]
    assert axes.get_title(loc="left") == "val/loss (mean of 20)"
    assert axes.lines[0].get_ydata()[1] == pytest.approx((1 + 1 / 2) / 2)
    assert axes.get_yscale() == "log"


def test_each_run_of_a_sheet_has_its_threshold(tmp_path: Path, drawn: list[Figure]) -> None:
    truth = torch.eye(4)[None]
    predictions = {"low": truth * 0.3, "high": truth * 0.3}
    cuts = {"low": 0.2, "high": 0.5}
    images = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    draw_prediction_sheet(images, truth, predictions, tmp_path / "s.png", threshold=cuts)
    titles = [axes.get_title() for axes in drawn[0].axes]
    assert titles[2:] == ["low\nF1 1.000, p ≥ 0.20", "high\nF1 0.000, p ≥ 0.50"]


def test_a_sheet_of_wrong_shapes_is_refused(tmp_path: Path) -> None:
    images, truths = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    with pytest.raises(ValueError, match=r"`predictions\['mse'\]` must have shape \(2, 4, 4\)"):
        draw_prediction_sheet(images, truths, {"mse": truths[:1]}, tmp_path / "s.png")


def test_images_are_brought_to_the_range_that_can_be_seen() -> None:
    bytes_ = sheet._picture(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    stretched = sheet._picture(torch.tensor([[[-2.0, 2.0]]]))
    assert bytes_.tolist() == stretched.tolist() == [[[0.0] * 3, [1.0] * 3]]
