# SPDX-License-Identifier: MIT
"""Convolutions, pooling, padding, embedding: bits, threads, empty and special inputs, errors, modules."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch.autograd import grad, gradcheck, gradgradcheck
from rtch.errors import AllocationError, ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.nn import functional as fn
from rtch.random import Generator

DRAW = np.random.default_rng(0)


def draw(*shape: int, dtype: str = "float32") -> np.ndarray:
    return DRAW.standard_normal(shape).astype(dtype)


def unfold(x: np.ndarray, kernel: tuple[int, int], stride: int, padding: int, dilation: int) -> np.ndarray:
    """(N, C, H, W) as (N, C * KH * KW, OH * OW)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    reach = [dilation * (k - 1) for k in kernel]
    rows, columns = ((size - r - 1) // stride + 1 for size, r in zip(x.shape[2:], reach, strict=True))
    taps = []
    for ky, kx in itertools.product(*map(range, kernel)):
        top, side = ky * dilation, kx * dilation
        taps.append(
            x[:, :, top : top + (rows - 1) * stride + 1 : stride, side : side + (columns - 1) * stride + 1 : stride]
        )
    return np.stack(taps, 2).reshape(len(x), -1, rows * columns)


GEOMETRIES = [
    ((2, 3, 9, 8), 5, (3, 3), 1, 1, 1),
    ((2, 3, 9, 8), 5, (3, 2), 2, 1, 1),
    ((1, 40, 13, 12), 37, (3, 3), 1, 1, 2),  # chains of more than one block
    ((3, 2, 30, 31), 4, (5, 5), 3, 2, 1),
    ((2, 2, 24, 23), 3, (3, 3), 1, 1, 1),  # more than one block of places
    ((2, 1, 4, 4), 1, (1, 1), 1, 0, 1),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_conv2d_has_the_bits_of_a_matrix_product(geometry: Any, dtype: str) -> None:
    """The weights times the unfolded image, then the bias, to the bit."""
    shape, filters, kernel, stride, padding, dilation = geometry
    x, w, b = draw(*shape, dtype=dtype), draw(filters, shape[1], *kernel, dtype=dtype), draw(filters, dtype=dtype)
    product = rtch.asarray(w.reshape(filters, -1)) @ rtch.asarray(unfold(x, kernel, stride, padding, dilation))
    expected = product + rtch.asarray(b[:, None])
    actual = fn.conv2d(rtch.asarray(x), rtch.asarray(w), rtch.asarray(b), stride, padding, dilation)
    assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_weight_gradient_has_the_bits_of_block_products(geometry: Any, dtype: str) -> None:
    """Image after image, 256 places after 256 places: the product of a block is added to the sum so far."""
    shape, filters, kernel, stride, padding, dilation = geometry
    x, w = draw(*shape, dtype=dtype), rtch.asarray(draw(filters, shape[1], *kernel, dtype=dtype)).requires_grad_()
    out = fn.conv2d(rtch.asarray(x), w, None, stride, padding, dilation)
    g = draw(*out.shape, dtype=dtype)
    (actual,) = grad(out, w, rtch.asarray(g))
    columns, rows = unfold(x, kernel, stride, padding, dilation), g.reshape(*g.shape[:2], -1)
    total = None
    for n in range(len(x)):
        for start in range(0, columns.shape[2], 256):
            a, b = rows[n, :, start : start + 256], columns[n, :, start : start + 256]
            block = rtch.asarray(a.copy()) @ rtch.asarray(b.T.copy())
            total = block if total is None else total + block
    assert actual.tobytes() == total.tobytes()


def test_input_gradient_has_the_bits_of_a_matrix_product() -> None:
    """With a stride of 1: the padded gradient, correlated with the weights turned around, taps in their old order."""
    g, w = draw(2, 40, 7, 9), draw(40, 6, 3, 3)
    actual = fn.conv_transpose2d(rtch.asarray(g), rtch.asarray(w))
    columns = unfold(g, (3, 3), 1, 2, 1).reshape(2, 40, 9, -1)[:, :, ::-1].reshape(2, 360, -1)
    matrix = w.transpose(1, 0, 2, 3).reshape(6, 360)
    expected = rtch.asarray(matrix.copy()) @ rtch.asarray(columns.copy())
    assert actual.tobytes() == expected.tobytes()


def _everything() -> bytes:
    draw_ = np.random.default_rng(5)

    def leaf(*shape: int) -> rtch.Tensor:
        return rtch.asarray(draw_.standard_normal(shape).astype("float32")).requires_grad_()

    x, w, b, table = leaf(5, 6, 19, 17), leaf(8, 3, 3, 3), leaf(8), leaf(600, 24)
    out = fn.conv2d(x, w, b, stride=2, padding=1, groups=2)
    out = fn.avg_pool2d(fn.max_pool2d(out, 2), 2, ceil_mode=True)
    up = fn.conv_transpose2d(out, leaf(8, 3, 4, 4), stride=3)
    rows = fn.embedding(rtch.asarray(draw_.integers(0, 600, 900)), table)
    loss = (up * up).sum() + (rows * rows).sum() * 0.5
    loss.backward()
    parts = [loss.detach(), up.detach(), *(t.grad for t in (x, w, b, table))]
    return b"".join(t.tobytes() for t in parts if t is not None)


def test_bits_do_not_depend_on_threads() -> None:
    """1, 2 and 5 threads."""
    before = rtch.get_num_threads()
    try:
        found = set()
        for n in (1, 2, 5):
            rtch.set_num_threads(n)
            found.add(_everything())
        assert len(found) == 1
    finally:
        rtch.set_num_threads(before)


def test_bits_do_not_depend_on_the_instruction_set() -> None:
    """The baseline kernels give what those of this CPU give."""
    code = "import sys, hashlib; sys.path.insert(0, sys.argv[1]); import test_nn_images as t; "
    code += "print(hashlib.sha256(t._everything()).hexdigest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            env=os.environ | {"RTCH_ISA": isa},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for isa in ("", "baseline")
    }
    assert len(digests) == 1


def _layouts(x: np.ndarray) -> list[rtch.Tensor]:
    """The same values row-major, channels last, with gaps, reversed."""
    wide = np.zeros((*x.shape[:-1], x.shape[-1] * 2), x.dtype)
    wide[..., ::2] = x
    last = rtch.asarray(np.moveaxis(x, 1, -1).copy())
    return [
        rtch.asarray(x),
        rtch.permute_dims(last, (0, last.ndim - 1, *range(1, last.ndim - 1))),
        rtch.asarray(wide)[..., ::2],
        rtch.asarray(x[..., ::-1].copy())[..., ::-1],
    ]


def test_layouts_do_not_change_bits() -> None:
    """Inputs, weights and gradients in any strides."""
    x, w, g = draw(2, 4, 9, 9), draw(6, 4, 3, 3), draw(2, 6, 5, 5)
    found = set()
    for xs, ws, gs in zip(_layouts(x), _layouts(w), _layouts(g), strict=True):
        leaves = [xs.detach().requires_grad_(), ws.detach().requires_grad_()]
        out = fn.conv2d(*leaves, stride=2, padding=1)
        parts = [out.detach(), *grad(out, leaves, gs), fn.max_pool2d(xs, 3, 2), fn.avg_pool2d(xs, 3, 2, 1)]
        found.add(b"".join(part.tobytes() for part in parts))
    assert len(found) == 1


def test_broadcast_inputs() -> None:
    """A stride of 0 is a value like any other."""
    one = rtch.broadcast_to(rtch.asarray(2.0), (1, 2, 5, 5))
    w = rtch.broadcast_to(rtch.asarray(0.5), (3, 2, 3, 3))
    np.testing.assert_array_equal(fn.conv2d(one, w).numpy(), np.full((1, 3, 3, 3), 18.0, "f4"))


@pytest.mark.parametrize("n", [0, 1])
def test_empty_batches(n: int) -> None:
    """No images give no results, and no gradient but zeros for what they did not touch."""
    x, w, b = (rtch.zeros(shape).requires_grad_() for shape in ((n, 2, 6, 6), (3, 2, 3, 3), (3,)))
    out = fn.conv2d(x, w, b)
    assert out.shape == (n, 3, 4, 4)
    out.sum().backward()
    assert x.grad is not None and x.grad.shape == x.shape
    assert w.grad is not None and not w.grad.numpy().any()
    assert b.grad is not None and b.grad.tolist() == [16.0 * n] * 3
    for pooled in (fn.max_pool2d(x, 2), fn.avg_pool2d(x, 2), fn.adaptive_avg_pool2d(x, 3)):
        assert pooled.shape == (n, 2, 3, 3)
    assert fn.conv_transpose2d(x, rtch.zeros((2, 5, 3, 3)), stride=2).shape == (n, 5, 13, 13)
    assert fn.embedding(rtch.zeros((n, 0), dtype="int64"), rtch.zeros((4, 3))).shape == (n, 0, 3)


def test_zeros_outside_meet_infinite_weights() -> None:
    """In a convolution a zero outside takes part, so that 0 times infinity is NaN; in its transpose it does not."""
    w = np.ones((1, 1, 3, 3), "f4")
    w[0, 0, 0, 0] = math.inf
    out = fn.conv2d(rtch.ones((1, 1, 4, 4)), rtch.asarray(w), padding=1).numpy()[0, 0]
    assert np.isnan(out[0]).all() and np.isnan(out[:, 0]).all() and np.isinf(out[1:, 1:]).all()
    for stride in (1, 2):
        up = fn.conv_transpose2d(rtch.ones((1, 1, 4, 4)), rtch.asarray(w), stride=stride).numpy()[0, 0]
        hit = np.zeros_like(up, dtype=bool)
        hit[: 4 * stride : stride, : 4 * stride : stride] = True
        np.testing.assert_array_equal(np.isinf(up), hit)
        assert not np.isnan(up).any()


def test_max_pool_of_nan_and_ties() -> None:
    """NaN wins, the last one; of equal elements the first gets the gradient."""
    x = rtch.asarray([[[1.0, math.nan, 3.0, math.nan], [2.0, 2.0, 2.0, 1.0]]]).requires_grad_()
    values, places = fn.max_pool1d(x, 4, return_indices=True)
    assert places.tolist() == [[[3], [0]]]
    assert math.isnan(values.tolist()[0][0][0])
    (g,) = grad(values, x, rtch.ones((1, 2, 1)))
    assert g.tolist() == [[[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]]]
    low = rtch.full((1, 1, 4), -math.inf)
    assert fn.max_pool1d(low, 2, 2, 1).tolist() == [[[-math.inf] * 3]]


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: fn.conv2d(x, w, stride=(2, 1), padding=1, dilation=(1, 2)),
        lambda x, w: fn.conv2d(x, w, padding="same"),
        lambda x, w: fn.conv_transpose2d(x, rtch.permute_dims(w, (1, 0, 2, 3)), stride=2, output_padding=1),
        lambda x, w: fn.pad(x, (1, -1, 2, 0), mode="circular") * w.sum(),
        lambda x, w: fn.pad(x * x, (-1, 2, -1, 0), mode="replicate") * w.sum(),
        lambda x, w: fn.scaled_dot_product_attention(x[0], x[1] * w.sum(), x[0] + x[1], is_causal=True),
        lambda x, w: fn.scaled_dot_product_attention(x[0], x[0] - x[1], x[1], x[0][0, :, :1] * w[0, 0, 0, 0]),
    ],
)
def test_second_order(function: Callable[..., rtch.Tensor]) -> None:
    """gradcheck and gradgradcheck where the samples of the op database do not go."""
    x = rtch.asarray(draw(2, 2, 5, 4, dtype="float64")).requires_grad_()
    w = rtch.asarray(draw(3, 2, 2, 2, dtype="float64")).requires_grad_()
    assert gradcheck(function, [x, w])
    assert gradgradcheck(function, [x, w])


