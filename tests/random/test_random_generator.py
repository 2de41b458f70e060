# SPDX-License-Identifier: MIT
"""Random numbers against the written formulas, computed here again in plain Python, and pinned values."""

from __future__ import annotations

import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch._c import lib
from rtch.errors import ArgumentError, DTypeError
from rtch.random import Generator

MASK32, MASK64 = 2**32 - 1, 2**64 - 1
SEEDS = st.integers(0, MASK64)


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10 as in Salmon et al. (2011), section 3.3."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = p1 >> 32 ^ c1 ^ k0, p1 & MASK32, p0 >> 32 ^ c3 ^ k1, p0 & MASK32
        k0, k1 = k0 + 0x9E3779B9 & MASK32, k1 + 0xBB67AE85 & MASK32
    return c0, c1, c2, c3


def bits(seed: int, number: int, attempt: int = 0) -> int:
    """The 64 random bits of one number of a stream."""
    words = (number & MASK32, number >> 32, attempt & MASK32, attempt >> 32)
    c0, c1, _, _ = philox4x32(words, (seed & MASK32, seed >> 32))
    return c1 << 32 | c0


def f32(x: float) -> float:
    return float(struct.unpack("f", struct.pack("f", x))[0])


# Philox -------------------------------------------------------------------------------------------------------------

