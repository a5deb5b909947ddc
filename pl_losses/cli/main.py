"""Sends each command to the file that does it, and loads nothing that another one needs."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from pl_losses.version import __version__


class Command(NamedTuple):
    """A command: the module whose ``run`` does it, and what it is for."""

    module: str
    text: str


COMMANDS = {
    "fit": Command("train", "train a model from a config file"),
    "validate": Command("train", "validate a trained model"),
    "test": Command("train", "test a trained model"),
    "predict": Command("train", "predict with a trained model"),
    "compare": Command("compare", "train one config under several losses, side by side"),
    "stages": Command("stages", "show what each stage of a config would train, without training"),
    "list": Command("listing", "list losses, metrics and balancers"),
    "describe": Command("describe", "explain one: formula, options, shapes, paper, example"),
    "plot": Command("plot", "draw value and gradient of losses"),
}


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status.

    Args:
        args: Command and arguments; those of the process if not given.
    """
    words = list(sys.argv[1:] if args is None else args)
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"pl-losses {__version__}\n")
        return 0
    if words[0] not in COMMANDS:
        from pl_losses.registry import unknown

        sys.stderr.write(f"error: {unknown('command', words[0], COMMANDS, label='Commands')}\n")
        return 2
    # A config names classes of the project it lies in, as `python -m` would find them.
    sys.path.insert(0, str(Path.cwd()))
    module = import_module(f"pl_losses.cli.{COMMANDS[words[0]].module}")
    status: int = module.run(words)
    return status


def usage() -> str:
    """Return what ``--help`` says."""
    lines = [f"  {name:10s}{command.text}" for name, command in COMMANDS.items()]
    return (
        "usage: pl-losses COMMAND [options]\n\n"
        "Losses, task balancing and staged training for PyTorch Lightning.\n\n"
        + "\n".join(lines)
        + "\n\n`pl-losses COMMAND --help` says more.\n"
    )
