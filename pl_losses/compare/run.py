"""One run: one variant of a config with one seed, in a folder of its own."""

import json
import shutil
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pl_losses.compare.files import explained, write_whole
from pl_losses.compare.rows import Row
from pl_losses.registry import unknown

CONFIG, RESULT, SHEET, LOG = "config.yaml", "result.json", "sheet.pt", "log"


@dataclass(frozen=True)
class Run:
    """A run that is planned.

    Attributes:
        name: Name of the variant.
        seed: Its random seed.
        config: The whole config, ready to be run again by ``pl-losses fit``.
        folder: Where everything of the run is written.
    """

    name: str
    seed: int
    config: Mapping[str, Any]
    folder: Path

    @property
    def config_text(self) -> str:
        """The config as YAML."""
        text: str = yaml.safe_dump(dict(self.config), sort_keys=False, allow_unicode=True)
        return text

    @property
    def command(self) -> str:
        """The command that repeats the run."""
        return f"pl-losses fit --config {self.folder / CONFIG}"

    def finished(self) -> Row | None:
        """Return the result, if the run has one and was made with this very config."""
        try:
            same = (self.folder / CONFIG).read_text(encoding="utf-8") == self.config_text
            saved = json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return Row(self.name, self.seed, "done", saved["figures"]) if same else None

    def begin(self) -> None:
        """Clear what a run that was cut off has left, and write the config."""
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in (RESULT, SHEET):
                (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / LOG, ignore_errors=True)
        write_whole(self.folder / CONFIG, self.config_text)

    def finish(self, figures: Mapping[str, float | None]) -> Row:
        """Write the result, by which the run counts as finished."""
        write_whole(self.folder / RESULT, json.dumps({"figures": dict(figures)}, indent=1))
        return Row(self.name, self.seed, "done", dict(figures))


def plan_runs(
    config: Mapping[str, Any],
    variants: Mapping[str, Any],
    seeds: list[int],
    folder: Path,
    task: str,
) -> list[Run]:
    """Return a run for each variant and seed.

    Args:
        config: Config that the runs share, as the parser dumps it.
        variants: Losses of each variant by name.
        seeds: Random seeds.
        folder: Where the runs' folders go.
        task: The task whose losses change.
    """
    return [
        Run(
            name,
            seed,
            _changed(config, losses, seed, folder / "runs" / name / f"seed_{seed}", task),
            folder / "runs" / name / f"seed_{seed}",
        )
        for name, losses in variants.items()
        for seed in seeds
    ]


def choose_task(config: Mapping[str, Any], wanted: str | None) -> str:
    """Return the task whose losses are to change: the one asked for, or the only one.

    Raises:
        LookupError: If the config has no such task.
        ValueError: If there are several and none was asked for, or none at all.
    """
    tasks = list((config.get("model") or {}).get("init_args", {}).get("tasks") or {})
    if not tasks:
        raise ValueError("The config must have `model.init_args.tasks`; got none.")
    if wanted is not None and wanted not in tasks:
        raise LookupError(unknown("task", wanted, tasks, label="Tasks"))
    if wanted is None and len(tasks) > 1:
        raise ValueError(f"Name the task to compare, --task NAME, out of {', '.join(tasks)}.")
    return wanted or tasks[0]


def _changed(
    config: Mapping[str, Any], losses: Any, seed: int, folder: Path, task: str
) -> dict[str, Any]:
    changed = deepcopy(dict(config))
    changed["seed_everything"] = seed
    changed["model"]["init_args"]["tasks"][task]["losses"] = losses
    changed["trainer"]["default_root_dir"] = str(folder)
    # One bar over all runs takes their place.
    changed["trainer"].update(enable_progress_bar=False, enable_model_summary=False)
    changed["trainer"]["logger"] = {
        "class_path": "lightning.pytorch.loggers.CSVLogger",
        "init_args": {"save_dir": str(folder), "name": LOG, "version": ""},
    }
    return changed
