"""The Lightning that is in use: `lightning`, or the stand-alone `pytorch_lightning`.

The two packages hold the same classes twice, and a Trainer of one does not know the classes of
the other. A program that has imported only the stand-alone package gets that one; every other
gets `lightning`.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import (
        Callback as Callback,
        LightningDataModule as LightningDataModule,
        LightningModule as LightningModule,
        Trainer as Trainer,
        seed_everything as seed_everything,
    )
    from lightning.pytorch.callbacks import (
        BaseFinetuning as BaseFinetuning,
        EarlyStopping as EarlyStopping,
        LearningRateMonitor as LearningRateMonitor,
        StochasticWeightAveraging as StochasticWeightAveraging,
    )
    from lightning.pytorch.strategies import DDPStrategy as DDPStrategy, Strategy as Strategy
    from lightning.pytorch.utilities import (
        rank_zero_info as rank_zero_info,
        rank_zero_only as rank_zero_only,
        rank_zero_warn as rank_zero_warn,
    )
    from lightning.pytorch.utilities.types import LRSchedulerConfig as LRSchedulerConfig
else:
    _alone = "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules
    PACKAGE = "pytorch_lightning" if _alone else "lightning.pytorch"
    _package = import_module(PACKAGE)
    Callback = _package.Callback
    LightningDataModule = _package.LightningDataModule
    LightningModule = _package.LightningModule
    Trainer = _package.Trainer
    seed_everything = _package.seed_everything
    _callbacks = import_module(f"{PACKAGE}.callbacks")
    BaseFinetuning = _callbacks.BaseFinetuning
    EarlyStopping = _callbacks.EarlyStopping
    LearningRateMonitor = _callbacks.LearningRateMonitor
    StochasticWeightAveraging = _callbacks.StochasticWeightAveraging
    _strategies = import_module(f"{PACKAGE}.strategies")
    DDPStrategy = _strategies.DDPStrategy
    Strategy = _strategies.Strategy
    _utilities = import_module(f"{PACKAGE}.utilities")
    rank_zero_info = _utilities.rank_zero_info
    rank_zero_only = _utilities.rank_zero_only
    rank_zero_warn = _utilities.rank_zero_warn
    LRSchedulerConfig = import_module(f"{PACKAGE}.utilities.types").LRSchedulerConfig


def callbacks_of(trainer: Any) -> list[Any]:
    """Return the callbacks of a trainer, which its type does not declare."""
    callbacks: list[Any] = trainer.callbacks
    return callbacks


def is_dry_run(trainer: Any) -> bool:
    """Return whether a trainer runs only a few batches, to see that the code works."""
    return bool(trainer.fast_dev_run)
