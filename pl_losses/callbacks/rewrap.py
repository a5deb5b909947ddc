"""What wraps the module, told of a change of flags: DDP looks at them once, FSDP2 hides them."""

import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pl_losses.lightning import DDPStrategy, LightningModule, Strategy


def check_wrapper(strategy: Strategy) -> None:
    """Refuse a strategy whose wrapper would not notice that parameters are frozen.

    Raises:
        ValueError: If the strategy wraps the module and is not DDP.
    """
    wrapped = strategy.model is not strategy.lightning_module
    if wrapped and not isinstance(strategy.model, DistributedDataParallel):
        raise ValueError(
            "`strategy` must leave the module as it is, or be DDP, for stages to freeze parts of"
            f" it; got {type(strategy).__name__}, which wraps it in a"
            f" {type(strategy.model).__name__}. Use `ddp`, or FSDP2 (`ModelParallelStrategy`)."
        )


def rewrap(strategy: Strategy, module: LightningModule) -> None:
    """Wrap the module anew, if it is wrapped.

    A parameter that is frozen when DDP wraps the module is never synchronised, even if it learns
    later, and the ranks part silently; one that is frozen afterwards is waited for in vain.
    A new wrapper knows both, and needs no ``find_unused_parameters``.
    """
    if isinstance(strategy, DDPStrategy) and isinstance(strategy.model, DistributedDataParallel):
        # The old wrapper goes first: its hooks on the gradients live as long as it does.
        strategy.model = module
        strategy.configure_ddp()


def reshard(module: nn.Module) -> None:
    """Put the sharded parameters of FSDP2 back into the module.

    Its forward pass puts others in their place until the backward pass; after a validation, which
    has none, they stay, and flags set on them are lost.
    """
    if not dist.is_available():
        return
    from torch.distributed.fsdp import FSDPModule  # fails where torch was built without

    for each in module.modules():
        if isinstance(each, FSDPModule):
            each.reshard()


def waits_for_all(strategy: Strategy) -> bool:
    """Tell whether a gradient that never comes would hang or crash the next step."""
    model = strategy.model
    return isinstance(model, DistributedDataParallel) and not model.find_unused_parameters
