"""Focal loss: cross-entropy that listens to hard elements and hushes easy ones."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_between
from pl_losses.core.focusing import focused_nll
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.dense import DenseLoss, Normalizer


def focal_loss(likelihood: Likelihood, gamma: float = 2.0) -> Tensor:
    r"""Focal loss of each element.

    .. math::
        \ell = -(1 - p)^\gamma \log p

    where :math:`p` is the probability given to the true label (of a soft label its likelihood
    :math:`\prod_k p_k^{y_k}`). The loss is in nats, like cross-entropy, which it equals at
    :math:`\gamma = 0`.

    Args:
        likelihood: What the logits say of the target.
        gamma: Focus :math:`\gamma \ge 0`: the larger, the less an easy element counts.

    Returns:
        Loss of each element, shape ``(N, *)``; ``(N, C, *)`` for multilabel.

    Example:
        >>> from pl_losses.core.likelihood import SoftmaxLikelihood
        >>> logits, target = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0])
        >>> focal_loss(SoftmaxLikelihood(logits, target))
        tensor([0.0018, 1.6501])

    References:
        Lin et al., `Focal Loss for Dense Object Detection <https://arxiv.org/abs/1708.02002>`_,
        ICCV 2017.
    """
    return focused_nll(likelihood, gamma)


@LOSSES.register("focal")
class FocalLoss(DenseLoss):
    r"""Focal loss of logits; the formula is :func:`focal_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        gamma: Focus :math:`\gamma \ge 0`.
        alpha: Factor of each label, as in the paper's balanced form, apart from the weights by
            which a mean divides. A number from 0 to 1: :math:`\alpha` for the label 1 and
            :math:`1 - \alpha` for 0 (binary, multilabel). A sequence: one factor for each class
            (multiclass). The paper's 0.25 goes with gamma 2 and thousands of negatives for each
            positive; on segmentation it predicts too little, so the default is none.
        normalizer: What the mean divides by: the ``"elements"``, or the ``"positives"``, as the
            paper does for anchors: the weight of the elements whose label is not 0, at least 1.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``gamma`` is below zero, or ``alpha`` does not suit the kind of labels.

    Example:
        >>> loss = FocalLoss("binary", gamma=1.5, alpha=0.25)
        >>> loss(torch.zeros(2), torch.tensor([0, 1]))
        tensor(0.1225)
    """

    alone = True
    lean = ("multiclass",)

    alpha: Tensor | None

    def __init__(
        self,
        labels: LabelsLike,
        *,
        gamma: float = 2.0,
        alpha: float | Sequence[float] | None = None,
        normalizer: Normalizer = "elements",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, normalizer=normalizer, reduction=reduction)
        self.gamma = check_at_least("gamma", gamma, 0)
        self.register_buffer("alpha", self._factors(alpha), persistent=False)

    def _factors(self, alpha: float | Sequence[float] | None) -> Tensor | None:
        if alpha is None:
            return None
        if isinstance(alpha, int | float):
            if self.labels.kind == "multiclass":
                raise ValueError(
                    "`alpha` must be one factor for each class for multiclass labels (one number "
                    f"would only scale the loss); got {alpha}."
                )
            check_between("alpha", alpha, 0, 1)
            return torch.tensor([1 - alpha, alpha])
        if self.labels.kind != "multiclass":
            raise ValueError(
                f"`alpha` must be one number for {self.labels.kind} labels; got {list(alpha)}."
            )
        return torch.tensor([check_at_least("alpha", each, 0) for each in alpha])

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        values = focal_loss(likelihood, self.gamma)
        if self.alpha is None:
            return values
        return values * self.labels.weight_of(likelihood.target, self.alpha.to(values.dtype))
