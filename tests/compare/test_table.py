"""The table of a comparison: what it says, what it marks, what it lets through."""

import csv
import io
import math
import sys

import pytest

from pl_losses.compare.rows import COLUMNS, Row, columns_of, lines_of
from pl_losses.compare.table import csv_table, markdown_table
from pl_losses.compare.terminal import terminal_table

HOSTILE = "<script>alert(1)</script>|`x`\n\x1b[2J[bold]"


class Terminal(io.StringIO):
    """A stream in memory that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def row(name: str, seed: int = 0, value: float | None = 0.5, **others: float | None) -> Row:
    figures = dict.fromkeys((column.key for column in COLUMNS), value)
    return Row(name, seed, figures={**figures, **others})


def plain(rows: list[Row], width: int = 200) -> str:
    return terminal_table(rows, io.StringIO(), width)


def best(rows: list[Row], key: str) -> list[str]:
    columns = columns_of(rows)
    at = [column.key for column in columns].index(key)
    return [line.name for line in lines_of(rows, columns) if line.figures[at].best]


def test_the_highest_score_is_the_best() -> None:
    assert best([row("a", f1=0.1), row("b", f1=0.3), row("c", f1=0.2)], "f1") == ["b"]


def test_the_fewest_seconds_are_the_best() -> None:
    assert best([row("a", seconds=9.0), row("b", seconds=3.0)], "seconds") == ["b"]


def test_no_threshold_is_the_best() -> None:
    assert best([row("a", threshold=0.9), row("b", threshold=0.1)], "threshold") == []


def test_figures_that_look_the_same_are_equally_good() -> None:
    assert best([row("a", f1=0.6301), row("b", f1=0.6299), row("c", f1=0.62)], "f1") == ["a", "b"]


def test_a_run_alone_is_not_the_best() -> None:
    assert best([row("a"), Row("b", 0, "failed")], "f1") == []


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_no_data_is_never_the_best_and_never_zero(nothing: float | None) -> None:
    rows = [row("a", f1=nothing), row("b", f1=0.1), row("c", f1=0.0)]
    assert best(rows, "f1") == ["b"]
    assert plain(rows).splitlines()[1].split()[3] == "-"


def test_seeds_become_a_mean_with_its_deviation_and_a_line_each() -> None:
    rows = [row("a", 0, f1=0.4), row("b", 0, f1=0.5), row("a", 1, f1=0.6)]
    columns = columns_of(rows)
    lines = lines_of(rows, columns)
    assert [line.name for line in lines] == ["a", "seed 0", "seed 1", "b"]
    at = [column.key for column in columns].index("f1")
    assert lines[0].figures[at].value == pytest.approx(0.5)
    # By hand: the root of (0.1^2 + 0.1^2) / (2 - 1).
    assert lines[0].figures[at].spread == pytest.approx(math.sqrt(0.02))
    assert lines[0].seeds == "2 seeds"


def test_a_single_seed_never_beats_a_mean() -> None:
    rows = [row("a", 0, f1=0.9), row("a", 1, f1=0.1), row("b", f1=0.6)]
    assert best(rows, "f1") == ["b"]


def test_failed_seeds_stay_out_of_the_mean_and_are_counted() -> None:
    rows = [row("a", 0, f1=0.4), Row("a", 1, "failed", {}, "NaN at step 3"), row("b")]
    head = lines_of(rows, columns_of(rows))[0]
    assert head.seeds == "1 of 2 seeds"
    assert "a, seed 1: failed: NaN at step 3" in plain(rows)


def test_a_group_without_a_finished_seed_has_failed() -> None:
    rows = [Row("a", 0, "failed", {}, "x"), Row("a", 1, "missing")]
    assert [line.status for line in lines_of(rows, ())] == ["failed", "failed", "missing"]


def test_runs_judged_without_thresholds_do_not_speak_of_one() -> None:
    rows = [Row("ce", figures={"f1": 0.5}), Row("focal", figures={"f1": 0.6})]
    assert plain(rows).splitlines()[0].split() == ["F1"]
    assert "thr" not in plain(rows)


def test_a_wide_table_is_cut_in_two() -> None:
    rows = [row("a"), row("b")]
    whole, cut = plain(rows), plain(rows, 80)
    assert max(map(len, cut.splitlines())) <= 80 < max(map(len, whole.splitlines()[:3]))
    first, second = cut.split("\n\n")[:2]
    assert first.split()[:4] == ["P@0.5", "R@0.5", "F1@0.5", "IoU@0.5"]
    assert second.split()[:2] == ["thr", "P@best"]
    assert sorted(whole.split("\n\n")[0].split()[:11]) == sorted(
        first.split()[:4] + second.split()[:7]
    )


def test_columns_stand_in_line() -> None:
    lines = plain([row("a"), row("long name", f1=0.25)]).splitlines()[:3]
    assert [line.index(figure) for line, figure in zip(lines[1:], ("0.5", "0.5"), strict=True)] == [
        lines[1].index("0.5")
    ] * 2
    assert {len(line.rstrip("* ")) for line in lines[1:]} == {len(lines[0])}


def test_a_terminal_gets_colours_if_rich_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    rows = [row("a", f1=0.7), row("b")]
    colored = terminal_table(rows, Terminal(), 200)
    assert "\x1b[1;32m" in colored
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert terminal_table(rows, Terminal(), 200) == plain(rows)


def test_a_stream_that_knows_little_gets_what_it_knows() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    rows = [row("a", 0), row("a", 1)]
    assert terminal_table(rows, stream, 200).isascii()


def test_names_give_no_orders_to_a_terminal() -> None:
    shown = plain([Row(HOSTILE, 0, "failed", {}, HOSTILE)])
    assert "\x1b" not in shown
    assert "[bold]" in shown


def test_names_stay_code_in_markdown() -> None:
    shown = markdown_table([row(HOSTILE), Row("b", 0, "failed", {}, HOSTILE)])
    table = shown.split("\n\n")[0].splitlines()
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert table[2].startswith("| `<script>alert(1)</script>\\|'x' ")


def test_markdown_marks_the_best_and_explains_the_rest() -> None:
    shown = markdown_table([row("a", f1=0.7), row("b"), Row("c", 0, "failed", {}, "No luck.")])
    assert "**0.700**" in shown
    assert "- `c`: `failed: No luck.`" in shown
    assert "never on test data." in shown


def test_markdown_of_failures_alone_is_a_table() -> None:
    lines = markdown_table([Row("a", 0, "failed", {}, "x")]).splitlines()
    assert lines[:3] == ["| | status |", "|---|---:|", "| `a` | failed |"]


def test_csv_has_every_run_with_all_digits() -> None:
    rows = [row("a,b", 3, f1=0.123456789), Row("c", 0, "failed", {}, 'said "no"\nand left')]
    first, second = csv.DictReader(io.StringIO(csv_table(rows)))
    assert (first["name"], first["seed"], float(first["f1"])) == ("a,b", "3", 0.123456789)
    assert (second["status"], second["f1"], second["error"]) == ("failed", "", 'said "no" and left')


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x"])
def test_csv_starts_no_formula(name: str) -> None:
    (line,) = csv.DictReader(io.StringIO(csv_table([row(name)])))
    assert line["name"] == f"'{name}"
