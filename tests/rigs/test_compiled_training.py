"""A model that torch has compiled trains through the mixin as the plain one does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from tests.callbacks.two_branches import QUIET
from tests.mixins.test_multi_task import TASKS, Net, samples, trainer
from tests.rigs.devices import GPU

pytestmark = QUIET

WHERE: list[Any] = [("cpu", "eager")]
if torch.cuda.is_available():
    WHERE.append(pytest.param(("gpu", "inductor"), marks=GPU))


def fitted(folder: Path, accelerator: str, backend: str | None) -> tuple[Net, dict[str, Any]]:
    torch.manual_seed(0)
    net = Net(tasks=TASKS, balancer="uncertainty")
    run = trainer(folder, accelerator=accelerator, devices=1, log_every_n_steps=2)
    data = DataLoader(samples(), batch_size=4)
    run.fit(net if backend is None else torch.compile(net, backend=backend), data, data)
    return net, {name: value.cpu() for name, value in run.callback_metrics.items()}


@pytest.mark.parametrize("where", WHERE, ids=str)
def test_a_compiled_model_trains_and_logs_as_the_plain_one(
    tmp_path: Path, where: tuple[str, str]
) -> None:
    accelerator, backend = where
    plain, figures = fitted(tmp_path / "plain", accelerator, None)
    compiled, found = fitted(tmp_path / "compiled", accelerator, backend)
    torch.compiler.reset()
    torch.testing.assert_close(compiled.state_dict(), plain.state_dict(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found, figures, rtol=1e-3, atol=1e-4)
