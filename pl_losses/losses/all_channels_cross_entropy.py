"""Cross-entropy of all channels: the wrong classes are scored too, for being wrong."""

from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_choice
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood, SoftmaxLikelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss

Reading = Literal["softmax", "sigmoid"]


def all_channels_cross_entropy(likelihood: Likelihood, reading: Reading = "softmax") -> Tensor:
    r"""Cross-entropy of each element over all of its channels.

    .. math::
        \ell = -\sum_k \big(y_k \log p_k + (1 - y_k) \log(1 - p_k)\big)

    where :math:`p` is the softmax of the logits, or the sigmoid of each; in nats. Plain
    cross-entropy has the first term only.

    Args:
        likelihood: What the logits say of a class.
        reading: How logits become probabilities.

    Returns:
        Loss of each element, shape ``(N, *)``: the sum over its channels, where torch's
        ``BCEWithLogitsLoss`` on one-hot targets takes the mean.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> logits = torch.tensor([[0.1, 0.5, 0.1, 0.3]]).log()
        >>> all_channels_cross_entropy(SoftmaxLikelihood(logits, torch.tensor([2])))
        tensor([3.4578])
    """
    if reading == "softmax":
        return likelihood.nll + likelihood.others_nll
    if isinstance(likelihood, SoftmaxLikelihood):
        # The surprise of a no is softplus(x), that of the one yes softplus(-x): no one-hot truth.
        target = likelihood.target.unsqueeze(1)
        yes = likelihood.logits.gather(1, target)
        return F.softplus(likelihood.logits.scatter(1, target, -yes)).sum(1)
    return SigmoidLikelihood(likelihood.logits, likelihood.truth).nll.sum(1)


@LOSSES.register("all_channels_cross_entropy")
class AllChannelsCrossEntropyLoss(ClassificationLoss):
    """Cross-entropy of all channels; the formula is :func:`all_channels_cross_entropy`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        reading: How logits become probabilities: ``"softmax"``, classes that exclude each other;
            ``"sigmoid"``, one yes-or-no question for each class.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``reading`` is not a known one.

    Example:
        >>> import torch
        >>> loss = AllChannelsCrossEntropyLoss("multiclass", reading="sigmoid")
        >>> loss(torch.zeros(1, 4), torch.tensor([2]))
        tensor(2.7726)
    """

    kinds = ("multiclass",)

    def __init__(
        self,
        labels: LabelsLike,
        *,
        reading: Reading = "softmax",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.reading = check_choice("reading", reading, get_args(Reading))

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return all_channels_cross_entropy(likelihood, self.reading)
