"""What is compared: a loss of this package, the same of others, and the input of both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses import LOSSES
from tests.benchmarks.measure import generator

Function = Callable[[Tensor, Tensor], Tensor]
Form = Callable[[Tensor], Tensor]


class Lazy:
    """A module that is imported when it is first used, since it may not be installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self.name), attribute)


imbalanced, kornia = Lazy("imbalanced_losses"), Lazy("kornia.losses")
monai, smp = Lazy("monai.losses"), Lazy("segmentation_models_pytorch.losses")
timm, toolbelt = Lazy("timm.loss"), Lazy("pytorch_toolbelt.losses")
vision = Lazy("torchvision.ops")


def channel(target: Tensor) -> Tensor:
    """Return class numbers with a channel of one, as MONAI wants them."""
    return target.unsqueeze(1)


@dataclass(frozen=True)
class Peer:
    """How another library computes a row; ``form`` makes its form of the target, untimed."""

    build: Callable[[], Function]
    form: Form = lambda target: target


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What is computed, and on which input.
        inputs: Which prediction and target, a key of ``INPUTS``.
        build: The loss of this package.
        peers: The others, by name.
        kernel: Whether the fastest peer is one fused kernel of torch itself.
        lean: Whether the goal for memory holds: element-wise and region losses.
    """

    name: str
    inputs: str
    build: Callable[[], Function]
    peers: Mapping[str, Peer] = field(default_factory=dict)
    kernel: bool = False
    lean: bool = True


def ours(name: str, *args: Any, **options: Any) -> Callable[[], Function]:
    """Return how to build a loss of this package."""
    if args:
        options["labels"] = args[0]
    return lambda: LOSSES.build(name, **options)


def _mask(*shape: int) -> tuple[Tensor, Tensor]:
    rng = generator()
    return torch.randn(shape, generator=rng), (torch.rand(shape, generator=rng) < 0.1).float()


def _classes(*shape: int) -> tuple[Tensor, Tensor]:
    rng = generator()
    target = torch.randint(shape[1], (shape[0], *shape[2:]), generator=rng)
    return torch.randn(shape, generator=rng), target


def _boxes(count: int) -> tuple[Tensor, Tensor]:
    rng = generator()
    corner, size = 500 * torch.rand(count, 2, generator=rng), torch.rand(count, 2, generator=rng)
    truth = torch.cat([corner, corner + 10 + 90 * size], 1)
    moved = truth + 4 * torch.randn(count, 4, generator=rng)
    low, high = moved.chunk(2, 1)
    return torch.cat([low, torch.maximum(low + 1, high)], 1), truth


def _numbers(*shape: int) -> tuple[Tensor, Tensor]:
    rng = generator()
    return 9 * torch.randn(shape, generator=rng), 9 * torch.randn(shape, generator=rng)


def _heat(*shape: int) -> tuple[Tensor, Tensor]:
    rng = generator()
    return torch.randn(shape, generator=rng), torch.rand(shape, generator=rng)


INPUTS: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
    "seg [8,1,512,512]": lambda: _mask(8, 1, 512, 512),
    "seg-s [4,1,64,64]": lambda: _mask(4, 1, 64, 64),
    "dense [8,15000,80]": lambda: _mask(8, 15000, 80),
    "tiny [4,1,8,8]": lambda: _mask(4, 1, 8, 8),
    "ml [4096,80]": lambda: _mask(4096, 80),
    "mc [4,19,256,256]": lambda: _classes(4, 19, 256, 256),
    "mc-s [2,19,64,64]": lambda: _classes(2, 19, 64, 64),
    "mc-tiny [2,4,8,8]": lambda: _classes(2, 4, 8, 8),
    "cls [4096,1000]": lambda: _classes(4096, 1000),
    "boxes [50000,4]": lambda: _boxes(50_000),
    "boxes-tiny [16,4]": lambda: _boxes(16),
    "kpt [256,68,2]": lambda: _numbers(256, 68, 2),
    "heat [8,17,64,64]": lambda: _heat(8, 17, 64, 64),
}
SEG, SEG_S, DENSE, TINY, ML, MC, MC_S, MC_TINY, CLS, BOXES, BOXES_TINY, KPT, HEAT = INPUTS

ALL_CLASSES = {"to_onehot_y": True, "softmax": True}


def _focal_peers(alpha: float = 0.25) -> dict[str, Peer]:
    return {
        "torchvision": Peer(
            lambda: lambda x, y: vision.sigmoid_focal_loss(x, y, alpha, 2.0, reduction="mean")
        ),
        "monai": Peer(lambda: monai.FocalLoss(gamma=2.0, alpha=alpha)),
        "kornia": Peer(
            lambda: lambda x, y: kornia.binary_focal_loss_with_logits(x, y, alpha, 2.0, "mean")
        ),
        "smp": Peer(lambda: smp.FocalLoss("binary", alpha=alpha, gamma=2.0)),
        "toolbelt": Peer(lambda: toolbelt.BinaryFocalLoss(alpha=alpha, gamma=2.0)),
        "imbalanced": Peer(lambda: imbalanced.SigmoidFocalLoss(alpha=alpha, gamma=2.0)),
    }


def _all_channels(logits: Tensor, target: Tensor) -> Tensor:
    one_hot = F.one_hot(target, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, one_hot)


def _worst_tenth(logits: Tensor, target: Tensor) -> Tensor:
    losses = F.cross_entropy(logits, target, reduction="none").flatten()
    return losses.topk(losses.numel() // 10).values.mean()


def _rcf(logits: Tensor, target: Tensor) -> Tensor:
    positive = target.sum()
    negative = target.numel() - positive
    weight = torch.where(target > 0, negative, 1.1 * positive) / target.numel()
    return F.binary_cross_entropy(logits.sigmoid(), target, weight, reduction="sum")


def _eight_to_one(logits: Tensor, target: Tensor) -> Tensor:
    return ((1 + 7 * target) * (logits.sigmoid() - target) ** 2).mean()


ROWS = [
    Row("bce", SEG, ours("cross_entropy", "binary"), {
        "torch": Peer(lambda: F.binary_cross_entropy_with_logits),
        "smp": Peer(lambda: smp.SoftBCEWithLogitsLoss(ignore_index=None)),
    }, kernel=True),
    Row("bce", ML, ours("cross_entropy", "multilabel"), {
        "torch": Peer(lambda: F.binary_cross_entropy_with_logits),
    }, kernel=True),
    Row("weighted bce", SEG, ours("cross_entropy", {"kind": "binary", "class_weights": [1, 8]}), {
        "torch": Peer(lambda: lambda x, y: F.binary_cross_entropy_with_logits(
            x, y, pos_weight=torch.tensor(8.0))),
    }, kernel=True),
    Row("balanced bce", SEG, ours("balanced_cross_entropy", "binary"), {
        "toolbelt": Peer(lambda: toolbelt.BalancedBCEWithLogitsLoss()),
    }),
    Row("rcf bce", SEG, ours("rcf_cross_entropy", "binary"), {
        "torch (rule)": Peer(lambda: _rcf),
    }),
    Row("focal", SEG, ours("focal", "binary", alpha=0.25), _focal_peers()),
    Row("focal", DENSE, ours("focal", "binary", alpha=0.25), _focal_peers()),
    Row("focal", TINY, ours("focal", "binary", alpha=0.25), _focal_peers()),
    Row("dice", SEG, ours("dice", "binary"), {
        "monai": Peer(lambda: monai.DiceLoss(sigmoid=True)),
        "smp": Peer(lambda: smp.DiceLoss("binary")),
        "toolbelt": Peer(lambda: toolbelt.DiceLoss("binary")),
    }),
    Row("dice", TINY, ours("dice", "binary"), {
        "monai": Peer(lambda: monai.DiceLoss(sigmoid=True)),
        "smp": Peer(lambda: smp.DiceLoss("binary")),
    }),
    Row("jaccard", SEG, ours("jaccard", "binary"), {
        "monai": Peer(lambda: monai.DiceLoss(sigmoid=True, jaccard=True)),
        "smp": Peer(lambda: smp.JaccardLoss("binary")),
    }),
    Row("tversky", SEG, ours("tversky", "binary"), {
        "monai": Peer(lambda: monai.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7)),
        "smp": Peer(lambda: smp.TverskyLoss("binary", alpha=0.3, beta=0.7)),
    }),
    Row("lovasz hinge", SEG, ours("lovasz", "binary"), {
        "kornia": Peer(lambda: lambda x, y: kornia.lovasz_hinge_loss(x, y), lambda y: y[:, 0]),
        "smp": Peer(lambda: smp.LovaszLoss("binary", per_image=True), lambda y: y[:, 0]),
    }, lean=False),
    Row("mcc", SEG, ours("mcc", "binary"), {
        "monai": Peer(lambda: monai.MCCLoss(sigmoid=True)),
        "smp": Peer(lambda: lambda x, y: smp.MCCLoss()(x.sigmoid(), y)),
    }),
    Row("focal", MC, ours("focal", "multiclass"), {
        "kornia": Peer(lambda: lambda x, y: kornia.focal_loss(x, y, None, 2.0, "mean")),
        "imbalanced": Peer(lambda: imbalanced.SoftmaxFocalLoss(gamma=2.0)),
        "monai": Peer(
            lambda: monai.FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True), channel),
        "toolbelt": Peer(lambda: toolbelt.CrossEntropyFocalLoss(gamma=2.0)),
    }),
    Row("smoothed ce", MC, ours("cross_entropy", "multiclass", label_smoothing=0.1), {
        "torch": Peer(lambda: lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1)),
        "smp": Peer(lambda: smp.SoftCrossEntropyLoss(smooth_factor=0.1, ignore_index=None)),
    }, kernel=True),
    Row("dice", MC, ours("dice", "multiclass"), {
        "monai": Peer(lambda: monai.DiceLoss(**ALL_CLASSES), channel),
        "kornia": Peer(lambda: lambda x, y: kornia.dice_loss(x, y, average="macro")),
        "kornia micro": Peer(lambda: lambda x, y: kornia.dice_loss(x, y)),
        "smp": Peer(lambda: smp.DiceLoss("multiclass")),
    }),
    Row("dice", MC_TINY, ours("dice", "multiclass"), {
        "monai": Peer(lambda: monai.DiceLoss(**ALL_CLASSES), channel),
        "kornia": Peer(lambda: lambda x, y: kornia.dice_loss(x, y, average="macro")),
        "smp": Peer(lambda: smp.DiceLoss("multiclass")),
    }),
    Row("dice, squares", MC, ours("dice", "multiclass", denominator="squares"), {
        "monai": Peer(lambda: monai.DiceLoss(**ALL_CLASSES, squared_pred=True), channel),
    }),
    Row("jaccard", MC, ours("jaccard", "multiclass"), {
        "monai": Peer(lambda: monai.DiceLoss(**ALL_CLASSES, jaccard=True), channel),
        "smp": Peer(lambda: smp.JaccardLoss("multiclass")),
    }),
    Row("tversky", MC, ours("tversky", "multiclass"), {
        "monai": Peer(lambda: monai.TverskyLoss(**ALL_CLASSES, alpha=0.3, beta=0.7), channel),
        "smp": Peer(lambda: smp.TverskyLoss("multiclass", alpha=0.3, beta=0.7)),
        "kornia": Peer(lambda: lambda x, y: kornia.tversky_loss(x, y, 0.3, 0.7)),
    }),
    Row("generalized dice", MC, ours("generalized_dice", "multiclass"), {
        "monai": Peer(lambda: monai.GeneralizedDiceLoss(**ALL_CLASSES), channel),
    }),
    Row("lovasz softmax", MC_S, ours("lovasz", "multiclass"), {
        "kornia": Peer(lambda: kornia.lovasz_softmax_loss),
        "smp": Peer(lambda: smp.LovaszLoss("multiclass", per_image=True)),
    }, lean=False),
    Row("giou", BOXES, ours("giou"), {
        "torchvision": Peer(lambda: lambda x, y: vision.generalized_box_iou_loss(x, y, "mean")),
        "monai": Peer(lambda: monai.BoxGIoULoss()),
    }),
    Row("giou", BOXES_TINY, ours("giou"), {
        "torchvision": Peer(lambda: lambda x, y: vision.generalized_box_iou_loss(x, y, "mean")),
        "monai": Peer(lambda: monai.BoxGIoULoss()),
    }),
    Row("diou", BOXES, ours("diou"), {
        "torchvision": Peer(lambda: lambda x, y: vision.distance_box_iou_loss(x, y, "mean")),
    }),
    Row("ciou", BOXES, ours("ciou"), {
        "torchvision": Peer(lambda: lambda x, y: vision.complete_box_iou_loss(x, y, "mean")),
    }),
    Row("cl_dice", SEG_S, ours("cl_dice", "binary"), {
        "monai": Peer(lambda: monai.SoftclDiceLoss(sigmoid=True)),
    }, lean=False),
    Row("hausdorff_dt", SEG_S, ours("hausdorff_dt", "binary"), {
        "monai": Peer(lambda: monai.HausdorffDTLoss(sigmoid=True, include_background=True)),
    }, lean=False),
    Row("hausdorff_erosion", SEG_S, ours("hausdorff_erosion", "binary"), {
        "kornia": Peer(
            lambda: lambda x, y: kornia.HausdorffERLoss()(torch.cat([-x, x], 1), y),
            lambda y: y.long()),
    }, lean=False),
    Row("boundary", SEG_S, ours("boundary", "binary"), {
        "monai": Peer(lambda: monai.BoundaryLoss(sigmoid=True)),
    }, lean=False),
    Row("quality focal", DENSE, ours("quality_focal", "binary"), {
        "toolbelt": Peer(lambda: toolbelt.QualityFocalLoss()),
    }),
    Row("wing", KPT, ours("wing"), {
        "toolbelt": Peer(lambda: toolbelt.WingLoss(width=10, curvature=2)),
    }),
    Row("log_cosh", KPT, ours("log_cosh"), {"toolbelt": Peer(lambda: toolbelt.LogCoshLoss())}),
    Row("charbonnier", KPT, ours("charbonnier"), {
        "kornia": Peer(lambda: lambda x, y: kornia.charbonnier_loss(x, y, "mean")),
    }),
    Row("smoothed ce", CLS, ours("cross_entropy", "multiclass", label_smoothing=0.1), {
        "torch": Peer(lambda: lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1)),
        "timm": Peer(lambda: timm.LabelSmoothingCrossEntropy(0.1)),
    }, kernel=True),
    Row("poly1", CLS, ours("poly1", "multiclass"), {
        "timm": Peer(lambda: timm.PolyCrossEntropy(epsilon=2.0)),
    }),
    Row("bi_tempered", CLS, ours("bi_tempered", "multiclass", t1=0.8, t2=1.2), {
        "toolbelt": Peer(
            lambda: toolbelt.BiTemperedLogisticLoss(0.8, 1.2),
            lambda y: F.one_hot(y, 1000).float()),
    }),
    Row("asymmetric", ML, ours("asymmetric", "multilabel"), {
        "timm": Peer(lambda: timm.AsymmetricLossMultiLabel()),
    }),
    Row("ce", MC, ours("cross_entropy", "multiclass"), {
        "torch": Peer(lambda: F.cross_entropy),
        "smp": Peer(lambda: smp.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=None)),
    }, kernel=True),
    Row("ce", CLS, ours("cross_entropy", "multiclass"), {
        "torch": Peer(lambda: F.cross_entropy),
    }, kernel=True),
    Row("ce, all channels", MC, ours(
        "all_channels_cross_entropy", "multiclass", reading="sigmoid"), {
        "torch (one-hot)": Peer(lambda: _all_channels),
    }),
    Row("top-k ce", MC, ours("top_k_cross_entropy", "multiclass"), {
        "torch (ce, topk)": Peer(lambda: _worst_tenth),
    }),
    Row("smooth_l1", BOXES, ours("smooth_l1"), {
        "torch": Peer(lambda: F.smooth_l1_loss),
    }, kernel=True),
    Row("mse", HEAT, ours("mse"), {"torch": Peer(lambda: F.mse_loss)}, kernel=True),
    Row("mse 8:1", HEAT, ours("mse", {"kind": "binary", "class_weights": [1, 8]}), {
        "torch (rule)": Peer(lambda: _eight_to_one),
    }),
    Row("ssim", HEAT, ours("ssim"), {
        "monai": Peer(lambda: monai.SSIMLoss(spatial_dims=2)),
        "kornia": Peer(lambda: kornia.SSIMLoss(11)),
    }, lean=False),
]  # fmt: skip
"""The rows of the table; each peer is asked for the same quantity, in its own terms."""
