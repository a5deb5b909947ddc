"""Every precision through the Trainer: staged, balanced, finite, and the balance in float32."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor
from torch.utils.data import DataLoader

from pl_losses import Stage, StagedFreezing, TaskLossLogger
from tests.callbacks.two_branches import QUIET, differing, trainer
from tests.mixins.test_multi_task import TASKS, Net, samples
from tests.rigs.devices import GPU

pytestmark = QUIET

WHERE = ["cpu", pytest.param("cuda", marks=GPU)] if torch.cuda.is_available() else ["cpu"]
PRECISIONS = ["32-true", "64-true", "bf16-mixed", "bf16-true", "16-mixed"]
MODEL_DTYPE = {"64-true": torch.float64, "bf16-true": torch.bfloat16}
BATCHES = 3


class InUse(Callback):
    """What the balance was, in which dtype, after each epoch; and every step that moved nothing."""

    def __init__(self) -> None:
        self.balance: list[Tensor] = []
        self.idle: list[int] = []
        self._before: dict[str, Tensor] = {}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._before = {n: p.detach().clone() for n, p in pl_module.named_parameters()}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if not differing(self._before, dict(pl_module.named_parameters())):
            self.idle.append(trainer.global_step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.balance.append(pl_module.objective.balancer.log_variance.detach().clone())


class Fitted:
    """A model that was trained in three stages in some precision."""

    def __init__(self, precision: str, where: str, data: list[Any]) -> None:
        torch.manual_seed(0)
        self.net = Net(tasks=TASKS, balancer={"name": "uncertainty", "lr": 0.05})
        self.in_use = InUse()
        stages = [
            Stage(train=["body", "head"], tasks={"box": 0}, max_epochs=1),
            Stage(train="box", max_epochs=1),
            Stage(train="all", max_epochs=1),
        ]
        self.staged = StagedFreezing(stages)
        self.scaler: Any = None
        options: dict[str, Any] = {"precision": precision}
        if precision == "16-mixed":  # Lightning's own scaler begins with steps that it skips
            self.scaler = torch.amp.GradScaler(where, init_scale=256.0)
            options = {"plugins": [MixedPrecision(precision, where, scaler=self.scaler)]}
        options["accelerator"] = "gpu" if where == "cuda" else where
        self.trainer = trainer(
            self.staged, self.in_use, TaskLossLogger(table=False), epochs=3, **options
        )
        loader = DataLoader(data, batch_size=4)
        self.trainer.fit(self.net, loader, DataLoader(samples(4), batch_size=4))


@pytest.fixture(scope="module", params=WHERE)
def where(request: Any) -> str:
    return request.param


@pytest.fixture(scope="module", params=PRECISIONS)
def fitted(request: Any, where: str) -> tuple[str, Fitted]:
    return request.param, Fitted(request.param, where, samples(4 * BATCHES))


def test_every_figure_is_finite(fitted: tuple[str, Fitted]) -> None:
    logged = fitted[1].trainer.callback_metrics
    assert {"train/total", "val/loss", "val/seg/f1", "weight/box", "share/seg"} <= set(logged)
    assert [name for name, value in logged.items() if not value.isfinite()] == []


def test_every_weight_is_finite_and_in_the_dtype_of_the_precision(
    fitted: tuple[str, Fitted],
) -> None:
    precision, run = fitted
    for name, weight in run.net.named_parameters():
        assert weight.isfinite().all(), name
        if not name.startswith("objective."):
            assert weight.dtype == MODEL_DTYPE.get(precision, torch.float32), name


def test_the_balance_is_learned_and_stays_in_float32(fitted: tuple[str, Fitted]) -> None:
    precision, run = fitted
    wanted = torch.float64 if precision == "64-true" else torch.float32
    assert {each.dtype for each in run.in_use.balance} == {wanted}
    first, second, third = run.in_use.balance
    assert first[0] != 0
    assert (second != first).all()
    assert (third != second).all()


def test_the_balance_of_a_task_that_is_off_rests(fitted: tuple[str, Fitted]) -> None:
    assert fitted[1].in_use.balance[0][1] == 0


def test_every_stage_trains_its_own_part(fitted: tuple[str, Fitted]) -> None:
    proofs = [each.proof for each in fitted[1].staged.progress.history]
    assert len(proofs) == 3
    assert all(still == whole for still, whole in (p.split(" still")[0].split("/") for p in proofs))
    assert fitted[1].in_use.idle == []


def test_a_step_with_an_infinite_gradient_is_skipped_and_spoils_nothing(where: str) -> None:
    data = samples(4 * BATCHES)
    image, target = data[4]
    data[4] = (torch.full_like(image, 1e5), target)  # the second batch of each epoch; above 65504
    run = Fitted("16-mixed", where, data)
    assert run.in_use.idle == [2, 5, 8]
    assert run.scaler.get_scale() == 256.0 / 2**3
    assert all(each.isfinite().all() for each in run.in_use.balance)
    assert [p.isfinite().all() for p in run.net.parameters()] == [True] * 7
    assert run.trainer.callback_metrics["val/loss"].isfinite()
    assert [each.name for each in run.staged.progress.history] == ["body+head", "box", "all"]
