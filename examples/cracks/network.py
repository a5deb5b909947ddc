"""A small U-Net of depthwise-separable convolutions, about 28,000 parameters."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 3x3 convolution in two cheap parts: each channel alone, then all at each pixel."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Return two separable convolutions, each with its ReLU."""
    return nn.Sequential(
        separable(inputs, outputs), nn.ReLU(), separable(outputs, outputs), nn.ReLU()
    )


class Up(nn.Module):
    """One step up: the features of the level below, enlarged, join those of this level.

    Args:
        lower: Number of channels below.
        upper: Number of channels of this level, and of the output.
        last: Layer at the end, after the second normalisation.
    """

    def __init__(self, lower: int, upper: int, *, last: nn.Module) -> None:
        super().__init__()
        # Fewer channels first, then more pixels: a third less time than the other way round.
        self.squeeze = nn.Conv2d(lower, upper, 1, bias=False)
        self.merge = nn.Sequential(
            separable(2 * upper, upper), nn.ReLU(), separable(upper, upper), last
        )

    @override
    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        enlarged = F.interpolate(self.squeeze(below), size=skip.shape[-2:])
        return self.merge(torch.cat([enlarged, skip], 1))


class UNet(nn.Module):
    """U-Net of depthwise-separable convolutions; its output is one map of logits.

    The features before the head are linear, for a reason. Behind a ReLU they are never negative,
    and once all weights of the head are negative its bias caps every logit. Under a loss that
    asks little of the rare class, such as MSE, the network can then stay below probability 0.5
    at every pixel for a whole training: precision, recall and F1 at 0.5 all read 0.

    Args:
        inputs: Number of channels of the image.
        width: Number of channels at full resolution; each level below doubles it.
        levels: Number of resolutions, each half the one above.

    Example:
        >>> UNet()(torch.zeros(2, 3, 96, 144)).shape
        torch.Size([2, 1, 96, 144])

    References:
        Ronneberger et al., `U-Net <https://arxiv.org/abs/1505.04597>`_, MICCAI 2015;
        Howard et al., `MobileNets <https://arxiv.org/abs/1704.04861>`_, 2017, for the convolution.
    """

    def __init__(self, *, inputs: int = 3, width: int = 8, levels: int = 4) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels)]
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            separable(width, width),
            nn.ReLU(),
        )
        self.down = nn.ModuleList(block(upper, lower) for upper, lower in pairwise(widths))
        # Context is cheap where there are few pixels.
        self.bottom = block(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            Up(lower, upper, last=nn.Identity() if upper == width else nn.ReLU())
            for lower, upper in pairwise(reversed(widths))
        )
        self.head = nn.Conv2d(width, 1, 1)

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Return logits, shape ``(N, 1, H, W)``, of images ``(N, C, H, W)`` of any size."""
        features = self.stem(image)
        skips = []
        for down in self.down:
            skips.append(features)
            features = down(F.max_pool2d(features, 2))
        features = self.bottom(features)
        for up in self.up:
            features = up(features, skips.pop())
        return self.head(features)
