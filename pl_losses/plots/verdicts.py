"""Where a prediction is right and where it is wrong, as numbers and as colours."""

import torch
from torch import Tensor

HIT, FALSE_ALARM, MISS, IGNORED = "#0072B2", "#E69F00", "#C2185B", "#CFC0EA"
COLORS = {
    "found (TP)": HIT,
    "false alarm (FP)": FALSE_ALARM,
    "missed (FN)": MISS,
    "ignored": IGNORED,
}


def f1_score(truth: Tensor, p: Tensor, threshold: float) -> float:
    r"""Return the F1 of all elements together, NaN if there is no positive to find or found.

    .. math:: F_1 = \frac{2\,TP}{2\,TP + FP + FN}

    Elements whose truth is neither 0 nor 1 are not counted.

    Example:
        >>> f1_score(torch.tensor([1, 1, 0, 255]), torch.tensor([0.9, 0.1, 0.2, 0.9]), 0.5)
        0.6666666666666666
    """
    hit, false_alarm, miss = (int(where.sum()) for where in _verdicts(truth, p, threshold))
    counted = 2 * hit + false_alarm + miss
    return 2 * hit / counted if counted else float("nan")


def verdict_image(truth: Tensor, p: Tensor, threshold: float) -> Tensor:
    """Return the colours of one map of probabilities, shape ``(H, W, 3)`` from 0 to 1.

    Args:
        truth: 1 is positive, 0 negative, all else ignored; shape ``(H, W)``.
        p: The probabilities, shape ``(H, W)``.
        threshold: From which probability on an element is positive.

    Example:
        >>> verdict_image(torch.zeros(1, 1), torch.zeros(1, 1), 0.5).tolist()
        [[[1.0, 1.0, 1.0]]]
    """
    p = p.nan_to_num(0).clamp(0, 1)
    hit, false_alarm, miss = _verdicts(truth, p, threshold)
    picture = (1 - 0.4 * p)[..., None].expand(*p.shape, 3).clone()
    # The depth of a colour runs from half for a model in doubt to full for one that is sure.
    for where, color, sure in ((hit, HIT, p), (false_alarm, FALSE_ALARM, p), (miss, MISS, 1 - p)):
        depth = (0.5 + 0.5 * sure)[..., None]
        picture = torch.where(where[..., None], 1 - depth * (1 - _rgb(color)), picture)
    return torch.where(((truth == 0) | (truth == 1))[..., None], picture, _rgb(IGNORED))


def _verdicts(truth: Tensor, p: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return where something is found, falsely found and missed."""
    found = p >= threshold
    return (truth == 1) & found, (truth == 0) & found, (truth == 1) & ~found


def _rgb(color: str) -> Tensor:
    return torch.tensor([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
