"""Root-mean-square normalisation (model reference §3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


@cache
def _constant(value: float) -> Tensor:
    """A tensor once, because a number is wrapped in one by every operation it meets."""
    return torch.tensor([value])


def inverse_rms(x: Tensor, eps: float) -> Tensor:
    """``1 / sqrt(mean(x²) + eps)`` over the last dimension, kept: ``[..., 1]``."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return torch.addcmul(_constant(eps), norm, norm, value=1 / x.shape[-1]).rsqrt_()


def normalise(x: Tensor, eps: float) -> Tensor:
    """RMSNorm without a weight; callers fold one into the matrix that follows."""
    return inverse_rms(x, eps).mul(x)


def unit_queries(x: Tensor, latent: Tensor, eps: float) -> Tensor:
    """Queries from a latent that was not normalised: ``x [N, H, d]``, ``[N, Rq]``.

    With s the factor that would normalise ``latent``, this is ``normalise(s x)`` over
    ``sqrt(d)``, attention's scale: s only moves the eps, and the scale only drops the
    mean's 1/d, so neither costs a pass of its own.
    """
    d = x.shape[-1]
    size: Tensor = torch.linalg.vector_norm(latent, dim=-1, keepdim=True)
    share = d * eps / latent.shape[-1]
    floor = torch.addcmul(_constant(d * eps * eps), size, size, value=share)
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return torch.addcmul(floor.unsqueeze(-1), norm, norm).rsqrt_().mul(x)


@dataclass(frozen=True, slots=True)
class RowNorms:
    """Norms of one token's queries and its key, as the rows of one matrix."""

    floors: Tensor
    """Added to the rows' squared norms ``[H + 1, 1]``."""
    shares: Tensor
    """What of the latent's squared norm is added as well ``[H + 1, 1]``."""
    gains: Tensor
    """``[H + 1, d]``."""

    @classmethod
    def of(cls, key: Tensor, heads: int, rank: int, eps: float) -> RowNorms:
        """Of H queries as of :func:`unit_queries`, whose latents are ``rank`` wide, and
        a key as of :func:`rms_norm` with the weight ``key [d]``."""
        d = len(key)
        return cls(
            torch.tensor([[d * eps * eps]] * heads + [[d * eps]]),
            torch.tensor([[d * eps / rank]] * heads + [[0.0]]),
            torch.cat((torch.ones(heads, d), sqrt(d) * key.unsqueeze(0))),
        )


def unit_rows(x: Tensor, latent: Tensor, norms: RowNorms) -> Tensor:
    """One token's queries and key ``x [H + 1, d]``, its ``latent [Rq]``."""
    floor = torch.addcmul(norms.floors, norms.shares, torch.dot(latent, latent))
    norm: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return torch.addcmul(floor, norm, norm).rsqrt_().mul(x).mul_(norms.gains)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm with a weight over the last dimension."""
    return inverse_rms(x, eps).mul(x).mul_(weight)
