# SPDX-License-Identifier: MIT
"""The backward pass, which the C core runs (csrc/graph/pass.c): loops over dependency counts, never recursion.

A node runs when all its consumers have delivered. Gradients that reach it by several paths are added in the order of
the graph (later consumers first, then by input), so the sum does not depend on when they arrived. A gradient is dropped
as soon as it has been used. `.grad` changes only when the whole pass has succeeded.

The gradient of an op's row is Python. The first time that a call of its kind is met, it runs under a tape, and what it
did becomes a template for the C core (csrc/graph/template.h); the pass comes back to Python for nodes that have none,
for passes that are recorded themselves, and for hooks.

The gradient of a real loss L towards a complex z is dL/dRe z + i dL/dIm z, as in PyTorch: the direction of steepest
ascent, twice the derivative towards conj(z).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtch._c import failure, ffi, lib
from rtch._c.objects import node_object, set_node_object
from rtch.autograd.anomaly import check, explain
from rtch.autograd.anomaly import state as anomaly
from rtch.autograd.graph import COMPLEX, Aside, freed, name_of, op_of, shape_of_node, values
from rtch.autograd.hooks import Hooks, Late, before_node, hooks_at
from rtch.autograd.modes import set_grad_enabled
from rtch.autograd.observers import registered
from rtch.autograd.settings import local
from rtch.autograd.spans import active
from rtch.autograd.watch import Watch
from rtch.composed import real
from rtch.creation import ones_like
from rtch.dtypes import BY_CODE, DType
from rtch.errors import ArgumentError, AutogradError, BroadcastError, DTypeError, MissingGradError, NonScalarLossError
from rtch.manipulation import astype, sum_to
from rtch.ops.row import Op
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, binary, share, unary, wrap

_ADD, _CONJ = BY_NAME["add"], BY_NAME["conj"]
_NULL = ffi.NULL
_shuffle = 0  # a seed for the order in which ready nodes run; tests set it: no bit may depend on it


def _cast(g: Tensor, dtype: DType) -> Tensor:
    """g as the gradient of a value of another dtype: a real one has the real part."""
    return astype(real(g) if g.dtype.is_complex and not dtype.is_complex else g, dtype, copy=False)


def _input_gradients(run: Any, node: int, op: Op, g: Tensor, create: bool) -> list[Tensor | None]:
    """What the rows give towards each input of one node that takes part, in the shapes of the inputs."""
    env = values(node, op, create)
    env["g"] = g
    if op.variadic:
        (function,), (needs,) = op.grads, op.needs
        assert function is not None
        return list(function(*[env[name] for name in needs]))
    n, bcast = len(op.grads), lib.rt_node_bcast(node)
    out: list[Tensor | None] = [None] * n
    for i in range(n):
        towards = op.grads[i]
        if towards is None or not lib.rt_pass_wants(run, i):
            continue
        gradient = towards(*[env[name] for name in op.needs[i]])
        if bcast >> i & 1:
            gradient = sum_to(gradient, shape_of_node(lib.rt_node_edge(node, i)))
        out[i] = gradient
    return out


def _gradients(run: Any, node: int, op: Op, g: Tensor, create: bool) -> list[Tensor | None]:
    """Of an analytic function f the rows give g f', and the gradient is g conj(f'), the conjugate of conj(g) f'."""
    if not (op.conjugates and lib.rt_node_dtype(node) in COMPLEX):
        return _input_gradients(run, node, op, g, create)
    made = _input_gradients(run, node, op, unary(_CONJ, g), create)
    return [unary(_CONJ, gradient) if gradient is not None else None for gradient in made]


