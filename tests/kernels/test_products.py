"""Products with weights, by whichever library."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dsagent.kernels import ops
from dsagent.kernels.reference import products


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def assert_product(got: Tensor, x: Tensor, w: Tensor) -> None:
    expected = x.double() @ w.double()
    assert got.shape == expected.shape
    assert (got - expected).abs().max() < 1e-4


@pytest.fixture(params=[True, False], ids=["wide", "plain"])
def wide(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways, where oneDNN is there."""
    usable: bool = request.param and torch.backends.mkldnn.is_available()
    monkeypatch.setattr(products, "_WIDE", usable)
    return usable


@pytest.mark.parametrize("n", [1, 5, 23, 24, 31, 32, 33, 200])
@pytest.mark.parametrize(("k", "width"), [(256, 900), (51, 7)])
@pytest.mark.usefixtures("wide")
def test_of_any_number_of_rows(n: int, k: int, width: int) -> None:
    x, w = randn(n, k), randn(k, width, seed=1)
    assert_product(ops.project(x, w), x, w)


@pytest.mark.usefixtures("wide")
def test_of_views() -> None:
    """Rows that are part of wider ones, and a matrix that is one transposed."""
    x, w = randn(90, 300)[:, 17:273], randn(300, 256, seed=1).t()
    assert_product(ops.project(x, w), x, w)


def test_many_rows_really_go_to_the_other_library(
    wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(*args: object) -> Tensor:
        calls.append(args)
        result: Tensor = product(*args)
        return result

    calls: list[object] = []
    product = torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted)
    ops.project(randn(40, 256), randn(256, 900))
    ops.project(randn(4, 256), randn(256, 9000))
    ops.project(randn(40, 256), randn(256, 9))
    assert len(calls) == int(wide)
