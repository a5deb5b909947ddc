"""InfoNCE: of all pairs in a batch, the two halves of one pair find each other."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from pl_losses.core.checks import check_above, check_floating, check_shape
from pl_losses.core.elements import spread_weight
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.reduction import Reduction, reduce
from pl_losses.losses.base import LOSSES, Loss

SHARPEST = 100.0
"""Greatest learned factor of the similarities, as in CLIP: beyond it training becomes unstable."""


def info_nce(similarity: Tensor, *, symmetric: bool = True) -> Tensor:
    r"""InfoNCE of each pair.

    .. math::
        \ell_i = -\tfrac{1}{2} \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}}}
                 -\tfrac{1}{2} \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ji}}}

    where :math:`s_{ij}` is the similarity of the first half of pair i and the second half of pair
    j; one way only, it is twice the first term. In nats; a guess among N pairs costs
    :math:`\log N`.

    Args:
        similarity: Shape ``(N, N)``.
        symmetric: Whether each half looks for the other; if not, the first for the second.

    Returns:
        Loss of each pair, shape ``(N,)``.

    Example:
        >>> info_nce(torch.zeros(4, 4))
        tensor([1.3863, 1.3863, 1.3863, 1.3863])

    References:
        van den Oord et al., `Representation Learning with Contrastive Predictive Coding
        <https://arxiv.org/abs/1807.03748>`_, 2018; both ways: Radford et al., `Learning
        Transferable Visual Models From Natural Language Supervision
        <https://arxiv.org/abs/2103.00020>`_, ICML 2021.
    """
    there = similarity.logsumexp(1) - similarity.diagonal()
    if not symmetric:
        return there
    return (there + similarity.logsumexp(0) - similarity.diagonal()) / 2


@LOSSES.register("info_nce", "clip")
class InfoNCELoss(Loss):
    r"""InfoNCE of two modalities, such as image and text; the formula is :func:`info_nce`'s.

    Prediction and target are embeddings ``(N, D)`` of the two halves of N pairs; both get a
    gradient. Their similarity is the cosine, divided by the temperature. Every other pair of this
    process's batch is a negative, so larger batches are harder. A pair of weight 0 is neither
    learned nor a negative.

    Args:
        temperature: Temperature above 0; the default is CLIP's start.
        learn_temperature: Whether the temperature is a parameter, through its logarithm; the
            similarity is then multiplied by at most 100.
        symmetric: Whether each half looks for the other; if not, the prediction for the target.
        reduction: How the pairs' losses become one number.

    Raises:
        ValueError: If ``temperature`` is not above 0, or the shapes are not ``(N, D)``.

    Example:
        >>> loss = InfoNCELoss(temperature=1.0)
        >>> loss(torch.eye(2), torch.eye(2)).round(decimals=4)
        tensor(0.3133)
    """

    family = "embedding"

    def __init__(
        self,
        *,
        temperature: float = 0.07,
        learn_temperature: bool = False,
        symmetric: bool = True,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        log_scale = torch.tensor(-math.log(check_above("temperature", temperature, 0)))
        self.symmetric = symmetric
        self.learn_temperature = learn_temperature
        if learn_temperature:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale, persistent=False)

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        check_floating("pred", pred)
        check_shape("target", check_floating("target", target), pred.shape)
        if pred.ndim != 2:
            raise ValueError(f"`pred` must have shape (N, D); got shape {tuple(pred.shape)}.")
        with full_precision(pred):
            pred, target = upcast(pred), upcast(target).to(upcast(pred[:0]).dtype)
            if weight is not None:
                weight = spread_weight(weight, (len(pred),)).squeeze(-1).to(pred.dtype)
                nothing = (weight == 0).unsqueeze(1)
                pred, target = pred.masked_fill(nothing, 0), target.masked_fill(nothing, 0)
            similarity = self._scale(pred) * (_unit(pred) @ _unit(target).T)
            values = info_nce(_kept(similarity, weight), symmetric=self.symmetric)
            return reduce(values, self.reduction, weight)

    def _scale(self, pred: Tensor) -> Tensor:
        scale = self.log_scale.to(pred.dtype).exp()
        return scale.clamp_max(SHARPEST) if self.learn_temperature else scale


def _unit(vectors: Tensor) -> Tensor:
    # A floor so high that the slope at a vector of zeros, a thousandfold, fits in float16.
    return F.normalize(vectors, eps=1e-3)


def _kept(similarity: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return similarity
    nothing = weight == 0
    # Not on the diagonal: a row of nothing but -inf has no slope.
    away = ~torch.eye(len(weight), dtype=torch.bool, device=weight.device)
    return similarity.masked_fill((nothing | nothing.unsqueeze(1)) & away, -torch.inf)
