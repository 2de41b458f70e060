# SPDX-License-Identifier: MIT
"""Functions of whole rows: their bits from the text of docs/numerics.md, from any layout, place and number of threads;
how close they are; what becomes of infinities and NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

import rtch
from rtch import rowwise
from rtch.nn import functional
from tensor_draws import bits

REALS = ("float32", "float64")
INF, NAN = float("inf"), float("nan")
Function = Callable[[rtch.Tensor, rtch.Tensor], rtch.Tensor]


def draw(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Normal numbers around 1."""
    return (np.random.default_rng(seed).standard_normal(shape) * 3 + 1).astype(dtype)


def tree(x: np.ndarray) -> np.ndarray:
    """The sums over the last axis, as docs/numerics.md has them."""
    blocks = []
    for begin in range(0, x.shape[-1], 1024):
        block = x[..., begin : begin + 1024]
        lanes = [block[..., lane] for lane in range(min(32, block.shape[-1]))]
        for i in range(32, block.shape[-1]):
            lanes[i % 32] = lanes[i % 32] + block[..., i]
        for half in (16, 8, 4, 2, 1):
            lanes = [
                lanes[i] + lanes[i + half] if i + half < len(lanes) else lanes[i] for i in range(len(lanes[:half]))
            ]
        blocks.append(lanes[0])
    while len(blocks) > 1:
        blocks = [sum(blocks[i + 1 : i + 2], blocks[i]) for i in range(0, len(blocks), 2)]
    return blocks[0]


