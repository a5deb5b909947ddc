"""The grid of a one-class detector: which cells see the table, and what they say of it.

Each cell of four by four pixels makes one guess. The cells around the middle of a table are
asked for its box, as in FCOS; all other cells are asked only to say that they see none.
"""

import torch
from torch import Tensor

STRIDE = 4
# A cell is asked for the box if its centre is at most this far from the box's, on either axis.
REACH = 1.5 * STRIDE


def cell_centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Return the centre (x, y) of each cell of an image, row by row, shape ``(cells, 2)``.

    Example:
        >>> cell_centres(4, 8)
        tensor([[2., 2.],
                [6., 2.]])
    """
    y, x = (
        STRIDE * (torch.arange(side // STRIDE, device=device) + 0.5) for side in (height, width)
    )
    return torch.cartesian_prod(y, x).flip(1)


def responsible(box: Tensor, centres: Tensor) -> Tensor:
    """Return 1 for each cell that is asked for a box ``(4,)``, else 0; shape ``(cells,)``."""
    middle = (box[:2] + box[2:]) / 2
    return ((centres - middle).abs() <= REACH).all(1).float()


def best_boxes(box: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
    """Return the surest box of each page.

    Args:
        box: What each cell says of the box, shape ``(N, cells, 4)``.
        score: How sure each cell is, shape ``(N, cells)``.

    Returns:
        Boxes ``(N, 4)`` and their scores ``(N,)``.
    """
    score, cell = score.max(1)
    return box[torch.arange(len(box), device=box.device), cell], score


def overlap(box: Tensor, other: Tensor) -> Tensor:
    """Return intersection over union of boxes, pair by pair, shape ``(N,)``.

    Example:
        >>> overlap(torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[2.0, 0, 6, 4]]))
        tensor([0.3333])
    """
    both = (
        torch.minimum(box[:, 2:], other[:, 2:]) - torch.maximum(box[:, :2], other[:, :2])
    ).relu()
    area, other_area = ((each[:, 2:] - each[:, :2]).relu().prod(1) for each in (box, other))
    return both.prod(1) / (area + other_area - both.prod(1))


def average_precision(box: Tensor, score: Tensor, truth: Tensor, *, enough: float = 0.5) -> Tensor:
    """Return the average precision of one guess a page, where every page has one table.

    Args:
        box: The guesses, shape ``(N, 4)``.
        score: How sure each is, shape ``(N,)``.
        truth: The tables, shape ``(N, 4)``.
        enough: From which overlap on a guess is right.

    Returns:
        Area under the curve of precision over recall, where precision is the best that is had at
        this recall or a higher one; 0 to 1.

    Example:
        >>> box = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4]])
        >>> truth = torch.tensor([[0.0, 0, 4, 4], [9, 9, 12, 12]])
        >>> average_precision(box, torch.tensor([0.9, 0.8]), truth)
        tensor(0.5000)
    """
    right = (overlap(box, truth) >= enough)[score.argsort(descending=True)].float()
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1, device=right.device)
    best = precision.flip(0).cummax(0).values.flip(0)
    return (best * right).sum() / len(right)
