"""Names for classes, so that a config file can ask for them."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")

LONGEST = 80
"""How much of a wrong name an error repeats."""

MOST = 16
"""How many names an error lists; more would hide the one that was meant."""


def unknown(noun: str, name: object, known: Iterable[str], *, label: str = "Registered") -> str:
    """Return the one line that answers a wrong name: what was meant, and what there is.

    Example:
        >>> unknown("pet", "cta", ["cat", "dog"])
        "Unknown pet 'cta'. Did you mean 'cat'? Registered: cat, dog."
    """
    said = repr(name)
    said = said if len(said) < LONGEST else f"{said[:LONGEST]}…"
    names = sorted(known)
    near = get_close_matches(str(name)[:LONGEST], names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(names) or "none"
    if len(names) > MOST:
        listed = f"{len(names)} names, which `pl-losses list` shows"
    return f"Unknown {noun} {said}.{hint} {label}: {listed}."


class Registry(Generic[T]):
    """A table from names to classes; the first name a class gets is its own, the others aliases.

    Args:
        noun: What the table holds, in the singular; error messages use it.
        group: Entry-point group through which other packages add to the table. It is read
            when a name is first looked up, so that an import of this package loads no other.

    Example:
        >>> pets = Registry[object]("pet")
        >>> @pets.register("cat", "tomcat")
        ... class Cat: ...
        >>> pets.names
        ('cat',)
        >>> "tomcat" in pets, pets["tomcat"] is Cat
        (True, True)
        >>> pets.build("cta")
        Traceback (most recent call last):
        LookupError: Unknown pet 'cta'. Did you mean 'cat'? Registered: cat, tomcat.
    """

    def __init__(self, noun: str, group: str | None = None) -> None:
        self.noun = noun
        self._classes: dict[str, type[T]] = {}
        self._aliases: dict[str, str] = {}
        self._group = group

    @property
    def names(self) -> tuple[str, ...]:
        """The registered names, in alphabetical order, without aliases."""
        self._load()
        return tuple(sorted(self._classes))

    def aliases(self, name: str) -> tuple[str, ...]:
        """The other names of the class called ``name``."""
        return tuple(sorted(alias for alias, own in self._aliases.items() if own == name))

    def canonical(self, name: str) -> str:
        """The name that ``name``, perhaps an alias, stands for.

        Raises:
            LookupError: If no class has the name.
        """
        self._load()
        own = self._aliases.get(name, name)
        if own not in self._classes:
            raise LookupError(unknown(self.noun, name, [*self._classes, *self._aliases]))
        return own

    def register(self, name: str, *aliases: str) -> Callable[[type[S]], type[S]]:
        """Give the decorated class a name, and perhaps others.

        Raises:
            ValueError: If another class has the name already.
        """

        def add(cls: type[Any]) -> type[Any]:
            for each in (name, *aliases):
                own = self._aliases.get(each, each)
                if own in self._classes:
                    owner = self._classes[own].__qualname__
                    raise ValueError(f"The {self.noun} name {each!r} is taken by `{owner}`.")
            self._classes[name] = cls
            self._aliases.update(dict.fromkeys(aliases, name))
            return cls

        return add

    def build(self, name: str, /, **options: Any) -> T:
        """Make an instance of the class called ``name``.

        Raises:
            LookupError: If no class has the name.
        """
        return self[name](**options)

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._classes or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> type[T]:
        return self._classes[self.canonical(name)]

    def _load(self) -> None:
        if self._group is None:
            return
        # Cleared first: a plugin may look a name up while it is being loaded.
        group, self._group = self._group, None
        for point in entry_points(group=group):
            cls = point.load()
            if cls not in self._classes.values():
                self.register(point.name)(cls)
