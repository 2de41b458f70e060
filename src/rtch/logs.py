# SPDX-License-Identifier: MIT
"""Loggers of the standard library, named `rtch.…` after their modules.

The logger `rtch` has a NullHandler: records go where the program sends them, and else nowhere. A module that logs
imports this one; the package's root does not, so that what never logs doesn't wait for `logging` to load.
"""

from __future__ import annotations

import logging

logging.getLogger("rtch").addHandler(logging.NullHandler())


def logger(module: str) -> logging.Logger:
    """The logger of a module, given its `__name__`."""
    return logging.getLogger(module)
