"""The state of a schedule, moved on by pure functions."""

import math

import pytest

from pl_losses import Stage
from pl_losses.stages.progress import (
    Ended,
    Progress,
    check_schedule,
    epoch_begun,
    fit_ended,
    improves,
    moved_on,
    observed,
    stepped,
    why_ended,
)

MONITORED = Stage(train="a", monitor="val/loss", patience=2)
STAGES = [MONITORED, Stage(train="all")]


def test_the_state_reads_back_from_what_is_saved() -> None:
    record = Ended("a", 4, 16, 0.1, "4 epochs")
    progress = Progress(stage=1, epochs=3, epoch=7, steps=12, best=0.5, history=(record,))
    assert Progress.loaded(progress.saved()) == progress


def test_functions_leave_the_state_they_get_alone() -> None:
    progress = Progress()
    epoch_begun(progress, 0)
    observed(stepped(progress, 5), MONITORED, 1.0)
    assert progress == Progress()


def test_an_epoch_is_counted_and_forgotten_with_the_fit() -> None:
    progress = epoch_begun(epoch_begun(Progress(), 4), 5)
    assert (progress.epochs, progress.epoch) == (2, 5)
    assert fit_ended(progress).epoch is None


def test_steps_are_counted_since_the_last_look() -> None:
    progress = stepped(stepped(Progress(), 4), 8)
    assert (progress.steps, progress.mark) == (8, 8)
    assert stepped(progress, 0).steps == 8


@pytest.mark.parametrize(
    ("mode", "value", "better"),
    [("min", 0.8, True), ("min", 0.95, False), ("max", 1.2, True), ("max", 1.05, False)],
)
def test_an_improvement_is_larger_than_min_delta(mode: str, value: float, *, better: bool) -> None:
    stage = Stage(train="a", monitor="m", mode=mode, min_delta=0.1)
    assert improves(stage, value, 1.0) is better


def test_the_first_value_is_the_best_so_far_unless_it_is_not_a_number() -> None:
    stage = Stage(train="a", monitor="m", min_delta=0.1)
    assert improves(stage, 1e9, None)
    assert not improves(stage, math.nan, None)
    assert improves(stage, -5.0, None)


def test_a_stage_without_a_monitor_ends_by_its_limits_alone() -> None:
    stage = Stage(train="a", max_epochs=3, max_steps=10)
    assert why_ended(Progress(epochs=2, steps=9), stage) is None
    assert why_ended(Progress(epochs=2, steps=10), stage) == "10 steps"
    assert why_ended(Progress(epochs=3, steps=9), stage) == "3 epochs"


def test_a_threshold_holds_in_the_sense_of_the_mode() -> None:
    least = Stage(train="a", monitor="m", threshold=0.5)
    most = Stage(train="a", monitor="m", mode="max", threshold=0.5)
    assert why_ended(Progress(epochs=1, best=0.5), least) == "m reached 0.5"
    assert why_ended(Progress(epochs=1, best=0.6), least) is None
    assert why_ended(Progress(epochs=1, best=0.6), most) == "m reached 0.5"
    assert why_ended(Progress(epochs=1), most) is None


def test_the_next_stage_begins_from_nothing_but_its_history() -> None:
    progress = Progress(epochs=3, epoch=7, steps=12, mark=100, best=0.5, bad=1)
    record = Ended("a", 3, 12, 0.5, "3 epochs")
    after = moved_on(progress, record, STAGES)
    assert after == Progress(stage=1, mark=100, history=(record,))
    assert moved_on(after, record, STAGES).done


def test_after_the_last_stage_the_schedule_is_done() -> None:
    assert moved_on(Progress(), Ended("a", 1, 1, None, "x"), STAGES[:1]).done


def test_a_schedule_needs_stages_with_ends_and_epochs_for_each() -> None:
    check_schedule(STAGES, 2)
    check_schedule(STAGES, -1)
    check_schedule(STAGES)
    with pytest.raises(ValueError, match="at least one stage"):
        check_schedule([])
    with pytest.raises(ValueError, match="must be above 1, or the stage 'all' never runs; got 1"):
        check_schedule(STAGES, 1)
    with pytest.raises(ValueError, match="'all' must have an end"):
        check_schedule([*reversed(STAGES)])
