"""What a run in stages does: who learns when, who stands still, and what is shown of it."""

from typing import Any

import pytest
import torch
from torch import nn

from pl_losses import Stage, StagedFreezing
from tests.callbacks.two_branches import (
    QUIET,
    Trace,
    TwoBranches,
    copies,
    differing,
    fit,
    learning,
    loader,
    trainer,
)

pytestmark = QUIET


def three_stages(**options: Any) -> StagedFreezing:
    return StagedFreezing.alternate("seg", "det", max_epochs=2, **options)


def test_each_stage_trains_its_branch_and_moves_nothing_else() -> None:
    trace = Trace()
    fit(TwoBranches(dropout=0.5), three_stages(), trace)
    assert trace.learning == [("seg",)] * 2 + [("det",)] * 2 + [("trunk", "seg", "det")] * 2
    assert trace.moved == [{"seg"}] * 2 + [{"det"}] * 2 + [{"trunk", "seg", "det"}] * 2


class KeepsZeroGradients(TwoBranches):
    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Any) -> None:
        optimizer.zero_grad(set_to_none=False)


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_frozen_weights_resist_decay_momentum_and_old_gradients(
    kind: type[torch.optim.Optimizer], accumulate: int
) -> None:
    class Net(KeepsZeroGradients):
        def configure_optimizers(self) -> Any:
            extra = {"momentum": 0.9} if kind is torch.optim.SGD else {}
            return kind(self.parameters(), lr=1e-2, weight_decay=0.1, **extra)

    trace = Trace()
    stages = [Stage(train="all", max_epochs=2), Stage(train="det", max_epochs=2)]
    # A validation would drop all gradients on its own.
    options = {"epochs": 4, "limit_val_batches": 0, "accumulate_grad_batches": accumulate}
    fit(Net(), StagedFreezing(stages), trace, **options)
    assert trace.moved[2:] == [{"det"}] * 2


def test_dropout_and_statistics_of_a_frozen_branch_are_off() -> None:
    seen: list[tuple[bool, bool]] = []

    class Net(TwoBranches):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            seen.append((self.seg.training, self.det[3].training))
            return super().training_step(batch, batch_idx)

    fit(Net(dropout=0.5), three_stages())
    steps = 4 * 2
    assert seen == [(True, False)] * steps + [(False, True)] * steps + [(True, True)] * steps


def test_modes_survive_user_code_that_wakes_everything() -> None:
    class Net(TwoBranches):
        def on_validation_epoch_end(self) -> None:
            self.train()

    trace = Trace()
    fit(Net(dropout=0.5), three_stages(), trace)
    assert trace.moved[:2] == [{"seg"}] * 2


def test_norms_may_go_on_adapting_while_frozen() -> None:
    model = TwoBranches(dropout=0.5)
    before = copies(model)
    fit(model, StagedFreezing([Stage(train="seg", norm="train")]), epochs=2)
    changed = {name for name in differing(before, copies(model)) if not name.startswith("seg")}
    assert changed == {
        f"{branch}.running_{kind}" for branch in ("trunk.1", "det.1") for kind in ("mean", "var")
    } | {"trunk.1.num_batches_tracked", "det.1.num_batches_tracked"}


def test_the_model_comes_back_as_the_user_had_it() -> None:
    model = TwoBranches()
    model.trunk[0].requires_grad_(requires_grad=False)
    model.det.eval()
    before = [p.requires_grad for p in model.parameters()]
    stages = [Stage(train="seg", max_epochs=1), Stage(train="det", max_epochs=1)]
    with pytest.warns(UserWarning, match="eval mode at the start"):
        fit(model, StagedFreezing(stages), epochs=2)
    assert [p.requires_grad for p in model.parameters()] == before
    assert model.seg.training
    assert not model.det.training


def test_the_model_comes_back_after_an_error_too() -> None:
    class Net(TwoBranches):
        def on_train_batch_end(self, *args: Any) -> None:
            raise KeyError("stop")

    model = Net()
    with pytest.raises(KeyError, match="stop"):
        fit(model, three_stages())
    assert learning(model) == ("trunk", "seg", "det")
    assert all(module.training for module in model.modules())


def test_what_the_user_froze_stays_frozen_unless_named() -> None:
    model = TwoBranches()
    model.trunk.requires_grad_(requires_grad=False)
    trace = Trace()
    stages = [Stage(train="all", max_epochs=1), Stage(train="trunk", max_epochs=1)]
    fit(model, StagedFreezing(stages), trace, epochs=2)
    assert trace.learning == [("seg", "det"), ("trunk",)]


