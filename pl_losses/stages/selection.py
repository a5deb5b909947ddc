"""From the names in a stage to the parameters it trains and the modules it puts to rest."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from pl_losses.registry import unknown
from pl_losses.stages.stage import Stage

OBJECTIVE = "objective"
BALANCER = f"{OBJECTIVE}.balancer"
"""Its parameters belong to no branch: every stage trains them, unless it freezes them by name."""

LENT = "_override"
"""Where the objective keeps the balancer of a stage, which is used in place of its own."""

WRAPPERS = ("_orig_mod", "module")


@dataclass(frozen=True)
class Selection:
    """What a stage trains and what it freezes, resolved to the tensors themselves.

    A parameter with several names is trained if one of its names is selected.

    Attributes:
        trained: Parameters to train, by name.
        frozen: Parameters that the stage freezes, by name.
        kept: Names of selected parameters that the user froze, and that stay frozen.
        shared: The names of each parameter that lies both in a trained and in a frozen branch.
        resting: Frozen modules, which run in evaluation mode, by name.
        reach: The parameters that each selector trains; a loss should reach them.
    """

    trained: Mapping[str, nn.Parameter]
    frozen: Mapping[str, nn.Parameter]
    kept: tuple[str, ...]
    shared: tuple[tuple[str, ...], ...]
    resting: Mapping[str, nn.Module]
    reach: Mapping[str, tuple[nn.Parameter, ...]]

    @property
    def trainable(self) -> int:
        """The number of trained weights."""
        return sum(parameter.numel() for parameter in self.trained.values())


def plain(name: str) -> str:
    """Return a name without what ``torch.compile`` and wrappers add to it.

    Example:
        >>> plain("seg._orig_mod.conv.weight")
        'seg.conv.weight'
    """
    return ".".join(part for part in name.split(".") if part not in WRAPPERS) or name


def branch(name: str) -> str:
    """Return the child of the model to which a parameter belongs.

    Example:
        >>> branch("seg._orig_mod.conv.weight"), branch("objective.balancer.log_variance")
        ('seg', 'balancer')
    """
    own = plain(name)
    return "balancer" if _is_balance(own) else own.split(".")[0]


def select(
    stage: Stage, module: nn.Module, flags: Mapping[nn.Parameter, bool] | None = None
) -> Selection:
    """Resolve the names of a stage in a model.

    Args:
        stage: The stage.
        module: The model, in which the names are looked up.
        flags: Which parameters were trainable before any stage; as they are now unless given.

    Raises:
        LookupError: If a name or pattern matches nothing.
        ValueError: If the stage trains nothing.

    Example:
        >>> model = nn.ModuleDict({"seg": nn.Linear(2, 2), "det": nn.Linear(2, 1)})
        >>> selection = select(Stage(train="seg"), model)
        >>> list(selection.trained), list(selection.frozen), selection.trainable
        (['seg.weight', 'seg.bias'], ['det.weight', 'det.bias'], 6)
        >>> select(Stage(train="sge"), model)
        Traceback (most recent call last):
        LookupError: Unknown module 'sge'. Did you mean 'seg'? Children of `ModuleDict`: det, seg.
    """
    parameters = dict(module.named_parameters(remove_duplicate=False))
    names = [*parameters, *_statistics(module)]
    matched = {each: _matched(each, names, module) for each in stage.train or stage.freeze or ()}
    hit = set().union(*matched.values())
    selected = hit if stage.train else set(names) - hit
    if stage.train:
        selected |= {name for name in names if _is_balance(plain(name))}
    if stage.balancer is not None:
        selected -= {name for name in names if _within(plain(name), BALANCER)}
    flags = {each: each.requires_grad for each in module.parameters()} if flags is None else flags
    awake = {each for each in module.parameters() if flags.get(each, True)}
    awake |= _named_frozen(matched if stage.train else {}, parameters, awake)
    return _resolved(stage, module, _Names(parameters, selected, awake, matched))


@dataclass(frozen=True)
class _Names:
    parameters: dict[str, nn.Parameter]
    selected: set[str]
    awake: set[nn.Parameter]
    matched: dict[str, set[str]]


def _resolved(stage: Stage, module: nn.Module, names: _Names) -> Selection:
    chosen = {p for name, p in names.parameters.items() if name in names.selected}
    trained = {p: n for n, p in reversed(names.parameters.items()) if p in chosen & names.awake}
    frozen = {p: n for n, p in reversed(names.parameters.items()) if p not in chosen}
    if all(branch(name) == "balancer" for name in trained.values()):
        raise ValueError(
            f"The stage {stage.title!r} must train at least one parameter; got none that is not"
            " frozen."
        )
    return Selection(
        trained={name: p for p, name in reversed(trained.items())},
        frozen={name: p for p, name in reversed(frozen.items())},
        kept=tuple(n for n, p in names.parameters.items() if p in chosen - names.awake),
        shared=_shared(names),
        resting=_resting(module, names),
        reach=_reach(names, set(trained)) if stage.train else {stage.title: tuple(trained)},
    )


def _reach(names: _Names, trained: set[nn.Parameter]) -> dict[str, tuple[nn.Parameter, ...]]:
    found = {
        selector: tuple(p for name, p in names.parameters.items() if name in hits and p in trained)
        for selector, hits in names.matched.items()
    }
    return {selector: parameters for selector, parameters in found.items() if parameters}


def _shared(names: _Names) -> tuple[tuple[str, ...], ...]:
    called: dict[nn.Parameter, list[str]] = {}
    for name, parameter in names.parameters.items():
        called.setdefault(parameter, []).append(name)
    return tuple(
        tuple(each) for each in called.values() if 0 < len(names.selected & set(each)) < len(each)
    )


def _resting(module: nn.Module, names: _Names) -> dict[str, nn.Module]:
    """Modules that only frozen branches reach: whole branches, with their dropout."""
    alive = {path for name in names.selected for path in _paths(name)}
    owning = {path for name in [*names.parameters, *_statistics(module)] for path in _paths(name)}
    resting: dict[str, nn.Module] = {}
    living: set[nn.Module] = set()
    for name, each in module.named_modules(remove_duplicate=False):
        exempt = not name or _within(plain(name), OBJECTIVE)
        if not exempt and any(path in owning - alive for path in _paths(name)):
            resting[name] = each
        else:
            living.add(each)
    return {name: each for name, each in resting.items() if each not in living}


def _named_frozen(
    matched: Mapping[str, set[str]],
    parameters: Mapping[str, nn.Parameter],
    awake: set[nn.Parameter],
) -> set[nn.Parameter]:
    """Parameters that the user froze and that a stage thaws, since it names nothing else."""
    thawed: set[nn.Parameter] = set()
    for selector, hits in matched.items():
        found = {parameters[name] for name in hits if name in parameters}
        if selector != "all" and not _is_pattern(selector) and not found & awake:
            thawed |= found
    return thawed


def _matched(selector: str, names: Iterable[str], module: nn.Module) -> set[str]:
    if selector == "all":
        return set(names)
    hits = {name for name in names if _covers(selector, name)}
    if hits:
        return hits
    if any(_covers(selector, name) for name, _ in module.named_modules() if name):
        raise ValueError(f"A stage must name modules with parameters; got {selector!r}, with none.")
    raise LookupError(_missing(selector, module))


def _covers(selector: str, name: str) -> bool:
    return any(fnmatchcase(path, selector) for path in _paths(name)) or any(
        fnmatchcase(path, plain(selector)) for path in _paths(plain(name))
    )


def _missing(selector: str, module: nn.Module) -> str:
    """The error line for a name: the children of the deepest module on its path that exists."""
    modules = {plain(name): each for name, each in module.named_modules() if name}
    parent = next((path for path in reversed(list(_paths(selector))) if path in modules), "")
    home = modules.get(parent, module)
    prefix = f"{parent}." if parent else ""
    children = [prefix + plain(name) for name, _ in home.named_children()]
    namesakes = [name for name in modules if name.split(".")[-1] == selector]
    label = f"Children of `{parent or type(module).__name__}`"
    return unknown("module", selector, {*children, *namesakes}, label=label)


def _statistics(module: nn.Module) -> Iterator[str]:
    """Running statistics have a name as well: a normalisation may have nothing else."""
    for name, each in module.named_modules(remove_duplicate=False):
        if isinstance(each, _NormBase):
            yield f"{name}.running_mean" if name else "running_mean"


def _paths(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: length + 1]) for length in range(len(parts)))


def _within(name: str, home: str) -> bool:
    return name == home or name.startswith(home + ".")


def _is_balance(name: str) -> bool:
    return _within(name, BALANCER) or _within(name, f"{OBJECTIVE}.{LENT}")


def _is_pattern(selector: str) -> bool:
    return any(sign in selector for sign in "*?[")
