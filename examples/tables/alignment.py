"""Levelling a page: the angle of the lines in its heat-map, and the turn that takes it out.

Angles are in degrees, clockwise as seen, since y points down.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

LIMIT = 40.0


def profile_angle(heat: Tensor, *, threshold: float = 0.5) -> float:
    r"""Return the angle of the lines in a heat-map, by its projection profiles.

    .. math::
        \arg\max_\alpha \sum_i r_i(\alpha)^2 + \sum_j c_j(\alpha)^2

    where :math:`r_i` and :math:`c_j` are the sums over the rows and the columns of the heat-map
    turned back by :math:`\alpha`. They are largest when each line falls into a row or a column of
    its own. The search goes in steps of one degree, then of a tenth, and ends at the top of the
    parabola through the best three.

    Args:
        heat: Heat-map in 0..1, shape ``(H, W)``.
        threshold: What is not above it is no line.

    Returns:
        The angle, within 40 degrees to either side; 0 if there is no line.

    Example:
        >>> heat = torch.zeros(32, 32)
        >>> heat[[4, 16, 28], 4:28] = 1
        >>> abs(profile_angle(heat)) < 0.05
        True

    References:
        Postl, Detection of linear oblique structures and skew scan in digitized documents,
        ICPR 1986.
    """
    weight = heat.float() * (heat > threshold)
    y, x = weight.nonzero(as_tuple=True)
    if not len(x):
        return 0.0
    height, width = heat.shape
    points = torch.stack([x - (width - 1) / 2, y - (height - 1) / 2])
    mass = weight[y, x]
    coarse = torch.arange(-LIMIT, LIMIT + 1, device=heat.device)
    best = coarse[_sharpness(points, mass, coarse).argmax()]
    fine = best + torch.arange(-1.5, 1.55, 0.1, device=heat.device)
    return _peak(fine, _sharpness(points, mass, fine))


def _sharpness(points: Tensor, mass: Tensor, degrees: Tensor) -> Tensor:
    """Return the sum of the squared profiles of weighted points ``(2, P)``, for each angle."""
    radians = degrees.deg2rad()[:, None]
    cos, sin = radians.cos(), radians.sin()
    along, across = cos * points[0] + sin * points[1], cos * points[1] - sin * points[0]
    return _profile(along, mass).square().sum(1) + _profile(across, mass).square().sum(1)


def _profile(position: Tensor, mass: Tensor) -> Tensor:
    """Return how much mass lies at each pixel of a line, a row for each row of positions."""
    position = position - position.min() + 2
    first = position.floor()
    within = position - first
    bins = int(first.max()) + 3
    profile = position.new_zeros(len(position), bins)
    # Quadratic B-splines: unlike bins with sharp borders they do not favour the angles, level
    # above all, at which the pixels of a line have the same position to the last digit.
    for step, share in enumerate(_spline(within), start=-1):
        profile.scatter_add_(1, first.long() + step, share * mass)
    return profile


def _spline(within: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the shares of three bins in a point that lies at 0..1 in the middle one."""
    left, right = (1 - within).square() / 2, within.square() / 2
    return left, 1 - left - right, right


def _peak(degrees: Tensor, height: Tensor) -> float:
    """Return the top of the parabola through the highest point and its two neighbours."""
    top = int(height[1:-1].argmax()) + 1
    before, here, after = height[top - 1 : top + 2].tolist()
    curve = before - 2 * here + after
    shift = 0.5 * (before - after) / curve if curve < 0 else 0.0
    return float(degrees[top]) + shift * float(degrees[1] - degrees[0])


@dataclass(frozen=True)
class Levelling:
    """The turn that makes lines at an angle level, and the way back.

    The page is shrunk so that all of it stays in sight, and keeps its size in pixels.

    Args:
        degrees: Angle of the lines.
        height: Height of the page in pixels.
        width: Width of the page in pixels.
    """

    degrees: float
    height: int
    width: int

    @property
    def shrinkage(self) -> float:
        """By how much lengths are divided."""
        cos, sin = (abs(f(math.radians(self.degrees))) for f in (math.cos, math.sin))
        wide, high = self.width, self.height
        return max(cos + sin * high / wide, cos + sin * wide / high)

    def level(self, maps: Tensor) -> Tensor:
        """Return maps ``(C, H, W)`` with their lines level; all turn together.

        Beyond the border the pixels of the border are repeated.
        """
        size = torch.tensor([self.width, self.height], dtype=maps.dtype) / 2
        theta = F.pad(self._matrix(maps) * size / size[:, None], (0, 1))
        grid = F.affine_grid(theta[None], [1, *maps.shape], align_corners=False).to(maps.device)
        return F.grid_sample(maps[None], grid, padding_mode="border", align_corners=False)[0]

    def original(self, boxes: Tensor) -> Tensor:
        """Return the upright boxes on the page around boxes ``(N, 4)`` of the level page."""
        centre = boxes.new_tensor([self.width, self.height]) / 2
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].view(-1, 4, 2) - centre
        corners = corners @ self._matrix(boxes).T.to(boxes.device) + centre
        return torch.cat([corners.amin(1), corners.amax(1)], 1)

    def _matrix(self, like: Tensor) -> Tensor:
        """Return the matrix from the level page to the page, both in pixels from the centre."""
        radians = math.radians(self.degrees)
        cos, sin = math.cos(radians), math.sin(radians)
        return self.shrinkage * torch.tensor([[cos, -sin], [sin, cos]], dtype=like.dtype)


def detect_level(
    image: Tensor,
    heat: Tensor,
    detect: Callable[[Tensor], Tensor],
    *,
    angle: Callable[[Tensor], float] = profile_angle,
) -> Tensor:
    """Return the boxes that a detector finds on the level page, as boxes of the page itself.

    Args:
        image: The page, shape ``(C, H, W)``.
        heat: Its heat-map in 0..1, shape ``(1, H, W)``.
        detect: Finds boxes ``(N, 4)`` in heat-map and image, shape ``(1 + C, H, W)``.
        angle: Reads the angle from a heat-map ``(H, W)``.

    Returns:
        Left, top, right, bottom in pixels, shape ``(N, 4)``.
    """
    levelling = Levelling(angle(heat[0]), *heat.shape[-2:])
    return levelling.original(detect(levelling.level(torch.cat([heat, image]))))
