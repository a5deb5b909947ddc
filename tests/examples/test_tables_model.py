"""The two branches, their three stages, their metric, and the comparison of trainings."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from examples.tables import compare_training
from examples.tables.average_precision import TablePrecision
from examples.tables.compare_training import STAGES, TASKS, TRAININGS, CpuClock, figures
from examples.tables.data import TableData, sample
from examples.tables.grid import overlap
from examples.tables.model import TableNet, surest
from examples.tables.pages import generate
from pl_losses import StagedFreezing, TaskOutput
from tests.callbacks.two_branches import QUIET, Trace, trainer
from tests.conftest import Answer

pytestmark = QUIET
CONFIG = str(Path(__file__).parents[2] / "examples/tables/tables.yaml")
FEW = {"train": 16, "validation": 8, "test": 8}
Batch = tuple[Tensor, dict[str, Tensor]]


@pytest.fixture(scope="module")
def batch() -> Batch:
    images, targets = zip(*map(sample, generate(4, seed=0)), strict=True)
    return torch.stack(images), {
        name: torch.stack([each[name] for each in targets]) for name in targets[0]
    }


def test_predictions_have_the_shapes_of_their_targets(batch: Batch) -> None:
    image, target = batch
    shapes = {name: each.shape for name, each in TableNet(tasks=TASKS)(image).items()}
    assert shapes == {name: each.shape for name, each in target.items()}


def test_without_its_task_there_is_no_heat_map(batch: Batch) -> None:
    net = TableNet(tasks=TRAININGS["no heat-map"].tasks)
    assert net.seg is None
    assert sorted(net(batch[0])) == ["box", "class", "objectness"]


def test_the_detector_trains_the_heat_map_branch_too(batch: Batch) -> None:
    net = TableNet(tasks=TASKS)
    net(batch[0])["objectness"].sum().backward()
    assert net.seg.head.weight.grad.abs().sum() > 0


def test_a_detector_that_is_switched_off_is_not_run(batch: Batch) -> None:
    net, runs = TableNet(tasks=TASKS), []
    net.det.register_forward_hook(lambda *_: runs.append(1))
    net.objective.switch(STAGES[0]["tasks"])
    assert list(net(batch[0])) == ["seg"]
    assert not runs


@pytest.mark.parametrize(("task", "wrong"), [("box", -50.0), ("class", 1.0)])
def test_boxes_and_classes_count_only_in_cells_that_see_the_table(
    task: str, wrong: float, batch: Batch
) -> None:
    net, (image, target) = TableNet(tasks=TASKS).eval(), batch
    before = net.objective(net.outputs(batch)).task_losses
    for seen, same in ((0, True), (1, False)):
        cells = target["objectness"] == seen
        other = target[task].clone()
        other[cells] = wrong if same else 1 - wrong
        after = net.objective(net.outputs((image, {**target, task: other}))).task_losses
        assert torch.equal(before[task], after[task]) is same
        assert torch.equal(before["objectness"], after["objectness"])


def test_all_tasks_learn(batch: Batch) -> None:
    torch.manual_seed(0)
    net = TableNet(tasks=TASKS)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    found = []
    for _ in range(20):
        report = net.objective(net.outputs(batch))
        optimizer.zero_grad()
        report.total.backward()
        optimizer.step()
        found.append(report.losses)
    assert (found[-1] < 0.7 * found[0]).all()


def naive_precision(box: Tensor, score: Tensor, truth: Tensor, enough: float) -> float:
    """Area under the best precision at each recall or a higher one, one guess at a time."""
    order = sorted(range(len(score)), key=lambda at: -score[at])
    right = [float(overlap(box[at][None], truth[at][None])) >= enough for at in order]
    precision = [sum(right[: n + 1]) / (n + 1) for n in range(len(right))]
    steps = [max(precision[n:]) for n, each in enumerate(right) if each]
    return sum(steps) / len(right)


@pytest.mark.parametrize("enough", [0.5, 0.75])
def test_average_precision_is_that_of_a_loop_whatever_the_batches(enough: float) -> None:
    rng = torch.Generator().manual_seed(0)
    truth = torch.rand(40, 4, generator=rng) * 8 + torch.tensor([0.0, 0, 12, 12])
    box = truth + torch.randn(40, 4, generator=rng) * torch.rand(40, 1, generator=rng) * 2
    score = torch.rand(40, generator=rng)
    metric = TablePrecision(enough=enough)
    for part in torch.arange(40).split(7):
        metric.update(box[part], score[part], truth[part])
    expected = naive_precision(box, score, truth, enough)
    assert 0 < expected < 1
    assert metric.compute() == pytest.approx(expected, abs=1e-6)


def test_average_precision_of_nothing_is_not_a_number() -> None:
    metric = TablePrecision(enough=0.5)
    box = torch.tensor([[0.0, 0, 4, 4]])
    metric.update(box, torch.ones(1), box)
    metric.reset()
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert metric.compute().isnan()


def test_the_surest_cell_sees_a_table_of_the_right_class() -> None:
    box, far = torch.arange(12.0).view(1, 3, 4), 20.0
    seen, right = torch.tensor([[far, -far, 0.0]]), torch.tensor([[-far, far, far]])
    outputs = {
        "box": TaskOutput(box, None),
        "objectness": TaskOutput(seen, None),
        "class": TaskOutput(right, None),
    }
    chosen, score = surest(outputs)
    assert chosen.tolist() == [[8, 9, 10, 11]]
    assert score == pytest.approx(0.5)


def test_the_logged_precision_is_that_of_the_surest_boxes() -> None:
    torch.manual_seed(0)
    net, data = TableNet(tasks=TASKS), TableData(**FEW, batch_size=3)
    run = trainer()
    logged = {
        **run.validate(net, data, verbose=False)[0],
        **run.test(net, data, verbose=False)[0],
    }
    for stage, part in (("val", "validation"), ("test", "test")):
        images, targets = zip(*data.samples[part], strict=True)
        truth = torch.stack([each["box"][0] for each in targets])
        whole = {name: torch.stack([each[name] for each in targets]) for name in targets[0]}
        with torch.no_grad():
            box, score = surest(net.eval().outputs((torch.stack(images), whole)))
        for name, enough in (("ap50", 0.5), ("ap75", 0.75)):
            expected = naive_precision(box, score, truth, enough)
            assert logged[f"{stage}/{name}"] == pytest.approx(expected, abs=1e-6)


def test_each_stage_trains_its_branch_and_no_other() -> None:
    staged = StagedFreezing([{**stage, "max_epochs": 1} for stage in STAGES])
    trace, data = Trace(), TableData(**FEW)
    trainer(trace, staged, epochs=3).fit(TableNet(tasks=TASKS), data)
    assert trace.learning == [("seg",), ("det",), ("seg", "det")]
    assert trace.moved == [{"seg"}, {"det"}, {"seg", "det"}]
    assert trace.optimizers == ["RMSprop"] * 3
    assert [each.steps for each in staged.progress.history] == [1, 1, 1]


def test_the_task_of_a_frozen_branch_is_off() -> None:
    detector = {"box": 0, "objectness": 0, "class": 0}
    assert [stage.get("tasks") for stage in STAGES] == [detector, {"seg": 0}, None]


def test_the_config_trains(command: Callable[..., Answer]) -> None:
    plain = ("--trainer.accelerator", "cpu", "--trainer.logger", "false")
    answer = command("fit", "--config", CONFIG, "--trainer.fast_dev_run", "1", *plain)
    assert answer.status == 0


def test_the_stages_of_the_config_are_shown(command: Callable[..., Answer]) -> None:
    answer = command("stages", "--config", CONFIG)
    assert answer.status == 0
    title, _, *rows = answer.out.splitlines()
    assert title == "Stages of TableNet"
    shown = [row.split("  ") for row in rows]
    assert [(row[0].split()[1], row[-1].strip()) for row in shown] == [
        ("seg", "val/seg/loss is no better for 3 checks, or 20 epochs"),
        ("det", "val/box/loss is no better for 3 checks, or 20 epochs"),
        ("all", "val/loss is no better for 3 checks"),
    ]


def test_the_learning_rate_falls_between_two_readings_of_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, now = CpuClock(), [100.0]
    monkeypatch.setattr(compare_training.time, "process_time", lambda: now[0])
    clock.on_fit_start(None, None)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = clock.cosine(10.0, 30.0)(optimizer)["scheduler"]
    rates = []
    for now[0] in (110.0, 115.0, 120.0, 130.0, 140.0):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    quarter = (1 + math.sqrt(0.5)) / 2
    assert rates == pytest.approx([1, 0.01 + 0.99 * quarter, 0.505, 0.01, 0.01])


def test_the_stages_share_the_seconds() -> None:
    schedule = compare_training.schedule(TRAININGS["staged"], CpuClock(), 40.0)
    assert [stage.threshold for stage in schedule.stages] == pytest.approx([10, 28, 40])
    assert [stage.tasks for stage in schedule.stages] == [stage.get("tasks") for stage in STAGES]


@pytest.mark.parametrize("name", TRAININGS)
def test_every_training_of_the_comparison_runs_for_its_seconds(name: str) -> None:
    found = figures(TRAININGS[name], seconds=0.2, seed=0, **FEW)
    assert found["steps"] >= len(TRAININGS[name].stages)
    assert found["CPU s"] >= 0.2
    assert 0 <= found["AP75"] <= found["AP50"] <= 1
    assert math.isnan(found["heat-map F1"]) is (name == "no heat-map")


def test_the_comparison_is_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def scripted(training: compare_training.Training, *, seconds: float, seed: int) -> dict:
        seen.append((seconds, seed))
        f1 = 0.5 if training.heat_map else math.nan
        return {"AP75": 0.25 + seed, "heat-map F1": f1, "steps": 10, "CPU s": 7.04}

    monkeypatch.setattr(compare_training, "figures", scripted)
    compare_training.main(["--seconds", "7", "--seeds", "0", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "| training | AP75 | heat-map F1 | steps | CPU s |",
        "|---|---:|---:|---:|---:|",
    ]
    assert lines[2] == "| staged | 0.250 / 1.250 | 0.500 / 0.500 | 10 / 10 | 7.0 / 7.0 |"
    assert lines[-1] == "| no heat-map | 0.250 / 1.250 | - | 10 / 10 | 7.0 / 7.0 |"
    assert seen == [(7.0, 0), (7.0, 1)] * 4


def test_a_trained_network_answers_without_a_target(batch: Batch) -> None:
    net, data = TableNet(tasks=TASKS), TableData(**FEW)
    (found,) = trainer().predict(net, data)
    assert sorted(found) == ["box", "class", "objectness", "seg"]
    assert found["box"].shape == (8, 256, 4)
