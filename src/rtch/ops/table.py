# SPDX-License-Identifier: MIT
"""The op table: one row per op, everything known about it on adjacent lines.

The C dispatch, the public function, the method and operator, the reference page, the parametrised tests and the
graph node are derived from the row. `docs/contributing.md` shows how to add one. A row's number is its place: families
enter theirs in the order below.
"""

from __future__ import annotations

from rtch.ops.define import BY_NAME, OPS

# isort: off
import rtch.ops.elementwise
import rtch.ops.reductions
import rtch.ops.structure
import rtch.ops.fft
import rtch.ops.linalg
import rtch.ops.convolution
import rtch.ops.normalization
import rtch.ops.indexing
import rtch.ops.activations  # noqa: F401 - the last one

__all__ = ["BY_NAME", "OPS"]
