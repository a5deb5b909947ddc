"""The angle of the lines in a heat-map by OpenCV's Hough transform, as the OCR project had it.

Needs OpenCV: ``pip install "pl-losses[opencv]"``. The projection profile of
:mod:`examples.tables.alignment` needs nothing and is more accurate.
"""

import numpy as np
from torch import Tensor


def hough_angle(heat: Tensor, *, threshold: float = 0.5) -> float:
    """Return the mean angle of the straight segments at the horizontal edges of a heat-map.

    Args:
        heat: Heat-map in 0..1, shape ``(H, W)``.
        threshold: What is not above it is no line.

    Returns:
        The angle in degrees, clockwise as seen, between -45 and 45; 0 if there is no segment.

    Raises:
        ImportError: If OpenCV is not installed.

    References:
        Matas et al., Robust detection of lines using the progressive probabilistic Hough
        transform, CVIU 2000.
    """
    import cv2

    page = (heat > threshold).mul(255).byte().cpu().numpy()
    # Eight bits clip the negative slopes: of each line only the upper edge is left.
    edges = cv2.Sobel(page, cv2.CV_8U, 0, 1, ksize=3)
    found = cv2.HoughLinesP(edges, 1, np.pi / 180, 40, minLineLength=10, maxLineGap=10)
    return mean_angle(found)


def mean_angle(found: np.ndarray | None) -> float:
    """Return the mean angle of segments, of those that are nearer to level than to upright.

    Args:
        found: What ``HoughLinesP`` returns: ends x, y, x, y, in the shape ``(N, 1, 4)`` in OpenCV
            4 and ``(N, 4)`` in OpenCV 5, or None for no segment.

    Example:
        >>> round(mean_angle(np.array([[[0, 0, 10, 1]], [[5, 0, 5, 9]]])), 2)
        5.71
    """
    if found is None:
        return 0.0
    left, top, right, bottom = found.reshape(-1, 4).astype(float).T
    degrees = np.rad2deg(np.arctan2(bottom - top, right - left))
    level = degrees[np.abs(degrees) < 45]
    return float(level.mean()) if level.size else 0.0
