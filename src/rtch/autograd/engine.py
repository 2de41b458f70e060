# SPDX-License-Identifier: MIT
"""The backward pass: loops over dependency counts, never recursion.

A node runs when all its consumers have delivered. Gradients that reach it by several paths are added in the order of
the graph (later consumers first, then by input), so the sum does not depend on when they arrived. That of a slice is
added to its part of the sum, in place: a tensor cut into parts costs as much as one pass over it. A gradient is dropped
as soon as it has been used. `.grad` changes only when the whole pass has succeeded.

The gradient of a real loss L towards a complex z is dL/dRe z + i dL/dIm z, as in PyTorch: the direction of steepest
ascent, twice the derivative towards conj(z).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from rtch._c import failure, lib
from rtch.autograd.graph import COMPLEX, Leaf, Node, freed
from rtch.autograd.modes import set_grad_enabled
from rtch.composed import real
from rtch.creation import ones_like, zeros
from rtch.dtypes import BY_CODE, DType
from rtch.errors import ArgumentError, AutogradError, BroadcastError, DTypeError, MissingGradError, NonScalarLossError
from rtch.manipulation import astype, scatter_slice, sum_to
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, add_at, binary, snapshot, unary, wrap

_ADD, _CONJ, _GETITEM = BY_NAME["add"], BY_NAME["conj"], BY_NAME["getitem"]
_Vertex: TypeAlias = Node | Leaf


class _Slice(NamedTuple):
    """The gradient towards a tensor of which a slice was read: `part` there, 0 elsewhere."""

    part: Tensor
    shape: tuple[int, ...]
    key: list[int]


_Gradient: TypeAlias = Tensor | _Slice
_Arrival: TypeAlias = tuple[int, int, _Gradient]  # minus the consumer's seq, its input, the gradient


def _plan(roots: Sequence[_Vertex], keep: frozenset[_Vertex] | None) -> dict[_Vertex, int]:
    """What takes part in a pass, and how many edges within it lead to each: all that the roots reach, or, with keep,
    only what lies between the roots and keep.

    Raises:
        FreedGraphError: a node that would run was freed by an earlier pass.
    """
    counts: dict[_Vertex, int] = dict.fromkeys(roots, 0)
    stack = list(counts)
    while stack:
        node = stack.pop()
        if keep is None and node.saved is None:
            raise freed(node)
        for edge in node.edges:
            if edge is None:
                continue
            if edge in counts:
                counts[edge] += 1
            else:
                counts[edge] = 1
                stack.append(edge)
    if keep is None:
        return counts
    between: dict[_Vertex, int] = {}
    for node in sorted(counts, key=_seq):  # inputs are older than what was made from them
        runs = any(edge in between for edge in node.edges)
        if runs and node.saved is None:
            raise freed(node)
        if runs or node in keep:
            between[node] = 0
    for node in between:
        for edge in node.edges:
            if edge in between:
                between[edge] += 1
    return between


def _seq(node: _Vertex) -> int:
    return node.seq


def _total(arrivals: list[_Arrival]) -> Tensor:
    """The sum of the gradients that reached one node, in graph order."""
    arrivals.sort(key=_place)
    first = arrivals[0][2]
    if len(arrivals) == 1:
        return scatter_slice(*first) if isinstance(first, _Slice) else first
    total = zeros(first.shape, dtype=first.part.dtype) if isinstance(first, _Slice) else first
    for _, _, g in arrivals if total is not first else arrivals[1:]:
        if not isinstance(g, _Slice):
            total = binary(_ADD, total, g)
            continue
        total = _buffer(total) if total is first else total
        add_at(total, g.key, g.part)
    return total


def _buffer(g: Tensor) -> Tensor:
    """A gradient to write into, which copies it where others see it. Row-major, so that no two elements are one."""
    h = lib.rt_contiguous(g._h)
    if not h:
        raise failure("backward", g)
    out = wrap(h)
    out._node = g._node
    return out


def _place(arrival: _Arrival) -> tuple[int, int]:
    return arrival[:2]


def _input_gradients(node: Node, g: Tensor, takes_part: dict[_Vertex, int], create: bool) -> Sequence[_Gradient | None]:
    """What the rows give towards each input of one node that takes part, in the shapes of the inputs."""
    env = node.values(create)
    env["g"] = g
    op = node.op
    if op is _GETITEM:
        return (_Slice(g, env["x_shape"], env["key"]),)
    if op.variadic:
        (function,), (needs,) = op.grads, op.needs
        assert function is not None
        return function(*[env[name] for name in needs])  # type: ignore[no-any-return]
    out: list[Tensor | None] = []
    for i, edge in enumerate(node.edges):
        towards = op.grads[i]
        if edge is None or towards is None or edge not in takes_part:
            out.append(None)
            continue
        gradient = towards(*[env[name] for name in op.needs[i]])
        if node.shapes is not None:
            gradient = sum_to(gradient, node.shapes[i])
        out.append(gradient)
    return out


def _conjugated_gradients(
    node: Node, g: Tensor, takes_part: dict[_Vertex, int], create: bool
) -> Sequence[_Gradient | None]:
    """Of an analytic function f the rows give g f', and the gradient is g conj(f'), the conjugate of conj(g) f'."""
    gradients = _input_gradients(node, unary(_CONJ, g), takes_part, create)
    return [unary(_CONJ, gradient) if gradient is not None else None for gradient in gradients]


def _cast(g: Tensor, dtype: DType) -> Tensor:
    """g as the gradient of a value of another dtype: a real one has the real part."""
    return astype(real(g) if g.dtype.is_complex and not dtype.is_complex else g, dtype, copy=False)


