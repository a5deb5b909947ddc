"""CornerNet's focal loss: heat-maps in which a near miss costs little."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.dense import DenseLoss, Normalizer
from pl_losses.losses.focal import focal_loss


def cornernet_focal_loss(likelihood: Likelihood, alpha: float = 2.0, beta: float = 4.0) -> Tensor:
    r"""CornerNet's focal loss of each place.

    .. math::
        \ell = \begin{cases}
            -(1 - p)^\alpha \log p & y = 1 \\
            -(1 - y)^\beta\,p^\alpha \log(1 - p) & y < 1
        \end{cases}

    where :math:`y` is a heat-map that is 1 at a keypoint and falls off around it, often as a
    Gaussian; in nats. A place that is nearly a keypoint is a negative, but a cheap one.

    Args:
        likelihood: What the logits say of a heat-map.
        alpha: Focus :math:`\alpha \ge 0` on hard places.
        beta: How much a place near a keypoint is forgiven, :math:`\beta \ge 0`.

    Returns:
        Loss of each place.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> cornernet_focal_loss(SigmoidLikelihood(torch.zeros(3), torch.tensor([0.0, 0.5, 1.0])))
        tensor([0.1733, 0.0108, 0.1733])

    References:
        Law and Deng, `CornerNet <https://arxiv.org/abs/1808.01244>`_, ECCV 2018.
    """
    truth = likelihood.truth
    keypoint = (truth == 1).to(truth.dtype)
    focal = focal_loss(SigmoidLikelihood(likelihood.logits, keypoint), alpha)
    return (power(1 - truth, beta) * (1 - keypoint) + keypoint) * focal


@LOSSES.register("cornernet_focal", "heatmap_focal")
class CornerNetFocalLoss(DenseLoss):
    r"""CornerNet's focal loss of logits; the formula is :func:`cornernet_focal_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        alpha: Focus :math:`\alpha \ge 0` on hard places.
        beta: How much a place near a keypoint is forgiven, :math:`\beta \ge 0`.
        normalizer: What the mean divides by: the ``"elements"``, or the ``"positives"``, as in
            the paper: the keypoints, which are the elements of value 1.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``alpha`` or ``beta`` is below 0.

    Example:
        >>> import torch
        >>> loss = CornerNetFocalLoss("binary", normalizer="positives")
        >>> loss(torch.zeros(1, 4), torch.tensor([[0.0, 0.5, 1.0, 0.5]]))
        tensor(0.3682)
    """

    kinds = ("binary", "multilabel")

    def __init__(
        self,
        labels: LabelsLike,
        *,
        alpha: float = 2.0,
        beta: float = 4.0,
        normalizer: Normalizer = "elements",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, normalizer=normalizer, reduction=reduction)
        self.alpha = check_at_least("alpha", alpha, 0)
        self.beta = check_at_least("beta", beta, 0)

    @override
    def positive(self, truth: Tensor) -> Tensor:
        return (truth == 1).to(truth.dtype)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return cornernet_focal_loss(likelihood, self.alpha, self.beta)
