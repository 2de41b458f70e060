# SPDX-License-Identifier: MIT
"""Several Python threads on one tensor, and forks in the middle of work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

import rtch
from rtch import tensor as core
from tensor_draws import assert_same, bits, values


def together(*works: Callable[[], None]) -> None:
    """Run functions in threads at once; the first error is raised here."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


def test_readers_get_the_same_bits() -> None:
    """Calls of several threads don't disturb each other, whether or not they get the pool."""
    x = rtch.asarray(values("float32", (300, 400), 1))
    expected = [bits(f) for f in (x.sum(axis=0), x @ x.T, x.tanh(), x.T + x.reshape(400, 300))]
    before = rtch.get_num_threads()
    rtch.set_num_threads(3)

    def read() -> None:
        for _ in range(8):
            got = [bits(f) for f in (x.sum(axis=0), x @ x.T, x.tanh(), x.T + x.reshape(400, 300))]
            for a, b in zip(expected, got, strict=True):
                np.testing.assert_array_equal(a, b)

    try:
        together(*[read] * 4)
    finally:
        rtch.set_num_threads(before)


def test_writers_of_different_elements_lose_nothing() -> None:
    """Also where other threads take views, exports and copies all the time, so that most writes copy."""
    x = rtch.zeros((4, 64))
    writing = threading.Event()
    writing.set()
    left = [4]

    def writer(row: int) -> Callable[[], None]:
        def run() -> None:
            for i in range(3000):
                x[row, i % 64] = float(i)
            left[0] -= 1
            if left[0] == 0:
                writing.clear()

        return run

    def viewer() -> None:
        while writing.is_set():
            view, array = x[1:], x.numpy()
            assert view.shape == (3, 64)
            assert float(array[0, 0]) == int(array[0, 0])
            assert (x.T + view[0].sum()).shape == (64, 4)

    together(*(writer(row) for row in range(4)), viewer, viewer)
    last = np.array([max(i for i in range(3000) if i % 64 == column) for column in range(64)], "float32")
    assert_same(np.stack([last] * 4), x)
    assert not core._retired


def test_in_place_additions_are_all_made() -> None:
    """x += 1 from several threads: each takes place once."""
    x = rtch.zeros(100, dtype="int64")

    def add() -> None:
        nonlocal x
        y = x
        for _ in range(1000):
            y += 1

    def view() -> None:
        for _ in range(1000):
            x[::2].sum()

    together(add, add, add, view)
    assert_same(np.full(100, 3000), x)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_in_the_middle() -> None:
    """The child has no workers and starts its own; locks that other threads held are open in it."""
    code = """
import os, sys, threading
import rtch
rtch.set_num_threads(3)
x = rtch.ones((500, 500))
expected = (x @ x).sum().item()
stop = False
y = rtch.zeros(10)
def busy():
    while not stop:
        (x @ x).sum()
        y[0] = 1.0
threads = [threading.Thread(target=busy) for _ in range(2)]
for t in threads: t.start()
children = []
for _ in range(6):
    child = os.fork()
    if child == 0:
        y[1] = 2.0
        same = (x @ x).sum().item() == expected and y[1].item() == 2.0
        grown = x.tanh().sum().item() == rtch.full((500, 500), 1.0).tanh().sum().item()
        os._exit(0 if same and grown else 1)
    children.append(child)
ends = [os.waitpid(child, 0)[1] for child in children]
stop = True
for t in threads: t.join()
print(ends, y[1].item())
"""
    arguments = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("[0, 0, 0, 0, 0, 0] 0.0", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_during_a_write() -> None:
    """A fork waits for the write of another thread, so that the child sees a whole value and can go on."""
    code = """
import os, sys, threading
import rtch
x = rtch.zeros(2_000_000)
stop = False
def busy():
    global x
    while not stop:
        x += 1.0
thread = threading.Thread(target=busy)
thread.start()
ends = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        low, high = rtch.min(x).item(), rtch.max(x).item()
        x[0] = -1.0
        os._exit(0 if low == high and x[0].item() == -1.0 else 1)
    ends.append(os.waitpid(child, 0)[1])
stop = True
thread.join()
print(ends)
"""
    arguments = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout.strip(), done.stderr) == (str([0] * 10), "")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that signal")
def test_a_signal_handler_may_write() -> None:
    """A handler that runs in the middle of a write does its own."""
    code = """
import signal
import rtch
x, log = rtch.zeros(8), rtch.zeros(1)
def handler(*_):
    global log
    log += 1.0
    x[0] = 1.0
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
while log[0].item() < 300:
    x += 1.0
signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("done", "")


@pytest.mark.skipif(sys.platform == "win32", reason="reads the resource usage of a process")
def test_idle_workers_take_no_time() -> None:
    """After work, also of several callers, the process takes next to no processor time."""
    code = """
import resource, threading, time
import rtch
rtch.set_num_threads(4)
x = rtch.ones((500, 500))
def work():
    for _ in range(5):
        (x @ x + x).sum()
callers = [threading.Thread(target=work) for _ in range(3)]
for t in callers: t.start()
for t in callers: t.join()
time.sleep(0.1)
def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
before = spent()
time.sleep(0.3)
print(spent() - before < 0.1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("True", "")


def test_set_num_threads_has_bounds() -> None:
    """1 to 256; what is out of them changes nothing."""
    before = rtch.get_num_threads()
    try:
        for n in (1, 2, 256):
            rtch.set_num_threads(n)
            assert rtch.get_num_threads() == n
        for bad in (0, -1, 257, 2**70, -(2**70), "2", None, 1.0):
            with pytest.raises(rtch.errors.ArgumentError, match=r"^set_num_threads: a number from 1 to 256 is needed"):
                rtch.set_num_threads(bad)  # type: ignore[arg-type]
            assert rtch.get_num_threads() == 256
    finally:
        rtch.set_num_threads(before)


def test_what_is_taken_during_a_write_never_changes() -> None:
    """Snapshots, views and exports that a thread takes while another one writes hold one value, for good."""
    x = rtch.zeros((100_000,))
    reading = threading.Event()
    reading.set()

    def writer() -> None:
        number = 0
        while reading.is_set():
            number += 1
            if number % 2:
                x[...] = float(number % 1000)
            else:
                x.__iadd__(1.0)

    def reader() -> None:
        try:
            for _ in range(150):
                for taken in (x.detach(), x[:], rtch.asarray(x.numpy())):
                    first = taken.min().item()
                    assert first == taken.max().item()
                    assert first == taken.min().item() == taken.max().item()
        finally:
            reading.clear()

    together(writer, reader)
