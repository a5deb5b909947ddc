"""What an evaluation has said of a batch goes on to the hooks of that batch."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule
from torch import Tensor, nn

from pl_losses import MultiTaskMixin
from tests.callbacks.two_branches import QUIET, loader, trainer

pytestmark = QUIET


class Line(MultiTaskMixin, LightningModule):
    """One number of a point; counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(tasks={"height": "mse"})
        self.layer = nn.Linear(4, 1)
        self.asked = 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += 1
        return self.layer(x)


class Gather(Callback):
    """Keeps the outputs of every batch."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_validation_batch_end(self, trainer: Any, module: Any, outputs: Any, *args: Any) -> None:
        self.seen.append(outputs)

    on_test_batch_end = on_validation_batch_end


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_hooks_of_a_batch_get_its_outputs_without_another_forward_pass(stage: str) -> None:
    net, gather = Line(), Gather()
    getattr(trainer(gather), stage)(net, loader(12), verbose=False)
    assert net.asked == len(gather.seen) == 2
    for outputs, (x, y) in zip(gather.seen, loader(12), strict=True):
        with torch.no_grad():
            torch.testing.assert_close(outputs["height"].pred, net.layer(x))
        assert torch.equal(outputs["height"].target, y)
