"""From names to parameters: exact names, patterns, shared weights, wrappers."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from pl_losses import Stage
from pl_losses.stages import select


def model() -> nn.Module:
    trunk = nn.Sequential(OrderedDict(layer1=nn.Linear(2, 2), layer2=nn.Linear(2, 2)))
    seg = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(), nn.Linear(2, 1))
    return nn.ModuleDict({"trunk": trunk, "seg": seg, "det": nn.Linear(2, 1)})


def trained(stage: Stage, net: nn.Module | None = None) -> list[str]:
    return list(select(stage, net or model()).trained)


def test_a_name_selects_all_that_is_below_it() -> None:
    assert trained(Stage(train="trunk")) == [
        f"trunk.layer{number}.{kind}" for number in (1, 2) for kind in ("weight", "bias")
    ]


def test_a_name_does_not_select_those_that_begin_like_it() -> None:
    net = nn.ModuleDict({"seg": nn.Linear(1, 1), "segment": nn.Linear(1, 1)})
    assert trained(Stage(train="seg"), net) == ["seg.weight", "seg.bias"]


def test_a_single_parameter_can_be_named() -> None:
    assert trained(Stage(train="det.bias")) == ["det.bias"]


def test_patterns_reach_over_levels() -> None:
    assert trained(Stage(train="*.layer2")) == ["trunk.layer2.weight", "trunk.layer2.bias"]
    assert trained(Stage(train="*bias")) == [
        "trunk.layer1.bias",
        "trunk.layer2.bias",
        "seg.0.bias",
        "seg.1.bias",
        "seg.3.bias",
        "det.bias",
    ]


def test_lists_may_mix_names_and_patterns() -> None:
    assert trained(Stage(train=["det", "trunk.layer?.bias"])) == [
        "trunk.layer1.bias",
        "trunk.layer2.bias",
        "det.weight",
        "det.bias",
    ]


def test_freeze_is_the_complement_of_train() -> None:
    net = model()
    first = select(Stage(train=["trunk", "det"]), net)
    second = select(Stage(freeze="seg"), net)
    assert list(first.trained) == list(second.trained)
    assert list(first.resting) == list(second.resting)


def test_all_is_all() -> None:
    selection = select(Stage(train="all"), model())
    assert not selection.frozen
    assert not selection.resting


def test_whole_frozen_branches_rest_with_their_dropout() -> None:
    assert list(select(Stage(train="det"), model()).resting) == [
        "trunk",
        "trunk.layer1",
        "trunk.layer2",
        "seg",
        "seg.0",
        "seg.1",
        "seg.2",
        "seg.3",
    ]


def test_of_a_branch_that_learns_in_part_only_the_frozen_layers_rest() -> None:
    resting = select(Stage(train=["trunk", "det", "seg.3"]), model()).resting
    assert list(resting) == ["seg.0", "seg.1"]


def test_a_norm_without_weights_rests_unless_it_is_selected() -> None:
    net = nn.ModuleDict({"norm": nn.BatchNorm1d(2, affine=False), "det": nn.Linear(2, 1)})
    assert list(select(Stage(train="det"), net).resting) == ["norm"]
    assert not select(Stage(train="all"), net).resting
    assert not select(Stage(train=["norm", "det"]), net).resting


def test_a_dropout_between_branches_belongs_to_none() -> None:
    net = nn.ModuleDict({"drop": nn.Dropout(), "a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    assert list(select(Stage(train="a"), net).resting) == ["b"]


def test_a_shared_module_stays_awake_for_the_branch_that_learns() -> None:
    net = model()
    net["det"] = nn.Sequential(net["seg"][1], nn.Linear(2, 1))
    selection = select(Stage(train="det"), net)
    assert net["seg"][1] not in selection.resting.values()
    assert net["seg"][0] in selection.resting.values()
    assert selection.shared == (
        ("seg.1.weight", "det.0.weight"),
        ("seg.1.bias", "det.0.bias"),
    )


def test_equal_values_are_not_taken_for_the_same_weight() -> None:
    net = nn.ModuleDict({"a": nn.BatchNorm1d(2), "b": nn.BatchNorm1d(2)})
    assert trained(Stage(train="b"), net) == ["b.weight", "b.bias"]


def test_a_weight_with_two_names_learns_if_one_is_not_frozen() -> None:
    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    net["b"].weight = net["a"].weight
    assert trained(Stage(freeze="a"), net) == ["a.weight", "b.bias"]


@pytest.mark.parametrize("name", ["seg", "seg._orig_mod", "module.seg"])
def test_wrappers_are_seen_through(name: str) -> None:
    net = model()
    net["seg"] = torch.compile(net["seg"], backend="eager")
    assert len(trained(Stage(train=name), net)) == 6


def test_a_module_that_is_called_module_keeps_its_name() -> None:
    net = nn.ModuleDict({"module": nn.Linear(2, 2), "det": nn.Linear(2, 1)})
    assert trained(Stage(train="module"), net) == ["module.weight", "module.bias"]


def test_what_was_frozen_before_stays_frozen() -> None:
    net = model()
    net["trunk"].requires_grad_(requires_grad=False)
    selection = select(Stage(train=["trunk*", "det"]), net)
    assert list(selection.trained) == ["det.weight", "det.bias"]
    assert len(selection.kept) == 4
    assert "trunk" not in selection.resting


def test_what_was_frozen_as_a_whole_is_thawed_by_its_name() -> None:
    net = model()
    net["trunk"].requires_grad_(requires_grad=False)
    assert len(trained(Stage(train="trunk"), net)) == 4


def test_a_name_thaws_nothing_that_is_frozen_in_part() -> None:
    net = model()
    net["trunk"].layer1.requires_grad_(requires_grad=False)
    assert trained(Stage(train="trunk"), net) == ["trunk.layer2.weight", "trunk.layer2.bias"]


def test_a_wrong_name_is_answered_by_the_children_of_its_parent() -> None:
    line = (
        r"^Unknown module 'trunk.layr1'. Did you mean 'trunk.layer1'\?"
        r" Children of `trunk`: trunk.layer1, trunk.layer2.$"
    )
    with pytest.raises(LookupError, match=line):
        select(Stage(train="trunk.layr1"), model())


def test_a_name_that_lies_deeper_is_found() -> None:
    net = nn.ModuleDict({"net": model()})
    with pytest.raises(LookupError, match=r"Children of `ModuleDict`: net, net.seg\.$"):
        select(Stage(train="seg"), net)


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"Unknown module 'head\*'"):
        select(Stage(train="head*"), model())


def test_a_module_without_parameters_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"with parameters; got 'seg.2', with none"):
        select(Stage(train="seg.2"), model())


def test_a_stage_that_trains_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="'not all' must train at least one parameter"):
        select(Stage(freeze="all"), model())
