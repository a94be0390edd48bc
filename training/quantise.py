"""Training through the rounding of the native weight formats.

A released V4 checkpoint stores its large matrices as FP8 blocks. The end of the run
trains *through* that rounding (the forward pass sees rounded weights, the update lands
on the float32 ones), so that nothing is lost when the checkpoint is written.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dsagent.engine.checkpoint import is_block_quantised
from dsagent.kernels import formats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


@contextmanager
def rounded(model: nn.Module) -> Iterator[None]:
    """Within, the matrices that are stored as FP8 hold their rounded values."""
    kept: list[tuple[nn.Parameter, Tensor]] = []
    for name, p in model.named_parameters():
        if is_block_quantised(name):
            kept.append((p, p.data))
            p.data = formats.fp8_to_float(*formats.float_to_fp8(p.data))
    try:
        yield
    finally:
        for p, master in kept:
            p.data = master