def _run_in_python(run: Any, create: bool, aside: Aside, hooks: Hooks | None = None) -> None:
    """The pass has come to a node whose gradients Python computes; hooks may change them."""
    node = lib.rt_pass_node(run)
    op = op_of(node)
    g = wrap(lib.rt_pass_gradient(run))
    try:
        if op is not None:
            if hooks is None:
                lib.rt_pass_tape(run)
            made = _gradients(run, node, op, g, create)
        else:
            held = node_object(node, False)
            if held is None:
                raise freed(node)
            made = held.gradients(node, g, create, aside)
        if anomaly.on and anomaly.check_nan:
            check(node, g, made)
        if create or hooks is not None:
            for i, gradient in enumerate(made):
                edge = lib.rt_node_edge(node, i)
                if gradient is not None and edge and gradient._h.dtype != lib.rt_node_dtype(edge):
                    made[i] = _cast(gradient, BY_CODE[lib.rt_node_dtype(edge)])
        if hooks is not None:
            made = hooks.inputs(name_of(node), made, g, create)
    except Exception as error:
        if anomaly.on:
            explain(node, error)
        raise
    handles = [gradient._h if gradient is not None else _NULL for gradient in made]
    if lib.rt_pass_deliver(run, len(handles), handles) != lib.RT_OK:
        raise failure(name_of(node), g)


def _run_hooks(run: Any, create: bool, aside: Aside, retain: bool, accumulates: bool, late: Late) -> None:
    """The pass has come to a node with hooks."""
    node = lib.rt_pass_node(run)
    hooks = hooks_at(node)
    if hooks is None:  # another thread has removed them
        lib.rt_pass_go_on(run)
        return
    try:
        before_node(run, node, hooks, wrap(lib.rt_pass_gradient(run)), create, accumulates, late)
    except Exception as error:
        if anomaly.on:
            explain(node, error)
        raise
    runs = lib.rt_pass_runs(run)
    if runs and hooks.after:
        _run_in_python(run, create, aside, hooks)
    else:
        lib.rt_pass_go_on(run)
    if runs and not retain:  # it can't run again
        hooks.drop(None)


def run(
    seeds: Sequence[tuple[Tensor, Tensor]],
    wanted: Sequence[Tensor] | None,
    retain: bool,
    create: bool,
    accumulates: bool = False,
) -> dict[int, Tensor]:
    """Gradients at the nodes of the wanted tensors, or, where it accumulates, added to those of the wanted leaves: of
    all where wanted is None.
    """
    flags = lib.RT_PASS_RETAIN * retain | lib.RT_PASS_CREATE * create | lib.RT_PASS_PYTHON * anomaly.on
    trace, settings = active(), local.now
    watch = Watch(trace) if trace is not None or registered else None
    if watch is not None:
        flags |= watch.flags
    if settings is not None:
        flags |= settings.flags
    failed = ffi.new("uintptr_t *")
    nodes = [x._h.node for x in wanted] if wanted is not None else []
    work = lib.rt_pass_new(
        len(seeds),
        [out._h.node for out, _ in seeds],
        [g._h for _, g in seeds],
        len(nodes) if wanted is not None else -1,
        nodes,
        flags,
        failed,
    )
    if not work:
        raise freed(failed[0]) if failed[0] else failure("backward", seeds[0][0])
    late = limit = None
    aside: Aside = {}
    try:
        if settings is not None:
            lib.rt_pass_set(work, settings.workers, settings.grain, _shuffle)
            limit = lib.rt_limit_threads(settings.workers)
        elif _shuffle:
            lib.rt_pass_set(work, 0, -1, _shuffle)
        with set_grad_enabled(create):
            while (state := lib.rt_pass_run(work)) != lib.RT_PASS_DONE:
                if state == lib.RT_PASS_NODE:
                    if watch is not None:
                        watch.at_node(work)
                    _run_in_python(work, create, aside)
                elif state == lib.RT_PASS_HOOKS:
                    if watch is not None:
                        watch.at_node(work)
                    late = late or Late()
                    _run_hooks(work, create, aside, retain, accumulates, late)
                elif state == lib.RT_PASS_FAILED:
                    raise failure("backward", seeds[0][0])
                elif watch is not None and state != lib.RT_PASS_PAUSE:
                    watch.at_batch(work, state)
            found = {}
            if accumulates:
                _accumulate(work)
            else:
                found = _found(work, nodes)
            if late is not None:
                late.run()
    finally:
        if limit is not None:
            lib.rt_limit_threads(limit)
        if watch is not None:
            watch.end(work)
        aside.clear()
        lib.rt_pass_free(work)
    return found


