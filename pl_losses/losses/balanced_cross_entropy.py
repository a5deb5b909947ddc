"""Balanced cross-entropy: positives and negatives have the same say, however few there are."""

from typing import get_args

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_choice
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.prevalence import Scope, positive_share
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def balanced_cross_entropy(likelihood: Likelihood, share: Tensor) -> Tensor:
    r"""Balanced cross-entropy of each element.

    .. math::
        \ell = -\beta\,y \log p - (1 - \beta)(1 - y) \log(1 - p)

    where :math:`\beta = N_- / (N_+ + N_-)` is the share of negatives; in nats.

    Args:
        likelihood: What the logits say of yes-or-no targets.
        share: Share of positives, :math:`1 - \beta`, broadcastable to the elements.

    Returns:
        Loss of each element.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> likelihood = SigmoidLikelihood(torch.zeros(4), torch.tensor([1.0, 0.0, 0.0, 0.0]))
        >>> balanced_cross_entropy(likelihood, torch.tensor(0.25))
        tensor([0.5199, 0.1733, 0.1733, 0.1733])

    References:
        Xie and Tu, `Holistically-Nested Edge Detection <https://arxiv.org/abs/1504.06375>`_,
        ICCV 2015.
    """
    truth = likelihood.truth
    # Linear in y from 1 - beta to beta, so that a soft label takes its part of each.
    return (share + (1 - 2 * share) * truth) * likelihood.nll


@LOSSES.register("balanced_cross_entropy", "balanced_bce")
class BalancedCrossEntropyLoss(ClassificationLoss):
    r"""Balanced cross-entropy of logits; the formula is :func:`balanced_cross_entropy`'s.

    An image without a positive, or without a negative, teaches nothing: all of its factors are 0,
    as in the paper. Where such images matter, balance over the batch. The balance is counted anew
    in every batch and jumps with it; class weights of the labels are the constant alternative.

    The paper sums over an image; the mean here divides by the number of elements, so that the
    loss does not grow with the image.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        per: Over what the share of negatives is counted: each ``"image"`` (and class), as in the
            paper, or the whole ``"batch"``. Ignored elements are not counted. Samples of one
            element each are one batch either way.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``per`` is not a known one.

    Example:
        >>> import torch
        >>> loss = BalancedCrossEntropyLoss("binary", reduction="sum")
        >>> loss(torch.zeros(1, 4), torch.tensor([[1, 0, 0, 0]]))
        tensor(1.0397)
    """

    kinds = ("binary", "multilabel")

    def __init__(
        self,
        labels: LabelsLike,
        *,
        per: Scope = "image",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.per = check_choice("per", per, get_args(Scope))

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        return (positive_share(self.labels, elements, self.per),)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        (share,) = context
        return balanced_cross_entropy(likelihood, share)
