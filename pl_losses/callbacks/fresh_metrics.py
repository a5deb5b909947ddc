"""Logged values, each seen once: the trainer goes on showing old ones."""

from torch import Tensor

from pl_losses.lightning import Trainer


class FreshMetrics:
    """Tell a value that has just been logged from one that is left over.

    ``trainer.callback_metrics`` keeps what was logged last. With a validation every second
    epoch, a patience that looked there every epoch would count each value twice.
    """

    def __init__(self) -> None:
        self._before: Tensor | None = None
        self._seen: Tensor | None = None
        self._taken = False
        self._validated: set[str] = set()
        self.begin_stage()

    def begin_stage(self) -> None:
        """Wait anew for a first validation, and for the end of a first epoch."""
        self._checked = self._trained = False

    def validation_begins(self, trainer: Trainer, key: str | None) -> None:
        """Remember the value from before a validation."""
        self._before = _value(trainer, key)

    def validation_ends(self, trainer: Trainer, key: str | None) -> Tensor | None:
        """Return the value that this validation has logged, if it has."""
        self._checked = True
        value = _value(trainer, key)
        if key is None or value is None or value is self._before:
            return None
        self._validated.add(key)
        return self._take(value)

    def epoch_ends(self, trainer: Trainer, key: str | None) -> Tensor | None:
        """Return the mean that this epoch of training has logged, if it has."""
        self._trained = True
        value = _value(trainer, key)
        # A mean of this epoch is computed at each look; what is left over stays the same tensor.
        if value is None or key in self._validated or value is _value(trainer, key):
            return None
        return self._take(value)

    def next_epoch_begins(self, trainer: Trainer, key: str | None) -> Tensor | None:
        """Return what the last epoch has logged, if it came too late for its end.

        A module's own ``on_train_epoch_end`` runs after those of the callbacks.
        """
        value, taken, self._taken = _value(trainer, key), self._taken, False
        if value is None or key in self._validated or taken or value is self._seen:
            return None
        self._seen = value
        return value

    def due(self, trainer: Trainer) -> bool:
        """Tell whether everything has been logged that a stage logs."""
        return self._trained and (self._checked or not trainer.enable_validation)

    def _take(self, value: Tensor) -> Tensor:
        self._seen, self._taken = value, True
        return value


def mean_over_processes(trainer: Trainer, value: Tensor) -> float:
    """Return the mean of a value over all processes, so that all of them decide alike."""
    local = value.detach().clone().float().to(trainer.strategy.root_device)
    return float(trainer.strategy.reduce(local, reduce_op="mean"))


def _value(trainer: Trainer, key: str | None) -> Tensor | None:
    return None if key is None else trainer.callback_metrics.get(key)
