"""A sublayer between its collapse and its expansion (model reference §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsagent.kernels import ops

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def sublayer(
    X: Tensor, w: ops.HyperWeights, inner: Callable[[Tensor], Tensor]
) -> Tensor:
    """Run ``inner [N, D] -> [N, D]`` on streams ``X [N, m, D]``; the new streams.

    ``inner`` gets the normalised collapse without the norm's weight, which is folded
    into its matrices.
    """
    pre, post, comb = ops.hyper_mix(X, w)
    x = ops.normalise(ops.hyper_collapse(X, pre), w.norm_eps)
    return ops.hyper_expand(X, inner(x), post, comb)
