"""Training through the rounding of the native weight formats.

A released V4 checkpoint stores its experts as FP4 groups and its other large matrices
as FP8 blocks. The end of the run trains *through* that rounding (the forward pass sees
rounded weights, the update lands on the float32 ones), so that nothing is lost when the
checkpoint is written.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from dsagent.engine.checkpoint import as_stored, is_block_quantised
from dsagent.kernels import formats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from dsagent.engine.checkpoint import Precision

PRECISION: Final[Precision] = "native"
"""What nano is stored in."""


@contextmanager
def rounded(model: nn.Module) -> Iterator[None]:
    """Within, the matrices that are stored in fewer bits hold their rounded values."""
    kept: list[tuple[nn.Parameter, Tensor]] = []
    for name, p in model.named_parameters():
        if is_block_quantised(name):
            kept.append((p, p.data))
            p.data = _read_back(as_stored(name, p.data, PRECISION))
    try:
        yield
    finally:
        for p, master in kept:
            p.data = master


def _read_back(stored: dict[str, Tensor]) -> Tensor:
    """A matrix as it will be read, from its weight and its scale."""
    weight, scale = stored.values()
    if weight.is_floating_point():
        return formats.fp8_to_float(weight, scale)
    return formats.fp4_to_float(weight, scale)