@pytest.mark.parametrize("masked", [rtch.asarray([[True, True], [False, False]]), rtch.asarray([[0.0], [-math.inf]])])
def test_attention_that_sees_nothing(masked: rtch.Tensor) -> None:
    """A query without a key gets zeros, and gives no gradient."""
    q = rtch.ones((1, 2, 3)).requires_grad_()
    out = fn.scaled_dot_product_attention(q, q, q, masked)
    assert out.tolist() == [[[1.0] * 3, [0.0] * 3]]
    (g,) = grad(out.sum(), q)
    assert np.isfinite(g.numpy()).all()


def test_attention_drops_weights() -> None:
    """The mask of dropout, of the same generator, on the weights, whose sums stay near 1."""
    q, k, v = (rtch.asarray(draw(2, 50, 8)) for _ in range(3))
    out = fn.scaled_dot_product_attention(q, k, v, dropout_p=0.25, generator=Generator(3))
    weights = fn.softmax(q * (1 / math.sqrt(8)) @ k.mT, -1)
    dropped = fn.dropout(weights, 0.25, generator=Generator(3))
    assert out.tolist() == (dropped @ v).tolist()
    assert 0.15 < float((dropped == 0).astype("float32").mean()) < 0.35


def test_embedding_gradients() -> None:
    """Rows add up, the padding row gets none, and by_freq divides; to second order."""
    index = rtch.asarray([[0, 2, 2], [1, 2, 0]])
    table = rtch.asarray(draw(4, 3, dtype="float64")).requires_grad_()
    (g,) = grad(fn.embedding(index, table, padding_idx=-3), table, rtch.ones((2, 3, 3), dtype="float64"))
    assert g.numpy()[:, 0].tolist() == [2.0, 0.0, 3.0, 0.0]
    (g,) = grad(fn.embedding(index, table, scale_grad_by_freq=True), table, rtch.ones((2, 3, 3), dtype="float64"))
    assert g.numpy()[:, 0].tolist() == [1.0, 1.0, 1.0, 0.0]
    for padding in (None, 2):
        assert gradgradcheck(lambda t, padding=padding: (fn.embedding(index, t, padding) ** 3).sum(), [table])
    seed = rtch.asarray(draw(2, 3, 3, dtype="float64")).requires_grad_()
    (first,) = grad(fn.embedding(index, table, 0, scale_grad_by_freq=True), table, seed, create_graph=True)
    (second,) = grad((first * first).sum(), seed)
    counts = np.array([2, 1, 3])[index.numpy()]
    expected = 2 * first.detach().numpy()[index.numpy()] / counts[..., None]
    np.testing.assert_allclose(second.numpy(), expected, rtol=1e-12)


