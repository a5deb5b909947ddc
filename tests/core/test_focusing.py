"""The focal step made by hand is the formula: value, gradient, and the gradient's own."""

import pytest
import torch

from pl_losses.core import focusing
from pl_losses.core.focusing import focused_nll
from pl_losses.core.likelihood import SigmoidLikelihood


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.7, 2.0, 5.0])
def test_the_step_is_the_plain_formula(
    monkeypatch: pytest.MonkeyPatch, gamma: float, *, soft: bool
) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(30, generator=rng, dtype=torch.float64)
    target = torch.rand(30, generator=rng, dtype=torch.float64)
    target = target if soft else target.round()
    results = []
    for by_hand in (True, False):
        if not by_hand:
            monkeypatch.setattr(focusing, "eager_on_cpu", lambda *_: False)
        leaf = logits.clone().requires_grad_()
        values = focused_nll(SigmoidLikelihood(leaf, target), gamma)
        total = (values * torch.arange(30)).sum()
        (slope,) = torch.autograd.grad(total, leaf, retain_graph=True)
        kept = slope.clone()
        slope.zero_()
        (again,) = torch.autograd.grad(total, leaf, retain_graph=True)
        (graph,) = torch.autograd.grad(total, leaf, create_graph=True)
        (curvature,) = torch.autograd.grad(graph.square().sum(), leaf)
        results.append([values.detach(), kept, again, graph.detach(), curvature])
    torch.testing.assert_close(*results)
