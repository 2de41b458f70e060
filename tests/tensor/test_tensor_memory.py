# SPDX-License-Identifier: MIT
"""The allocator: statistics, limits, the cache, threads, forks, and memory that stays flat over a million ops."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import rtch
from rtch import memory
from rtch.errors import AllocationError, ArgumentError

MIB = 2**20


@pytest.fixture(autouse=True)
def default_limits() -> Iterator[None]:
    """Each test starts from an empty cache and leaves the limits as they were."""
    before = memory.stats()
    memory.empty_cache()
    yield
    memory.set_limit(before.limit)
    memory.set_cache_limit(before.cache_limit)


def test_what_is_in_use_is_counted() -> None:
    """Tensors count with their own bytes, views with none; the peak stays until it is reset."""
    memory.reset_peak()
    start = memory.stats()
    assert start.peak == start.bytes_in_use
    x = rtch.zeros(MIB // 4)
    view = x[::2]
    assert memory.stats().bytes_in_use == start.bytes_in_use + MIB
    y = x + 1
    assert memory.stats().bytes_in_use == start.bytes_in_use + 2 * MIB
    del x, y
    assert memory.stats().bytes_in_use == start.bytes_in_use + MIB  # the view holds it
    del view
    end = memory.stats()
    assert end.bytes_in_use == start.bytes_in_use
    assert start.bytes_in_use + 2 * MIB <= end.peak <= start.bytes_in_use + 2 * MIB + 2 * 65536
    assert end.allocations >= start.allocations + 2
    memory.reset_peak()
    assert memory.stats().peak == start.bytes_in_use
    for _ in range(1000):
        small = rtch.zeros(8)
    assert memory.stats().bytes_in_use == start.bytes_in_use + small.size * 4


@pytest.mark.parametrize("n", [0, 1, 8, 200, 224, 225, 1000, 4096, 2**16, 2**19, 2**21 + 1])
def test_freed_memory_is_used_again(n: int) -> None:
    """The next tensor of the size gets the memory of the one before: aligned, with its own values."""
    x = rtch.full(n, 3.0)
    address = int(x.numpy().ctypes.data) if n else 0
    assert address % 64 == 0
    del x
    before = memory.stats()
    y = rtch.full(n, 4.0)
    after = memory.stats()
    assert after.cache_hits == before.cache_hits + 1
    assert after.cached < before.cached
    if n:
        assert int(y.numpy().ctypes.data) == address
        assert rtch.min(y).item() == rtch.max(y).item() == 4.0


def test_the_cache_has_a_limit() -> None:
    """The oldest blocks go first; empty_cache gives back all; a limit of 0 keeps none."""
    sizes = [MIB, 2 * MIB, 4 * MIB]
    for size in sizes:
        rtch.zeros(size // 4 - 64)
    kept = memory.stats().cached
    assert kept >= sum(sizes) - 3 * 256
    memory.set_cache_limit(5 * MIB)
    assert memory.stats().cached <= 5 * MIB + 256 * 1024
    hits = memory.stats().cache_hits
    rtch.zeros(4 * MIB // 4 - 64)
    assert memory.stats().cache_hits == hits + 1  # the newest was kept
    rtch.zeros(MIB // 4 - 64)
    assert memory.stats().cache_hits == hits + 1  # the oldest was not
    memory.empty_cache()
    assert memory.stats().cached == 0
    memory.set_cache_limit(0)
    rtch.zeros(MIB)
    assert memory.stats().cached == 0
    rtch.zeros(16 * MIB)  # larger than the whole cache
    assert memory.stats().cached == 0


def test_a_limit_refuses_what_is_beyond_it() -> None:
    """With the bytes asked for; nothing is lost, and what was freed makes room."""
    x = rtch.ones(MIB // 4)
    start = memory.stats().bytes_in_use
    memory.set_limit(start + MIB)
    assert memory.stats().limit == start + MIB
    y = x + 1
    with pytest.raises(AllocationError, match=r"^add: out of memory; got float32\[262144\]") as caught:
        x + y
    assert caught.value.nbytes == MIB
    with pytest.raises(MemoryError):
        rtch.zeros(1)
    view = x[1:]
    with pytest.raises(AllocationError):
        view += 1  # a write to shared memory needs a copy
    assert rtch.shares_storage(x, view)
    del view
    assert memory.stats().bytes_in_use == start + MIB
    assert x[0].item() == 1.0
    del y, caught  # the traceback holds the operands too
    assert (x + 2)[0].item() == 3.0
    memory.set_limit(0)
    with pytest.raises(AllocationError):
        rtch.zeros(1)
    memory.set_limit(None)
    assert memory.stats().limit is None
    assert (x + x)[0].item() == 2.0


def test_a_limit_makes_the_cache_give_way() -> None:
    """What is kept for reuse counts until it is in the way."""
    limit = memory.stats().bytes_in_use + 8 * MIB
    memory.set_limit(limit)
    for n in (3, 4, 5):
        rtch.zeros(n * MIB // 4)
    x = rtch.zeros(6 * MIB // 4)
    stats = memory.stats()
    assert stats.bytes_in_use + stats.cached <= limit
    assert x.size == 6 * MIB // 4


@pytest.mark.parametrize("value", [-1, 1.5, "1", 2**63, None])
def test_limits_are_numbers_of_bytes(value: object) -> None:
    """Anything else is refused."""
    if value is not None:
        with pytest.raises(ArgumentError, match=r"^set_limit: a number of bytes, 0 or more, is needed; got "):
            memory.set_limit(value)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"^set_cache_limit: a number of bytes"):
        memory.set_cache_limit(value)  # type: ignore[arg-type]


def test_too_much_for_any_machine() -> None:
    """The system's refusal is the same error."""
    with pytest.raises(AllocationError) as caught:
        rtch.zeros(2**58)
    assert caught.value.nbytes == 2**60


