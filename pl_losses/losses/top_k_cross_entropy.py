"""Top-k cross-entropy: only the hardest elements count (online hard example mining)."""

import math

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_between
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.losses.base import LOSSES
from pl_losses.losses.classification import ClassificationLoss


def hardness_cut(nll: Tensor, counts: Tensor | None, share: float) -> Tensor:
    """Return the surprise from which on an element is among the hardest of its batch.

    Args:
        nll: Surprise of each element, at least 0, any shape.
        counts: Weight of each element, broadcastable; an element of weight 0 is not there.
        share: Share of the elements that are the hardest, 0 to 1; at least one element is.

    Returns:
        The surprise of the least hard of them, shape ``(1,)``.

    Example:
        >>> import torch
        >>> hardness_cut(torch.tensor([0.1, 3.0, 0.2, 0.4]), None, share=0.5)
        tensor([0.4000])
    """
    size = nll.numel()
    if size == 0:
        return nll.new_zeros(1)
    if counts is None:
        hardest = nll.flatten().topk(max(round(share * size), 1), sorted=False).values
        return hardest.amin(0, keepdim=True)
    there = (counts > 0).to(nll.dtype).expand_as(nll)
    ranked = nll.masked_fill(there == 0, -1.0).flatten()
    # How many to sort must be known without a look at the values; how many count need not be.
    hardest = ranked.topk(min(size, int(share * size) + 1)).values
    wanted = (share * there.sum()).round().long().clamp_min(1)
    return hardest.gather(0, wanted.reshape(1) - 1)


@LOSSES.register("top_k_cross_entropy", "ohem")
class TopKCrossEntropyLoss(ClassificationLoss):
    r"""Cross-entropy of the hardest elements of a batch; all others weigh nothing.

    .. math::
        L = \frac{1}{|H|} \sum_{i \in H} -\log p_i, \qquad
        H = \{i : p_i < t\} \cup \{\text{the } \lfloor k n \rceil \text{ least } p_i\}

    where :math:`p_i` is the probability of the true label of element i, of n that count; in nats.
    Which elements are hard is found by their surprise alone, apart from their weights; of equal
    ones all are taken.

    Noise is hard as well: wrong labels are always among the hardest.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        share: Share k of the elements that count, 0 to 1; at least one element does.
        threshold: Probability t of the true label, above 0 and up to 1, under which an element
            counts too; ``None``: by share only.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``share`` or ``threshold`` is out of range.

    Example:
        >>> import torch
        >>> loss = TopKCrossEntropyLoss("binary", share=0.25)
        >>> loss(torch.tensor([9.0, 9.0, 0.0, 9.0]), torch.tensor([1, 1, 1, 1]))
        tensor(0.6931)

    References:
        Shrivastava et al., `Training Region-Based Object Detectors with Online Hard Example Mining
        <https://arxiv.org/abs/1604.03540>`_, CVPR 2016; for pixels, with the threshold: Wu et al.,
        `Bridging Category-level and Instance-level Semantic Image Segmentation
        <https://arxiv.org/abs/1605.06885>`_, 2016. A tenth is what nnU-Net takes.
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        share: float = 0.1,
        threshold: float | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.share = check_between("share", share, 0, 1)
        if threshold is not None:
            check_between("threshold", check_above("threshold", threshold, 0), 0, 1)
        self.threshold = threshold

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        return likelihood.nll

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            # All of the batch at once: which elements are hard is known when each value is.
            elements = self.labels.arrange(pred, target, weight)
            values, weight = self.block(upcast(elements.pred), *elements.parts[1:])
            cut = hardness_cut(values.detach(), weight, self.share)
            if self.threshold is not None:
                cut = cut.clamp_max(-math.log(self.threshold))
            hard = (values.detach() >= cut).to(values.dtype)
            chosen = hard if weight is None else hard * weight
            reduced = reduce(values, self.reduction, chosen, finite=True)
            return reduced.reshape(elements.shape) if self.reduction == "none" else reduced
