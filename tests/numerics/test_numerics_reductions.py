# SPDX-License-Identifier: MIT
"""Reductions and scans equal, bit for bit, a plain implementation of the tree and the chain in docs/numerics.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from tensor_draws import assert_same, awkward, values

LANES, BLOCK = 32, 1024
SIZES = st.sampled_from([1, 2, 3, 5, 17, 31, 32, 33, 65, 257, 1023, 1024, 1025, 2049, 3000])


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Each test with so many threads."""
    before = rtch.get_num_threads()
    rtch.set_num_threads(request.param)
    yield request.param
    rtch.set_num_threads(before)


def times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product; of complex numbers by four products in float64, each part rounded once."""
    if a.dtype.kind != "c":
        with np.errstate(over="ignore"):  # integers wrap
            return a * b
    out = np.empty(a.shape, a.dtype)
    ar, ai, br, bi = (part.astype("float64") for part in (a.real, a.imag, b.real, b.imag))
    out.real, out.imag = ar * br - ai * bi, ar * bi + ai * br
    return out


def tree(rows: np.ndarray, join: Callable[..., np.ndarray] = np.add, nothing: int = 0) -> np.ndarray:
    """The sum (or product) of rows (n, columns) down each column."""
    n, n_cols = rows.shape
    if n == 0:
        return np.full(n_cols, nothing, rows.dtype)
    joined = []
    for start in range(0, n, BLOCK):
        block = rows[start : start + BLOCK]
        lanes = block[:LANES].copy()
        for i in range(LANES, len(block), LANES):
            more = block[i : i + LANES]
            lanes[: len(more)] = join(lanes[: len(more)], more)
        for half in (16, 8, 4, 2, 1):
            upper = lanes[half : 2 * half]
            lanes[: len(upper)] = join(lanes[: len(upper)], upper)
            lanes = lanes[:half]
        joined.append(lanes[0])
    while len(joined) > 1:
        pairs = [join(joined[i], joined[i + 1]) for i in range(0, len(joined) - 1, 2)]
        joined = pairs + joined[len(joined) & ~1 :]
    return joined[0]


def reference(
    a: np.ndarray, axes: tuple[int, ...], join: Callable[..., np.ndarray] = np.add, nothing: int = 0
) -> np.ndarray:
    """The sum (or product) over axes; reduced elements in row-major order of those axes."""
    kept = [d for d in range(a.ndim) if d not in axes]
    n = int(np.prod([a.shape[d] for d in axes]))
    rows = a.transpose((*axes, *kept)).reshape(n, int(np.prod([a.shape[d] for d in kept])))
    with np.errstate(all="ignore"):
        return tree(rows, join, nothing).reshape([a.shape[d] for d in kept])


def check(t: rtch.Tensor, a: np.ndarray, axes: tuple[int, ...], total: np.ndarray | None = None) -> None:
    """sum, and mean as one division of it; total is the reference where it is known."""
    total = reference(a, axes) if total is None else total
    assert_same(total, t.sum(axis=axes))
    n = int(np.prod([a.shape[d] for d in axes]))
    with np.errstate(all="ignore"):
        assert_same((total / a.dtype.type(n)).astype(a.dtype), t.mean(axis=axes))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
@settings(max_examples=60)
def test_any_shape_axes_and_strides(dtype: str, data: st.DataObject) -> None:
    """Memory order, gaps, repeats and reversal don't enter; which elements are reduced, and their order, does."""
    shape: list[int] = []
    for _ in range(data.draw(st.integers(1, 4))):
        size = data.draw(SIZES)
        shape.append(size if np.prod(shape) * size <= 12_000 else data.draw(st.integers(1, 3)))
    ndim = len(shape)
    order = data.draw(st.permutations(range(ndim)))
    steps = [data.draw(st.sampled_from([1, 1, 2, -1])) for _ in shape]
    dense = [n * abs(s) for n, s in zip(shape, steps, strict=True)]
    make = data.draw(st.sampled_from([values, awkward]))
    memory = make(dtype, tuple(dense[d] for d in order), data.draw(st.integers(0, 99)))
    back = tuple(int(d) for d in np.argsort(order))
    key = tuple(slice(None, None, s) for s in steps)
    a = memory.transpose(back)[key]
    t = rtch.permute_dims(rtch.asarray(memory), back)[key]
    if data.draw(st.booleans()):
        repeated = (data.draw(st.sampled_from([2, 33, 1025])), *a.shape[1:]) if a.shape[0] == 1 else (3, *a.shape)
        a, t = np.broadcast_to(a, repeated), rtch.broadcast_to(t, repeated)
    sets = [axes for n in range(1, a.ndim + 1) for axes in combinations(range(a.ndim), n)]
    before = rtch.get_num_threads()
    try:
        rtch.set_num_threads(data.draw(st.sampled_from([1, 2, 3])))
        check(t, a, data.draw(st.sampled_from(sets)))
    finally:
        rtch.set_num_threads(before)


