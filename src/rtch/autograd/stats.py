# SPDX-License-Identifier: MIT
"""What a backward pass did, in numbers."""

from __future__ import annotations

import dataclasses

from rtch._c import ffi, lib


@dataclasses.dataclass(frozen=True, slots=True)
class PassStats:
    """A backward pass in numbers; from `last_stats`.

    Attributes:
        nodes: calls whose gradients were computed.
        edges: gradients that were due among them and at leaves.
        batches: how often nodes that were ready together ran.
        widest_batch: the most nodes of a batch, leaves included.
        accumulations: gradients added to others that reached the same node.
        copies_avoided: how many of those were added in place.
        peak_gradient_bytes: the most bytes of gradients on their way at a time.
        python_nodes: nodes and leaves at which the pass came to Python: those with hooks, and with no template in C.
        seconds: how long it took.
    """

    nodes: int
    edges: int
    batches: int
    widest_batch: int
    accumulations: int
    copies_avoided: int
    peak_gradient_bytes: int
    python_nodes: int
    seconds: float


def last_stats() -> PassStats | None:
    """Of the last backward pass that ended in this thread, by itself or by an error; None where there was none."""
    out = ffi.new("int64_t[]", lib.RT_N_PASS_STATS + 1)
    if not lib.rt_last_pass_stats(out):
        return None
    counts: list[int] = ffi.unpack(out, lib.RT_N_PASS_STATS)
    return PassStats(*counts, out[lib.RT_N_PASS_STATS] / 1e9)  # type: ignore[call-arg]
