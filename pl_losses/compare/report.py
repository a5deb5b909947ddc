"""A comparison as files that can be passed on: a page, and the table as CSV and Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pl_losses.compare.files import explained, write_whole
from pl_losses.compare.page import page_html
from pl_losses.compare.rows import Row, columns_of, lines_of
from pl_losses.compare.table import csv_table, markdown_table

PNG = b"\x89PNG\r\n\x1a\n"


def write_report(
    folder: str | Path,
    title: str,
    rows: Sequence[Row],
    pictures: Mapping[str, str | Path],
    runs: Mapping[str, tuple[str, str]],
) -> Path:
    """Write ``table.csv``, ``table.md`` and ``report.html``; return the path of the page.

    The page has everything in it, pictures too, and can be sent around by itself. The same
    arguments give the same bytes.

    Args:
        folder: Where the files go; it is made if it is missing.
        title: The heading of the page.
        rows: The runs, in the order of the table.
        pictures: Caption -> path of a PNG, in the order of the page.
        runs: Name of a run -> its config as YAML, and the command that repeats it.

    Raises:
        ReportError: If a file can't be written, or a picture can't be read.
        ValueError: If a picture is no PNG.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = write_report(folder, "Losses", [Row("mse", figures={"f1": 0.6})], {}, {})
        ...     sorted(path.name for path in page.parent.iterdir())
        ['report.html', 'table.csv', 'table.md']
    """
    folder = Path(folder)
    columns = columns_of(rows)
    images = {caption: _png(caption, Path(path)) for caption, path in pictures.items()}
    page = page_html(title, lines_of(rows, columns), columns, images, runs)
    write_whole(folder / "table.csv", csv_table(rows))
    write_whole(folder / "table.md", markdown_table(rows) + "\n")
    # Last, so that whoever finds the page finds the tables beside it.
    return write_whole(folder / "report.html", page)


def _png(caption: str, path: Path) -> bytes:
    with explained(path, "read"):
        data = path.read_bytes()
    if not data.startswith(PNG):
        raise ValueError(f"`pictures[{caption!r}]` must be a PNG; got {path}.")
    return data
