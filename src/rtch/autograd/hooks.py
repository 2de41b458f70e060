# SPDX-License-Identifier: MIT
"""Hooks on tensors and on nodes of the graph: functions that the backward pass calls, and what they may change.

At a node with hooks the pass comes to Python, with the sum of all gradients that reached the node's result, and then:

1. tensor hooks, in order of registration; each may put another gradient in its place,
2. the gradient becomes `.grad` of a tensor that retains it,
3. the node's prehooks, which may replace it too,
4. the node itself,
5. the node's hooks, which may replace what it made.

A leaf takes part in 3 and 5 where `backward` adds to its `.grad`; 5 follows that, after the hooks on what was
accumulated. No `.grad` changes before the whole pass has succeeded, so those hooks and all of 2 come at its end.

The hooks of a node stand in its second place for an object (csrc/graph/node.h), and go with it. Where a pass frees a
node, which can't run again, it drops them at once, so that a hook may hold the tensor that it is on without keeping it
alive for good; on a leaf it does so until it is removed.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from rtch import tensor as _tensor
from rtch._c import lib
from rtch._c.objects import node_object, set_node_object, share_hooked
from rtch.autograd.graph import LEAF, name_of
from rtch.autograd.handles import RemovableHandle
from rtch.autograd.places import Frames, capture, place_of, traceback_of
from rtch.errors import ArgumentError, AutogradError, BackwardError
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, binary, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADD = BY_NAME["add"]
_lock = threading.RLock()  # held while the hooks of a node change


class Hook(NamedTuple):
    """A function, and where it was registered."""

    function: Callable[..., Any]
    place: Frames

    def __call__(self, op: str, *args: Any) -> Any:
        """What the function gives; what it raises becomes BackwardError."""
        try:
            return self.function(*args)
        except Exception as error:
            raise self.wrong(op, f"raised {type(error).__name__}: {error}") from error

    def wrong(self, op: str, what: str) -> BackwardError:
        """The error for a function that did something it may not do."""
        name = getattr(self.function, "__qualname__", repr(self.function))
        return BackwardError(
            f"{op}: hook {name!r} {what}; registered at {place_of(self.place)}",
            op=op,
            forward_traceback=traceback_of(self.place),
        )


def made(where: str, function: Any) -> Hook:
    """A hook that is registered by the caller of rtch.

    Raises:
        ArgumentError: it can't be called.
    """
    if not callable(function):
        raise ArgumentError(f"{where}: a function is needed; got {function!r:.60}", argument=function)
    return Hook(function, capture(2))


class Hooks:
    """All hooks of one node, and the gradient that its tensor retains. `node` becomes 0 when the node ends."""

    __slots__ = ("__weakref__", "accumulated", "after", "before", "grad", "node", "on_gradient", "retains", "tensor")

    def __init__(self, node: int) -> None:
        self.node = node
        self.on_gradient: dict[int, Hook] = {}
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}
        self.accumulated: dict[int, Hook] = {}
        self.tensor: weakref.ref[Tensor] | None = None  # the leaf, where it has hooks on what was accumulated
        self.retains = False
        self.grad: Tensor | None = None

    def drop(self, number: int | None) -> None:
        """Take the hook of this number away, or all; a node that has nothing left is as one that never had hooks."""
        dropped: list[Hook | None] = []  # ends after the lock is released, whatever that sets off
        with _lock:
            for hooks in (self.on_gradient, self.before, self.after, self.accumulated):
                if number is None:
                    dropped += hooks.values()
                    hooks.clear()
                else:
                    dropped.append(hooks.pop(number, None))
            if self.retains or self.on_gradient or self.before or self.after or self.accumulated:
                return
            node = share_hooked(self)
            if node and node_object(node, True) is self:
                set_node_object(node, True, None)
        if node:
            lib.rt_node_release(node)

    def gradient(self, op: str, g: Tensor, create: bool) -> Tensor:
        """What the tensor hooks make of a gradient."""
        for hook in tuple(self.on_gradient.values()):
            g = _checked(op, hook, hook(op, g), g, create)
        return g

    def outputs(self, op: str, g: Tensor, create: bool) -> Tensor:
        """What the prehooks make of it."""
        for hook in tuple(self.before.values()):
            changed = hook(op, (g,))
            if changed is not None:
                g = _checked(op, hook, _several(op, hook, changed, 1)[0], g, create)
        return g

    def inputs(self, op: str, grads: list[Tensor | None], g: Tensor, create: bool) -> list[Tensor | None]:
        """What the node's hooks make of the gradients towards its inputs."""
        for hook in tuple(self.after.values()):
            changed = hook(op, tuple(grads), (g,))
            if changed is None:
                continue
            several = _several(op, hook, changed, len(grads))
            for i, (new, old) in enumerate(zip(several, grads, strict=True)):
                if old is None and new is not None:
                    raise hook.wrong(op, f"gave a gradient towards input {i}, which has none")
                grads[i] = None if old is None or new is None else _checked(op, hook, new, old, create)
        return grads


def _several(op: str, hook: Hook, given: Any, n: int) -> Sequence[Any]:
    if not isinstance(given, (tuple, list)):
        raise hook.wrong(op, f"must return None or a tuple of {n}; got {type(given).__name__}")
    if len(given) != n:
        raise hook.wrong(op, f"must return None or a tuple of {n}; got {len(given)}")
    return given


