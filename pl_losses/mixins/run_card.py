"""The run card: what a run really does, with every default spelled out."""

from typing import Any, Protocol, runtime_checkable

import yaml

from pl_losses.objective import Objective


@runtime_checkable
class Carded(Protocol):
    """A callback that has something to say on the run card."""

    def card(self) -> dict[str, Any]:
        """Return what the callback does, as plain numbers, texts, lists and mappings."""
        ...


def run_card(objective: Objective, trainer: Any) -> str:
    """Return the effective run as YAML: tasks, losses with all options, balance, callbacks."""
    card: dict[str, Any] = {
        "tasks": {name: task.spec.written() for name, task in objective.items()},
        "balancer": objective.balancer_spec.written(),
    }
    for callback in trainer.callbacks if trainer is not None else []:
        if isinstance(callback, Carded):
            card.update(callback.card())
    text: str = yaml.safe_dump(plain(card), sort_keys=False, allow_unicode=True)
    return f"Effective run\n{text}"


def plain(value: Any) -> Any:
    """Return a value as YAML can spell it; what it cannot becomes its text."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
