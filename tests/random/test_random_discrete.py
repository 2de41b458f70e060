# SPDX-License-Identifier: MIT
"""Whole numbers, coins and choices: against the written formulas, and against exact distributions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch import random
from rtch._c import lib
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.random import Generator

MASK64 = 2**64 - 1
SEEDS = st.integers(0, MASK64)


def bits(seed: int, number: int, attempt: int = 0) -> int:
    """64 random bits; test_random_generator shows that they are Philox's."""
    return int(lib.rt_random_bits(seed, number & MASK64, attempt))


def whole(seed: int, number: int, n: int) -> int:
    """A number below n by Lemire's multiplication, as documented."""
    for again in range(100):
        product = bits(seed, number, again << 32) * n
        if product & MASK64 >= 2**64 % n:
            return product >> 64
    raise AssertionError("a hundred draws in the uneven rest")


def chi_square(counts: list[int], chances: list[float]) -> float:
    n = sum(counts)
    return sum((c - n * p) ** 2 / (n * p) for c, p in zip(counts, chances, strict=True))


def limit(freedom: int) -> float:
    """What chi-square exceeds once in ten thousand (Wilson and Hilferty)."""
    a = 2 / (9 * freedom)
    return float(freedom * (1 - a + 3.719 * math.sqrt(a)) ** 3)


# integers -----------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, offset=SEEDS, low=st.integers(-(2**63), 2**63 - 1), data=st.data())
@settings(max_examples=200)
def test_integers_are_their_formula(seed: int, offset: int, low: int, data: st.DataObject) -> None:
    """low plus the upper word of bits times n, drawn again in the uneven rest; any range of int64."""
    last = data.draw(st.integers(low, 2**63 - 1))
    n = last - low + 1
    got = Generator(seed, offset).integers(low, last, (4,), endpoint=True).tolist()
    expected = [low + (whole(seed, offset + i, n) if n < 2**64 else bits(seed, offset + i)) for i in range(4)]
    assert expected == got
    if last > low:
        assert got[0] == Generator(seed, offset).integers(low, last + 1).item() if last < 2**63 - 1 else True


def test_uneven_rests_are_drawn_again() -> None:
    """Of 2^63 + 1 numbers half of all draws fall into the rest: the formula holds, and no draw is lost."""
    n = 2**63 + 1
    got = Generator(7).integers(0, n, (200,), dtype="uint64").tolist()
    assert [whole(7, i, n) for i in range(200)] == got
    assert sum(bits(7, i) * n & MASK64 < 2**64 % n for i in range(200)) > 50


def test_integers_of_every_dtype() -> None:
    """The whole range of each integer dtype can be drawn, and has its bounds."""
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        info = rtch.iinfo(name)
        got = Generator(1).integers(int(info.min), int(info.max), (1000,), dtype=name, endpoint=True)
        assert name == got.dtype.name
        assert info.min <= int(got.min()) < info.min + 2 ** (info.bits - 5)
        assert info.max >= int(got.max()) > info.max - 2 ** (info.bits - 5)
        n = info.max - info.min + 1
        expected = [whole(1, i, n) if n < 2**64 else bits(1, i) for i in range(1000)]
        assert [info.min + x for x in expected] == got.tolist()


def test_one_bound_starts_at_0() -> None:
    """integers(n) draws from 0 to n - 1; shapes only place numbers."""
    flat = Generator(2).integers(10, shape=(60,))
    assert set(range(10)) == set(flat.tolist())
    assert flat.tolist() == Generator(2).integers(0, 10, (3, 4, 5)).reshape(-1).tolist()
    assert flat[0].item() == Generator(2).integers(10).item()
    assert [4] * 5 == Generator(2).integers(4, 5, (5,)).tolist()


@pytest.mark.parametrize("n", [2, 6, 10, 100])
def test_integers_are_even(n: int) -> None:
    """Chi-square of 100,000 numbers below n."""
    counts = Counter(Generator(3).integers(n, shape=(100_000,)).tolist())
    assert chi_square([counts[i] for i in range(n)], [1 / n] * n) < limit(n - 1)


