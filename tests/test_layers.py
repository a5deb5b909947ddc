"""Each folder imports only from the layers below it."""

import ast
from pathlib import Path

import pytest

import pl_losses

ROOT = Path(pl_losses.__file__).parent

# From the bottom up; folders of one layer do not import each other.
LAYERS = [
    {"version", "registry"},
    {"core"},
    {"losses", "metrics", "balancers", "stages"},
    {"specs"},
    {"objective"},
    {"lightning"},  # the one door to Lightning
    {"mixins", "callbacks"},
    {"compare"},
    {"cli"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
LIGHTNING_FROM = HEIGHT["lightning"]
APART = {"plots"}  # draws numbers: imports no other folder, for whoever has something to draw

FILES = sorted(ROOT.rglob("*.py"))

every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    return names | {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}


def home(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def folders_used(path: Path) -> set[str]:
    parts = [name.split(".") for name in imports(path)]
    return {rest[0] for top, *rest in parts if top == "pl_losses" and rest} - {home(path)}


@every_file
def test_imports_point_down(path: Path) -> None:
    own = home(path)
    used = folders_used(path)
    if own == "__init__":
        assert used <= HEIGHT.keys() | APART
    elif own in APART:
        assert used <= {"registry", "version"}
    else:
        assert {each for each in used - APART if HEIGHT[each] >= HEIGHT[own]} == set()


@every_file
def test_lightning_is_known_to_the_upper_layers_only(path: Path) -> None:
    knows = any(name.split(".")[0] in ("lightning", "pytorch_lightning") for name in imports(path))
    assert not knows or HEIGHT.get(home(path), -1) >= LIGHTNING_FROM


@every_file
def test_imports_are_absolute(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not any(n.level for n in ast.walk(tree) if isinstance(n, ast.ImportFrom))
