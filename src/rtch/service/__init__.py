# SPDX-License-Identifier: MIT
"""Training from a configuration: run, resume, and replay bit for bit."""

from __future__ import annotations

from rtch.service.config import Config
from rtch.service.replay import Difference, Replay, replay
from rtch.service.source import load_config, make_config
from rtch.service.training import Outcome, TrainingService, resume

__all__ = [
    "Config",
    "Difference",
    "Outcome",
    "Replay",
    "TrainingService",
    "load_config",
    "make_config",
    "replay",
    "resume",
]
