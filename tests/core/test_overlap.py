"""The sums of an overlap, by a naive loop; those made by hand are those of the plain formula."""

import pytest
import torch
from torch import Tensor

from pl_losses.core import chunks, overlap, overlap_gradient
from pl_losses.core.likelihood import (
    Likelihood,
    SigmoidLikelihood,
    SoftLabelLikelihood,
    SoftmaxLikelihood,
)
from pl_losses.core.overlap import Overlap, overlap_sums

WEIGHTS = ["none", "places", "classes"]


def random(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def likelihoods() -> dict[str, Likelihood]:
    logits = 4 * random(3, 4, 5) - 2
    classes = torch.randint(4, (3, 5), generator=torch.Generator().manual_seed(1))
    return {
        "binary": SigmoidLikelihood(4 * random(3, 5) - 2, random(3, 5).round()),
        "soft binary": SigmoidLikelihood(4 * random(3, 5) - 2, random(3, 5)),
        "multilabel": SigmoidLikelihood(logits, random(3, 4, 5).round()),
        "multiclass": SoftmaxLikelihood(logits, classes),
        "distribution": SoftLabelLikelihood(logits, random(3, 4, 5).softmax(1)),
    }


def weight_of(kind: str, weights: str) -> Tensor | None:
    if weights == "none":
        return None
    shape = (3, 4, 5) if weights == "classes" and kind == "multilabel" else (3, 5)
    if kind == "multilabel" and weights == "places":
        shape = (3, 1, 5)
    return 2 * random(*shape) * (random(*shape) > 0.3)


def naive(likelihood: Likelihood, weight: Tensor | None, *, squared: bool) -> Tensor:
    p, y = likelihood.probabilities, likelihood.truth
    if p.ndim == 2:
        p, y = p.unsqueeze(1), y.unsqueeze(1)
    w = torch.ones(1, 1, 1) if weight is None else weight
    w = (w.unsqueeze(1) if w.ndim == 2 else w).expand_as(p)
    power = 2 if squared else 1
    sums = torch.zeros(*p.shape[:2], 4, dtype=p.dtype)
    for n in range(p.shape[0]):
        for c in range(p.shape[1]):
            for i in range(p.shape[2]):
                one, own, truth = w[n, c, i], p[n, c, i], y[n, c, i]
                terms = [one * own * truth, one * own**power, one * truth**power, one]
                sums[n, c] += torch.stack([term.to(p.dtype) for term in terms])
    return sums


every = [
    pytest.mark.parametrize("kind", likelihoods()),
    pytest.mark.parametrize("weights", WEIGHTS),
    pytest.mark.parametrize("squared", [False, True]),
]


def each(test: object) -> object:
    for mark in every:
        test = mark(test)
    return test


@each
def test_sums_are_those_of_a_loop(kind: str, weights: str, *, squared: bool) -> None:
    likelihood, weight = likelihoods()[kind], weight_of(kind, weights)
    sums = overlap_sums(likelihood, weight, squared=squared)
    torch.testing.assert_close(sums, naive(likelihood, weight, squared=squared))


@each
def test_derivatives_by_hand_are_those_of_the_plain_formula(
    kind: str, weights: str, monkeypatch: pytest.MonkeyPatch, *, squared: bool
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 7)
    monkeypatch.setattr(overlap_gradient, "SHORT", 2)
    monkeypatch.setattr(overlap_gradient, "ENOUGH", 0)
    weight = weight_of(kind, weights)
    results = []
    for by_hand in (True, False):
        if not by_hand:
            monkeypatch.setattr(overlap, "by_hand", lambda *_: False)
        plain = likelihoods()[kind]
        leaf = plain.logits.clone().requires_grad_()
        likelihood = type(plain)(leaf, plain.target)  # type: ignore[call-arg]
        value = overlap_sums(likelihood, weight, squared=squared).sin().sum()
        (slope,) = torch.autograd.grad(value, leaf, retain_graph=True)
        kept = slope.clone()
        slope.zero_()
        (again,) = torch.autograd.grad(value, leaf, retain_graph=True)
        (graph,) = torch.autograd.grad(value, leaf, create_graph=True)
        (curvature,) = torch.autograd.grad(graph.square().sum(), leaf)
        results.append([value.detach(), kept, again, graph.detach(), curvature])
    torch.testing.assert_close(*results)


def test_errors_are_what_is_not_shared() -> None:
    part = Overlap(*torch.tensor([[1.0], [3.0], [5.0], [9.0]]))
    assert part.false_pred == 2
    assert part.missed_truth == 4
