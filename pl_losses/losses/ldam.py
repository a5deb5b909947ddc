"""LDAM loss: the rarer a class, the wider the margin it must win by."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.counted import ClassCounts, CountedLoss


@LOSSES.register("ldam")
class LDAMLoss(CountedLoss):
    r"""Cross-entropy of logits from which the true class has a margin taken off.

    .. math::
        \ell = -\log \frac{e^{s(x_y - \Delta_y)}}{e^{s(x_y - \Delta_y)} + \sum_{k \ne y} e^{s x_k}},
        \qquad \Delta_k = m \Big(\frac{\min_j n_j}{n_k}\Big)^{1/4}

    where :math:`n_k` counts the training elements of class k; in nats. Of a soft label each class
    has its part of the margin taken off.

    The margins mean something if the logits are cosines: feed it normalised features and class
    vectors, as the paper does, or set ``scale`` to 1. The paper begins to weigh the classes
    (deferred re-weighting) late in training: class weights of the labels, set then.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        class_counts: Number of training elements of each class, above 0; only ratios matter.
            ``"auto"``: counted when the training of a :class:`~pl_losses.MultiTaskMixin` starts.
        max_margin: Margin m of the rarest class, above 0, in units of the logits.
        scale: Factor s above 0 of the logits.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is not above 0, or there are not as many counts as classes.

    Example:
        >>> import torch
        >>> loss = LDAMLoss("multiclass", class_counts=[16, 1], scale=1.0, reduction="none")
        >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))
        tensor([0.8259, 0.9741])

    References:
        Cao et al., `Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss
        <https://arxiv.org/abs/1906.07413>`_, NeurIPS 2019; margin and scale are those of the
        authors' code.
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        class_counts: ClassCounts,
        max_margin: float = 0.5,
        scale: float = 30.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.max_margin = check_above("max_margin", max_margin, 0)
        self.scale = check_above("scale", scale, 0)
        self.start_with(class_counts)

    @override
    def derive(self, counts: Tensor) -> Tensor:
        return self.max_margin * (counts.min() / counts).pow(0.25)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        logits = likelihood.logits
        margins = self.known(logits).reshape(-1, *[1] * (logits.ndim - 2))
        scaled = self.scale * (logits - margins * likelihood.truth)
        return self.labels.likelihood(scaled, likelihood.target).nll
