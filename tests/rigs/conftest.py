"""The device under test."""

from typing import Any

import pytest

from tests.rigs.devices import DEVICES, Device


@pytest.fixture(params=DEVICES)
def device(request: Any) -> Device:
    """Each accelerator that there is, one after the other."""
    found: Device = request.param
    return found
