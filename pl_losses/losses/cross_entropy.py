"""Cross-entropy: the surprise at the truth."""

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_between
from pl_losses.core.labels import Labels, LabelsLike
from pl_losses.core.likelihood import Likelihood, SoftLabelLikelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def cross_entropy(likelihood: Likelihood, label_smoothing: float = 0.0) -> Tensor:
    r"""Cross-entropy of each element.

    .. math::
        \ell = -(1 - \epsilon) \sum_k y_k \log p_k - \frac{\epsilon}{K} \sum_k \log p_k

    where :math:`y` is the label (one 1 if it is hard), :math:`p` the predicted distribution over
    its K values (two for binary and multilabel) and :math:`\epsilon` the smoothing; in nats.

    Args:
        likelihood: What the logits say of the target.
        label_smoothing: Share :math:`\epsilon` of the label that is spread over all classes, 0
            to 1.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> logits, target = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0])
        >>> cross_entropy(SoftmaxLikelihood(logits, target))
        tensor([0.1269, 2.1269])

    References:
        Smoothing: Szegedy et al., `Rethinking the Inception Architecture for Computer Vision
        <https://arxiv.org/abs/1512.00567>`_, CVPR 2016, section 7.
    """
    if not label_smoothing:
        return likelihood.nll
    return likelihood.smooth_nll(label_smoothing)


@LOSSES.register("cross_entropy", "ce", "bce")
class CrossEntropyLoss(ClassificationLoss):
    """Cross-entropy of logits; the formula is :func:`cross_entropy`'s.

    With class weights the mean is the weighted one, divided by the sum of the weights of the
    true labels, as in torch; torch's ``BCEWithLogitsLoss(pos_weight=w)`` has the same sum as
    binary labels with ``class_weights=[1, w]``, but divides by the number of elements. With
    smoothing too, each class keeps its own weight in the uniform part, as in torch.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        label_smoothing: Share of the label that is spread over all classes, 0 to 1.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``label_smoothing`` is not from 0 to 1.

    Example:
        >>> import torch
        >>> loss = CrossEntropyLoss("binary")
        >>> loss(torch.tensor([0.0, 3.0]), torch.tensor([1, 1]))
        tensor(0.3709)
    """

    alone = True

    def __init__(
        self,
        labels: LabelsLike,
        *,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1)
        by_class = self.labels.class_weights is not None or self.labels.counted
        self.lean = () if label_smoothing and by_class else self.kinds
        self.kernel = None if label_smoothing else F.binary_cross_entropy_with_logits

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        weights = self.labels.class_weights
        if self.label_smoothing and self.labels.kind == "multiclass" and weights is not None:
            return weighted_cross_entropy(likelihood, self.label_smoothing, self.labels)
        return cross_entropy(likelihood, self.label_smoothing)


def weighted_cross_entropy(
    likelihood: Likelihood, label_smoothing: float, labels: Labels
) -> Tensor:
    r"""Smoothed cross-entropy in which each class keeps its weight, relative to the true one's.

    .. math::
        \ell = -\sum_k \frac{w_k}{w_y} \Big((1 - \epsilon) y_k + \frac{\epsilon}{K}\Big) \log p_k

    The weight :math:`w_y` of the true label, by which the element is weighed, cancels the
    denominator, so that a sum over elements is torch's.
    """
    truth = likelihood.truth
    weights = labels.weights_like(truth)
    smooth = (1 - label_smoothing) * truth + label_smoothing / truth.shape[1]
    own = (weights * truth).sum(1, keepdim=True)
    relative = weights / own.where(own > 0, 1.0)
    return SoftLabelLikelihood(likelihood.logits, relative * smooth).nll
