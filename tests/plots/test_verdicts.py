"""Right and wrong, as a number and as colours."""

import math

import pytest
import torch

from pl_losses.plots.verdicts import FALSE_ALARM, HIT, IGNORED, MISS, f1_score, verdict_image


def rgb(color: str) -> list[float]:
    return [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]


@pytest.mark.parametrize(
    ("truth", "p", "color"),
    [(1, 1.0, HIT), (0, 1.0, FALSE_ALARM), (1, 0.0, MISS), (255, 1.0, IGNORED)],
)
def test_each_verdict_has_its_colour(truth: int, p: float, color: str) -> None:
    picture = verdict_image(torch.tensor([[truth]]), torch.tensor([[p]]), 0.5)
    assert picture[0, 0].tolist() == pytest.approx(rgb(color), abs=1e-6)


def test_a_quiet_element_darkens_with_its_probability() -> None:
    picture = verdict_image(torch.zeros(1, 3), torch.tensor([[0.0, 0.2, 0.4]]), 0.5)
    assert picture[0, :, 0].tolist() == pytest.approx([1.0, 0.92, 0.84])


def test_a_model_in_doubt_is_paler() -> None:
    sure, doubt = verdict_image(torch.ones(1, 2), torch.tensor([[1.0, 0.5]]), 0.5)[0]
    assert (doubt > sure).sum() == 3


def test_the_threshold_itself_counts_as_found() -> None:
    assert f1_score(torch.ones(1), torch.tensor([0.5]), 0.5) == 1.0


def test_ignored_elements_have_no_say() -> None:
    truth, p = torch.tensor([1, 255, 255]), torch.tensor([0.9, 0.9, 0.1])
    assert f1_score(truth, p, 0.5) == 1.0


def test_f1_of_nothing_is_no_data() -> None:
    assert math.isnan(f1_score(torch.zeros(4), torch.zeros(4), 0.5))


def test_colours_stay_apart_for_a_grey_printer() -> None:
    def grey(color: str) -> float:
        red, green, blue = rgb(color)
        return 0.3 * red + 0.59 * green + 0.11 * blue

    assert grey(FALSE_ALARM) - grey(HIT) > 0.2
    assert grey(FALSE_ALARM) - grey(MISS) > 0.2
