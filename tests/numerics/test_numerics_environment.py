# SPDX-License-Identifier: MIT
"""What must not matter: instruction set, number of threads, and the floating-point mode of the caller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

import rtch
from rtch._c import lib, selftest

ISAS = [isa for isa in ("baseline", "avx2", "avx512", "neon") if lib.rt_isa_available(isa.encode())]
PRELUDE = """
import ctypes, json, struct, sys
import rtch
from rtch._c import describe, lib, selftest
def digests():
    return {part.name: part.found for part in selftest.run()}
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    clean = {k: v for k, v in os.environ.items() if k not in ("RTCH_ISA", "RTCH_NUM_THREADS")}
    arguments = [sys.executable, "-c", PRELUDE + code]
    return subprocess.run(
        arguments, env={**clean, **environment}, capture_output=True, text=True, check=False, timeout=300
    )


def told(code: str, **environment: str) -> Any:
    """What the code prints as JSON."""
    done = python(code, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_this_process_gives_the_recorded_digests() -> None:
    """Every kernel, and every one recorded."""
    parts = selftest.run()
    assert {part.name: part.found for part in parts} == selftest.expected_digests()
    assert len(parts) > 30


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set_gives_the_recorded_digests(isa: str, threads: str) -> None:
    """In a process of its own, as RTCH_ISA and RTCH_NUM_THREADS choose it."""
    found = told("print(json.dumps([describe(), digests()]))", RTCH_ISA=isa, RTCH_NUM_THREADS=threads)
    assert (found[0]["isa"], found[0]["threads"]) == (isa, int(threads))
    assert found[0]["numerics_version"] == rtch.numerics_version
    assert found[1] == selftest.expected_digests()


def test_unknown_instruction_sets_and_thread_counts() -> None:
    """A ConfigError that lists what this machine has; empty variables count as unset."""
    refused = (
        "\ntry:\n    rtch.zeros(1)\nexcept rtch.errors.ConfigError as e:\n    print(json.dumps([e.key, str(e)]))\n"
    )
    code = PRELUDE.replace("from rtch._c import describe, lib, selftest", "") + refused
    for key, values, rule in (
        ("RTCH_ISA", ["sse9", "AVX2", "avx2 "], f"RTCH_ISA: one of {', '.join(sorted(ISAS, key=ORDER.index))} on this"),
        (
            "RTCH_NUM_THREADS",
            ["0", "257", "-1", "two", "1.5", " 2", "²", "9" * 5000],
            "RTCH_NUM_THREADS: a number from 1 to 256 is needed",
        ),
    ):
        for value in values:
            done = subprocess.run(
                [sys.executable, "-c", code], env={**os.environ, key: value}, capture_output=True, text=True, check=True
            )
            assert json.loads(done.stdout)[0] == key
            assert json.loads(done.stdout)[1].startswith(rule)
            assert repr(value) in json.loads(done.stdout)[1]
    default = told("print(json.dumps(describe()))", RTCH_ISA="", RTCH_NUM_THREADS="")
    assert default["isa"] == next(isa for isa in ORDER if isa in ISAS)
    assert default["threads"] == len(os.sched_getaffinity(0))
    assert told("print(json.dumps(describe()['threads']))", RTCH_NUM_THREADS="256") == 256


ORDER = ("avx512", "avx2", "neon", "baseline")

MODES = """
from rtch.ops.row import Kind
from rtch.ops.table import OPS
libm = ctypes.CDLL("libm.so.6")
ARM = sys.implementation._multiarch.startswith("aarch64")
def control():
    # fenv_t of glibc: on x86-64 MXCSR is at byte 28, on 64-bit Arm FPCR is first.
    buffer = ctypes.create_string_buffer(32)
    libm.fegetenv(buffer)
    return bytearray(buffer.raw)
def put(flag):
    env = control()
    at = 0 if ARM else 28
    struct.pack_into("<I", env, at, struct.unpack_from("<I", env, at)[0] | flag)
    libm.fesetenv(bytes(env))
def word_of(env):
    return struct.unpack_from("<I", env, 0 if ARM else 28)[0] & ~(0 if ARM else 0x3F)  # less what sticks
def word():
    return word_of(control())
ROUNDINGS = [0x400000, 0x800000, 0xC00000] if ARM else [0x2000, 0x4000, 0x6000]
def everything():
    x = rtch.asarray([[1e-45, -1e-40, 0.1, 3e38], [1e-38, 1e-30, 2.5, -7.0]])
    y = rtch.asarray([[5e-324, 1e-310, 0.1, 1e308], [1e-160, 1e-300, 2.5, -7.0]], dtype="float64")
    w = rtch.ones((400, 300)) * 0.1
    out = []
    for t in (x, y):
        calls = {Kind.UNARY: [(t,)], Kind.BINARY: [(t, 0.7), (0.1, t), (t, t[::-1])], Kind.REDUCE: [(t,), (t.T,)]}
        calls[Kind.COMPARE] = calls[Kind.BINARY]
        calls[Kind.PREDICATE] = calls[Kind.UNARY]
        ops = [op for op in OPS if op.rule.computes("f32")]
        out += [getattr(rtch, op.name)(*inputs) for op in ops for inputs in calls.get(op.kind, [])]
        out += [t.sum(axis=1), t.mean(axis=0), t @ t.T, t[0] @ t[1]]
        out += [t.astype("float32"), t.astype("float64"), t.astype("int64"), rtch.where(t > 0, t, 1e-45)]
        copy = rtch.asarray(t, copy=True)
        copy *= 0.3
        copy[0] = 1e-42
        out += [copy, rtch.concat([x, y]), rtch.index_add(t, 0, [0, 0], t), rtch.sum_to(t, (4,))]
    out += [rtch.arange(0.1, 2.0, 0.3), rtch.full(3, 1e-45), w.sum(), w @ w.T, (w * 1e-44).sum(axis=0), w.tanh().mean()]
    out += [rtch.random.Generator(1).normal((50,)), rtch.random.Generator(1).uniform((50,), 0.1, 0.7)]
    # Python's own conversion of doubles to text is not ours to keep exact: bytes, and the doubles' bytes.
    texts = [t.tobytes().hex() for t in out]
    items = [x[0, 0].item(), x[0, 1].item(), *sum(x.tolist(), []), *y[0].tolist()]
    return texts + [struct.pack("<14d", *items).hex()]
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads glibc's fenv_t")
def test_the_callers_floating_point_mode_does_not_matter() -> None:
    """Flush-to-zero, denormals-are-zero and each rounding mode: same bits, on 1 and 3 threads, and the mode is kept."""
    code = """
rtch.set_num_threads(3)
plain = everything()
initial = control()
failed = []
FLUSH = [0x1000000] if ARM else [0x8000, 0x40, 0x8040]  # on x86-64: results, operands, both
for flag in (*FLUSH, *ROUNDINGS, FLUSH[-1] | ROUNDINGS[0]):
    for n in (1, 3):
        rtch.set_num_threads(n)
        put(flag)
        mode = word()
        same = everything() == plain
        kept = word() == mode != word_of(initial)
        libm.fesetenv(bytes(initial))
        if not (same and kept):
            failed.append([hex(flag), n, same, kept])
print(json.dumps([failed, digests()]))
"""
    assert told(MODES + code) == [[], selftest.expected_digests()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads glibc's fenv_t")
def test_the_mode_really_was_another() -> None:
    """In it, Python's own arithmetic gives other results."""
    code = """
initial = control()
put(0x1000000 if ARM else 0x8040)
flushed = 1e-310 * 1.0 == 0
libm.fesetenv(bytes(initial))
one, three, sums = 1.0, 3.0, set()
for flag in (0, *ROUNDINGS):
    put(flag)
    sums.add(struct.pack("<2d", one / three, -one / three))
    libm.fesetenv(bytes(initial))
print(json.dumps([flushed, len(sums)]))
"""
    assert told(MODES + code) == [True, 3]
