"""A config of the small project, and the command run within this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from pl_losses.cli import main

# Tests compare bit by bit with processes of one thread; more threads add up in another order.
torch.set_num_threads(1)

CONFIG = """
seed_everything: 0
model:
  class_path: tests.cli.project.Net
  init_args:
    tasks:
      right: {labels: binary, losses: {bce: {}, dice: {weight: 0.5}}, metrics: [f1]}
data:
  class_path: tests.cli.project.Data
trainer:
  accelerator: cpu
  max_epochs: 1
  logger: false
  enable_checkpointing: false
  enable_progress_bar: false
  enable_model_summary: false
"""


class Answer(NamedTuple):
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Path of the config; the current folder becomes a temporary one."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return str(path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run `pl-losses` with some words."""

    def run(*words: str) -> Answer:
        try:
            status = main(words)
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capsys.readouterr()
        return Answer(status, said.out, said.err)

    return run
