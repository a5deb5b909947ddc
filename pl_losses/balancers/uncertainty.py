"""Balance by uncertainty: trust a loss less the noisier its task is found to be."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from pl_losses.balancers.base import BALANCERS, Balancer, TaskKind
from pl_losses.core.checks import check_number


@BALANCERS.register("uncertainty", "kendall")
class UncertaintyBalancer(Balancer):
    r"""Weigh each loss by a learned inverse variance.

    .. math::
        \sum_i w_i L_i + \tfrac12 s_i, \qquad s_i = \log \sigma_i^2, \qquad
        w_i = \begin{cases} \tfrac12 e^{-s_i} & \text{regression} \\
        e^{-s_i} & \text{classification} \end{cases}

    At rest :math:`e^{s_i} = L_i` (regression) or :math:`2 L_i` (classification): every task then
    contributes one half to the sum, whatever the unit of its loss. The :math:`s_i` are
    parameters: give them to the optimizer with their own learning rate and without weight decay
    (``pl_losses.param_groups`` does). They are kept in float32, whatever the model runs in. The
    total falls below 0 once losses are small; watch ``val/loss``, not ``train/total``. A loss
    below zero has no rest, and its weight grows without bound.

    Args:
        tasks: Names of the tasks.
        kinds: Kind of each task, ``"classification"`` or ``"regression"``; all regression if not
            given.
        lr: Learning rate of the :math:`s_i`; that of the model if not given.
        initial: Where each :math:`s_i` begins.

    Raises:
        ValueError: If there is not one kind for each task.

    Example:
        >>> balancer = UncertaintyBalancer(["cls", "box"], ["classification", "regression"])
        >>> balancer(torch.tensor([1.0, 3.0]))
        tensor(2.5000, grad_fn=<SumBackward0>)

    References:
        Kendall, Gal, Cipolla, `Multi-Task Learning Using Uncertainty to Weigh Losses
        <https://arxiv.org/abs/1705.07115>`_, CVPR 2018, eq. 7 and 10; :math:`s_i` is learned in
        place of :math:`\sigma_i`. Many implementations use twice the regression form for every
        task, which halves the say of classification.
    """

    scale: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        kinds: Sequence[TaskKind] | None = None,
        *,
        lr: float | None = None,
        initial: float = 0.0,
    ) -> None:
        super().__init__(tasks, kinds, lr=lr)
        initial = float(check_number("initial", initial))
        self.log_variance = nn.Parameter(
            torch.full((len(self.tasks),), initial, dtype=torch.float32)
        )
        scale = torch.tensor([0.5 if kind == "regression" else 1.0 for kind in self.kinds])
        self.register_buffer("scale", scale, persistent=False)

    @override
    def weights(self, losses: Tensor) -> Tensor:
        return self.scale * torch.exp(-self.log_variance)

    @override
    def prices(self, losses: Tensor) -> Tensor:
        return 0.5 * self.log_variance
