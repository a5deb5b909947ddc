"""A table of text, plain enough for a log file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and rows of cells.

    Example:
        >>> print(Table("Pets", ("name", "legs"), (("cat", "4"), ("parrot", "2"))))
        Pets
        name    legs
        cat     4
        parrot  2
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        return "\n".join([self.title, *(_line(cells, widths) for cells in lines)])


def shortened(names: Iterable[str], most: int = 4) -> str:
    """Return names with commas between them, cut off after a few.

    Example:
        >>> shortened(["a", "b", "c"], most=2)
        'a, b, +1'
    """
    listed = list(names)
    rest = [f"+{len(listed) - most}"] if len(listed) > most else []
    return ", ".join([*listed[:most], *rest]) or "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
