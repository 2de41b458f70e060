# SPDX-License-Identifier: MIT
"""The backward pass: loops over dependency counts, never recursion.

A node runs when all its consumers have delivered. Gradients that reach it by several paths are added in the order of
the graph (later consumers first, then by input), so the sum does not depend on when they arrived. A gradient is dropped
as soon as it has been used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from rtch.autograd.graph import Leaf, Node
from rtch.autograd.modes import set_grad_enabled
from rtch.creation import ones_like
from rtch.errors import AutogradError, BroadcastError, DTypeError, MissingGradError, NonScalarLossError
from rtch.manipulation import sum_to
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, binary, snapshot

_ADD = BY_NAME["add"]
_Arrival = tuple[int, int, Tensor]  # minus the consumer's seq, its input, the gradient


def _consumer_counts(roots: Sequence[Node | Leaf]) -> dict[Node | Leaf, int]:
    """For every node that the roots reach: how many edges lead to it."""
    counts: dict[Node | Leaf, int] = dict.fromkeys(roots, 0)
    stack = list(counts)
    while stack:
        for edge in stack.pop().edges:
            if edge is None:
                continue
            if edge in counts:
                counts[edge] += 1
            else:
                counts[edge] = 1
                stack.append(edge)
    return counts


def _total(arrivals: list[_Arrival]) -> Tensor:
    """The sum of the gradients that reached one node, in graph order."""
    if len(arrivals) > 1:
        arrivals.sort(key=_place)
    total = arrivals[0][2]
    for _, _, g in arrivals[1:]:
        total = binary(_ADD, total, g)
    return total


def _place(arrival: _Arrival) -> tuple[int, int]:
    return arrival[:2]


def _input_gradients(node: Node, g: Tensor, create: bool) -> Sequence[Tensor | None]:
    """Gradients towards each input of one node, in the shapes and dtypes of the inputs."""
    env = node.values(create)
    env["g"] = g
    op = node.op
    if op.inputs == ("parts",):
        (function,), (needs,) = op.grads, op.needs
        assert function is not None
        return function(*[env[name] for name in needs])  # type: ignore[no-any-return]
    out: list[Tensor | None] = []
    for i, edge in enumerate(node.edges):
        towards = op.grads[i]
        if edge is None or towards is None:
            out.append(None)
            continue
        gradient = towards(*[env[name] for name in op.needs[i]])
        if node.shapes is not None:
            gradient = sum_to(gradient, node.shapes[i])
        out.append(gradient)
    return out


def run(
    seeds: Sequence[tuple[Node | Leaf, Tensor]],
    wanted: Sequence[Node | Leaf] | None,
    retain: bool,
    create: bool,
) -> dict[Node | Leaf, Tensor]:
    """Gradients at the wanted nodes, or added into every leaf where wanted is None."""
    counts = _consumer_counts([node for node, _ in seeds])
    arrivals: dict[Node | Leaf, list[_Arrival]] = {}
    for i, (node, seed) in enumerate(seeds):
        arrivals.setdefault(node, []).append((-(2**62), i, seed))
    ready = deque(node for node in dict.fromkeys(n for n, _ in seeds) if counts[node] == 0)
    keep = frozenset(wanted) if wanted is not None else None
    found: dict[Node | Leaf, Tensor] = {}
    with set_grad_enabled(create):
        while ready:
            node = ready.popleft()
            got = arrivals.pop(node, None)
            g = _total(got) if got else None
            if g is not None and keep is not None and node in keep:
                found[node] = g
            if isinstance(node, Leaf):
                if g is not None and keep is None:
                    _accumulate(node, g)
                continue
            gradients: Sequence[Tensor | None]
            gradients = _input_gradients(node, g, create) if g is not None else [None] * len(node.edges)
            if not retain:
                node.saved = None
            for i, (edge, gradient) in enumerate(zip(node.edges, gradients, strict=True)):
                if edge is None:
                    continue
                if gradient is not None:
                    arrivals.setdefault(edge, []).append((-node.seq, i, gradient))
                counts[edge] -= 1
                if counts[edge] == 0:
                    ready.append(edge)
    return found


def _accumulate(leaf: Leaf, g: Tensor) -> None:
    if leaf.grad is not None:
        leaf.grad = binary(_ADD, leaf.grad, g)
    else:
        # The tensor that the user gets is nobody else's: an in-place write to it must not reach another gradient.
        own = snapshot(g)
        own._node = g._node
        leaf.grad = own


def _seed(where: str, out: Tensor, gradient: Tensor | None) -> tuple[Node | Leaf, Tensor]:
    if out._node is None:
        raise MissingGradError(f"{where}: the tensor does not depend on anything that requires grad; got {out!r:.80}")
    if gradient is None:
        if out.size != 1:
            raise NonScalarLossError(
                f"{where}: a tensor of several elements needs a seed gradient; got shape {list(out.shape)}",
                shape=out.shape,
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
        grad_outputs: seeds, one per output; may be left out for outputs of one element.
        retain_graph: keep the graph for another pass; by default as create_graph.
        create_graph: record the pass, for higher orders.
        allow_unused: give None for an input that the outputs do not depend on, instead of an error.

    Raises:
        MissingGradError: an input that does not require grad, or that no output depends on.
        NonScalarLossError: no seed for an output of several elements.
        FreedGraphError: an earlier pass freed the graph.
    """
    outs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    ins = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    seeds = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs or [None] * len(outs))
    if len(seeds) != len(outs):
        raise AutogradError(f"grad: one seed per output is needed; got {len(seeds)} for {len(outs)}")
    for i, x in enumerate(ins):
        if x._node is None:
            raise MissingGradError(f"grad: input {i} does not require grad; got shape {list(x.shape)}", input=i)
    retain = create_graph if retain_graph is None else retain_graph
    pairs = [_seed("grad", out, seed) for out, seed in zip(outs, seeds, strict=True)]
    found = run(pairs, [x._node for x in ins], retain, create_graph)
    results = tuple(found.get(x._node) for x in ins)
    for i, (x, g) in enumerate(zip(ins, results, strict=True)):
        if g is None and not allow_unused:
            raise MissingGradError(
                f"grad: no output depends on input {i}; pass allow_unused=True to get None; got shape {list(x.shape)}",
                input=i,
            )
    return results
