"""Train in stages until the process is killed, by itself, at a given moment.

Usage: ``python staged_until_killed.py FOLDER MOMENT``, the moment in events of the training.
"""

import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import TwoBranches, loader, trainer

EPOCHS = 6
EVENTS = EPOCHS * 7  # four batches of training and two of validation in each epoch, and its end


def schedule() -> StagedFreezing:
    rate = {"init_args": {"lr": 1e-2}}
    return StagedFreezing(
        [
            Stage(train="seg", max_epochs=2, optimizer={"class_path": "AdamW", **rate}),
            Stage(train="det", max_epochs=2, optimizer={"class_path": "RMSprop", **rate}),
            Stage(train="all", max_epochs=2),
        ]
    )


class Kill(Callback):
    """Ends the process without notice."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def on_train_batch_end(self, *args: Any) -> None:
        self._event()

    def on_validation_batch_end(self, *args: Any) -> None:
        self._event()

    def on_train_epoch_end(self, *args: Any) -> None:
        self._event()

    def _event(self) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    saves = ModelCheckpoint(Path(sys.argv[1]), filename="{epoch}", save_last=True)
    kill = Kill(int(sys.argv[2]))
    runner = trainer(
        schedule(), saves, kill, epochs=EPOCHS, enable_checkpointing=True, num_sanity_val_steps=0
    )
    runner.fit(TwoBranches(), loader(), loader(12))