X4, W4 = rtch.zeros((2, 4, 6, 6)), rtch.zeros((6, 2, 3, 3))
BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: fn.conv2d(X4, W4), BroadcastError, "an input of 2 channels is needed .*; got 4"),
    (lambda: fn.conv2d(X4, W4, groups=4), BroadcastError, "multiple of groups=4; got"),
    (lambda: fn.conv2d(X4, W4, groups=0), ArgumentError, "groups must be an integer from 1 .*; got 0"),
    (
        lambda: fn.conv2d(X4, W4, rtch.zeros((5,)), groups=2),
        BroadcastError,
        r"shape \[6\] is needed; got \[5\]",
    ),
    (lambda: fn.conv2d(X4, W4[0], groups=2), DimensionError, "weight must have 4 dimensions; got shape"),
    (lambda: fn.conv2d(X4[0, 0], W4), DimensionError, r"input must be \(C, H, W\) or \(N, C, H, W\); got shape"),
    (
        lambda: fn.conv2d(X4, W4.astype("float64"), groups=2),
        DTypeError,
        "weight must have the input.s dtype float32; got float64",
    ),
    (lambda: fn.conv2d(X4.astype("int64"), W4), DTypeError, "must be float32 or float64; got int64"),
    (lambda: fn.conv2d(X4, W4, stride=0, groups=2), ArgumentError, "stride must be an integer of at least 1.*; got 0"),
    (lambda: fn.conv2d(X4, W4, stride=(1, 2, 3), groups=2), ArgumentError, "or 2 of them, below .*; got"),
    (lambda: fn.conv2d(X4, W4, padding="full", groups=2), ArgumentError, "'valid', 'same' or integers; got 'full'"),
    (lambda: fn.conv2d(X4, W4, stride=2, padding="same", groups=2), ArgumentError, "needs a stride of 1; got 2"),
    (
        lambda: fn.conv2d(X4, W4, dilation=3, groups=2),
        ArgumentError,
        "got 7 x 7 places in 6 x 6",
    ),
    (lambda: fn.conv2d(X4, rtch.zeros((6, 4, 0, 3))), ArgumentError, "weight must have a tap; got"),
    (lambda: fn.conv_transpose2d(X4, W4), BroadcastError, "an input of 6 channels is needed"),
    (lambda: fn.conv_transpose2d(X4, rtch.zeros((4, 2, 3, 3)), output_padding=1), ArgumentError, "less than stride"),
    (lambda: fn.conv_transpose2d(X4, rtch.zeros((4, 2, 3, 3)), padding=5), ArgumentError, "can't be had from 6 x 6"),
    (lambda: fn.max_pool2d(X4, 7), ArgumentError, "a window of 7 x 7 must fit .*; got 6 x 6 places"),
    (lambda: fn.max_pool2d(X4, 3, padding=2), ArgumentError, "at most half a window of 3 places; got 2"),
    (lambda: fn.max_pool2d(X4.astype("int32"), 2), DTypeError, "must be float32 or float64; got int32"),
    (lambda: fn.avg_pool2d(X4, 2, divisor_override=0), ArgumentError, "must not be 0; got 0"),
    (lambda: fn.adaptive_avg_pool2d(X4, (2, -1)), ArgumentError, "output_size must be an integer"),
    (lambda: fn.adaptive_avg_pool2d(rtch.zeros((1, 2, 0, 3)), 1), ArgumentError, "images must have a place"),
    (lambda: fn.pad(X4, (1,)), ArgumentError, "an even number of integers within"),
    (lambda: fn.pad(X4, (2**70, 1)), ArgumentError, "integers within 2.*48 is needed; got .1180591620717411303424, 1"),
    (lambda: fn.pad(rtch.ones((2, 5)), (2**40, 1), mode="replicate"), AllocationError, "1099511627782"),
    (lambda: fn.pad(X4, (1, 1) * 5), DimensionError, "at most 8 numbers for 4 dimensions; got 10"),
    (lambda: fn.pad(X4, (-4, -3)), ArgumentError, "axis 3 of size 6 would have -1 places"),
    (lambda: fn.pad(X4, (1, 1), mode="mirror"), ArgumentError, "mode must be .*; got 'mirror'"),
    (lambda: fn.pad(X4, (6, 0, 0, 0), mode="reflect"), ArgumentError, "adds at most 5 places to axis 3 of size 6"),
    (lambda: fn.pad(X4, (1, 1), mode="reflect"), DimensionError, "behind one or two others; got 2 numbers"),
    (lambda: fn.pad(X4, (1, 1, 1, 1), mode="reflect", value=1.0), ArgumentError, "takes no value; got 1.0"),
    (lambda: fn.embedding(rtch.asarray([3]), rtch.zeros((3, 2))), DimensionError, "numbered from 0 to 2; got 3"),
    (lambda: fn.embedding(rtch.asarray([-1]), rtch.zeros((3, 2))), DimensionError, "numbered from 0 to 2; got -1"),
    (lambda: fn.embedding(rtch.asarray([0.0]), rtch.zeros((3, 2))), DTypeError, "must have integers; got float32"),
    (lambda: fn.embedding(rtch.asarray([0]), rtch.zeros((3,))), DimensionError, "weight must have two dimensions"),
    (
        lambda: fn.embedding(rtch.asarray([0]), rtch.zeros((3, 2)), max_norm=1.0),
        ArgumentError,
        "max_norm is not supported",
    ),
    (lambda: fn.embedding(rtch.asarray([0]), rtch.zeros((3, 2)), sparse=True), ArgumentError, "gradients are dense"),
    (lambda: fn.embedding(rtch.asarray([0]), rtch.zeros((3, 2)), padding_idx=3), ArgumentError, "from -3 to 2; got 3"),
    (
        lambda: fn.scaled_dot_product_attention(X4, X4, X4, dropout_p=1.5),
        ArgumentError,
        "p must be from 0 to 1; got 1.5",
    ),
    (lambda: fn.scaled_dot_product_attention(X4, X4, X4, X4[0, 0], is_causal=True), ArgumentError, "can't both be set"),
    (lambda: fn.scaled_dot_product_attention(X4, W4, W4), BroadcastError, "must agree in their last size"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ArgumentError, "in_channels must be a multiple of groups=2; got 3"),
    (lambda: nn.Conv2d(2, 4, 3, padding_mode="wrap"), ArgumentError, "padding_mode must be .*; got 'wrap'"),
    (lambda: nn.Embedding(0, 3), ArgumentError, "num_embeddings must be a positive integer; got 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    """One line, with the rule and what was given."""
    with pytest.raises(error, match=message):
        call()


def test_modules_draw_and_apply() -> None:
    """Weights within PyTorch's bounds, and the functions' results."""
    layer = nn.Conv2d(4, 6, (3, 2), padding=1, groups=2, generator=rtch.random.Generator(1))
    assert layer.weight.shape == (6, 2, 3, 2) and layer.bias is not None and layer.bias.shape == (6,)
    bound = 1 / math.sqrt(2 * 6)
    assert 0.9 * bound < np.abs(layer.weight.detach().numpy()).max() <= bound
    x = rtch.asarray(draw(2, 4, 7, 7))
    assert layer(x).tobytes() == fn.conv2d(x, layer.weight, layer.bias, padding=1, groups=2).tobytes()
    assert repr(layer) == ("Conv2d(4, 6, kernel_size=(3, 2), stride=(1, 1), padding=(1, 1), groups=2, 78 parameters)")
    up = nn.ConvTranspose2d(4, 6, 3, stride=2, bias=False)
    assert up.weight.shape == (4, 6, 3, 3) and list(up.state_dict()) == ["weight"]
    assert up(x).shape == (2, 6, 15, 15) and up(x, output_size=(16, 15)).shape == (2, 6, 16, 15)
    with pytest.raises(ArgumentError, match=r"output_size must be between \[15, 15\] and \[16, 16\]"):
        up(x, output_size=(17, 15))
    table = nn.Embedding(5, 3, padding_idx=1)
    assert table(rtch.asarray([1])).tolist() == [[0.0, 0.0, 0.0]]
    frozen = nn.Embedding.from_pretrained(rtch.ones((2, 3)))
    assert not frozen.weight.requires_grad and frozen(rtch.asarray([[1]])).shape == (1, 1, 3)
    assert nn.MaxPool2d(2)(x).shape == nn.AvgPool2d(2)(x).shape == nn.AdaptiveAvgPool2d((3, None))(x[..., :3]).shape


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, "same"])
def test_conv_modules_as_pytorch(mode: str, padding: Any) -> None:
    """Every padding mode, with PyTorch's weights loaded by name."""
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Conv2d(2, 3, (3, 4), padding=padding, padding_mode=mode, dtype=torch.float64)
    ours = nn.Conv2d(2, 3, (3, 4), padding=padding, padding_mode=mode, dtype="float64")
    ours.load_state_dict({name: rtch.asarray(t.numpy()) for name, t in theirs.state_dict().items()})
    x = draw(2, 2, 6, 7, dtype="float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an even window
        expected = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(rtch.asarray(x)).detach().numpy(), expected, rtol=1e-12, atol=1e-12)


def test_pad_modules_as_pytorch() -> None:
    """Each class by its name."""
    torch = pytest.importorskip("torch")
    for kind, n in itertools.product(("Zero", "Constant", "Reflection", "Replication", "Circular"), (1, 2, 3)):
        name, extra = f"{kind}Pad{n}d", (1.5,) if kind == "Constant" else ()
        x = draw(2, 3, *(4, 5, 6)[:n])
        for padding in (1, tuple(range(2 * n))[:2] * n):
            expected = getattr(torch.nn, name)(padding, *extra)(torch.from_numpy(x)).numpy()
            np.testing.assert_array_equal(getattr(nn, name)(padding, *extra)(rtch.asarray(x)).numpy(), expected, name)
