"""Callbacks for a Trainer."""

from pl_losses.callbacks.staged_freezing import StagedFreezing as StagedFreezing
from pl_losses.callbacks.task_loss_logger import TaskLossLogger as TaskLossLogger
