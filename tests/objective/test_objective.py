"""An objective without a Trainer: totals, absent tasks, weights, names."""

import math

import pytest
import torch
from torch import Tensor, nn

from pl_losses import Objective, Task, TaskOutput, param_groups


def two_tasks(balancer: object = "sum", **box: object) -> Objective:
    return Objective(
        {
            "cls": Task({"cross_entropy": {}, "focal": {"weight": 0.5}}, labels="multiclass"),
            "box": Task("smooth_l1", **box),
        },
        balancer,
    )


def outputs(**changes: TaskOutput) -> dict[str, TaskOutput]:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 3, generator=rng, requires_grad=True)
    boxes = torch.randn(4, 4, generator=rng, requires_grad=True)
    found = {
        "cls": TaskOutput(logits, torch.tensor([0, 1, 2, 0])),
        "box": TaskOutput(boxes, torch.zeros(4, 4)),
    }
    return {**found, **changes}


def test_the_total_is_the_weighed_sum_of_terms() -> None:
    report = two_tasks()(outputs())
    raw = report.raw
    wanted = raw["cls/cross_entropy"] + 0.5 * raw["cls/focal"] + raw["box/smooth_l1"]
    torch.testing.assert_close(report.total.detach(), wanted)
    torch.testing.assert_close(sum(report.weighted.values()), wanted)


def test_a_task_weight_scales_its_pull() -> None:
    report = two_tasks(weight=3.0)(outputs())
    assert report.weight["box/smooth_l1"] == 3.0
    assert report.weighted["box/smooth_l1"] == 3 * report.raw["box/smooth_l1"]


def test_a_task_weight_does_not_move_where_uncertainty_rests() -> None:
    objective = two_tasks("uncertainty", weight=5.0)
    given = outputs()
    losses = objective(given).losses
    scale = objective.balancer.scale
    with torch.no_grad():
        objective.balancer.log_variance.copy_((2 * scale * losses).log())
    objective(given).total.backward()
    gradient = objective.balancer.log_variance.grad
    torch.testing.assert_close(gradient, torch.zeros(2), atol=1e-6, rtol=0)


def test_a_task_without_truth_is_absent_and_stays_in_the_graph() -> None:
    objective = two_tasks("uncertainty")
    given = outputs()
    given["box"] = TaskOutput(given["box"].pred, None)
    report = objective(given)
    report.total.backward()
    assert report.absent == ("box",)
    assert (given["box"].pred.grad == 0).all()
    assert objective.balancer.log_variance.grad[1] == 0
    assert objective.balancer.log_variance.grad[0] != 0


@pytest.mark.parametrize(
    ("target", "weight"),
    [
        (torch.full((4,), -100), None),
        (torch.zeros(4, dtype=torch.long), torch.zeros(4)),
    ],
    ids=["every label ignored", "every weight zero"],
)
def test_a_task_with_nothing_that_counts_is_absent(target: Tensor, weight: Tensor | None) -> None:
    objective = two_tasks("uncertainty")
    given = outputs()
    given["cls"] = TaskOutput(given["cls"].pred, target, weight)
    report = objective(given)
    report.total.backward()
    assert report.absent == ("cls",)
    assert (given["cls"].pred.grad == 0).all()
    assert objective.balancer.log_variance.grad[0] == 0


def test_missing_samples_have_no_say() -> None:
    task = Task("cross_entropy", labels="multiclass")
    given = outputs()["cls"]
    some = TaskOutput(given.pred, given.target, torch.tensor([1.0, 0.0, 1.0, 0.0]))
    kept = TaskOutput(given.pred[::2], given.target[::2])
    torch.testing.assert_close(task.terms(some)[0], task.terms(kept)[0])