def fma(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a b + c of float32 in 64 bits of significand, then rounded: twice, but never in the middle for these numbers."""
    a, b, c = (np.asarray(t, "float32").astype("longdouble") for t in (a, b, c))
    return (a * b + c).astype("float32")


def standardized(x: np.ndarray, eps: float) -> tuple[np.ndarray, ...]:
    """The standardised rows, and mean, variance and scale."""
    n = x.dtype.type(x.shape[-1])
    mean = tree(x) / n
    deviations = x - mean[..., None]
    var = tree(deviations * deviations) / n
    scale = 1 / np.sqrt(var + x.dtype.type(eps))
    return deviations * scale[..., None], mean, var, scale


@pytest.mark.parametrize("n", [1, 5, 31, 32, 33, 1023, 1024, 1025, 3100, 5000])
def test_bits_of_standardising(n: int) -> None:
    """Forward and backward, as written down."""
    x, g, w = draw((7, n), "float32"), draw((7, n), "float32", 1), draw((n,), "float32", 2)
    tx, tg, tw = (rtch.asarray(t) for t in (x, g, w))
    z, mean, var, scale = standardized(x, 1e-5)
    out, by = rowwise.standardize("test", tx, tw, tw, 2, 1e-5)
    np.testing.assert_array_equal(np.stack([mean, var, scale]), by.stats.numpy())
    np.testing.assert_array_equal(fma(z, w, w), out.numpy())
    size = np.float32(n)
    v = g * w
    along, centre = tree(v * z) / size, tree(v) / size
    expected = fma(-along[:, None], z, v - centre[:, None]) * scale[:, None]
    np.testing.assert_array_equal(expected, rowwise.standardize_grad(tg, tx, tw, by).numpy())
    one = draw((7, 1), "float32", 3)
    along, centre = tree(g * z) / size, tree(g) / size
    expected = fma(-along[:, None], z, g - centre[:, None]) * (scale[:, None] * one)
    np.testing.assert_array_equal(expected, rowwise.standardize_grad(tg, tx, rtch.asarray(one), by).numpy())
    np.testing.assert_array_equal(tree((g * z).T), rowwise.standardize_grad_weight(tg, tx, by, (n,)).numpy())


def test_bits_of_softmax_follow_from_those_of_exp() -> None:
    """In float64, where `exp` is the public one: factor, sum, logarithm, gradients."""
    x, g = draw((5, 2500), "float64"), draw((5, 2500), "float64", 1)
    tx, tg = rtch.asarray(x), rtch.asarray(g)
    most = x.max(1, keepdims=True)
    e = rtch.exp(rtch.asarray(x - most)).numpy()
    factor = 1 / tree(e)
    y = rtch.softmax(tx, 1)
    np.testing.assert_array_equal(e * factor[:, None], y.numpy())
    log_sum = rtch.log(rtch.asarray(tree(e))).numpy()
    np.testing.assert_array_equal((x - most) - log_sum[:, None], rtch.log_softmax(tx, 1).numpy())
    np.testing.assert_array_equal(most[:, 0] + log_sum, rtch.logsumexp(tx, axis=1).numpy())
    expected = (g - tree(g * y.numpy())[:, None]) * y.numpy()
    np.testing.assert_array_equal(expected, rowwise.softmax_grad("softmax_grad", tg, y, 2).numpy())


def softmax_both(f: Callable[..., rtch.Tensor], axis: int) -> Function:
    """A function of the row's axis, and its gradient."""

    def run(x: rtch.Tensor, g: rtch.Tensor) -> rtch.Tensor:
        leaf = x.detach().requires_grad_()
        out = f(leaf, axis)
        (out * g).sum().backward()
        assert leaf.grad is not None
        return rtch.stack([out.detach() if out.shape == x.shape else x, leaf.grad])

    return run


def norm(axis: int) -> Callable[..., rtch.Tensor]:
    """Layer norm or batch norm of a matrix, with the gradients of the parameters added into the result."""

    def run(x: rtch.Tensor, g: rtch.Tensor) -> rtch.Tensor:
        n = x.shape[1]
        w, b = (rtch.asarray(draw((n,), x.dtype.name, seed)).requires_grad_() for seed in (7, 8))
        leaf = x.detach().requires_grad_()
        if axis:
            out = functional.layer_norm(leaf, (n,), w, b)
        else:
            out = functional.batch_norm(leaf, None, None, w, b, training=True)
        (out * g).sum().backward()
        assert leaf.grad is not None
        return rtch.stack([out.detach(), leaf.grad, (w.grad + x * 0), (b.grad + x * 0)])

    return run


MATRICES: dict[str, Function] = {
    **{
        f"{f.__name__} {axis}": softmax_both(f, axis)
        for f in (rtch.softmax, rtch.log_softmax, lambda x, axis: rtch.logsumexp(x, axis=axis, keepdims=True))
        for axis in (0, 1)
    },
    "layer norm": norm(1),
    "batch norm": norm(0),
}


def layouts(a: np.ndarray) -> Iterator[rtch.Tensor]:
    """The same matrix in memory in other ways."""
    yield rtch.asarray(np.ascontiguousarray(a.T)).T
    wide = np.zeros((a.shape[0] * 2, a.shape[1] * 3), a.dtype)
    wide[::2, ::3] = a
    yield rtch.asarray(wide)[::2, ::3]
    yield rtch.asarray(np.ascontiguousarray(a[::-1, ::-1]))[::-1, ::-1]
    padded = np.zeros((a.shape[0], a.shape[1] + 3), a.dtype)
    padded[:, 1:-2] = a
    yield rtch.asarray(padded)[:, 1:-2]


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("shape", [(3, 5), (40, 9), (9, 40), (70, 1100), (2100, 12)])
@pytest.mark.parametrize("name", MATRICES)
def test_layout_does_not_matter(name: str, shape: tuple[int, int], dtype: str) -> None:
    """Rows, columns, strides and gaps; the gradient in another layout than x."""
    f, a, g = MATRICES[name], draw(shape, dtype), draw(shape, dtype, 1)
    dense = rtch.asarray(g)
    expected = bits(f(rtch.asarray(a), dense))
    for x in layouts(a):
        np.testing.assert_array_equal(expected, bits(f(x, dense)))
    for other in layouts(g):
        np.testing.assert_array_equal(expected, bits(f(rtch.asarray(a), other)))


@pytest.mark.parametrize("name", MATRICES)
def test_threads_do_not_matter(name: str) -> None:
    """One, two and three."""
    f, x, g = MATRICES[name], rtch.asarray(draw((600, 300), "float32")), rtch.asarray(draw((600, 300), "float32", 1))
    before = rtch.get_num_threads()
    try:
        found = []
        for n in (1, 2, 3):
            rtch.set_num_threads(n)
            found.append(bits(f(x, g)))
    finally:
        rtch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@given(st.integers(1, 90), st.integers(1, 90), st.data())
@settings(max_examples=30)
def test_a_row_alone_and_in_any_batch(n_rows: int, n: int, data: st.DataObject) -> None:
    """Softmax, layer norm, group norm and cross entropy of a row have the same bits anywhere; so have gradients."""
    a, g = draw((n_rows, n), "float32"), draw((n_rows, n), "float32", 1)
    at = data.draw(st.integers(0, n_rows - 1))
    target = rtch.asarray(np.arange(n_rows) % n)

    def run(x: rtch.Tensor, g: rtch.Tensor, target: rtch.Tensor) -> list[np.ndarray]:
        leaf = x.detach().requires_grad_()
        outs = [
            rtch.softmax(leaf, 1),
            functional.layer_norm(leaf, (n,)),
            functional.rms_norm(leaf, (n,)),
            functional.cross_entropy(leaf, target, reduction="none"),
        ]
        for out in outs:
            (out * (g if out.ndim == 2 else g[:, 0])).sum().backward()
        assert leaf.grad is not None
        return [*(out.detach().numpy() for out in outs), leaf.grad.numpy()]

    whole = run(rtch.asarray(a), rtch.asarray(g), target)
    alone = run(*(t[at : at + 1] for t in (rtch.asarray(a), rtch.asarray(g), target)))
    for expected, actual in zip(whole, alone, strict=True):
        np.testing.assert_array_equal(expected[at : at + 1].view("uint32"), actual.view("uint32"))


def test_cross_entropy_is_the_negative_of_log_softmax() -> None:
    """To the bit, along any axis of the classes."""
    for dtype in REALS:
        x = rtch.asarray(draw((4, 9, 5), dtype))
        target = rtch.asarray(np.arange(20).reshape(4, 5) % 9)
        losses = functional.cross_entropy(x, target, reduction="none")
        picked = functional.nll_loss(rtch.log_softmax(x, 1), target, reduction="none")
        np.testing.assert_array_equal(bits(picked), bits(losses))


def test_the_exponential_of_softmax_is_close() -> None:
    """float32: within 1 ULP of e^x, down to subnormal results."""
    x = -np.concatenate(
        [np.linspace(0, 104, 4001), np.geomspace(1e-30, 1, 500), np.random.default_rng(0).uniform(80, 104, 2000)]
    ).astype("float32")
    zeros = np.zeros_like(x)
    # A gradient of log_softmax with a sum of -1 is g + e^y, here of single elements beside one that makes the sum.
    pairs = rtch.asarray(np.stack([x, zeros], 1))
    g = rtch.asarray(np.stack([zeros, zeros - 1], 1))
    found = rowwise.softmax_grad("log_softmax_grad", g, pairs, 2).numpy()[:, 0].astype("float64")
    with mp.workprec(120):
        exact = [mp.exp(mp.mpf(float(v))) for v in x]
        units = [mp.mpf(2) ** max(int(mp.floor(mp.log(e, 2))) - 23, -149) for e in exact]
        errors = [abs(mp.mpf(f) - e) / u for f, e, u in zip(found, exact, units, strict=True)]
    assert max(errors) < 1
    assert found[0] == 1.0


@pytest.mark.parametrize("dtype", REALS)
def test_rows_that_are_not_finite(dtype: str) -> None:
    """As PyTorch: NaN throughout for NaN, +inf and nothing but -inf; -inf beside numbers counts for nothing."""
    rows = [[NAN, 1.0, 2.0], [INF, 1.0, 2.0], [-INF, -INF, -INF], [-INF, 0.0, 0.0], [-INF, INF, 0.0], [0.0, -0.0, NAN]]
    for a in (np.array(rows, dtype), np.tile(np.array(rows, dtype), (4, 1))):
        for x, axis in ((rtch.asarray(a), 1), (rtch.asarray(a.T.copy()), 0)):
            y, logs, sums = rtch.softmax(x, axis), rtch.log_softmax(x, axis), rtch.logsumexp(x, axis=axis)
            y, logs = (t.numpy() if axis else t.numpy().T for t in (y, logs))
            for i in (0, 1, 2, 4, 5):
                assert np.isnan(y[i]).all()
                assert np.isnan(logs[i]).all()
            assert y[3].tolist() == [0.0, 0.5, 0.5]
            assert logs[3, 0] == -INF
            np.testing.assert_array_equal(sums.numpy()[:3], [NAN, INF, -INF])
            np.testing.assert_array_equal(sums.numpy()[4:6], [INF, NAN])
    huge = rtch.asarray(np.array([[1e38, 1e38], [-3e38, 3e38]], dtype))
    assert rtch.softmax(huge, 1).tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_zero_signs() -> None:
    """-0 and +0 in either order are one maximum: the bits do not hang on which comes first."""
    for row in ([-0.0, 0.0], [0.0, -0.0]):
        assert bits(rtch.logsumexp(rtch.asarray(row), axis=0)).tolist() == bits(rtch.log(rtch.asarray(2.0))).tolist()
    assert not np.signbit(rtch.logsumexp(rtch.asarray([-0.0]), axis=0).numpy())


def test_empty_and_0d() -> None:
    """Rows of none, no rows, and single numbers."""
    assert rtch.softmax(rtch.zeros((3, 0)), 1).shape == (3, 0)
    assert rtch.softmax(rtch.zeros((0, 3)), 1).shape == (0, 3)
    assert rtch.log_softmax(rtch.asarray(5.0), 0).item() == 0.0
    assert rtch.softmax(rtch.asarray(5.0), -1).item() == 1.0
    assert rtch.logsumexp(rtch.asarray(5.0)).item() == 5.0
    assert rtch.logsumexp(rtch.zeros((2, 0)), axis=1).tolist() == [-INF, -INF]
    assert rtch.logsumexp(rtch.zeros((0, 2)), axis=1).shape == (0,)
    assert functional.layer_norm(rtch.zeros((2, 0)), (0,)).shape == (2, 0)
    assert functional.layer_norm(rtch.zeros((0, 4)), (4,)).shape == (0, 4)
    x = rtch.zeros((0, 4), dtype="float64").requires_grad_()
    w = rtch.ones(4, dtype="float64").requires_grad_()
    functional.batch_norm(x, None, None, w, w, training=True).sum().backward()
    assert (x.grad.shape, w.grad.tolist()) == ((0, 4), [0.0] * 4)
    x = rtch.zeros((2, 0, 3)).requires_grad_()
    rtch.softmax(x, 1).sum().backward()
    assert x.grad.shape == (2, 0, 3)
