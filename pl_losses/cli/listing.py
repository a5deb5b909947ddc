"""`pl-losses list`: one line for each loss, metric and balancer."""

import argparse
import sys
from collections.abc import Sequence

from pl_losses.cli.catalogue import KINDS, Entry, entries


def run(words: Sequence[str]) -> int:
    """Print the lists asked for, or all."""
    parser = argparse.ArgumentParser(prog="pl-losses list", description=__doc__)
    parser.add_argument(
        "kind", nargs="?", choices=list(KINDS), help="what to list; all if left out"
    )
    asked = parser.parse_args(list(words)[1:])
    for kind in [asked.kind] if asked.kind else KINDS:
        sys.stdout.write(f"{kind}\n{listing(entries(kind))}\n\n")
    return 0


def listing(found: Sequence[Entry]) -> str:
    """Return a line for each entry: name, family, use, paper."""
    name = max(len(_names(each)) for each in found)
    family = max(len(each.family) for each in found)
    use = max(len(each.use) for each in found)
    return "\n".join(
        f"  {_names(each):{name}}  {each.family:{family}}  {each.use:{use}}  {each.paper}".rstrip()
        for each in found
    )


def _names(entry: Entry) -> str:
    return ", ".join((entry.name, *entry.aliases))