# bernoulli ----------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, offset=SEEDS, p=st.floats(0, 1))
@settings(max_examples=100)
def test_bernoulli_is_its_formula(seed: int, offset: int, p: float) -> None:
    """u < p, of the numbers that uniform gives."""
    u = Generator(seed, offset).uniform((6,), dtype="float64").tolist()
    got = Generator(seed, offset).bernoulli(p, (6,))
    assert (rtch.bool_, [x < p for x in u]) == (got.dtype, got.tolist())


def test_bernoulli_of_tensors() -> None:
    """Each element has its own probability; they are broadcast; another dtype holds 0 and 1."""
    p = rtch.asarray([[0.0], [0.5], [1.0]])
    got = Generator(5).bernoulli(p, (3, 1000), dtype="float32")
    assert rtch.float32 is got.dtype
    sums = got.sum(axis=1).tolist()
    assert (0.0, 1000.0) == (sums[0], sums[2])
    assert 400 < sums[1] < 600
    assert (3, 1) == Generator(5).bernoulli(p).shape
    assert () == Generator(5).bernoulli().shape


@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.97])
def test_bernoulli_is_binomial(p: float) -> None:
    """Sums of 10 coins follow the binomial distribution: chi-square over the counts that are expected 5 times."""
    sums = Counter(Generator(8).bernoulli(p, (20_000, 10), dtype="int64").sum(axis=1).tolist())
    chances = [math.comb(10, k) * p**k * (1 - p) ** (10 - k) for k in range(11)]
    frequent = [k for k in range(11) if 20_000 * chances[k] >= 5]
    rest = max(1e-12, 1 - sum(chances[k] for k in frequent))
    counts = [sums[k] for k in frequent]
    assert (
        chi_square([*counts, 20_000 - sum(counts)], [*(chances[k] for k in frequent), rest]) < limit(len(frequent)) + 20
    )


# choice -------------------------------------------------------------------------------------------------------------


def test_choice_with_replacement_is_integers() -> None:
    """Without weights a choice is a whole number below n; of a tensor, its parts along an axis."""
    assert Generator(1).integers(7, shape=(2, 5)).tolist() == Generator(1).choice(7, (2, 5)).tolist()
    a = rtch.arange(24).reshape(2, 3, 4)
    index = Generator(1).integers(3, shape=(5,)).tolist()
    got = Generator(1).choice(a, (5,), axis=1)
    assert a.numpy()[:, index].tolist() == got.tolist()
    assert (2, 3, 2, 2) == Generator(1).choice(a, (2, 2), axis=-1).shape
    assert (3, 4) == Generator(1).choice(a).shape


def test_choice_without_replacement_is_a_permutation() -> None:
    """The first of a permutation's members, each once."""
    assert Generator(4).permutation(9).tolist()[:5] == Generator(4).choice(9, (5,), replace=False).tolist()
    assert list(range(9)) == sorted(Generator(4).choice(9, (3, 3), replace=False).reshape(-1).tolist())


WEIGHTS = [0.1, 0.0, 0.3, 0.4, 0.2]


def test_weighted_choice_is_its_formula() -> None:
    """The first running sum above u times the total; weights of any sum."""
    for scale in (1.0, 7.0):
        w = [scale * x for x in WEIGHTS]
        running = np.cumsum(np.array(w))
        u = Generator(6).uniform((500,), dtype="float64").tolist()
        expected = [int(np.argmax(running > x * running[-1])) for x in u]
        assert expected == Generator(6).choice(5, (500,), p=w).tolist()


def test_weights_are_float64() -> None:
    """Weights in lists are not rounded to float32, where these are 0, or the last two alike."""
    assert {0, 1} == set(Generator(1).choice(2, (50,), p=[1e-50, 1e-50]).tolist())
    w = [1.0, 1.0 + 2.0**-30, 0.0]
    for p in (w, np.array(w), rtch.asarray(w, dtype="float64")):
        assert Generator(2).choice(3, (64,), p=rtch.asarray(w, dtype="float64")).tolist() == (
            Generator(2).choice(3, (64,), p=p).tolist()
        )
    assert [1, 0] == sorted(Generator(3).choice(2, (2,), replace=False, p=[1e-60, 1.0]).tolist(), reverse=True)


