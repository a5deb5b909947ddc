"""The weights of a stage's best validation, kept to end the stage with."""

from collections.abc import Mapping

from torch import Tensor, nn

from pl_losses.stages.fingerprint import still_tensors
from pl_losses.stages.selection import OBJECTIVE, Selection
from pl_losses.stages.shards import fill, whole


def best_weights(module: nn.Module, selection: Selection, norm: str = "eval") -> dict[str, Tensor]:
    """Return a copy, off the device, of what a stage moves: trained weights and living buffers.

    The weights of the balancer are left out: they belong to the course of training, not to
    the model that comes out of it.
    """
    still = {id(tensor) for tensor in still_tensors(selection, norm).values()}
    return {
        name: whole(tensor).detach().to("cpu", copy=True)
        for name, tensor in module.state_dict(keep_vars=True).items()
        if id(tensor) not in still
        and isinstance(tensor, Tensor)
        and not name.startswith(f"{OBJECTIVE}.")
    }


def put_back(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights that :func:`best_weights` gave into the model."""
    state = module.state_dict()
    for name, tensor in weights.items():
        fill(state[name], tensor)
