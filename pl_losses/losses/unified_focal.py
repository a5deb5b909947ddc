"""Unified focal loss: focal and focal Tversky with one focus and one price of errors."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least, check_between, check_choice
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.overlap import Overlap
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.compound import CompoundLoss, SurprisedOverlap, foreground
from pl_losses.losses.region import Empty
from pl_losses.losses.tversky import tversky_loss

Form = Literal["asymmetric", "symmetric"]


def unified_focal_surprise(
    likelihood: Likelihood, delta: float = 0.6, gamma: float = 0.5, form: Form = "asymmetric"
) -> Tensor:
    r"""Focal part of the unified focal loss, of each place.

    .. math::
        \ell = -\delta \log p \ \text{(foreground)}, \quad
        \ell = -(1 - \delta)(1 - p)^\gamma \log p \ \text{(background)}

    where :math:`p` is the probability of the true label; in the symmetric form the foreground too
    has the factor :math:`(1 - p)^\gamma`. In nats.

    Args:
        likelihood: What the logits say of the target.
        delta: Price :math:`\delta` of the foreground, 0 to 1.
        gamma: Focus :math:`\gamma`, 0 to 1.
        form: Whether the foreground is not hushed (``"asymmetric"``) or is.

    Returns:
        Loss of each place, at least 0.

    Example:
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> guess = SigmoidLikelihood(torch.zeros(2), torch.tensor([1.0, 0.0]))
        >>> unified_focal_surprise(guess, delta=0.5, gamma=1.0)
        tensor([0.3466, 0.1733])

    References:
        Yeung et al., `Unified Focal Loss: Generalising Dice and Cross Entropy-based Losses to
        Handle Class Imbalanced Medical Image Segmentation <https://arxiv.org/abs/2102.04525>`_,
        CMIG 2022, and its authors' code.
    """
    nll, there = likelihood.nll, foreground(likelihood)
    hushed = power(1 - (-nll).exp(), gamma) * nll
    rare = nll if form == "asymmetric" else hushed
    return delta * there * rare + (1 - delta) * (1 - there) * hushed


def unified_focal_tversky(
    overlap: Overlap, delta: float = 0.6, gamma: float = 0.5, smooth: float = 1e-5
) -> tuple[Tensor, Tensor]:
    r"""Tversky part of the unified focal loss, without and with focus.

    .. math::
        m = 1 - \frac{I + s}{I + \delta\,FN + (1 - \delta)\,FP + s}, \quad m^{1 - \gamma}

    Args:
        overlap: Sums of each region.
        delta: Price :math:`\delta` of what is missed, 0 to 1.
        gamma: Focus :math:`\gamma`, 0 to 1.
        smooth: Smoothing :math:`s \ge 0`, in places.

    Returns:
        The two losses of each region, shape ``(N, C)``.

    Example:
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> unified_focal_tversky(half, delta=0.5, smooth=0.0)
        (tensor([0.5000]), tensor([0.7071]))
    """
    plain = tversky_loss(overlap, 1 - delta, delta, smooth)
    return plain, power(plain, 1 - gamma)


@LOSSES.register("unified_focal")
class UnifiedFocalLoss(CompoundLoss):
    r"""Unified focal loss of logits.

    .. math::
        \ell = \lambda\,\ell_F + (1 - \lambda)\,\ell_{FT}

    of :func:`unified_focal_surprise` and :func:`unified_focal_tversky`. The asymmetric form has
    the focus where it helps: it hushes the easy background in the first term, and raises the
    foreground in the second, whose background stays plain. Class 0 is the background; yes-or-no
    labels have a region for 0 and one for 1, whose mean is taken, as with two classes.

    The paper's symmetric form has the exponents :math:`1 - \gamma` and :math:`\gamma`, its
    authors' code those of the asymmetric one; so has this, and they agree at the default. The
    code's ``weight`` is the share of the Tversky term, :math:`1 - \lambda`.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        form: ``"asymmetric"`` or ``"symmetric"``.
        focal_share: Weight :math:`\lambda` of the focal term, 0 to 1.
        delta: Price of the foreground, and of what is missed, 0 to 1.
        gamma: Focus, 0 to 1.
        smooth: Smoothing of the Tversky index, in places, at least 0.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels has a Tversky term.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> loss = UnifiedFocalLoss("binary", form="symmetric")
        >>> logits, target = torch.tensor([[9.0, -9.0]]), torch.tensor([[1, 0]])
        >>> loss(logits, target) < 0.02, loss(-logits, target) > 1
        (tensor(True), tensor(True))
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        form: Form = "asymmetric",
        focal_share: float = 0.5,
        delta: float = 0.6,
        gamma: float = 0.5,
        smooth: float = 1e-5,
        batch: bool = False,
        include_background: bool = True,
        empty: Empty = "smooth",
        region_weights: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(
            labels,
            batch=batch,
            include_background=include_background,
            empty=empty,
            region_weights=region_weights,
            reduction=reduction,
        )
        self.form = check_choice("form", form, get_args(Form))
        self.focal_share = check_between("focal_share", focal_share, 0, 1)
        self.delta = check_between("delta", delta, 0, 1)
        self.gamma = check_between("gamma", gamma, 0, 1)
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def surprise(self, likelihood: Likelihood) -> Tensor:
        return unified_focal_surprise(likelihood, self.delta, self.gamma, self.form)

    @override
    def values(self, region: SurprisedOverlap) -> Tensor:
        focal = self.focal_share * region.mean_surprise
        return focal + (1 - self.focal_share) * self._tversky(region)

    def _tversky(self, region: Overlap) -> Tensor:
        plain, raised = unified_focal_tversky(region, self.delta, self.gamma, self.smooth)
        if self.labels.kind != "multiclass":
            there = raised
            plain, raised = unified_focal_tversky(
                complement(region), self.delta, self.gamma, self.smooth
            )
            return (there + (plain if self.form == "asymmetric" else raised)) / 2
        if self.form == "symmetric":
            return raised
        return torch.cat([plain[:, :1], raised[:, 1:]], 1)


def complement(overlap: Overlap) -> Overlap:
    """Return the overlap of what is not predicted with what is not there.

    Example:
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> complement(half).both
        tensor([5.])
    """
    pred, truth = overlap.places - overlap.pred, overlap.places - overlap.truth
    return Overlap(pred - overlap.missed_truth, pred, truth, overlap.places)
