"""The figures of runs side by side in a terminal."""

import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TextIO

from pl_losses.compare.cells import errors_of, notes_of, one_line, spread_text, value_text
from pl_losses.compare.rows import Column, Figure, Line, Row, columns_of, lines_of

LONGEST_NAME = 40
SIZE_OF_NO_TERMINAL = (100, 24)
GAP = 2


class Cell(NamedTuple):
    """A piece of text, and how it looks where there are colours."""

    text: str
    look: str = ""


Grid = list[list[Cell]]


def terminal_table(
    rows: Sequence[Row], stream: TextIO | None = None, width: int | None = None
) -> str:
    """Return the table as text for a terminal, in colour if it has any and rich is installed.

    The best figure of a column bears a star. A table wider than the terminal is cut in two: the
    figures at threshold 0.5, and below them the others.

    Args:
        rows: The runs.
        stream: Where the text will be written; the standard output by default.
        width: Letters in a line; those of the terminal by default.

    Example:
        >>> rows = [Row("mse", figures={"f1": 0.612}), Row("bce", 0, "failed", {}, "No luck.")]
        >>> print(terminal_table(rows, io.StringIO()))
                F1
        mse  0.612
        bce  failed
        <BLANKLINE>
        bce: failed: No luck.
    """
    stream = stream or sys.stdout
    columns = columns_of(rows)
    lines = lines_of(rows, columns)
    grids = _fitting(lines, columns, width or shutil.get_terminal_size(SIZE_OF_NO_TERMINAL).columns)
    text: Grid = []
    for grid in grids:
        text += [*_aligned(grid), []]
    text += [[Cell(f"{name}: {reason}", "red")] for name, reason in errors_of(lines)]
    text += [[Cell(note, "dim")] for note in _notes(lines, columns)]
    drawn = _colored(text) if stream.isatty() else _plain(text)
    encoding = stream.encoding or "utf-8"
    return drawn.rstrip().encode(encoding, errors="replace").decode(encoding)


def _fitting(lines: Sequence[Line], columns: Sequence[Column], width: int) -> list[Grid]:
    whole = _grid(lines, columns, range(len(columns)))
    at_half = [at for at, column in enumerate(columns) if column.at == "0.5"]
    others = [at for at, column in enumerate(columns) if column.at != "0.5"]
    if not at_half or not others or _width(whole) <= width:
        return [whole]
    return [_grid(lines, columns, at_half), _grid(lines, columns, others)]


def _grid(lines: Sequence[Line], columns: Sequence[Column], shown: Sequence[int]) -> Grid:
    """Return the cells: titles, then one row for each line and one for each spread."""
    grid = [[Cell(""), *(Cell(f"{columns[at].label} ", "bold") for at in shown)]]
    for line in lines:
        name = Cell(("  " if line.below else "") + one_line(line.name, LONGEST_NAME))
        if line.status != "done":
            grid.append([name, Cell(line.status, "red")])
            continue
        pairs = [(line.figures[at], columns[at]) for at in shown]
        grid.append([name, *(_figure(*pair, quiet=line.below) for pair in pairs)])
        if line.seeds:
            spreads = (Cell(f"{spread_text(*pair)} ", "dim") for pair in pairs)
            grid.append([Cell(f"  {line.seeds}", "dim"), *spreads])
    return grid


def _figure(figure: Figure, column: Column, *, quiet: bool) -> Cell:
    if figure.best:
        return Cell(f"{value_text(figure, column)}*", "bold green")
    return Cell(f"{value_text(figure, column)} ", "dim" if quiet else "")


def _widths(grid: Grid) -> list[int]:
    # A line with a word in place of figures has fewer cells, and its word may hang over.
    full = [row for row in grid if len(row) == len(grid[0])]
    widths = [max(len(row[at].text) for row in full) for at in range(len(grid[0]))]
    return [max(len(row[0].text) for row in grid), *widths[1:]]


def _width(grid: Grid) -> int:
    widths = _widths(grid)
    return sum(widths) + GAP * (len(widths) - 1)


def _aligned(grid: Grid) -> Iterator[list[Cell]]:
    widths = _widths(grid)
    for row in grid:
        name = Cell(row[0].text.ljust(widths[0]), row[0].look)
        if len(row) < len(grid[0]) or len(grid[0]) == 1:
            yield [name, *(Cell(" " * GAP + text, look) for text, look in row[1:])]
            continue
        figures = zip(row[1:], widths[1:], strict=True)
        yield [name, *(Cell(text.rjust(GAP + width), look) for (text, look), width in figures)]


def _notes(lines: Sequence[Line], columns: Sequence[Column]) -> list[str]:
    marked = any(figure.best for line in lines for figure in line.figures)
    return [*(["* is the best of its column"] if marked else []), *notes_of(lines, columns)]


def _plain(text: Grid) -> str:
    return "\n".join("".join(cell.text for cell in row).rstrip() for row in text)


def _colored(text: Grid) -> str:
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return _plain(text)
    # The console is told that it is a terminal, since it writes into memory; it still heeds
    # NO_COLOR and TERM.
    console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
    for row in text:
        console.print(Text.assemble(*row), soft_wrap=True)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    return written
