"""What every registered balancer promises, and the values of each."""

import re

import pytest
import torch

from pl_losses import BALANCERS
from pl_losses.balancers import Balancer, UncertaintyBalancer

TASKS = ["cls", "box", "mask"]
OPTIONS = {"fixed": {"weights": {"box": 0.5}}}

every = pytest.mark.parametrize("name", BALANCERS.names)


def build(name: str) -> Balancer:
    kinds = ["classification", "regression", "classification"]
    return BALANCERS.build(name, tasks=TASKS, kinds=kinds, **OPTIONS.get(name, {}))


def losses() -> torch.Tensor:
    return torch.tensor([0.75, 8.0, 2.0], requires_grad=True)


@every
def test_the_gradient_of_each_loss_is_its_weight(name: str) -> None:
    values = losses()
    balancer = build(name)
    balancer(values).backward()
    torch.testing.assert_close(values.grad, balancer.weights(values.detach()))


@every
def test_an_absent_task_moves_nothing(name: str) -> None:
    values = losses()
    balancer = build(name)
    present = torch.tensor([1.0, 0.0, 1.0])
    balancer(values, present).backward()
    assert values.grad[1] == 0
    for parameter in balancer.parameters():
        assert parameter.grad[1] == 0
        assert parameter.grad[0] != 0


@every
def test_a_call_changes_nothing(name: str) -> None:
    balancer = build(name)
    before = {key: value.clone() for key, value in balancer.state_dict().items()}
    assert balancer(losses()) == balancer(losses())
    for key, value in balancer.state_dict().items():
        assert torch.equal(value, before[key])


@every
def test_state_survives_a_checkpoint(name: str) -> None:
    balancer = build(name)
    for parameter in balancer.parameters():
        parameter.data.add_(1.0)
    other = build(name)
    other.load_state_dict(balancer.state_dict())
    assert torch.equal(other(losses()), balancer(losses()))


@every
def test_numbers_stay_in_float32_in_a_half_precision_model(name: str) -> None:
    model = torch.nn.ModuleDict({"balancer": build(name), "layer": torch.nn.Linear(1, 1)})
    model.to(torch.bfloat16)
    assert model["layer"].weight.dtype == torch.bfloat16
    own = [*model["balancer"].parameters(), *model["balancer"].buffers()]
    assert all(each.dtype == torch.float32 for each in own)


@every
def test_wrong_losses_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"`losses` must have shape \(3,\); got shape \(2,\)"):
        build(name)(torch.ones(2))


def test_the_sum_is_the_sum() -> None:
    assert build("sum")(losses()) == 10.75


def test_fixed_weights_are_used_and_others_are_one() -> None:
    assert build("fixed")(losses()) == 0.75 + 4.0 + 2.0


def test_fixed_refuses_a_task_that_does_not_exist() -> None:
    with pytest.raises(LookupError, match="Unknown task 'bx'. Did you mean 'box'?"):
        BALANCERS.build("fixed", tasks=TASKS, weights={"bx": 1.0})


def test_uncertainty_has_both_of_kendalls_forms() -> None:
    values = losses()
    # At s = 0: one half of a regression loss, all of a classification loss, no price.
    assert build("uncertainty")(values) == 0.75 + 4.0 + 2.0


def test_uncertainty_rests_where_every_task_adds_one_half() -> None:
    values = losses().detach()
    balancer = build("uncertainty")
    assert isinstance(balancer, UncertaintyBalancer)
    with torch.no_grad():
        balancer.log_variance.copy_((2 * balancer.scale * values).log())
    balancer(values).backward()
    torch.testing.assert_close(balancer.log_variance.grad, torch.zeros(3))
    torch.testing.assert_close(balancer.weights(values) * values, torch.full((3,), 0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": []}, "`tasks` must be different names, at least one; got []"),
        ({"tasks": ["a", "a"]}, "`tasks` must be different names"),
        ({"tasks": ["a"], "kinds": []}, "`kinds` must have one entry for each of the 1 tasks"),
        ({"tasks": ["a"], "kinds": ["class"]}, "`kinds` must be one of 'classification'"),
        ({"tasks": ["a"], "lr": 0.0}, "`lr` must be above 0; got 0.0"),
        ({"tasks": ["a"], "initial": float("nan")}, "`initial` must be a finite number; got nan"),
    ],
)
def test_uncertainty_answers_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        BALANCERS.build("uncertainty", **options)


def test_weights_see_the_losses_without_their_graph() -> None:
    class Inverse(Balancer):
        def weights(self, losses: torch.Tensor) -> torch.Tensor:
            return 1 / losses

    values = losses()
    Inverse(TASKS)(values).backward()
    torch.testing.assert_close(values.grad, 1 / values.detach())
