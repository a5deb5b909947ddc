"""CrackForest: 118 photographs of asphalt, each with its cracks traced by hand."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import loadmat
from torch import Tensor

Sample = tuple[Tensor, Tensor]

# What scikit-learn's train_test_split(test_size=0.2, random_state=42) draws from the sorted pairs.
# fmt: off
TEST_NUMBERS = frozenset([
    1, 5, 11, 12, 19, 27, 32, 41, 43, 46, 54, 57, 65, 70, 74, 89, 90, 91, 96, 97, 98, 110, 112, 117,
])
# fmt: on
PAIRS = 118
# 1 is background, 2 crack, 3 background that cracks enclose, 4 a further thin crack.
CRACK_LABELS = (2, 4)


def pairs(root: Path) -> list[tuple[Path, Path]]:
    """Return the photograph and the truth of each pair, sorted by number.

    The truth decides: the folder holds 37 further photographs that have none.

    Args:
        root: Folder that holds the folders ``image`` and ``groundTruth``.

    Raises:
        ValueError: If there are not 118 pairs.
    """
    truths = sorted((root / "groundTruth").glob("*.mat"))
    photos = [root / "image" / f"{truth.stem}.jpg" for truth in truths]
    found = [(photo, truth) for photo, truth in zip(photos, truths, strict=True) if photo.is_file()]
    if len(found) != PAIRS:
        raise ValueError(
            f"`root` must hold the {PAIRS} pairs image/*.jpg + groundTruth/*.mat of CrackForest "
            f"(get it: git clone https://github.com/cuilimeng/CrackForest-dataset); "
            f"got {root}, {_content(root, truths, len(found))}."
        )
    return found


def read(root: Path) -> tuple[list[Sample], list[Sample]]:
    """Return the 94 training and the 24 test samples, at half resolution.

    Args:
        root: Folder that holds the folders ``image`` and ``groundTruth``.

    Returns:
        Samples of an image ``(3, 160, 240)`` in 0..1 and a mask ``(1, 160, 240)`` of 0 and 1.

    Raises:
        ValueError: If there are not 118 pairs, or a truth does not fit its photograph.
    """
    train: list[Sample] = []
    test: list[Sample] = []
    for photo, truth in pairs(root):
        (test if int(truth.stem) in TEST_NUMBERS else train).append(_sample(photo, truth))
    return train, test


def _sample(photo: Path, truth: Path) -> Sample:
    image = np.asarray(Image.open(photo).convert("RGB"))
    labels = loadmat(truth, simplify_cells=True)["groundTruth"]["Segmentation"]
    if labels.shape != image.shape[:2]:
        raise ValueError(
            f"`{truth.name}` must have its photograph's shape {image.shape[:2]}; "
            f"got shape {labels.shape}."
        )
    mask = np.isin(labels, CRACK_LABELS)[:, :, None]
    return _halved(image) / 255, (_halved(mask) >= 0.5).float()


def _halved(pixels: np.ndarray) -> Tensor:
    """Return the mean of each 2x2 square, channels first."""
    height, width, channels = pixels.shape
    squares = pixels.reshape(height // 2, 2, width // 2, 2, channels)
    return torch.from_numpy(squares.mean((1, 3), dtype=np.float32)).movedim(-1, 0).contiguous()


def _content(root: Path, truths: list[Path], found: int) -> str:
    if not root.is_dir():
        return "which is not a folder"
    photos = len(list((root / "image").glob("*.jpg")))
    return f"with {photos} photographs, {len(truths)} truths and {found} pairs"
