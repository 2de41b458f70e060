# SPDX-License-Identifier: MIT
"""rtch bench tune: what it concludes, the file that it writes, and what the library makes of such a file."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import rtch
from rtch import tuning
from rtch._c import lib, selftest, tuned
from rtch.cli import main
from rtch.errors import ArgumentError, StoreIOError
from rtch.tuning import Finding, Timing

FOUND = [
    Finding(name, 2**k, 2**12, (Timing(2**12, 100, 50),)) for name, k in (("cheap", 14), ("costly", 11), ("batch", 20))
]


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Grains, threads and what is known of the file are as before."""
    monkeypatch.setattr(tuned, "state", tuned.state)
    grains, n_threads = tuned.grains(), rtch.get_num_threads()
    yield
    rtch.set_num_threads(n_threads)
    for name, grain in grains.items():
        assert lib.rt_set_grain(tuned.FAMILIES[name], grain) == lib.RT_OK


def timings(*pairs: tuple[int, int]) -> tuple[Timing, ...]:
    return tuple(Timing(2 ** (12 + i), *pair) for i, pair in enumerate(pairs))


@pytest.mark.parametrize(
    ("measured", "first"),
    [
        (timings((10, 20), (20, 20), (40, 25), (80, 41)), 14),
        (timings((10, 5), (20, 10)), 12),
        (timings((10, 20), (20, 30)), 14),
        (timings((10, 20), (20, 19), (40, 80), (80, 41)), 15),  # one size that pays by chance
        (timings((10, 9), (20, 11), (40, 21), (80, 90)), 12),  # one that does not
        (timings((10, 10), (20, 10)), 13),
    ],
)
def test_the_grain_is_where_sharing_begins_to_pay(measured: tuple[Timing, ...], first: int) -> None:
    """A kernel's call is shared from two grains on, a batch from one."""
    assert tuning.grain_of("batch", measured) == 2**first
    assert tuning.grain_of("cheap", measured) == max(2 ** (first - 1), tuned.LEAST)


@pytest.mark.parametrize("grain", [2**11, 2**13, 2**40])
@pytest.mark.parametrize("n_threads", [1, 8])
def test_no_bit_depends_on_grains(grain: int, n_threads: int) -> None:
    """Every kernel gives the recorded digest, and a backward pass the same gradient."""

    def gradient() -> bytes:
        x = rtch.random.Generator(1).normal((300, 70)).requires_grad_()
        parts = [rtch.tanh(x * float(i)) for i in range(6)]
        return rtch.autograd.grad((rtch.concat(parts).sum(axis=0) * x.mean(axis=0)).sum(), x)[0].tobytes()

    expected = gradient()
    rtch.set_num_threads(n_threads)
    for number in tuned.FAMILIES.values():
        assert lib.rt_set_grain(number, grain) == lib.RT_OK
    assert [part.name for part in selftest.run() if part.found != part.expected] == []
    assert gradient() == expected


@pytest.mark.parametrize("grain", [0, -4096, 1024, 4097, 2**41, 2**12 - 1])
def test_grains_that_kernels_can_t_use_are_refused(grain: int) -> None:
    """And so are families that there are not."""
    assert lib.rt_set_grain(tuned.FAMILIES["cheap"], grain) == lib.RT_ERR_ARGUMENT
    assert lib.rt_set_grain(3, 4096) == lib.rt_set_grain(-1, 4096) == lib.RT_ERR_ARGUMENT


def test_measuring_leaves_all_as_it_was() -> None:
    """Three families, each at all sizes; grains and threads are those from before."""
    rtch.set_num_threads(3)
    before = tuned.grains()
    found = tuning.tune(0.1)
    assert [finding.family for finding in found] == list(tuned.FAMILIES)
    for finding in found:
        assert finding.before == before[finding.family]
        assert [timing.size for timing in finding.timings] == tuning.SIZES
        assert all(timing.alone_ns > 0 and timing.shared_ns > 0 for timing in finding.timings)
        assert tuned.LEAST <= finding.grain <= 2 * tuning.SIZES[-1]
        assert finding.grain & (finding.grain - 1) == 0
    assert (tuned.grains(), rtch.get_num_threads()) == (before, 3)


def test_measuring_refuses() -> None:
    """A time out of range, and a process with one thread."""
    for seconds in (0, -1, 51, True, "1", float("nan")):
        with pytest.raises(ArgumentError, match="tune: seconds are above 0 and at most 50"):
            tuning.tune(seconds)  # type: ignore[arg-type]
    rtch.set_num_threads(1)
    with pytest.raises(ArgumentError, match="with one thread there is nothing to share"):
        tuning.tune(1)


