"""Tells jsonargparse how tasks and balancers are read and written.

With this, every config of a LightningCLI is checked when it is parsed, and printed back with all
defaults, by nothing more than the annotations of :class:`pl_losses.MultiTaskMixin`.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import yaml
from jsonargparse.typing import register_type

from pl_losses.specs.balancer import BalancerSpec
from pl_losses.specs.task import TaskSpec

T = TypeVar("T")


@cache
def register_types() -> None:
    """Register the types; doing so twice does nothing."""
    register_type(
        TaskSpec,
        serializer=TaskSpec.written,
        deserializer=_reader(TaskSpec.read),
        deserializer_exceptions=(ValueError, TypeError),
    )
    register_type(
        BalancerSpec,
        serializer=BalancerSpec.written,
        deserializer=_reader(BalancerSpec.read),
        deserializer_exceptions=(ValueError, TypeError),
    )


def _reader(read: Callable[[Any], T]) -> Callable[[Any], T]:
    def reader(value: Any) -> T:
        if isinstance(value, str):
            value = yaml.safe_load(value)
        try:
            return read(value)
        except LookupError as error:  # jsonargparse reports a ValueError as the user's mistake
            raise ValueError(str(error)) from error

    return reader
