"""Runs as rows of figures, and the seeds of one run taken together."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Status = Literal["done", "failed", "missing"]


@dataclass(frozen=True)
class Row:
    """What came of one run.

    Args:
        name: What is compared, such as the name of a loss.
        seed: The random seed. Rows of one name and several seeds are shown together.
        status: Whether it is done, has failed, or has not been run to its end.
        figures: Name -> figure; None or NaN where there is no data. See `COLUMNS`.
        error: Why it failed.
    """

    name: str
    seed: int = 0
    status: Status = "done"
    figures: Mapping[str, float | None] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Column:
    """A figure that runs are compared by.

    Args:
        key: Its name among the figures of a row.
        title: What stands over the column.
        at: The threshold that it holds for, if any: ``"0.5"`` or ``"best"``.
        digits: Digits after the point.
        better: Which figure of the column is marked as the best.
    """

    key: str
    title: str
    at: str = ""
    digits: int = 3
    better: Literal["high", "low", "neither"] = "high"

    @property
    def label(self) -> str:
        """The title with its threshold, for tables with a single line of titles."""
        return f"{self.title}@{self.at}" if self.at and self.title != "thr" else self.title


COLUMNS = (
    Column("precision", "P", "0.5"),
    Column("recall", "R", "0.5"),
    Column("f1", "F1", "0.5"),
    Column("iou", "IoU", "0.5"),
    Column("threshold", "thr", "best", better="neither"),
    Column("best_precision", "P", "best"),
    Column("best_recall", "R", "best"),
    Column("best_f1", "F1", "best"),
    Column("best_iou", "IoU", "best"),
    Column("average_precision", "AP"),
    Column("seconds", "sec", digits=0, better="low"),
)


@dataclass(frozen=True)
class Figure:
    """A figure, its standard deviation over seeds, and whether it is the best of its column."""

    value: float | None
    spread: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Line:
    """A line of a table: one run, the mean of several seeds, or one seed below its mean."""

    name: str
    status: Status
    figures: tuple[Figure, ...]
    error: str = ""
    seeds: str = ""
    below: bool = False


def columns_of(rows: Sequence[Row]) -> tuple[Column, ...]:
    """Return the columns for which any row has a figure.

    Runs that were not judged at thresholds, as with several classes, have no "at 0.5" either.

    Example:
        >>> [column.label for column in columns_of([Row("ce", figures={"f1": 0.7})])]
        ['F1']
    """
    known = {key for row in rows for key in row.figures}
    columns = tuple(column for column in COLUMNS if column.key in known)
    if "threshold" in known:
        return columns
    return tuple(replace(column, at="") for column in columns)


def lines_of(rows: Sequence[Row], columns: Sequence[Column]) -> list[Line]:
    """Return the lines of the table; several seeds of a name become a mean and a line for each.

    The best of a column is chosen among runs and means, not among single seeds. Figures that look
    the same as printed are equally good.

    Example:
        >>> rows = [Row("mse", 0, figures={"f1": 0.6}), Row("mse", 1, figures={"f1": 0.7})]
        >>> [line.name for line in lines_of(rows, COLUMNS)]
        ['mse', 'seed 0', 'seed 1']
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.name, []).append(row)
    heads = _marked([_head(name, group, columns) for name, group in groups.items()], columns)
    lines = []
    for head, group in zip(heads, groups.values(), strict=True):
        seeds = [_line(f"seed {row.seed}", row, columns, below=True) for row in group]
        lines += [head, *(seeds if len(group) > 1 else [])]
    return lines


def _line(name: str, row: Row, columns: Sequence[Column], *, below: bool = False) -> Line:
    figures = tuple(Figure(_number(row, column)) for column in columns)
    return Line(name, row.status, figures, row.error, below=below)


def _head(name: str, group: Sequence[Row], columns: Sequence[Column]) -> Line:
    if len(group) == 1:
        return _line(name, group[0], columns)
    done = [row for row in group if row.status == "done"]
    count = f"{len(group)}" if len(done) == len(group) else f"{len(done)} of {len(group)}"
    status: Status = "failed" if any(row.status == "failed" for row in group) else "missing"
    figures = tuple(_mean([_number(row, column) for row in done]) for column in columns)
    return Line(name, "done" if done else status, figures, seeds=f"{count} seeds")


def _mean(numbers: Sequence[float | None]) -> Figure:
    known = [number for number in numbers if number is not None]
    if not known:
        return Figure(None)
    spread = statistics.stdev(known) if len(known) > 1 else None
    return Figure(statistics.fmean(known), spread)


def _marked(heads: Sequence[Line], columns: Sequence[Column]) -> list[Line]:
    figures = [list(head.figures) for head in heads]
    for at, column in enumerate(columns):
        numbers = [line[at].value for line in figures]
        known = [round(number, column.digits) for number in numbers if number is not None]
        if column.better == "neither" or len(known) < 2:
            continue
        best = max(known) if column.better == "high" else min(known)
        for line, number in zip(figures, numbers, strict=True):
            is_best = number is not None and round(number, column.digits) == best
            line[at] = replace(line[at], best=is_best)
    return [replace(head, figures=tuple(line)) for head, line in zip(heads, figures, strict=True)]


def _number(row: Row, column: Column) -> float | None:
    value = row.figures.get(column.key)
    return None if value is None or not math.isfinite(value) else value
