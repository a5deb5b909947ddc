"""The cracks: drawn or read, split, augmented, and found by a small U-Net."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from PIL import Image
from scipy.io import savemat
from skimage import data as photographs

from examples.cracks import crackforest, procedural
from examples.cracks.augment import Augment
from examples.cracks.data import CrackData
from examples.cracks.model import CrackNet
from examples.cracks.network import UNet

HEIGHT, WIDTH = 8, 12


def write_pair(root: Path, number: int, labels: np.ndarray) -> None:
    """Write a photograph, bright where the label is 2, and its truth."""
    pixels = np.where(labels == 2, 200, 60).astype(np.uint8)
    Image.fromarray(pixels).convert("RGB").save(root / "image" / f"{number:03}.jpg", quality=100)
    truth = {"groundTruth": {"Segmentation": labels, "Boundaries": np.zeros_like(labels)}}
    savemat(root / "groundTruth" / f"{number:03}.mat", truth)


@pytest.fixture
def forest(tmp_path: Path) -> Path:
    """Return a folder in CrackForest's form: 118 small pairs, and a photograph without truth."""
    (tmp_path / "image").mkdir()
    (tmp_path / "groundTruth").mkdir()
    labels = np.ones((HEIGHT, WIDTH), dtype=np.uint8)
    labels[:4, :4] = 2
    for number in range(1, 119):
        write_pair(tmp_path, number, labels)
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "image" / "211.jpg")
    return tmp_path


def test_only_the_photographs_with_a_truth_are_read(forest: Path) -> None:
    names = [photo.stem for photo, _ in crackforest.pairs(forest)]
    assert names == [f"{number:03}" for number in range(1, 119)]


def test_the_split_is_94_to_24_and_by_number(forest: Path) -> None:
    for number in (5, 7, 117):  # the second and the last of the test set, and one to train on
        write_pair(forest, number, np.full((HEIGHT, WIDTH), 2, dtype=np.uint8))
    train, test = crackforest.read(forest)
    assert (len(train), len(test)) == (94, 24)
    full = [[index for index, (_, mask) in enumerate(part) if mask.all()] for part in (train, test)]
    assert full == [[4], [1, 23]]


def test_cracks_are_labels_two_and_four(forest: Path) -> None:
    labels = np.kron(np.array([[1, 2], [3, 4]]), np.ones((4, 6))).astype(np.uint8)
    write_pair(forest, 2, labels)
    train, _ = crackforest.read(forest)
    expected = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).kron(torch.ones(2, 3))
    torch.testing.assert_close(train[0][1], expected[None], rtol=0, atol=0)


def test_half_a_square_of_crack_is_crack_and_less_is_not(forest: Path) -> None:
    labels = np.ones((HEIGHT, WIDTH), dtype=np.uint8)
    labels[0, :2] = 2
    labels[4, 4] = 2
    write_pair(forest, 2, labels)
    mask = crackforest.read(forest)[0][0][1]
    assert mask.sum() == 1
    assert mask[0, 0, 0] == 1


