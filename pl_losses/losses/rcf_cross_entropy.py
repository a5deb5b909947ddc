"""RCF's cross-entropy: balanced for edges, blind where the annotators did not agree."""

from typing import get_args

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_choice
from pl_losses.core.elements import Elements
from pl_losses.core.ignoring import where_marked
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.prevalence import Scope, positive_share
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES, reduce_elements
from pl_losses.losses.classification import ClassificationLoss


def rcf_cross_entropy(likelihood: Likelihood, share: Tensor, lambda_: float = 1.1) -> Tensor:
    r"""RCF's cross-entropy of each element.

    .. math::
        \ell = -\frac{N_-}{N_+ + N_-}\,y \log p
               - \lambda \frac{N_+}{N_+ + N_-} (1 - y) \log(1 - p)

    in nats; at :math:`\lambda = 1` it is the balanced cross-entropy.

    Args:
        likelihood: What the logits say of yes-or-no targets.
        share: Share of positives :math:`N_+ / (N_+ + N_-)`, broadcastable to the elements.
        lambda_: Price :math:`\lambda` of the negatives.

    Returns:
        Loss of each element.

    Example:
        >>> import torch
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> likelihood = SigmoidLikelihood(torch.zeros(4), torch.tensor([1.0, 0.0, 0.0, 0.0]))
        >>> rcf_cross_entropy(likelihood, torch.tensor(0.25))
        tensor([0.5199, 0.1906, 0.1906, 0.1906])

    References:
        Liu et al., `Richer Convolutional Features for Edge Detection
        <https://arxiv.org/abs/1612.02103>`_, CVPR 2017.
    """
    negative = lambda_ * share
    return (negative + (1 - share - negative) * likelihood.truth) * likelihood.nll


@LOSSES.register("rcf_cross_entropy", "rcf")
class RCFCrossEntropyLoss(ClassificationLoss):
    r"""RCF's cross-entropy of logits; the formula is :func:`rcf_cross_entropy`'s.

    An image without a positive teaches nothing, as in the paper. The paper sums over an image;
    the mean here divides by the number of elements that are decided.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        lambda_: Price :math:`\lambda` of the negatives, at least 0.
        undecided: Label of the elements that some annotators called an edge and others did not;
            they are neither counted nor learned, as if ignored. ``None``: there are none.
        per: Over what positives are counted: each ``"image"`` (and class), or the ``"batch"``.
            Samples of one element each are one batch either way.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``lambda_`` is below 0 or ``per`` not a known one.

    Example:
        >>> import torch
        >>> loss = RCFCrossEntropyLoss("binary", reduction="sum")
        >>> loss(torch.zeros(1, 5), torch.tensor([[1, 0, 0, 0, 2]]))
        tensor(1.0917)
    """

    kinds = ("binary", "multilabel")

    def __init__(
        self,
        labels: LabelsLike,
        *,
        lambda_: float = 1.1,
        undecided: float | None = 2,
        per: Scope = "image",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.lambda_ = check_at_least("lambda_", lambda_, 0)
        self.undecided = undecided
        self.per = check_choice("per", per, get_args(Scope))

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        return (positive_share(self.labels, elements, self.per),)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        (share,) = context
        return rcf_cross_entropy(likelihood, share, self.lambda_)

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        with full_precision(pred):
            elements = self._decided(self.labels.arrange(pred, target, weight))
            return reduce_elements(
                self.block, elements, self.reduction, context=self.context(elements)
            )

    def _decided(self, elements: Elements) -> Elements:
        undecided = where_marked(elements.target, self.undecided, distribution=False)
        if undecided is None:
            return elements
        # A weight of 0 is the whole of ignoring: reading replaces such a target.
        decided = (~undecided).to(upcast(elements.pred[:0]).dtype)
        if elements.weight is not None:
            decided = decided * elements.weight
        return Elements(elements.pred, elements.target, decided, elements.shape)
