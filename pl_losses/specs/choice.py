"""One thing of a kind, as a user may write it: a name, a class by its path, or an object."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from pl_losses.registry import Registry
from pl_losses.specs.options import REQUIRED, check_options, options_of


@dataclass(frozen=True)
class Choice:
    """What was chosen, checked but not built.

    Attributes:
        noun: What kind of thing it is, for messages.
        name: Its registered name, the path of its class, or the class of the object.
        cls: Its class; ``None`` for an object.
        options: Its options.
        made: The object itself, if that was given.
        registered: Whether the name is a registered one.
    """

    noun: str
    name: str
    cls: type | None
    options: Mapping[str, Any] = field(default_factory=dict)
    made: Any = None
    registered: bool = False

    @classmethod
    def read(
        cls, value: Any, registry: Registry[Any], base: type, context: Collection[str] = ()
    ) -> "Choice":
        """Read a name, ``{name: …, options}``, ``{class_path: …, init_args: {…}}``, or an object.

        Args:
            value: What the user wrote.
            registry: Where names are looked up.
            base: What classes by path, and objects, must be instances of.
            context: Options that are filled in later and cannot be given.

        Raises:
            LookupError: If a name or option is unknown, with the one that was meant.
            ValueError: If something is missing, of the wrong type, or not of the form.
        """
        noun = registry.noun
        if isinstance(value, Choice):
            return value
        if isinstance(value, str):
            value = {"class_path": value} if "." in value else {"name": value}
        if isinstance(value, base):
            return cls(noun, type(value).__name__, None, made=value)
        if not isinstance(value, Mapping):
            raise ValueError(
                f"A {noun} must be a name, a mapping with `name` or `class_path`, or a "
                f"{base.__name__}; got {value!r}."
            )
        if "class_path" in value:
            return cls._by_path(noun, value, base, context)
        if "name" not in value:
            raise ValueError(f"A {noun} needs `name` or `class_path`; got {dict(value)!r}.")
        if not isinstance(value["name"], str):
            raise ValueError(f"`name` of a {noun} must be a text; got {value['name']!r}.")
        name = registry.canonical(value["name"])
        options = {key: each for key, each in value.items() if key != "name"}
        found = registry[name]
        checked = check_options(f"{noun} {name!r}", found, options, context)
        return cls(noun, name, found, checked, registered=True)

    @classmethod
    def _by_path(
        cls, noun: str, value: Mapping[str, Any], base: type, context: Collection[str]
    ) -> "Choice":
        extra = set(value) - {"class_path", "init_args"}
        if extra:
            raise ValueError(
                f"A {noun} by `class_path` takes its options in `init_args`; got "
                f"{', '.join(sorted(map(str, extra)))} beside it."
            )
        path, options = str(value["class_path"]), value.get("init_args") or {}
        found = import_class(path, noun, base)
        return cls(noun, path, found, check_options(f"{noun} {path!r}", found, options, context))

    def build(self, **context: Any) -> Any:
        """Make the object; ``context`` is what its surroundings add to its options."""
        if self.made is not None:
            return self.made
        if self.cls is None:
            raise ValueError(f"A {self.noun} must have a class or be an object; got {self.name!r}.")
        taken = options_of(self.cls)
        own = {name: value for name, value in context.items() if name in taken}
        make: Callable[..., Any] = self.cls
        return make(**{**own, **self.options})

    def written(self, context: Collection[str] = ()) -> dict[str, Any]:
        """Return the mapping that reads back as this choice, with every default spelled out."""
        if self.cls is None:
            return {"object": self.name}
        defaults = {
            name: option.default
            for name, option in options_of(self.cls).items()
            if option.default is not REQUIRED and name not in context
        }
        options = {**defaults, **self.options}
        if self.registered:
            return {"name": self.name, **options}
        return {"class_path": self.name, "init_args": options}


def import_class(path: str, noun: str, base: type) -> type:
    """Return the class at a dotted path.

    Raises:
        ValueError: If nothing is there, or it is not a subclass of ``base``.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"`class_path` of a {noun} must name a class that can be imported; got {path!r} "
            f"({error})."
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(
            f"`class_path` of a {noun} must name a subclass of {base.__name__}; got {path!r}."
        )
    return found