def test_weighted_choice_follows_the_weights() -> None:
    """Chi-square of 50,000 draws; a weight of 0 never comes."""
    counts = Counter(Generator(9).choice(5, (50_000,), p=rtch.asarray(WEIGHTS)).tolist())
    assert 0 == counts[1]
    kept = [i for i in range(5) if i != 1]
    assert chi_square([counts[i] for i in kept], [WEIGHTS[i] for i in kept]) < limit(3)


def test_weighted_orders_without_replacement() -> None:
    """Every order of two of four comes as often as if the members were drawn one after another from what is left."""
    w, draw = [0.1, 0.2, 0.3, 0.4], Generator(10)
    counts = Counter(tuple(draw.choice(4, (2,), replace=False, p=w).tolist()) for _ in range(6000))
    pairs = list(permutations(range(4), 2))
    chances = [w[i] * w[j] / (1 - w[i]) for i, j in pairs]
    assert sum(chances) == pytest.approx(1)
    assert chi_square([counts[pair] for pair in pairs], chances) < limit(11)


def test_orders_without_replacement_are_even() -> None:
    """Every order of two of four comes equally often."""
    draw = Generator(12)
    counts = Counter(tuple(draw.choice(4, (2,), replace=False).tolist()) for _ in range(6000))
    pairs = list(permutations(range(4), 2))
    assert chi_square([counts[pair] for pair in pairs], [1 / 12] * 12) < limit(11)


def test_members_without_weight_never_come() -> None:
    """Without replacement all members with a weight come, and no other."""
    assert [0, 2, 3, 4] == sorted(Generator(1).choice(5, (4,), replace=False, p=WEIGHTS).tolist())


# Streams ------------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, offset=SEEDS, n=st.integers(0, 5))
def test_spawn_is_its_formula(seed: int, offset: int, n: int) -> None:
    """Seeds are Philox(seed, (offset + i, 2)); the stream moves on by n, so that the next call gives others."""
    draw = Generator(seed, offset)
    children = draw.spawn(n)
    assert [{"seed": bits(seed, offset + i, 2), "offset": 0} for i in range(n)] == [c.state for c in children]
    assert {"seed": seed, "offset": offset + n & MASK64} == draw.state
    assert not {c.seed for c in children} & {c.seed for c in draw.spawn(3)}


def test_spawned_streams_do_not_meet() -> None:
    """A thousand streams of two generations, folded ones and their parent have no number in common."""
    parent = Generator(1)
    first = parent.spawn(300)
    streams = [*first, *(g for child in first[:70] for g in child.spawn(10)), *(parent.fold_in(i) for i in range(300))]
    seen = set(parent.uniform((5000,), dtype="float64").tolist())
    for stream in streams:
        seen |= set(stream.uniform((20,), dtype="float64").tolist())
    assert 5000 + 20 * len(streams) == len(seen)


def test_a_restored_state_spawns_the_same() -> None:
    """Where the state is restored, the same children come again."""
    draw = Generator(3)
    draw.uniform((4,))
    state = draw.state
    first = [g.seed for g in draw.spawn(4)]
    draw.set_state(state)
    assert first == [g.seed for g in draw.spawn(4)]


@given(seed=SEEDS, offset=SEEDS, n=st.integers(0, 70_000))
def test_jump_is_its_formula(seed: int, offset: int, n: int) -> None:
    """A jump is n * 2**48 numbers, whose end a stream draws itself; the stream that jumps stays."""
    draw = Generator(seed, offset)
    assert {"seed": seed, "offset": offset + n * 2**48 & MASK64} == draw.jump(n).state
    assert {"seed": seed, "offset": offset} == draw.state
    assert draw.jump().jump().state == draw.jump(2).state
    far = Generator(seed, offset + 2**48 - 2 & MASK64).uniform((4,)).tolist()
    assert far[2:] == draw.jump().uniform((2,)).tolist()


