"""Losses, one family a file."""

from pl_losses.losses.adaptive_wing import AdaptiveWingLoss as AdaptiveWingLoss
from pl_losses.losses.all_channels_cross_entropy import (
    AllChannelsCrossEntropyLoss as AllChannelsCrossEntropyLoss,
)
from pl_losses.losses.alpha_iou import AlphaIoULoss as AlphaIoULoss
from pl_losses.losses.asymmetric import AsymmetricLoss as AsymmetricLoss
from pl_losses.losses.balanced_cross_entropy import (
    BalancedCrossEntropyLoss as BalancedCrossEntropyLoss,
)
from pl_losses.losses.base import LOSSES as LOSSES, Loss as Loss
from pl_losses.losses.bi_tempered import BiTemperedLoss as BiTemperedLoss
from pl_losses.losses.boundary import BoundaryLoss as BoundaryLoss
from pl_losses.losses.boundary_dou import BoundaryDoULoss as BoundaryDoULoss
from pl_losses.losses.box import BoxLoss as BoxLoss
from pl_losses.losses.center import CenterLoss as CenterLoss
from pl_losses.losses.charbonnier import CharbonnierLoss as CharbonnierLoss
from pl_losses.losses.ciou import CIoULoss as CIoULoss
from pl_losses.losses.cl_dice import ClDiceLoss as ClDiceLoss
from pl_losses.losses.classification import ClassificationLoss as ClassificationLoss
from pl_losses.losses.cmssl import CMSSLoss as CMSSLoss
from pl_losses.losses.combo import ComboLoss as ComboLoss
from pl_losses.losses.compound import CompoundLoss as CompoundLoss
from pl_losses.losses.cornernet_focal import CornerNetFocalLoss as CornerNetFocalLoss
from pl_losses.losses.counted import CountedLoss as CountedLoss
from pl_losses.losses.cross_entropy import CrossEntropyLoss as CrossEntropyLoss
from pl_losses.losses.dense import DenseLoss as DenseLoss
from pl_losses.losses.dice import DiceLoss as DiceLoss
from pl_losses.losses.diou import DIoULoss as DIoULoss
from pl_losses.losses.distance import DistanceLoss as DistanceLoss
from pl_losses.losses.distance_cross_entropy import (
    DistanceCrossEntropyLoss as DistanceCrossEntropyLoss,
)
from pl_losses.losses.distance_dice import DistanceDiceLoss as DistanceDiceLoss
from pl_losses.losses.eiou import EIoULoss as EIoULoss
from pl_losses.losses.exponential_logarithmic import (
    ExponentialLogarithmicLoss as ExponentialLogarithmicLoss,
)
from pl_losses.losses.focal import FocalLoss as FocalLoss
from pl_losses.losses.focal_frequency import FocalFrequencyLoss as FocalFrequencyLoss
from pl_losses.losses.focal_tversky import FocalTverskyLoss as FocalTverskyLoss
from pl_losses.losses.generalized_cross_entropy import (
    GeneralizedCrossEntropyLoss as GeneralizedCrossEntropyLoss,
)
from pl_losses.losses.generalized_dice import GeneralizedDiceLoss as GeneralizedDiceLoss
from pl_losses.losses.ghm import GHMLoss as GHMLoss, GHMRegressionLoss as GHMRegressionLoss
from pl_losses.losses.giou import GIoULoss as GIoULoss
from pl_losses.losses.hausdorff_dt import HausdorffDTLoss as HausdorffDTLoss
from pl_losses.losses.hausdorff_erosion import HausdorffErosionLoss as HausdorffErosionLoss
from pl_losses.losses.hierarchical_cross_entropy import (
    HierarchicalCrossEntropyLoss as HierarchicalCrossEntropyLoss,
)
from pl_losses.losses.hinge import HingeLoss as HingeLoss
from pl_losses.losses.huber import HuberLoss as HuberLoss
from pl_losses.losses.info_nce import InfoNCELoss as InfoNCELoss
from pl_losses.losses.iou import IoULoss as IoULoss
from pl_losses.losses.jaccard import JaccardLoss as JaccardLoss
from pl_losses.losses.kl_divergence import KLDivergenceLoss as KLDivergenceLoss
from pl_losses.losses.l1 import L1Loss as L1Loss
from pl_losses.losses.ldam import LDAMLoss as LDAMLoss
from pl_losses.losses.log_cosh import LogCoshLoss as LogCoshLoss
from pl_losses.losses.log_cosh_dice import LogCoshDiceLoss as LogCoshDiceLoss
from pl_losses.losses.logit_adjusted import LogitAdjustedLoss as LogitAdjustedLoss
from pl_losses.losses.lovasz import LovaszLoss as LovaszLoss
from pl_losses.losses.mcc import MCCLoss as MCCLoss
from pl_losses.losses.ms_ssim import MSSSIMLoss as MSSSIMLoss
from pl_losses.losses.mse import MSELoss as MSELoss
from pl_losses.losses.poly1 import Poly1Loss as Poly1Loss
from pl_losses.losses.quality_focal import QualityFocalLoss as QualityFocalLoss
from pl_losses.losses.quantile import QuantileLoss as QuantileLoss
from pl_losses.losses.ramp import RampLoss as RampLoss
from pl_losses.losses.rcf_cross_entropy import RCFCrossEntropyLoss as RCFCrossEntropyLoss
from pl_losses.losses.region import (
    OverlapLoss as OverlapLoss,
    RegionLoss as RegionLoss,
    SummedLoss as SummedLoss,
)
from pl_losses.losses.regression import RegressionLoss as RegressionLoss
from pl_losses.losses.seesaw import SeesawLoss as SeesawLoss
from pl_losses.losses.sensitivity_specificity import (
    SensitivitySpecificityLoss as SensitivitySpecificityLoss,
)
from pl_losses.losses.shape_aware_cross_entropy import (
    ShapeAwareCrossEntropyLoss as ShapeAwareCrossEntropyLoss,
)
from pl_losses.losses.siou import SIoULoss as SIoULoss
from pl_losses.losses.smooth_l1 import SmoothL1Loss as SmoothL1Loss
from pl_losses.losses.ssim import SSIMLoss as SSIMLoss
from pl_losses.losses.structure import StructureLoss as StructureLoss
from pl_losses.losses.top_k_cross_entropy import TopKCrossEntropyLoss as TopKCrossEntropyLoss
from pl_losses.losses.tukey import TukeyLoss as TukeyLoss
from pl_losses.losses.tversky import TverskyLoss as TverskyLoss
from pl_losses.losses.unified_focal import UnifiedFocalLoss as UnifiedFocalLoss
from pl_losses.losses.varifocal import VarifocalLoss as VarifocalLoss
from pl_losses.losses.wing import WingLoss as WingLoss
