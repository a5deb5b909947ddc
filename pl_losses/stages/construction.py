"""Optimizers and schedulers from what a config file can say: a class path and its arguments."""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

from pl_losses.registry import unknown

Recipe: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]
"""A class path, a mapping with ``class_path`` and ``init_args``, or a factory."""


def located(path: str, home: str) -> type[Any]:
    """Return the class at a dotted path; a bare name is looked up in the package ``home``.

    Raises:
        LookupError: If there is no such class.

    Example:
        >>> located("RMSprop", "torch.optim").__name__
        'RMSprop'
    """
    place, _, name = path.rpartition(".")
    try:
        module = import_module(place or home)
    except ImportError as error:
        raise LookupError(f"The class path {path!r} must be importable; got {error}.") from error
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        known = [each for each, value in vars(module).items() if inspect.isclass(value)]
        public = [each for each in known if not each.startswith("_")]
        raise LookupError(unknown("class", name, public, label=f"In `{module.__name__}`"))
    return found


def check_recipe(name: str, recipe: Recipe, home: str, extra: tuple[str, ...] = ()) -> None:
    """Refuse a recipe whose class or whose arguments do not exist, before anything is trained.

    Args:
        name: The option that holds the recipe; messages use it.
        recipe: What the user wrote.
        home: Package in which bare class names are looked up.
        extra: Keys that a mapping may have beside ``class_path`` and ``init_args``.

    Raises:
        LookupError: If the class, an argument or a key is unknown.
        ValueError: If ``recipe`` is of another kind.
    """
    if callable(recipe):
        return
    cls, options = _parts(name, recipe, home, extra)
    taken = inspect.signature(cls).parameters
    # Parameters are positional-or-keyword throughout torch.optim; a catch-all accepts anything.
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return
    for option in options:
        if option not in taken:
            noun = f"option of {cls.__name__}"
            raise LookupError(unknown(noun, option, list(taken)[1:], label="Options"))


def made(recipe: Recipe, home: str, first: Any) -> Any:
    """Follow a recipe: call its class or factory with ``first`` and the arguments it names.

    Example:
        >>> import torch
        >>> weights = [torch.nn.Parameter(torch.zeros(1))]
        >>> recipe = {"class_path": "SGD", "init_args": {"lr": 0.5}}
        >>> made(recipe, "torch.optim", weights).defaults["lr"]
        0.5
    """
    if callable(recipe):
        return recipe(first)
    cls, options = _parts("class_path", recipe, home, tuple(recipe) if recipe else ())
    return cls(first, **options)


def _parts(
    name: str, recipe: object, home: str, extra: tuple[str, ...]
) -> tuple[type[Any], dict[str, Any]]:
    if isinstance(recipe, str):
        return located(recipe, home), {}
    if not isinstance(recipe, Mapping) or "class_path" not in recipe:
        raise ValueError(
            f"`{name}` must be a class path, a mapping with `class_path`, or a factory;"
            f" got {recipe!r}."
        )
    known = ("class_path", "init_args", *extra)
    for key in recipe:
        if key not in known:
            raise LookupError(unknown(f"key of `{name}`", key, known, label="Keys"))
    return located(recipe["class_path"], home), dict(recipe.get("init_args") or {})
