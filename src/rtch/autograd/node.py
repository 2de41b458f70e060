# SPDX-License-Identifier: MIT
"""Node: what Python sees of a node of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtch._c import lib
from rtch.autograd.graph import name_of, shape_of_node
from rtch.autograd.handles import RemovableHandle
from rtch.autograd.hooks import add, made
from rtch.dtypes import BY_CODE


class Node:
    """A call that was recorded, or a leaf: from `Tensor.grad_fn` and `next_functions`. It keeps the graph below it.

    Two of them are equal where they stand for the same node.
    """

    __slots__ = ("__weakref__", "_node")

    _node: int

    def __new__(cls, *args: Any, **kwargs: Any) -> Node:
        """Not the way to make one."""
        raise TypeError("Node: use x.grad_fn")

    def __del__(self, _release: Any = lib.rt_node_release) -> None:
        """Let go of the node."""
        _release(self._node)

    def name(self) -> str:
        """The op's name, `leaf` for a leaf."""
        return name_of(self._node)

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes of the inputs, None for those that need no gradient; each with 0, as a node has one result."""
        edges = [lib.rt_node_edge(self._node, i) for i in range(lib.rt_node_n_edges(self._node))]
        return tuple((view(edge) if edge else None, 0) for edge in edges)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before the node runs, with a tuple of the one gradient that reached it.

        Args:
            hook: gives None, or a tuple with a gradient of the same shape and dtype to put in its place.

        Raises:
            ArgumentError: it can't be called.
        """
        return add(self._node, "before", made("register_prehook", hook))

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after the node has run: with a tuple of the gradients that it made,
        None towards inputs that need none, and a tuple of the one that it made them of.

        Args:
            hook: gives None, or a tuple to put in the place of grad_inputs: tensors of their shapes and dtypes, or None
                for no gradient.

        Raises:
            ArgumentError: it can't be called.
        """
        return add(self._node, "after", made("register_hook", hook))

    def __eq__(self, other: object) -> bool:
        return self._node == other._node if isinstance(other, Node) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._node)

    def __repr__(self) -> str:
        dtype = BY_CODE[lib.rt_node_dtype(self._node)].name
        freed = ", freed" if lib.rt_node_is_freed(self._node) else ""
        return f"<Node {self.name()}: {dtype}{list(shape_of_node(self._node))}{freed}>"


def view(node: int) -> Node:
    """The view of a node, whose share the caller holds."""
    out = object.__new__(Node)
    out._node = lib.rt_node_share(node)
    return out
