"""Steps made by hand keep out of where every operation must be seen."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from pl_losses.core.eager import eager_on_cpu
from tests.losses.samples import ONE_EACH, Subject


def test_only_plain_tensors_on_the_cpu_are_computed_with_as_they_are() -> None:
    class Other(torch.Tensor):
        pass

    assert eager_on_cpu(torch.zeros(1), torch.nn.Parameter(torch.zeros(1)))
    assert not eager_on_cpu(torch.zeros(1).as_subclass(Other))
    assert not eager_on_cpu(torch.zeros(1), torch.zeros(1, device="meta"))
    seen = []
    torch.vmap(lambda each: seen.append(eager_on_cpu(each)) or each)(torch.zeros(2))
    assert seen == [False]


@pytest.mark.parametrize("subject", ONE_EACH, ids=str)
def test_shapes_can_be_traced_without_data(subject: Subject) -> None:
    loss = subject.build()
    pred, target = subject.sample(dtype=torch.float32)
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        leaf = fake.from_tensor(pred.requires_grad_())
        value = loss(leaf, fake.from_tensor(target))
        assert value.shape == ()
        value.backward()
        assert leaf.grad is not None
        assert leaf.grad.shape == pred.shape
