"""Rotary positions on the trailing channels, interleaved pairs (model reference §4.1).

A rotation is a complex factor a pair, so that one complex product rotates and its
conjugate rotates back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.engine.config import Yarn


def frequencies(theta: float, width: int, yarn: Yarn | None) -> Tensor:
    """Angle a position for each of ``width / 2`` pairs, float32.

    To the last bit as the official code has them, which divides by the power: another
    rounding of one turns position 10^6 by up to 0.02 radians more or less.
    """
    f = 1.0 / theta ** (torch.arange(0, width, 2, dtype=torch.float32) / width)
    if yarn is None:
        return f
    low = max(math.floor(_channel(yarn.beta_fast, theta, width, yarn.original)), 0)
    high = math.ceil(_channel(yarn.beta_slow, theta, width, yarn.original))
    high = min(high, width - 1)
    ramp = (torch.arange(width // 2) - low) / (high - low or 0.001)
    ramp = ramp.clamp(0, 1)
    return f / yarn.factor * ramp + f * (1 - ramp)


def _channel(turns: float, theta: float, width: int, original: int) -> float:
    """The pair that turns ``turns`` times over the original context."""
    return width * math.log(original / (2 * math.pi * turns)) / (2 * math.log(theta))


def rotations(frequency: Tensor, positions: Tensor) -> Tensor:
    """Complex factors ``[n, width/2]`` at ``positions [n]``.

    The angle is a float32 product, as in the official code: a more exact one would turn
    distant positions differently from what the model was trained with.
    """
    angle = positions.to(torch.float32)[:, None] * frequency
    return torch.polar(torch.ones_like(angle), angle)


def rotate_(x: Tensor, factors: Tensor) -> Tensor:
    """Rotate the trailing channels of ``x [..., d]`` in place, and return ``x``.

    ``factors [..., r/2]`` broadcasts against ``x``'s leading dimensions; its conjugate
    undoes the rotation.
    """
    pairs, turned = x.shape[-1] // 2, factors.shape[-1]
    x.view(torch.complex64).narrow(-1, pairs - turned, turned).mul_(factors)
    return x
