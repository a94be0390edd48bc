"""The number formats of native checkpoints (model reference §2.1).

Each decodes exactly: a value has at most four significant bits times a power of two.
Scales are E8M0 bytes, ``2^(byte - 127)``, 255 meaning NaN, and multiply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor

FP8_BLOCK: Final = 128
"""Side of the square that shares an FP8 weight's scale."""
FP4_GROUP: Final = 32
"""Columns that share an FP4 weight's scale."""

E2M1: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def e8m0_to_float(scale: Tensor) -> Tensor:
    """E8M0 bytes (or ``float8_e8m0fnu``) as float32."""
    return scale.view(torch.float8_e8m0fnu).to(torch.float32)


def fp8_to_float(weight: Tensor, scale: Tensor) -> Tensor:
    """E4M3 ``[o, i]`` with scales ``[⌈o/128⌉, ⌈i/128⌉]`` as float32."""
    factor = e8m0_to_float(scale)
    factor = factor.repeat_interleave(FP8_BLOCK, 0).repeat_interleave(FP8_BLOCK, 1)
    o, i = weight.shape
    return weight.to(torch.float32) * factor[:o, :i]


def fp4_to_float(packed: Tensor, scale: Tensor) -> Tensor:
    """Packed E2M1 ``[o, i/2]`` with scales ``[o, i/32]`` as float32 ``[o, i]``.

    The low nibble of byte c is column 2c, the high one 2c + 1.
    """
    table = torch.tensor(E2M1 + tuple(-v for v in E2M1))
    byte = packed.view(torch.uint8).to(torch.int32)
    nibbles = torch.stack((byte & 15, byte >> 4), -1).flatten(1)
    return table[nibbles] * e8m0_to_float(scale).repeat_interleave(FP4_GROUP, 1)


def float_to_fp8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round ``[o, i]`` to E4M3 and its scales; the inverse of :func:`fp8_to_float`.

    A block's scale is the smallest power of two that brings its largest magnitude to
    448 or below.
    """
    o, i = weight.shape
    rows, columns = -(-o // FP8_BLOCK), -(-i // FP8_BLOCK)
    padded = torch.zeros(rows * FP8_BLOCK, columns * FP8_BLOCK)
    padded[:o, :i] = weight
    tiles = padded.view(rows, FP8_BLOCK, columns, FP8_BLOCK)
    exponent = _exponent(tiles.abs().amax((1, 3)), 448.0)
    scaled = torch.ldexp(tiles, -exponent[:, None, :, None])
    values = scaled.view(rows * FP8_BLOCK, columns * FP8_BLOCK)[:o, :i]
    return values.to(torch.float8_e4m3fn), _e8m0(exponent)


def float_to_fp4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round ``[o, i]`` to packed E2M1 and its scales, ties to the even code.

    ``i`` must be a multiple of 32.
    """
    o, i = weight.shape
    groups = weight.reshape(o, i // FP4_GROUP, FP4_GROUP)
    exponent = _exponent(groups.abs().amax(-1), 6.0)
    scaled = torch.ldexp(groups, -exponent[..., None]).reshape(o, i)
    edges = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
    size = scaled.abs()
    up, down = torch.bucketize(size, edges, right=True), torch.bucketize(size, edges)
    code = torch.where(up % 2 == 0, up, down)
    code = (code + 8 * (scaled < 0)).to(torch.uint8)
    packed = code[:, ::2] | (code[:, 1::2] << 4)
    return packed.view(torch.int8), _e8m0(exponent)


def _exponent(peak: Tensor, largest: float) -> Tensor:
    """The smallest e with ``peak / 2^e <= largest``."""
    mantissa, exponent = torch.frexp(peak.clamp(min=2.0**-100) / largest)
    return exponent - (mantissa == 0.5).to(exponent.dtype)


def _e8m0(exponent: Tensor) -> Tensor:
    return (exponent + 127).to(torch.uint8).view(torch.float8_e8m0fnu)
