"""Generalised cross-entropy: between cross-entropy and absolute error, for noisy labels."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def generalized_cross_entropy(likelihood: Likelihood, q: float = 0.7) -> Tensor:
    r"""Generalised cross-entropy of each element.

    .. math::
        \ell = \frac{1 - p^q}{q}

    where :math:`p` is the probability given to the true label (of a soft label its likelihood
    :math:`\prod_k p_k^{y_k}`). It is bounded by :math:`1/q`, so a wrong label pulls only so hard;
    :math:`q \to 0` is cross-entropy and :math:`q = 1` the absolute error :math:`1 - p`.

    Args:
        likelihood: What the logits say of the target.
        q: Robustness :math:`q` from 0 to 1.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> likelihood = SoftmaxLikelihood(torch.zeros(1, 4), torch.tensor([2]))
        >>> generalized_cross_entropy(likelihood, q=0.5)
        tensor([1.])

    References:
        Zhang and Sabuncu, `Generalized Cross Entropy Loss <https://arxiv.org/abs/1805.07836>`_,
        NeurIPS 2018, without its truncation.
    """
    nll = likelihood.nll
    # p**q through the logarithm: its slope q * p**(q - 1) would be infinite at p = 0.
    return (-q * nll).expm1() / -q if q else nll


@LOSSES.register("generalized_cross_entropy", "gce")
class GeneralizedCrossEntropyLoss(ClassificationLoss):
    r"""Generalised cross-entropy of logits; the formula is :func:`generalized_cross_entropy`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        q: Robustness :math:`q` from 0 (cross-entropy) to 1 (absolute error).
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``q`` is not from 0 to 1.

    Example:
        >>> import torch
        >>> loss = GeneralizedCrossEntropyLoss("binary", q=1.0)
        >>> loss(torch.zeros(2), torch.tensor([0, 1]))
        tensor(0.5000)
    """

    lean = ("multiclass",)

    def __init__(
        self, labels: LabelsLike, *, q: float = 0.7, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.q = check_between("q", q, 0, 1)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return generalized_cross_entropy(likelihood, self.q)
