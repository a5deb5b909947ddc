"""The mixin trains, logs under the promised names, and refuses what cannot work."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pl_losses import MultiTaskMixin, Stage, StagedFreezing, TaskOutput
from pl_losses.mixins.run_card import run_card

TASKS = {
    "seg": {
        "labels": "binary",
        "losses": {"dice": {}, "focal": {"weight": 0.5}},
        "metrics": ["precision", "f1"],
    },
    "box": {"losses": "smooth_l1", "weight": 2.0},
}


class Net(MultiTaskMixin, LightningModule):
    def __init__(self, **objective: Any) -> None:
        super().__init__(**objective)
        self.body, self.head = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 1)
        self.box = nn.Linear(2, 4)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.body(image).relu()
        return {"seg": self.head(features), "box": self.box(features.mean((2, 3)))}


class OneTask(MultiTaskMixin, LightningModule):
    def __init__(self, **objective: Any) -> None:
        super().__init__(**objective)
        self.layer = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def samples(count: int = 12) -> list[tuple[Tensor, dict[str, Tensor]]]:
    rng = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(1, 8, 8, generator=rng),
            {
                "seg": (torch.rand(1, 8, 8, generator=rng) < 0.3).float(),
                "box": torch.randn(4, generator=rng),
            },
        )
        for _ in range(count)
    ]


def trainer(folder: Path, **options: Any) -> Trainer:
    defaults = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "logger": CSVLogger(folder, name="", version=""),
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "default_root_dir": folder,
    }
    return Trainer(**{**defaults, **options})


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def fitted(tmp_path: Path) -> tuple[Net, Trainer, Path]:
    torch.manual_seed(0)
    net = Net(tasks=TASKS, balancer="uncertainty")
    loader = DataLoader(samples(), batch_size=2)
    run = trainer(tmp_path, log_every_n_steps=3)
    run.fit(net, loader, loader)
    return net, run, tmp_path


def test_everything_is_logged_under_its_name(fitted: tuple[Net, Trainer, Path]) -> None:
    _, run, _ = fitted
    wanted = {
        "train/loss", "train/total", "train/seg/dice", "train/seg/focal", "train/seg/loss",
        "train/box/smooth_l1", "train/box/loss", "weight/seg", "weight/box", "weighted/seg",
        "weighted/box", "val/loss", "val/seg/dice", "val/seg/focal", "val/seg/loss",
        "val/box/smooth_l1", "val/box/loss", "val/seg/precision", "val/seg/f1",
    }  # fmt: skip
    assert set(run.callback_metrics) == wanted


def test_val_loss_is_the_plain_sum_of_task_losses(fitted: tuple[Net, Trainer, Path]) -> None:
    found = fitted[1].callback_metrics
    parts = found["val/seg/loss"] + found["val/box/loss"]
    torch.testing.assert_close(found["val/loss"], parts)
    terms = found["val/seg/dice"] + 0.5 * found["val/seg/focal"]
    torch.testing.assert_close(found["val/seg/loss"], terms)


def test_a_row_of_the_log_is_the_mean_since_the_last_one(tmp_path: Path) -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}})
    net.configure_optimizers = lambda: torch.optim.SGD(net.parameters(), lr=0.0)
    data = [(torch.randn(4), torch.randn(1)) for _ in range(12)]
    loader = DataLoader(data, batch_size=2)
    trainer(tmp_path, log_every_n_steps=3).fit(net, loader)
    written = [row for row in rows(tmp_path) if row["train/loss"]]
    assert [int(row["step"]) for row in written] == [2, 5]
    with torch.no_grad():
        each = [nn.functional.mse_loss(net(x), y).item() for x, y in loader]
    for row, window in zip(written, (each[:3], each[3:]), strict=True):
        assert float(row["train/loss"]) == pytest.approx(sum(window) / 3, rel=1e-5)


def test_the_mean_of_an_epoch_weighs_a_smaller_last_batch_less(tmp_path: Path) -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}})
    data = [(torch.randn(4), torch.randn(1)) for _ in range(5)]
    run = trainer(tmp_path)
    run.validate(net, DataLoader(data, batch_size=2), verbose=False)
    pred = torch.stack([net(x) for x, _ in data])
    wanted = nn.functional.mse_loss(pred, torch.stack([y for _, y in data]))
    torch.testing.assert_close(run.callback_metrics["val/loss"], wanted.detach())


def test_accumulated_steps_are_all_in_the_log(tmp_path: Path) -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}})
    net.configure_optimizers = lambda: torch.optim.SGD(net.parameters(), lr=0.0)
    data = [(torch.randn(4), torch.randn(1)) for _ in range(8)]
    loader = DataLoader(data, batch_size=1)
    trainer(tmp_path, log_every_n_steps=2, accumulate_grad_batches=2).fit(net, loader)
    written = [float(row["train/loss"]) for row in rows(tmp_path) if row["train/loss"]]
    with torch.no_grad():
        each = [nn.functional.mse_loss(net(x), y).item() for x, y in loader]
    assert written == pytest.approx([sum(each[:4]) / 4, sum(each[4:]) / 4], rel=1e-5)


def test_a_task_that_never_has_truth_is_not_logged_as_zero(tmp_path: Path) -> None:
    class Partial(Net):
        def outputs(self, batch: Any) -> dict[str, TaskOutput]:
            found = super().outputs(batch)
            return {**found, "box": TaskOutput(found["box"].pred, None)}

    run = trainer(tmp_path)
    run.validate(Partial(tasks=TASKS), DataLoader(samples(4), batch_size=2), verbose=False)
    assert "val/box/loss" not in run.callback_metrics
    assert run.callback_metrics["val/loss"] == run.callback_metrics["val/seg/loss"]


def test_two_validation_loaders_are_kept_apart(tmp_path: Path) -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}})
    loaders = [DataLoader([(torch.ones(4), torch.full((1,), v))]) for v in (0.0, 5.0)]
    run = trainer(tmp_path)
    run.validate(net, loaders, verbose=False)
    found = run.callback_metrics
    wanted = (net(torch.ones(4)) - 5.0).square().item()
    assert found["val/loss/dataloader_idx_1"].item() == pytest.approx(wanted, rel=1e-5)
    assert "val/loss" not in found


def test_counted_class_weights_balance_the_classes_and_are_saved(tmp_path: Path) -> None:
    labels = {"kind": "binary", "class_weights": "auto"}
    data = [(torch.randn(4), torch.tensor([float(i % 4 == 0)])) for i in range(16)]
    loader = DataLoader(data, batch_size=4, shuffle=True)
    net = OneTask(tasks={"y": {"labels": labels, "losses": "bce"}})
    run = trainer(tmp_path)
    run.fit(net, loader)
    weights = net.objective.task("y").labels.class_weights
    torch.testing.assert_close(weights, torch.tensor([16 / 24, 16 / 8]))
    path = tmp_path / "net.ckpt"
    run.save_checkpoint(path)
    other = OneTask(tasks={"y": {"labels": labels, "losses": "bce"}})
    other.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    torch.testing.assert_close(other.objective.task("y").labels.class_weights, weights)


def test_targets_that_leave_a_task_out_are_named(tmp_path: Path) -> None:
    class Careless(OneTask):
        def targets(self, batch: Any) -> dict[str, Tensor]:
            return {"x": batch[1]}

    labels = {"kind": "binary", "class_weights": "auto"}
    net = Careless(tasks={"y": {"labels": labels, "losses": "bce"}})
    data = [(torch.randn(4), torch.ones(1))] * 4
    with pytest.raises(LookupError, match="`targets` must return task 'y', .* got none. Override"):
        trainer(tmp_path).fit(net, DataLoader(data, batch_size=4))


class ThreeClasses(MultiTaskMixin, LightningModule):
    def __init__(self, **objective: Any) -> None:
        super().__init__(**objective)
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


@pytest.mark.parametrize("name", ["logit_adjusted", "ldam", "seesaw"])
def test_classes_are_counted_for_losses_before_the_sanity_check_and_saved(
    name: str, tmp_path: Path
) -> None:
    rng = torch.Generator().manual_seed(0)
    labels = [0] * 9 + [2] * 6 + [-100]  # class 1 never occurs, and counts as one element
    data = [(torch.randn(4, generator=rng), torch.tensor(each)) for each in labels]
    loader = DataLoader(data, batch_size=4)
    tasks = {"y": {"labels": "multiclass", "losses": {name: {"class_counts": "auto"}}}}
    with pytest.raises(ValueError, match="`class_counts` must be known"):
        trainer(tmp_path).validate(ThreeClasses(tasks=tasks), loader, verbose=False)
    net = ThreeClasses(tasks=tasks)
    run = trainer(tmp_path, num_sanity_val_steps=1)
    run.fit(net, loader, loader)
    counts = net.objective.task("y").losses[name].class_counts
    torch.testing.assert_close(counts, torch.tensor([9.0, 1.0, 6.0]))
    other = ThreeClasses(tasks=tasks)
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(other.objective.task("y").losses[name].class_counts, counts)


def test_the_run_card_is_in_the_checkpoint_with_every_default(
    fitted: tuple[Net, Trainer, Path],
) -> None:
    _, run, folder = fitted
    run.save_checkpoint(folder / "net.ckpt")
    card = torch.load(folder / "net.ckpt", weights_only=True)["pl_losses"]["run_card"]
    for said in ("gamma: 2.0", "smooth: 1.0e-05", "name: uncertainty", "weight: 0.5", "- name: f1"):
        assert said in card


def test_the_run_card_tells_the_stages(tmp_path: Path) -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}})
    run = trainer(tmp_path, callbacks=[StagedFreezing([Stage(train="layer", max_epochs=7)])])
    card = yaml.safe_load(run_card(net.objective, run).partition("\n")[2])
    assert card["stages"][0]["train"] == ["layer"]
    assert card["stages"][0]["max_epochs"] == 7


def test_learned_weights_move(fitted: tuple[Net, Trainer, Path]) -> None:
    assert (fitted[0].objective.balancer.log_variance != 0).all()


def test_predictions_are_what_forward_says(tmp_path: Path) -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}})
    (found,) = trainer(tmp_path).predict(net, DataLoader([(torch.ones(4), torch.ones(1))]))
    torch.testing.assert_close(found, net(torch.ones(1, 4)).detach())


def test_the_mixin_must_come_first() -> None:
    with pytest.raises(TypeError, match="`Wrong` must name MultiTaskMixin before LightningModule"):

        class Wrong(LightningModule, MultiTaskMixin):
            pass


def test_a_batch_of_another_form_is_answered() -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}})
    with pytest.raises(ValueError, match=r"A batch must be \(input, target\).*got list of 3"):
        net.outputs([1, 2, 3])


def test_a_bare_prediction_for_two_tasks_is_answered() -> None:
    net = OneTask(tasks={"y": {"losses": "mse"}, "z": {"losses": "mse"}})
    with pytest.raises(ValueError, match="`forward` must return a mapping from tasks"):
        net.outputs((torch.ones(1, 4), torch.ones(1)))
