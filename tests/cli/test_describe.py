"""What is said of each registered name can be used as it stands."""

import pytest
import yaml

from pl_losses.cli.catalogue import KINDS, Entry, entries
from pl_losses.cli.describe import description
from pl_losses.specs import BalancerSpec, TaskSpec

EVERY = [each for kind in KINDS for each in entries(kind)]


@pytest.mark.parametrize("entry", EVERY, ids=lambda each: each.name)
def test_the_yaml_of_a_description_is_a_config(entry: Entry) -> None:
    config = yaml.safe_load(description(entry).partition("\nYAML\n")[2])
    if entry.kind == "balancers":
        tasks = list(config["balancer"].get("weights", {"box": 1.0}))
        balancer = BalancerSpec.read(config["balancer"]).build(tasks, ["regression"] * len(tasks))
        assert type(balancer) is entry.cls
        return
    (task,) = config["tasks"].values()
    spec = TaskSpec.read(task)
    assert spec.build_losses()
    assert entry.name in (task["losses"] if entry.kind == "losses" else task["metrics"])


@pytest.mark.parametrize("entry", EVERY, ids=lambda each: each.name)
def test_a_description_says_what_a_user_asks(entry: Entry) -> None:
    text = description(entry)
    assert "\nPython\n" in text
    assert all(option.text for name, option in entry.options.items() if name != "labels")
    if entry.kind == "losses":
        assert entry.family != "other"
        assert entry.formula
