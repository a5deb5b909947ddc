"""Exact Euclidean distances between the places of an image, on the device of the image.

Squared distances separate: along the first axis a nearest place is found by doubling the reach of
each place, along every further one as the least of all sums of a squared step and what is known
from the axes before. Nothing depends on the values, so that there is no wait for the device and
compilers see one graph.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu

BLOCK, STRIP = 1 << 25, 1 << 17
"""Numbers compared at once: off the CPU, in 128 megabytes; on it, within its cache."""

Spacing = Sequence[float]


def distance_inside(
    mask: Tensor, spacing: Spacing | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    r"""Return the distance of each place of a mask to the nearest place outside of it.

    Args:
        mask: Boolean images, shape ``(B, *)``, with one spatial axis or more. What is beyond the
            edge of the image is not outside of the mask.
        spacing: Distance of neighbours along each spatial axis; 1 if not given.
        dtype: What to compute in; squares are exact in float32 up to distances of 4096 places.

    Returns:
        Distances in the unit of the spacing; 0 outside of the mask, and everywhere if the mask is
        full.

    Raises:
        ValueError: If ``spacing`` has not one number for each spatial axis.

    Example:
        >>> distance_inside(torch.tensor([[True, True, False, True]]))
        tensor([[2., 1., 0., 1.]])

    References:
        Maurer, Qi and Raghavan, `A Linear Time Algorithm for Computing Exact Euclidean Distance
        Transforms <https://doi.org/10.1109/TPAMI.2003.1177156>`_, 2003, for the separation.
    """
    steps = _steps(mask, spacing)
    if mask.numel() == 0:
        return mask.to(dtype)
    squared = (_distance_along_rows(mask, dtype) * steps[-1]).square()
    for axis in range(mask.ndim - 2, 0, -1):
        squared = _least_along(squared, axis, steps[axis - 1])
    return squared.where(squared < torch.inf, 0.0).sqrt()


def border_distance(
    mask: Tensor, spacing: Spacing | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return the distance of each place to the nearest place on the other side of the border.

    This is the map that losses take as ``distance``: within the mask, the distance to the nearest
    place outside; outside, to the nearest place within.

    Args:
        mask: Boolean images, shape ``(B, *)``.
        spacing: Distance of neighbours along each spatial axis; 1 if not given.
        dtype: What to compute in.

    Returns:
        Distances in the unit of the spacing; 0 everywhere if the mask is empty or full.

    Example:
        >>> border_distance(torch.tensor([[True, True, False, False, False]]))
        tensor([[2., 1., 1., 2., 3.]])
    """
    inside, outside = distance_inside(torch.cat([mask, ~mask]), spacing, dtype).chunk(2)
    return inside + outside


def signed_distance(mask: Tensor, distance: Tensor, spacing: Spacing | None = None) -> Tensor:
    """Return border distances with a sign: above 0 outside the mask, at most 0 within.

    The mask's own places on the border are its zero, as in the boundary loss's own code: their
    distances are less by one step.

    Args:
        mask: Boolean images, shape ``(B, *)``.
        distance: Their :func:`border_distance`.
        spacing: Distance of neighbours along each spatial axis; the least is the step.

    Example:
        >>> mask = torch.tensor([[True, True, False, False, False]])
        >>> signed_distance(mask, border_distance(mask))
        tensor([[-1., -0.,  1.,  2.,  3.]])
    """
    step = min(spacing) if spacing else 1.0
    return torch.where(mask, -(distance - step).clamp_min(0), distance)


def border_closeness(mask: Tensor, distance: Tensor) -> Tensor:
    r"""Return how close each place is to the border, from 0 to 1.

    On either side of the border, :math:`1 - (d - d_{min}) / (d_{max} - d_{min})`: 1 at the border
    and 0 at the place that is farthest from it. Without a border all places get 0.

    Args:
        mask: Boolean images, shape ``(B, *)``.
        distance: Their :func:`border_distance`.

    Example:
        >>> mask = torch.tensor([[True, True, False, False, False]])
        >>> border_closeness(mask, border_distance(mask))
        tensor([[0.0000, 1.0000, 1.0000, 0.5000, 0.0000]])
    """
    axes = tuple(range(1, mask.ndim))
    closeness = torch.zeros_like(distance)
    for side in (mask, ~mask):
        nearest = distance.where(side, torch.inf).amin(axes, keepdim=True)
        farthest = distance.where(side, 0.0).amax(axes, keepdim=True)
        span = (farthest - nearest).clamp_min(0)
        relative = (distance - nearest) / span.where(span > 0, 1.0)
        closeness = torch.where(side & (farthest > 0), 1 - relative, closeness)
    return closeness


def _steps(mask: Tensor, spacing: Spacing | None) -> Spacing:
    axes = mask.ndim - 1
    if spacing is None:
        return [1.0] * axes
    if len(spacing) != axes:
        raise ValueError(
            f"`spacing` must have one number for each of the {axes} spatial axes; "
            f"got {list(spacing)}."
        )
    return spacing


def _distance_along_rows(mask: Tensor, dtype: torch.dtype) -> Tensor:
    size = mask.shape[-1]
    nearest = torch.zeros_like(mask, dtype=dtype).masked_fill(mask, torch.inf)
    reach = 1
    while reach < size:
        # Whoever knows all within `reach` knows all within twice that from two others.
        left = F.pad(nearest[..., :-reach], (reach, 0), value=torch.inf)
        right = F.pad(nearest[..., reach:], (0, reach), value=torch.inf)
        nearest = torch.minimum(nearest, torch.minimum(left, right) + reach)
        reach *= 2
    return nearest


def _least_along(squared: Tensor, axis: int, step: float) -> Tensor:
    rows = squared.movedim(axis, 0)
    size, flat = rows.shape[0], rows.flatten(1)
    if torch.compiler.is_compiling():  # which fuses the sum into the search for the least
        least = _compare_all(flat, step)
    elif eager_on_cpu(squared):
        strips = torch.split(flat, max(STRIP // size, 1), 1)
        least = torch.cat([_reach_out(strip.contiguous(), step) for strip in strips], 1)
    else:
        blocks = torch.split(flat, max(BLOCK // size**2, 1), 1)
        least = torch.cat([_compare_all(block, step) for block in blocks], 1)
    return least.reshape(rows.shape).movedim(0, axis)


def _compare_all(rows: Tensor, step: float) -> Tensor:
    places = torch.arange(len(rows), device=rows.device, dtype=rows.dtype) * step
    steps = (places.unsqueeze(-1) - places).square()
    return (rows.T.unsqueeze(1) + steps).amin(-1).T


def _reach_out(rows: Tensor, step: float) -> Tensor:
    """Return the same, found one step at a time, and no farther than there is to find."""
    least, moved, size = rows.clone(), torch.empty_like(rows), len(rows)
    for k in range(1, size):
        cost = (k * step) ** 2
        # To look at values makes a device wait, and a CPU skip most of the work.
        if k % 4 == 1 and _is_done(least, cost):
            break
        torch.add(rows, cost, out=moved)
        torch.minimum(least[k:], moved[:-k], out=least[k:])
        torch.minimum(least[:-k], moved[k:], out=least[:-k])
    return least


def _is_done(least: Tensor, cost: float) -> bool:
    # Where there is nothing to find, all is infinitely far from the beginning.
    nearest, farthest = (float(end) for end in least.aminmax())
    return cost >= farthest or nearest == float("inf")
