"""`pl-losses stages`: what each stage of a config would train, before anything is trained."""

import sys
from collections.abc import Sequence

from pl_losses.callbacks import StagedFreezing
from pl_losses.cli.errors import fail, one_line
from pl_losses.cli.train import LossesCLI, build_cli
from pl_losses.lightning import callbacks_of
from pl_losses.stages.plan import plan

HELP = """usage: pl-losses stages --config FILE [options of `pl-losses fit`]

Shows a table of the stages: parameters trained, frozen and shared, optimizer, end.
"""


def run(words: Sequence[str]) -> int:
    """Print the table of stages of a config."""
    rest = list(words)[1:]
    if rest in (["-h"], ["--help"]):
        sys.stdout.write(HELP)
        return 0
    try:
        cli = build_cli(LossesCLI, rest, run=False)
        staged = [each for each in callbacks_of(cli.trainer) if isinstance(each, StagedFreezing)]
        if not staged:
            raise ValueError("The config must have StagedFreezing in `trainer.callbacks`.")
        for callback in staged:
            sys.stdout.write(f"{plan(callback.stages, cli.model)}\n")
    except (ValueError, LookupError) as error:
        return fail(one_line(str(error.args[0])))
    return 0
