"""Gradient harmonising: elements whose gradients are alike share one say."""

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_at_least
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss
from pl_losses.losses.regression import RegressionLoss


def harmony(norms: Tensor, weight: Tensor | None, bins: int) -> Tensor:
    r"""Factor of each bin of gradient norms, by which all bins in use get the same say.

    .. math::
        \beta_b = \frac{\sum_c R_c}{B\,R_b}

    where :math:`R_b` is the weight of the elements in bin b, and B counts the bins in use. Over
    the elements the factors average 1.

    Args:
        norms: Gradient norm of each element, 0 to 1, any shape.
        weight: Weight of each element, broadcastable; one each if not given.
        bins: Number of bins of equal width.

    Returns:
        Shape ``(bins,)``; 0 for an empty bin.

    Example:
        >>> harmony(torch.tensor([0.1, 0.1, 0.1, 0.9]), None, bins=2)
        tensor([0.6667, 2.0000])
    """
    mass = torch.ones_like(norms) if weight is None else weight.expand_as(norms)
    counts = norms.new_zeros(bins).scatter_add(0, _bin(norms, bins).flatten(), mass.flatten())
    used = (counts > 0).sum().clamp_min(1)
    return torch.where(counts > 0, counts.sum() / (used * counts.where(counts > 0, 1.0)), 0.0)


def _bin(norms: Tensor, bins: int) -> Tensor:
    return (norms * bins).long().clamp(0, bins - 1)


def _own(factors: Tensor, norms: Tensor) -> Tensor:
    factors = factors.flatten()
    return factors[_bin(norms, len(factors))]


@LOSSES.register("ghm", "ghm_c")
class GHMLoss(ClassificationLoss):
    r"""Cross-entropy harmonised by the density of gradients.

    .. math::
        \ell = -\beta(|p - y|) \big(y \log p + (1 - y) \log(1 - p)\big)

    in nats, where :math:`|p - y|` is the norm of the gradient and :math:`\beta` the factor of its
    bin, :func:`harmony`: the many easy elements, and the outliers that never fit, are many alike
    and count less. The bins are counted anew in each batch, over its elements that count, so the
    loss has no state; the authors' code can also average them over batches.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        bins: Number of bins, at least 1; 1 is cross-entropy.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``bins`` is below 1.

    Example:
        >>> loss = GHMLoss("binary", bins=2)
        >>> loss(torch.tensor([9.0, 9.0, 9.0, -1.0]), torch.ones(4)).round(decimals=4)
        tensor(0.6567)

    References:
        Li et al., `Gradient Harmonized Single-stage Detector <https://arxiv.org/abs/1811.05181>`_,
        AAAI 2019. B is the number of bins in use, as in the authors' code, where the paper has
        that of all; their 30 bins are the default.
    """

    kinds = ("binary", "multilabel")

    def __init__(
        self, labels: LabelsLike, *, bins: int = 30, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.bins = int(check_at_least("bins", bins, 1))

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        pred = elements.pred.detach()
        logits, truth, _ = self.labels.read(pred, elements.target)
        _, weight = self.labels.clean(pred, elements.target, elements.weight)
        norms = (logits.sigmoid() - truth).abs()
        return (harmony(norms, weight, self.bins).reshape(1, -1, 1),)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        norms = (likelihood.probabilities - likelihood.truth).detach().abs()
        return _own(context[0], norms) * likelihood.nll


@LOSSES.register("ghm_regression", "ghm_r")
class GHMRegressionLoss(RegressionLoss):
    r"""Smoothed absolute error harmonised by the density of gradients.

    .. math::
        \ell = \beta\Big(\frac{|r|}{\sqrt{r^2 + \mu^2}}\Big) \big(\sqrt{r^2 + \mu^2} - \mu\big),
        \qquad r = x - y

    in units of the target, where :math:`\beta` is the factor of the gradient norm's bin,
    :func:`harmony`, counted anew in each batch.

    Args:
        labels: What the target means: numbers.
        mu: Width :math:`\mu > 0` of the rounded part, in units of the target.
        bins: Number of bins, at least 1; with 1 only the smoothed absolute error is left.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``mu`` is not above 0 or ``bins`` below 1.

    Example:
        >>> loss = GHMRegressionLoss(mu=0.75, bins=1)
        >>> loss(torch.tensor([1.0]), torch.tensor([0.0]))
        tensor(0.5000)

    References:
        Li et al., `Gradient Harmonized Single-stage Detector <https://arxiv.org/abs/1811.05181>`_,
        AAAI 2019; width and number of bins are those of its authors' configuration.
    """

    kinds = ("regression",)

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        mu: float = 0.02,
        bins: int = 10,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.mu = check_above("mu", mu, 0)
        self.bins = int(check_at_least("bins", bins, 1))

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        pred = elements.pred.detach()
        pred, target, weight = self.labels.read(pred, elements.target, elements.weight)
        norms = (pred - target).abs() / self._length(pred - target)
        return (harmony(norms, weight, self.bins).reshape(1, -1, 1),)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        residual = pred - target
        length = self._length(residual)
        norms = (residual.abs() / length).detach()
        # r**2 / (length + mu) is length - mu without the difference of two near numbers.
        return _own(context[0], norms) * (residual * residual / (length + self.mu))

    def _length(self, residual: Tensor) -> Tensor:
        return (residual * residual + self.mu**2).sqrt()
