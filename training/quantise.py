"""The native weight formats, as training meets them.

A released V4 checkpoint stores its large matrices as FP8 (e4m3) with one power-of-two
scale a 128 x 128 block. The end of the run trains *through* that rounding (the forward
pass sees rounded weights, the update lands on the float32 ones), so that nothing is
lost when the checkpoint is written.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDE = 128
LARGEST = 448.0

_FP8 = re.compile(
    r"attn\.(wq_a|wq_b|wkv|wo_a|wo_b)\.weight$"
    r"|attn\.indexer\.wq_b\.weight$"
    r"|ffn\.(experts\.\d+|shared_experts)\.w[123]\.weight$"
    r"|main_proj\.weight$"
)
_F32 = re.compile(r"hc_\w+$|attn_sink$|\.ape$|gate\.bias$")


def is_fp8(name: str) -> bool:
    """Whether the native checkpoint stores this tensor as FP8 blocks."""
    return _FP8.search(name) is not None


def is_float32(name: str) -> bool:
    """Whether the native checkpoint stores this tensor as float32."""
    return _F32.search(name) is not None


def to_blocks(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round ``[o, i]`` to e4m3 values and e8m0 scales ``[ceil(o/128), ceil(i/128)]``.

    The scale is the smallest power of two that brings the block's largest magnitude
    to 448 or below.
    """
    o, i = weight.shape
    rows, columns = -(-o // SIDE), -(-i // SIDE)
    padded = torch.zeros(rows * SIDE, columns * SIDE)
    padded[:o, :i] = weight
    tiles = padded.view(rows, SIDE, columns, SIDE)
    peak = tiles.abs().amax((1, 3)).clamp(min=2.0**-100)
    exponent = torch.ceil(torch.log2(peak / LARGEST))
    values = (tiles / torch.exp2(exponent)[:, None, :, None]).clamp(-LARGEST, LARGEST)
    values = values.view(rows * SIDE, columns * SIDE)[:o, :i]
    scale = (exponent + 127).to(torch.uint8).view(torch.float8_e8m0fnu)
    return values.to(torch.float8_e4m3fn), scale


def from_blocks(values: Tensor, scale: Tensor) -> Tensor:
    """The float32 matrix that :func:`to_blocks` stands for."""
    factor = torch.exp2(scale.view(torch.uint8).float() - 127)
    factor = factor.repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1)
    return values.float() * factor[: values.shape[0], : values.shape[1]]


@contextmanager
def rounded(model: nn.Module) -> Iterator[None]:
    """Within, the model's FP8 matrices hold their rounded values."""
    kept: list[tuple[nn.Parameter, Tensor]] = []
    for name, p in model.named_parameters():
        if is_fp8(name):
            kept.append((p, p.data))
            p.data = from_blocks(*to_blocks(p.data))
    try:
        yield
    finally:
        for p, master in kept:
            p.data = master
