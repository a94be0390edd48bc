"""From what the heads attended to, back to the hidden (model reference §4.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from dsagent.kernels import ops

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class HeadsOut:
    """A product for every group of heads, and one for all of their results.

    Where their product has no more numbers than both, it stands for them: half as many
    operations for the same reading.
    """

    groups: Tensor | None
    """``[G, H·d/G, Ro]``; ``None`` if ``last`` does it all."""
    last: Tensor | ops.Matrix
    """``[G·Ro, D]``, or ``[H·d, D]``."""

    @classmethod
    def of(cls, groups: Tensor, last: Tensor) -> HeadsOut:
        """From both matrices, transposed."""
        count, width, _ = groups.shape
        if count * width * last.shape[1] > groups.numel() + last.numel():
            return cls(groups, last)
        parts = last.double().view(count, -1, last.shape[1])
        both = torch.bmm(groups.double(), parts).flatten(0, 1).float()
        return cls(None, ops.Matrix.of(both))

    def __call__(self, o: Tensor) -> Tensor:
        """``o [n, H, d]``, rotated back, to ``[n, D]``."""
        n, groups = o.shape[0], self.groups
        if groups is None:
            return ops.project(o.view(n, -1), self.last)
        if n == 1:
            z = ops.project_groups(o.view(groups.shape[0], -1), groups)
        else:
            parts = o.view(n, groups.shape[0], -1).unbind(1)
            pairs = zip(parts, groups.unbind(), strict=True)
            z = torch.cat([ops.project(part, w) for part, w in pairs], 1)
        return ops.project(z, self.last)
