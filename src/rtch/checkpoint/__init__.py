# SPDX-License-Identifier: MIT
"""Checkpoints: tensors by name in RTCH files, training state in folders, and the hash of a state.

docs/formats/rtch.md specifies the files. ``format_v1`` and ``reader`` know bytes and no tensors, ``tensors`` is the
thin layer above them, ``training`` adds the folder, ``files`` replaces either of them whole.
"""

from __future__ import annotations

from rtch.checkpoint.digest import state_sha256
from rtch.checkpoint.tensors import load, save
from rtch.checkpoint.training import TrainingCheckpoint, load_training, save_training

__all__ = ["TrainingCheckpoint", "load", "load_training", "save", "save_training", "state_sha256"]
