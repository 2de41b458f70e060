# SPDX-License-Identifier: MIT
"""Clipping of gradients: PyTorch's numbers, closed forms, what stays as it is, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch
from rtch import nn
from rtch.errors import ArgumentError, AutogradError, DTypeError
from rtch.nn.utils import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from rtch.tensor import Tensor
from tensor_draws import assert_same, bits, values

SHAPES = ((3, 4), (4,), (), (2, 1, 3))


def parameters(arrays: list[np.ndarray], m: Any = rtch) -> list[Any]:
    """Tensors that require grad and have these gradients."""
    made = []
    for a in arrays:
        p = m.asarray(np.zeros_like(a)).requires_grad_()
        p.grad = m.asarray(a.copy())
        made.append(p)
    return made


def drawn(dtype: str = "float32", shapes: tuple[tuple[int, ...], ...] = SHAPES) -> list[np.ndarray]:
    return [values(dtype, shape, i) for i, shape in enumerate(shapes)]


def assert_close(ours: Tensor | None, theirs: Any, rtol: float) -> None:
    assert ours is not None
    b = np.asarray(theirs)
    assert (b.shape, b.dtype.name) == (ours.shape, ours.dtype.name)
    np.testing.assert_allclose(ours.numpy(), b, rtol=rtol)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3, 0.5, math.inf, "inf", -math.inf, -1.0])
@pytest.mark.parametrize("max_norm", [0.0, 0.7, 1e6, math.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_clip_grad_norm_is_pytorchs(torch: Any, dtype: str, max_norm: float, norm_type: Any) -> None:
    """The norm that comes back, and the gradients, of every dtype and order, clipped and not."""
    ours, theirs = parameters(drawn(dtype)), parameters(drawn(dtype), torch)
    total = clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    rtol = 2e-6 if dtype in ("float32", "complex64") else 1e-14
    assert_close(total, expected, rtol)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad, rtol)


def test_mixed_dtypes_are_pytorchs(torch: Any) -> None:
    """float32 and float64 gradients have one norm in float64, and keep their dtypes."""
    arrays = [values(dtype, (3,), i) for i, dtype in enumerate(("float32", "float64", "complex64"))]
    ours, theirs = parameters(arrays), parameters(arrays, torch)
    assert_close(clip_grad_norm_(ours, 1.0), torch.nn.utils.clip_grad_norm_(theirs, 1.0), 1e-6)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad, 1e-6)


@pytest.mark.parametrize("clip_value", [0, 0.5, 2.0, math.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clip_grad_value_is_pytorchs(torch: Any, dtype: str, clip_value: float) -> None:
    """Bit for bit, with zeros of both signs, infinities and NaN among the gradients."""
    arrays = [*drawn(dtype), np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 0.5], dtype)]
    ours, theirs = parameters(arrays), parameters(arrays, torch)
    clip_grad_value_(ours, clip_value)
    torch.nn.utils.clip_grad_value_(theirs, clip_value)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.grad.numpy(), np.asarray(b.grad))
        if clip_value:
            assert_same(np.asarray(b.grad), a.grad)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_gradients_that_are_not_finite(torch: Any, bad: float) -> None:
    """PyTorch's result by default; with error_if_nonfinite an error that says where, before anything changes."""
    arrays = [np.array([1.0, 2.0], "float32"), np.array([3.0, bad], "float32")]
    ours, theirs = parameters(arrays), parameters(arrays, torch)
    for function in (clip_grad_norm_, lambda ps, *a, **k: get_total_norm([p.grad for p in ps], **k)):
        with pytest.raises(AutogradError, match=r"norm of order 2\.0 must be finite; got (nan|inf) from gradient 1"):
            function(ours, 1.0, error_if_nonfinite=True)
        assert [1.0, 2.0] == ours[0].grad.tolist()
    np.testing.assert_array_equal(
        clip_grad_norm_(ours, 1.0).numpy(), np.asarray(torch.nn.utils.clip_grad_norm_(theirs, 1.0))
    )
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.grad.numpy(), np.asarray(b.grad))


