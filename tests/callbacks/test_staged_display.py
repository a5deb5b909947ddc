"""What a run in stages shows: in the bar, in the log, in a table, and by checksums."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import (
    QUIET,
    TwoBranches,
    fit,
    loader,
    trainer,
)

pytestmark = QUIET


def three_stages(**options: Any) -> StagedFreezing:
    return StagedFreezing.alternate("seg", "det", max_epochs=2, **options)


def test_the_trainer_is_told_the_stage() -> None:
    seen: list[tuple[float, str]] = []

    class Watch(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
            shown: Any = trainer.progress_bar_metrics["stage"]
            seen.append((float(trainer.callback_metrics["stage"]), shown))

    runner = trainer(three_stages(), Watch())
    runner.fit(TwoBranches(), loader(), loader(12))
    assert seen == [(0, "seg 1/3")] * 2 + [(1, "det 2/3")] * 2 + [(2, "all 3/3")] * 2
    assert runner.logged_metrics["stage"] == 2


@pytest.mark.parametrize("bar", [RichProgressBar, TQDMProgressBar])
def test_the_progress_bar_shows_the_stage(
    bar: type[Callback], capsys: pytest.CaptureFixture[str]
) -> None:
    fit(TwoBranches(), three_stages(), bar(), enable_progress_bar=True)
    assert "all 3/3" in "".join(capsys.readouterr())


def test_a_moved_frozen_weight_is_reported() -> None:
    class Net(TwoBranches):
        def on_train_batch_end(self, *args: Any) -> None:
            with torch.no_grad():
                self.det[0].weight.add_(1)

    with pytest.warns(UserWarning, match="In the stage 'seg', frozen 'det.0.weight' has moved"):
        fit(Net(), StagedFreezing([Stage(train="seg", max_epochs=1)]), epochs=1)


def test_a_stage_that_moves_nothing_is_reported() -> None:
    class Net(TwoBranches):
        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.0)

    with pytest.warns(UserWarning, match="nothing that was to learn has moved"):
        fit(Net(), StagedFreezing([Stage(train="seg", max_epochs=1)]), epochs=1)


def test_the_summary_tells_what_each_stage_did(capsys: pytest.CaptureFixture[str]) -> None:
    staged = fit(TwoBranches(), three_stages(monitor="val/loss"))
    assert [(each.name, each.epochs, each.steps) for each in staged.progress.history] == [
        ("seg", 2, 8),
        ("det", 2, 8),
        ("all", 2, 8),
    ]
    # trunk and det: 4 + 6 parameters, and 3 buffers for each normalisation
    assert staged.progress.history[0].proof == "16/16 still, 6/6 moved"
    said = capsys.readouterr()
    assert "2 epochs" in said.err
    assert not said.out


def test_the_transition_is_written_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        fit(TwoBranches(), three_stages())
    text = caplog.text
    assert "Stage 2 of 3, 'det': trains" in text
    assert "Stage 'seg' ended: 2 epochs; 16/16 still, 6/6 moved." in text
    assert "optimizer group" in text


def test_shared_weights_and_those_frozen_before_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = TwoBranches()
    model.det[4] = model.seg[4]
    model.seg[0].requires_grad_(requires_grad=False)
    with caplog.at_level("INFO"):
        fit(model, StagedFreezing([Stage(train="seg")]), epochs=1)
    assert "shared: seg.4.weight = det.4.weight, seg.4.bias = det.4.bias" in caplog.text
    assert "frozen before, and still: seg" in caplog.text
