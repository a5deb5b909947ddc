"""What is compared: losses by name, or named variants with options."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from pl_losses.specs.task import read_terms


def read_variants(
    words: Iterable[str], described: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the losses of each variant by its name.

    Args:
        words: Names of losses, or ``name=losses`` with the losses as in a task, in YAML.
        described: Variants from a file; those in ``words`` come after them.

    Raises:
        LookupError: If a loss or option is unknown, with the one that was meant.
        ValueError: If a name comes twice, cannot name a folder, or nothing is to be compared.

    Example:
        >>> read_variants(["mse", "both=[bce, dice]"])
        {'mse': 'mse', 'both': ['bce', 'dice']}
    """
    variants: dict[str, Any] = {}
    for name, losses in (described or {}).items():
        _add(variants, str(name), {"name": name} if losses is None else losses)
    for word in words:
        name, equals, text = word.partition("=")
        _add(variants, name, yaml.safe_load(text) if equals else name)
    if not variants:
        raise ValueError("Name at least one loss to compare: --losses NAME …, or --variants FILE.")
    return variants


def _add(variants: dict[str, Any], name: str, losses: Any) -> None:
    if not name or name.startswith(".") or any(char in name for char in '/\\:*?"<>|\n'):
        raise ValueError(f"The name of a variant must be able to name a folder; got {name!r}.")
    if name in variants:
        raise ValueError(f"Variants must have different names; got {name!r} twice.")
    read_terms(losses)
    variants[name] = losses