def test_a_sum_that_overflows() -> None:
    """Finite gradients whose norm is not name no gradient."""
    ps = parameters([np.array([3e38], "float32")] * 2)
    with pytest.raises(AutogradError, match=r"norm of order 1\.0 must be finite; got inf$"):
        clip_grad_norm_(ps, 1.0, 1, error_if_nonfinite=True)


@given(
    st.lists(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), max_size=4),
    st.sampled_from([2, 1, 3.5, math.inf, 0]),
    st.floats(0.01, 100),
)
def test_the_norm_is_that_of_one_vector(shapes: list[tuple[int, ...]], order: float, max_norm: float) -> None:
    """What NumPy says of all elements in a row, before and after."""
    arrays = drawn("float64", tuple(shapes))
    ps = parameters(arrays)
    whole = np.concatenate([a.reshape(-1) for a in arrays]) if arrays else np.zeros(0)
    expected = np.linalg.norm(whole, order) if whole.size else 0.0
    assert get_total_norm([p.grad for p in ps], order).item() == pytest.approx(expected, rel=1e-13)
    assert clip_grad_norm_(ps, max_norm, order).item() == pytest.approx(expected, rel=1e-13)
    factor = min(1.0, max_norm / (expected + 1e-6))
    for p, a in zip(ps, arrays, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), a * factor, rtol=1e-12)


def test_clip_in_two_steps_is_the_same() -> None:
    """get_total_norm and clip_grads_with_norm_ give the bits of clip_grad_norm_."""
    one, two = parameters(drawn()), parameters(drawn())
    total = get_total_norm((p.grad for p in two), foreach=True)
    clip_grads_with_norm_(iter(two), 0.3, total, foreach=False)
    assert clip_grad_norm_(one, 0.3).item() == total.item()
    for a, b in zip(one, two, strict=True):
        assert_same(a.grad.numpy(), b.grad)


def test_gradients_are_written_in_place() -> None:
    """`.grad` stays the same object; copies of it taken before, and parameters, keep their values."""
    for clip in (lambda ps: clip_grad_norm_(ps, 0.1), lambda ps: clip_grad_value_(ps, 0.1)):
        (p,) = parameters([np.array([3.0, 4.0])])
        g, before = p.grad, p.grad.detach()
        clip([p])
        assert p.grad is g
        assert [3.0, 4.0] == before.tolist()
        assert max(g.tolist()) <= 0.1
        assert [0.0, 0.0] == p.tolist()
        assert p.requires_grad


def test_nothing_to_clip() -> None:
    """Gradients below the limit keep their bits; none are passed over; no gradient at all has the norm 0."""
    ps = parameters(drawn())
    clip_grad_norm_(ps, 1e9)
    clip_grad_value_(ps, 1e9)
    for p, a in zip(ps, drawn(), strict=True):
        assert_same(a, p.grad)
    bare = rtch.ones((2,)).requires_grad_()
    for given_ in (bare, [bare], [], rtch.ones((2,)), get_total_norm):
        if given_ is get_total_norm:
            total = get_total_norm([])
        else:
            total = clip_grad_norm_(given_, 1.0)
            clip_grad_value_(given_, 1.0)
        assert (0.0, (), rtch.float32) == (total.item(), total.shape, total.dtype)
    assert bare.grad is None


@pytest.mark.parametrize("order", [2, math.inf, -1, 0])
def test_gradients_without_elements(order: float) -> None:
    """They count for nothing, also where the largest or smallest of none would have no value."""
    ps = parameters([np.zeros((0, 3)), np.array([2.0]), np.zeros((2, 0))])
    assert clip_grad_norm_(ps, 5.0, order).item() == pytest.approx(1.0 if order == 0 else 2.0)
    assert clip_grad_norm_([ps[0]], 5.0, order).item() == 0.0
    clip_grad_value_(ps, 1.0)
    assert [1.0] == ps[1].grad.tolist()


