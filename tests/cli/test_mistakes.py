"""Every mistake in a config is answered when it is parsed, in one line that says what was meant."""

from collections.abc import Callable

import pytest

from tests.conftest import Answer

TASK = "--model.init_args.tasks.right"
MISTAKES = {
    "loss": ([TASK, "dcie"], "Unknown loss 'dcie'. Did you mean 'dice'?"),
    "kind": ([TASK, "{labels: binry, losses: dice}"], "`kind` of labels must be"),
    "option": (
        [TASK, "{labels: binary, losses: {focal: {gama: 2}}}"],
        "Unknown option of loss 'focal': 'gama'. Did you mean 'gamma'?",
    ),
    "type": (
        [TASK, "{labels: binary, losses: {focal: {gamma: abc}}}"],
        "`gamma` of loss 'focal' must be float; got 'abc'.",
    ),
    "range": (
        [TASK, "{labels: binary, losses: {focal: {gamma: -1}}}"],
        "`gamma` must be at least 0; got -1.0.",
    ),
    "metric": (
        [TASK, "{labels: binary, losses: dice, metrics: [preision]}"],
        "Unknown metric 'preision'. Did you mean 'precision'?",
    ),
    "missing labels": ([TASK, "{losses: dice}"], "Loss 'dice' needs `labels`"),
    "missing losses": ([TASK, "{labels: binary}"], "A task needs `losses`; got only labels."),
    "key of a task": (
        [TASK, "{labels: binary, loses: dice}"],
        "Unknown key of a task: 'loses'. Did you mean 'losses'?",
    ),
    "contradiction": (
        [TASK, "{labels: binary, losses: {dice: {include_background: false}}}"],
        "`include_background` must be left out for binary labels",
    ),
    "class path of a loss": (
        [TASK, "{losses: {class_path: torch.nn.L1Los}}"],
        "`class_path` of a loss must name a class that can be imported; got 'torch.nn.L1Los'",
    ),
    "a class that is no loss": (
        [TASK, "{losses: {class_path: pathlib.Path}}"],
        "`class_path` of a loss must name a subclass of Module; got 'pathlib.Path'.",
    ),
    "balancer": (
        ["--model.init_args.balancer", "uncertanty"],
        "Unknown balancer 'uncertanty'. Did you mean 'uncertainty'?",
    ),
    "option of a balancer": (
        ["--model.init_args.balancer", "{name: uncertainty, initail: 1}"],
        "Unknown option of balancer 'uncertainty': 'initail'. Did you mean 'initial'?",
    ),
    "option of the model": (
        ["--model.init_args.widht", "3"],
        "Did you mean 'width'?",
    ),
    "type in the model": (
        ["--model.init_args.width", "abc"],
        "width: Expected int. Got value: abc",
    ),
    "option of the trainer": (
        ["--trainer.max_epochz", "3"],
        "unrecognized arguments: --trainer.max_epochz 3. Did you mean 'trainer.max_epochs'?",
    ),
    "group": (["--trainr.max_epochs", "3"], "unrecognized arguments: --trainr.max_epochs 3"),
    "class of the model": (
        ["--model.class_path", "tests.cli.project.Ntt"],
        "module 'tests.cli.project' has no attribute 'Ntt'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_in_one_line(
    mistake: str, config: str, command: Callable[..., Answer]
) -> None:
    words, wanted = MISTAKES[mistake]
    answer = command("fit", "--config", config, *words)
    assert answer.status == 2
    assert wanted.lower() in answer.err.lower()  # jsonargparse has had its own capitals
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err


def test_a_command_that_does_not_exist_is_answered(command: Callable[..., Answer]) -> None:
    answer = command("fti")
    assert answer.status == 2
    assert answer.err.startswith("error: Unknown command 'fti'. Did you mean 'fit'?")


def test_a_config_that_does_not_exist_is_answered(command: Callable[..., Answer]) -> None:
    answer = command("fit", "--config", "nowhere.yaml")
    assert answer.status == 2
    assert "File does not exist" in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["describe", "focl"], "Unknown name 'focl'. Did you mean 'focal'?"),
        (["plot", "focl"], "Unknown loss 'focl'. Did you mean 'focal'?"),
        (["plot", "focal", "huber"], "Losses on labels and losses on numbers need a picture each."),
        (["plot", "focal", "--gamma"], "--gamma needs at least one value."),
        (["compare", "--losses", "focl"], "Unknown loss 'focl'. Did you mean 'focal'?"),
        (["compare"], "Name at least one loss to compare"),
    ],
)
def test_other_commands_answer_as_well(
    words: list[str], wanted: str, command: Callable[..., Answer]
) -> None:
    answer = command(*words)
    assert answer.status == 2
    assert wanted in answer.err
    assert answer.err.count("\n") == 1
