"""A config trains, prints itself, and can be run again from what it printed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import Answer


@pytest.mark.parametrize("subcommand", ["fit", "validate", "test", "predict"])
def test_every_command_of_lightning_runs(
    subcommand: str, config: str, command: Callable[..., Answer]
) -> None:
    assert command(subcommand, "--config", config).status == 0


def test_a_printed_config_has_every_default_and_runs_again(
    config: str, command: Callable[..., Answer], tmp_path: Path
) -> None:
    printed = command("fit", "--config", config, "--print_config").out
    losses = yaml.safe_load(printed)["model"]["init_args"]["tasks"]["right"]["losses"]
    assert losses["dice"]["smooth"] == 1e-5
    assert losses["dice"]["weight"] == 0.5
    again = tmp_path / "again.yaml"
    again.write_text(printed)
    assert command("fit", "--config", str(again)).status == 0
    assert command("fit", "--config", str(again), "--print_config").out == printed


def test_a_users_own_cli_checks_tasks_by_the_types_alone(config: str) -> None:
    script = (
        "from lightning.pytorch.cli import LightningCLI\n"
        "from tests.cli.project import Data, Net\n"
        "LightningCLI(Net, Data, subclass_mode_model=True, subclass_mode_data=True)\n"
    )
    words = ["fit", "--config", config, "--model.init_args.tasks.right", "dcie"]
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=root, capture_output=True, text=True
    )
    assert found.returncode == 2
    assert "Unknown loss 'dcie'. Did you mean 'dice'?" in found.stderr
    assert "Traceback" not in found.stderr


def test_learned_weights_get_their_own_group_from_an_optimizer_of_the_config(
    config: str,
) -> None:
    from pl_losses.cli.train import LossesCLI, build_cli

    words = ["--config", config, "--model.init_args.balancer", "{name: uncertainty, lr: 0.025}"]
    optimizer = [
        "--optimizer",
        "AdamW",
        "--optimizer.lr",
        "0.001",
        "--optimizer.weight_decay",
        "0.1",
    ]
    cli = build_cli(LossesCLI, [*words, *optimizer], run=False)
    groups = cli.model.configure_optimizers().param_groups
    assert [(each["name"], each["lr"], each["weight_decay"]) for each in groups] == [
        ("model", 0.001, 0.1),
        ("objective.balancer", 0.025, 0.0),
    ]


def test_help_needs_no_lightning() -> None:
    script = (
        "import sys; from pl_losses.cli.main import usage; usage(); "
        "assert 'lightning' not in sys.modules"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
