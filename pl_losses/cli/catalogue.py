"""What can be listed and described: one entry for each registered name, read off its class."""

import ast
import inspect
import re
from contextlib import suppress
from dataclasses import dataclass
from doctest import DocTestParser
from typing import Any

from docstring_parser import parse
from docstring_parser.common import DocstringReturns

from pl_losses.balancers import BALANCERS
from pl_losses.losses import LOSSES
from pl_losses.losses.base import Loss
from pl_losses.metrics import METRICS
from pl_losses.registry import Registry, unknown
from pl_losses.specs.options import Option, options_of

KINDS: dict[str, Registry[Any]] = {"losses": LOSSES, "metrics": METRICS, "balancers": BALANCERS}


@dataclass(frozen=True)
class Entry:
    """One registered class, as its docstrings describe it.

    Attributes:
        kind: ``losses``, ``metrics`` or ``balancers``.
        name: Its registered name.
        aliases: Its other names.
        cls: The class.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    cls: type

    @property
    def family(self) -> str:
        """Which family it belongs to."""
        if issubclass(self.cls, Loss):
            return self.cls.family
        return self.cls.__module__.rpartition(".")[2].replace("_", " ")

    @property
    def use(self) -> str:
        """What it is, in one line: the idea of its file."""
        module = inspect.getmodule(self.cls)
        line = (inspect.getdoc(module) or "").split("\n")[0].rstrip(".")
        own = (inspect.getdoc(self.cls) or "").split("\n")[0].split(";")[0].rstrip(".")
        siblings = [name for name in KINDS[self.kind] if _home(KINDS[self.kind][name]) == module]
        return own if len(siblings) > 1 else line

    @property
    def formula(self) -> str:
        """The formula, as its docstring gives it; empty if it is in the text alone."""
        for text in self.texts:
            found = re.search(r"\.\. math:: *(\S.*\n|\n(?:\s*\n|[ \t]+.*(?:\n|$))+)", text)
            if found:
                return inspect.cleandoc("\n" + found.group(1)).strip()
            inline = re.search(r":math:`([^`]*\\ell[^`]*)`", text)
            if inline:
                return inline.group(1)
        return ""

    @property
    def references(self) -> list[str]:
        """Its sources, as plain text."""
        found = []
        for text in self.texts:
            part = text.partition("References:\n")[2]
            plain = re.sub(r"`([^`<]*?)\s*<([^>]*)>`_+", r"\1 <\2>", part, flags=re.DOTALL)
            if plain.strip():
                found.append(" ".join(plain.split()))
        return list(dict.fromkeys(found))

    @property
    def paper(self) -> str:
        """The first link of its sources."""
        found = re.search(r"<(https?://[^>]+)>", " ".join(self.references))
        return found.group(1) if found else ""

    @property
    def example(self) -> str:
        """The example of the class, as Python."""
        part = (inspect.getdoc(self.cls) or "").partition("Example:\n")[2]
        return inspect.cleandoc("\n" + part.partition("References:\n")[0]).strip()

    @property
    def example_options(self) -> dict[str, Any]:
        """The options that the example gives, where they are plain values."""
        source = "\n".join(each.source for each in DocTestParser().get_examples(self.example))
        found = {}
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == self.cls.__name__:
                for keyword in node.keywords:
                    with suppress(ValueError):
                        found[str(keyword.arg)] = ast.literal_eval(keyword.value)
        return found

    @property
    def options(self) -> dict[str, Option]:
        """Its options by name."""
        return options_of(self.cls)

    @property
    def texts(self) -> list[str]:
        """The docstrings that describe it: its class's and its formula's."""
        texts = [inspect.getdoc(self.cls) or ""]
        module = inspect.getmodule(self.cls)
        named = re.findall(r":func:`~?([\w.]+)`", texts[0])
        for name in named:
            function = getattr(module, name.rpartition(".")[2], None)
            if function is not None:
                texts.append(inspect.getdoc(function) or "")
        return texts

    def returns(self) -> str:
        """What shape the formula returns."""
        for text in self.texts:
            part: DocstringReturns | None = parse(text).returns
            if part is not None and part.description:
                return " ".join(part.description.split())
        return ""


def entries(kind: str) -> list[Entry]:
    """Return the entries of one kind, in alphabetical order."""
    registry = KINDS[kind]
    return [Entry(kind, name, registry.aliases(name), registry[name]) for name in registry]


def find(name: str) -> Entry:
    """Return the entry of a name, whatever its kind.

    Raises:
        LookupError: If nothing has that name, with the one that was meant.
    """
    for kind, registry in KINDS.items():
        if name in registry:
            own = registry.canonical(name)
            return Entry(kind, own, registry.aliases(own), registry[own])
    every = [name for registry in KINDS.values() for name in registry]
    raise LookupError(unknown("name", name, every))


def _home(cls: type) -> Any:
    return inspect.getmodule(cls)
