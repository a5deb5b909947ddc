"""Names are found, aliases too; what is wrong is answered with what was meant."""

from importlib.metadata import EntryPoint

import pytest

from pl_losses import registry
from pl_losses.registry import Registry, unknown


class Cat:
    def __init__(self, lives: int = 9) -> None:
        self.lives = lives


class Dog:
    pass


@pytest.fixture
def pets() -> Registry[object]:
    pets = Registry[object]("pet")
    pets.register("tabby", "cat", "tomcat")(Cat)
    pets.register("dog")(Dog)
    return pets


def test_iterates_over_names_in_alphabetical_order_without_aliases(pets: Registry[object]) -> None:
    assert list(pets) == ["dog", "tabby"]
    assert pets.names == ("dog", "tabby")
    assert len(pets) == 2


def test_an_alias_stands_for_its_name(pets: Registry[object]) -> None:
    assert "tomcat" in pets
    assert pets["tomcat"] is Cat
    assert pets.canonical("tomcat") == "tabby"
    assert pets.aliases("tabby") == ("cat", "tomcat")


def test_builds_with_options(pets: Registry[object]) -> None:
    cat = pets.build("cat", lives=7)
    assert isinstance(cat, Cat)
    assert cat.lives == 7


def test_a_wrong_name_is_answered_with_the_right_one(pets: Registry[object]) -> None:
    message = "Unknown pet 'dgo'. Did you mean 'dog'? Registered: cat, dog, tabby, tomcat."
    with pytest.raises(LookupError) as error:
        pets["dgo"]
    assert str(error.value) == message
    assert "dgo" not in pets


@pytest.mark.parametrize("taken", ["dog", "tomcat"])
def test_a_name_or_alias_is_given_once(pets: Registry[object], taken: str) -> None:
    with pytest.raises(ValueError, match=f"The pet name '{taken}' is taken by"):
        pets.register("wolf", taken)(type("Wolf", (), {}))


def test_a_refused_class_leaves_no_trace(pets: Registry[object]) -> None:
    with pytest.raises(ValueError, match="taken"):
        pets.register("wolf", "dog")(type("Wolf", (), {}))
    assert "wolf" not in pets


def test_nothing_near_means_no_guess() -> None:
    assert unknown("pet", "xyz", []) == "Unknown pet 'xyz'. Registered: none."


def test_other_packages_add_through_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("rex", "tests.test_registry:Dog", "pets")
    asked = []

    def entry_points(*, group: str) -> list[EntryPoint]:
        asked.append(group)
        return [point]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    pets = Registry[object]("pet", "pets")
    assert asked == []
    assert "rex" in pets
    assert pets.names == ("rex",)
    assert asked == ["pets"]
