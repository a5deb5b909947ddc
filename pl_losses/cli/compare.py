"""`pl-losses compare`: one config under several losses, one table at the end."""

import argparse
import logging
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import LightningDataModule
from tqdm import tqdm
from typing_extensions import override

from pl_losses.cli.errors import fail
from pl_losses.cli.train import LossesCLI, build_cli
from pl_losses.compare.compare import Parts, Progress, compare
from pl_losses.compare.rows import Row
from pl_losses.compare.run import Run, choose_task, plan_runs
from pl_losses.compare.terminal import terminal_table
from pl_losses.compare.variants import read_variants
from pl_losses.compare.write import write_comparison

INTERRUPTED = 130


def run(words: Sequence[str]) -> int:
    """Compare; return 0 if every run is finished, 1 if one failed, 130 after an interrupt."""
    own, rest = _parser().parse_known_args(list(words)[1:])
    try:
        described = {}
        if own.variants is not None:
            described = yaml.safe_load(Path(own.variants).read_text(encoding="utf-8"))
            if not isinstance(described, Mapping):
                raise ValueError(f"{own.variants} must map names to losses.")
        variants = read_variants(own.losses, described)
        config = read_config(rest)
        task = choose_task(config, own.task)
        runs = plan_runs(config, variants, own.seeds, Path(own.out), task)
    except (ValueError, LookupError, OSError, yaml.YAMLError) as error:
        return fail(error)
    progress = _Bar(len(runs))
    with _quiet():
        rows, interrupted = compare(runs, task, make_parts, progress)
    progress.close()
    sys.stdout.write(terminal_table(rows) + "\n")
    try:
        report = write_comparison(Path(own.out), runs, rows, shlex.join(["pl-losses", *words]))
    except OSError as error:
        return fail(error, status=1)
    sys.stdout.write(f"Report: {report}\n")
    if interrupted:
        sys.stderr.write("Interrupted; the same command goes on where this one stopped.\n")
        return INTERRUPTED
    return 1 if any(row.status == "failed" for row in rows) else 0


def make_parts(config: Mapping[str, Any]) -> Parts:
    """Make model, data and trainer of one run."""
    # The parser puts objects into what it is given.
    cli = build_cli(LossesCLI, deepcopy(dict(config)), run=False)
    if not isinstance(cli.datamodule, LightningDataModule):
        raise ValueError("The config must have `data`, with a class_path; got none.")
    return Parts(cli.model, cli.datamodule, cli.trainer)


def read_config(words: Sequence[str]) -> dict[str, Any]:
    """Return the whole config of some arguments, every default spelled out."""
    cli = build_cli(_ConfigOnly, list(words), run=False)
    config: dict[str, Any] = yaml.safe_load(cli.parser.dump(cli.config, skip_none=False))
    return config


class _ConfigOnly(LossesCLI):
    """The CLI up to the point where the config is parsed."""

    @override
    def instantiate_classes(self) -> None:
        return


class _Bar(Progress):
    """One progress bar over all runs."""

    def __init__(self, count: int) -> None:
        self.bar = tqdm(
            total=count,
            unit="run",
            bar_format="{l_bar}{bar}| {elapsed}<{remaining}",
            # A file keeps every state of the bar; a screen shows the last.
            mininterval=0.1 if sys.stderr.isatty() else 20.0,
            miniters=0,
        )
        self.runs = 0

    @override
    def begin(self, run: Run, index: int, count: int) -> None:
        self.runs = index
        self.bar.set_description(f"{run.name}, seed {run.seed} ({index + 1} of {count})")

    @override
    def step(self, done: int, steps: int) -> None:
        self.bar.update(self.runs + min(done / max(steps, 1), 1.0) - self.bar.n)

    @override
    def end(self, row: Row) -> None:
        self.bar.n = self.runs + 1
        self.bar.refresh()
        if row.status == "failed":
            self.bar.write(f"{row.name}, seed {row.seed} failed: {row.error}")

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's own lines, one set for each run, out of the progress bar."""
    names = (
        "lightning.pytorch",
        "lightning.fabric",
        "lightning",
        "lightning.pytorch.utilities.rank_zero",
    )
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pl-losses compare",
        description="Train one config under several losses: same data, seed and steps. All other "
        "options are those of `pl-losses fit`; the config must have a validation part, on which "
        "the threshold is chosen, and test data, which nothing is chosen on.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--losses",
        nargs="+",
        default=[],
        metavar="NAME[=LOSSES]",
        help="names, or named variants: 'both=[bce, dice]'",
    )
    parser.add_argument("--variants", metavar="FILE", help="YAML file from names to losses")
    parser.add_argument("--task", help="task whose losses change; needed if there are several")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED")
    parser.add_argument("--out", default="runs/compare", metavar="DIR", help="folder of the report")
    return parser