# The known answers that Random123 publishes for philox4x32 with 10 rounds (kat_vectors): counter, key, result.
KNOWN = {
    "zeros": ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    "ones": ((MASK32,) * 4, (MASK32,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    "pi": (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_philox_known_answers(name: str) -> None:
    """The core's first 64 bits, and all 128 of the Python version used below, are Random123's."""
    counter, key, expected = KNOWN[name]
    assert expected == philox4x32(counter, key)
    low, high = (counter[0] | counter[1] << 32), (counter[2] | counter[3] << 32)
    assert expected[0] | expected[1] << 32 == lib.rt_random_bits(key[0] | key[1] << 32, low, high)


@given(seed=SEEDS, number=SEEDS, attempt=SEEDS)
@settings(max_examples=200)
def test_philox_everywhere(seed: int, number: int, attempt: int) -> None:
    """The core's bits are those of the Python version for any seed, number and attempt."""
    assert bits(seed, number, attempt) == lib.rt_random_bits(seed, number, attempt)


# Distributions ------------------------------------------------------------------------------------------------------


@given(
    seed=SEEDS,
    offset=st.integers(0, MASK64),
    low=st.floats(-1e6, 1e6),
    width=st.floats(0, 1e6),
    dtype=st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=100)
def test_uniform_is_its_formula(seed: int, offset: int, low: float, width: float, dtype: str) -> None:
    """low + (high - low) * (upper 53 bits / 2**53) in float64, rounded once; the offset wraps at 2**64."""
    high = low + width
    got = Generator(seed, offset).uniform((5,), low, high, dtype=dtype).tolist()
    units = [(bits(seed, offset + i & MASK64) >> 11) * 2.0**-53 for i in range(5)]
    expected = [low + (high - low) * u for u in units]
    assert [f32(x) for x in expected] == got if dtype == "float32" else expected == got


def upper_tail(seed: int, number: int) -> tuple[int, bool]:
    """The normal number's probability as (2k + 1) / 2**53, folded to the lower half, and whether it was above."""
    k = 2 * (bits(seed, number) >> 12) + 1
    return (2**53 - k, True) if k > 2**52 else (k, False)


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_normal_is_the_inverse_distribution_function(seed: int) -> None:
    """400 numbers per seed are within 1e-15 relative of mpmath's inverse normal distribution function."""
    mpmath = pytest.importorskip("mpmath")
    got = Generator(seed).normal((400,), dtype="float64").tolist()
    with mpmath.workdps(40):
        for i, z in enumerate(got):
            tail, above = upper_tail(seed, i)
            exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(tail) / 2**53 - 1)
            exact = -exact if above else exact
            assert abs(z - exact) <= 1e-15 * abs(exact), (i, z)


def test_normal_tails() -> None:
    """The rarest of a million numbers, both tails and the middle, are within 1e-15 relative too."""
    mpmath = pytest.importorskip("mpmath")
    z = Generator(5).normal((1_000_000,), dtype="float64")
    values = z.numpy()
    order = values.argsort()
    picks = [*order[:40], *order[-40:], *abs(values).argsort()[:40]]
    assert values[order[0]] < -4.5
    assert values[order[-1]] > 4.5
    with mpmath.workdps(40):
        for i in map(int, picks):
            tail, above = upper_tail(5, i)
            exact = mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(tail) / 2**53 - 1)
            exact = -exact if above else exact
            assert abs(float(values[i]) - exact) <= 1e-15 * abs(exact), i


def test_normal_far_tail() -> None:
    """Beyond 6.6 standard deviations, where one number in 36 billion lies, AS 241 has a formula of its own."""
    mpmath = pytest.importorskip("mpmath")
    number = 53_403_590_643
    z = Generator(0, number).normal((), dtype="float64").item()
    tail, above = upper_tail(0, number)
    assert above
    assert z > 6.6
    with mpmath.workdps(40):
        exact = -mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(tail) / 2**53 - 1)
        assert abs(z - exact) <= 1e-15 * exact


@given(seed=SEEDS, mean=st.floats(-1e6, 1e6), std=st.floats(0, 1e6))
@settings(max_examples=50)
def test_normal_shifts_and_scales(seed: int, mean: float, std: float) -> None:
    """mean + std * z in float64, rounded once to float32."""
    z = Generator(seed).normal((4,), dtype="float64").tolist()
    assert [mean + std * v for v in z] == Generator(seed).normal((4,), mean, std, dtype="float64").tolist()
    assert [f32(mean + std * v) for v in z] == Generator(seed).normal((4,), mean, std).tolist()


@given(seed=SEEDS, offset=st.integers(0, MASK64), n=st.integers(0, 60))
@settings(max_examples=100)
def test_permutation_sorts_by_key(seed: int, offset: int, n: int) -> None:
    """0 to n - 1 sorted by (random bits of offset + i, i)."""
    expected = sorted(range(n), key=lambda i: (bits(seed, offset + i & MASK64), i))
    got = Generator(seed, offset).permutation(n)
    assert expected == got.tolist()
    assert (rtch.int64, (n,)) == (got.dtype, got.shape)


def test_permutation_holds_every_number_once() -> None:
    """A long permutation is one."""
    got = Generator(3).permutation(50_000).tolist()
    assert list(range(50_000)) == sorted(got)
    assert got != sorted(got)


# Statistics ---------------------------------------------------------------------------------------------------------

N = 200_000


def _ks(sorted_values: list[float], cdf: Any) -> float:
    """Kolmogorov and Smirnov's distance, times sqrt(n)."""
    n = len(sorted_values)
    worst = max(max((i + 1) / n - cdf(x), cdf(x) - i / n) for i, x in enumerate(sorted_values))
    return float(worst * n**0.5)


@pytest.mark.parametrize("seed", [0, 7, 2**63])
def test_uniform_moments_and_distance(seed: int) -> None:
    """Mean, variance, neighbours' correlation and Kolmogorov distance are those of uniform numbers."""
    u = Generator(seed).uniform((N,), dtype="float64").tolist()
    assert 0 <= min(u)
    assert max(u) < 1
    mean = sum(u) / N
    assert abs(mean - 0.5) < 4 * (1 / 12 / N) ** 0.5
    assert abs(sum((x - 0.5) ** 2 for x in u) / N - 1 / 12) < 4 * (1 / 180 / N) ** 0.5
    lagged = sum((a - 0.5) * (b - 0.5) for a, b in pairwise(u)) / N * 12
    assert abs(lagged) < 4 / N**0.5
    assert _ks(sorted(u), lambda x: x) < 1.95  # exceeded once in a thousand


@pytest.mark.parametrize("seed", [0, 7, 2**63])
def test_normal_moments_and_distance(seed: int) -> None:
    """The first four moments and Kolmogorov's distance are those of normal numbers."""
    from statistics import NormalDist

    z = Generator(seed).normal((N,), dtype="float64").tolist()
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(sum(v**power for v in z) / N - expected) < 4 * (variance / N) ** 0.5, power
    assert _ks(sorted(z), NormalDist().cdf) < 1.95


def test_permutations_are_even() -> None:
    """All 24 orders of four come up equally often: chi-square with 23 degrees of freedom."""
    draw, counts = Generator(11), dict[tuple[int, ...], int]()
    for _ in range(4800):
        order = tuple(draw.permutation(4).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert 24 == len(counts)
    assert sum((c - 200) ** 2 / 200 for c in counts.values()) < 49.7  # exceeded once in a thousand


# Streams ------------------------------------------------------------------------------------------------------------

CALLS: dict[str, Any] = {
    "uniform": lambda draw, shape: draw.uniform(shape),
    "uniform64": lambda draw, shape: draw.uniform(shape, -1.0, 2.0, dtype="float64"),
    "normal": lambda draw, shape: draw.normal(shape),
    "normal64": lambda draw, shape: draw.normal(shape, 3.0, 0.5, dtype="float64"),
}


@pytest.mark.parametrize("name", CALLS)
@given(cuts=st.lists(st.integers(0, 400), min_size=1, max_size=6), seed=SEEDS, offset=SEEDS)
@settings(max_examples=30)
def test_pieces_make_the_whole(name: str, cuts: list[int], seed: int, offset: int) -> None:
    """Drawing in pieces gives the numbers of drawing at once: 10 then 10 is 20."""
    pieces, whole = Generator(seed, offset), Generator(seed, offset)
    parts = [CALLS[name](pieces, (n,)).tolist() for n in cuts]
    assert list(chain(*parts)) == CALLS[name](whole, (sum(cuts),)).tolist()
    assert pieces.state == whole.state


@pytest.mark.parametrize("name", CALLS)
def test_the_shape_only_places_numbers(name: str) -> None:
    """Numbers run row-major through any shape."""
    flat = CALLS[name](Generator(1), (60,)).tolist()
    for shape in ((60, 1), (3, 20), (3, 4, 5), [5, 12]):
        assert flat == CALLS[name](Generator(1), shape).reshape(-1).tolist()
    assert flat[0] == CALLS[name](Generator(1), ()).item()


@pytest.mark.parametrize("name", CALLS)
def test_threads_change_nothing(name: str) -> None:
    """One, two and five threads draw the same bits of a large tensor, and so does a call from another thread."""
    before = rtch.get_num_threads()
    try:
        found = set()
        for n in (1, 2, 5):
            rtch.set_num_threads(n)
            found.add(CALLS[name](Generator(9), (300_001,)).tobytes())
    finally:
        rtch.set_num_threads(before)
    with ThreadPoolExecutor(1) as pool:
        found.add(pool.submit(lambda: CALLS[name](Generator(9), (300_001,)).tobytes()).result())
    assert 1 == len(found)


def test_offsets_advance_by_elements() -> None:
    """Every call moves the offset by its number of elements, whatever the dtype; it wraps at 2**64."""
    draw = Generator(4)
    steps = (
        (lambda: draw.uniform(()), 1),
        (lambda: draw.uniform((3, 4)), 12),
        (lambda: draw.normal((5,), dtype="float64"), 5),
        (lambda: draw.permutation(7), 7),
        (lambda: draw.uniform((0, 9)), 0),
        (lambda: draw.permutation(0), 0),
    )
    at = 0
    for call, n in steps:
        call()
        at += n
        assert {"seed": 4, "offset": at} == draw.state
    draw = Generator(4, MASK64)
    first, second = draw.uniform((2,)).tolist()
    assert {"seed": 4, "offset": 1} == draw.state
    assert (first, second) == (Generator(4, MASK64).uniform().item(), Generator(4).uniform().item())


def test_refused_calls_do_not_move_the_offset() -> None:
    """A call that raises draws nothing."""
    draw = Generator(4, 3)
    for call in (
        lambda: draw.uniform((2,), 1.0, 0.0),
        lambda: draw.uniform((-1,)),
        lambda: draw.normal((2,), std=-1.0),
        lambda: draw.normal((2,), dtype="int64"),
        lambda: draw.permutation(-1),
        lambda: draw.uniform((2**40, 2**40)),
    ):
        with pytest.raises((ArgumentError, DTypeError, MemoryError)):
            call()
    assert 3 == draw.state["offset"]


@given(seed=SEEDS, offset=SEEDS)
def test_state_round_trip(seed: int, offset: int) -> None:
    """A state put into any other generator continues alike."""
    draw = Generator(seed, offset)
    draw.normal((3,))
    state = draw.state
    other = Generator()
    other.set_state(state)
    assert draw.uniform((4,)).tobytes() == other.uniform((4,)).tobytes()
    assert {"seed": seed, "offset": offset + 3 & MASK64} == state
    assert seed == other.seed
    assert f"Generator(seed={seed}, offset={offset + 7 & MASK64})" == repr(other)


@given(seed=SEEDS, number=SEEDS)
def test_fold_in(seed: int, number: int) -> None:
    """The new seed is Philox(seed, (number, 1)); the stream it is made from does not move."""
    draw = Generator(seed, 5)
    assert {"seed": bits(seed, number, 1), "offset": 0} == draw.fold_in(number).state
    assert {"seed": seed, "offset": 5} == draw.state


def test_folded_streams_are_apart() -> None:
    """Ten thousand folded streams have seeds and first numbers of their own, apart from the parent's numbers."""
    parent = Generator(1)
    children = [parent.fold_in(i) for i in range(10_000)]
    assert 10_000 == len({child.seed for child in children})
    firsts = {child.uniform((), dtype="float64").item() for child in children}
    assert 10_000 == len(firsts)
    assert not firsts & set(parent.uniform((10_000,), dtype="float64").tolist())


def test_seeds_are_apart() -> None:
    """Neighbouring seeds give unrelated numbers."""
    columns = [Generator(seed).normal((2000,), dtype="float64").tolist() for seed in range(6)]
    for i, a in enumerate(columns):
        for b in columns[:i]:
            assert abs(sum(x * y for x, y in zip(a, b, strict=True)) / 2000) < 4.5 / 2000**0.5


# Pinned -------------------------------------------------------------------------------------------------------------


def test_pinned_values() -> None:
    """The first numbers of each distribution, to the bit. They change only with numerics_version."""
    seed = 20_240_229
    assert PINNED["uniform"] == [x.hex() for x in Generator(seed).uniform((4,)).tolist()]
    assert PINNED["uniform64"] == [x.hex() for x in Generator(seed).uniform((4,), dtype="float64").tolist()]
    assert PINNED["between"] == [x.hex() for x in Generator(seed).uniform((4,), -3.0, 5.0).tolist()]
    assert PINNED["normal"] == [x.hex() for x in Generator(seed).normal((4,)).tolist()]
    assert PINNED["normal64"] == [x.hex() for x in Generator(seed).normal((4,), dtype="float64").tolist()]
    assert PINNED["permutation"] == Generator(seed).permutation(10).tolist()
    assert PINNED["fold_in"] == Generator(seed).fold_in(3).seed
    assert PINNED["later"] == [x.hex() for x in Generator(seed, 2**40).normal((2,)).tolist()]


PINNED: dict[str, Any] = {
    "uniform": ["0x1.c94a140000000p-1", "0x1.0cf1060000000p-2", "0x1.075ebe0000000p-1", "0x1.1544b00000000p-1"],
    "uniform64": ["0x1.c94a14b70fdaap-1", "0x1.0cf105fcba48cp-2", "0x1.075ebe6ef6fb3p-1", "0x1.1544b0d0834a6p-1"],
    "between": ["0x1.094a140000000p+2", "-0x1.cc3be80000000p-1", "0x1.1d7afa0000000p+0", "0x1.5512c40000000p+0"],
    "normal": ["0x1.3e50ba0000000p+0", "-0x1.453d480000000p-1", "0x1.27a6460000000p-5", "0x1.ab44920000000p-4"],
    "normal64": ["0x1.3e50ba0989d0fp+0", "-0x1.453d47b472f96p-1", "0x1.27a6469cb4de9p-5", "0x1.ab44918b4d5eep-4"],
    "permutation": [8, 7, 1, 6, 2, 3, 5, 4, 9, 0],
    "fold_in": 8949123836484756244,
    "later": ["-0x1.098c6e0000000p+0", "0x1.8c7b660000000p-1"],
}


# Errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-1, 2**64, 1.0, "1", None, True])
def test_seeds_are_64_bit_integers(wrong: Any) -> None:
    """Seeds, offsets and fold_in's numbers are integers from 0 to 2**64 - 1."""
    for call, where in (
        (lambda: Generator(wrong), "Generator seed"),
        (lambda: Generator(0, wrong), "Generator offset"),
        (lambda: Generator().fold_in(wrong), "fold_in"),
    ):
        with pytest.raises(ArgumentError, match=f"^{where}: an integer from 0 to") as caught:
            call()
        assert wrong is caught.value.argument or wrong == caught.value.argument


@pytest.mark.parametrize(
    "state",
    [{}, {"seed": 1}, {"seed": 1, "offset": 2, "more": 3}, {"seed": -1, "offset": 0}, {"seed": 1, "offset": 0.5}],
)
def test_a_wrong_state_changes_nothing(state: Any) -> None:
    """A state that lacks a value, has another, or one out of range is refused whole."""
    draw = Generator(5, 6)
    with pytest.raises(ArgumentError):
        draw.set_state(state)
    assert {"seed": 5, "offset": 6} == draw.state


@pytest.mark.parametrize(
    ("low", "high"),
    [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("nan")), (0.0, float("inf")), (float("-inf"), 0.0), (-1e308, 1e308)],
)
def test_uniform_bounds(low: float, high: float) -> None:
    """Bounds are finite, in order, and no farther apart than a float64 holds."""
    with pytest.raises(ArgumentError, match="uniform: finite bounds"):
        Generator().uniform((2,), low, high)


@pytest.mark.parametrize(
    ("mean", "std"),
    [(0.0, -1.0), (float("nan"), 1.0), (0.0, float("nan")), (float("inf"), 1.0), (0.0, float("inf"))],
)
def test_normal_parameters(mean: float, std: float) -> None:
    """mean is finite, std finite and not negative."""
    with pytest.raises(ArgumentError, match="normal: finite mean and std >= 0"):
        Generator().normal((2,), mean, std)


@pytest.mark.parametrize("wrong", ["a", None, [1.0], 1j, 10**400])
def test_parameters_are_numbers(wrong: Any) -> None:
    """A bound, mean or std that is no real number is a typed error."""
    for call in (
        lambda: Generator().uniform((2,), wrong, 1.0),
        lambda: Generator().uniform((2,), 0.0, wrong),
        lambda: Generator().normal((2,), wrong),
        lambda: Generator().normal((2,), 0.0, wrong),
    ):
        with pytest.raises(ArgumentError):
            call()


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_dtypes_are_floating(dtype: str) -> None:
    """Random floats have a floating dtype."""
    for call in (Generator().uniform, Generator().normal):
        with pytest.raises(DTypeError, match=dtype):
            call((2,), dtype=dtype)


@pytest.mark.parametrize("n", [-1, 1.0, "3", None, True])
def test_permutation_lengths(n: Any) -> None:
    """A permutation's length is an integer from 0 up."""
    with pytest.raises(ArgumentError, match="permutation: a number from 0 up is needed"):
        Generator().permutation(n)


@pytest.mark.parametrize("shape", [(-1,), (1.5,), "ab", None, (2, "x")])
def test_shapes(shape: Any) -> None:
    """A shape is of integers from 0 up."""
    for call in (Generator().uniform, Generator().normal):
        with pytest.raises(ArgumentError):
            call(shape)


def test_edges() -> None:
    """Equal bounds and std 0 give constants; bounds of a subnormal width stay inside."""
    assert [2.5] * 3 == Generator(1).uniform((3,), 2.5, 2.5).tolist()
    assert [2.5] * 3 == Generator(1).normal((3,), 2.5, 0.0).tolist()
    tiny = Generator(1).uniform((100,), 0.0, 5e-324, dtype="float64").tolist()
    assert set(tiny) <= {0.0, 5e-324}


def test_threads_share_a_generator() -> None:
    """Threads that draw from one generator get different numbers, and none is lost."""
    draw = Generator(5)
    found: list[float] = []

    def run() -> None:
        found.extend(draw.uniform((), dtype=rtch.float64).item() for _ in range(500))

    threads = [threading.Thread(target=run) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert sorted(found) == sorted(Generator(5).uniform((2000,), dtype=rtch.float64).tolist())
