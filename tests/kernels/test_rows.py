"""Stored rows against the formats' definitions, in numpy's float64.

Tables of codes are written from the definition of each format, rounding is a search for
the nearest code, and the places of the bytes are read one by one.
"""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from dsagent.kernels import formats, rows

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray[Any, Any]


def e4m3(code: int) -> float:
    """Bias 7, no infinities, 448 at most; 127 is NaN."""
    exponent, mantissa = code >> 3 & 15, code & 7
    size = (8 + mantissa) * 2.0 ** (exponent - 10) if exponent else mantissa / 512
    return -size if code & 0x80 else size


def e2m1(code: int) -> float:
    exponent, mantissa = code >> 1 & 3, code & 1
    size = (2 + mantissa) * 2.0 ** (exponent - 2) if exponent else mantissa / 2
    return -size if code & 8 else size


E4M3 = np.array([e4m3(code) for code in range(127)])
E2M1 = np.array([e2m1(code) for code in range(8)])


def nearest(x: Array, table: Array) -> Array:
    """The code of the nearest value; of two as near, the even one. Clamps."""
    size = np.minimum(np.abs(x), table[-1])
    distance = np.abs(size[..., None] - table)
    least = distance.min(-1, keepdims=True)
    even = np.arange(len(table)) % 2 == 0
    picked: Array = np.where(distance == least, 1 + even, 0).argmax(-1)
    return picked


def ceil_log2(x: Array) -> Array:
    """On the bits of float32, as the reference does it."""
    bits = x.astype(np.float32).view(np.uint32)
    exponent: Array = (bits >> 23).astype(int) - 127 + (bits & 0x7FFFFF != 0)
    return exponent


def simulated(
    x: Array, block: int, table: Array, floor: float
) -> tuple[Array, Array, Array]:
    """``fp8sim`` and ``fp4sim`` by the letter: values, codes and exponents."""
    x = x.astype(np.float32)
    n, d = x.shape
    padded = np.pad(x, ((0, 0), (0, -d % block))).reshape(n, -1, block)
    peak = np.maximum(np.abs(padded).max(-1), np.float32(floor))
    exponent = ceil_log2(peak * (np.float32(1) / np.float32(table[-1])))
    scaled = padded.astype(np.float64) * 2.0 ** -exponent[..., None]
    codes = nearest(scaled, table)
    values = np.sign(scaled) * table[codes] * 2.0 ** exponent[..., None]
    sign = np.signbit(padded) * (128 if table is E4M3 else 8)
    cut = (slice(None), slice(0, d))
    return values.reshape(n, -1)[cut], (codes + sign).reshape(n, -1)[cut], exponent


def fp8sim(x: Array, block: int) -> tuple[Array, Array, Array]:
    return simulated(x, block, E4M3, 1e-4)


def fp4sim(x: Array) -> tuple[Array, Array, Array]:
    return simulated(x, 32, E2M1, 6 * 2.0**-126)


