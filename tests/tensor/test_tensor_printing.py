# SPDX-License-Identifier: MIT
"""repr and format: as readable as NumPy's, whatever the process's print options are."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given

import rtch
from tensor_draws import pairs

EXAMPLES = [
    (lambda: rtch.asarray(2.5), "Tensor(2.5, dtype=float32)"),
    (lambda: rtch.asarray([1, -20]), "Tensor([  1, -20], dtype=int64)"),
    (lambda: rtch.asarray([True, False]), "Tensor([ True, False], dtype=bool)"),
    (lambda: rtch.asarray([0.1, float("nan"), float("-inf")]), "Tensor([ 0.1,  nan, -inf], dtype=float32)"),
    (lambda: rtch.asarray([1 + 2j, -0.5j]), "Tensor([ 1.+2.j , -0.-0.5j], dtype=complex64)"),
    (lambda: rtch.asarray([0.1, 1e-5], dtype="float16"), "Tensor([1.e-01, 1.e-05], dtype=float16)"),
    (lambda: rtch.asarray([1.5, -3.0], dtype="bfloat16"), "Tensor([ 1.5, -3. ], dtype=bfloat16)"),
    (lambda: rtch.asarray(0.1, dtype="bfloat16"), "Tensor(0.10009766, dtype=bfloat16)"),
    (lambda: rtch.asarray(2**64 - 1, dtype="uint64"), "Tensor(18446744073709551615, dtype=uint64)"),
    (lambda: rtch.asarray(1 / 3, dtype="float64"), "Tensor(0.33333333, dtype=float64)"),
    (lambda: rtch.zeros((0, 3)), "Tensor([], shape=(0, 3), dtype=float32)"),
    (lambda: rtch.ones(2).requires_grad_(), "Tensor([1., 1.], dtype=float32, requires_grad=True)"),
    (
        lambda: rtch.nn.Parameter(rtch.ones((2, 1))),
        "Parameter([[1.],\n           [1.]], dtype=float32, requires_grad=True)",
    ),
    (lambda: rtch.asarray([[1, 2], [3, 40]]), "Tensor([[ 1,  2],\n        [ 3, 40]], dtype=int64)"),
]


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_examples(index: int) -> None:
    """One per dtype and form; rows stand under each other."""
    make, expected = EXAMPLES[index]
    assert repr(make()) == str(make()) == f"{make()}" == expected


def test_large_tensors_show_their_edges_and_shape() -> None:
    """From 1001 elements on; also those that could never be written out."""
    assert "..." not in repr(rtch.zeros(1000))
    assert repr(rtch.arange(1001)) == "Tensor([   0,    1,    2, ...,  998,  999, 1000], shape=(1001,), dtype=int64)"
    text = repr(rtch.reshape(rtch.arange(2000), (40, 50)))
    assert text.endswith("[1950, 1951, 1952, ..., 1997, 1998, 1999]], shape=(40, 50), dtype=int64)")
    assert len(text.splitlines()) == 7
    for dtype in ("float32", "bfloat16", "complex128", "bool"):
        huge = rtch.broadcast_to(rtch.ones((), dtype=dtype), (2**20, 2**20))
        assert len(repr(huge)) < 500
        assert f"shape=(1048576, 1048576), dtype={dtype})" in repr(huge).replace("\n       ", "")


def test_bfloat16_looks_like_float32() -> None:
    """Small and large, of any layout: it is shown by its exact values."""
    for shape in ((3, 4), (40, 50), (7, 7, 30), (2, 600), (1, 5, 1, 300)):
        x = rtch.reshape(rtch.arange(int(np.prod(shape)), dtype="float32"), shape)
        for view in (x, rtch.flip(x), rtch.permute_dims(x, tuple(range(x.ndim))[::-1]), x[..., ::2]):
            b = view.astype("bfloat16")
            assert repr(b) == repr(b.astype("float32")).replace("float32", "bfloat16")


def test_long_lines_break() -> None:
    """What follows the numbers goes to a line of its own where it does not fit."""
    x = rtch.full((18,), 1.0)
    assert (
        repr(x)
        == "Tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.],\n       dtype=float32)"
    )
    for n in range(1, 60):
        lines = repr(rtch.full((n,), 1.0, dtype="float64").requires_grad_()).splitlines()
        assert max(map(len, lines)) <= 80
        assert all(line.startswith(" " * 7) for line in lines[1:])


def test_print_options_of_numpy_do_not_matter() -> None:
    """Nor are they changed."""
    x = rtch.asarray([[1 / 3, 1e-9], [float("nan"), 1e9]])
    expected = repr(x), repr(rtch.arange(2000))
    with np.printoptions(precision=2, threshold=3, linewidth=20, suppress=True, nanstr="?", sign="+", edgeitems=1):
        assert (repr(x), repr(rtch.arange(2000))) == expected
        assert np.get_printoptions()["precision"] == 2
    with np.printoptions(legacy="1.13", formatter={"all": lambda v: "x"}):
        assert repr(x) == expected[0]


@given(pairs())
def test_every_value_can_be_read_back(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """Up to the digits that are shown."""
    t, a = pair
    text = repr(t)
    body = text[len("Tensor(") :].partition(", shape" if t.size == 0 else "dtype=")[0].strip().rstrip(",")
    read = np.array(eval(body, {"nan": np.nan, "inf": np.inf, "nanj": complex(0, np.nan), "infj": complex(0, np.inf)}))
    if t.size and a.dtype.kind != "c":
        assert read.shape == a.shape
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(read.astype(a.dtype), a, rtol=1e-7, atol=1e-7 if a.dtype.kind == "f" else 0)
    assert re.search(rf"dtype={t.dtype.name}\)$", text)


def test_formats() -> None:
    """A 0-d tensor takes the formats of its number."""
    assert f"{rtch.asarray(1.23456):.3f}" == "1.235"
    assert f"{rtch.asarray(42):05d}" == "00042"
    assert f"{rtch.asarray(2.5).requires_grad_():.1f}" == "2.5"
    assert f"{rtch.asarray([1]):>30}" == "     Tensor([1], dtype=int64)".rjust(30)
    with pytest.raises(ValueError, match="format"):
        f"{rtch.asarray([1.0, 2.0]):.3f}"
