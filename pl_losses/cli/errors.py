"""One line for each mistake in a config: where it is, what is wrong, what was meant."""

import re
import sys
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser
from typing_extensions import override

NOISE = (
    "Does not validate against any of the Union subtypes",
    "Subtypes:",
    "Errors:",
    "Given value",
    "Expected a <class 'NoneType'>",
    "Expected a <class 'bool'>",
)


class OneLineParser(LightningArgumentParser):
    """A parser that answers a mistake with one line and exit status 2."""

    @override
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        known = [action.dest for action in self._actions]
        sys.stderr.write(f"error: {one_line(message, known)}\n")
        sys.exit(2)


def one_line(message: str, known: Collection[str] = ()) -> str:
    """Return the part of a parser's message that says what to do.

    Args:
        message: What the parser says, on many lines.
        known: Keys that exist, for those that do not.

    Example:
        >>> one_line('''Parser key "model":
        ...   Does not validate against any of the Union subtypes
        ...     - Problem with given class_path 'my.Net':
        ...         Parser key "tasks":
        ...           Not of type TaskSpec: Unknown loss 'dcie'. Did you mean 'dice'?
        ...     - Expected a <class 'NoneType'>''')
        "model.tasks: Unknown loss 'dcie'. Did you mean 'dice'?"
    """
    lines = [line.strip().removeprefix("- ") for line in message.splitlines()]
    keys = re.findall(r'Parser key "([^"]+)"', message)
    reasons = [
        re.sub(r"^Not of type \w+: ", "", line)
        for line in lines
        if line and not line.startswith((*NOISE, "Parser key", "Problem with given class_path"))
    ]
    own = [line for line in lines if line.startswith("Not of type")]
    reason = re.sub(r"^Not of type \w+: ", "", own[0]) if own else " ".join(reasons[:2])
    reason = _plain_types(reason or " ".join(lines)) + _hint(reason, known)
    where = ".".join(dict.fromkeys(keys))
    return f"{where}: {reason}" if where and not reason.startswith(where) else reason


def _plain_types(text: str) -> str:
    return re.sub(r"(?:a )?<class '([\w.]+)'>", r"\1", text)


def _hint(reason: str, known: Collection[str]) -> str:
    found = re.search(
        r"(?:Key|key|Option|option|argument|arguments:) ['\"]?(?:--)?([\w.]+)['\"]? ?"
        r"(?:is not|was not|not)?",
        reason,
    )
    if "Did you mean" in reason or found is None:
        return ""
    word = found.group(1)
    near = get_close_matches(word, [key for key in known if key != word], n=1)
    stop = "" if reason.endswith((".", "?")) else "."
    return f"{stop} Did you mean {near[0]!r}?" if near else ""


def fail(error: Exception | str, status: int = 2) -> int:
    """Say in one line what went wrong, and return the exit status."""
    text: Any = error.args[0] if isinstance(error, KeyError) and error.args else error
    sys.stderr.write(f"error: {' '.join(str(text).split())}\n")
    return status
