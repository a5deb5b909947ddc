"""The report as one page of HTML that needs nothing else: no network, no other file."""

import html
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from itertools import groupby

from pl_losses.compare.cells import error_text, notes_of, spread_text, value_text
from pl_losses.compare.rows import Column, Figure, Line

GROUPS = {"0.5": "at threshold 0.5", "best": "at the best threshold", "": ""}
HEADLINES = {"f1": "F1 at threshold 0.5", "best_f1": "F1 at the best threshold"}
MEANINGS = {
    "P": "P is precision",
    "R": "R is recall",
    "AP": "AP is average precision",
    "sec": "sec is the time of training in seconds",
}
LONGEST_ERROR = 2000


def page_html(
    title: str,
    lines: Sequence[Line],
    columns: Sequence[Column],
    pictures: Mapping[str, bytes],
    runs: Mapping[str, tuple[str, str]],
) -> str:
    """Return the page: the figures, the pictures, and the config and command of each run.

    Every text that is not ours is escaped. A policy in the page forbids all else that one might
    smuggle in: it loads nothing and runs no script but its own, known by its checksum.

    Args:
        title: The heading.
        lines: The lines of the table.
        columns: Its columns.
        pictures: Caption -> PNG.
        runs: Name of a run -> its config as YAML, and its command.
    """
    style, script = _own("page.css"), _own("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_checksum(style)}; "
        f"script-src {_checksum(script)}"
    )
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        f"<h1>{escaped(title)}</h1>",
        *_summary(lines, columns),
        *_table(lines, columns),
        *_notes(lines, columns),
        *_pictures(pictures),
        *_runs(runs),
        f"<script>{script}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Return a text that says the same in HTML, and does nothing else.

    Example:
        >>> escaped("<b title='x'>")
        '&lt;b title=&#x27;x&#x27;&gt;'
    """
    known = "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)
    return html.escape(known)


def _own(name: str) -> str:
    return (files("pl_losses.compare") / name).read_text(encoding="utf-8")


def _checksum(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _summary(lines: Sequence[Line], columns: Sequence[Column]) -> Iterable[str]:
    heads = [line for line in lines if not line.below]
    for at, column in enumerate(columns):
        best = [line for line in heads if line.figures[at].best]
        if column.key in HEADLINES and best:
            names = ", ".join(f"<strong>{escaped(line.name)}</strong>" for line in best)
            figure = value_text(best[0].figures[at], column)
            what = HEADLINES[column.key] if column.at else column.title
            yield f"<p>Highest {what}: {names} ({figure}).</p>"
    yield f'<p class="quiet">{_counts([line for line in lines if not line.seeds])}.</p>'


def _counts(runs: Sequence[Line]) -> str:
    words = {"done": "done", "failed": "failed", "missing": "not run to the end"}
    counts = {word: sum(run.status == key for run in runs) for key, word in words.items()}
    total = f"{len(runs)} run{'s' if len(runs) != 1 else ''}"
    return f"{total}: " + ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _table(lines: Sequence[Line], columns: Sequence[Column]) -> Iterable[str]:
    groups = [(at, len(list(members))) for at, members in groupby(column.at for column in columns)]
    yield '<div class="scroll">'
    yield "<table>"
    yield "<thead>"
    if any(at for at, _ in groups):
        spans = (f'<th colspan="{count}" class="start">{GROUPS[at]}</th>' for at, count in groups)
        yield f"<tr><th></th>{''.join(spans)}</tr>"
    titles = (_title(at, columns) for at in range(len(columns)))
    yield f'<tr><th class="name">run</th>{"".join(titles)}</tr>'
    yield "</thead>"
    for at, line in enumerate(lines):
        if not line.below:
            yield "</tbody><tbody>" if at else "<tbody>"
        yield _row(line, columns)
    yield "</tbody>" if lines else ""
    yield "</table>"
    yield "</div>"


def _title(at: int, columns: Sequence[Column]) -> str:
    column = columns[at]
    data = f'data-column="{column.key}" data-better="{column.better}"'
    return f'<th scope="col" {data}{_start(at, columns)}>{column.title}</th>'


def _start(at: int, columns: Sequence[Column]) -> str:
    """Return the class of a cell that begins a group of columns."""
    return ' class="start"' if not at or columns[at].at != columns[at - 1].at else ""


def _row(line: Line, columns: Sequence[Column]) -> str:
    seeds = f'<span class="spread">{line.seeds}</span>' if line.seeds else ""
    cells = [f'<th scope="row">{escaped(line.name)}{seeds}</th>']
    if line.status == "done":
        cells += [_cell(figure, at, columns) for at, figure in enumerate(line.figures)]
    else:
        reason = escaped(error_text(line, LONGEST_ERROR) or line.status)
        cells.append(f'<td class="reason" colspan="{max(1, len(columns))}">{reason}</td>')
    return f"<tr{' class=seed' if line.below else ''}>{''.join(cells)}</tr>"


def _cell(figure: Figure, at: int, columns: Sequence[Column]) -> str:
    column = columns[at]
    value = value_text(figure, column)
    data = f' data-value="{figure.value!r}"' if figure.value is not None else ""
    shown = f'<span class="best">{value}</span>' if figure.best else value
    spread = spread_text(figure, column)
    below = f'<span class="spread">{spread}</span>' if spread else ""
    return f'<td data-column="{column.key}"{data}{_start(at, columns)}>{shown}{below}</td>'


def _notes(lines: Sequence[Line], columns: Sequence[Column]) -> Iterable[str]:
    titles = dict.fromkeys(column.title for column in columns)
    meanings = [MEANINGS[title] for title in titles if title in MEANINGS]
    for note in [*(["; ".join(meanings)] if meanings else []), *notes_of(lines, columns)]:
        yield f'<p class="quiet">{note}.</p>'


def _pictures(pictures: Mapping[str, bytes]) -> Iterable[str]:
    if pictures:
        yield "<h2>Pictures</h2>"
    for caption, data in pictures.items():
        image = f"data:image/png;base64,{b64encode(data).decode()}"
        said = escaped(caption)
        yield "<figure>"
        yield f"<figcaption>{said}</figcaption>"
        # A checkbox in the label makes a click show the picture in full size, without a script.
        yield f'<label><input type="checkbox" aria-label="Full size: {said}">'
        yield f'<div class="scroll"><img alt="{said}" src="{image}"></div></label>'
        yield "</figure>"


def _runs(runs: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    if runs:
        yield "<h2>Configs and commands</h2>"
    for name, (config, command) in runs.items():
        yield f"<details><summary>{escaped(name)}</summary>"
        yield f'<pre class="command">{escaped(command)}</pre>'
        yield f"<pre>{escaped(config)}</pre></details>"
