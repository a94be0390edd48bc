"""A sublayer between its collapse and its expansion (model reference §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsagent.kernels import ops

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def sublayer(
    X: Tensor,
    w: ops.HyperWeights,
    inner: Callable[[Tensor], Tensor],
    rows: Tensor | None = None,
) -> Tensor:
    """Run ``inner [N, D] -> [N, D]`` on streams ``X [N, m, D]``; the new streams.

    ``inner`` gets the normalised collapse without the norm's weight, which is folded
    into its matrices. With ``rows [Q]``, it returns ``[Q, D]`` for these only, and
    only their streams go on.
    """
    x, back = ops.hyper_enter(X, w)
    y = inner(x)
    if rows is not None:
        X, back = X[rows], back[rows]
    return ops.hyper_expand(X, y, back)
