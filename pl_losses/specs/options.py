"""The options of a class, read off its signature and docstring, and checked by their types."""

import inspect
from argparse import ArgumentError
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

from pl_losses.registry import unknown

REQUIRED = inspect.Parameter.empty
"""The default of an option that has none."""


@dataclass(frozen=True)
class Option:
    """One option of a class.

    Attributes:
        name: Its name.
        hint: Its type, as annotated; ``Any`` if not.
        default: Its default, or :data:`REQUIRED`.
        text: What the docstring says of it; empty if nothing.
    """

    name: str
    hint: Any
    default: Any
    text: str

    @property
    def type_text(self) -> str:
        """The type as a reader would write it."""
        hint = self.hint
        text = hint.__name__ if isinstance(hint, type) else str(hint)
        for prefix in ("typing.", "collections.abc.", "typing_extensions."):
            text = text.replace(prefix, "")
        return text


@cache
def options_of(cls: type) -> dict[str, Option]:
    """Return the options of a class by name, in the order of its signature.

    Example:
        >>> class Ramp:
        ...     '''A ramp.
        ...
        ...     Args:
        ...         slope: How steep it is.
        ...     '''
        ...     def __init__(self, slope: float = 1.0) -> None: ...
        >>> options_of(Ramp)["slope"]
        Option(name='slope', hint=<class 'float'>, default=1.0, text='How steep it is.')
    """
    hints = _hints(cls)
    texts = _texts(cls)
    return {
        name: Option(name, hints.get(name, Any), parameter.default, texts.get(name, ""))
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def check_options(
    owner: str, cls: type, given: Mapping[str, Any], context: Collection[str] = ()
) -> dict[str, Any]:
    """Return the given options with values of the annotated types.

    Args:
        owner: What has the options, for messages, such as ``loss 'focal'``.
        cls: Its class.
        given: Options by name.
        context: Names that come from elsewhere and cannot be given.

    Raises:
        LookupError: If an option is unknown, with the name that was meant.
        ValueError: If a value has the wrong type, or a required option is missing.
    """
    known = {name: each for name, each in options_of(cls).items() if name not in context}
    open_ended = any(
        parameter.kind is parameter.VAR_KEYWORD
        for parameter in inspect.signature(cls).parameters.values()
    )
    checked = {}
    for name, value in given.items():
        if name not in known:
            if open_ended and name not in context:
                checked[name] = value
                continue
            raise LookupError(unknown(f"option of {owner}:", name, known, label="Options"))
        checked[name] = typed(f"`{name}` of {owner}", known[name].hint, value)
    missing = [
        name for name, each in known.items() if each.default is REQUIRED and name not in given
    ]
    if missing:
        raise ValueError(f"{owner} needs {', '.join(f'`{name}`' for name in missing)}.")
    return checked


def typed(what: str, hint: Any, value: Any) -> Any:
    """Return ``value`` as the type ``hint``, read as a config file would be.

    Raises:
        ValueError: If it cannot be read so.
    """
    from jsonargparse import ArgumentParser

    if hint is Any or isinstance(hint, str):
        return value
    parser = ArgumentParser(exit_on_error=False)
    try:
        parser.add_argument("--value", type=hint)
    except ValueError:  # a type that no config file can spell, such as Tensor
        return value
    try:
        return parser.parse_object({"value": value}).value
    except ArgumentError as error:
        text = Option("", hint, None, "").type_text
        raise ValueError(f"{what} must be {text}; got {value!r}.") from error


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls.__init__)  # type: ignore[misc]  # the class, not an instance
    except (NameError, TypeError):  # annotations of another library that do not resolve
        return {}


def _texts(cls: type) -> dict[str, str]:
    from docstring_parser import parse

    # The class itself last: what it says of an option that it inherits holds.
    docs = [each.__doc__ for each in reversed(cls.__mro__)] + [cls.__init__.__doc__]  # type: ignore[misc]
    return {
        each.arg_name: " ".join((each.description or "").split())
        for doc in docs
        for each in parse(inspect.cleandoc(doc or "")).params
    }
