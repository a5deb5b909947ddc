"""When a stage ends: each value of its monitor counts once, and the best weights can be kept."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from torch import Tensor

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import QUIET, Trace, TwoBranches, copies, differing, fit

pytestmark = QUIET


class Scripted(TwoBranches):
    """Logs given values as ``val/score``, one for each validation."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = list(values)
        self.at_validation: list[dict[str, Tensor]] = []

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        pass

    def on_validation_epoch_end(self) -> None:
        if not self.trainer.sanity_checking:
            self.at_validation.append(copies(self))
            self.log("val/score", self.values.pop(0) if self.values else 0.0)


def staged(**options: Any) -> StagedFreezing:
    first = Stage(train="seg", monitor="val/score", **options)
    return StagedFreezing([first, Stage(train="det")])


def epochs_of(model: TwoBranches, schedule: StagedFreezing, **options: Any) -> int:
    fit(model, schedule, **{"epochs": 12, **options})
    return schedule.progress.history[0].epochs


def test_patience_counts_validations_without_improvement() -> None:
    assert epochs_of(Scripted(3, 2, 1, 1, 1), staged(patience=2)) == 5


def test_the_default_patience_is_five() -> None:
    assert epochs_of(Scripted(3, 2, 2, 2, 2, 2, 2, 2), staged()) == 7


def test_larger_is_better_if_the_stage_says_so() -> None:
    assert epochs_of(Scripted(1, 2, 3, 2, 2), staged(mode="max", patience=2)) == 5


def test_a_small_change_is_no_improvement() -> None:
    values = [3, 2, 1.95, 1.92, 0]
    assert epochs_of(Scripted(*values), staged(patience=2, min_delta=0.1)) == 4


def test_a_threshold_ends_the_stage_at_once() -> None:
    schedule = staged(threshold=1.5)
    assert epochs_of(Scripted(3, 2, 1), schedule) == 3
    assert schedule.progress.history[0].reason == "val/score reached 1.5"


def test_the_monitor_ends_nothing_before_min_epochs() -> None:
    assert epochs_of(Scripted(1, 2, 2, 2, 2, 2), staged(patience=1, min_epochs=4)) == 4


def test_whichever_comes_first_ends_the_stage() -> None:
    assert epochs_of(Scripted(3, 2, 1, 0), staged(patience=1, max_epochs=3)) == 3


def test_steps_are_rounded_up_to_epochs() -> None:
    schedule = StagedFreezing([Stage(train="seg", max_steps=9), Stage(train="det")])
    assert epochs_of(TwoBranches(), schedule) == 3
    assert schedule.progress.history[0].steps == 12


def test_a_value_that_is_not_a_number_is_no_improvement() -> None:
    nan = float("nan")
    assert epochs_of(Scripted(nan, nan, nan), staged(patience=2)) == 2


def test_a_value_is_not_counted_again_while_no_validation_runs() -> None:
    values = Scripted(3, 3, 3)
    assert epochs_of(values, staged(patience=1), check_val_every_n_epoch=2) == 4


def test_each_validation_within_an_epoch_counts() -> None:
    assert epochs_of(Scripted(3, 2, 2, 2), staged(patience=2), val_check_interval=0.5) == 2


def test_the_sanity_check_counts_nothing() -> None:
    class Worse(Scripted):
        def on_validation_epoch_end(self) -> None:
            if self.trainer.sanity_checking:
                self.log("val/score", -100.0)
            super().on_validation_epoch_end()

    schedule = staged(patience=1)
    assert epochs_of(Worse(3, 2, 2), schedule) == 3
    assert schedule.progress.history[0].best == 2


@pytest.mark.parametrize("on_step", [True, False])
def test_a_value_that_training_logs_counts_once_an_epoch(*, on_step: bool) -> None:
    class Net(TwoBranches):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            value = [3.0, 2.0, 2.0, 2.0][min(self.current_epoch, 3)]
            self.log("train/score", value, on_step=on_step, on_epoch=True)
            return super().training_step(batch, batch_idx)

    first = Stage(train="seg", monitor="train/score", patience=2)
    schedule = StagedFreezing([first, Stage(train="det")])
    assert epochs_of(Net(), schedule) == 4


def test_a_value_logged_at_the_end_of_the_epoch_counts_as_well() -> None:
    class Net(TwoBranches):
        def on_train_epoch_end(self) -> None:
            self.log("train/score", [3.0, 2.0, 2.0, 2.0][min(self.current_epoch, 3)])

    first = Stage(train="seg", monitor="train/score", patience=2)
    schedule = StagedFreezing([first, Stage(train="det")])
    assert epochs_of(Net(), schedule) == 4
    assert schedule.progress.history[0].best == 2


def test_the_next_stage_looks_at_its_own_values_only() -> None:
    stages = [Stage(train=branch, monitor="val/score", patience=1) for branch in ("seg", "det")]
    schedule = StagedFreezing(stages)
    fit(Scripted(1, 2, 5, 4, 4), schedule, epochs=12)
    assert [(each.epochs, each.best) for each in schedule.progress.history] == [(2, 1), (3, 4)]


def test_the_last_stage_ends_the_run() -> None:
    trace = Trace()
    schedule = StagedFreezing([Stage(train="seg", monitor="val/score", patience=1)])
    fit(Scripted(2, 1, 1), schedule, trace, epochs=12)
    assert len(trace.learning) == 3
    assert schedule.progress.done


@pytest.mark.parametrize("stop", [{"patience": 2}, {"max_epochs": 4}])
def test_the_best_weights_begin_the_next_stage(stop: dict[str, Any]) -> None:
    begin: dict[str, Tensor] = {}

    class Watch(Callback):
        def on_train_batch_start(self, *args: Any) -> None:
            model, epoch, batch_idx = args[1], args[0].current_epoch, args[3]
            if (epoch, batch_idx) == (4, 0):
                begin.update(copies(model))

    model = Scripted(3, 1, 2, 2)
    schedule = staged(restore_best=True, **stop)
    fit(model, schedule, Watch(), epochs=6)
    assert schedule.progress.history[0].epochs == 4
    assert differing(model.at_validation[1], begin) == []


def test_the_last_stage_leaves_its_best_weights() -> None:
    model = Scripted(3, 1, 2, 2)
    stages = [Stage(train="all", monitor="val/score", restore_best=True)]
    fit(model, StagedFreezing(stages), epochs=4)
    assert differing(model.at_validation[1], copies(model)) == []
    assert not torch.equal(model.at_validation[3]["seg.0.weight"], model.seg[0].weight)
