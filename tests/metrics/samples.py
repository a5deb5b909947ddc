"""Predictions and targets for the tests of metrics, with every kind of labels."""

import torch
from torch import Tensor

KINDS = ("binary", "multiclass", "multilabel")
IGNORED = -1
CLASSES = 3


def sample(kind: str, seed: int = 0, size: tuple[int, int] = (5, 6)) -> tuple[Tensor, Tensor]:
    """Return logits and whole labels of four images, so that every class has hits and errors."""
    rng = torch.Generator().manual_seed(seed)
    channels = 1 if kind == "binary" else CLASSES
    logits = 2 * torch.randn(4, channels, *size, generator=rng)
    shape = (4, *size) if kind == "multiclass" else logits.shape
    return logits, torch.randint(CLASSES if kind == "multiclass" else 2, shape, generator=rng)
