"""A plan tells what a schedule will do, and does nothing."""

import pytest
import torch
from torch import nn

from pl_losses import Stage
from pl_losses.stages.plan import plan
from pl_losses.stages.table import Table, shortened


def model() -> nn.Module:
    net = nn.ModuleDict({"trunk": nn.Linear(4, 4), "seg": nn.Linear(4, 2), "det": nn.Linear(4, 2)})
    net["det"].weight = net["seg"].weight
    return net


STAGES = [
    Stage(train="seg", monitor="val/loss", patience=3, optimizer="SGD"),
    Stage(
        freeze="trunk",
        max_epochs=4,
        optimizer={"class_path": "torch.optim.RMSprop", "init_args": {"lr": 0.1}},
    ),
    Stage(train="all", optimizer=torch.optim.AdamW),
]


def test_each_stage_has_a_row() -> None:
    table = plan(STAGES, model())
    assert table.rows == (
        (
            "1 seg",
            "seg",
            "10",
            "trunk, det",
            "22",
            "seg.weight = det.weight",
            "SGD",
            "val/loss is no better for 3 checks",
        ),
        ("2 not trunk", "seg, det", "12", "trunk", "20", "-", "RMSprop", "4 epochs"),
        ("3 all", "trunk, seg, det", "32", "-", "0", "-", "AdamW", "the trainer stops"),
    )


def test_a_plan_changes_nothing() -> None:
    net = model()
    plan(STAGES, net)
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(module.training for module in net.modules())


def test_a_plan_that_cannot_be_followed_is_refused() -> None:
    with pytest.raises(LookupError, match="Did you mean 'seg'"):
        plan([Stage(train="sge")], model())
    with pytest.raises(ValueError, match="'seg' must have an end"):
        plan([Stage(train="seg"), Stage(train="all")], model())


def test_a_table_reads_as_plain_text() -> None:
    text = str(Table("Numbers", ("name", "n"), (("seven", "7"), ("x", "1000"))))
    assert text == "Numbers\nname   n\nseven  7\nx      1000"


def test_long_lists_are_cut_off() -> None:
    assert shortened("abcdef") == "a, b, c, d, +2"
    assert shortened([]) == "-"