def _checked(op: str, hook: Hook, new: Any, old: Tensor, create: bool) -> Tensor:
    """What a hook gave in the place of a gradient; the same gradient for None."""
    if new is None:
        return old
    if not isinstance(new, Tensor):
        raise hook.wrong(op, f"must return None or a tensor; got {type(new).__name__}")
    if new.shape != old.shape or new.dtype is not old.dtype:
        raise hook.wrong(
            op,
            f"must keep the gradient's shape and dtype, {old.dtype.name}{list(old.shape)}; "
            f"got {new.dtype.name}{list(new.shape)}",
        )
    return snapshot(new) if new._h.node and not create else new


# Registering --------------------------------------------------------------------------------------------------------


class _Handle(RemovableHandle):
    """The handle of a hook on a node, which it does not keep alive."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Hooks, hooks: dict[int, Hook], hook: Hook) -> None:
        super().__init__(hooks, hook)
        self._hooks = {}
        self._owner = weakref.ref(owner)

    def remove(self) -> None:
        """Call the hook no more."""
        owner = self._owner()
        if owner is not None:
            owner.drop(self.id)


def hooks_at(node: int) -> Hooks | None:
    """The hooks of a node, None where it has none."""
    return node_object(node, True)  # type: ignore[no-any-return]


def _hooks_of(node: int) -> Hooks:
    """The hooks of a node, with the lock held."""
    hooks = hooks_at(node)
    if hooks is None:
        hooks = Hooks(node)
        set_node_object(node, True, hooks)
    return hooks


def add(node: int, kind: str, hook: Hook) -> RemovableHandle:
    """Register a hook on a node, whose share the caller holds; kind: which of the dicts of `Hooks`."""
    with _lock:
        hooks = _hooks_of(node)
        return _Handle(hooks, getattr(hooks, kind), hook)


def on_gradient(t: Tensor, function: Any) -> RemovableHandle:
    """See `Tensor.register_hook`."""
    hook = made("register_hook", function)
    if not t._h.node:
        raise AutogradError(f"register_hook: a tensor that requires grad is needed; got {t!r:.80}")
    return add(t._h.node, "on_gradient", hook)


def on_accumulated(t: Tensor, function: Any) -> RemovableHandle:
    """See `Tensor.register_post_accumulate_grad_hook`."""
    where = "register_post_accumulate_grad_hook"
    hook = made(where, function)
    if not t._h.node or not t.is_leaf:
        raise AutogradError(f"{where}: a leaf that requires grad is needed; got {t!r:.80}")
    with _lock:
        hooks = _hooks_of(t._h.node)
        hooks.tensor = weakref.ref(t)
        return _Handle(hooks, hooks.accumulated, hook)


def retain_grad(t: Tensor) -> None:
    """See `Tensor.retain_grad`."""
    node = t._h.node
    if not node:
        raise AutogradError(f"retain_grad: a tensor that requires grad is needed; got {t!r:.80}")
    if lib.rt_node_op(node) != LEAF:
        _tensor._moved = _moved
        with _lock:
            _hooks_of(node).retains = True


def _moved(before: int, after: int) -> None:
    """A recorded write has given a tensor another node, which retains its gradient from now on if the first one did."""
    hooks = hooks_at(before)
    if hooks is None or not hooks.retains or not after or after == before:
        return
    with _lock:
        to = _hooks_of(after)
        to.retains, to.grad = True, hooks.grad
        hooks.retains, hooks.grad = False, None
    hooks.drop(-1)


def retained(t: Tensor) -> Hooks | None:
    """The hooks of the node that made a tensor, where it retains its gradient."""
    node = t._h.node
    hooks = hooks_at(node) if node else None
    return hooks if hooks is not None and hooks.retains else None


# In the pass --------------------------------------------------------------------------------------------------------


class Late:
    """What hooks have to do at the end of a pass."""

    __slots__ = ("leaves", "retained")

    def __init__(self) -> None:
        self.retained: list[tuple[Hooks, Tensor]] = []
        self.leaves: list[tuple[Hooks, Tensor]] = []

    def run(self) -> None:
        """The pass has succeeded, and what it found is in `.grad`."""
        for hooks, g in self.retained:
            hooks.grad = g if hooks.grad is None else binary(_ADD, hooks.grad, g)
        for hooks, g in self.leaves:
            t = hooks.tensor() if hooks.tensor is not None else None
            for hook in tuple(hooks.accumulated.values()) if t is not None else ():
                hook("leaf", t)
            for hook in tuple(hooks.after.values()):
                hook("leaf", (), (g,))


def before_node(run: Any, node: int, hooks: Hooks, g: Tensor, create: bool, accumulates: bool, late: Late) -> Tensor:
    """Call what comes before a node that the pass has come to, with g; gives what reaches the node then."""
    op = name_of(node)
    runs, is_leaf = lib.rt_pass_runs(run), lib.rt_node_op(node) == LEAF
    changed = hooks.gradient(op, g, create)
    if changed is not g:
        lib.rt_pass_replace(run, changed._h, 1)
    if hooks.retains:
        late.retained.append((hooks, changed))
    if runs or (is_leaf and accumulates):
        g, changed = changed, hooks.outputs(op, changed, create)
        if changed is not g:
            lib.rt_pass_replace(run, changed._h, is_leaf)
    if is_leaf and accumulates and (hooks.after or hooks.accumulated):
        late.leaves.append((hooks, changed))
    return changed


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
