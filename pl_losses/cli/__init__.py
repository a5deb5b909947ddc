"""The command `pl-losses`."""

from pl_losses.cli.main import main as main
