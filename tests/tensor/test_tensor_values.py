# SPDX-License-Identifier: MIT
"""A tensor is a value: writing to one never changes another, and memory is shared only while nobody can tell."""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

import rtch
from rtch import tensor as core
from rtch._c import lib
from rtch.errors import AutogradError, LayoutError, OverlappingLayoutError
from tensor_draws import assert_same, awkward, values

CAN_TELL = bool(core._TEMPORARY)


class Values(RuleBasedStateMachine):
    """Chains of views, copies, exports and writes; the model copies at every step, so it can't alias."""

    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.tensors: dict[int, rtch.Tensor] = {}
        self.model: dict[int, np.ndarray] = {}
        self.exports: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, t: rtch.Tensor, a: Any) -> int:
        """Enter a tensor under a new name."""
        name = len(self.model)
        self.tensors[name], self.model[name] = t, np.array(a)
        return name

    @initialize(target=names, shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    def start(self, shape: tuple[int, ...]) -> int:
        """One dense tensor."""
        a = values("float32", shape, 1)
        return self.add(rtch.asarray(a), a)

    @rule(target=names, name=names, data=st.data())
    def view(self, name: int, data: st.DataObject) -> Any:
        """By any basic index."""
        a = self.model[name]
        key = data.draw(hnp.basic_indices(a.shape, max_dims=4, allow_newaxis=True))
        return self.add(self.tensors[name][key], a[key])

    @rule(target=names, name=names, data=st.data())
    def permute(self, name: int, data: st.DataObject) -> Any:
        """In any order."""
        axes = data.draw(st.permutations(range(self.model[name].ndim)))
        return self.add(rtch.permute_dims(self.tensors[name], axes), self.model[name].transpose(axes))

    @rule(target=names, name=names, n=st.integers(1, 3))
    def repeat(self, name: int, n: int) -> Any:
        """Broadcast along a new axis."""
        a = self.model[name]
        if a.ndim == 4:
            return multiple()
        shape = (n, *a.shape)
        return self.add(rtch.broadcast_to(self.tensors[name], shape), np.broadcast_to(a, shape))

    @rule(
        target=names, name=names, how=st.sampled_from(["reshape", "detach", "copy", "astype", "contiguous", "iterate"])
    )
    def copy(self, name: int, how: str) -> Any:
        """By ways that may share memory."""
        t, a = self.tensors[name], self.model[name]
        if how == "iterate":
            return multiple() if a.ndim == 0 or len(a) == 0 else self.add(list(t)[-1], a[-1])
        made = {
            "reshape": lambda: t.reshape(-1),
            "detach": t.detach,
            "copy": lambda: rtch.asarray(t, copy=True),
            "astype": lambda: rtch.astype(t, "float32"),
            "contiguous": lambda: rtch.concat([t], axis=None),
        }[how]()
        return self.add(made, a.reshape(-1) if how in ("reshape", "contiguous") else a)

    @rule(target=names, name=names, data=st.data())
    def windows(self, name: int, data: st.DataObject) -> Any:
        """That slide along one axis."""
        a = self.model[name]
        if a.ndim in (0, 4) or a.size == 0:
            return multiple()
        axis = data.draw(st.integers(0, a.ndim - 1))
        n = data.draw(st.integers(1, a.shape[axis]))
        made = rtch.sliding_window_view(self.tensors[name], n, axis=axis)
        return self.add(made, np.lib.stride_tricks.sliding_window_view(a, n, axis=axis))

    @rule(target=names, name=names, offset=st.integers(-3, 3), turned=st.booleans())
    def diagonal(self, name: int, offset: int, turned: bool) -> Any:
        """Of the first two axes."""
        a = self.model[name]
        if a.ndim < 2:
            return multiple()
        axes = (1, 0) if turned else (0, 1)
        return self.add(rtch.diagonal(self.tensors[name], offset, *axes), np.diagonal(a, offset, *axes))

    @rule(target=names, name=names, data=st.data())
    def from_strides(self, name: int, data: st.DataObject) -> Any:
        """Over the row-major elements of a tensor, shared or not."""
        t, a = self.tensors[name].reshape(-1), self.model[name].reshape(-1)
        shape = tuple(data.draw(st.lists(st.integers(0, 3), max_size=3)))
        steps = tuple(data.draw(st.integers(-3, 3)) for _ in shape)
        spans = [(n - 1) * s for n, s in zip(shape, steps, strict=True)]
        low, high = -sum(s for s in spans if s < 0), len(a) - 1 - sum(s for s in spans if s > 0)
        if low > high or 0 in shape or not t.is_contiguous or t.strides != (1,):
            return multiple()
        offset = data.draw(st.integers(low, high))
        byte_strides = tuple(4 * s for s in steps)
        view = np.lib.stride_tricks.as_strided(a[offset:], shape, byte_strides)
        return self.add(rtch.from_strides(t, shape, steps, offset), view)

    @rule(target=names, name=names, how=st.sampled_from(["numpy", "dlpack", "round trip"]), copy=st.booleans())
    def foreign(self, name: int, how: str, copy: bool) -> Any:
        """Memory of NumPy's, which nobody may write to: neither we, nor by way of an export of ours."""
        a = np.array(self.model[name])
        if how == "round trip":
            array = np.from_dlpack(self.tensors[name])
            assert not array.flags.writeable
            self.exports.append((array, a.copy()))
        else:
            array = a
            self.exports.append((array, a.copy()))
        flag = None if copy else False
        made = rtch.asarray(array, copy=flag) if how == "numpy" else rtch.from_dlpack(array, copy=flag)
        return self.add(made, a)

    def writable(self, name: int, write: Any) -> bool:
        """Whether the tensor can be written to; where its elements are shared, a write is refused."""
        if self.tensors[name].layout != "overlapping":
            return True
        with pytest.raises(OverlappingLayoutError):
            write()
        return False

    @rule(name=names, data=st.data(), value=st.integers(-3, 3))
    def write_scalar(self, name: int, data: st.DataObject, value: int) -> None:
        """Into any part."""
        t, a = self.tensors[name], self.model[name]
        key = data.draw(hnp.basic_indices(a.shape, max_dims=4, allow_newaxis=True))
        if self.writable(name, lambda: operator.setitem(t, key, value)):
            t[key] = value
            a[key] = value

    @rule(name=names, other=names, data=st.data())
    def write_tensor(self, name: int, other: int, data: st.DataObject) -> None:
        """A part of one tensor into a part of another, or of itself."""
        target, source = self.model[name], self.model[other]
        key = data.draw(hnp.basic_indices(target.shape))
        part = target[key]
        try:
            wanted = np.broadcast_to(source, part.shape).copy()
        except ValueError:
            return
        t = self.tensors[name]
        if self.writable(name, lambda: operator.setitem(t, key, self.tensors[other])):
            t[key] = self.tensors[other]
            target[key] = wanted

    @rule(name=names, other=names, subtract=st.booleans())
    def in_place(self, name: int, other: int, subtract: bool) -> None:
        """With another tensor, or with itself."""
        target, source = self.model[name], self.model[other]
        try:
            np.broadcast_to(source, target.shape)
        except ValueError:
            return
        t = self.tensors[name]
        if not self.writable(name, lambda: operator.iadd(t, self.tensors[other])):
            return
        with np.errstate(all="ignore"):
            if subtract:
                t -= self.tensors[other]
                self.model[name] = np.asarray(target - source)
            else:
                t += self.tensors[other]
                self.model[name] = np.asarray(target + source)

    @rule(name=names)
    def export(self, name: int) -> None:
        """To NumPy: read-only, and fixed from now on."""
        array = self.tensors[name].numpy()
        assert not array.flags.writeable
        self.exports.append((array, self.model[name].copy()))

    @rule(name=names)
    def forget(self, name: int) -> None:
        """Put a fresh tensor under a name; the old one dies."""
        self.tensors[name], self.model[name] = rtch.asarray(7.0), np.array(7.0, "float32")

    @invariant()
    def nothing_else_changed(self) -> None:
        """Every tensor and every export holds what the model does."""
        for name, t in self.tensors.items():
            assert_same(self.model[name], t)
        for array, expected in self.exports:
            np.testing.assert_array_equal(array, expected)


Values.TestCase.settings = settings(max_examples=60, stateful_step_count=20)
test_writing_one_tensor_never_changes_another = Values.TestCase


def test_sharing_ends_with_the_first_write() -> None:
    """`shares_storage` and `n_aliases` show it, and each needed copy is counted once."""
    x = rtch.zeros((4, 4))
    before = lib.rt_copies_made()
    assert x.n_aliases == 0
    y, z = x.T, x[1:]
    assert (x.n_aliases, y.n_aliases, z.n_aliases) == (2, 2, 2)
    assert rtch.shares_storage(x, y)
    y += 1
    assert not rtch.shares_storage(x, y)
    assert rtch.shares_storage(x, z)
    assert (x.n_aliases, y.n_aliases) == (1, 0)
    del z
    assert x.n_aliases == 0
    assert lib.rt_copies_made() == before + 1
    x[0] = 5.0
    y[0] = 6.0
    assert lib.rt_copies_made() == before + 1
    kept = x.numpy()
    assert x.n_aliases == 1
    x[0] = 7.0
    assert lib.rt_copies_made() == before + 2
    assert kept[0].tolist() == [5.0] * 4
    assert x.n_aliases == 0
    with pytest.raises(TypeError, match=r"^shares_storage: a Tensor is needed; got ndarray"):
        rtch.shares_storage(x, kept)  # type: ignore[arg-type]


def test_only_views_share() -> None:
    """A result of arithmetic has its own memory; astype and asarray share until a write where nothing changes."""
    x = rtch.ones((2, 3))
    assert not rtch.shares_storage(x, x + 0)
    assert not rtch.shares_storage(x, rtch.reshape(x.T, -1))
    assert not rtch.shares_storage(x, rtch.astype(x, "float64"))
    for view in (x[0], x.T, x.reshape(-1), x.detach(), x.astype("float32"), rtch.squeeze(x[None], 0), rtch.flip(x)):
        assert rtch.shares_storage(x, view)
    for empty in (x[:0], x[2:, 5:]):
        assert empty.size == 0


def test_headers_and_memory_are_given_back() -> None:
    """A replaced header goes at once when no call holds it: a million writes after views leave nothing behind."""
    x = rtch.zeros(3)
    for _ in range(2000):
        view = x[1:]
        x[0] = 1.0
        x += view[0]
    assert not core._retired
    assert x.n_aliases == 0


def test_a_write_into_a_broadcast_view_gives_it_memory_of_its_own() -> None:
    """Each element is then one of its own."""
    x = rtch.broadcast_to(rtch.asarray([1.0, 2.0]), (3, 2))
    assert x.n_aliases == 0
    x[0, 0] = 9.0
    assert x.tolist() == [[9.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    y = rtch.broadcast_to(rtch.asarray(1.0), (3,))
    y += rtch.asarray([1.0, 2.0, 3.0])
    assert y.tolist() == [2.0, 3.0, 4.0]


# Writes into temporaries --------------------------------------------------------------------------------------------


@pytest.mark.skipif(not CAN_TELL, reason="this interpreter does not count references to temporaries")
def test_a_write_into_a_temporary_view_is_an_error() -> None:
    """It would be lost. The message shows what to write; the tensor is as before, however often it is tried."""
    x = rtch.zeros((3, 3))

    def chained() -> None:
        x[0][1] = 5

    def transposed() -> None:
        x.T[0] = 5

    def augmented() -> None:
        x[0][1] += 5

    def detached() -> None:
        x.detach()[...] = 5

    def called() -> None:
        rtch.reshape(x, -1)[0] = 5

    for write in (chained, transposed, augmented, detached, called):
        for _ in range(100):  # also once the interpreter has specialised the code
            with pytest.raises(
                LayoutError,
                match=r"^setitem: .* temporary view .*; use one key, x\[0, 1\] = 5, or give",
            ):
                write()
    assert x.tolist() == np.zeros((3, 3)).tolist()


class Holder:
    """Has a tensor as an attribute."""

    def __init__(self, x: rtch.Tensor) -> None:
        self.x = x

    @property
    def same(self) -> rtch.Tensor:
        return self.x


def fill(t: rtch.Tensor, value: float) -> rtch.Tensor:
    """Write to an argument."""
    t[...] = value
    return t


def test_writes_that_somebody_can_read_are_no_error() -> None:
    """Names, arguments, attributes, items of containers, loops, comprehensions, generators, lambdas; also hot code."""
    x = rtch.zeros((2, 3))
    holder, table, row_list = Holder(x), {"x": x}, [x[0], x[1]]
    for _ in range(50):
        named = x[0]
        named[1] = 5
        assert named.tolist() == [0.0, 5.0, 0.0]
        assert fill(x[0], 2.0).tolist() == [2.0] * 3
        holder.x[0, 0] = 0.0
        holder.same[0, 0] = 0.0
        table["x"][0, 0] = 0.0
        row_list[0][0] = 1.0
        assert row_list[0][0].item() == 1.0
        for row in x:
            row[0] = 3.0
            assert row[0].item() == 3.0
        assert [fill(row, 1.0).sum().item() for row in x] == [3.0, 3.0]
        assert [operator.setitem(r, 0, 4.0) for r in (x[0], x[1])] == [None, None]
        generated = (fill(row, 6.0) for row in x)
        assert next(generated).tolist() == [6.0] * 3
        (walrus := x[1])[0] = 8.0
        assert walrus[0].item() == 8.0
        (lambda t: fill(t, 1.0))(x[0])
        rtch.zeros(3)[0] = 1.0  # lost, but a tensor of its own that nobody was promised
    assert x.tolist() == [[0.0] * 3] * 2


def test_writes_in_other_frames_are_no_error() -> None:
    """Module level, nested functions, methods, threads' targets and exec see names as names."""
    x = rtch.zeros((2, 2))

    def outer() -> float:
        view = x[0]

        def inner() -> None:
            view[0] = 5.0

        inner()
        return view[0].item()

    assert outer() == 5.0
    scope: dict[str, Any] = {"x": x}
    exec("v = x[0]\nv[1] = 3.0\nw = [x[i] for i in range(2)]\nw[0][0] = 2.0", scope)
    assert (scope["v"].tolist(), scope["w"][0].tolist()) == ([0.0, 3.0], [2.0, 0.0])

    trace = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        traced = x[0]
        traced[0] = 1.0
    finally:
        sys.settrace(trace)
    assert traced[0].item() == 1.0
    assert x.sum().item() == 0.0
    leaf = rtch.asarray(awkward("float32", (3,), 1)).requires_grad_()
    with pytest.raises(AutogradError, match=r"^setitem: a leaf that requires grad is written under"):
        leaf[0] = 1.0
    with rtch.no_grad():
        leaf[0] = 1.0
    assert leaf[0].item() == 1.0
