"""Whether the loss of a stage reaches what the stage trains."""

from collections.abc import Mapping

from torch import nn


class Reach:
    """The selectors of a stage that no gradient has reached yet.

    Args:
        parameters: The parameters that each selector trains.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> reach = Reach({"seg": tuple(layer.parameters())})
        >>> reach.look()
        >>> reach.missing
        ('seg',)
    """

    def __init__(self, parameters: Mapping[str, tuple[nn.Parameter, ...]]) -> None:
        self.waiting = dict(parameters)
        self._looked = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Selectors without any gradient so far; none before the first look."""
        return tuple(self.waiting) if self._looked else ()

    def look(self) -> None:
        """Cross off what has a gradient; to be called after a backward pass."""
        self._looked = True
        for selector, parameters in list(self.waiting.items()):
            if any(parameter.grad is not None for parameter in parameters):
                del self.waiting[selector]