def test_gradients_of_a_backward_pass() -> None:
    """Gradients with strides of 0, those of a graph, and those of a net whose step follows."""
    x = rtch.ones((2, 3)).requires_grad_()
    x.sum().backward()
    clip_grad_norm_(x, 1.0)
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 3), 1 / (math.sqrt(6) + 1e-6)), rtol=1e-6)
    x.grad = None
    (x * x).sum().backward(create_graph=True)
    assert not clip_grad_norm_(x, 1.0).requires_grad
    clip_grad_value_([x], 0.25)
    np.testing.assert_array_equal(x.grad.numpy() if not x.grad.requires_grad else x.grad.detach().numpy(), 0.25)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    net(rtch.ones((5, 3))).sum().backward()
    clip_grad_norm_(net.parameters(), 0.01)
    assert get_total_norm([p.grad for p in net.parameters()]).item() == pytest.approx(0.01, rel=1e-3)


def test_same_bits_for_any_number_of_threads() -> None:
    """The norm of large gradients, and the gradients, do not depend on the workers."""
    before, found = rtch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            rtch.set_num_threads(n)
            ps = parameters(drawn(shapes=((300, 401), (70_001,))))
            found.append([bits(clip_grad_norm_(ps, 1.0)), *(bits(p.grad) for p in ps)])
    finally:
        rtch.set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_generator_that_is_used_up() -> None:
    """Nothing is clipped, and a warning says so."""
    ps = parameters(drawn())
    generator = (p for p in ps)
    clip_grad_norm_(generator, 1.0)
    for clip in (clip_grad_norm_, clip_grad_value_):
        with pytest.warns(UserWarning, match="used up"):
            clip(generator, 1.0)


ONE = parameters([np.ones(2)])


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ArgumentError, "clip_grad_norm_: parameters must be .* got set", lambda: clip_grad_norm_(set(ONE), 1.0)),
        (ArgumentError, "clip_grad_norm_: parameters must be .* got ReLU", lambda: clip_grad_norm_(nn.ReLU(), 1.0)),
        (ArgumentError, "clip_grad_value_: parameters must be tensors; got float", lambda: clip_grad_value_([1.0], 1)),
        (ArgumentError, "get_total_norm: tensors must be tensors; got None", lambda: get_total_norm([None])),
        (ArgumentError, "max_norm must be a number of 0 or more; got -1", lambda: clip_grad_norm_(ONE, -1)),
        (ArgumentError, "max_norm must be .* got nan", lambda: clip_grad_norm_(ONE, math.nan)),
        (ArgumentError, "max_norm must be .* got '1'", lambda: clip_grads_with_norm_(ONE, "1", rtch.ones(()))),
        (ArgumentError, "clip_value must be .* got None", lambda: clip_grad_value_(ONE, None)),
        (ArgumentError, "clip_value must be .* got True", lambda: clip_grad_value_(ONE, True)),
        (ArgumentError, "norm_type must be a number or 'inf'; got 'fro'", lambda: clip_grad_norm_(ONE, 1, "fro")),
        (ArgumentError, "norm_type must be .* got nan", lambda: get_total_norm(ONE, math.nan)),
        (ArgumentError, "norm_type must be .* got None", lambda: get_total_norm(ONE, None)),
        (ArgumentError, "foreach must be", lambda: clip_grad_norm_(ONE, 1.0, foreach="yes")),
        (ArgumentError, "total_norm must be .* got 1", lambda: clip_grads_with_norm_(ONE, 1.0, 1)),
        (ArgumentError, "total_norm must be", lambda: clip_grads_with_norm_(ONE, 1.0, rtch.ones((2,)))),
        (DTypeError, "get_total_norm: floating or complex .* got int64 for 0", lambda: get_total_norm(rtch.arange(3))),
        (DTypeError, "complex gradients have no order", lambda: clip_grad_value_(parameters(drawn("complex64")), 1.0)),
    ],
)
def test_bad_input(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    """Each is refused with the class for it, and no gradient has changed."""
    with pytest.raises(error, match=message):
        call()
    assert [1.0, 1.0] == ONE[0].grad.tolist()
