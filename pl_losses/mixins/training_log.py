"""What a training step leaves for the log: nothing but sums, until the log is written."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pl_losses.lightning import LightningModule
from pl_losses.objective import Objective, Report, TaskOutput
from pl_losses.objective.meter import LossMeter


class TrainingLog:
    """Losses and balance of the training steps.

    A call of ``self.log`` costs about as much as a small model's forward pass, so it is made only
    in the steps that Lightning writes, and says the mean of the steps since the last one. The
    means of an epoch go to ``callback_metrics`` alone, for monitors.

    Args:
        objective: Whose losses they are.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.window = LossMeter(objective)
        self.epoch = LossMeter(objective)
        self._last: Report | None = None
        self._steps_seen = 0

    # The compiler cannot follow Lightning's own `log`.
    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch's
    def add(
        self, module: LightningModule, report: Report, outputs: Mapping[str, TaskOutput]
    ) -> None:
        """Take note of one step."""
        self._last = report
        self.window.add(report, outputs)
        self.epoch.add(report, outputs)
        if module._trainer is not None and writes_now(module):
            means = self.window.means(lambda sums: sum_over_ranks(module, sums))
            self.window.clear()
            module.log_dict(logged_names(means, "train"), on_step=True, on_epoch=False)

    def observe(self, module: LightningModule) -> None:
        """Hand the last losses to the balancer if an optimizer step was made since."""
        steps = module.trainer.global_step
        if self._last is not None and steps != self._steps_seen:
            self.objective.balancer_in_use.observe(self._last.losses, self._last.present)
        self._steps_seen = steps

    def end_epoch(self, module: LightningModule) -> None:
        """Hand the means of the epoch to monitors, once, and begin the next."""
        means = self.epoch.means(lambda sums: sum_over_ranks(module, sums))
        self.epoch.clear()
        module.log_dict(
            logged_names(means, "train"),
            on_step=False,
            on_epoch=True,
            logger=False,
            batch_size=1,  # a mean already; Lightning would look for a size in the last batch
        )


def writes_now(module: LightningModule) -> bool:
    """Return whether Lightning writes the log after this step."""
    trainer = module.trainer
    if module.automatic_optimization and trainer.fit_loop._should_accumulate():
        return False
    return bool(trainer._logger_connector.should_update_logs)


def sum_over_ranks(module: LightningModule, sums: Tensor) -> Tensor:
    """Return the sum of a tensor over all ranks."""
    if module.trainer.world_size == 1:
        return sums
    reduced = module.trainer.strategy.reduce(sums.clone(), reduce_op="sum")
    return reduced if isinstance(reduced, Tensor) else torch.as_tensor(reduced)


def logged_names(means: Mapping[str, Tensor], stage: str) -> dict[str, Tensor]:
    """Return means under the names of the log; the balance has no stage."""
    balance = ("weight/", "weighted/")
    return {
        name if name.startswith(balance) else f"{stage}/{name}": value
        for name, value in means.items()
    }
