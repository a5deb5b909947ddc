"""The logger sees every objective, weighs by samples, and shows a readable table."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pl_losses import Objective, Task, TaskLossLogger, TaskOutput


class ByHand(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.objective = Objective({"a": Task({"mse": {}, "l1": {}}), "b": Task("mse", weight=3.0)})

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        a, b = self.layer(batch).split(1, dim=1)
        zeros = torch.zeros_like(a)
        return self.objective({"a": TaskOutput(a, zeros), "b": TaskOutput(b, zeros)}).total

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def fit(
    folder: Path, callback: TaskLossLogger, model: type[ByHand] = ByHand, **options: Any
) -> tuple[ByHand, Trainer, Tensor]:
    torch.manual_seed(0)
    module, data = model(), torch.randn(10, 2)
    run = Trainer(
        accelerator="cpu",
        max_epochs=1,
        callbacks=[callback],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
        **options,
    )
    run.fit(module, DataLoader(list(data), batch_size=4))
    return module, run, data


@pytest.mark.parametrize("accumulate", [1, 2])
def test_means_are_over_samples_whatever_the_accumulation(tmp_path: Path, accumulate: int) -> None:
    module, run, data = fit(tmp_path, TaskLossLogger(), accumulate_grad_batches=accumulate)
    out = module.layer(data).detach()
    found = run.callback_metrics
    torch.testing.assert_close(found["train/a/mse"], out[:, 0].square().mean())
    torch.testing.assert_close(found["train/a/l1"], out[:, 0].abs().mean())
    a = out[:, 0].square().mean() + out[:, 0].abs().mean()
    b = out[:, 1].square().mean()
    torch.testing.assert_close(found["train/loss"], a + b)
    torch.testing.assert_close(found["weighted/b"], 3 * b)
    torch.testing.assert_close(found["share/b"], 3 * b / (a + 3 * b))


def test_shares_alone_are_logged_where_the_model_logs_its_losses(tmp_path: Path) -> None:
    class Logs(ByHand):
        def __init__(self) -> None:
            super().__init__()
            self.objective.logged_by_owner = True

    _, run, _ = fit(tmp_path, TaskLossLogger(), Logs)
    assert set(run.callback_metrics) == {"share/a", "share/b"}


def test_the_table_has_a_row_for_each_task_and_term(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        fit(tmp_path, TaskLossLogger())
    table = next(each.message for each in caplog.records if "training losses" in each.message)
    names = [line.split("  ")[0] or line.strip().split()[0] for line in table.splitlines()[1:]]
    assert names == ["task", "a", "mse", "l1", "b", "total"]


def test_a_model_without_an_objective_is_answered(tmp_path: Path) -> None:
    class Bare(ByHand):
        def __init__(self) -> None:
            super().__init__()
            del self.objective

    run = Trainer(accelerator="cpu", logger=False, callbacks=[TaskLossLogger()], max_epochs=1)
    with pytest.raises(ValueError, match="must find one Objective in the model; got 0"):
        run.fit(Bare(), DataLoader(list(torch.randn(2, 2))))
