"""Every code of every format, against tables written by hand."""

from __future__ import annotations

import math

import pytest
import torch

from dsagent.kernels import formats


def e4m3(byte: int) -> float:
    """Sign, four exponent bits with bias 7, three mantissa bits, no infinities."""
    sign = -1.0 if byte & 0x80 else 1.0
    exponent, mantissa = byte >> 3 & 15, byte & 7
    if exponent == 15 and mantissa == 7:
        return math.nan
    if exponent == 0:
        return sign * mantissa * 2.0**-9
    return sign * (8 + mantissa) * 2.0 ** (exponent - 10)


def test_every_scale() -> None:
    got = formats.e8m0_to_float(torch.arange(256, dtype=torch.uint8))
    for byte in range(255):
        assert got[byte].item() == math.ldexp(1.0, byte - 127), byte
    assert got[255].isnan()
    typed = torch.tensor([127, 130], dtype=torch.uint8).view(torch.float8_e8m0fnu)
    assert formats.e8m0_to_float(typed).tolist() == [1.0, 8.0]


def test_every_fp8_code() -> None:
    codes = torch.arange(256, dtype=torch.uint8).view(2, 128)
    scale = torch.tensor([[124]], dtype=torch.uint8)
    got = formats.fp8_to_float(codes.view(torch.float8_e4m3fn), scale)
    for byte, value in enumerate(got.flatten().tolist()):
        expected = e4m3(byte) / 8
        assert value == expected or (math.isnan(value) and math.isnan(expected))
    assert e4m3(0x7E) == 448.0
    assert e4m3(0x01) == 2.0**-9


def test_fp8_scales_belong_to_blocks_of_128() -> None:
    weight = torch.ones(130, 257).to(torch.float8_e4m3fn)
    scale = torch.tensor([[127, 128, 129], [130, 131, 132]], dtype=torch.uint8)
    got = formats.fp8_to_float(weight, scale)
    assert got.shape == (130, 257)
    corners = {(0, 0): 1, (127, 127): 1, (0, 128): 2, (127, 256): 4, (128, 127): 8}
    corners |= {(129, 128): 16, (128, 256): 32, (127, 255): 2}
    for (row, column), value in corners.items():
        assert got[row, column] == value


def test_every_fp4_byte_low_nibble_first() -> None:
    values = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
    values += [-value for value in values]
    packed = torch.arange(256, dtype=torch.uint8).view(16, 16).view(torch.int8)
    scale = torch.full((16, 1), 129, dtype=torch.uint8)
    got = formats.fp4_to_float(packed, scale).flatten().tolist()
    for byte in range(256):
        assert got[2 * byte] == 4 * values[byte % 16]
        assert got[2 * byte + 1] == 4 * values[byte // 16]


def test_fp4_scales_belong_to_32_columns_of_a_row() -> None:
    packed = torch.full((2, 32), 0x22, dtype=torch.uint8).view(torch.int8)
    scale = torch.tensor([[127, 128], [126, 120]], dtype=torch.uint8)
    got = formats.fp4_to_float(packed, scale)
    assert got[0].tolist() == [1.0] * 32 + [2.0] * 32
    assert got[1].tolist() == [0.5] * 32 + [2.0**-7] * 32


@pytest.mark.parametrize("shape", [(128, 128), (5, 300), (1, 1)])
def test_fp8_values_survive_a_round_trip(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(shape, generator=generator) * 0.02
    once = formats.fp8_to_float(*formats.float_to_fp8(weight))
    # Three mantissa bits: half a step is 1/16 of the value.
    largest = weight.abs().max()
    assert ((once - weight).abs() <= weight.abs() / 16 + largest * 2**-17).all()
    again = formats.fp8_to_float(*formats.float_to_fp8(once))
    assert torch.equal(again, once)


def test_fp8_scale_is_the_smallest_that_fits() -> None:
    for peak, exponent in [(448.0, 0), (449.0, 1), (896.0, 1), (1.75, -8), (1.76, -7)]:
        weight = torch.tensor([[peak, 0.0]])
        _, scale = formats.float_to_fp8(weight)
        assert scale.view(torch.uint8).item() - 127 == exponent, peak


def test_fp4_rounds_ties_to_the_even_code() -> None:
    """The documented example: one group whose scale is 1."""
    x = [0.1, -1.7, 3.3, 0.25, 0.75, -5.1, 1.25, 2.6, 1.75, 2.5, 3.5, 5.0, 6.0]
    to = [0, -1.5, 3, 0, 1, -6, 1, 3, 2, 2, 4, 4, 6]
    weight = torch.zeros(1, 32)
    weight[0, : len(x)] = torch.tensor(x)
    packed, scale = formats.float_to_fp4(weight)
    assert scale.view(torch.uint8).item() == 127
    got = formats.fp4_to_float(packed, scale)[0, : len(x)]
    assert got.tolist() == to


def test_fp4_values_survive_a_round_trip() -> None:
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(7, 96, generator=generator)
    once = formats.fp4_to_float(*formats.float_to_fp4(weight))
    assert (once - weight).abs().max() <= weight.abs().max() / 4
    assert torch.equal(formats.fp4_to_float(*formats.float_to_fp4(once)), once)


def test_zeros_stay_zeros() -> None:
    zeros = torch.zeros(4, 64)
    assert torch.equal(formats.fp8_to_float(*formats.float_to_fp8(zeros)), zeros)
    assert torch.equal(formats.fp4_to_float(*formats.float_to_fp4(zeros)), zeros)
