"""Absolute error, of numbers or of probabilities."""

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def absolute_error(pred: Tensor, target: Tensor) -> Tensor:
    r"""Absolute error of each element, :math:`\ell = |x - y|`, in units of the target.

    It is least at the median. Its slope has the same size everywhere, so that an outlier pulls no
    harder than any other element; at :math:`x = y` it is 0.

    Example:
        >>> import torch
        >>> absolute_error(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
        tensor([0., 3.])
    """
    return F.l1_loss(pred, target, reduction="none")


@LOSSES.register("l1", "mae")
class L1Loss(RegressionLoss):
    """Mean absolute error; the formula is :func:`absolute_error`'s.

    With class labels it compares probabilities, which label noise disturbs less than it does
    cross-entropy, at the price of slow training.

    Args:
        labels: What the target means; numbers, unless said otherwise.
        reduction: How the elements' losses become one number.

    Example:
        >>> import torch
        >>> L1Loss()(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
        tensor(1.5000)

    References:
        On class labels: Ghosh et al., `Robust Loss Functions under Label Noise
        <https://arxiv.org/abs/1712.09482>`_, AAAI 2017.
    """

    alone = True
    lean = ("regression",)
    kernel = staticmethod(F.l1_loss)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return absolute_error(pred, target)
