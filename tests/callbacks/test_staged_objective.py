"""Stages that switch tasks off, or bring a balancer of their own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from pl_losses import Balancer, MultiTaskMixin, Stage, StagedFreezing
from tests.callbacks.two_branches import (
    QUIET,
    Trace,
    TwoBranches,
    checkpoints,
    copies,
    differing,
    fit,
    loader,
    trainer,
)

pytestmark = QUIET


class Net(MultiTaskMixin, LightningModule):
    """Two tasks on two branches; a branch whose task is off is not run."""

    def __init__(self, balancer: Any = "uncertainty") -> None:
        super().__init__(
            tasks={"seg": {"losses": "mse"}, "det": {"losses": "mse"}}, balancer=balancer
        )
        net = TwoBranches()
        self.trunk, self.seg, self.det = net.trunk, net.seg, net.det
        self.ran: list[tuple[str, ...]] = []

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features, heads = self.trunk(x), {"seg": self.seg, "det": self.det}
        if self.training:
            self.ran.append(self.objective.active)
        return {name: heads[name](features) for name in self.objective.active}

    def outputs(self, batch: Any) -> Any:
        return super().outputs((batch[0], {"seg": batch[1], "det": batch[1]}))

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=1e-2, weight_decay=0.1)


class Balance(Callback):
    """The balancer in use in each epoch, and the group that learns it."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.groups: list[dict[str, Any]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        objective = pl_module.objective
        self.used.append(type(objective.balancer_in_use).__name__)
        groups = [g for g in trainer.optimizers[0].param_groups if g.get("name") == "balancer"]
        self.groups.extend({k: g[k] for k in ("lr", "weight_decay")} for g in groups)


def borrowing() -> StagedFreezing:
    rate = {"class_path": "RMSprop", "init_args": {"lr": 1e-2}}
    return StagedFreezing(
        [
            Stage(train="seg", tasks={"det": 0}, max_epochs=2),
            Stage(train=["seg", "det"], balancer={"name": "uncertainty", "lr": 0.2}, max_epochs=2),
            Stage(
                train="all",
                balancer={"name": "uncertainty", "lr": 0.3},
                optimizer=rate,
                max_epochs=2,
            ),
        ]
    )


def test_a_task_that_is_off_costs_neither_loss_nor_forward() -> None:
    model = Net("sum")
    fit(model, borrowing(), num_sanity_val_steps=0)
    assert model.ran == [("seg",)] * 8 + [("seg", "det")] * 16


def test_every_task_is_on_again_after_the_fit() -> None:
    model = Net("sum")
    fit(model, StagedFreezing([Stage(train="seg", tasks={"det": 0})]), epochs=1)
    assert model.objective.active == ("seg", "det")


def test_the_balance_learns_in_every_stage() -> None:
    trace = Trace()
    fit(Net(), StagedFreezing.alternate("seg", "det", max_epochs=1), trace, epochs=3)
    branches = [{"seg"}, {"det"}, {"trunk", "seg", "det"}]
    assert trace.moved == [{"objective", *each} for each in branches]


def test_the_balance_can_be_frozen_by_its_name() -> None:
    trace = Trace()
    fit(Net(), StagedFreezing([Stage(freeze="objective.balancer")]), trace, epochs=1)
    assert trace.moved == [{"trunk", "seg", "det"}]


def test_a_balancer_is_lent_for_its_stage_and_learns_at_its_own_rate() -> None:
    model, balance = Net("sum"), Balance()
    fit(model, borrowing(), balance)
    assert balance.used == ["SumBalancer"] * 2 + ["UncertaintyBalancer"] * 4
    assert balance.groups == [{"lr": 0.3, "weight_decay": 0.0}] * 2
    assert model.objective._override is None


class Watching(Balancer):
    """Counts the steps that it sees."""

    seen = 0

    def weights(self, losses: Tensor) -> Tensor:
        return torch.ones_like(losses)

    def observe(self, losses: Tensor, present: Tensor) -> None:
        self.seen += 1


def test_a_lent_balancer_sees_the_steps_of_its_stage() -> None:
    lent = Watching(["seg", "det"])
    stages = [Stage(train="seg", max_epochs=1), Stage(train="all", balancer=lent)]
    fit(Net(), StagedFreezing(stages), epochs=3)
    assert lent.seen == 8


def test_resuming_with_a_lent_balancer_ends_bitwise_equal(tmp_path: Path) -> None:
    saves = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    whole = Net("sum")
    states = Lent()
    fit(whole, borrowing(), saves, states, enable_checkpointing=True)
    for path in checkpoints(tmp_path):
        model, again = Net("sum"), Lent()
        runner = trainer(borrowing(), again)
        runner.fit(model, loader(), loader(12), ckpt_path=path)
        assert differing(copies(whole), copies(model)) == [], path.name
        assert again.states == states.states[len(states.states) - len(again.states) :]


class Lent(Callback):
    """What the lent balancers have learned by the end of each epoch."""

    def __init__(self) -> None:
        self.states: list[list[float]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        lent = pl_module.objective._override
        found = [] if lent is None else [p.tolist() for p in lent.parameters()]
        self.states.append(found)


def test_a_checkpoint_knows_nothing_of_a_lent_balancer(tmp_path: Path) -> None:
    for weights_only in (False, True):
        saves = ModelCheckpoint(
            tmp_path / str(weights_only), filename="{epoch}", save_weights_only=weights_only
        )
        stages = [Stage(train="all", balancer="uncertainty")]
        fit(Net("sum"), StagedFreezing(stages), saves, epochs=1, enable_checkpointing=True)
        saved = torch.load(saves.best_model_path, weights_only=False)["state_dict"]
        Net("sum").load_state_dict(saved)


def test_an_unknown_task_is_answered_with_what_was_meant() -> None:
    stages = [Stage(train="seg", tasks={"dett": 0})]
    with pytest.raises(LookupError, match=r"Unknown task 'dett'. Did you mean 'det'\?"):
        fit(Net(), StagedFreezing(stages), epochs=1)


def test_an_unknown_balancer_is_refused_when_it_is_written() -> None:
    with pytest.raises(LookupError, match="Did you mean 'uncertainty'"):
        StagedFreezing([{"train": "seg", "balancer": "uncertainy"}])


def test_stages_can_watch_the_training_loss_of_the_mixin() -> None:
    staged = StagedFreezing.alternate(
        "seg", "det", monitor="train/loss", patience=1, min_delta=10.0
    )
    fit(Net("sum"), staged, epochs=12)
    assert [each.epochs for each in staged.progress.history[:2]] == [2, 2]
    assert staged.progress.done
