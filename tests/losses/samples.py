"""How each registered loss is built and fed, so that one test can ask the same of all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.labels import Kind, Labels
from pl_losses.losses import LOSSES, BoxLoss, Loss

CLASSES = 3
IGNORED = -1

Feed = Callable[["Subject", int, tuple[int, ...], torch.Generator], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Special:
    """What is particular about one loss.

    Attributes:
        options: What it cannot be built without.
        ranks: Numbers of spatial axes that it takes.
        smallest: The shortest spatial axis that it takes.
        feed: Makes its prediction and target, where the kind of labels does not say how.
        excused: Promise by promise, why it does not hold for this loss.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    ranks: tuple[int, ...] = (0, 1, 2, 3)
    smallest: int = 1
    feed: Feed | None = None
    excused: Mapping[str, str] = field(default_factory=dict)


def _features(
    subject: "Subject", count: int, space: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    pred, target = _multiclass(subject, count, space, rng)
    return torch.cat([pred, pred.square()], 1), target


def _embeddings(
    _: "Subject", count: int, __: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    return _normal((count, 5), rng), _normal((count, 5), rng)


COUNTS = (50.0, 30.0, 20.0)
IMAGES = (1, 2, 3)
SMOOTH = {"scale": "it adds a smoothing of one place to weighed places"}

SPECIAL: dict[str, Special] = {
    "center": Special(
        options={"num_classes": CLASSES, "num_features": CLASSES},
        excused={
            "soft": "a centre belongs to a class, not to a distribution",
            "truth": "at first all centres are one point",
        },
    ),
    "ciou": Special(excused={"slope": "the weight of the aspect term has no gradient"}),
    "cl_dice": Special(ranks=IMAGES, excused=SMOOTH),
    "cmssl": Special(
        ranks=IMAGES,
        excused={
            "slope": "the structural error is a weight, and has no gradient",
            "mean": "it averages over the places where the structure is wrong",
        },
    ),
    "exponential_logarithmic": Special(excused=SMOOTH),
    "focal_frequency": Special(
        ranks=IMAGES, excused={"slope": "the weight of a frequency has no gradient"}
    ),
    "hierarchical_cross_entropy": Special(options={"tree": [[0, 1], 2]}),
    "info_nce": Special(feed=lambda *args: _pairs(*args), ranks=(0,)),
    "ldam": Special(options={"class_counts": COUNTS}),
    "logit_adjusted": Special(options={"class_counts": COUNTS}),
    "lovasz": Special(excused={"mean": "it averages over the classes that are there"}),
    "ms_ssim": Special(options={"border": "shrink"}, ranks=IMAGES),
    "seesaw": Special(
        options={"class_counts": COUNTS},
        excused={"slope": "the factors of the other classes have no gradient"},
    ),
    "ssim": Special(options={"border": "shrink"}, ranks=IMAGES),
    "top_k_cross_entropy": Special(excused={"mean": "it averages over the hardest elements"}),
    **{
        name: Special(ranks=IMAGES)
        for name in (
            "boundary",
            "boundary_dou",
            "distance_cross_entropy",
            "distance_dice",
            "hausdorff_dt",
            "hausdorff_erosion",
            "shape_aware_cross_entropy",
        )
    },
}


@dataclass(frozen=True)
class Subject:
    """A registered loss, with one kind of target that it takes."""

    name: str
    kind: str

    @property
    def special(self) -> Special:
        return SPECIAL.get(self.name, Special())

    @property
    def labelled(self) -> bool:
        """Whether the loss is told what its target means."""
        return self.kind in get_args(Kind)

    @property
    def classifies(self) -> bool:
        return self.labelled and self.kind != "regression"

    def build(self, *, reduction: str = "mean", **meaning: Any) -> Loss:
        """Return the loss; ``meaning`` goes to its labels."""
        options = {**self.special.options, "reduction": reduction}
        if self.labelled:
            meaning = {"ignore_index": IGNORED, **meaning} if self.classifies else meaning
            options["labels"] = Labels(self.kind, **meaning)  # type: ignore[arg-type]
        return LOSSES.build(self.name, **options)

    def space(self, rank: int | None = None) -> tuple[int, ...]:
        """Return a small shape, of two axes where the loss takes them."""
        ranks = self.special.ranks
        rank = rank if rank is not None else (2 if 2 in ranks else ranks[-1])
        return tuple(max(each, self.special.smallest) for each in (2, 3, 2)[:rank])

    def sample(
        self,
        space: tuple[int, ...] | None = None,
        *,
        count: int = 4,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Return a prediction and a target of ``count`` samples, nothing ignored."""
        space = self.space() if space is None else space
        rng = torch.Generator().manual_seed(seed)
        feed = self.special.feed or FEEDS[self.kind]
        pred, target = feed(self, count, space, rng)
        return pred.to(dtype), target.to(dtype) if target.is_floating_point() else target

    def perfect(self, target: Tensor, confidence: float = 100.0) -> Tensor:
        """Return the prediction that is as right as can be."""
        if not self.classifies:
            return target.clone()
        if self.kind == "multiclass":
            target = F.one_hot(target, CLASSES).movedim(-1, 1)
        return (2.0 * target - 1.0) * confidence

    def some_elements(self, target: Tensor) -> Tensor:
        """Return a mask, in the shape of the target, of about a third of its elements."""
        places = torch.arange(target.numel()).reshape(target.shape)
        return places % 3 == 0

    def like_pred(self, mask: Tensor, pred: Tensor) -> Tensor:
        """Return a mask of elements in the shape of the prediction."""
        mask = mask.unsqueeze(1) if self.kind == "multiclass" else mask
        return mask.expand_as(pred)

    def excuse(self, promise: str) -> None:
        """Skip a test of a promise that the loss does not make, for the reason that is listed."""
        if promise in self.special.excused:
            pytest.skip(self.special.excused[promise])

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}"


def _binary(
    _: Subject, count: int, space: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    shape = (count, 1, *space)
    return _normal(shape, rng), torch.randint(2, shape, generator=rng)


def _multiclass(
    _: Subject, count: int, space: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    target = torch.randint(CLASSES, (count, *space), generator=rng)
    return _normal((count, CLASSES, *space), rng), target


def _multilabel(
    _: Subject, count: int, space: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    shape = (count, CLASSES, *space)
    return _normal(shape, rng), torch.randint(2, shape, generator=rng)


def _regression(
    _: Subject, count: int, space: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    shape = (count, 2, *space)
    return _normal(shape, rng), _normal(shape, rng)


def _boxes(
    _: Subject, count: int, space: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    def boxes() -> Tensor:
        corner, size = 4 * _uniform((count, *space, 2), rng), 3 * _uniform((count, *space, 2), rng)
        return torch.cat([corner, corner + size + 0.1], -1)

    return boxes(), boxes()


def _pairs(
    _: Subject, count: int, __: tuple[int, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    return _normal((count, 5), rng), _normal((count, 5), rng)


def _normal(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def _uniform(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=rng, dtype=torch.float64)


FEEDS: dict[str, Feed] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "multilabel": _multilabel,
    "regression": _regression,
    "boxes": _boxes,
}


def _kinds(name: str) -> tuple[str, ...]:
    cls = LOSSES[name]
    if name in SPECIAL and SPECIAL[name].feed is not None:
        return ("own",)
    if issubclass(cls, BoxLoss):
        return ("boxes",)
    return tuple(getattr(cls, "kinds", get_args(Kind)))


def _widest(name: str) -> Subject:
    kinds = _kinds(name)
    return Subject(name, "multiclass" if "multiclass" in kinds else kinds[0])


SUBJECTS = [Subject(name, kind) for name in LOSSES.names for kind in _kinds(name)]
"""Every loss with every kind of target that it takes."""

ONE_EACH = [_widest(name) for name in LOSSES.names]
"""Every loss once, for what is costly to test."""
