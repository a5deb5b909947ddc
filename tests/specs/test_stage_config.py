"""Stages in a config file: read, checked with one line, and printed back."""

from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from pl_losses import Stage, StagedFreezing

CONFIG = """
staged:
  class_path: pl_losses.callbacks.StagedFreezing
  init_args:
    stages:
      - {train: [seg], monitor: val/seg/loss, patience: 3, max_epochs: 20}
      - {train: [box], max_epochs: 20,
         optimizer: {class_path: torch.optim.RMSprop, init_args: {lr: 1e-3}}}
      - {train: all}
"""


def parser() -> ArgumentParser:
    made = ArgumentParser(exit_on_error=False)
    made.add_argument("--config", action="config")
    made.add_subclass_arguments(StagedFreezing, "staged")
    return made


def parsed(folder: Path, text: str) -> StagedFreezing:
    (folder / "stages.yaml").write_text(text)
    config = parser().parse_args([f"--config={folder / 'stages.yaml'}"])
    return parser().instantiate_classes(config).staged


def test_stages_are_read_from_a_config(tmp_path: Path) -> None:
    optimizer = {"class_path": "torch.optim.RMSprop", "init_args": {"lr": 1e-3}}
    assert parsed(tmp_path, CONFIG).stages == (
        Stage(train="seg", monitor="val/seg/loss", patience=3, max_epochs=20),
        Stage(train="box", max_epochs=20, optimizer=optimizer),
        Stage(train="all"),
    )


def test_a_printed_config_reads_back(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(CONFIG)
    config = parser().parse_args([f"--config={tmp_path / 'first.yaml'}"])
    printed = parser().dump(config)
    assert parsed(tmp_path, printed).stages == parsed(tmp_path, CONFIG).stages


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("patience", "patiense", "'patiense'. Did you mean 'patience'?"),
        ("patience: 3", "patience: few", "`patience` of a stage must be int | None; got 'few'"),
        ("max_epochs: 20}", "max_epochs: 0}", "`max_epochs` must be at least 1; got 0"),
        ("RMSprop", "RMSprob", "Unknown class 'RMSprob'. Did you mean 'RMSprop'?"),
        ("lr: 1e-3", "rate: 1e-3", "Unknown option of RMSprop 'rate'"),
    ],
)
def test_a_mistake_is_answered_with_what_was_meant(
    tmp_path: Path, right: str, wrong: str, line: str
) -> None:
    with pytest.raises(Exception, match="Not of type Stage") as caught:
        parsed(tmp_path, CONFIG.replace(right, wrong))
    assert line in str(caught.value)
