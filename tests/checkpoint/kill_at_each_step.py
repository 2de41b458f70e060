# SPDX-License-Identifier: MIT
"""Kills a writer at each of its steps in the file system, in turn. Runs in a process of its own: it forks."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "shutil.rmtree"}


def outcomes(reset, save, look):
    """Return what `look()` finds after `save()` was killed before its 1st step, its 2nd, ..., and not at all.

    A step is a call that opens, syncs, renames or removes something. `reset()` puts things back before each.
    """
    found = []
    killed = True
    while killed:
        reset()
        child = os.fork()
        if child == 0:
            _kill_self_before_step(len(found) + 1)
            save()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found.append(look())
        killed = os.WIFSIGNALED(status)
        assert killed or status == 0
    return found


def _kill_self_before_step(n):
    steps = count(1)

    def step(event, arguments):
        if event in STEPS and next(steps) == n:
            os.kill(os.getpid(), signal.SIGKILL)

    sync = os.fsync

    def fsync(descriptor):
        step("open", ())
        sync(descriptor)

    os.fsync = fsync
    sys.addaudithook(step)
