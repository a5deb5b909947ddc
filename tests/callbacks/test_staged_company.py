"""Staged freezing beside the callbacks that people use with it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import (
    EMAWeightAveraging,
    ModelCheckpoint,
    ModelSummary,
    StochasticWeightAveraging,
)
from lightning.pytorch.utilities.model_summary import ModelSummary as Summary

from pl_losses import StagedFreezing
from tests.callbacks.two_branches import QUIET, Trace, TwoBranches, fit

pytestmark = QUIET

STAGES = [{"seg"}] * 2 + [{"det"}] * 2 + [{"trunk", "seg", "det"}] * 2


def three_stages(**options: Any) -> StagedFreezing:
    return StagedFreezing.alternate("seg", "det", max_epochs=2, **options)


class Counted(ModelSummary):
    """Keeps the number of trainable parameters in place of showing it."""

    trainable = 0

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        self.trainable = Summary(pl_module).trainable_parameters


def test_the_model_summary_counts_what_the_first_stage_trains() -> None:
    model, summary = TwoBranches(), Counted()
    fit(model, three_stages(), summary)
    assert summary.trainable == sum(each.numel() for each in model.seg.parameters())


@pytest.mark.filterwarnings("ignore:.*Swapping scheduler")
def test_weights_may_be_averaged_in_the_last_stage() -> None:
    trace = Trace()
    average = StochasticWeightAveraging(swa_lrs=1e-2, swa_epoch_start=5)
    fit(TwoBranches(), three_stages(optimizer="Adam"), trace, average)
    assert trace.moved[:6] == STAGES


def test_averaging_before_the_last_stage_is_told() -> None:
    average = StochasticWeightAveraging(swa_lrs=1e-2, swa_epoch_start=2)
    with pytest.warns(UserWarning, match="averages weights since epoch 1"):
        fit(TwoBranches(), three_stages(), average)


def test_a_moving_average_leaves_frozen_weights_alone() -> None:
    trace = Trace()
    fit(TwoBranches(), three_stages(), trace, EMAWeightAveraging(decay=0.9))
    assert trace.moved == STAGES


def test_the_best_checkpoint_is_chosen_over_all_stages(tmp_path: Path) -> None:
    saves: Callback = ModelCheckpoint(
        tmp_path, monitor="val/loss", filename="{epoch}-{stage:.0f}", save_top_k=-1
    )
    fit(TwoBranches(), three_stages(), saves, enable_checkpointing=True)
    names = sorted(path.stem for path in tmp_path.iterdir())
    assert names == [f"epoch={epoch}-stage={epoch // 2}" for epoch in range(6)]


def test_a_checkpoint_fits_the_model_without_the_callback(tmp_path: Path) -> None:
    saves = ModelCheckpoint(tmp_path)
    model = TwoBranches()
    fit(model, three_stages(), saves, enable_checkpointing=True)
    again = TwoBranches.load_from_checkpoint(saves.best_model_path)
    assert torch.equal(again.seg[0].weight, model.seg[0].weight)