def test_threads_share_and_end() -> None:
    """Blocks made by one thread and freed by another; an ended thread leaves its counts and gives its blocks back."""
    start = memory.stats()
    made: list[rtch.Tensor] = []

    def make() -> None:
        for _ in range(50):
            made.extend(rtch.ones(n) for n in (3, 100, 5000, 300_000))
            del made[: len(made) // 2]

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(rtch.sum(t).item() == t.size for t in made)
    assert memory.stats().allocations >= start.allocations + 800
    made.clear()
    assert memory.stats().bytes_in_use == start.bytes_in_use
    assert memory.stats().cached > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_goes_on() -> None:
    """The child allocates, frees and counts on its own, also when other threads were allocating at the fork."""
    code = """
import os, threading, rtch
from rtch import memory
rtch.sum(rtch.ones(1) + rtch.zeros(1))  # imports: a fork would leave their locks behind
stop = threading.Event()
def busy():
    while not stop.is_set():
        rtch.zeros(100_000) + 1
threads = [threading.Thread(target=busy) for _ in range(2)]
for t in threads: t.start()
for i in range(20):
    child = os.fork()
    if child == 0:
        for n in (8, 1000, 100_000, 1_000_000):
            assert rtch.sum(rtch.ones(n) + 1).item() == 2 * n
        memory.empty_cache()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for t in threads: t.join()
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_ops_leave_nothing_behind() -> None:
    """Resident memory stays flat, whatever the sizes and views."""
    code = """
import rtch
from rtch import memory
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
x, y = rtch.ones(8), rtch.ones((40, 60))
def run(n):
    for _ in range(n):
        z = x + x; z -= x; w = y.T[1:]; w[0] = 1.0; rtch.sum(w); z[2:].n_aliases
run(20_000)
before, start = resident(), memory.stats()
run(130_000)
grown, end = resident() - before, memory.stats()
assert end.allocations - start.allocations >= 400_000
assert end.bytes_in_use == start.bytes_in_use, (start, end)
print(grown)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 512 * 1024
