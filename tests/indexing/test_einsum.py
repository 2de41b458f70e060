# SPDX-License-Identifier: MIT
"""einsum against NumPy's, to the bits of matmul, and its path against all others."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.autograd import gradcheck, gradgradcheck
from rtch.einstein import _greedy, _path, _plan
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from tensor_draws import assert_same, values


@st.composite
def equations(draw: Any) -> Any:
    """An equation, explicit or not, of up to four operands with repeated labels, ellipses and axes of size one."""
    sizes = {label: draw(st.integers(0, 4) if draw(st.integers(0, 9)) == 0 else st.integers(1, 4)) for label in "abcdE"}
    dots = tuple(draw(st.integers(1, 3)) for _ in range(draw(st.integers(0, 2))))
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 4))):
        letters = draw(st.lists(st.sampled_from("abcdE"), max_size=3))
        ones = {label: draw(st.integers(0, 5)) == 0 for label in letters}
        shape = [1 if ones[label] else sizes[label] for label in letters]
        if dots and draw(st.booleans()):
            at = draw(st.integers(0, len(letters)))
            own = dots[draw(st.integers(0, len(dots))) :]
            shape[at:at] = [1 if draw(st.integers(0, 4)) == 0 else n for n in own]
            terms.append("".join(letters[:at]) + "..." + "".join(letters[at:]))
        else:
            terms.append("".join(letters))
        shapes.append(tuple(shape))
    equation = draw(st.sampled_from([",", " , "])).join(terms)
    if draw(st.booleans()):
        used = sorted(set(equation) & set("abcdE"))
        output = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        if "..." in equation:
            output.insert(draw(st.integers(0, len(output))), "...")
        equation += "->" + "".join(output)
    return equation, shapes


@given(equations(), st.data())
@settings(max_examples=250)
def test_equals_numpy(drawn: Any, data: st.DataObject) -> None:
    """Values and shape; of contiguous and of transposed operands the same bits."""
    equation, shapes = drawn
    arrays = [values("float64", shape, i) for i, shape in enumerate(shapes)]
    try:
        expected = np.einsum(equation, *arrays)
    except ValueError:  # NumPy refuses sizes of 1 beside others within a term, as we do
        with pytest.raises((BroadcastError, ArgumentError, DimensionError)):
            rtch.einsum(equation, *map(rtch.asarray, arrays))
        return
    got = rtch.einsum(equation, *map(rtch.asarray, arrays))
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12, atol=1e-10)
    turned = [rtch.permute_dims(rtch.asarray(a.T.copy()), tuple(range(a.ndim))[::-1]) for a in arrays]
    assert_same(got.numpy(), rtch.einsum(equation, turned))


def test_integers_keep_their_dtype() -> None:
    """Sums within an operand too; NumPy agrees."""
    a = np.arange(12, dtype="int32").reshape(3, 4)
    for equation in ("ij->i", "ij->", "ij,kj->ik", "ij,ij->j"):
        arrays = [a] * (equation.count(",") + 1)
        assert_same(np.einsum(equation, *arrays), rtch.einsum(equation, *map(rtch.asarray, arrays)))


def test_a_pair_has_the_bits_of_matmul() -> None:
    """Whichever way the axes are named."""
    x, y = rtch.asarray(values("float32", (5, 700), 1)), rtch.asarray(values("float32", (700, 4), 2))
    expected = (x @ y).numpy()
    assert_same(expected, rtch.einsum("ij,jk->ik", x, y))
    assert_same(expected.T, rtch.einsum("ij,jk->ki", x, y))
    assert_same(expected, rtch.einsum("ji,kj->ik", x.T, y.T))
    assert_same(expected[0], rtch.einsum("j,jk", x[0], y))
    assert_same(np.array([expected[i, i] for i in range(4)]), rtch.einsum("ij,ji->i", x[:4], y))
    inner = rtch.reshape(x, (5, 7, 100)), rtch.reshape(y, (7, 100, 4))
    assert_same(expected, rtch.einsum("iab,abk->ik", *inner))


def test_lists_of_labels_and_of_operands() -> None:
    """PyTorch's other forms."""
    x, y = rtch.asarray(values("float64", (2, 3), 1)), rtch.asarray(values("float64", (2, 3, 4), 2))
    expected = rtch.einsum("ij,ijk->ki", x, y).numpy()
    assert_same(expected, rtch.einsum("ij,ijk->ki", [x, y]))
    assert_same(expected, rtch.einsum(x, [8, 9], y, [8, 9, 10], [10, 8]))
    assert_same(rtch.einsum("...a->a...", y).numpy(), rtch.einsum(y, [..., 0], [0, ...]))
    assert_same(rtch.einsum("Ba", x).numpy(), rtch.einsum(x, [1, 26]))