def test_a_task_switched_off_is_not_computed() -> None:
    class Counted(nn.Module):
        calls = 0

        def forward(self, pred: Tensor, target: Tensor) -> Tensor:
            self.calls += 1
            return (pred - target).abs().mean()

    counted = Counted()
    objective = Objective({"a": Task("mse"), "b": Task(counted)})
    pair = TaskOutput(torch.ones(2), torch.zeros(2))
    objective.switch({"b": 0.0})
    report = objective({"a": pair})
    assert counted.calls == 0
    assert objective.active == ("a",)
    assert report.total == 1
    objective.switch(None)
    assert objective({"a": pair, "b": pair}).total == 2
    assert counted.calls == 1


def test_names_that_do_not_match_are_answered_with_both_lists() -> None:
    given = outputs()
    given["bx"] = given.pop("box")
    with pytest.raises(LookupError, match="got outputs cls, bx, and tasks cls, box"):
        two_tasks()(given)


def test_an_unknown_task_cannot_be_switched() -> None:
    with pytest.raises(LookupError, match="Unknown task 'bos'. Did you mean 'box'?"):
        two_tasks().switch({"bos": 0.0})


def test_side_outputs_weigh_half_per_level_and_one_in_all() -> None:
    task = Task("mse", labels="binary")
    target = torch.ones(1, 1, 4, 4)
    fine, coarse = torch.zeros(1, 1, 4, 4), torch.full((1, 1, 2, 2), 2.0)
    both = task.terms(TaskOutput([fine, coarse], target))
    wanted = (2 * (1 - 0.5) ** 2 + (1 - torch.tensor(2.0).sigmoid()) ** 2) / 3
    torch.testing.assert_close(both[0], wanted)


def test_a_loss_of_another_library_is_a_term() -> None:
    task = Task({"mine": nn.L1Loss(), "theirs": {"class_path": "torch.nn.MSELoss", "weight": 2.0}})
    terms = task.terms(TaskOutput(torch.full((2,), 3.0), torch.zeros(2)))
    assert [term.item() for term in terms] == [3.0, 9.0]
    assert task.term_weights == {"mine": 1.0, "theirs": 2.0}


def test_a_loss_of_another_library_refuses_weights() -> None:
    task = Task(nn.L1Loss())
    with pytest.raises(ValueError, match="`weight` must be None for L1Loss"):
        task.terms(TaskOutput(torch.ones(2), torch.zeros(2), torch.ones(2)))


def test_a_loss_that_does_not_reduce_is_refused() -> None:
    task = Task({"dice": {"reduction": "none"}}, labels="binary")
    with pytest.raises(ValueError, match="DiceLoss must return a scalar in a task"):
        task.terms(TaskOutput(torch.ones(2, 3), torch.ones(2, 3)))


def test_names_that_would_break_a_log_are_refused() -> None:
    with pytest.raises(ValueError, match="must have no '.' and no '/'; got 'a/b'"):
        Objective({"a/b": Task("mse")})
    with pytest.raises(ValueError, match="`tasks` must have at least one task"):
        Objective({})


def test_a_metric_and_a_loss_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="must have different names; got 'iou' twice"):
        Task({"iou": {"name": "dice"}}, labels="binary", metrics=["iou"])


def test_the_balance_has_its_own_group() -> None:
    model = nn.ModuleDict({"layer": nn.Linear(2, 2), "objective": two_tasks("uncertainty")})
    groups = param_groups(model, weight_decay=0.1)
    assert [(each["name"], each["weight_decay"]) for each in groups] == [
        ("model", 0.1),
        ("objective.balancer", 0.0),
    ]
    assert sum(len(each["params"]) for each in groups) == len(list(model.parameters()))


def test_totals_are_finite_whatever_is_absent() -> None:
    objective = two_tasks("uncertainty")
    nothing = {name: TaskOutput(each.pred, None) for name, each in outputs().items()}
    report = objective(nothing)
    assert report.total == 0
    assert math.isfinite(report.total.item())
    assert report.absent == ("cls", "box")


def test_half_precision_outputs_are_computed_in_float32() -> None:
    given = {name: TaskOutput(each.pred.half(), each.target) for name, each in outputs().items()}
    report = two_tasks()(given)
    assert report.total.dtype == torch.float32
    assert report.total.isfinite()
