"""A file is whole or not there, and an error says so in one line."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pl_losses.compare import files
from pl_losses.compare.files import ReportError, explained, write_whole

STEPS = ["fsync", "replace", "open"]


def fail(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def broken(monkeypatch: pytest.MonkeyPatch, step: str, code: int) -> None:
    def raises(*args: object, **options: object) -> None:
        raise fail(code)

    monkeypatch.setattr(os if step == "fsync" else Path, step, raises)


@pytest.mark.parametrize("content", ["", "a\nb", "µ ± –", b"\x00\xff"])  # noqa: RUF001
def test_what_is_written_is_read(tmp_path: Path, content: str | bytes) -> None:
    path = write_whole(tmp_path / "deep" / "file", content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())


def test_a_folder_can_not_be_read_as_a_file(tmp_path: Path) -> None:
    error = pytest.raises(ReportError, match=r"^Cannot read .*: is a directory\.$")
    with error, explained(tmp_path, "read"):
        tmp_path.read_bytes()


def test_only_the_file_is_left(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "old")
    write_whole(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "new"


def test_others_may_read_it_as_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    path = write_whole(tmp_path / "file", "x")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = write_whole(tmp_path / "table.csv", "old")
    broken(monkeypatch, step, errno.ENOSPC)
    with pytest.raises(ReportError, match=r"table\.csv: the disk is full\. What was finished"):
        write_whole(path, "new")
    monkeypatch.undo()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"table.csv": "old"}


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_read_only_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    broken(monkeypatch, "open", code)
    with pytest.raises(ReportError) as caught:
        write_whole(tmp_path / "report.html", "new")
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path / "report.html") in message
    assert "read-only" in message
    assert "is intact" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user writes into read-only folders")
def test_a_folder_without_the_right_to_write_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ReportError, match="read-only"):
        write_whole(tmp_path / "file", "x")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    with pytest.raises(ReportError, match=r"^Cannot write .*runs/table\.csv: "):
        write_whole(tmp_path / "runs" / "table.csv", "x")


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), explained("file"):
        raise KeyError("not about files")


def test_text_that_is_no_unicode_does_not_lose_the_report(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "file", "name \udcff").read_text() == "name ?"


def test_a_kill_leaves_the_old_content_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "a" * 2_000_000)
    code = (
        "import runpy, sys; write_whole = runpy.run_path(sys.argv[2])['write_whole']\n"
        "print(flush=True)\n"
        "while True:\n"
        "    for letter in 'bc': write_whole(sys.argv[1], letter * 2_000_000)"
    )
    # The file alone: to import the package would take many times as long as the test.
    command = [sys.executable, "-c", code, str(path), files.__file__]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.05)
    process.kill()
    process.communicate()
    found = path.read_text()
    assert found in {letter * 2_000_000 for letter in "abc"}