# Module -------------------------------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[Any], Any]] = {
    "uniform": lambda source: source.uniform((3,), -1.0, 1.0),
    "normal": lambda source: source.normal((3,), 1.0, 2.0),
    "integers": lambda source: source.integers(5, 50, (3,)),
    "bernoulli": lambda source: source.bernoulli(0.4, (20,)),
    "choice": lambda source: source.choice(10, (3,)),
    "choice without": lambda source: source.choice(10, (3,), replace=False),
    "choice weighted": lambda source: source.choice(5, (3,), p=WEIGHTS),
    "permutation": lambda source: source.permutation(8),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_of_the_module_draw_from_the_default_stream(name: str) -> None:
    """rtch.random's functions are the default generator's methods."""
    before = random.default_generator.state
    try:
        rtch.manual_seed(77)
        got = [CALLS[name](random).tolist() for _ in range(2)]
    finally:
        random.default_generator.set_state(before)
    draw = Generator(77)
    assert [CALLS[name](draw).tolist() for _ in range(2)] == got


@pytest.mark.parametrize("name", CALLS)
def test_threads_change_nothing(name: str) -> None:
    """One thread and five draw the same bits."""
    large: dict[str, Callable[[Generator], Any]] = {
        "integers": lambda draw: draw.integers(0, 2**40 + 7, (100_001,)),
        "bernoulli": lambda draw: draw.bernoulli(0.3, (100_001,)),
        "choice": lambda draw: draw.choice(1000, (100_001,)),
        "choice without": lambda draw: draw.choice(100_001, (1000,), replace=False),
        "choice weighted": lambda draw: draw.choice(3, (100_001,), p=[1.0, 2.0, 3.0]),
    }
    before = rtch.get_num_threads()
    found = set()
    try:
        for n in (1, 5):
            rtch.set_num_threads(n)
            found.add(large.get(name, CALLS[name])(Generator(9)).tobytes())
    finally:
        rtch.set_num_threads(before)
    assert 1 == len(found)


def test_pinned_values() -> None:
    """The first numbers of each kind. They change only with numerics_version."""
    seed = 20_240_229
    assert PINNED["integers"] == Generator(seed).integers(-1000, 1000, (6,)).tolist()
    assert PINNED["bernoulli"] == Generator(seed).bernoulli(0.3, (12,), dtype="int64").tolist()
    assert PINNED["choice"] == Generator(seed).choice(20, (6,), replace=False).tolist()
    assert PINNED["weighted"] == Generator(seed).choice(5, (8,), p=WEIGHTS).tolist()
    assert PINNED["weighted without"] == Generator(seed).choice(5, (4,), replace=False, p=WEIGHTS).tolist()
    truncated = Generator(seed).truncated_normal((4,), 1.0, 2.0, 0.0, 9.0, dtype="float64")
    assert PINNED["truncated"] == [x.hex() for x in truncated.tolist()]
    assert PINNED["spawn"] == [g.seed for g in Generator(seed).spawn(2)]


PINNED: dict[str, list[Any]] = {
    "integers": [786, -475, 28, 83, 143, 139],
    "bernoulli": [0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0],
    "choice": [8, 7, 1, 14, 6, 18],
    "weighted": [4, 2, 3, 3, 3, 3, 2, 2],
    "weighted without": [3, 2, 4, 0],
    "spawn": [13422627112579907876, 6693043659566329769],
    "truncated": ["0x1.f27df0a4809eep+1", "0x1.e6ac318d496fep-1", "0x1.d9127f80485e2p+0", "0x1.f3baaae4e4985p+0"],
}