def test_an_ellipsis_that_the_result_lacks_is_summed() -> None:
    """As in PyTorch; NumPy refuses it."""
    x = rtch.asarray(values("float64", (2, 3, 4), 1))
    np.testing.assert_allclose(rtch.einsum("...a->a", x).numpy(), x.numpy().sum((0, 1)), rtol=1e-13)


def cost(path: list[tuple[int, int]], terms: list[frozenset[str]], output: frozenset[str], sizes: Any) -> int:
    """Multiplications along a path."""
    left, total = list(terms), 0
    for i, j in path:
        both = left[i] | left[j]
        total += math.prod(sizes[label] for label in both)
        rest = frozenset().union(output, *(t for k, t in enumerate(left) if k not in (i, j)))
        left[i] = both & rest
        del left[j]
    assert len(left) == 1
    return total


def all_paths(n: int) -> Any:
    """Every order in which n operands can be contracted by pairs."""
    if n == 1:
        yield []
    for pair in combinations(range(n), 2):
        for rest in all_paths(n - 1):
            yield [pair, *rest]


@given(st.lists(st.frozensets(st.sampled_from("abcdef"), min_size=1, max_size=3), min_size=3, max_size=5), st.data())
@settings(max_examples=60, deadline=None)
def test_the_path_is_the_cheapest(terms: list[frozenset[str]], data: st.DataObject) -> None:
    """No other order takes fewer multiplications; the greedy path is one too, if not the best."""
    sizes = {label: data.draw(st.integers(1, 9)) for label in "abcdef"}
    every = frozenset().union(*terms)
    output = frozenset(label for label in every if data.draw(st.booleans()))
    # What stands in one operand alone is summed before.
    terms = [
        frozenset(label for label in t if label in output or any(label in u for k, u in enumerate(terms) if k != i))
        for i, t in enumerate(terms)
    ]
    best = min(cost(path, terms, output, sizes) for path in all_paths(len(terms)))
    assert cost(_path(terms, output, sizes), terms, output, sizes) == best
    assert cost(_greedy(terms, output, sizes), terms, output, sizes) >= best


def test_many_operands() -> None:
    """A chain of twelve, and a chain whose cheap end decides: never a product larger than the operands."""
    labels = "abcdefghijklm"
    arrays = [values("float64", (3, 3), i) for i in range(12)]
    equation = ",".join(labels[i : i + 2] for i in range(12)) + "->am"
    expected = np.linalg.multi_dot(arrays)
    got = rtch.einsum(equation, *map(rtch.asarray, arrays))
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-11)
    plan = _plan("ij,jk,k->i", ((500, 500), (500, 500), (500,)))
    assert [(pair.i, pair.j) for pair in plan.pairs] == [(1, 2), (0, 1)]


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ki", [(2, 3), (3, 2)]),
        ("ii->i", [(3, 3)]),
        ("iij,j->i", [(2, 2, 3), (3,)]),
        ("...i,i...->...", [(2, 3), (3, 2)]),
        ("ab,bc,cd->ad", [(2, 2), (2, 3), (3, 2)]),
        ("a,b,ab->", [(2,), (3,), (2, 3)]),
        ("bi,bi->b", [(2, 3), (1, 3)]),
    ],
)
def test_gradients_to_second_order(equation: str, shapes: list[tuple[int, ...]]) -> None:
    """Against difference quotients."""
    xs = [rtch.asarray(values("float64", shape, i)).requires_grad_() for i, shape in enumerate(shapes)]
    assert gradcheck(lambda *ts: rtch.einsum(equation, *ts), xs)
    assert gradgradcheck(lambda *ts: rtch.einsum(equation, *ts), xs)


X = rtch.ones((2, 3))


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ArgumentError, ("ij,jk", X)),
        (ArgumentError, ("ij", X, X)),
        (ArgumentError, ("i1", X)),
        (ArgumentError, ("ij->ik", X)),
        (ArgumentError, ("ij->ii", X)),
        (ArgumentError, ("ij->i->j", X)),
        (ArgumentError, ("......", X)),
        (ArgumentError, ("i.j", X)),
        (ArgumentError, (3, X)),
        (ArgumentError, ("",)),
        (ArgumentError, (X, [0, 99])),
        (ArgumentError, (X, [0, -1])),
        (ArgumentError, (X, 3)),
        (BroadcastError, ("ij,ij->i", X, X.T)),
        (BroadcastError, ("ii->i", X)),
        (BroadcastError, ("ii->i", X[:1])),
        (BroadcastError, ("...,...", X, X.T)),
        (DimensionError, ("ijk", X)),
        (DimensionError, ("i", X)),
        (DimensionError, ("ijk...", X)),
        (DTypeError, ("ij", [[1.0, 2.0]])),
        (DTypeError, ("ij,jk", X > 0, X.T > 0)),
    ],
)
def test_what_is_refused(error: type[Exception], arguments: tuple[Any, ...]) -> None:
    """Each with the equation or the shapes."""
    with pytest.raises(error, match=r"^(einsum|matmul|sum): [^\n]+; "):
        rtch.einsum(*arguments)
