# SPDX-License-Identifier: MIT
"""Matrix products equal, bit for bit, chains of fused multiply-adds in blocks of 256."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from tensor_draws import assert_same, awkward, values

KC = 256


def fma32(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a * b + c rounded once to float32: the sum in float64 is rounded to odd, so that the cast sees what was lost."""
    product, c = a.astype("float64") * b.astype("float64"), c.astype("float64")  # the product is exact
    total = product + c
    big = np.where(np.abs(product) >= np.abs(c), product, c)
    small = np.where(np.abs(product) >= np.abs(c), c, product)
    lost = small - (total - big)  # exact: Dekker's fast two-sum
    even = (total.view("int64") & 1) == 0
    away = np.nextafter(total, np.where(lost > 0, np.inf, -np.inf))
    odd = np.where(np.isfinite(total) & (lost != 0) & even, away, total)
    return odd.astype("float32")


def fma64(a: float, b: float, c: float) -> float:
    """a * b + c exactly, then rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of two matrices by the written definition."""
    (m, k), n = a.shape, b.shape[1]
    total = np.zeros((m, n), a.dtype)
    with np.errstate(all="ignore"):
        for start in range(0, k, KC):
            chain = np.zeros((m, n), a.dtype)
            for p in range(start, min(start + KC, k)):
                if a.dtype == np.float32:
                    chain = fma32(a[:, p : p + 1], b[p : p + 1], chain)
                else:
                    rows = [[fma64(a[i, p], b[p, j], chain[i, j]) for j in range(n)] for i in range(m)]
                    chain = np.array(rows).reshape(m, n)
            total = chain if start == 0 else total + chain
    return total


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), *[st.floats(-(2.0**60), 2.0**60, width=32)] * 2)
def test_the_reference_multiply_add(c: float, a: float, b: float) -> None:
    """In float32 it is the exact sum, rounded once: no other float32 is nearer."""
    made = fma32(*(np.array([v], "float32") for v in (a, b, c)))
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if np.isfinite(made[0]):
        error = abs(Fraction(float(made[0])) - exact)
        for side in (np.inf, -np.inf):
            beside = np.nextafter(made[0], np.float32(side))
            assert not np.isfinite(beside) or error <= abs(Fraction(float(beside)) - exact)


@given(data=st.data())
@settings(max_examples=60)
def test_any_shape_and_strides_in_float32(data: st.DataObject) -> None:
    """Tiles, packing, edges and threads don't enter; nor does what is NaN, infinite, subnormal or -0."""
    m, n = (data.draw(st.sampled_from([1, 2, 3, 5, 6, 7, 8, 13, 16, 17, 24, 25, 33, 48, 65])) for _ in range(2))
    k = data.draw(st.sampled_from([1, 2, 3, 31, 255, 256, 257, 300, 512, 513]))
    make = data.draw(st.sampled_from([values, values, awkward]))
    operands = []
    for seed, shape in enumerate(((m, k), (k, n))):
        kind = data.draw(st.sampled_from(["dense", "transposed", "stepped", "reversed", "broadcast", "column"]))
        if kind == "transposed":
            a = make("float32", shape[::-1], seed)
            operands.append((rtch.asarray(a).T, a.T))
        elif kind == "stepped":
            a = make("float32", (2 * shape[0], 3 * shape[1]), seed)
            operands.append((rtch.asarray(a)[::2, ::3], a[::2, ::3]))
        elif kind == "reversed":
            a = make("float32", shape, seed)
            operands.append((rtch.asarray(a)[::-1, ::-1], a[::-1, ::-1]))
        elif kind in ("broadcast", "column"):
            a = make("float32", (1, shape[1]) if kind == "broadcast" else (shape[0], 1), seed)
            operands.append((rtch.broadcast_to(rtch.asarray(a), shape), np.broadcast_to(a, shape)))
        else:
            a = make("float32", shape, seed)
            operands.append((rtch.asarray(a), a))
    (x, a), (y, b) = operands
    expected = reference(a, b)
    before = rtch.get_num_threads()
    try:
        rtch.set_num_threads(data.draw(st.sampled_from([1, 2, 3])))
        assert_same(expected, x @ y)
        assert_same(expected.T, y.T @ x.T)
        assert_same(expected[0], x[0] @ y)
        assert_same(expected[:, 0], x @ y[:, 0])
        assert_same(expected[-1, -1], x[-1] @ y[:, -1])
        assert_same(np.stack([expected] * 2), rtch.broadcast_to(x, (2, m, k)) @ y)
    finally:
        rtch.set_num_threads(before)