class _Pass:
    """One run over a graph."""

    def __init__(self, takes_part: dict[_Vertex, int], retain: bool, create: bool) -> None:
        self.counts = takes_part  # edges that have not delivered yet
        self.arrivals: dict[_Vertex, list[_Arrival]] = {}
        self.ready: deque[_Vertex] = deque(node for node, count in takes_part.items() if count == 0)
        self.retain = retain
        self.create = create

    def add(self, node: _Vertex, place: tuple[int, int], g: _Gradient) -> None:
        """Note that a gradient reached a node."""
        if isinstance(g, Tensor) and g._h.dtype != node.dtype:  # the call had promoted this input
            g = _cast(g, BY_CODE[node.dtype])
        self.arrivals.setdefault(node, []).append((*place, g))

    def deliver(self, node: Node, g: Tensor | None) -> None:
        """Send a node's gradient on to its inputs, and let those run that have all of theirs."""
        counts = self.counts
        gradients: Sequence[_Gradient | None]
        if g is None:
            gradients = [None] * len(node.edges)
        elif node.dtype in COMPLEX and node.op.conjugates:
            gradients = _conjugated_gradients(node, g, counts, self.create)
        else:
            gradients = _input_gradients(node, g, counts, self.create)
        if not self.retain:
            node.saved = node.attrs = None
        for i, (edge, gradient) in enumerate(zip(node.edges, gradients, strict=True)):
            if edge is None or edge not in counts:
                continue
            if gradient is not None:
                self.add(edge, (-node.seq, i), gradient)
            counts[edge] -= 1
            if counts[edge] == 0:
                self.ready.append(edge)


def run(
    seeds: Sequence[tuple[_Vertex, Tensor]],
    wanted: Sequence[_Vertex] | None,
    retain: bool,
    create: bool,
) -> dict[_Vertex, Tensor]:
    """Gradients at the wanted nodes, or added into every leaf where wanted is None."""
    keep = frozenset(wanted) if wanted is not None else None
    work = _Pass(_plan([node for node, _ in seeds], keep), retain, create)
    for i, (node, seed) in enumerate(seeds):
        if node in work.counts:
            work.add(node, (-(2**62), i), seed)
    found: dict[_Vertex, Tensor] = {}
    with set_grad_enabled(create):
        while work.ready:
            node = work.ready.popleft()
            got = work.arrivals.pop(node, None)
            g = _total(got) if got else None
            got = None
            if g is not None and (node in keep if keep is not None else isinstance(node, Leaf)):
                found[node] = g
            if isinstance(node, Node) and (keep is None or any(edge in work.counts for edge in node.edges)):
                work.deliver(node, g)
            g = None
        if keep is None:
            for node, g in found.items():
                assert isinstance(node, Leaf)
                node.grad = binary(_ADD, node.grad, g) if node.grad is not None else _own(g)
    return found


def _own(g: Tensor) -> Tensor:
    """A gradient for the user to keep: no other tensor, so that writing to it reaches neither a seed nor a gradient."""
    own = snapshot(g)
    own._node = g._node
    return own


def _seed(where: str, out: Tensor, gradient: Tensor | None) -> tuple[_Vertex, Tensor]:
    if out._node is None:
        raise MissingGradError(f"{where}: the tensor does not depend on anything that requires grad; got {out!r:.80}")
    if gradient is None:
        if out.size != 1 or out.dtype.is_complex:
            what = "complex tensor" if out.dtype.is_complex else "tensor of several elements"
            raise NonScalarLossError(
                f"{where}: a {what} needs a seed gradient; got shape {list(out.shape)}", shape=out.shape
            )
        return out._node, ones_like(out)
    if not isinstance(gradient, Tensor) or gradient.dtype is not out.dtype:
        raise DTypeError(f"{where}: the seed must be a {out.dtype.name} tensor; got {gradient!r:.80}")
    if gradient.shape != out.shape:
        raise BroadcastError(
            f"{where}: the seed must have the tensor's shape; got {list(gradient.shape)} for {list(out.shape)}",
            shapes=(gradient.shape, out.shape),
        )
    return out._node, gradient


def backward(
    out: Tensor, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False
) -> None:
    """See `Tensor.backward`."""
    retain = create_graph if retain_graph is None else retain_graph
    run([_seed("backward", out, gradient)], None, retain, create_graph)


def _tensors(what: str, given: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    given = (given,) if isinstance(given, Tensor) else given
    if not isinstance(given, (list, tuple)) or not all(isinstance(t, Tensor) for t in given):
        raise ArgumentError(f"grad: {what} must be a tensor or a list of tensors; got {given!r:.80}", argument=given)
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
    outs = _tensors("outputs", outputs)
    ins = _tensors("inputs", inputs)
    seeds = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs or [None] * len(outs))
    if len(seeds) != len(outs):
        raise AutogradError(f"grad: one seed per output is needed; got {len(seeds)} for {len(outs)}")
    for i, x in enumerate(ins):
        if x._node is None:
            raise MissingGradError(f"grad: input {i} does not require grad; got shape {list(x.shape)}", input=i)
    retain = create_graph if retain_graph is None else retain_graph
    pairs = [_seed("grad", out, seed) for out, seed in zip(outs, seeds, strict=True)]
    found = run(pairs, [x._node for x in ins], retain, create_graph)
    results = tuple(_own(found[x._node]) if x._node in found else None for x in ins)
    for i, (x, g) in enumerate(zip(ins, results, strict=True)):
        if g is None and not allow_unused:
            raise MissingGradError(
                f"grad: no output depends on input {i}; pass allow_unused=True to get None; got shape {list(x.shape)}",
                input=i,
            )
    return results
