# SPDX-License-Identifier: MIT
"""The Python objects that graph nodes hold: the attributes of a call or the gradient of a leaf, and hooks.

cffi passes no objects, so these two go through ctypes, which keeps the interpreter's lock.
"""

from __future__ import annotations

import ctypes

from rtch._c._core import lib

lib.py_hold_objects()

node_object = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_size_t, ctypes.c_int)(lib.py_get_object())
"""The object of the node at an address, or None: node_object(node, hooks)."""

set_node_object = ctypes.PYFUNCTYPE(None, ctypes.c_size_t, ctypes.c_int, ctypes.py_object)(lib.py_set_object())
"""Gives it one, or None for none: set_node_object(node, hooks, object)."""

share_hooked = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.py_object)(lib.py_share_hooked())
"""A share of the node whose hooks an object holds, for the caller to release; 0 where there is none any more. The
object has the node's address as its attribute `node`, which becomes 0 when the node ends."""
