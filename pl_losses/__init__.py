"""Losses, task balancing and staged training, as plugins for a LightningModule."""

from pl_losses.core.labels import Labels as Labels
from pl_losses.losses import LOSSES as LOSSES, Loss as Loss
from pl_losses.version import __version__ as __version__
