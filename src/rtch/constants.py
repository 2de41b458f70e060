# SPDX-License-Identifier: MIT
"""The constants of the Array API standard, and its name for the boolean dtype, which hides a builtin."""

from __future__ import annotations

import math

from rtch.dtypes import bool_

e = math.e
inf = math.inf
nan = math.nan
newaxis = None
pi = math.pi
bool = bool_