# What is refused ----------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[Generator], Any], type[Exception], str]] = {
    "empty range": (lambda g: g.integers(5, 5), ArgumentError, "integers: a range of int64 .* got 5 to 4"),
    "backwards": (lambda g: g.integers(5, 3), ArgumentError, "integers: a range .* got 5 to 2"),
    "too wide": (lambda g: g.integers(0, 300, dtype="uint8"), ArgumentError, "a range of uint8 .* got 0 to 299"),
    "negative": (lambda g: g.integers(-1, 3, dtype="uint64"), ArgumentError, "a range of uint64 .* got -1 to 2"),
    "floats": (lambda g: g.integers(0.5, 3), ArgumentError, r"integers: whole bounds are needed; got 0\.5, 3"),
    "dtype": (lambda g: g.integers(3, dtype="float32"), DTypeError, "an integer dtype is needed; got float32"),
    "shape": (lambda g: g.integers(3, shape=(-1,)), ArgumentError, "integers"),
    "p": (lambda g: g.bernoulli(1.5), ArgumentError, r"bernoulli: probabilities from 0 to 1 are needed; got 1\.5"),
    "p nan": (lambda g: g.bernoulli(float("nan")), ArgumentError, "bernoulli: probabilities from 0 to 1"),
    "p text": (lambda g: g.bernoulli("x"), ArgumentError, "bernoulli: probabilities from 0 to 1"),
    "p tensor": (lambda g: g.bernoulli(rtch.asarray([0.5, -0.1])), ArgumentError, "bernoulli: probabilities"),
    "p shape": (lambda g: g.bernoulli(rtch.asarray([0.5, 0.1]), (3,)), BroadcastError, "broadcast"),
    "nothing": (lambda g: g.choice(0), ArgumentError, "choice: 1 members are needed; got 0"),
    "too many": (lambda g: g.choice(3, (4,), replace=False), ArgumentError, "choice: 4 members are needed; got 3"),
    "weightless": (lambda g: g.choice(2, (2,), p=[0.0, 0.0]), ArgumentError, "choice: 1 members are needed; got 0"),
    "few weights": (
        lambda g: g.choice(5, (5,), replace=False, p=WEIGHTS),
        ArgumentError,
        "choice: 5 members are needed; got 4",
    ),
    "weights": (lambda g: g.choice(3, p=[0.5, 0.5]), ArgumentError, r"choice: 3 weights are needed; got shape \[2\]"),
    "negative weight": (lambda g: g.choice(2, p=[1.5, -0.5]), ArgumentError, "choice: weights must not be negative"),
    "infinite weight": (lambda g: g.choice(2, p=[1.0, float("inf")]), ArgumentError, "have a finite sum"),
    "nan weight": (lambda g: g.choice(2, p=[1.0, float("nan")]), ArgumentError, "choice: weights must not"),
    "population": (lambda g: g.choice(-3), ArgumentError, "choice: a number from 0 up is needed; got -3"),
    "huge population": (lambda g: g.choice(2**41, replace=False), ArgumentError, r"up to 2\*\*40 members .* got 2199"),
    "axis": (lambda g: g.choice(rtch.ones((2, 2)), axis=2), DimensionError, "choice"),
    "bool shape": (lambda g: g.choice(3, (True,)), ArgumentError, "choice: a shape of integers is needed; got"),
    "bool integers": (lambda g: g.integers(3, shape=True), ArgumentError, "integers: a shape of integers .* got True"),
    "bool coins": (lambda g: g.bernoulli(0.5, (True, 2)), ArgumentError, "bernoulli: a shape of integers is needed"),
    "bool uniform": (lambda g: g.uniform((True,)), ArgumentError, r"uniform: a shape of integers .* got \(True,\)"),
    "bool low": (lambda g: g.uniform(3, True, 2), ArgumentError, "uniform: finite bounds, .* got True, 2"),
    "bool high": (lambda g: g.uniform(3, 0, True), ArgumentError, "uniform: finite bounds, .* got 0, True"),
    "bool std": (lambda g: g.normal(3, 0.0, True), ArgumentError, "normal: finite mean and std"),
    "bool p": (lambda g: g.bernoulli(True), ArgumentError, "bernoulli: probabilities from 0 to 1"),
    "no state": (lambda g: g.set_state(None), ArgumentError, "seed and offset make a state; got NoneType"),
    "a number as state": (lambda g: g.set_state(5), ArgumentError, "seed and offset make a state; got int"),
    "a list as state": (lambda g: g.set_state(["seed", "offset"]), ArgumentError, "make a state; got list"),
    "keys of a state": (lambda g: g.set_state({1: 2, "a": 3}), ArgumentError, r"make a state; got \['1', 'a'\]"),
    "spawn": (lambda g: g.spawn(-1), ArgumentError, "spawn: a number from 0 up is needed; got -1"),
    "jump": (lambda g: g.jump(1.5), ArgumentError, "jump: a number from 0 up is needed; got 1.5"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    """Arguments out of range are typed errors, and a call that raises draws nothing."""
    call, error, message = REFUSED[name]
    draw = Generator(4, 3)
    with pytest.raises(error, match=message):
        call(draw)
    assert 3 == draw.state["offset"]


def test_empty_shapes() -> None:
    """Shapes of size 0 are drawn from anything, and draw nothing."""
    draw = Generator(1)
    assert (0, 3) == draw.integers(5, shape=(0, 3)).shape
    assert (0,) == draw.bernoulli(0.5, (0,)).shape
    assert (0,) == draw.choice(0, (0,)).shape
    assert (0, 2) == draw.choice(rtch.ones((0, 2)), (0,)).shape
    assert 0 == draw.state["offset"]


# Permutations -------------------------------------------------------------------------------------------------------


def order(seed: int, offset: int, n: int) -> np.ndarray[Any, Any]:
    """0 to n - 1 by (bits, number), from NumPy's stable sort of the bits that the widest integers are."""
    keys = Generator(seed, offset).integers(0, 2**64 - 1, (n,), dtype="uint64", endpoint=True).numpy()
    return np.argsort(keys, kind="stable")


@pytest.mark.parametrize("n", [0, 1, 2, 3, 47, 255, 256, 257, 2047, 2048, 2049, 4097, 40_000, 300_001])
def test_permutations_are_their_formula(n: int) -> None:
    """Sorted by (bits, number), in one bucket and in many, at any offset."""
    for seed, offset in ((0, 0), (MASK64, MASK64 - n // 2), (77, 2**32 - 5)):
        assert order(seed, offset, n).tolist() == Generator(seed, offset).permutation(n).tolist()


@pytest.mark.parametrize("n", [1, 10, 1000, 5000, 100_003])
def test_the_first_of_a_permutation(n: int) -> None:
    """A choice without replacement is the start of the whole permutation, however few or many it takes."""
    for seed in range(5):
        whole_order = order(seed, 11, n).tolist()
        for k in sorted({0, 1, n // 1000, n // 30, n // 3, n // 2, n - 1, n}):
            assert whole_order[:k] == Generator(seed, 11).choice(n, (k,), replace=False).tolist()


# Seeds whose bounds let through too few keys at first, or more than there is room for.
UNEVEN = [(23 * 1024, 10, 487), (23 * 1024, 10, 1084), (9 * 1024, 1, 5821), (23 * 1024, 10, 3968), (9 * 1024, 1, 21929)]


@pytest.mark.parametrize(("n", "k", "seed"), UNEVEN)
def test_uneven_keys(n: int, k: int, seed: int) -> None:
    """Of keys below 2^54, one in 1024, there are fewer than k, or half as many again as on average."""
    keys = Generator(seed).integers(0, 2**64 - 1, (n,), dtype="uint64", endpoint=True).numpy()
    below = int((keys < 2**54).sum())
    assert below < k or below > n / 1024 * 1.5 + 8
    assert order(seed, 0, n).tolist()[:k] == Generator(seed).choice(n, (k,), replace=False).tolist()


@pytest.mark.parametrize(
    ("seed", "at", "pair"), [(2, 2_245_653, [2_849_664, 1_594_487]), (8, 332_731, [894_641, 611_546])]
)
def test_keys_with_equal_upper_bits(seed: int, at: int, pair: list[int]) -> None:
    """Two of three million whose first 42 bits are equal stand in the order of all their bits, not of their numbers."""
    assert bits(seed, pair[0]) >> 22 == bits(seed, pair[1]) >> 22
    assert bits(seed, pair[0]) < bits(seed, pair[1])
    got = Generator(seed).permutation(3_000_000)
    assert pair == got[at : at + 2].tolist()


def test_permutations_of_any_number_of_threads() -> None:
    """Threads share the drawing, the dealing and the sorting, and change nothing."""
    before = rtch.get_num_threads()
    found = set()
    try:
        for n in (1, 2, 5):
            rtch.set_num_threads(n)
            found.add(Generator(3).permutation(400_000).tobytes())
    finally:
        rtch.set_num_threads(before)
    assert 1 == len(found)