def test_a_shared_weight_learns_if_one_of_its_branches_does() -> None:
    model = TwoBranches()
    model.det[4] = model.seg[4]
    before = copies(model)
    fit(model, StagedFreezing([Stage(train="det")]), epochs=1)
    changed = differing(before, copies(model))
    assert "seg.4.weight" in changed
    assert "seg.0.weight" not in changed


def test_stages_without_an_optimizer_share_the_modules_own() -> None:
    class Net(TwoBranches):
        made = 0

        def configure_optimizers(self) -> Any:
            self.made += 1
            return super().configure_optimizers()

    model = Net()
    fit(model, three_stages())
    assert model.made == 1


def test_a_second_fit_goes_on_and_reset_begins_anew() -> None:
    model, trace = TwoBranches(), Trace()
    staged = three_stages(monitor="val/loss", patience=50)
    fit(model, staged, trace, epochs=3)
    assert (staged.stage.title, staged.progress.epochs) == ("det", 1)
    fit(model, staged, trace, epochs=2)
    assert [each[0] for each in trace.learning] == ["seg", "seg", "det", "det", "trunk"]
    staged.reset()
    fit(model, staged, trace, epochs=3)
    assert trace.learning[5] == ("seg",)


def test_a_finished_schedule_trains_no_further() -> None:
    model, staged, trace = TwoBranches(), three_stages(), Trace()
    fit(model, staged, trace, epochs=20)
    assert staged.progress.done
    assert len(trace.learning) == 6
    fit(model, staged, trace, epochs=20)
    assert len(trace.learning) == 6


def test_validation_and_test_before_a_fit_change_nothing() -> None:
    class Net(TwoBranches):
        def test_step(self, batch: Any, batch_idx: int) -> None:
            self.log("test/loss", self.training_step(batch, batch_idx))

    model, staged, trace = Net(), three_stages(), Trace()
    runner = trainer(staged, trace)
    runner.validate(model, loader(), verbose=False)
    runner.test(model, loader(), verbose=False)
    assert learning(model) == ("trunk", "seg", "det")
    runner.fit(model, loader(), loader(12))
    assert len(trace.learning) == 6


def test_manual_optimisation_gets_the_flags() -> None:
    class Net(TwoBranches):
        automatic_optimization = False

        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False

        def configure_optimizers(self) -> Any:
            branches = (self.seg, self.det)
            return [torch.optim.AdamW(each.parameters(), weight_decay=0.1) for each in branches]

        def training_step(self, batch: Any, batch_idx: int) -> None:
            for optimizer, loss in zip(self.optimizers(), self.errors(batch).values(), strict=True):
                if loss.requires_grad:
                    self.toggle_optimizer(optimizer)
                    optimizer.zero_grad()
                    self.manual_backward(loss)
                    optimizer.step()
                    self.untoggle_optimizer(optimizer)

    trace = Trace()
    stages = [Stage(train="seg", max_epochs=2), Stage(train="det", max_epochs=2)]
    fit(Net(), StagedFreezing(stages), trace, epochs=4)
    assert trace.moved == [{"seg"}] * 2 + [{"det"}] * 2


def test_mixed_precision_runs_through_all_stages() -> None:
    trace = Trace()
    fit(TwoBranches(), three_stages(), trace, precision="bf16-mixed")
    assert trace.moved == [{"seg"}] * 2 + [{"det"}] * 2 + [{"trunk", "seg", "det"}] * 2


def test_clipping_sees_only_what_learns() -> None:
    clipped: list[set[str]] = []

    class Net(TwoBranches):
        def configure_gradient_clipping(self, optimizer: Any, *args: Any, **kwargs: Any) -> None:
            named = self.named_parameters()
            clipped.append({n.split(".")[0] for n, p in named if p.grad is not None})
            super().configure_gradient_clipping(optimizer, *args, **kwargs)

    fit(Net(), three_stages(), gradient_clip_val=0.1)
    assert clipped[0] == {"seg"}
    assert clipped[8] == {"det"}


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # dynamo's own look
def test_a_compiled_branch_is_found_by_its_own_name() -> None:
    model = TwoBranches()
    graphs = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    model.seg = torch.compile(model.seg, backend=backend)
    trace = Trace()
    fit(model, three_stages(), trace, num_sanity_val_steps=0)
    assert trace.moved == [{"seg"}] * 2 + [{"det"}] * 2 + [{"trunk", "seg", "det"}] * 2
    assert len(graphs) <= 6  # train and eval mode, with and without gradients: made once each
    torch.compiler.reset()


def test_a_frozen_affine_free_norm_stands_still() -> None:
    model = TwoBranches()
    model.trunk = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, affine=False), nn.Tanh())
    before = copies(model)
    fit(model, StagedFreezing([Stage(train="seg")]), epochs=1)
    assert not [name for name in differing(before, copies(model)) if name.startswith("trunk")]
