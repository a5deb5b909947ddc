"""Average precision of the detector, as a metric that Lightning can log."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from typing_extensions import override

from examples.tables.grid import average_precision


class TablePrecision(Metric):
    """Average precision of one guess a page, see :func:`examples.tables.grid.average_precision`.

    Args:
        enough: From which intersection over union on a guess is right.

    Example:
        >>> metric = TablePrecision(enough=0.75)
        >>> box = torch.tensor([[0.0, 0, 4, 4]])
        >>> metric.update(box, torch.tensor([0.9]), box)
        >>> metric.compute()
        tensor(1.)
    """

    full_state_update = False
    higher_is_better = True
    box: list[Tensor]
    score: list[Tensor]
    truth: list[Tensor]

    def __init__(self, *, enough: float, **options: Any) -> None:
        super().__init__(**options)
        self.enough = enough
        for name in ("box", "score", "truth"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    @override
    def update(self, box: Tensor, score: Tensor, truth: Tensor) -> None:
        """Add the guess of each page ``(N, 4)``, how sure it is ``(N,)``, and the table."""
        self.box.append(box.float())
        self.score.append(score.float())
        self.truth.append(truth.float())

    @override
    def compute(self) -> Tensor:
        """Return the average precision over all pages; NaN if there was none."""
        if not self.score:
            return torch.tensor(torch.nan, device=self.device)
        box, score, truth = (dim_zero_cat(each) for each in (self.box, self.score, self.truth))
        return average_precision(box, score, truth, enough=self.enough)
