"""Losses, one family a file."""

from pl_losses.losses.base import LOSSES as LOSSES, Loss as Loss
from pl_losses.losses.box import BoxLoss as BoxLoss
from pl_losses.losses.classification import ClassificationLoss as ClassificationLoss
from pl_losses.losses.cross_entropy import CrossEntropyLoss as CrossEntropyLoss
from pl_losses.losses.dice import DiceLoss as DiceLoss
from pl_losses.losses.focal import FocalLoss as FocalLoss
from pl_losses.losses.iou import CIoULoss as CIoULoss
from pl_losses.losses.mse import MSELoss as MSELoss
from pl_losses.losses.region import RegionLoss as RegionLoss
from pl_losses.losses.regression import RegressionLoss as RegressionLoss
from pl_losses.losses.smooth_l1 import SmoothL1Loss as SmoothL1Loss
from pl_losses.losses.tversky import TverskyLoss as TverskyLoss
