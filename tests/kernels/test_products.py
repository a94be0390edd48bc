"""Products with weights, by whichever library, and attention's sink in any row."""

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


@pytest.mark.parametrize("n", [1, 90])
@pytest.mark.usefixtures("wide")
def test_of_views(n: int) -> None:
    """Rows that are part of wider ones, and a matrix that is one transposed."""
    x, w = randn(n, 300)[:, 17:273], randn(300, 256, seed=1).t()
    assert_product(ops.project(x, w), x, w)


@pytest.mark.parametrize("bags", [True, False])
@pytest.mark.parametrize(("k", "width"), [(128, 200), (13, 5)])
def test_of_groups(
    k: int, width: int, *, bags: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_BAGS", bags)
    x, w = randn(3, k), randn(3, k, width, seed=1)
    parts = [row.double() @ own.double() for row, own in zip(x, w, strict=True)]
    got = ops.project_groups(x, w)
    assert got.shape == (1, 3 * width)
    assert (got - torch.cat(parts)).abs().max() < 1e-4


def test_sums_of_rows_in_any_order() -> None:
    w, weights = randn(30, 9), randn(5, seed=1)
    rows, starts = torch.tensor([7, 7, 29, 0, 3]), torch.tensor([0, 3])
    got = ops.row_sums(w, rows.int(), starts.int(), weights)
    each = w.double()[rows] * weights[:, None]
    expected = torch.stack((each[:3].sum(0), each[3:].sum(0)))
    assert (got - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("k", "width", "threads", "summed"),
    [
        (256, 128, 1, True),
        (256, 127, 1, False),  # too small to be worth it
        (1024, 1024, 2, True),
        (1025, 1024, 2, False),  # two threads share a product, one sums
        (1025, 1024, 1, True),
    ],
)
def test_which_matrices_are_summed(
    k: int, width: int, threads: int, *, summed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def counted(*args: object) -> Tensor:
        calls.append(args)
        return randn(1, width)

    monkeypatch.setattr(products, "_BAGS", True)
    monkeypatch.setattr(products, "row_sums", counted)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    ops.project(randn(1, k), randn(k, width))
    ops.project(randn(2, k), randn(k, width))
    assert len(calls) == int(summed)


@pytest.mark.parametrize("n", [1, 8, 37, 200])
@pytest.mark.parametrize("rows", [7, 64, 1100])
@pytest.mark.usefixtures("wide")
def test_rectified(n: int, rows: int) -> None:
    x, w = randn(n, 64), randn(rows, 64, seed=1)
    expected = (x.double() @ w.double().t()).clamp(min=0)
    got = products.rectified(x, w)
    assert got.shape == expected.shape
    assert (got - expected).abs().max() < 1e-4


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


@pytest.mark.parametrize("n", [1, 3, 40])
@pytest.mark.parametrize("sink", [0, 5, 29])
def test_a_sink_in_any_row(n: int, sink: int) -> None:
    q, rows, sinks = randn(n, 4, 64), randn(300, 64, seed=1), randn(4, seed=2)
    rows[sink] = 0
    bias = torch.zeros(n, 300).masked_fill_(randn(n, 300, seed=3) > 0.5, -torch.inf)
    bias[:, sink] = -torch.inf  # Whatever it says there.
    got = ops.attend(q, rows, sinks, bias, sink=sink)
    others = [i for i in range(300) if i != sink]
    keys = rows[others].double()
    weights = (torch.einsum("nhd,kd->nhk", q.double(), keys)).exp()
    weights = weights * bias[:, None, others].double().exp()
    total = weights.sum(-1, keepdim=True) + sinks.double().exp()[None, :, None]
    expected = torch.einsum("nhk,kd->nhd", weights / total, keys)
    assert (got - expected).abs().max() < 2e-5


@pytest.mark.parametrize("n", [1, 2, 6, 23, 24, 33])
@pytest.mark.parametrize(("k", "width"), [(256, 900), (51, 7)])
@pytest.mark.usefixtures("wide")
def test_of_a_laid_out_matrix(n: int, k: int, width: int) -> None:
    x, w = randn(n, k), randn(k, width, seed=1)
    assert_product(ops.project(x, ops.Matrix.of(w)), x, w)


def test_few_rows_of_a_laid_out_matrix_really_go_to_the_other_library(
    wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = ops.Matrix.of(randn(256, 900)), ops.Matrix.of(randn(256, 9))
    assert (large.packed is not None, small.packed is not None) == (wide, False)
    calls: list[int] = []
    product = torch.ops.mkldnn._linear_pointwise

    def counted(x: Tensor, *args: object) -> Tensor:
        calls.append(len(x))
        result: Tensor = product(x, *args)
        return result

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted)
    for n in (1, 2, 6):
        ops.project(randn(n, 256), large)
        ops.project(randn(n, 256), small)
    assert calls == ([2, 6] if wide else [])
