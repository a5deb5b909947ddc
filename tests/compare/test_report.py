"""The page of a comparison stands alone, shows what it got, and runs nothing of it."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pl_losses.compare.files import ReportError
from pl_losses.compare.report import PNG, write_report
from pl_losses.compare.rows import Row

HOSTILE = "</pre></script><script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp;"
VOID = {"meta", "img", "input"}


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and text by element."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, tag: str) -> list[str]:
        return [text for inside, text in self.texts if inside == tag]


@pytest.fixture
def png(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG + b"pixels")
    return path


def figures(f1: float) -> dict[str, float | None]:
    return {"f1": f1, "threshold": 0.4, "best_f1": f1 + 0.1, "seconds": 12.0}


def test_three_files_are_written(tmp_path: Path, png: Path) -> None:
    page = write_report(tmp_path / "out", "Losses", [Row("mse")], {"Curves": png}, {})
    assert page == tmp_path / "out" / "report.html"
    assert {path.name for path in page.parent.iterdir()} == {
        "report.html",
        "table.csv",
        "table.md",
    }


def test_every_text_of_a_user_is_escaped(tmp_path: Path, png: Path) -> None:
    rows = [
        Row(HOSTILE, figures=figures(0.5)),
        Row("b", 0, "failed", {}, HOSTILE),
        Row("c", figures=figures(0.4)),
    ]
    runs = {HOSTILE: (HOSTILE, HOSTILE)}
    page = Page(write_report(tmp_path, HOSTILE, rows, {HOSTILE: png}, runs))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1
    assert tags.count("img") == 1
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert page.open == []
    for tag in ("title", "h1", "strong", "figcaption", "summary"):
        assert "".join(page.text(tag)).replace("Configs and commands", "").startswith(HOSTILE)
    assert page.text("pre") == [HOSTILE, HOSTILE]
    assert f"failed: {HOSTILE}" in page.text("td")
    (image,) = [attrs for tag, attrs in page.elements if tag == "img"]
    assert image["alt"] == HOSTILE


def test_the_page_needs_no_network_and_no_other_file(tmp_path: Path, png: Path) -> None:
    page = Page(write_report(tmp_path, "Losses", [Row("mse")], {"Curves": png}, {}))
    loaded = [attrs[key] for _, attrs in page.elements for key in ("src", "href") if key in attrs]
    assert loaded == ["data:image/png;base64," + base64.b64encode(png.read_bytes()).decode()]
    assert "url(" not in "".join(page.text("style"))
    assert "@import" not in "".join(page.text("style"))


def test_the_policy_allows_the_own_script_and_style_only(tmp_path: Path) -> None:
    page = Page(write_report(tmp_path, "Losses", [Row("mse")], {}, {}))
    (policy,) = [attrs["content"] for _, attrs in page.elements if "http-equiv" in attrs]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    for kind in ("script", "style"):
        digest = hashlib.sha256("".join(page.text(kind)).encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not any("style" in attrs for _, attrs in page.elements)


def test_the_best_are_named_at_the_top(tmp_path: Path) -> None:
    rows = [Row("mse", figures=figures(0.6)), Row("bce", figures=figures(0.5))]
    page = write_report(tmp_path, "Losses", rows, {}, {}).read_text(encoding="utf-8")
    assert "Highest F1 at threshold 0.5: <strong>mse</strong> (0.600)." in page
    assert "Highest F1 at the best threshold: <strong>mse</strong> (0.700)." in page


def test_runs_are_counted_by_what_came_of_them(tmp_path: Path) -> None:
    rows = [Row("a", 0), Row("a", 1, "failed"), Row("b", 0, "missing")]
    page = write_report(tmp_path, "Losses", rows, {}, {}).read_text(encoding="utf-8")
    assert "3 runs: 1 done, 1 failed, 1 not run to the end." in page


def test_a_run_and_its_seeds_are_sorted_as_one(tmp_path: Path) -> None:
    rows = [Row("a", seed, figures=figures(0.5)) for seed in (0, 1)] + [Row("b", 0, "failed")]
    page = write_report(tmp_path, "Losses", rows, {}, {}).read_text(encoding="utf-8")
    bodies = re.findall("<tbody>(.*?)</tbody>", page, flags=re.DOTALL)
    assert [body.count("<tr") for body in bodies] == [3, 1]
    assert "2 seeds" in bodies[0]


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, png: Path) -> None:
    arguments = ("Losses", [Row("mse", figures=figures(0.5))], {"Curves": png}, {"a": ("b", "c")})
    one = write_report(tmp_path / "one", *arguments)
    two = write_report(tmp_path / "two", *arguments)
    assert one.read_bytes() == two.read_bytes()


def test_no_rows_are_no_error(tmp_path: Path) -> None:
    page = Page(write_report(tmp_path, "Losses", [], {}, {}))
    assert page.open == []
    assert "0 runs" in "".join(page.text("p"))


def test_a_picture_must_be_a_png(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    path.write_text("<svg/>")
    with pytest.raises(ValueError, match=r"`pictures\['Curves'\]` must be a PNG; got .*svg"):
        write_report(tmp_path, "Losses", [], {"Curves": path}, {})


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"^Cannot read .*none\.png: no such file"):
        write_report(tmp_path, "Losses", [], {"Curves": tmp_path / "none.png"}, {})
    assert list(tmp_path.iterdir()) == []
