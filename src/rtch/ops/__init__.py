# SPDX-License-Identifier: MIT
"""The op table. Imports with a bare Python: no NumPy, no C, so that the build's generator can read it."""
