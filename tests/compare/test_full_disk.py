"""A comparison on a full or read-only disk: one clear line, and what was finished stays."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Answer

Command = Callable[..., Answer]


def words(config: str, out: Path, *losses: str) -> list[str]:
    return ["compare", "--config", config, "--losses", *losses, "--out", str(out)]


def results(out: Path) -> dict[str, int]:
    found = sorted(out.glob("runs/*/*/result.json"))
    return {path.parts[-3]: path.stat().st_mtime_ns for path in found}


def assert_told(answer: Answer, line: str) -> None:
    assert answer.status == 1
    errors = [each for each in answer.err.splitlines() if each.startswith("error: ")]
    assert len(errors) == 1
    assert line in errors[0]
    assert "focal: failed: ReportError: Cannot write" in answer.out


@pytest.mark.parametrize(
    ("code", "line"),
    [(errno.ENOSPC, "the disk is full. What was finished before is intact; free some space"),
     (errno.EROFS, "the folder is read-only. What was finished before is intact; make it")],
)  # fmt: skip
def test_what_was_finished_stays_when_writing_fails(
    code: int, line: str, config: str, command: Command, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out, real, written = tmp_path / "out", os.fsync, []

    def fsync(file: int) -> None:
        written.append(file)
        if len(written) > 3:  # config and result of the first run, and the second one's config
            raise OSError(code, os.strerror(code))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    answer = command(*words(config, out, "bce", "focal"))
    assert_told(answer, line)
    finished = results(out)
    assert list(finished) == ["bce"]
    assert list(out.rglob("*.partial")) == []
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert command(*words(config, out, "bce", "focal")).status == 0
    assert results(out)["bce"] == finished["bce"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with little room; only the super-user may have one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("needs the right to mount a disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def test_a_disk_that_runs_full_keeps_what_was_finished(
    config: str, command: Command, small_disk: Path
) -> None:
    out = small_disk / "out"
    assert command(*words(config, out, "bce")).status == 0
    finished = results(out)
    filler = fill(small_disk)
    answer = command(*words(config, out, "bce", "focal"))
    assert_told(answer, "the disk is full")
    assert results(out) == finished
    filler.unlink()
    assert command(*words(config, out, "bce", "focal")).status == 0
    assert results(out)["bce"] == finished["bce"]


def test_a_folder_that_has_become_read_only_is_told(
    config: str, command: Command, small_disk: Path
) -> None:
    out = small_disk / "out"
    assert command(*words(config, out, "bce")).status == 0
    finished = results(out)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    answer = command(*words(config, out, "bce", "focal"))
    assert_told(answer, "the folder is read-only")
    assert results(out) == finished
