"""Root-mean-square normalisation (model reference §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def inverse_rms(x: Tensor, eps: float) -> Tensor:
    """``1 / sqrt(mean(x²) + eps)`` over the last dimension, kept: ``[..., 1]``."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return norm.square_().mul_(1 / x.shape[-1]).add_(eps).rsqrt_()


def normalise(x: Tensor, eps: float) -> Tensor:
    """RMSNorm without a weight; callers fold one into the matrix that follows."""
    return inverse_rms(x, eps).mul(x)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm with a weight over the last dimension."""
    return inverse_rms(x, eps).mul(x).mul_(weight)
