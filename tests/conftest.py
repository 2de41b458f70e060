# SPDX-License-Identifier: MIT
"""Settings of the whole suite: Hypothesis draws the same examples in every run, and Ctrl-C works."""

from __future__ import annotations

import signal

from hypothesis import settings

settings.register_profile("rtch", deadline=None, derandomize=True)
settings.load_profile("rtch")

# A shell's background job starts with SIGINT ignored, and so would the children that tests send it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
