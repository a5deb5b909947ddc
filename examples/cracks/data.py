"""The cracks as a LightningDataModule: drawn by default, CrackForest where its folder is named."""

from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader
from typing_extensions import override

from examples.cracks import crackforest, procedural
from examples.cracks.augment import Augment
from pl_losses.core.checks import check_between

Sample = tuple[Tensor, Tensor]
Loader = DataLoader[Sample]

TRAINING_IMAGES = 94


class CrackData(LightningDataModule):
    """94 training and 24 test images of 160x240 pixels, with the cracks as masks.

    A batch is an image ``(N, 3, H, W)`` in 0..1 and a mask ``(N, 1, H, W)`` of 0 and 1. Training
    batches are augmented crops of 96x144 pixels; all others are whole images. Some training
    images are held out for validation: there the threshold is chosen, so that the test images
    have no say in it.

    Args:
        root: Folder of the CrackForest set. None draws cracks on photographs instead, which
            needs no download.
        batch_size: Number of images in a batch.
        validation: How many of the 94 training images are held out.
        seed: Decides which images are held out, and what is drawn.

    Raises:
        ValueError: If ``root`` is not the CrackForest set, or ``validation`` leaves no image to
            train on.

    Example:
        >>> data = CrackData(batch_size=2)
        >>> data.setup("fit")
        >>> image, mask = next(iter(data.train_dataloader()))
        >>> image.shape, mask.shape
        (torch.Size([2, 3, 96, 144]), torch.Size([2, 1, 96, 144]))
    """

    def __init__(
        self,
        *,
        root: str | None = None,
        batch_size: int = 4,
        validation: int = 12,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if root is not None:
            crackforest.pairs(Path(root))
        self.root = root
        self.batch_size = batch_size
        check_between("validation", validation, 1, TRAINING_IMAGES - 1)
        self.validation = validation
        self.seed = seed
        self.train: list[Sample] = []
        self.held_out: list[Sample] = []
        self.test: list[Sample] = []

    @override
    def setup(self, stage: str) -> None:
        if self.train:
            return
        if self.root is None:
            samples, self.test = procedural.generate(self.seed, train=TRAINING_IMAGES)
        else:
            samples, self.test = crackforest.read(Path(self.root))
        order = torch.randperm(
            len(samples), generator=torch.Generator().manual_seed(self.seed)
        ).tolist()
        self.held_out = [samples[index] for index in sorted(order[: self.validation])]
        self.train = [samples[index] for index in sorted(order[self.validation :])]

    @override
    def train_dataloader(self) -> Loader:
        return DataLoader(
            self.train, batch_size=self.batch_size, shuffle=True, collate_fn=Augment()
        )

    @override
    def val_dataloader(self) -> Loader:
        return DataLoader(self.held_out, batch_size=self.batch_size)

    @override
    def test_dataloader(self) -> Loader:
        return DataLoader(self.test, batch_size=self.batch_size)

    @override
    def predict_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader([image for image, _ in self.test], batch_size=self.batch_size)
