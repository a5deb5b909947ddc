"""A LightningModule whose steps are those of its objective."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pl_losses.lightning import LightningModule, rank_zero_info
from pl_losses.mixins.class_counts import count_classes
from pl_losses.mixins.evaluation import Evaluation
from pl_losses.mixins.run_card import run_card
from pl_losses.mixins.training_log import TrainingLog
from pl_losses.objective import Objective, TaskOutput, param_groups
from pl_losses.specs import BalancerSpec, TaskSpec
from pl_losses.specs.types import register_types
from pl_losses.version import __version__

if TYPE_CHECKING:
    Tasks = Mapping[str, Any]
    BalancerLike = Any
    _Base = LightningModule
else:  # what a config file is checked against
    Tasks = dict[str, TaskSpec]
    BalancerLike = BalancerSpec
    _Base = object

Outputs = dict[str, TaskOutput]

# Any LightningCLI then checks tasks and balancers by the annotations of the mixin.
register_types()


class MultiTaskMixin(_Base):
    """Losses, balance, metrics and logs for a LightningModule that has only a ``forward``.

    Write ``class Net(MultiTaskMixin, LightningModule)``, the mixin first. ``forward`` returns one
    prediction for each task, ``{task: prediction}``, or a bare tensor if there is one task. A
    batch is ``(input, target)`` or ``(input, {task: target})``; for any other form override
    :meth:`outputs`. Everything else of Lightning stays as it is.

    Args:
        tasks: Tasks by name: losses, labels, metrics and weight of each, see
            :class:`pl_losses.Task`.
        balancer: How the tasks are balanced: a registered name, a mapping with ``name`` or
            ``class_path``, or a balancer.

    Raises:
        TypeError: If the mixin does not come before ``LightningModule``.

    Example:
        >>> from lightning.pytorch import LightningModule
        >>> from torch import nn
        >>> class Net(MultiTaskMixin, LightningModule):
        ...     def __init__(self, **objective):
        ...         super().__init__(**objective)
        ...         self.layer = nn.Linear(4, 1)
        ...     def forward(self, x):
        ...         return self.layer(x)
        >>> net = Net(tasks={"good": {"labels": "binary", "losses": "focal", "metrics": ["f1"]}})
        >>> report = net.objective(net.outputs((torch.zeros(2, 4), torch.tensor([0, 1]))))
        >>> report.total.shape
        torch.Size([])
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if LightningModule in order and order.index(LightningModule) < order.index(MultiTaskMixin):
            raise TypeError(
                f"`{cls.__name__}` must name MultiTaskMixin before LightningModule: "
                f"class {cls.__name__}(MultiTaskMixin, LightningModule)."
            )

    def __init__(
        self, *args: Any, tasks: Tasks, balancer: BalancerLike = "sum", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.objective = Objective(tasks, balancer)
        self.objective.logged_by_owner = True
        self._training_log = TrainingLog(self.objective)
        self._evaluation = Evaluation()

    def outputs(self, batch: Any) -> Outputs:
        """Return prediction, target and weight of each task for a batch.

        Override this for batches that are not ``(input, target)``, or for targets with weights.
        """
        inputs, target = split_batch(batch)
        pred = self(inputs)
        names = self.objective.task_names
        if not isinstance(pred, Mapping) and len(names) == 1:
            pred = {names[0]: pred}
        if not isinstance(pred, Mapping):
            raise ValueError(
                f"`forward` must return a mapping from tasks ({', '.join(names)}) to predictions; "
                f"got {type(pred).__name__}."
            )
        if not isinstance(target, Mapping):
            target = dict.fromkeys(names, target) if len(names) == 1 else {}
        return {name: TaskOutput(each, target.get(name)) for name, each in pred.items()}

    def targets(self, batch: Any) -> dict[str, Tensor]:
        """Return the targets of a batch by task, for what is counted before training.

        Override this together with :meth:`outputs` if a task has ``class_weights: auto`` or a loss
        with ``class_counts: auto``.
        """
        _, target = split_batch(batch)
        if isinstance(target, Mapping):
            return {name: each for name, each in target.items() if each is not None}
        return {self.objective.task_names[0]: target}

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's
        """Return the total loss of a batch, and keep what the log is to say of it."""
        outputs = self.outputs(batch)
        report = self.objective(outputs)
        self._training_log.add(self, report, outputs)
        total: Tensor = report.total
        return total

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Outputs:  # noqa: ARG002
        """Update losses and metrics of the validation; return the outputs, for hooks of a batch."""
        return self._evaluated(batch, dataloader_idx)

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Outputs:  # noqa: ARG002
        """Update losses and metrics of the test; return the outputs, for hooks of a batch."""
        return self._evaluated(batch, dataloader_idx)

    def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:  # noqa: ARG002
        """Return what ``forward`` says of the input, with or without a target beside it."""
        inputs = batch[0] if isinstance(batch, tuple | list) else batch
        return self(inputs)

    def configure_optimizers(self) -> Any:
        """Return AdamW at 1e-3; override this, or name an optimizer in the config."""
        return torch.optim.AdamW(param_groups(self, weight_decay=1e-2), lr=1e-3)

    def on_fit_start(self) -> None:
        """Say once what this run really does."""
        super().on_fit_start()
        rank_zero_info(run_card(self.objective, self.trainer))

    def on_train_start(self) -> None:
        """Count the classes where that is wanted and has not been loaded."""
        super().on_train_start()
        count_classes(self)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the balancer take note of the losses, once for each optimizer step."""
        super().on_train_batch_end(outputs, batch, batch_idx)
        self._training_log.observe(self)
        if self.trainer.is_last_batch:
            # Callbacks come before the module at the end of an epoch: a stage or a checkpoint
            # that looks there for a mean of this epoch would find that of the one before.
            self._training_log.end_epoch(self)

    def on_train_epoch_end(self) -> None:
        """Make the means of an epoch that was cut off available to monitors."""
        super().on_train_epoch_end()
        self._training_log.end_epoch(self)

    def on_validation_epoch_start(self) -> None:
        """Begin new means."""
        super().on_validation_epoch_start()
        if self.trainer.sanity_checking:  # before training starts
            count_classes(self)
        self._evaluation.start(self, "val")

    def on_validation_epoch_end(self) -> None:
        """Log losses and metrics of the validation."""
        super().on_validation_epoch_end()
        self._evaluation.end(self)

    def on_test_epoch_start(self) -> None:
        """Begin new means."""
        super().on_test_epoch_start()
        self._evaluation.start(self, "test")

    def on_test_epoch_end(self) -> None:
        """Log losses and metrics of the test."""
        super().on_test_epoch_end()
        self._evaluation.end(self)

    def _evaluated(self, batch: Any, dataloader_idx: int) -> Outputs:
        outputs = self.outputs(batch)
        self._evaluation.add(self, outputs, dataloader_idx)
        return outputs

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the run card with the checkpoint, as text, and the version that wrote both."""
        super().on_save_checkpoint(checkpoint)
        card = run_card(self.objective, self._trainer)
        checkpoint["pl_losses"] = {"version": __version__, "run_card": card}


def split_batch(batch: Any) -> tuple[Any, Any]:
    """Return input and target of a batch.

    Raises:
        ValueError: If the batch is not a pair.
    """
    if isinstance(batch, tuple | list) and len(batch) == 2:
        return batch[0], batch[1]
    length = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
    raise ValueError(
        "A batch must be (input, target), or `outputs` be overridden for its form; got "
        f"{type(batch).__name__}{length}."
    )
