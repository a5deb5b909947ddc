"""A checkpoint of an older minor version goes on; one of a newer says why it does not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from pl_losses import __version__
from tests.callbacks.two_branches import QUIET
from tests.checkpoints import staged

pytestmark = [
    *QUIET,
    # It was written with the lowest supported versions.
    pytest.mark.filterwarnings("ignore:.*loaded checkpoint was produced with Lightning"),
    pytest.mark.filterwarnings("ignore:.*dirpath has changed"),
]

SAVED = sorted(staged.FOLDER.glob("*.ckpt"))
MINOR = ".".join(__version__.split(".")[:2])

each_version = pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)


def test_there_is_a_checkpoint_of_this_minor_version() -> None:
    assert staged.FOLDER / f"{MINOR}.ckpt" in SAVED


@each_version
def test_it_needs_no_pickle_and_says_who_wrote_it(path: Path) -> None:
    saved = torch.load(path, weights_only=True)
    assert saved["pl_losses"]["version"].startswith(path.stem)
    assert saved["callbacks"]["StagedFreezing"]["version"].startswith(path.stem)
    assert saved["pl_losses"]["run_card"].startswith("Effective run\ntasks:\n  seg:")


@each_version
def test_its_weights_fit_the_model(path: Path) -> None:
    net = staged.Net()
    net.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    assert net.objective.task("seg").labels.class_weights is not None
    assert net.objective.balancer.log_variance[0] != 0


@each_version
def test_it_goes_on_in_its_stage_and_comes_to_the_end(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    schedule = staged.stages()
    staged.run(schedule, ckpt_path=path)
    history = schedule.progress.history
    assert [each.name for each in history] == ["seg", "trunk+det", "all"]
    assert [each.epochs for each in history] == [2, 2, 2]
    assert [each.proof.split(" still")[0] for each in history] == ["9/9", "3/3", "0/0"]


def test_what_an_older_version_did_not_save_is_as_it_was_then() -> None:
    schedule = staged.stages()
    schedule.load_state_dict(
        {"progress": {"stage": 1, "epochs": 1}, "titles": ["seg", "trunk+det"]}
    )
    assert schedule.stage.title == "trunk+det"
    assert schedule.progress.history == ()


@pytest.mark.parametrize("where", ["books", "progress", "history"])
def test_what_a_newer_version_has_saved_is_not_dropped_in_silence(where: str) -> None:
    state: dict[str, Any] = torch.load(SAVED[-1], weights_only=True)["callbacks"]["StagedFreezing"]
    progress = state["progress"]
    {"books": state, "progress": progress, "history": progress["history"][0]}[where]["mood"] = 1
    state["version"] = "9.1.0"
    line = rf"by pl-losses {__version__} or older; got 9.1.0, with mood. Update pl-losses."
    with pytest.raises(ValueError, match=line):
        staged.stages().load_state_dict(state)


def test_a_run_saves_what_the_stored_checkpoint_has(tmp_path: Path) -> None:
    staged.run(staged.stages(), ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1))
    now = torch.load(tmp_path / "epoch=2.ckpt", weights_only=True)
    then = torch.load(staged.FOLDER / f"{MINOR}.ckpt", weights_only=True)
    assert shape(now["callbacks"]["StagedFreezing"]) == shape(then["callbacks"]["StagedFreezing"])
    assert shape(now["state_dict"]) == shape(then["state_dict"])
    assert now["pl_losses"].keys() == then["pl_losses"].keys()


def shape(saved: Any) -> Any:
    """Return what is saved without the values."""
    if isinstance(saved, dict):
        return {name: shape(each) for name, each in saved.items()}
    return tuple(saved.shape) if isinstance(saved, torch.Tensor) else type(saved).__name__
