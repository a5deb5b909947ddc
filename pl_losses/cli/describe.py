"""`pl-losses describe`: all there is to know of one loss, metric or balancer."""

import argparse
import sys
from collections.abc import Sequence
from textwrap import fill, indent
from typing import Any

import yaml

from pl_losses.cli.catalogue import Entry, find
from pl_losses.cli.errors import fail
from pl_losses.specs import TaskSpec
from pl_losses.specs.options import REQUIRED, Option

SHARED = ("labels", "tasks", "kinds", "reduction")
"""Options that a task sets, or that everything has."""


def run(words: Sequence[str]) -> int:
    """Print what is known of each name."""
    parser = argparse.ArgumentParser(prog="pl-losses describe", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME")
    try:
        found = [find(name) for name in parser.parse_args(list(words)[1:]).names]
    except LookupError as error:
        return fail(error)
    sys.stdout.write("\n\n".join(description(entry) for entry in found) + "\n")
    return 0


def description(entry: Entry) -> str:
    """Return formula, options, shapes, paper and examples of an entry."""
    names = " = ".join((entry.name, *entry.aliases))
    parts = [
        f"{names}  ({entry.family}, {entry.cls.__module__}.{entry.cls.__name__})",
        entry.use + ".",
    ]
    parts += _part("Formula", entry.formula)
    parts += _part("Returns", fill(entry.returns(), 92))
    parts += _part("Options", "\n".join(_option(each) for each in entry.options.values()))
    parts += _part("Source", "\n".join(fill(each, 92) for each in entry.references))
    parts += _part("Python", entry.example)
    parts += _part("YAML", yaml.safe_dump(yaml_example(entry), sort_keys=False).rstrip())
    return "\n".join(parts)


def yaml_example(entry: Entry) -> dict[str, Any]:
    """Return a piece of a config that uses the entry, with its defaults.

    What has no default is as in the example in Python.
    """
    own = {name: each for name, each in entry.options.items() if name not in SHARED}
    required = {name for name, each in own.items() if each.default is REQUIRED}
    shown = {name: each for name, each in entry.example_options.items() if name in own}
    chosen = {
        **{name: each.default for name, each in own.items() if each.default is not None},
        **{name: each for name, each in shown.items() if name in required},
    }
    config = _config(entry, chosen)
    # Some want one of two options, neither of which is required by itself.
    return config if _can_be_built(config) else _config(entry, {**chosen, **shown})


def _can_be_built(config: dict[str, Any]) -> bool:
    try:
        for task in config.get("tasks", {}).values():
            TaskSpec.read(task).build_losses()
    except ValueError:
        return False
    return True


def _config(entry: Entry, options: dict[str, Any]) -> dict[str, Any]:
    if entry.kind == "balancers":
        return {"balancer": {"name": entry.name, **options}}
    if entry.kind == "metrics":
        return {
            "tasks": {"my_task": {"labels": "binary", "losses": "bce", "metrics": [entry.name]}}
        }
    wanted = "labels" in entry.options and entry.options["labels"].default is REQUIRED
    labels = {"labels": getattr(entry.cls, "kinds", ("binary",))[0]} if wanted else {}
    return {"tasks": {"my_task": {**labels, "losses": {entry.name: options}}}}


def _part(title: str, text: str) -> list[str]:
    return ["", title, indent(text, "  ")] if text else []


def _option(option: Option) -> str:
    default = "required" if option.default is REQUIRED else f"default {option.default!r}"
    head = f"{option.name}: {option.type_text}, {default}"
    return f"{head}\n{indent(fill(option.text, 88), '    ')}" if option.text else head
