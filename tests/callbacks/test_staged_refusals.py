"""What cannot work in stages is refused, with a line that says what to do instead."""

from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    Callback,
    EarlyStopping,
    StochasticWeightAveraging,
)
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import QUIET, TwoBranches, fit

pytestmark = QUIET


def two_stages(**options: Any) -> StagedFreezing:
    return StagedFreezing([Stage(train="seg", max_epochs=1, **options), Stage(train="all")])


def test_an_unknown_module_is_answered_with_what_was_meant() -> None:
    staged = StagedFreezing([Stage(train="all", max_epochs=1), Stage(train="sge")])
    line = (
        r"^Unknown module 'sge'. Did you mean 'seg'\? Children of `TwoBranches`: det, seg, trunk.$"
    )
    with pytest.raises(LookupError, match=line):
        fit(TwoBranches(), staged)


def test_stages_that_never_come_are_refused() -> None:
    staged = StagedFreezing.alternate("seg", "det", max_epochs=20)
    with pytest.raises(ValueError, match="must be above 20, or the stage 'det' never runs; got 6"):
        fit(TwoBranches(), staged)
    staged = StagedFreezing([Stage(train="seg"), Stage(train="det")])
    with pytest.raises(ValueError, match="'seg' must have an end"):
        fit(TwoBranches(), staged)


def test_stages_that_may_never_come_are_warned_of() -> None:
    staged = StagedFreezing.alternate("seg", "det", monitor="val/loss", max_epochs=3)
    with pytest.warns(UserWarning, match="before 'all' may take 6 epochs, and the trainer stops"):
        fit(TwoBranches(), staged, epochs=5)


def test_stages_that_did_not_come_are_told_at_the_end() -> None:
    staged = StagedFreezing.alternate("seg", "det", monitor="val/loss", patience=9)
    with pytest.warns(UserWarning, match="ended before the stages 'det', 'all' could run"):
        fit(TwoBranches(), staged, epochs=3)


def test_a_dry_run_asks_for_no_epochs() -> None:
    staged = fit(TwoBranches(), StagedFreezing.alternate("seg", max_epochs=9), fast_dev_run=1)
    assert staged.progress.epochs == 1


def test_an_early_stopping_that_would_end_the_first_stage_is_refused() -> None:
    stop = EarlyStopping("val/loss", patience=4)
    line = r"end the whole run in the stage 'seg'.*monitor='val/loss', patience=4, mode='min'\)"
    with pytest.raises(ValueError, match=line):
        fit(TwoBranches(), two_stages(), stop)


def test_an_early_stopping_may_end_a_single_stage() -> None:
    staged = StagedFreezing([Stage(train="seg")])
    fit(TwoBranches(), staged, EarlyStopping("val/loss", patience=1, min_delta=10.0), epochs=9)
    assert staged.progress.epochs == 2


def test_a_second_callback_that_freezes_is_refused() -> None:
    with pytest.raises(ValueError, match="got BackboneFinetuning beside StagedFreezing"):
        fit(TwoBranches(), two_stages(), BackboneFinetuning(2))


def test_averaging_of_frozen_statistics_is_refused() -> None:
    staged = StagedFreezing([Stage(train="all", max_epochs=1), Stage(train="seg")])
    average: Callback = StochasticWeightAveraging(swa_lrs=1e-2, swa_epoch_start=3)
    with pytest.raises(ValueError, match="resets its running statistics; got 'trunk.1' frozen"):
        fit(TwoBranches(), staged, average)


def test_an_optimizer_under_manual_optimisation_is_refused() -> None:
    model = TwoBranches()
    model.automatic_optimization = False
    with pytest.raises(ValueError, match="under manual optimisation.*got them in 'seg'"):
        fit(model, two_stages(optimizer="SGD"))


class LateRestore(SingleDeviceStrategy):
    @property
    def restore_checkpoint_after_setup(self) -> bool:
        return True


def test_an_optimizer_that_could_not_be_resumed_is_refused() -> None:
    strategy = LateRestore(torch.device("cpu"))
    with pytest.raises(ValueError, match="under LateRestore, which could not resume it"):
        fit(TwoBranches(), two_stages(optimizer="SGD"), strategy=strategy)


def test_flags_alone_work_where_checkpoints_come_late() -> None:
    strategy = LateRestore(torch.device("cpu"))
    assert fit(TwoBranches(), two_stages(), strategy=strategy).progress.stage == 1


class Wrapping(SingleDeviceStrategy):
    def _setup_model(self, model: nn.Module) -> nn.Module:
        return nn.Sequential(model)


def test_an_unknown_wrapper_is_refused() -> None:
    strategy = Wrapping(torch.device("cpu"))
    with pytest.raises(ValueError, match="got Wrapping, which wraps it in a Sequential"):
        fit(TwoBranches(), two_stages(), strategy=strategy)


def test_a_loss_without_a_gradient_is_refused() -> None:
    class Net(TwoBranches):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return self.errors(batch)["det"]

    with pytest.raises(ValueError, match="depend on what the stage 'seg' trains"):
        fit(Net(), two_stages())


def test_a_loss_that_misses_a_trained_branch_is_refused() -> None:
    class Net(TwoBranches):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            return self.errors(batch)["det"]

    staged = StagedFreezing([Stage(train=["seg", "det"])])
    with pytest.raises(ValueError, match="got no gradient in 'seg'"):
        fit(Net(), staged)


def test_a_monitor_that_is_never_logged_is_refused() -> None:
    staged = StagedFreezing.alternate("seg", "det", monitor="val/seg/dice")
    line = "got 'val/seg/dice'. Logged: stage, val/det/loss, val/loss, val/seg/loss."
    with pytest.raises(ValueError, match=line):
        fit(TwoBranches(), staged)


def test_an_optimizer_without_the_trained_branch_is_refused() -> None:
    class Net(TwoBranches):
        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.det.parameters(), lr=0.1)

    with pytest.raises(ValueError, match="must have the parameters of 'seg'"):
        fit(Net(), two_stages())


def test_tasks_of_a_module_without_an_objective_are_refused() -> None:
    with pytest.raises(ValueError, match="must have an `objective`; got TwoBranches"):
        fit(TwoBranches(), two_stages(tasks={"det": 0}))


def test_a_plateau_without_a_monitor_is_refused() -> None:
    with pytest.raises(ValueError, match="must have a `monitor` to find a plateau in"):
        fit(TwoBranches(), two_stages(lr_scheduler="ReduceLROnPlateau"))


def test_no_stages_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one stage; got \\[\\]"):
        StagedFreezing([])


def test_a_refusal_leaves_the_model_alone() -> None:
    model = TwoBranches()
    with pytest.raises(LookupError):
        fit(model, StagedFreezing([Stage(train="sge")]))
    assert all(parameter.requires_grad for parameter in model.parameters())
