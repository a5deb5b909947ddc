"""A run in stages, resumed from any of its checkpoints, ends as if it had never stopped."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import (
    QUIET,
    Trace,
    TwoBranches,
    checkpoints,
    copies,
    differing,
    fit,
    loader,
    trainer,
)

pytestmark = QUIET


def swapping() -> StagedFreezing:
    """Three stages, each with its own optimizer, the second with a scheduler."""
    rate = {"init_args": {"lr": 1e-2}}
    return StagedFreezing(
        [
            Stage(train="seg", max_epochs=3, optimizer={"class_path": "AdamW", **rate}),
            Stage(
                train="det",
                max_epochs=3,
                optimizer={"class_path": "RMSprop", **rate},
                lr_scheduler={"class_path": "StepLR", "init_args": {"step_size": 1}},
            ),
            Stage(train="all", max_epochs=3, optimizer={"class_path": "Adam", **rate}),
        ]
    )


def converging() -> StagedFreezing:
    """Three stages that end by their monitors, with the best weights of each."""
    common: dict[str, Any] = {"patience": 1, "min_delta": 0.1, "max_epochs": 4}
    return StagedFreezing.alternate("seg", "det", monitor="val/loss", restore_best=True, **common)


def sharing() -> StagedFreezing:
    """Three stages with the module's optimizer; the second interrupts with its own."""
    return StagedFreezing(
        [
            Stage(train="seg", max_epochs=2),
            Stage(train="det", max_epochs=2, optimizer="SGD"),
            Stage(train="all", max_steps=9),
        ]
    )


SCHEDULES = [swapping, converging, sharing]


def saving(folder: Path, **options: Any) -> ModelCheckpoint:
    return ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1, **options)


@pytest.mark.slow
@pytest.mark.parametrize("at_epoch_end", [True, False])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_resuming_from_every_checkpoint_ends_bitwise_equal(
    tmp_path: Path, schedule: Any, *, at_epoch_end: bool
) -> None:
    whole, trace = TwoBranches(), Trace()
    saves = saving(tmp_path, save_on_train_epoch_end=at_epoch_end)
    staged = fit(whole, schedule(), trace, saves, epochs=12, enable_checkpointing=True)
    saved = checkpoints(tmp_path)
    assert len(saved) == len(trace.learning) >= 6
    for path in saved:
        model, again, rest = TwoBranches(seed=5), schedule(), Trace()
        runner = trainer(again, rest, epochs=12)
        runner.fit(model, loader(), loader(12), ckpt_path=path)
        assert differing(copies(whole), copies(model)) == [], path.name
        assert rest.learning == trace.learning[len(trace.learning) - len(rest.learning) :]
        assert again.progress.history == staged.progress.history, path.name


def test_the_schedules_above_do_go_through_their_stages() -> None:
    for schedule in SCHEDULES:
        staged = fit(TwoBranches(), schedule(), epochs=12)
        assert [each.name for each in staged.progress.history] == ["seg", "det", "all"]


@pytest.mark.filterwarnings("ignore:.*checkpoint that ended before the epoch ended")
def test_a_checkpoint_from_within_an_epoch_resumes_with_the_right_set(tmp_path: Path) -> None:
    saves = ModelCheckpoint(
        tmp_path, filename="{step}", every_n_train_steps=3, save_top_k=-1, monitor=None
    )
    trace = Trace()
    fit(TwoBranches(), swapping(), trace, saves, epochs=9, enable_checkpointing=True)
    saved = [path for path in checkpoints(tmp_path) if "step=" in path.name]
    assert len(saved) >= 9
    for path in saved[1::3]:
        step = int(path.stem.split("=")[1])
        again, rest = swapping(), Resumed()
        runner = trainer(again, rest, epochs=9)
        runner.fit(TwoBranches(seed=5), loader(), loader(12), ckpt_path=path)
        assert rest.learning[0] == trace.learning[step // 4]
        assert [each.epochs for each in again.progress.history] == [3, 3, 3]


class Resumed(Trace):
    """Looks at the first batch after the resume, wherever in the epoch it is."""

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_start(trainer, pl_module, batch, 0)


def test_another_schedule_does_not_resume(tmp_path: Path) -> None:
    saves = saving(tmp_path)
    fit(TwoBranches(), swapping(), saves, epochs=9, enable_checkpointing=True)
    other = StagedFreezing.alternate("det", "seg", max_epochs=3)
    with pytest.raises(ValueError, match=r"must begin with \['seg'\]"):
        trainer(other, epochs=9).fit(
            TwoBranches(), loader(), loader(12), ckpt_path=checkpoints(tmp_path)[0]
        )


def test_the_state_is_plain_enough_to_be_loaded_safely(tmp_path: Path) -> None:
    staged = fit(TwoBranches(), converging(), epochs=12)
    torch.save(staged.state_dict(), tmp_path / "state.pt")
    again = converging()
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert again.progress == staged.progress
