"""A bare batch, which needs no reading, has the loss that a batch that was laid out has."""

import pytest
import torch

from pl_losses import LOSSES
from pl_losses.losses.elementwise import ElementwiseLoss
from tests.losses.samples import SUBJECTS, Subject

ALONE = [
    subject
    for subject in SUBJECTS
    if subject.kind in ("binary", "multilabel", "regression")
    and isinstance(subject.build(), ElementwiseLoss)
    and subject.build().alone  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("subject", ALONE, ids=str)
def test_a_bare_batch_is_no_special_case(subject: Subject, reduction: str) -> None:
    meaning = {"ignore_index": None} if subject.classifies else {}
    loss = subject.build(reduction=reduction, **meaning)
    pred, target = subject.sample((6, 5), dtype=torch.float64)
    target = target.to(pred.dtype)
    assert loss.labels.bare(pred, target, None)  # type: ignore[operator, union-attr]
    results = []
    for weight in (None, torch.ones((), dtype=torch.float64)):  # with a weight it is laid out
        leaf = pred.clone().requires_grad_()
        value = loss(leaf, target, weight)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), leaf)))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("name", ["cross_entropy", "mse", "l1", "smooth_l1", "huber"])
def test_a_kernel_of_torch_has_no_say_on_an_empty_batch(name: str) -> None:
    labels = "binary" if name == "cross_entropy" else "regression"
    value = LOSSES.build(name, labels=labels)(torch.zeros(0, 3), torch.zeros(0, 3))
    assert value == 0
