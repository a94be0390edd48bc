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

E4M3_MAX: Final = 448.0
TINY: Final = 2.0**-100
"""Weights that are all smaller are scaled as if one were this large."""
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
    factor = e8m0_to_float(scale).repeat_interleave(FP4_GROUP, 1)
    return e2m1_to_float(packed.view(torch.uint8)) * factor


def e4m3_to_float(codes: Tensor) -> Tensor:
    """E4M3 bytes but the two NaNs as float32, many times faster than torch does it.

    Sign, exponent and mantissa are moved to where float16 has them; its exponent's bias
    is larger by 8.
    """
    bits = codes.view(torch.int8).to(torch.int16) << 7
    return (bits & ~0x4000).view(torch.float16).to(torch.float32).mul_(2.0**8)


def e2m1_to_float(packed: Tensor) -> Tensor:
    """Pairs of E2M1 codes ``[n, c]``, low nibble first, as float32 ``[n, 2c]``.

    By way of float16 as well, whose bias is larger by 14.
    """
    bits = packed.to(torch.int16)
    low = (bits & 0x07) << 9 | (bits & 0x08) << 12
    high = (bits & 0x70) << 5 | (bits & 0x80) << 8
    pairs = torch.stack((low, high), -1).flatten(1)
    return pairs.view(torch.float16).to(torch.float32).mul_(2.0**14)


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
    exponent = shared_exponent(tiles.abs().amax((1, 3)), E4M3_MAX)
    scaled = torch.ldexp(tiles, -exponent[:, None, :, None])
    values = scaled.view(rows * FP8_BLOCK, columns * FP8_BLOCK)[:o, :i]
    return values.to(torch.float8_e4m3fn), e8m0(exponent)


def float_to_fp4(weight: Tensor, floor: float = TINY) -> tuple[Tensor, Tensor]:
    """Round ``[o, i]`` to packed E2M1 and its scales, ties to the even code.

    ``i`` must be a multiple of 32. Groups of less than ``floor`` are scaled as if that
    were their largest magnitude.
    """
    o, i = weight.shape
    groups = weight.reshape(o, i // FP4_GROUP, FP4_GROUP)
    exponent = shared_exponent(groups.abs().amax(-1), E2M1[-1], floor)
    scaled = torch.ldexp(groups, -exponent[..., None]).reshape(o, i)
    size = scaled.abs()
    code = (scaled < 0).to(torch.uint8) << 3
    for i, edge in enumerate((0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)):
        code += size >= edge if i % 2 else size > edge
    packed = code[:, ::2] | (code[:, 1::2] << 4)
    return packed.view(torch.int8), e8m0(exponent)


def shared_exponent(peak: Tensor, largest: float, floor: float = TINY) -> Tensor:
    """The smallest e with ``max(peak, floor) / 2^e <= largest``, int32.

    128, the scale that is NaN, where ``peak`` isn't finite.
    """
    mantissa, exponent = torch.frexp(peak.clamp(min=floor) / largest)
    exponent = exponent - (mantissa == 0.5).to(exponent.dtype)
    return torch.where(peak.isfinite(), exponent, 128)


def e8m0(exponent: Tensor) -> Tensor:
    """Scales ``2^exponent`` as E8M0."""
    return (exponent + 127).to(torch.uint8).view(torch.float8_e8m0fnu)
