"""Losses on features: centre loss and InfoNCE."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import CenterLoss, CrossEntropyLoss, InfoNCELoss


def features() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(6, 4, generator=rng), torch.tensor([0, 1, 2, 0, 1, 1])


def test_center_loss_is_half_the_squared_distance() -> None:
    pred, target = features()
    loss = CenterLoss(num_classes=3, num_features=4)
    torch.nn.init.normal_(loss.centers, generator=torch.Generator().manual_seed(1))
    expected = sum(
        (x - loss.centers[y]).square().sum() / 2 for x, y in zip(pred, target, strict=True)
    )
    torch.testing.assert_close(loss(pred, target), expected / 6)


def test_centers_go_to_the_mean_of_their_class() -> None:
    pred, target = features()
    loss = CenterLoss(num_classes=4, num_features=4)
    optimizer = torch.optim.SGD(loss.parameters(), lr=1.0)
    for _ in range(100):
        optimizer.zero_grad()
        loss(pred, target).backward()
        optimizer.step()
    for each in range(3):
        torch.testing.assert_close(loss.centers[each], pred[target == each].mean(0))
    assert (loss.centers[3] == 0).all()


def test_center_loss_works_beside_cross_entropy() -> None:
    pred, target = features()
    pred.requires_grad_()
    center, classify = CenterLoss(num_classes=3, num_features=4), torch.nn.Linear(4, 3)
    total = CrossEntropyLoss("multiclass")(classify(pred), target) + 0.003 * center(pred, target)
    total.backward()
    assert pred.grad.abs().sum() > 0
    assert center.centers.grad.abs().sum() > 0
    assert "centers" in center.state_dict()


def test_ignored_features_have_no_say() -> None:
    pred, target = features()
    target[1] = -100
    loss = CenterLoss(num_classes=3, num_features=4)
    keep = target != -100
    torch.testing.assert_close(loss(pred, target), loss(pred[keep], target[keep]))


def test_feature_maps_have_a_value_at_each_place() -> None:
    rng = torch.Generator().manual_seed(0)
    pred, target = torch.randn(2, 4, 3, 5, generator=rng), torch.zeros(2, 3, 5, dtype=torch.long)
    loss = CenterLoss(num_classes=3, num_features=4, reduction="none")
    torch.testing.assert_close(loss(pred, target), pred.square().sum(1) / 2)


def test_info_nce_is_cross_entropy_with_the_own_pair_as_label() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 8, generator=rng, dtype=torch.float64) for _ in range(2))
    cosine = torch.stack([F.cosine_similarity(each, other, dim=1) for each in one])
    own = torch.arange(5)
    there, back = F.cross_entropy(cosine / 0.2, own), F.cross_entropy(cosine.T / 0.2, own)
    both = InfoNCELoss(temperature=0.2)(one, other)
    one_way = InfoNCELoss(temperature=0.2, symmetric=False)(one, other)
    torch.testing.assert_close(both, (there + back) / 2, rtol=1e-6, atol=0)
    torch.testing.assert_close(one_way, there, rtol=1e-6, atol=0)


def test_both_modalities_are_learned() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 8, generator=rng).requires_grad_() for _ in range(2))
    InfoNCELoss()(one, other).backward()
    assert one.grad.abs().sum() > 0
    assert other.grad.abs().sum() > 0


def test_a_pair_of_weight_zero_is_no_negative_either() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 8, generator=rng) for _ in range(2))
    expected = InfoNCELoss()(one[1:], other[1:])
    one[0], other[0] = torch.nan, torch.nan
    one.requires_grad_()
    with torch.autograd.set_detect_anomaly(True):
        loss = InfoNCELoss()(one, other, torch.tensor([0.0, 1, 1, 1, 1]))
        loss.backward()
    torch.testing.assert_close(loss, expected)
    assert (one.grad[0] == 0).all()


def test_a_learned_temperature_is_a_parameter_and_bounded() -> None:
    rng = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 8, generator=rng) for _ in range(2))
    learned = InfoNCELoss(learn_temperature=True)
    torch.testing.assert_close(learned(one, other), InfoNCELoss()(one, other))
    learned(one, other).backward()
    assert learned.log_scale.grad != 0
    assert not list(InfoNCELoss().parameters())
    torch.nn.init.constant_(learned.log_scale, math.log(1e6))
    torch.testing.assert_close(learned(one, other), InfoNCELoss(temperature=0.01)(one, other))


def test_wrong_input_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"`num_classes` must be at least 2; got 1"):
        CenterLoss(num_classes=1, num_features=4)
    with pytest.raises(ValueError, match=r"`num_features` must be at least 1; got 0"):
        CenterLoss(num_classes=2, num_features=0)
    loss = CenterLoss(num_classes=3, num_features=4)
    with pytest.raises(ValueError, match=r"`pred` must have shape \(N, 4, \*\); got"):
        loss(torch.zeros(2, 5), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match=r"`target` must hold class numbers"):
        loss(torch.zeros(2, 4), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"`temperature` must be above 0; got 0"):
        InfoNCELoss(temperature=0)
    with pytest.raises(ValueError, match=r"`pred` must have shape \(N, D\); got shape \(2, 3, 4\)"):
        InfoNCELoss()(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match=r"`target` must have shape \(2, 3\); got shape \(2, 4\)"):
        InfoNCELoss()(torch.zeros(2, 3), torch.zeros(2, 4))
