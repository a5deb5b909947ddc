"""The detector: each cell of four by four pixels makes one guess."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from examples.tables.grid import cell_centres


def convolution(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with its normalisation and its ReLU."""
    return nn.Sequential(
        nn.Conv2d(
            inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        ),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Detector(nn.Module):
    """Grid detector for one class.

    Args:
        inputs: Number of channels it sees.
        width: Number of channels inside, half of it at half resolution.

    Example:
        >>> guess = Detector()(torch.zeros(2, 2, 64, 64))
        >>> {name: tuple(each.shape) for name, each in guess.items()}
        {'box': (2, 256, 4), 'objectness': (2, 256), 'class': (2, 256)}

    References:
        Tian et al., `FCOS <https://arxiv.org/abs/1904.01355>`_, ICCV 2019, for the form of a guess.
    """

    def __init__(self, *, inputs: int = 2, width: int = 32) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            convolution(inputs, width // 2, stride=2),
            convolution(width // 2, width, stride=2),
            # Holes widen the view to the whole page, at the cost of nothing.
            convolution(width, width, dilation=2),
            convolution(width, width, dilation=4),
            convolution(width, width),
        )
        self.head = nn.Conv2d(width, 6, 1)

    @override
    def forward(self, page: Tensor) -> dict[str, Tensor]:
        """Return what each cell says of a page ``(N, C, H, W)``.

        Returns:
            ``box``, left, top, right, bottom in pixels, shape ``(N, cells, 4)``; the logits
            ``objectness``, is there a table around this cell, and ``class``, of which class it
            is, shape ``(N, cells)`` each.
        """
        height, width = page.shape[-2:]
        guess = self.head(self.trunk(page)).flatten(2).transpose(1, 2)
        # Distances to the four sides; an untrained network says 11 pixels.
        left_top, right_bottom = (16 * F.softplus(guess[..., :4])).chunk(2, -1)
        centres = cell_centres(height, width, page.device)
        box = torch.cat([centres - left_top, centres + right_bottom], -1)
        return {"box": box, "objectness": guess[..., 4], "class": guess[..., 5]}