def started(path: str) -> Any:
    """What a new process knows: grains, the state of the file, and what it logged."""
    program = (
        "import json, logging; logging.basicConfig(format='%(name)s %(levelname)s %(message)s')\n"
        "from rtch._c import tuned; print(json.dumps([tuned.grains(), *tuned.state]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RTCH_TUNE": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return (*json.loads(done.stdout), done.stderr)


def test_what_is_written_is_used_at_the_next_start(tmp_path: Path) -> None:
    """By default nothing is read and nothing said; RTCH_TUNE="" names no file."""
    path = tuning.save(FOUND, tmp_path / "new" / "folder" / "tune.toml")
    grains, where, used, problem, log = started(str(path))
    assert grains == {"cheap": 2**14, "costly": 2**11, "batch": 2**20}
    assert (where, used, problem, log) == (str(path), True, "", "")
    assert started("") == (tuned.DEFAULTS, None, False, "", "")


def test_a_file_that_is_not_there_is_warned_of_if_it_was_asked_for(tmp_path: Path) -> None:
    """The library starts with what is built in."""
    path = str(tmp_path / "none.toml")
    grains, where, used, problem, log = started(path)
    assert (grains, where, used) == (tuned.DEFAULTS, path, False)
    assert problem == "No such file or directory"
    assert log == f"rtch.tuned WARNING {path} is not used: {problem}; `rtch bench tune` writes it anew\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace("version = 1", "version = 2"), "version must be 1; got 2"),
        (lambda text: text.replace("version = 1", ""), "version must be 1; got None"),
        (lambda text: text.replace("16384", "16385"), "grains.cheap must be a power of two"),
        (lambda text: text.replace("16384", "1024"), "grains.cheap must be a power of two"),
        (lambda text: text.replace("16384", "true"), "grains.cheap must be a power of two"),
        (lambda text: text.replace("16384", '"16384"'), "grains.cheap must be a power of two"),
        (lambda text: text.replace("cheap", "other"), "grains must be a table of cheap, costly, batch"),
        (lambda text: text.replace("[grains]", "[grain]"), "grains must be a table"),
        (lambda text: text.replace("threads = ", "threads = 1"), "it was measured with other threads"),
        (lambda text: text.replace('isa = "', 'isa = "x'), "it was measured with other isa"),
        (lambda text: text[: text.index("isa") + 7], "Unterminated string"),
        (lambda text: text + "\0", "Invalid statement"),
        (lambda text: "", "version must be 1"),
        (lambda text: "é" * 10, "Invalid"),
    ],
)
def test_a_damaged_file_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, change: Any, problem: str
) -> None:
    """One line in the log says what is wrong with it; so does `rtch doctor`."""
    path = tuning.save(FOUND, tmp_path / "tune.toml")
    path.write_bytes(change(path.read_text()).encode("latin-1"))
    monkeypatch.setenv("RTCH_TUNE", str(path))
    before = tuned.grains()
    with caplog.at_level(logging.WARNING, "rtch"):
        tuned.start()
    assert tuned.grains() == before
    assert (tuned.state.path, tuned.state.used) == (str(path), False)
    assert len(caplog.records) == 1
    assert f"{path} is not used: " in caplog.text
    if problem != "Invalid":
        assert problem in tuned.state.problem
    shown = CliRunner().invoke(main, ["doctor"]).output
    assert f"built in; {path} is not used: {tuned.state.problem}" in shown


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """RTCH_TUNE, $XDG_CONFIG_HOME where it is absolute, ~/.config."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RTCH_TUNE", "x.toml")
    assert tuned.path() == "x.toml"
    monkeypatch.delenv("RTCH_TUNE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert tuned.path() == str(tmp_path / "config" / "rtch" / "tune.toml")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        assert tuned.path() == str(tmp_path / ".config" / "rtch" / "tune.toml")


def test_saving_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no file to write, or it can't be written."""
    monkeypatch.setenv("RTCH_TUNE", "")
    with pytest.raises(ArgumentError, match="RTCH_TUNE is empty"):
        tuning.save(FOUND)
    (tmp_path / "file").touch()
    with pytest.raises(StoreIOError):
        tuning.save(FOUND, tmp_path / "file" / "tune.toml")


def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A table or JSON; the file, or with --dry-run none; doctor shows what is in use."""
    path = tmp_path / "tune.toml"
    monkeypatch.setenv("RTCH_TUNE", str(path))
    asked = []
    monkeypatch.setattr(tuning, "tune", lambda seconds: asked.append(seconds) or FOUND)
    dry = CliRunner().invoke(main, ["bench", "tune", "--dry-run", "--seconds", "3"])
    assert (dry.exit_code, dry.stderr, path.exists()) == (0, "nothing was written\n", False)
    assert [line.split()[:4] for line in dry.stdout.splitlines()[:2]] == [
        ["FAMILY", "GRAIN", "NOW", "x4k"],
        ["cheap", "16384", "4096", "2.00"],
    ]
    done = CliRunner().invoke(main, ["bench", "tune"])
    assert done.stderr == f"written to {path}; rtch uses it from its next start on\n"
    assert asked == [3, 10]
    as_json = json.loads(CliRunner().invoke(main, ["bench", "tune", "--json"]).stdout)
    assert as_json == {"findings": json.loads(json.dumps([dataclasses.asdict(f) for f in FOUND])), "path": str(path)}
    tuned.start()
    assert (
        f"grains           cheap 16384, costly 2048, batch 1048576, from {path}"
        in CliRunner().invoke(main, ["doctor"]).output
    )
    facts = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)["tuned"]
    assert facts == {
        "path": str(path),
        "used": True,
        "problem": "",
        "grains": {"cheap": 16384, "costly": 2048, "batch": 2**20},
    }
    for wrong in ("0", "51", "x"):
        assert CliRunner().invoke(main, ["bench", "tune", "--seconds", wrong]).exit_code == 2
    assert "tune" in CliRunner().invoke(main, ["bench", "-h"]).output
