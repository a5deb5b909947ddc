"""Generated pages, and the grid of the detector."""

import numpy as np
import pytest
import torch

from examples.tables.data import TableData, sample
from examples.tables.grid import (
    average_precision,
    best_boxes,
    cell_centres,
    overlap,
    responsible,
)
from examples.tables.network import Detector
from examples.tables.pages import SIZE, Page, Table, generate, ink, turn


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    return generate(60, seed=0)


def test_the_same_seed_gives_the_same_pages(pages: list[Page]) -> None:
    for page, again in zip(pages, generate(3, seed=0), strict=False):
        torch.testing.assert_close(page.image, again.image, rtol=0, atol=0)
    assert not torch.equal(pages[0].image, generate(1, seed=1)[0].image)


def test_the_box_is_the_tightest_around_the_lines(pages: list[Page]) -> None:
    for page in pages:
        y, x = page.heat[0].nonzero(as_tuple=True)
        found = torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1])
        torch.testing.assert_close(found.float(), page.box, rtol=0, atol=1.5)


def test_every_table_lies_on_its_page(pages: list[Page]) -> None:
    boxes = torch.stack([page.box for page in pages])
    assert boxes.min() > 0
    assert boxes.max() < SIZE


def test_lines_are_faint_but_darker_than_the_paper(pages: list[Page]) -> None:
    depth = torch.stack(
        [page.image[page.heat == 0].median() - page.image[page.heat == 1].mean() for page in pages]
    )
    assert (depth > 0).all()
    assert 0.05 < depth.mean() < 0.25


def test_a_positive_angle_turns_clockwise_as_seen() -> None:
    right, down = turn(np.array([[10.0, 0.0], [0.0, 10.0]]), 90, 64)
    np.testing.assert_allclose(right, [32, 42], atol=1e-9)
    np.testing.assert_allclose(down, [22, 32], atol=1e-9)


def test_ink_covers_the_pixels_under_a_line() -> None:
    cover = ink(np.array([[(2.0, 8.5), (14.0, 8.5)]]), width=1.0, size=16)
    assert cover[8, 3:13].min() > 0.7
    assert cover[:7].max() == cover[10:].max() == cover[:, 15:].max() == 0


def test_boxes_side_by_side_do_not_overlap() -> None:
    table = Table(np.array([0.0, 4.0, 8.0]), np.array([0.0, 8.0]))
    right = Table(np.array([9.0, 12.0]), np.array([2.0, 4.0]))
    assert right.is_beside(table)
    assert table.is_beside(right)
    assert not table.is_beside(Table(np.array([7.0, 12.0]), np.array([2.0, 4.0])))


def test_cells_are_counted_row_by_row_with_x_first() -> None:
    centres = cell_centres(8, 12)
    assert centres.tolist() == [[2, 2], [6, 2], [10, 2], [2, 6], [6, 6], [10, 6]]


def test_the_cells_around_the_middle_are_asked_for_the_box() -> None:
    asked = responsible(torch.tensor([20.0, 10.0, 44.0, 30.0]), cell_centres(64, 64)).view(16, 16)
    rows, columns = asked.nonzero(as_tuple=True)
    assert set(rows.tolist()) == {3, 4, 5, 6}
    assert set(columns.tolist()) == {6, 7, 8, 9}
    assert asked.sum() == 16


def test_every_page_has_cells_that_learn_its_box(pages: list[Page]) -> None:
    for page in pages:
        _, target = sample(page)
        assert 4 <= target["objectness"].sum() <= 16
        torch.testing.assert_close(target["box"], page.box.expand(256, 4), rtol=0, atol=0)


def test_the_surest_cell_gives_the_box_of_the_page() -> None:
    box = torch.arange(24.0).view(2, 3, 4)
    score = torch.tensor([[0.1, 0.9, 0.3], [0.8, 0.2, 0.3]])
    chosen, sure = best_boxes(box, score)
    assert chosen.tolist() == [[4, 5, 6, 7], [12, 13, 14, 15]]
    torch.testing.assert_close(sure, torch.tensor([0.9, 0.8]))


def test_overlap_of_equal_apart_and_inverted_boxes() -> None:
    box = torch.tensor([[0.0, 0, 4, 4]] * 3)
    other = torch.tensor([[0.0, 0, 4, 4], [5, 5, 9, 9], [4, 4, 0, 0]])
    assert overlap(box, other).tolist() == [1, 0, 0]


def test_average_precision_falls_when_a_sure_guess_is_wrong() -> None:
    truth = torch.tensor([[0.0, 0, 4, 4]] * 3)
    box = torch.tensor([[9.0, 9, 12, 12], [0, 0, 4, 4], [0, 0, 4, 4]])
    last = average_precision(box, torch.tensor([0.1, 0.8, 0.9]), truth)
    first = average_precision(box, torch.tensor([0.99, 0.8, 0.9]), truth)
    assert last == pytest.approx(2 / 3)
    assert first == pytest.approx(4 / 9)


def test_batches_hold_the_target_of_every_task() -> None:
    data = TableData(train=8, validation=4, test=4, batch_size=4)
    data.setup("fit")
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    for loader in loaders:
        image, target = next(iter(loader))
        assert image.shape == (4, 1, SIZE, SIZE)
        shapes = {name: tuple(each.shape) for name, each in target.items()}
        assert shapes == {
            "seg": (4, 1, SIZE, SIZE),
            "box": (4, 256, 4),
            "objectness": (4, 256),
            "class": (4, 256),
        }
    assert next(iter(data.predict_dataloader())).shape == (4, 1, SIZE, SIZE)


def test_no_page_is_in_two_parts() -> None:
    data, other = (TableData(train=8, validation=8, test=8, seed=seed) for seed in (0, 1))
    data.setup("fit")
    other.setup("fit")
    images = [image for one in (data, other) for part in one.samples.values() for image, _ in part]
    different = {image.numpy().tobytes() for image in images}
    assert len(different) == len(images) == 48


def test_an_untrained_box_lies_around_its_cell() -> None:
    box = Detector(inputs=1)(torch.zeros(1, 1, SIZE, SIZE))["box"][0]
    centres = cell_centres(SIZE, SIZE)
    assert (box[:, :2] < centres).all()
    assert (box[:, 2:] > centres).all()
