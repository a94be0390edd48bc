"""The operations in plain torch: the specification, and the CPU path.

Float32 in and out, batched over leading dimensions, no state. What writes in place
says so in its name (a trailing underscore).
"""

from dsagent.kernels.reference.attention import attend, attend_own, sparse_attention
from dsagent.kernels.reference.compress import pool_overlapping, pool_windows
from dsagent.kernels.reference.experts import route, swiglu
from dsagent.kernels.reference.hyper import (
    HyperWeights,
    head_collapse,
    hyper_collapse,
    hyper_enter,
    hyper_expand,
    hyper_mix,
    sinkhorn,
)
from dsagent.kernels.reference.indexer import (
    index_scores,
    index_topk,
    index_topk_alone,
)
from dsagent.kernels.reference.norm import (
    RowNorms,
    normalise,
    rms_norm,
    unit_queries,
    unit_rows,
)
from dsagent.kernels.reference.products import (
    ROUND,
    Matrix,
    numbers,
    project,
    project_groups,
    row_sums,
)
from dsagent.kernels.reference.rope import frequencies, rotate_, rotations

__all__ = [
    "ROUND",
    "HyperWeights",
    "Matrix",
    "RowNorms",
    "attend",
    "attend_own",
    "frequencies",
    "head_collapse",
    "hyper_collapse",
    "hyper_enter",
    "hyper_expand",
    "hyper_mix",
    "index_scores",
    "index_topk",
    "index_topk_alone",
    "normalise",
    "numbers",
    "pool_overlapping",
    "pool_windows",
    "project",
    "project_groups",
    "rms_norm",
    "rotate_",
    "rotations",
    "route",
    "row_sums",
    "sinkhorn",
    "sparse_attention",
    "swiglu",
    "unit_queries",
    "unit_rows",
]
