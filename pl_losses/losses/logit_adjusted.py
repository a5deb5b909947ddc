"""Logit-adjusted cross-entropy: a rare class must win by as much as it is rare."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.counted import ClassCounts, CountedLoss


@LOSSES.register("logit_adjusted", "balanced_softmax")
class LogitAdjustedLoss(CountedLoss):
    r"""Cross-entropy of logits to which the frequency of the classes is added.

    .. math::
        \ell = -\log \frac{e^{x_y + \tau \log \pi_y}}{\sum_k e^{x_k + \tau \log \pi_k}},
        \qquad \pi_k = \frac{n_k}{\sum_j n_j}

    where :math:`n_k` counts the training elements of class k; in nats. Least where the logits,
    without the addition, are right for classes that are equally frequent: so predict with the
    plain logits. At :math:`\tau = 0` it is cross-entropy.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        class_counts: Number of training elements of each class, above 0; only ratios matter.
            ``"auto"``: counted when the training of a :class:`~pl_losses.MultiTaskMixin` starts.
        tau: Strength :math:`\tau \ge 0`; 1 makes it consistent for the balanced error.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If a count is not above 0, there are not as many as classes, or ``tau`` is
            below 0.

    Example:
        >>> import torch
        >>> loss = LogitAdjustedLoss("multiclass", class_counts=[90, 10], reduction="none")
        >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))
        tensor([0.1054, 2.3026])

    References:
        Menon et al., `Long-Tail Learning via Logit Adjustment <https://arxiv.org/abs/2007.07314>`_,
        ICLR 2021. At :math:`\tau = 1` it is the balanced softmax of Ren et al.,
        `Balanced Meta-Softmax <https://arxiv.org/abs/2007.10740>`_, NeurIPS 2020.
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        class_counts: ClassCounts,
        tau: float = 1.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.tau = check_at_least("tau", tau, 0)
        self.start_with(class_counts)

    @override
    def derive(self, counts: Tensor) -> Tensor:
        return self.tau * counts.log()

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        logits = likelihood.logits
        added = self.known(logits).reshape(-1, *[1] * (logits.ndim - 2))
        return self.labels.likelihood(logits + added, likelihood.target).nll
