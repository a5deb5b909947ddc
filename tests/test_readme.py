"""What the README shows is what runs."""

import re
from pathlib import Path

import pytest
import yaml

from pl_losses.specs import BalancerSpec, TaskSpec
from pl_losses.specs.stage import read_stages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_blocks_run_in_order() -> None:
    scope: dict[str, object] = {"print": lambda *_: None}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), scope)
    assert "squared_surprise" in scope["LOSSES"].names
    scope["LOSSES"]._classes.pop("squared_surprise")


def test_the_yaml_blocks_mean_something() -> None:
    read = [yaml.safe_load(block) for block in blocks("yaml")]
    seen = 0
    for config in read:
        for callback in config["trainer"]["callbacks"]:
            if callback["class_path"] == "pl_losses.StagedFreezing":
                assert len(read_stages(callback["init_args"]["stages"])) == 3
                seen += 1
        model = config.get("model", {}).get("init_args", {})
        for task in model.get("tasks", {}).values():
            assert TaskSpec.read(task).build_losses()
            seen += 1
        if "balancer" in model:
            assert BalancerSpec.read(model["balancer"]).choice.options["lr"] == 0.025
    assert seen == 3


def test_ci_runs_the_test_command_of_the_readme() -> None:
    _, tests = blocks("bash")
    install, run = tests.strip().split(" && ")
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert f"{install.replace('pip install', 'pip install --quiet')} && {run}" in script
    assert script.index("pip install --quiet torch==2.13.0") < script.index(run)


def test_the_main_command_names_what_there_is() -> None:
    main, _ = blocks("bash")
    for path in re.findall(r"examples/\S+", main):
        assert (ROOT / path).exists()


@pytest.mark.parametrize("path", re.findall(r"`(tests/[\w/]+(?:\.py)?)`", README))
def test_each_promise_names_a_test_that_exists(path: str) -> None:
    assert (ROOT / path).exists()
