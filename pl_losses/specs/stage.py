"""What a user may write for a stage, and how config files read and print it."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsonargparse.typing import register_type

from pl_losses.specs.balancer import BalancerSpec
from pl_losses.specs.options import check_options
from pl_losses.stages.stage import Stage


def read_stage(value: Any) -> Stage:
    """Read a stage, or a mapping of its options.

    Raises:
        LookupError: If an option is unknown, with the one that was meant.
        ValueError: If a value is of the wrong type, or options contradict each other.

    Example:
        >>> read_stage({"train": "seg", "max_epochs": 20}).until
        '20 epochs'
    """
    if isinstance(value, Stage):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"A stage must be a mapping such as {{'train': 'seg'}}; got {value!r}.")
    stage = Stage(**check_options("a stage", Stage, value))
    if stage.balancer is not None:
        BalancerSpec.read(stage.balancer)
    return stage


def read_stages(values: Sequence[Any]) -> tuple[Stage, ...]:
    """Read the stages of a schedule.

    Raises:
        ValueError: If ``values`` is not a list with at least one stage.
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ValueError(f"`stages` must be a list of at least one stage; got {values!r}.")
    return tuple(read_stage(value) for value in values)


def _read(value: Any) -> Stage:
    try:
        return read_stage(value)
    except LookupError as error:
        # jsonargparse takes no other error for an answer to a wrong value.
        raise ValueError(error.args[0]) from error


register_type(Stage, Stage.written, _read)
