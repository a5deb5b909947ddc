"""A stage says what it trains and until when, and refuses what makes no sense."""

from functools import partial
from typing import Any

import pytest
import torch

from pl_losses import Stage
from pl_losses.specs.stage import read_stage


def test_a_stage_is_named_after_what_it_trains() -> None:
    assert Stage(train="all").title == "all"
    assert Stage(train=["seg", "neck"]).title == "seg+neck"
    assert Stage(freeze="trunk").title == "not trunk"
    assert Stage(train="all", name="finish").title == "finish"


def test_a_stage_tells_in_words_when_it_ends() -> None:
    stage = Stage(train="seg", monitor="val/f1", mode="max", threshold=0.9, max_steps=100)
    assert stage.until == "val/f1 is no better for 5 checks, or val/f1 >= 0.9, or 100 steps"
    assert Stage(train="seg").until == "the trainer stops"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "must have either `train` or `freeze`"),
    ({"train": "a", "freeze": "b"}, "must have either `train` or `freeze`"),
    ({"train": []}, "`train` must be one or more names of modules"),
    ({"train": [""]}, "`train` must be one or more names of modules"),
    ({"freeze": ()}, "`freeze` must be one or more names of modules"),
    ({"train": "a", "max_epochs": 0}, "`max_epochs` must be at least 1; got 0"),
    ({"train": "a", "min_epochs": 0}, "`min_epochs` must be at least 1; got 0"),
    ({"train": "a", "min_epochs": 5, "max_epochs": 3}, "`max_epochs` must be at least 5; got 3"),
    ({"train": "a", "max_steps": 0}, "`max_steps` must be at least 1; got 0"),
    ({"train": "a", "patience": 3}, "`patience` must come with a `monitor`; got 3 alone"),
    ({"train": "a", "mode": "max"}, "`mode` must come with a `monitor`"),
    ({"train": "a", "threshold": 1.0}, "`threshold` must come with a `monitor`"),
    ({"train": "a", "restore_best": True}, "`restore_best` must come with a `monitor`"),
    ({"train": "a", "monitor": "m", "patience": 0}, "`patience` must be at least 1; got 0"),
    ({"train": "a", "monitor": "m", "min_delta": -1}, "`min_delta` must be at least 0; got -1"),
    ({"train": "a", "monitor": "m", "mode": "best"}, "`mode` must be one of 'min', 'max'"),
    ({"train": "a", "norm": "off"}, "`norm` must be one of 'eval', 'train'; got 'off'"),
    ({"train": "a", "tasks": {"b": -1.0}}, r"`tasks\['b'\]` must be at least 0; got -1"),
    ({"train": "a", "optimizer": {"lr": 1}}, "`optimizer` must be a class path, a mapping"),
    ({"train": "a", "optimizer": 3}, "`optimizer` must be a class path, a mapping"),
]


@pytest.mark.parametrize(("options", "line"), WRONG, ids=lambda each: str(each)[:40])
def test_contradictions_are_refused(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        Stage(**options)


UNKNOWN: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": "RMSprob"}, r"Unknown class 'RMSprob'. Did you mean 'RMSprop'\? In `torch"),
    ({"optimizer": "torch.optim.Adan"}, r"Unknown class 'Adan'. Did you mean 'Adam'\?"),
    ({"optimizer": "no.such.Thing"}, "'no.such.Thing' must be importable; got No module named"),
    (
        {"optimizer": {"class_path": "SGD", "init_args": {"learning_rate": 1}}},
        "Unknown option of SGD 'learning_rate'",
    ),
    ({"optimizer": {"class_path": "SGD", "args": {}}}, "Unknown key of `optimizer` 'args'"),
    (
        {"lr_scheduler": {"class_path": "StepLR", "intervall": "step"}},
        r"Unknown key of `lr_scheduler` 'intervall'. Did you mean 'interval'\?",
    ),
]


@pytest.mark.parametrize(("options", "line"), UNKNOWN, ids=lambda each: str(each)[:40])
def test_classes_and_arguments_are_looked_up_at_once(options: dict[str, Any], line: str) -> None:
    with pytest.raises(LookupError, match=line):
        Stage(train="a", **options)


def test_a_factory_is_taken_as_it_is() -> None:
    factory = partial(torch.optim.SGD, lr=0.1)
    assert Stage(train="a", optimizer=factory).optimizer is factory


def test_a_stage_reads_back_from_what_it_writes() -> None:
    stage = Stage(
        train=["seg", "neck.*"],
        monitor="val/f1",
        mode="max",
        max_epochs=3,
        optimizer={"class_path": "SGD", "init_args": {"lr": 0.1}},
        tasks={"det": 0.0},
    )
    assert set(stage.written()) == {
        "train",
        "monitor",
        "mode",
        "max_epochs",
        "optimizer",
        "tasks",
    }
    assert read_stage(stage.written()) == stage


def test_a_mapping_is_checked_for_names_and_types() -> None:
    with pytest.raises(LookupError, match=r"'patiense'. Did you mean 'patience'\?"):
        read_stage({"train": "seg", "patiense": 3})
    with pytest.raises(ValueError, match=r"`max_epochs` of a stage must be int \| None; got 2.5"):
        read_stage({"train": "seg", "max_epochs": 2.5})
    with pytest.raises(ValueError, match="must be a mapping such as"):
        read_stage("seg")
