"""Losses of other libraries are terms of a task by their class_path (extra `peers`)."""

import importlib

import pytest
import torch

from pl_losses import Task, TaskOutput

PEERS = {
    "monai.losses.DiceLoss": {"sigmoid": True},
    "segmentation_models_pytorch.losses.DiceLoss": {"mode": "binary"},
    "kornia.losses.CharbonnierLoss": {"reduction": "mean"},
}


@pytest.mark.parametrize("path", PEERS)
def test_a_loss_of_another_library_trains_beside_ours(path: str) -> None:
    pytest.importorskip(path.partition(".")[0])
    theirs = {"class_path": path, "init_args": PEERS[path], "weight": 0.5}
    task = Task({"bce": {}, "theirs": theirs}, labels="binary")
    logits = torch.zeros(2, 1, 8, 8, requires_grad=True)
    target = torch.zeros(2, 1, 8, 8)
    target[:, :, :4] = 1
    ours, other = task.terms(TaskOutput(logits, target))
    (ours + other).backward()
    assert other.isfinite()
    assert logits.grad.abs().sum() > 0
    module, _, name = path.rpartition(".")
    own = getattr(importlib.import_module(module), name)(**PEERS[path])
    torch.testing.assert_close(other, own(logits, target))


def test_metric_learning_losses_come_from_their_own_library() -> None:
    pytest.importorskip("pytorch_metric_learning")
    path = "pytorch_metric_learning.losses.TripletMarginLoss"
    task = Task({"class_path": path, "init_args": {"margin": 0.2}})
    rng = torch.Generator().manual_seed(0)
    embeddings = torch.randn(8, 4, generator=rng, requires_grad=True)
    (loss,) = task.terms(TaskOutput(embeddings, torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])))
    loss.backward()
    assert embeddings.grad.abs().sum() > 0
