# SPDX-License-Identifier: MIT
"""Checkpoints."""
