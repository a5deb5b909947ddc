"""Whatever stands in a config, it is read or answered; it never crashes, hangs or runs code."""

import string
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from pl_losses import LOSSES, METRICS
from pl_losses.specs import BalancerSpec, TaskSpec
from pl_losses.specs.stage import read_stages

ANSWERS = (ValueError, LookupError)
WORDS = st.text(string.ascii_lowercase + "_. ", max_size=12)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.sampled_from(LOSSES.names)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(WORDS | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
OPTIONS = st.sampled_from(
    [
        *("alpha", "beta", "gamma", "smooth", "weight", "batch", "reduction", "label_smoothing"),
        *("name", "class_path", "init_args", "class_weights", "ignore_index"),
    ]
)
LOSS = st.dictionaries(
    st.sampled_from(LOSSES.names), st.none() | st.dictionaries(OPTIONS, ANYTHING, max_size=3)
)
TASK = st.fixed_dictionaries(
    {},
    optional={
        "losses": LOSS | ANYTHING,
        "labels": st.sampled_from(["binary", "multiclass", "multilabel"]) | ANYTHING,
        "metrics": st.lists(st.sampled_from(METRICS.names) | ANYTHING, max_size=3),
        "weight": st.floats() | ANYTHING,
    },
)
calm = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@calm
@given(TASK | ANYTHING)
def test_a_task_is_read_or_answered(value: Any) -> None:
    try:
        spec = TaskSpec.read(value)
    except ANSWERS:
        return
    assert spec.build_losses()
    written = yaml.safe_load(yaml.safe_dump(plain(spec.written())))
    assert set(TaskSpec.read(written).terms) == set(spec.terms)


@calm
@given(st.dictionaries(st.sampled_from(["name", "lr", "weights", "initial"]), ANYTHING) | ANYTHING)
def test_a_balancer_is_read_or_answered(value: Any) -> None:
    with suppress(*ANSWERS):
        assert BalancerSpec.read(value).build(["a", "b"]).tasks == ("a", "b")


@calm
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["train", "freeze", "monitor", "patience", "max_epochs", "mode"]),
            ANYTHING,
        )
        | ANYTHING,
        max_size=2,
    )
    | ANYTHING
)
def test_stages_are_read_or_answered(value: Any) -> None:
    with suppress(*ANSWERS):
        assert read_stages(value)


def test_a_mapping_that_contains_itself_is_answered() -> None:
    loop: dict[str, Any] = {"losses": {}}
    loop["losses"]["dice"] = loop
    with pytest.raises(ANSWERS):
        TaskSpec.read(loop)


def test_a_very_long_name_is_answered_shortly() -> None:
    with pytest.raises(LookupError) as caught:
        TaskSpec.read({"losses": "x" * 100_000})
    assert len(str(caught.value)) < 1000


def test_a_path_that_is_no_class_is_not_run() -> None:
    with pytest.raises(ValueError, match="must name a subclass of Module"):
        TaskSpec.read({"losses": {"class_path": "os.system", "init_args": {"command": "exit 1"}}})


def plain(value: Any) -> Any:
    """Return what a YAML file can hold of a written spec."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
