"""The accelerators that the same tests run on: the simulated one, and a GPU where there is one."""

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from tests.rigs import simulated_accelerator as rig


class Device(ABC):
    """A device that computes beside the host, which must not be made to wait for it."""

    name: str

    def __str__(self) -> str:
        return self.name

    @abstractmethod
    def forbid_syncs(self) -> AbstractContextManager[Any]:
        """Raise where the host would have to wait."""

    @abstractmethod
    def watch(self, only: str = "") -> AbstractContextManager[Any]:
        """Count in ``syncs`` how often the host waits for code of the package ``only``."""

    @abstractmethod
    def trainer_options(self, precision: str | None = None) -> dict[str, Any]:
        """Arguments of a Trainer on this device."""

    @abstractmethod
    def assert_close(self, found: Tensor, expected: Tensor) -> None:
        """Compare a value with the one that the CPU has computed."""

    @abstractmethod
    def assert_learned(self, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
        """Compare weights, by name, with those that the CPU has learned."""


class Simulated(Device):
    """Runs the CPU's kernels; only the order in which a loss adds up may be another one."""

    name = rig.NAME

    @override
    def forbid_syncs(self) -> AbstractContextManager[Any]:
        return rig.forbid_syncs()

    @override
    def watch(self, only: str = "") -> AbstractContextManager[Any]:
        return rig.watch(only)

    @override
    def trainer_options(self, precision: str | None = None) -> dict[str, Any]:
        return {"accelerator": "auto", "devices": "auto", **rig.trainer_kwargs(precision)}

    @override
    def assert_close(self, found: Tensor, expected: Tensor) -> None:
        torch.testing.assert_close(found.cpu(), expected)

    @override
    def assert_learned(self, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
        torch.testing.assert_close(on_cpu(found), dict(expected), rtol=1e-6, atol=1e-8)


class Waits:
    """How often the host has waited."""

    def __init__(self) -> None:
        self.syncs = 0
        self.lines: list[str] = []

    def report(self) -> str:
        """Where it has waited."""
        return "\n".join(self.lines)


class Cuda(Device):
    """A real GPU; torch itself tells where the host waits for it."""

    name = "cuda"
    accelerator = "gpu"

    @override
    @contextmanager
    def forbid_syncs(self) -> Iterator[None]:
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")

    @override
    @contextmanager
    def watch(self, only: str = "") -> Iterator[Waits]:
        waits = Waits()

        def note(message: Any, *_: Any, **__: Any) -> None:
            frame = sys._getframe(1)
            while "/torch/" in frame.f_code.co_filename and frame.f_back is not None:
                frame = frame.f_back
            if "synchronizing" in str(message) and only in frame.f_code.co_filename:
                waits.syncs += 1
                waits.lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")

        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.showwarning = note
                yield waits
        finally:
            torch.cuda.set_sync_debug_mode("default")

    @override
    def trainer_options(self, precision: str | None = None) -> dict[str, Any]:
        return {"accelerator": self.accelerator, "devices": 1, "precision": precision}

    @override
    def assert_close(self, found: Tensor, expected: Tensor) -> None:
        # Its kernels add up in another order.
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)

    @override
    def assert_learned(self, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
        # Adam makes a whole step of a gradient near zero, whatever its sign.
        torch.testing.assert_close(on_cpu(found), dict(expected), rtol=1e-2, atol=2e-2)


def on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors, by name, on the CPU."""
    return {name: each.cpu() for name, each in tensors.items()}


GPU = pytest.mark.gpu
DEVICES = [
    pytest.param(
        Simulated(),
        marks=pytest.mark.skipif(not rig.available(), reason="needs a newer torch"),
        id=rig.NAME,
    )
]
if torch.cuda.is_available():
    DEVICES.append(pytest.param(Cuda(), marks=GPU, id="cuda"))