def test_photographs_are_halved_by_area_and_in_unit_range(forest: Path) -> None:
    image, mask = crackforest.read(forest)[0][0]
    assert image.shape == (3, HEIGHT // 2, WIDTH // 2)
    assert mask.shape == (1, HEIGHT // 2, WIDTH // 2)
    torch.testing.assert_close(image[:, 0, 0], torch.full((3,), 200 / 255), rtol=0, atol=0.04)
    torch.testing.assert_close(image[:, -1, -1], torch.full((3,), 60 / 255), rtol=0, atol=0.04)


def test_a_missing_folder_says_where_to_get_the_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cuilimeng/CrackForest.*not a folder"):
        CrackData(root=str(tmp_path / "nowhere"))


def test_a_wrong_folder_says_what_was_expected_and_found(forest: Path) -> None:
    (forest / "image" / "007.jpg").unlink()
    expected = r"118 pairs image/\*\.jpg \+ groundTruth/\*\.mat.*118 truths and 117 pairs"
    with pytest.raises(ValueError, match=expected):
        CrackData(root=str(forest))


def test_a_truth_of_another_size_than_its_photograph_is_an_error(forest: Path) -> None:
    labels = np.ones((HEIGHT, WIDTH + 2), dtype=np.uint8)
    savemat(forest / "groundTruth" / "003.mat", {"groundTruth": {"Segmentation": labels}})
    with pytest.raises(ValueError, match=r"`003.mat` must have its photograph's shape \(8, 12\)"):
        crackforest.read(forest)


def test_the_real_set_is_used_where_its_folder_is_named(forest: Path) -> None:
    data = CrackData(root=str(forest))
    data.setup("fit")
    assert data.test[0][0].shape == (3, HEIGHT // 2, WIDTH // 2)


def test_drawn_samples_depend_on_the_seed_alone() -> None:
    first, again, other = (procedural.generate(seed, train=2, test=1) for seed in (1, 1, 2))
    for one, two in zip(first[0] + first[1], again[0] + again[1], strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert not torch.equal(first[0][0][0], other[0][0][0])


def test_drawn_cracks_are_rare_dark_and_in_every_image() -> None:
    train, _ = procedural.generate(train=40, test=1)
    images = torch.stack([image for image, _ in train]).mean(1, keepdim=True)
    masks = torch.stack([mask for _, mask in train])
    assert 0.01 < masks.mean() < 0.03
    assert (masks.sum((1, 2, 3)) > 0).all()
    inside = (images * masks).sum((1, 2, 3)) / masks.sum((1, 2, 3))
    outside = (images * (1 - masks)).sum((1, 2, 3)) / (1 - masks).sum((1, 2, 3))
    assert ((outside - inside) > 0.03).float().mean() > 0.9


@pytest.mark.parametrize(("columns", "changed"), [(slice(307), 0), (slice(307, None), 1)])
def test_training_and_test_images_share_no_pixel_of_a_photograph(
    columns: slice, changed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = procedural.generate(train=4, test=4)
    for name in ("gravel", "brick"):
        photo = getattr(photographs, name)().copy()
        photo[:, columns] = photo[::-1, columns]
        monkeypatch.setattr(photographs, name, lambda photo=photo: photo)
    after = procedural.generate(train=4, test=4)
    for part in (0, 1):
        same = [torch.equal(a, b) for (a, _), (b, _) in zip(before[part], after[part], strict=True)]
        assert same == [part != changed] * 4


def test_held_out_images_are_not_trained_on() -> None:
    data = CrackData(validation=12)
    data.setup("fit")
    assert (len(data.train), len(data.held_out), len(data.test)) == (82, 12, 24)
    trained = {id(image) for image, _ in data.train}
    assert trained.isdisjoint(id(image) for image, _ in data.held_out)


def test_no_image_to_train_on_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"`validation` must be from 1 to 93; got 94"):
        CrackData(validation=94)


def test_training_crops_are_small_and_all_other_images_whole() -> None:
    data = CrackData(batch_size=3)
    data.setup("fit")
    image, mask = next(iter(data.train_dataloader()))
    assert (image.shape, mask.shape) == ((3, 3, 96, 144), (3, 1, 96, 144))
    for loader in (data.val_dataloader(), data.test_dataloader()):
        image, mask = next(iter(loader))
        assert (image.shape, mask.shape) == ((3, 3, 160, 240), (3, 1, 160, 240))
    assert next(iter(data.predict_dataloader())).shape == (3, 3, 160, 240)


def test_the_same_seed_gives_the_same_training_batches() -> None:
    data = CrackData()
    data.setup("fit")
    batches = []
    for _ in range(2):
        seed_everything(5, verbose=False)
        batches.append(next(iter(data.train_dataloader())))
    for one, two in zip(*batches, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


STILL = Augment(size=(40, 60), degrees=0.0, zoom=(1.0, 1.0), brightness=0.0)


def ramps(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return images whose first two channels are the row and the column of the pixel."""
    row, column = torch.meshgrid(torch.arange(80.0), torch.arange(100.0), indexing="ij")
    image = torch.stack([row, column, row]) / 100
    return [(image, (row > column).float()[None])] * count


def test_without_turn_and_zoom_a_view_is_a_crop_perhaps_mirrored() -> None:
    torch.manual_seed(0)
    image, _ = STILL(ramps(16))
    down = (image[:, 0, 1:] - image[:, 0, :-1]).mean((1, 2)) * 100
    right = (image[:, 1, :, 1:] - image[:, 1, :, :-1]).mean((1, 2)) * 100
    for step in (down, right):
        torch.testing.assert_close(step.abs(), torch.ones(16), rtol=0, atol=1e-3)
        assert {-1, 1} == set(step.sign().tolist())


def test_a_crop_stays_inside_and_moves() -> None:
    torch.manual_seed(0)
    image, _ = STILL(ramps(64))
    top = image[:, 0].amin((1, 2)) * 100
    assert top.min() < 5
    assert 30 < top.max() <= 40


def test_the_mask_takes_the_same_view_as_its_image() -> None:
    torch.manual_seed(0)
    image, mask = Augment(size=(40, 60), brightness=0.0)(ramps(16))
    row, column = 100 * image[:, 0], 100 * image[:, 1]
    clear = (row - column).abs() > 2
    torch.testing.assert_close(mask[:, 0][clear], (row > column).float()[clear], rtol=0, atol=0)
    assert clear.float().mean() > 0.5


def test_zoom_and_turn_have_the_size_that_is_asked_for() -> None:
    torch.manual_seed(0)
    image, _ = Augment(size=(10, 10), degrees=30.0, zoom=(1.25, 1.25), brightness=0.0)(ramps(64))
    right = 100 * (image[:, :2, 5, 5] - image[:, :2, 5, 4])
    torch.testing.assert_close(right.norm(dim=1), torch.full((64,), 0.8), rtol=0, atol=1e-3)
    turn = (right[:, 0] / right[:, 1]).abs().atan().rad2deg()
    assert 25 < turn.max() <= 30.01


def test_cracks_keep_their_area_under_augmentation() -> None:
    torch.manual_seed(0)
    train, _ = procedural.generate(train=40, test=1)
    whole = torch.stack([mask for _, mask in train]).mean()
    views = torch.stack([Augment(zoom=(1.0, 1.0))(train)[1].mean() for _ in range(5)]).mean()
    assert views == pytest.approx(float(whole), rel=0.15)


def test_brightness_shifts_a_whole_image_and_stays_in_range() -> None:
    torch.manual_seed(0)
    grey = (torch.full((3, 80, 100), 0.95), torch.zeros(1, 80, 100))
    image, _ = Augment(size=(40, 60))([grey] * 128)
    assert image.max() == 1
    assert (image.amax((1, 2, 3)) - image.amin((1, 2, 3))).max() < 1e-6
    assert image.min() == pytest.approx(0.95 - 30 / 255, abs=0.005)


def test_the_network_gives_a_logit_for_each_pixel_of_any_size() -> None:
    network = UNet()
    assert 25_000 < sum(parameter.numel() for parameter in network.parameters()) < 30_000
    assert network(torch.zeros(2, 3, 50, 70)).shape == (2, 1, 50, 70)


def test_features_before_the_head_take_both_signs() -> None:
    torch.manual_seed(0)
    seen = []
    network = UNet()
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.rand(2, 3, 32, 48))
    assert seen[0].amin() < 0 < seen[0].amax()


def test_the_network_learns_the_cracks() -> None:
    torch.manual_seed(0)
    samples, _ = procedural.generate(train=4, test=1)
    image, mask = (torch.stack(part)[:, :, :96, :96] for part in zip(*samples, strict=True))
    network = UNet()
    optimizer = torch.optim.RMSprop(network.parameters(), 1e-2, alpha=0.9)
    for _ in range(20):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits = network(image)
    assert logits[mask == 1].mean() > logits[mask == 0].mean() + 1


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
# Lightning 2.6 with torch 2.13
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated:FutureWarning")
def test_a_trainer_fits_tests_and_predicts(tmp_path: Path) -> None:
    data = CrackData()
    net = CrackNet(tasks={"crack": {"labels": "binary", "losses": "bce", "metrics": ["f1"]}})
    trainer = Trainer(
        default_root_dir=tmp_path,
        accelerator="cpu",
        max_epochs=-1,
        max_steps=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        limit_val_batches=1,
        limit_test_batches=1,
        limit_predict_batches=1,
    )
    trainer.fit(net, data)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(1e-5)
    (metrics,) = trainer.test(net, data, verbose=False)
    assert 0 <= metrics["test/crack/f1"] <= 1
    (prediction,) = trainer.predict(net, data)
    assert prediction.shape == (4, 1, 160, 240)
