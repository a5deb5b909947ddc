"""Gathers what the runs have left in their folders into one report."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pl_losses.compare.files import explained
from pl_losses.compare.report import write_report
from pl_losses.compare.rows import Row
from pl_losses.compare.run import LOG, SHEET, Run
from pl_losses.lightning import rank_zero_warn
from pl_losses.plots.sheet import draw_prediction_sheet
from pl_losses.plots.training import draw_training_curves

History = dict[str, tuple[list[float], list[float]]]


def write_comparison(folder: Path, runs: Sequence[Run], rows: Sequence[Row], command: str) -> Path:
    """Write tables, pictures and the report; return the path of the report.

    Args:
        folder: Where the report goes.
        runs: The planned runs.
        rows: What came of them, in the same order.
        command: The command that compared them.
    """
    done = [run for run, row in zip(runs, rows, strict=True) if row.status == "done"]
    try:
        with explained(folder):
            pictures = _pictures(folder, done, rows) if done else {}
    except ImportError as error:  # the figures matter more than the pictures
        rank_zero_warn(f"The report has no pictures: {error}")
        pictures = {}
    texts = {run_title(run): (run.config_text, run.command) for run in runs}
    return write_report(folder, f"Comparison: {command}", rows, pictures, texts)


def run_title(run: Run) -> str:
    """Name a run by its variant and seed."""
    return f"{run.name}, seed {run.seed}"


def _pictures(folder: Path, done: Sequence[Run], rows: Sequence[Row]) -> dict[str, Path]:
    first = {run.name: run for run in reversed(done)}
    runs = {name: first[name] for name in dict.fromkeys(run.name for run in done)}
    pictures: dict[str, Path] = {}
    histories = {name: read_history(run.folder / LOG / "metrics.csv") for name, run in runs.items()}
    keys = shared_keys(histories)
    if keys:
        path = draw_training_curves(histories, keys, folder / "curves.png")
        pictures["Losses and metrics during training; the first seed of each variant"] = path
    sheets = {name: read_sheet(run.folder / SHEET) for name, run in runs.items()}
    sheets = {name: sheet for name, sheet in sheets.items() if sheet}
    if sheets:
        pictures["Predictions on test images, at one half"] = _draw_sheet(
            folder / "predictions.png", sheets, 0.5
        )
        chosen = {
            name: float(row.figures.get("threshold") or 0.5)
            for name in sheets
            for row in rows
            if (row.name, row.seed) == (name, runs[name].seed)
        }
        pictures["Predictions on test images, at the threshold chosen on the validation part"] = (
            _draw_sheet(folder / "predictions_best.png", sheets, chosen)
        )
    return pictures


def _draw_sheet(
    path: Path, sheets: Mapping[str, Mapping[str, Tensor]], threshold: float | Mapping[str, float]
) -> Path:
    sheet = next(iter(sheets.values()))
    predictions = {name: each["pred"] for name, each in sheets.items()}
    images, truths = sheet["images"], sheet["truths"]
    return draw_prediction_sheet(images, truths, predictions, path, threshold=threshold)


def read_history(path: Path) -> History:
    """Return what a run logged: name -> (steps, values)."""
    history: History = {}
    if not path.exists():
        return history
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            for name, text in line.items():
                if text and name not in ("step", "epoch"):
                    steps, values = history.setdefault(name, ([], []))
                    steps.append(float(line["step"]))
                    values.append(float(text))
    return history


def shared_keys(histories: Mapping[str, History]) -> list[str]:
    """Return the logged names to draw: the total, and what is the same quantity in every run."""
    common = set.intersection(*(set(history) for history in histories.values()))
    order = next(iter(histories.values()))
    metrics = [name for name in order if name in common and name.count("/") > 1]
    return [name for name in ("train/loss", "val/loss") if name in common] + [
        name for name in metrics if name.startswith("val/") and not name.endswith("/loss")
    ][:4]


def read_sheet(path: Path) -> dict[str, Tensor]:
    """Return the images, truths and probabilities that a run has saved, if it has."""
    if not path.exists():
        return {}
    sheet: dict[str, Tensor] = torch.load(path, weights_only=True)
    return sheet