@pytest.mark.parametrize(("m", "k", "n"), [(3, 5, 4), (2, 257, 3), (1, 600, 2), (4, 256, 1), (7, 12, 9)])
def test_float64(m: int, k: int, n: int) -> None:
    """Against exact fractions."""
    a, b = values("float64", (k, m), 1).T, values("float64", (k, 2 * n), 2)[:, ::2]
    x, y = rtch.asarray(values("float64", (k, m), 1)).T, rtch.asarray(values("float64", (k, 2 * n), 2))[:, ::2]
    expected = reference(a, b)
    assert_same(expected, x @ y)
    assert_same(expected.T, y.mT @ x.mT)
    assert_same(expected[0], x[0] @ y)
    tiny, huge = a * 1e-300, b * 1e-20
    assert_same(reference(tiny, huge), rtch.asarray(tiny) @ rtch.asarray(huge))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_sizes_that_threads_share_out(threads: int) -> None:
    """Wide, tall and batched; float64 against its own rows, whose bits the test above pins."""
    before = rtch.get_num_threads()
    try:
        rtch.set_num_threads(threads)
        a, b = values("float32", (190, 270), 1), values("float32", (270, 210), 2)
        expected = reference(a, b)
        x, y = rtch.asarray(a), rtch.asarray(b)
        assert_same(expected, x @ y)
        assert_same(np.stack([expected] * 7), rtch.broadcast_to(x, (7, 190, 270)) @ y)
        wide, tall = rtch.asarray(values("float64", (30, 300), 3)), rtch.asarray(values("float64", (300, 1100), 4))
        whole = wide @ tall
        for i, j in ((0, 0), (29, 1099), (13, 640)):
            assert_same(whole[i, j].numpy(), wide[i] @ tall[:, j])
            assert_same(whole[i : i + 1].numpy(), wide[i : i + 1] @ tall)
        assert_same(whole.numpy().T, tall.T @ wide.T)
    finally:
        rtch.set_num_threads(before)


def laid_out(a: np.ndarray) -> list[rtch.Tensor]:
    """The same matrix with rows along memory, columns along memory, neither, and backwards."""
    m, n = a.shape
    spread = np.zeros((2 * m, 3 * n), a.dtype)
    spread[::2, ::3] = a
    flipped = rtch.asarray(np.ascontiguousarray(a[::-1, ::-1]))[::-1, ::-1]
    return [rtch.asarray(a), rtch.asarray(np.ascontiguousarray(a.T)).T, rtch.asarray(spread)[::2, ::3], flipped]


@pytest.mark.parametrize("k", [1, 13, 255, 257, 1024, 1027, 2048, 2403])
@pytest.mark.parametrize("n", [1, 2, 5, 17, 39])
def test_vectors(n: int, k: int) -> None:
    """On either side of a matrix, with any layout of both; long ones, whose blocks run side by side."""
    a, b = values("float32", (1, k), 1), values("float32", (k, n), 2)
    expected = reference(a, b)[0]
    whole, two = values("int64", (k,), 3, -(2.0**40), 2.0**40), values("int64", (k, n), 4, -(2.0**40), 2.0**40)
    for x in laid_out(a)[0][0], laid_out(a.T)[2][:, 0], laid_out(a)[3][0]:
        for y in laid_out(b):
            assert_same(expected, x @ y)
            assert_same(expected, y.T @ x)
    for integers in laid_out(two):
        assert_same(whole @ two, rtch.asarray(whole) @ integers)


