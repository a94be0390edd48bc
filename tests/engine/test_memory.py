"""The arithmetic of memory against published figures and against sizes written out."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine import cache
from dsagent.engine.config import ModelConfig
from dsagent.engine.memory import (
    PAGE,
    SLACK,
    Footprint,
    Memory,
    Share,
    readable,
)
from tests.engine.models import FLASH, NANO, ODD, PRO
from tests.engine.test_config import RELEASED

if TYPE_CHECKING:
    from dsagent.engine.config import CacheFormat
    from dsagent.kernels.layout import IndexFormat, KvFormat

MILLION = 1 << 20
REAL = ModelConfig.from_json(RELEASED)
REAL_PRO = ModelConfig.from_json(
    RELEASED
    | {
        "hidden_size": 7168,
        "num_hidden_layers": 61,
        "num_attention_heads": 128,
        "q_lora_rank": 1536,
        "o_groups": 16,
        "n_routed_experts": 384,
        "moe_intermediate_size": 3072,
        "index_topk": 1024,
        "compress_ratios": [128, 128, *[4, 128] * 29, 4, 0, 0, 0],
        "dspark_target_layer_ids": [58, 59, 60],
    }
)


@pytest.mark.parametrize(
    ("config", "kv", "index", "token", "million"),
    [
        (REAL, "fp8", "fp4", 3514.25, 3.68e9),
        (REAL, "fp8", "fp8", 3850.25, 3.760 * 2**30),
        (REAL, "bfloat16", "bfloat16", 6880.0, 6.72 * 2**30),
        (REAL_PRO, "fp8", "fp4", 5031.4375, None),
        (REAL_PRO, "bfloat16", "bfloat16", None, 9.62 * 2**30),
    ],
)
def test_published_bytes_of_a_token(
    config: ModelConfig,
    kv: KvFormat,
    index: IndexFormat,
    token: float | None,
    million: float | None,
) -> None:
    """Model reference §8.4."""
    f = Footprint.of(config, kv=kv, index=index)
    if token is not None:
        assert f.token == token
    if million is not None:
        assert f.pages(MILLION) * f.page == pytest.approx(million, rel=2e-3)


def test_published_bytes_of_rings() -> None:
    """The same section, which gives the rings without slack, and raw ones in MB."""
    f = Footprint.of(REAL, stages=3, kv="fp8", index="fp4")
    assert f.windows == 43 * (128 + SLACK) * 584
    assert f.drafts == 3 * (128 + SLACK) * 584
    least = 21 * 8 * 2560 * 4 + 20 * 128 * 1024 * 4
    assert least == pytest.approx(12e6, rel=0.02)
    assert f.raw == least + SLACK * (21 * 2560 * 4 + 20 * 1024 * 4)
    assert f.rings == f.windows + f.raw + f.drafts
    assert f.sequence(0) == f.rings
    assert f.sequence(257) == f.rings + 2 * 256 * 3514.25


@pytest.mark.parametrize("config", [FLASH, PRO, ODD, NANO], ids="FPON")
def test_tensors_of_float32_written_out(config: ModelConfig) -> None:
    """Layer by layer, number by number, as they would be allocated."""
    f = Footprint.of(config, stages=2)
    d, di, ring = config.head_dim, config.index_head_dim, config.sliding_window + 32
    grows = fixed = 0
    for ratio in config.compress_ratios:
        fixed += ring * d
        if ratio == 4:
            grows += 64 * d + 64 * di
            fixed += (8 + 32) * (2 * 2 * d + 2 * 2 * di)
        if ratio == 128:
            grows += 2 * d
            fixed += (128 + 32) * 2 * d
    fixed += 2 * ring * d
    assert f.page == 4 * grows
    assert f.rings == 4 * fixed
    assert f.sequence(3 * PAGE) == 4 * (fixed + 3 * grows)


def test_a_checkpoint_is_what_is_read_again() -> None:
    """Rows by position: which the next tokens read before they write them."""
    f = Footprint.of(REAL, stages=3, kv="fp8", index="fp4")
    for position in [*range(300), 1000, 1024, 4097]:
        window = [p for p in range(position) if p > position - 128]
        draft = [p for p in range(position) if p >= position - 128]
        csa = [p for p in range(position) if p >= 4 * (position // 4 - 1)]
        hca = [p for p in range(position) if p >= 128 * (position // 128)]
        expected = 584 * (43 * len(window) + 3 * len(draft))
        expected += 4 * (21 * 2560 * len(csa) + 20 * 1024 * len(hca))
        assert f.checkpoint(position) == expected, position


def test_rings_may_be_stored_otherwise() -> None:
    apart = Footprint.of(REAL, stages=3, kv="fp8", index="fp4", rings="float32")
    like = Footprint.of(REAL, stages=3, kv="fp8", index="fp4")
    assert apart.page == like.page
    assert apart.raw == like.raw
    assert apart.windows * 584 == like.windows * 2048
    assert apart.drafts * 584 == like.drafts * 2048
    assert apart.checkpoint(256) > like.checkpoint(256)


@pytest.mark.parametrize("stored", ["float32", "bfloat16", "fp8", "fp8-fp4"])
@pytest.mark.parametrize("stages", [0, 2])
def test_the_cache_holds_what_is_counted(stored: CacheFormat, stages: int) -> None:
    """Byte by byte, from the tensors there are."""
    for config in (FLASH, ODD, NANO):
        held = cache.Cache(config, 2, 7, torch.device("cpu"), stages, stored)
        pools = [pool for pair in held._pools for pool in pair if pool is not None]
        page = cache.page_bytes(config, stored)
        assert sum(pool.nbytes for pool in pools) == 7 * page
        slot = held.alloc(300)
        layers, drafts = held.layers(slot), held.drafts(slot)
        rings = [ring for state in layers for ring in (state.ring, state.raw)]
        rings += drafts
        nbytes = sum(ring.nbytes for ring in rings if ring is not None)
        assert nbytes == cache.slot_bytes(config, stages)
        assert held.nbytes == nbytes + 2 * page


def test_the_table() -> None:
    memory = Memory(
        budget=4 << 30,
        weights=Share(163_480_000),
        sequences=Share(5 << 20, 80 << 20),
        checkpoints=Share(0),
        pages=Share((3 << 30) + (512 << 20), 3_900_000_000),
    )
    assert memory.held == (3 << 30) + (517 << 20)
    assert memory.free == 507 << 20
    assert str(memory).splitlines() == [
        "                  held      limit",
        "weights      155.9 MiB",
        "sequences      5.0 MiB   80.0 MiB",
        "checkpoints        0 B",
        "pages          3.5 GiB    3.6 GiB",
        "budget         3.5 GiB    4.0 GiB",
    ]


def test_units() -> None:
    sizes = [0, 1023, 1024, 1_023_900, 1_024_000, 1 << 20, 999 << 20, 1 << 30, 1 << 50]
    assert [readable(n) for n in sizes] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "999.9 KiB",
        "1.0 MiB",
        "1.0 MiB",
        "999.0 MiB",
        "1.0 GiB",
        "1024.0 TiB",
    ]


def test_it_needs_no_torch() -> None:
    code = "import sys, dsagent.engine.memory; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]
