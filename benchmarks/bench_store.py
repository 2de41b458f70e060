# SPDX-License-Identifier: MIT
"""`run.log` beside the least that can be done: encode the same record and hand it to ``os.write``.

Run with ``python -m pytest benchmarks/bench_store.py``; the floor with orjson needs orjson installed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rtch.store import Store

ONE = {"loss": 0.123456789}
TEN = {f"metric/{index}": 0.123456789 * index for index in range(10)}
CALLS = 1000


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path / "floor.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    yield handle
    os.close(handle)


def encoders() -> Iterator[tuple[str, Callable[[object], bytes]]]:
    yield "msgspec", msgspec.json.Encoder().encode
    try:
        import orjson
    except ImportError:
        return
    yield "orjson", lambda record: orjson.dumps(record)


@pytest.mark.parametrize("values", [ONE, TEN], ids=["one", "ten"])
def test_log(benchmark: BenchmarkFixture, tmp_path: Path, values: dict[str, float]) -> None:
    benchmark.group = f"log {len(values)}, {CALLS} calls"
    with Store(tmp_path).start_run("bench") as run:
        log = run.log

        def calls() -> None:
            for _ in range(CALLS):
                log(values)

        benchmark(calls)


@pytest.mark.parametrize("encode", [pytest.param(encode, id=name) for name, encode in encoders()])
@pytest.mark.parametrize("values", [ONE, TEN], ids=["one", "ten"])
def test_floor(
    benchmark: BenchmarkFixture, floor: int, values: dict[str, float], encode: Callable[[object], bytes]
) -> None:
    benchmark.group = f"log {len(values)}, {CALLS} calls"

    def calls() -> None:
        for step in range(CALLS):
            os.write(floor, encode({"step": step, "time": time.time(), "values": values}) + b"\n")

    benchmark(calls)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with one run of 200,000 points of one metric."""
    store = Store(tmp_path_factory.mktemp("long"))
    with store.start_run("long") as run:
        for step in range(200_000):
            run.log({"loss": 1 / (step + 1)})
    return store


def test_read_metric(benchmark: BenchmarkFixture, long_run: Store) -> None:
    assert len(benchmark(lambda: long_run.run("latest").metric("loss"))) == 200_000


def test_summary_from_scratch(benchmark: BenchmarkFixture, long_run: Store) -> None:
    view = long_run.run("latest")
    (view.path / "summary.json").unlink(missing_ok=True)
    assert benchmark(view.summary).metrics["loss"].count == 200_000


def test_list_1000_runs(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.start_run("one", tags=["t"]) as run:
        run.log({"loss": 1.0})
    lines = (tmp_path / "registry.jsonl").read_text().splitlines()
    info = (run.path / "run.json").read_text()
    for index in range(999):
        other = f"{run.id[:-4]}{index:04d}"
        (tmp_path / other).mkdir(exist_ok=True)
        (tmp_path / other / "run.json").write_text(info.replace(run.id, other))
        lines += [line.replace(run.id, other) for line in lines[1:3]]
    (tmp_path / "registry.jsonl").write_text("\n".join(lines) + "\n")
    assert 1000 == len(benchmark(store.runs))
