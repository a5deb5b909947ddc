"""A comparison finishes what it can, keeps it, and never does it twice."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pl_losses.compare.run import choose_task, plan_runs
from pl_losses.compare.variants import read_variants
from tests.conftest import Answer


def words(config: str, *more: str) -> list[str]:
    return ["compare", "--config", config, "--losses", "bce", "both=[bce, dice]", *more]


def test_a_comparison_writes_everything_it_promises(
    config: str, command: Callable[..., Answer], tmp_path: Path
) -> None:
    answer = command(*words(config, "--out", "out", "--seeds", "0", "1"))
    assert answer.status == 0
    out = tmp_path / "out"
    assert {"table.csv", "table.md", "report.html"} <= {each.name for each in out.iterdir()}
    assert (out / "runs/both/seed_1/config.yaml").exists()
    figures = json.loads((out / "runs/bce/seed_0/result.json").read_text())["figures"]
    assert {"f1", "threshold", "best_f1", "average_precision", "seconds"} <= set(figures)
    assert "both" in answer.out
    assert "report.html" in answer.out


def test_a_finished_run_is_not_repeated_and_a_changed_one_is(
    config: str, command: Callable[..., Answer], tmp_path: Path
) -> None:
    command(*words(config, "--out", "out"))
    result = tmp_path / "out/runs/bce/seed_0/result.json"
    before = result.stat().st_mtime_ns
    command(*words(config, "--out", "out"))
    assert result.stat().st_mtime_ns == before
    command(*words(config, "--out", "out", "--model.init_args.width", "5"))
    assert result.stat().st_mtime_ns != before


@pytest.mark.filterwarnings("ignore:Experiment logs directory")
def test_a_run_repeats_from_the_config_that_it_wrote(
    config: str, command: Callable[..., Answer], tmp_path: Path
) -> None:
    command(*words(config, "--out", "out"))
    written = tmp_path / "out/runs/both/seed_0/config.yaml"
    assert command("fit", "--config", str(written)).status == 0


def test_the_same_command_elsewhere_gives_the_same_figures(
    config: str, command: Callable[..., Answer], tmp_path: Path
) -> None:
    found = []
    for out in ("one", "two"):
        command(*words(config, "--out", out))
        figures = json.loads((tmp_path / out / "runs/both/seed_0/result.json").read_text())
        del figures["figures"]["seconds"]
        found.append(figures)
    assert found[0] == found[1]


def test_a_failed_run_is_reported_and_the_others_go_on(
    config: str, command: Callable[..., Answer], tmp_path: Path
) -> None:
    path = Path(config)
    path.write_text(path.read_text().replace("project.Net", "project.Broken"))
    answer = command(*words(config, "--out", "out"))
    assert answer.status == 1
    assert "RuntimeError: out of luck in the second step" in answer.out
    assert not (tmp_path / "out/runs/bce/seed_0/result.json").exists()
    assert (tmp_path / "out/report.html").exists()


def test_an_interrupt_keeps_what_is_finished(
    config: str,
    command: Callable[..., Answer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pl_losses.compare import compare as loop

    real, seen = loop.judge, []

    def judge(*args: object, **kwargs: object) -> object:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(loop, "judge", judge)
    answer = command(*words(config, "--out", "out"))
    assert answer.status == 130
    assert (tmp_path / "out/runs/bce/seed_0/result.json").exists()
    assert not (tmp_path / "out/runs/both/seed_0/result.json").exists()
    again = command(*words(config, "--out", "out"))
    assert again.status == 0
    assert len(seen) == 3


def test_half_a_result_is_no_result(tmp_path: Path) -> None:
    shared = {"model": {"init_args": {"tasks": {"a": {}}}}, "trainer": {}}
    (run,) = plan_runs(shared, {"bce": "bce"}, [0], tmp_path, "a")
    run.begin()
    assert run.finished() is None
    run.finish({"f1": 0.5})
    assert run.finished().figures == {"f1": 0.5}
    whole = (run.folder / "result.json").read_text()
    (run.folder / "result.json").write_text(whole[: len(whole) // 2])
    assert run.finished() is None


def test_a_threshold_is_chosen_on_validation_data_alone() -> None:
    from pl_losses.compare.judge import judge
    from tests.cli.project import Net

    class Echo(Net):
        def forward(self, logits: torch.Tensor) -> torch.Tensor:
            return logits

    net = Echo(tasks={"right": {"labels": "binary", "losses": "bce"}})
    validation = [(torch.tensor([[2.0], [1.0], [-1.0]]), torch.tensor([[1.0], [0.0], [0.0]]))]
    test = [(torch.tensor([[2.0], [1.0], [-1.0]]), torch.tensor([[1.0], [1.0], [0.0]]))]
    figures = judge(net, "right", validation, test)
    assert figures["f1"] == 1.0
    assert figures["threshold"] > torch.tensor(1.0).sigmoid()
    assert figures["best_recall"] == 0.5


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_a_variant_that_cannot_name_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be able to name a folder"):
        read_variants([], {name: "bce"})


def test_a_task_must_be_named_where_there_are_several() -> None:
    config = {"model": {"init_args": {"tasks": {"a": {}, "b": {}}}}}
    with pytest.raises(ValueError, match="Name the task to compare, --task NAME, out of a, b"):
        choose_task(config, None)
    with pytest.raises(LookupError, match="Unknown task 'c'"):
        choose_task(config, "c")
    assert choose_task(config, "b") == "b"
