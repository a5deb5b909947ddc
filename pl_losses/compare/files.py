"""Files that are there as a whole or not at all, and one clear line when one can't be written."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
FULL = (errno.ENOSPC, errno.EDQUOT)


class ReportError(OSError):
    """A file of a report could not be written or read; the message is one line for a person."""


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write a file so that whoever looks finds the old content or the new, and never a part.

    The content goes to a hidden name in the same folder, is forced onto the disk, and only then
    takes the file's name. Folders that are missing are made.

    Args:
        path: The file.
        content: What to write; text becomes UTF-8.

    Returns:
        The path.

    Raises:
        ReportError: If the folder is read-only, the disk full, or something else is in the way.
            What stood under the name before still does.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(f"{folder}/figures.csv", "f1,0.6").read_text()
        'f1,0.6'
    """
    path = Path(path)
    # A lone surrogate, as in the name of a file that is no UTF-8, must not lose the report.
    data = content.encode(errors="replace") if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return path


@contextmanager
def explained(path: str | Path, verb: str = "write") -> Iterator[None]:
    """Turn the system's errors into a `ReportError` that names the path and what is intact.

    Example:
        >>> with explained("runs/report.html"):
        ...     raise OSError(errno.ENOSPC, "full")
        Traceback (most recent call last):
        pl_losses.compare.files.ReportError: Cannot write runs/report.html: the disk is full. ...
    """
    try:
        yield
    except OSError as error:
        line = f"Cannot {verb} {path}: {_cause(error)}."
        kept = f" What was finished before is intact{_remedy(error)}" if verb == "write" else ""
        raise ReportError(line + kept) from error


def _cause(error: OSError) -> str:
    if error.errno in READ_ONLY:
        return "permission denied, or the folder is read-only"
    if error.errno in FULL:
        return "the disk is full"
    return (error.strerror or type(error).__name__).lower()


def _remedy(error: OSError) -> str:
    if error.errno in FULL:
        return "; free some space and give the command again."
    if error.errno in READ_ONLY:
        return "; make it writable or choose another folder."
    return "."