def samples(n: int, d: int, seed: int = 0) -> Tensor:
    """Rows of many magnitudes, with zeros, ties and exact powers of two among them."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=g) * 2.0 ** torch.randint(
        -18, 12, (n, 1), generator=g
    )
    x[1::4] = (x[1::4] * 8).round() / 8
    x[2::4] = x[2::4].sign() * 2.0 ** torch.randint(-12, 9, x[2::4].shape, generator=g)
    x[torch.rand(n, d, generator=g) < 0.1] = 0
    x[3] = 0
    return x


def test_published_vectors() -> None:
    x = torch.tensor([[0.1, -1.7, 3.3, 900, 0.001, -57.3, 5.5, 7.77]])
    f = rows.Fp8IndexRows(8)
    wanted = [0.1015625, -1.75, 3.25, 896, 0, -56, 5.5, 8]
    assert f.decode(f.encode(x)).tolist() == [wanted]
    assert fp8sim(x.numpy(), 8)[0].tolist() == [wanted]
    y = np.array([[0.1, -1.7, 3.3, 0.25, 0.75, -5.1, 1.25, 2.6]])
    assert fp4sim(y)[0].tolist() == [[0, -1.5, 3, 0, 1, -6, 1, 3]]
    padded = torch.zeros(1, 32).index_copy_(1, torch.arange(8), torch.tensor(y).float())
    values = formats.fp4_to_float(*formats.float_to_fp4(padded))[0, :8]
    assert values.tolist() == [0, -1.5, 3, 0, 1, -6, 1, 3]


def test_every_code_reads_back() -> None:
    codes = torch.tensor([c for c in range(256) if c & 0x7F != 0x7F], dtype=torch.uint8)
    got = formats.e4m3_to_float(codes).tolist()
    assert got == [e4m3(int(code)) for code in codes]
    assert math.copysign(1, got[127]) == -1
    packed = torch.arange(256, dtype=torch.uint8).view(16, 16)
    pairs = formats.e2m1_to_float(packed).view(256, 2).tolist()
    assert pairs == [[e2m1(byte & 15), e2m1(byte >> 4)] for byte in range(256)]


WIDTHS = [(512, 64), (192, 32), (64, 8), (38, 6), (1100, 2)]


@pytest.mark.parametrize(("d", "rotated"), WIDTHS)
def test_fp8_rows_byte_by_byte(d: int, rotated: int) -> None:
    f, x, straight = rows.Fp8Rows(d, rotated), samples(60, d), d - rotated
    stored = f.encode(x)
    values, codes, exponents = fp8sim(x[:, :straight].numpy(), 64)
    raw = stored.numpy()
    assert raw.dtype == np.uint8
    assert raw.shape == (60, f.width)
    assert (raw[:, :straight] == codes).all()
    tail = raw[:, straight : straight + 2 * rotated].copy().view("<u2")
    rounded = x[:, straight:].numpy().view(np.uint32).astype(np.uint64)
    rounded = rounded + 0x7FFF + (rounded >> np.uint64(16) & np.uint64(1))
    assert (tail == rounded >> np.uint64(16)).all()
    rest = raw[:, straight + 2 * rotated :]
    blocks = exponents.shape[1]
    assert (rest[:, :blocks] == exponents + 127).all()
    assert not rest[:, blocks:].any()
    assert rest.shape[1] % 8 == 0
    assert rest.shape[1] - blocks < 8
    back = f.decode(stored)
    assert (back[:, :straight].numpy() == values).all()
    assert (back[:, straight:] == x[:, straight:].bfloat16().float()).all()
    assert torch.equal(back, f.decode(f.encode(back)))


@pytest.mark.parametrize("d", [128, 64, 16, 10])
def test_fp8_index_rows(d: int) -> None:
    f, x = rows.Fp8IndexRows(d), samples(60, d, seed=1)
    values, codes, exponents = fp8sim(x.numpy(), d)
    raw = f.encode(x).numpy()
    assert (raw[:, :d] == codes).all()
    assert not raw[:, d:-4].any()
    scale = raw[:, -4:].copy().view("<f4")
    assert (scale == 2.0**exponents).all()
    assert (f.decode(f.encode(x)).numpy() == values).all()
    q = samples(4, d).view(4, 1, d)
    assert torch.equal(f.queries(q), q)


def walsh(d: int) -> Array:
    """Entry i, j is -1 to the number of bits that both have, over parts of d."""
    size = d & -d
    bits = [[(i & j).bit_count() for j in range(size)] for i in range(size)]
    part = (-1.0) ** np.array(bits) / math.sqrt(size)
    return np.kron(np.eye(d // size), part)


@pytest.mark.parametrize("d", [128, 64, 96, 10])
def test_the_transform(d: int) -> None:
    x = samples(5, d).view(5, 1, d)
    expected = x.double().numpy() @ walsh(d)
    got = rows.hadamard(x).numpy()
    assert np.abs(got - expected).max() < 1e-5 * np.abs(expected).max()
    again = rows.hadamard(rows.hadamard(x))
    assert (again - x).abs().max() < 1e-5 * x.abs().max()


@pytest.mark.parametrize("d", [128, 64, 96, 10])
def test_fp4_index_rows_byte_by_byte(d: int) -> None:
    f, x = rows.Fp4IndexRows(d), samples(60, d, seed=2)
    turned = rows.hadamard(x).numpy()
    values, codes, exponents = fp4sim(turned)
    stored = f.encode(x)
    raw = stored.numpy()
    pairs = d // 2
    assert raw.shape == (60, f.width)
    zero = values == 0  # A negative number that rounds to zero may keep its sign.
    for half, nibble in ((0, raw[:, :pairs] & 15), (1, raw[:, :pairs] >> 4)):
        wanted = codes[:, half::2]
        assert ((nibble == wanted) | zero[:, half::2] & (nibble & 7 == 0)).all()
    assert (raw[:, pairs:] == exponents + 127).all()
    assert (f.decode(stored).numpy() == values).all()
    q = x[:12].view(4, 3, d)
    assert (f.queries(q).view(12, d).numpy() == values[:12]).all()


def test_scales_at_their_edges() -> None:
    """Peaks at, above and below 448 times every power of two, and far below them."""
    f = rows.Fp8Rows(66, 2)
    peaks = [
        float(np.nextafter(np.float32(448 * 2.0**e), np.float32(side)))
        for e in range(-120, 119, 7)
        for side in (0.0, 448 * 2.0**e, np.inf)
    ]
    x = torch.zeros(len(peaks), 66)
    x[:, 5] = torch.tensor(peaks)
    values, _, exponents = fp8sim(x[:, :64].numpy(), 64)
    stored = f.encode(x)
    assert (stored[:, 68].numpy() == exponents[:, 0] + 127).all()
    assert (f.decode(stored)[:, :64].numpy() == values).all()
    tiny = torch.zeros(3, 128)
    tiny[:, 0] = torch.tensor([6 * 2.0**-126, 2.0**-126, 3.5e-44])
    index = rows.Fp4IndexRows(128)
    assert (index.encode(tiny)[:, 64:] == 1).all()


@pytest.mark.parametrize(
    "f",
    [
        *[rows.kv_rows(kind, 192, 32) for kind in ("float32", "bfloat16", "fp8")],
        *[rows.index_rows(k, 64) for k in ("float32", "bfloat16", "fp8", "fp4")],
    ],
    ids=str,
)
def test_what_every_format_keeps(f: rows.RowFormat) -> None:
    blank = torch.zeros(3, f.width, dtype=f.dtype)
    assert blank[0].nbytes == f.width_bytes
    assert not f.decode(blank).any()
    zeros = torch.zeros(3, f.channels)
    assert torch.equal(f.decode(f.encode(zeros)), zeros)
    assert f.encode(zeros[:0]).shape == (0, f.width)
    assert f.decode(blank[:0]).shape == (0, f.channels)
    bad = samples(4, f.channels)
    bad[0, 1], bad[1, 2] = torch.nan, torch.inf
    back = f.decode(f.encode(bad))
    assert not back[:2].isfinite().all(1).any()
    assert back[2:].isfinite().all()
    apart = torch.empty(4, f.width + 8, dtype=f.dtype)[:, : f.width]
    apart.copy_(f.encode(bad))
    torch.testing.assert_close(f.decode(apart), back, equal_nan=True, rtol=0, atol=0)


def test_bytes_of_real_rows() -> None:
    kv = [rows.kv_rows(k, 512, 64).width_bytes for k in ("float32", "bfloat16", "fp8")]
    assert kv == [2048, 1024, 584]
    index = [rows.index_rows(k, 128).width_bytes for k in ("bfloat16", "fp8", "fp4")]
    assert index == [256, 132, 68]


def test_asking_for_bytes_needs_no_torch() -> None:
    code = (
        "import sys; from dsagent.kernels import layout; "
        "print(layout.kv_bytes('fp8', 512, 64), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [b"584", b"False"]
