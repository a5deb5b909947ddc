"""How figures, names and errors read in a table, whatever the table is made of."""

from collections.abc import Sequence

from pl_losses.compare.rows import Column, Figure, Line

NO_DATA = "-"
LONGEST_ERROR = 300
WHAT_IS_MEANT = {
    "best": "thr is the threshold with the best F1 on the validation data, never on test data",
    "spread": "± is the standard deviation over seeds",
}


def one_line(text: str, most: int = LONGEST_ERROR) -> str:
    r"""Return text without line breaks and control characters, cut off after some letters.

    What a user wrote must neither break a table nor send orders to a terminal.

    Example:
        >>> one_line("no\n  luck\x1b[2J, none at all", most=10)
        'no luck […'
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def value_text(figure: Figure, column: Column) -> str:
    """Return a figure with the digits of its column."""
    return NO_DATA if figure.value is None else f"{figure.value:.{column.digits}f}"


def spread_text(figure: Figure, column: Column) -> str:
    """Return the standard deviation of a figure, or nothing if it has none."""
    return "" if figure.spread is None else f"±{figure.spread:.{column.digits}f}"


def error_text(line: Line, most: int = LONGEST_ERROR) -> str:
    """Return why a line has no figures, or nothing if it has."""
    if line.status == "done" or line.seeds:
        return ""
    reason = one_line(line.error, most)
    status = "failed" if line.status == "failed" else "not run to the end"
    return f"{status}: {reason}" if reason else status


def notes_of(lines: Sequence[Line], columns: Sequence[Column]) -> list[str]:
    """Return what a reader has to know about the figures."""
    notes = []
    if any(column.key == "threshold" for column in columns):
        notes.append(WHAT_IS_MEANT["best"])
    if any(figure.spread is not None for line in lines for figure in line.figures):
        notes.append(WHAT_IS_MEANT["spread"])
    return notes


def errors_of(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Return the name and the reason of each line that has no figures."""
    found = []
    parent = ""
    for line in lines:
        parent = parent if line.below else line.name
        name = f"{parent}, {line.name}" if line.below else line.name
        if error_text(line):
            found.append((one_line(name), error_text(line)))
    return found