@pytest.mark.parametrize("k", [7, 530, 1030])
def test_vectors_in_float64(k: int) -> None:
    """Against exact fractions."""
    a, b = values("float64", (1, k), 1), values("float64", (k, 5), 2)
    expected = reference(a, b)[0]
    x = rtch.asarray(a)[0]
    for y in laid_out(b):
        assert_same(expected, x @ y)
        assert_same(expected, y.T @ x)
        assert_same(expected[1], x @ y[:, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("k", [1, 3, 255, 256, 257, 1030])
def test_batches_of_vectors(k: int, dtype: str) -> None:
    """vecdot of a batch has the bits of its products one by one: both vectors are turned in registers there."""
    rng = np.random.default_rng(k)
    for n in (1, 7, 8, 45):
        x, y = (rtch.asarray((rng.standard_normal((n, k)) * 100).astype(dtype)) for _ in range(2))
        expected = [rtch.matmul(x[i], y[i]).item() for i in range(n)]
        assert rtch.vecdot(x, y).tolist() == expected
        wide = rtch.vecdot(rtch.stack([x, x]), rtch.stack([y, y])[:, ::-1])
        assert wide[1].tolist() == [rtch.matmul(x[i], y[n - 1 - i]).item() for i in range(n)]


def test_large_products() -> None:
    """Several blocks of k at a time, and more columns than are packed at once: any layout, any number of threads."""
    m, k, n = 100, 1060, 1050
    a, b = values("float32", (m, k), 1), values("float32", (k, n), 2)
    expected = reference(a, b)
    before = rtch.get_num_threads()
    try:
        for threads in (2, 3):
            rtch.set_num_threads(threads)
            for x, y in zip(laid_out(a), laid_out(b)[::-1], strict=True):
                assert_same(expected, x @ y)
                assert_same(expected.T, y.T @ x.T)
        x, y = rtch.asarray(a.astype("float64")), rtch.asarray(b.astype("float64"))
        for i, row in enumerate((x @ y).numpy()):
            if i % 9 == 0:
                assert_same(row, x[i] @ y)  # whose bits the tests above pin
    finally:
        rtch.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int16", "complex64"])
def test_any_number_of_threads(dtype: str) -> None:
    """1 to 8, for sizes that are shared out in each of the ways."""
    before = rtch.get_num_threads()
    shapes = [((9, 9), (9, 9)), ((90, 90), (90, 90)), ((40, 60, 50), (50, 70)), ((4, 130, 130), (4, 130, 140))]
    shapes += [((600, 700), (700,)), ((700,), (700, 600)), ((256, 260), (260, 300)), ((5000,), (5000,))]
    operands = [[rtch.asarray(values(dtype, shape, seed)) for seed, shape in enumerate(pair)] for pair in shapes]
    try:
        rtch.set_num_threads(1)
        alone = [(x @ y).numpy() for x, y in operands]
        for threads in range(2, 9):
            rtch.set_num_threads(threads)
            for expected, (x, y) in zip(alone, operands, strict=True):
                assert_same(expected, x @ y)
    finally:
        rtch.set_num_threads(before)


def test_batches_are_their_products() -> None:
    """Broadcast on either side, with rows that become one product, and with vectors."""
    a, b = values("float32", (3, 2, 11, 37), 1), values("float32", (37, 21), 2)
    x, y = rtch.asarray(a), rtch.asarray(b)
    expected = np.stack([np.stack([reference(p, b) for p in pair]) for pair in a])
    assert_same(expected, x @ y)
    assert_same(expected[..., 3], x @ y[:, 3])
    assert_same(expected.transpose(1, 0, 2, 3), rtch.permute_dims(x, (1, 0, 2, 3)) @ y)
    assert_same(expected.swapaxes(2, 3), y.T @ x.mT)
    assert_same(expected[:, :, 4], x[:, :, 4] @ y)
    turned = rtch.asarray(np.ascontiguousarray(a.swapaxes(2, 3))).mT
    assert_same(expected, turned @ y)
    assert_same(np.broadcast_to(expected[1, :1], (4, 11, 21)), rtch.broadcast_to(x[1, 0], (4, 11, 37)) @ y)


def test_each_block_starts_at_zero() -> None:
    """Products that cancel inside a block vanish there: a single chain over all of k would keep another rounding."""
    a = np.zeros((1, 512), "float32")
    a[0, 0], a[0, 256], a[0, 257] = 1.0, 2.0**-24, 2.0**-24
    ones = np.ones((512, 1), "float32")
    assert_same(np.array([[1 + 2.0**-23]], "float32"), rtch.asarray(a) @ rtch.asarray(ones))
    a[0, 256], a[0, 1] = 0.0, 2.0**-24
    assert_same(np.array([[1.0]], "float32"), rtch.asarray(a) @ rtch.asarray(ones))


def test_multiply_adds_are_fused() -> None:
    """a * b - round(a * b) is what was rounded away, not 0."""
    for dtype, eps in (("float32", 2.0**-23), ("float64", 2.0**-52)):
        x = np.array([[1 + eps, -1.0]], dtype)
        y = np.array([[1 + eps], [1 + 2 * eps]], dtype)
        assert_same(np.array([[0.0]], dtype), rtch.asarray(x[:, ::-1] * 0) @ rtch.asarray(y))
        assert_same(np.array([[eps * eps]], dtype), rtch.asarray(x[:, ::-1]) @ rtch.asarray(y[::-1]))