def _found(work: Any, nodes: list[int]) -> dict[int, Tensor]:
    found = {}
    for node in nodes:
        h = lib.rt_pass_found_at(work, node)
        if h:
            found[node] = wrap(h)
    return found


def _accumulate(work: Any) -> None:
    """Add what reached the leaves to their gradients."""
    place = ffi.new("rt_tensor **")
    for i in range(lib.rt_pass_n_found(work)):
        node = lib.rt_pass_found(work, i, place)
        g = wrap(place[0])
        before = node_object(node, False)
        set_node_object(node, False, g if before is None else binary(_ADD, before, g))


def _seed(where: str, out: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    if not out._h.node:
        raise MissingGradError(f"{where}: the tensor does not depend on anything that requires grad; got {out!r:.80}")
    if gradient is None:
        if out.size != 1 or out.dtype.is_complex:
            what = "complex tensor" if out.dtype.is_complex else "tensor of several elements"
            raise NonScalarLossError(
                f"{where}: a {what} needs a seed gradient; got shape {list(out.shape)}", shape=out.shape
            )
        return out, ones_like(out)
    if not isinstance(gradient, Tensor) or gradient.dtype is not out.dtype:
        raise DTypeError(f"{where}: the seed must be a {out.dtype.name} tensor; got {gradient!r:.80}")
    if gradient.shape != out.shape:
        raise BroadcastError(
            f"{where}: the seed must have the tensor's shape; got {list(gradient.shape)} for {list(out.shape)}",
            shapes=(gradient.shape, out.shape),
        )
    return out, gradient


def backward(
    out: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """See `Tensor.backward`."""
    retain = create_graph if retain_graph is None else retain_graph
    seeds = [_seed("backward", out, gradient)]
    wanted = None
    if inputs is not None:
        wanted = _tensors("backward", "inputs", inputs)
        for i, x in enumerate(wanted):
            if not x._h.node or not x.is_leaf:
                raise MissingGradError(
                    f"backward: input {i} is no leaf that requires grad; got shape {list(x.shape)}", input=i
                )
    run(seeds, wanted, retain, create_graph, True)


def _tensors(where: str, what: str, given: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    given = (given,) if isinstance(given, Tensor) else given
    if not isinstance(given, (list, tuple)) or not all(isinstance(t, Tensor) for t in given):
        raise ArgumentError(f"{where}: {what} must be a tensor or a list of tensors; got {given!r:.80}", argument=given)
    return tuple(given)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of outputs towards inputs, as values: no `.grad` changes.

    Args:
        outputs: tensors to differentiate.
        inputs: tensors, leaves or not, to differentiate towards.
        grad_outputs: seeds, one per output; may be left out for real outputs of one element.
        retain_graph: keep the graph for another pass; by default as create_graph.
        create_graph: record the pass, for higher orders.
        allow_unused: give None for an input that the outputs do not depend on, instead of an error.

    Raises:
        MissingGradError: an input that does not require grad, or that no output depends on.
        NonScalarLossError: no seed for an output of several elements or a complex one.
        FreedGraphError: an earlier pass freed the graph.
        ArgumentError: outputs or inputs are not tensors.
    """
    outs = _tensors("grad", "outputs", outputs)
    ins = _tensors("grad", "inputs", inputs)
    seeds = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs or [None] * len(outs))
    if len(seeds) != len(outs):
        raise AutogradError(f"grad: one seed per output is needed; got {len(seeds)} for {len(outs)}")
    for i, x in enumerate(ins):
        if not x._h.node:
            raise MissingGradError(f"grad: input {i} does not require grad; got shape {list(x.shape)}", input=i)
    retain = create_graph if retain_graph is None else retain_graph
    pairs = [_seed("grad", out, seed) for out, seed in zip(outs, seeds, strict=True)]
    found = run(pairs, ins, retain, create_graph)
    results = tuple(share(found[x._h.node]) if x._h.node in found else None for x in ins)
    for i, (x, g) in enumerate(zip(ins, results, strict=True)):
        if g is None and not allow_unused:
            raise MissingGradError(
                f"grad: no output depends on input {i}; pass allow_unused=True to get None; got shape {list(x.shape)}",
                input=i,
            )
    return results
