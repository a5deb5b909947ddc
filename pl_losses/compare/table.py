"""The figures of runs side by side, as Markdown and as CSV; `terminal` has them for a terminal."""

import csv
import io
from collections.abc import Sequence

from pl_losses.compare.cells import errors_of, notes_of, one_line, spread_text, value_text
from pl_losses.compare.rows import COLUMNS, Column, Figure, Line, Row, columns_of, lines_of

FORMULA_STARTS = ("=", "+", "-", "@")


def markdown_table(rows: Sequence[Row]) -> str:
    """Return the table as Markdown: the best of a column is bold, the reasons of failures below.

    Names and reasons are set as code, so that nothing in them is read as Markdown or HTML.

    Example:
        >>> print(markdown_table([Row("mse", figures={"f1": 0.612, "seconds": 53.2})]))
        | | F1 | sec |
        |---|---:|---:|
        | `mse` | 0.612 | 53 |
    """
    columns = columns_of(rows)
    lines = lines_of(rows, columns)
    # Runs of which none is done have no figures, but still a word that says so.
    labels = [column.label for column in columns] or ["status"]
    table = [
        "| | " + " | ".join(labels) + " |",
        "|---|" + "---:|" * len(labels),
        *(f"| {_name(line)} | {_figures(line, columns)} |" for line in lines),
    ]
    errors = [f"- {code(name)}: {code(reason)}" for name, reason in errors_of(lines)]
    notes = [f"{note}." for note in notes_of(lines, columns)]
    return "\n\n".join("\n".join(part) for part in (table, errors, notes) if part)


def csv_table(rows: Sequence[Row]) -> str:
    """Return every single run as a line of CSV, with all digits; means are left to the reader.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.

    Example:
        >>> print(csv_table([Row("mse", 7, figures={"f1": 0.612})]).splitlines()[1])
        mse,7,done,,,0.612,,,,,,,,,
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["name", "seed", "status", *(column.key for column in COLUMNS), "error"])
    for row in rows:
        figures = [row.figures.get(column.key) for column in COLUMNS]
        name, error = _harmless(row.name), _harmless(row.error)
        writer.writerow([name, row.seed, row.status, *figures, error])
    return written.getvalue()


def code(text: str) -> str:
    r"""Return text as Markdown code that fits into a table.

    Example:
        >>> print(code("a|b`c"))
        `a\|b'c`
    """
    return "`" + one_line(text).replace("`", "'").replace("|", "\\|") + "`"


def _name(line: Line) -> str:
    seeds = f" ({line.seeds})" if line.seeds else ""
    return line.name if line.below else code(line.name) + seeds


def _figures(line: Line, columns: Sequence[Column]) -> str:
    if line.status != "done":
        return " | ".join([line.status, *[""] * (len(columns) - 1)])
    return " | ".join(_figure(*pair) for pair in zip(line.figures, columns, strict=True))


def _figure(figure: Figure, column: Column) -> str:
    value = value_text(figure, column)
    return f"{f'**{value}**' if figure.best else value} {spread_text(figure, column)}".rstrip()


def _harmless(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if line.startswith(FORMULA_STARTS) else line
