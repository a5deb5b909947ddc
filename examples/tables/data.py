"""The pages as a LightningDataModule, with the truth of every branch in the batch."""

from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader
from typing_extensions import override

from examples.tables.grid import cell_centres, responsible
from examples.tables.pages import SIZE, Page, generate

Sample = tuple[Tensor, dict[str, Tensor]]
Loader = DataLoader[Sample]

CENTRES = cell_centres(SIZE, SIZE)


def sample(page: Page) -> Sample:
    """Return the image of a page and the target of each task.

    ``seg`` is the heat-map, ``(1, H, W)``. The others have one entry a cell: ``box`` the box
    ``(cells, 4)``, of which only that of responsible cells may be learned from; ``objectness`` and
    ``class`` are 1 for these cells, else 0, shape ``(cells,)``.
    """
    asked = responsible(page.box, CENTRES)
    box = page.box.expand(len(CENTRES), 4)
    return page.image, {"seg": page.heat, "box": box, "objectness": asked, "class": asked}


class TableData(LightningDataModule):
    """Generated pages of 64x64 pixels with one table each, see :func:`sample` for a batch.

    Args:
        batch_size: Number of pages in a batch.
        train: Number of pages to train on.
        validation: Number of pages to validate with.
        test: Number of pages to test with.
        seed: Seed of the pages; training, validation and test pages are drawn apart.

    Example:
        >>> data = TableData(train=4, validation=2, test=2, batch_size=2)
        >>> data.setup("fit")
        >>> image, target = next(iter(data.train_dataloader()))
        >>> image.shape, target["box"].shape
        (torch.Size([2, 1, 64, 64]), torch.Size([2, 256, 4]))
    """

    def __init__(
        self,
        *,
        batch_size: int = 16,
        train: int = 600,
        validation: int = 100,
        test: int = 150,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.counts = {"train": train, "validation": validation, "test": test}
        self.seed = seed
        self.samples: dict[str, list[Sample]] = {}

    @override
    def setup(self, stage: str) -> None:
        if not self.samples:
            self.samples = {
                part: [sample(page) for page in generate(count, seed=3 * self.seed + offset)]
                for offset, (part, count) in enumerate(self.counts.items())
            }

    @override
    def train_dataloader(self) -> Loader:
        return DataLoader(self.samples["train"], batch_size=self.batch_size, shuffle=True)

    @override
    def val_dataloader(self) -> Loader:
        return DataLoader(self.samples["validation"], batch_size=self.batch_size)

    @override
    def test_dataloader(self) -> Loader:
        return DataLoader(self.samples["test"], batch_size=self.batch_size)

    @override
    def predict_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader([image for image, _ in self.samples["test"]], batch_size=self.batch_size)
