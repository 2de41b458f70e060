# SPDX-License-Identifier: MIT
"""Rollups against plain definitions."""

from __future__ import annotations

import math
import random
import statistics
from bisect import bisect_left, bisect_right
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtch.store import MetricSummary, Store, summary
from rtch.store.rollup import BLOCK, Rollup
from rtch.store.values import number


def roll(values: list[float | int]) -> MetricSummary:
    """Return the rollup of values at steps 1, 2 and so on."""
    rollup = Rollup()
    rollup.add(range(1, len(values) + 1), values)
    return rollup.summary()


@settings(deadline=None)
@given(st.lists(st.floats(-1e100, 1e100) | st.integers(-(2**63), 2**64 - 1), min_size=1, max_size=200))
def test_figures_of_finite_values(values: list[float | int]) -> None:
    """Extremes are exact with their first step, mean and deviation within a few roundings of exact fractions."""
    made = roll(values)
    assert (len(values), 0) == (made.count, made.nan_count)
    assert (min(values), values.index(min(values)) + 1) == (made.min, made.min_step)
    assert (max(values), values.index(max(values)) + 1) == (made.max, made.max_step)
    assert (values[0], values[-1], len(values)) == (made.first, made.last, made.last_step)
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    largest = float(max(map(abs, exact)))
    assert math.isclose(float(mean), number(made.mean or 0), rel_tol=1e-15, abs_tol=largest * 1e-15)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    assert math.isclose(math.sqrt(variance), number(made.std or 0), rel_tol=1e-12, abs_tol=largest * 1e-15)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=50))
def test_quantiles_of_few_values_follow_the_documented_rule(values: list[float]) -> None:
    """At position q * (n - 1) of the sorted values, linear between neighbours."""
    made = roll(list(values))
    ordered = sorted(values)
    for quantile, found in ((0.5, made.p50), (0.95, made.p95), (0.99, made.p99)):
        assert found is not None
        position = Fraction(quantile * (len(values) - 1))
        low, high = ordered[math.floor(position)], ordered[math.ceil(position)]
        if math.isinf(low) or math.isinf(high):
            expected = low if low == high or position == math.floor(position) else low + high
        else:
            exact = Fraction(low) + (Fraction(high) - Fraction(low)) * (position - math.floor(position))
            expected = float(exact)
        close = math.isclose(expected, number(found), rel_tol=1e-15, abs_tol=max(abs(low), abs(high)) * 1e-15)
        assert close or (math.isnan(expected) and found == "NaN") or expected == number(found)


def test_quantiles_are_numpys() -> None:
    """The rule for few values is NumPy's default."""
    numpy = pytest.importorskip("numpy")
    values = [random.Random(1).gauss(0, 1) for _ in range(1001)]
    made = roll(list(values))
    expected = numpy.quantile(values, [0.5, 0.95, 0.99])
    assert numpy.allclose(expected, [made.p50, made.p95, made.p99], rtol=1e-14, atol=0)


def test_deviation_with_a_large_offset() -> None:
    """Values around 1e15 with deviations of 1 keep all digits, within a block and over several."""
    values = [1e15 + (index % 2) for index in range(3 * BLOCK + 10)]
    assert 0.5 == roll(list(values[:1000])).std
    assert 0.5 == pytest.approx(roll(list(values)).std, rel=1e-12)
    assert 1e15 + 0.5 == roll(list(values)).mean


@pytest.mark.parametrize("size", [BLOCK + 1, 3 * BLOCK + 12_345])
def test_quantiles_of_many_values_have_a_rank_error_under_half_a_percent(size: int) -> None:
    """The digest's answer lies within 0.5 % of the rank asked for."""
    source = random.Random(size)
    values: list[float | int] = [source.lognormvariate(0, 3) for _ in range(size)]
    made = roll(values)
    ordered = sorted(values)
    for rank, found in ((0.5, made.p50), (0.95, made.p95), (0.99, made.p99)):
        assert isinstance(found, float)
        assert bisect_left(ordered, found) / size - 0.005 < rank < bisect_right(ordered, found) / size + 0.005
    assert made.mean == pytest.approx(math.fsum(values) / size, rel=1e-14)
    assert made.std == pytest.approx(statistics.pstdev(values), rel=1e-12)


def test_up_to_a_block_quantiles_are_exact() -> None:
    """65,536 values are still exact."""
    values: list[float | int] = list(range(BLOCK))
    random.Random(0).shuffle(values)
    assert (BLOCK - 1) / 2 == roll(values).p50


def test_a_rollup_in_pieces_equals_one_made_at_once() -> None:
    """Where the values are cut changes no bit."""
    source = random.Random(5)
    values: list[float | int] = [source.gauss(100, 1) for _ in range(2 * BLOCK + 777)]
    values[70_000] = math.nan
    pieces = Rollup()
    start = 0
    while start < len(values):
        end = start + source.randrange(1, 30_000)
        pieces.add(range(start + 1, min(end, len(values)) + 1), values[start:end])
        pieces.summary()
        start = end
    assert roll(values) == pieces.summary()


def test_nan_and_infinities() -> None:
    """NaN counts by itself; infinities are extremes and ends of the order."""
    made = roll([1.0, math.nan, math.inf, 3.0, math.nan])
    assert (5, 2) == (made.count, made.nan_count)
    assert (1.0, 1, "Infinity", 3) == (made.min, made.min_step, made.max, made.max_step)
    assert ("Infinity", "NaN", 3.0) == (made.mean, made.std, made.p50)
    assert (1.0, "NaN", 5) == (made.first, made.last, made.last_step)
    both = roll([math.inf, -math.inf, 0])
    assert ("NaN", "-Infinity", "Infinity", 0) == (both.mean, both.min, both.max, both.p50)
    nothing = roll([math.nan])
    assert (None,) * 9 == tuple(
        getattr(nothing, name) for name in ("min", "min_step", "max", "max_step", "mean", "std", "p50", "p95", "p99")
    )


def test_infinities_among_many_values() -> None:
    """They keep their ranks when the quantiles come from the digest."""
    values: list[float | int] = [float(index) for index in range(BLOCK + 1)]
    made = roll([math.inf] * BLOCK * 2 + values + [-math.inf])
    assert ("Infinity", "Infinity") == (made.p50, made.p99)
    made = roll([-math.inf] * BLOCK * 2 + values)
    assert "-Infinity" == made.p50
    assert isinstance(made.p95, float)


def test_huge_values_do_not_overflow_the_mean() -> None:
    """The sum of the largest floats is beyond a float, their mean isn't."""
    largest = 1.7976931348623157e308
    assert largest == roll([largest] * 3).mean
    mixed = roll([largest, largest, -largest])
    assert largest / 3 == pytest.approx(mixed.mean, rel=1e-15)
    assert "Infinity" == mixed.std


def test_equal_files_give_equal_bytes(tmp_path: Path) -> None:
    """A summary is a function of the run's files."""
    store = Store(tmp_path)
    source = random.Random(3)
    with store.start_run("x") as run:
        for _ in range(BLOCK + 100):
            run.log({"a": source.random(), "b": 1})
    written = (run.path / "summary.json").read_bytes()
    assert written == summary.encode(summary.compute(run.path, run.id)[0])
    assert written == summary.encode(store.run(run.id).summary())