def shared_out(dtype: str) -> Iterator[tuple[rtch.Tensor, np.ndarray, tuple[int, ...]]]:
    """Reductions that are large enough for several threads: tensor, array, axes."""
    a = values(dtype, (150_001,), 1, -1e3, 1e3)
    t = rtch.asarray(a)
    yield t, a, (0,)
    yield t[::-1], a[::-1], (0,)
    yield t[1::2], a[1::2], (0,)
    for shape in ((600, 500), (2500, 70), (70, 2500), (100_000, 3), (3, 100_000), (40, 50, 60)):
        a = values(dtype, shape, 2, -1e3, 1e3)
        t = rtch.asarray(a)
        for axes in ((0,), (len(shape) - 1,), tuple(range(len(shape)))):
            yield t, a, axes
        yield t.mT, a.swapaxes(-1, -2), (0,)
    yield t, a, (0, 2)
    yield t, a, (1,)


@cache
def shared_totals(dtype: str) -> list[np.ndarray]:
    """The reference of each, which no number of threads enters."""
    return [reference(a, axes) for _, a, axes in shared_out(dtype)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_threads_share_out(threads: int, dtype: str) -> None:
    """One long result, many short ones, wide and narrow columns, and rows that are no run of memory."""
    for (t, a, axes), total in zip(shared_out(dtype), shared_totals(dtype), strict=True):
        check(t, a, axes, total)


def test_the_order_is_seen() -> None:
    """On these values other trees give other bits, so that the tests above can tell them apart."""
    arrays = [values("float32", (5000,), seed, -1e3, 1e3) for seed in range(8)]
    for other in (lambda a: np.add.accumulate(a)[-1], np.sum, lambda a: reference(a[::-1], (0,))):
        assert sum(float(other(a)) != float(reference(a, (0,))) for a in arrays) >= 4


def test_integers_and_bools_are_cast_before_they_are_averaged() -> None:
    """To float32, whose sum is the tree's."""
    a = values("int64", (3000,), 1, 0, 2**40)
    assert_same(tree(a.astype("float32")[:, None])[0] / np.float32(3000), rtch.asarray(a).mean())
    b = values("bool", (777,), 1)
    assert_same(np.float32(b.sum()) / np.float32(777), rtch.asarray(b).mean())
    assert_same(np.int64(b.sum()), rtch.asarray(b).sum())


def test_zeros_keep_their_sign() -> None:
    """A sum of -0 alone is -0; with a +0 it is +0; of nothing +0."""
    for n in (1, 5, 32, 33, 1024, 1025, 70_000):
        x = np.full(n, -0.0, "float32")
        assert_same(np.float32(-0.0), rtch.asarray(x).sum())
        assert_same(np.float32(-0.0), rtch.asarray(x).mean())
        x[-1] = 0.0
        assert_same(np.float32(0.0), rtch.asarray(x).sum())
    assert_same(np.zeros(40, "float32"), rtch.zeros((0, 40)).sum(axis=0))
    assert_same(np.full(40, -0.0, "float32"), rtch.full((7, 40), -0.0).sum(axis=0))


def test_max_and_min_of_any_threads(threads: int) -> None:
    """Exact, with NaN and zeros of both signs anywhere."""
    a = awkward("float32", (300, 401), 5)
    finite = np.where(np.isnan(a), np.float32(1), a)
    for array in (a, finite):
        t = rtch.asarray(array)
        for axis in (None, 0, 1):
            np.testing.assert_array_equal(t.max(axis=axis).numpy(), array.max(axis=axis))
            np.testing.assert_array_equal(t.min(axis=axis).numpy(), array.min(axis=axis))


SHAPES = [((5000,), (0,)), ((70, 1100), (0,)), ((1100, 70), (0,)), ((40, 3, 33), (0, 2)), ((0, 3), (0,)), ((7, 5), ())]


def near_one(dtype: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Numbers whose products neither vanish nor overflow soon; odd ones where they are integers."""
    if np.dtype(dtype).kind in "iu":
        return values(dtype, shape, seed, 0, 100) | np.dtype(dtype).type(1)
    a = values(dtype, shape, seed, 0.9, 1.1)
    return (a * np.exp(1j * values("float64", shape, seed + 1)) / abs(a)).astype(dtype) if dtype[0] == "c" else a


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "complex64", "complex128", "int64", "uint64", "int8", "uint16"]
)
def test_products_take_the_tree_of_sums(threads: int, dtype: str) -> None:
    """Dense and with strides; integers wrap in 64 bits."""
    wide = {"i": "int64", "u": "uint64"}.get(np.dtype(dtype).kind, dtype)
    for seed, (shape, axes) in enumerate(SHAPES):
        a = near_one(dtype, shape, seed)
        total = reference(a.astype(wide), axes, times, 1)
        assert_same(total, rtch.prod(rtch.asarray(a), axis=axes))
        doubled = rtch.asarray(np.repeat(a, 2, axis=-1))[..., ::-2]
        assert_same(reference(a[..., ::-1].astype(wide), axes, times, 1), rtch.prod(doubled, axis=axes))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_sums_are_the_tree_of_each_part(threads: int, dtype: str) -> None:
    """And their mean one division of each."""
    for seed, (shape, axes) in enumerate(SHAPES):
        a = values(dtype, shape, seed, -1e3, 1e3)
        t, total = rtch.asarray(a), np.empty([n for d, n in enumerate(shape) if d not in axes], dtype)
        total.real, total.imag = reference(a.real, axes), reference(a.imag, axes)
        assert_same(total, t.sum(axis=axes))
        count = int(np.prod([shape[d] for d in axes]))
        with np.errstate(all="ignore"):
            total.real, total.imag = total.real / a.real.dtype.type(count), total.imag / a.real.dtype.type(count)
        if count:
            assert_same(total, t.mean(axis=axes))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_variances_are_two_passes(threads: int, dtype: str) -> None:
    """The mean, then the squared deviations in the same tree, divided once; the root for std."""
    for seed, (shape, axes) in enumerate(SHAPES):
        a = values(dtype, shape, seed, -1e3, 1e3)
        t = rtch.asarray(a)
        a = a.astype("float64" if dtype == "float64" else "float32")
        count = int(np.prod([shape[d] for d in axes]))
        for correction in (0, 1, 0.5, 10_000):
            with np.errstate(all="ignore"):
                mean = reference(a, axes) / a.dtype.type(count)
                deviations = a - np.expand_dims(mean, axes)
                divisor = a.dtype.type(count - correction if count > correction else np.nan)
                expected = (reference(deviations * deviations, axes) / divisor).astype(a.dtype)
                root = np.sqrt(expected)
            assert_same(expected, t.var(axis=axes, correction=correction))
            assert_same(root, t.std(axis=axes, correction=correction))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int16", "uint64"])
def test_scans_are_one_chain(threads: int, dtype: str) -> None:
    """From left to right, large enough for threads to share out the chains; along rows, columns and in between."""
    wide = {"i": "int64", "u": "uint64"}.get(np.dtype(dtype).kind, dtype)
    for shape in ((700, 300), (300, 701), (7, 150, 90), (9, 9000), (100_003,)):
        for name, join, make in (("sum", np.add, values), ("prod", times, near_one)):
            a = make(dtype, shape, 3)
            t, a = rtch.asarray(a), a.astype(wide)
            for axis in range(a.ndim):
                rows = np.moveaxis(a, axis, 0).copy()
                for i in range(1, len(rows)):
                    rows[i] = join(rows[i - 1], rows[i])
                    if a.ndim == 1 and i > 2000:
                        break
                n = 2000 if a.ndim == 1 else len(rows)
                got = rtch.permute_dims(getattr(rtch, f"cumulative_{name}")(t, axis=axis), _first(axis, a.ndim))
                assert_same(rows[:n], got[:n])


def _first(axis: int, ndim: int) -> tuple[int, ...]:
    return (axis, *(d for d in range(ndim) if d != axis))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16", "int32", "uint64"])
def test_positions_of_any_threads(threads: int, dtype: str) -> None:
    """The first of several equal ones, wherever pieces end; the first NaN; zeros of both signs are equal."""
    rng = np.random.default_rng(7)
    for shape in ((200_003,), (501, 1500), (3, 100_000)):
        a = np.clip(values(dtype, shape, 1), 0, 2).astype(dtype)  # many ties
        arrays = [a]
        if dtype[0] == "f":
            lost = a.copy()
            lost.flat[rng.integers(0, a.size, 3)] = np.nan
            arrays += [lost, np.where(rng.random(shape) < 0.5, -0.0, 0.0).astype(dtype), np.full(shape, -np.inf, dtype)]
        for array in arrays:
            t = rtch.asarray(array)
            for axis in (None, 0, -1):
                assert_same(np.asarray(array.argmax(axis)), t.argmax(axis))
                assert_same(np.asarray(array.argmin(axis)), t.argmin(axis))
