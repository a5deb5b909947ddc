"""Reading the angle of a page from its heat-map, turning the page level, and going back."""

import numpy as np
import pytest
import torch

from examples.tables.alignment import Levelling, detect_level, profile_angle
from examples.tables.hough import hough_angle, mean_angle
from examples.tables.measure_alignment import errors, heat_map, main
from examples.tables.pages import Page, generate


def test_known_angles_are_read_to_a_tenth_of_a_degree() -> None:
    found = errors(profile_angle, count=12, seed=1)
    assert np.mean(found) < 0.1
    assert max(found) < 0.3


@pytest.mark.parametrize("degrees", [-0.3, 0.0, 0.3])
def test_a_page_that_is_almost_level_is_not_called_level(degrees: float) -> None:
    heat = heat_map(np.random.default_rng(4), degrees)
    assert profile_angle(heat) == pytest.approx(degrees, abs=0.12)


def test_the_angle_of_a_small_page_is_read_too() -> None:
    missed = [abs(profile_angle(page.heat[0]) - page.degrees) for page in generate(20, seed=0)]
    assert np.mean(missed) < 0.3


def test_weight_counts_as_little_as_the_threshold_says() -> None:
    heat = heat_map(np.random.default_rng(0), 12.0)
    veil = 0.4 * heat_map(np.random.default_rng(1), -20.0)
    assert profile_angle(torch.maximum(heat, veil)) == pytest.approx(12.0, abs=0.3)


def test_a_heat_map_without_a_line_is_level() -> None:
    assert profile_angle(torch.full((32, 32), 0.3)) == 0


def test_the_heat_map_may_be_wide_or_have_one_pixel() -> None:
    heat = torch.zeros(40, 200)
    heat[20, 20:180] = 1
    assert profile_angle(heat) == pytest.approx(0, abs=0.05)
    heat = torch.zeros(8, 8)
    heat[3, 3] = 1
    assert abs(profile_angle(heat)) <= 42


def test_segments_are_averaged_in_the_form_of_either_opencv() -> None:
    segments = np.array([[0, 0, 10, 1], [0, 5, 10, 6], [5, 0, 5, 9], [0, 0, 3, 9]], dtype=np.int32)
    expected = np.rad2deg(np.arctan(0.1))
    assert mean_angle(segments) == pytest.approx(expected)
    assert mean_angle(segments[:, None]) == pytest.approx(expected)


def test_no_segment_or_only_upright_ones_is_level() -> None:
    assert mean_angle(None) == 0
    assert mean_angle(np.array([[5, 0, 5, 9]])) == 0


def test_opencv_reads_known_angles_to_a_degree() -> None:
    pytest.importorskip("cv2")
    found = errors(hough_angle, count=12, seed=1)
    assert np.mean(found) < 0.6
    assert hough_angle(torch.zeros(64, 64)) == 0


@pytest.mark.parametrize("degrees", [-20.0, 5.0, 31.0])
def test_levelling_takes_the_angle_out(degrees: float) -> None:
    heat = heat_map(np.random.default_rng(2), degrees)
    level = Levelling(degrees, *heat.shape).level(heat[None])
    assert profile_angle(level[0], threshold=0.3) == pytest.approx(0, abs=0.15)


def test_image_and_heat_map_turn_together() -> None:
    page = generate(1, seed=3)[0]
    turned = Levelling(17.0, 64, 64).level(torch.cat([page.heat, page.heat]))
    torch.testing.assert_close(turned[0], turned[1], rtol=0, atol=0)


def test_no_turn_changes_nothing() -> None:
    page = generate(1, seed=3)[0]
    levelling = Levelling(0.0, 64, 64)
    assert levelling.shrinkage == 1
    torch.testing.assert_close(levelling.level(page.image), page.image, rtol=0, atol=1e-5)
    boxes = torch.tensor([[3.0, 4, 20, 30]])
    torch.testing.assert_close(levelling.original(boxes), boxes)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 80), (80, 40)])
def test_all_of_the_page_stays_in_sight(height: int, width: int) -> None:
    corners = torch.zeros(4, height, width)
    for corner, (row, column) in zip(corners, [(1, 1), (1, -5), (-5, 1), (-5, -5)], strict=True):
        corner[row : row + 4, column : column + 4] = 1
    level = Levelling(25.0, height, width).level(corners)
    assert level.shape == corners.shape
    assert (level.amax((1, 2)) > 0.5).all()


def level_boxes(page: Page, levelling: Levelling) -> torch.Tensor:
    """Return the box around the lines of the levelled heat-map."""
    y, x = (levelling.level(page.heat)[0] > 0.3).nonzero(as_tuple=True)
    return torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()[None]


@pytest.mark.parametrize("seed", range(4))
def test_boxes_of_the_level_page_map_back_to_the_page(seed: int) -> None:
    page = generate(1, seed=seed)[0]
    levelling = Levelling(page.degrees, 64, 64)
    found = levelling.original(level_boxes(page, levelling))
    torch.testing.assert_close(found[0], page.box, rtol=0, atol=2.5)


def test_a_detector_on_the_level_page_answers_in_the_page() -> None:
    page = generate(1, seed=5)[0]
    seen = []

    def detect(maps: torch.Tensor) -> torch.Tensor:
        seen.append(maps)
        y, x = (maps[0] > 0.3).nonzero(as_tuple=True)
        return torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()[None]

    found = detect_level(page.image, page.heat, detect)
    assert seen[0].shape == (2, 64, 64)
    torch.testing.assert_close(found[0], page.box, rtol=0, atol=2.5)


def test_the_measurement_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| method | mean error | largest error | ms |"
    assert lines[2].startswith("| projection profile | 0.0")
