# SPDX-License-Identifier: MIT
"""Torn, damaged and hostile files: a warning or a typed error with file and line, never anything else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtch.errors import (
    AmbiguousRunError,
    ArgumentError,
    ExperimentError,
    RunNotFoundError,
    SchemaError,
    StoreIOError,
)
from rtch.store import Store, files, jsonl, registry
from rtch.store.locks import FileLock
from rtch.store.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run with three points and one artifact."""
    with Store(tmp_path).start_run("r", tags=["t"]) as run:
        for value in (1.0, 2.0, 3.0):
            run.log({"loss": value})
        run.save_artifact("a.txt", "a")
    return run


def append(path: Path, data: bytes) -> None:
    """Append bytes to a file."""
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    "tail", [b'{"step":4,"ti', b"\x00" * 512, b'{"step":4,"time":1.0,"values":{"loss":4}}', b"\xff"]
)
def test_a_torn_tail_is_left_out_with_a_warning(run: Run, tail: bytes) -> None:
    """Whatever follows the last newline doesn't count, and the reader says so once."""
    append(run.path / "metrics.jsonl", tail)
    view = Store(run.path.parent).run(run.id)
    assert [1.0, 2.0, 3.0] == view.metric("loss").values
    assert 3 == view.summary().metrics["loss"].count
    expected = f"{run.path / 'metrics.jsonl'}: line 5: torn last line of {len(tail)} bytes ignored"
    assert [expected] == view.warnings


def test_a_torn_tail_is_cut_by_the_owner_and_no_one_else(run: Run) -> None:
    """Reading changes no byte; resuming cuts the fragment."""
    path = run.path / "metrics.jsonl"
    whole = path.read_bytes()
    append(path, b'{"step":4')
    store = Store(run.path.parent)
    store.run(run.id).metric("loss")
    assert whole + b'{"step":4' == path.read_bytes()
    with store.resume_run(run.id) as again:
        again.log({"loss": 4.0})
    assert path.read_bytes().startswith(whole + b'{"resumed_from_step":3}\n{"step":4,')
    assert [1.0, 2.0, 3.0, 4.0] == store.run(run.id).metric("loss").values


def test_a_run_killed_before_its_header_was_written(run: Run) -> None:
    """An empty or torn header is no metrics; the owner writes it again."""
    for data in (b"", b'{"schema":"rt'):
        (run.path / "metrics.jsonl").write_bytes(data)
        store = Store(run.path.parent)
        assert [] == store.run(run.id).metrics
        with store.resume_run(run.id) as again:
            again.log({"loss": 9.0})
        assert [9.0] == store.run(run.id).metric("loss").values


DAMAGE = {
    "cut line": b'{"step":2,"ti\n',
    "two records on a line": b'{"step":2,"time":1,"values":{}}{"step":2,"time":1,"values":{}}\n',
    "NUL bytes": b"\x00" * 64 + b"\n",
    "invalid UTF-8": b'{"step":2,"time":1.0,"values":{"l\xffss":1}}\n',
    "empty line": b"\n",
    "no step": b'{"time":1.0,"values":{"loss":1}}\n',
    "negative step": b'{"step":-5,"time":1.0,"values":{"loss":1}}\n',
    "step of the wrong type": b'{"step":"2","time":1.0,"values":{"loss":1}}\n',
    "bare NaN": b'{"step":2,"time":1.0,"values":{"loss":NaN}}\n',
    "null": b'{"step":2,"time":1.0,"values":{"loss":null}}\n',
    "other text": b'{"step":2,"time":1.0,"values":{"loss":"many"}}\n',
    "an array": b"[1,2]\n",
    "deep nesting": b'{"step":2,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "huge number": b'{"step":2,"time":1.0,"values":{"loss":' + b"9" * 10_000 + b"}}\n",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_names_file_and_line(run: Run, damage: bytes) -> None:
    """A bad line before the end is a SchemaError, for metrics, summary and points alike."""
    path = run.path / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
    view = Store(run.path.parent).run(run.id)
    for read in (lambda: view.metric("loss"), view.summary, lambda: list(view.points())):
        with pytest.raises(SchemaError, match=r"metrics\.jsonl: line 3: ") as caught:
            read()
        assert (str(path), 3) == (caught.value.path, caught.value.line)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b'{"schema":"rtch.metrics","version":2}\n', "newer rtch"),
        (b'{"schema":"rtch.artifacts","version":1}\n', "schema must be"),
        (b'{"step":1,"time":1.0,"values":{"loss":1}}\n', "schema"),
        (b"\n", "line 1"),
    ],
)
def test_the_header_is_checked(run: Run, header: bytes, message: str) -> None:
    """A newer version, another schema and a missing header are refused."""
    path = run.path / "metrics.jsonl"
    path.write_bytes(header + path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(SchemaError, match=message):
        Store(run.path.parent).run(run.id).metric("loss")


def test_fields_of_later_minor_changes_are_ignored(run: Run) -> None:
    """A record with a field that this version doesn't know reads as if it were not there."""
    append(run.path / "metrics.jsonl", b'{"step":4,"time":1.0,"rank":0,"values":{"loss":4}}\n')
    assert 4 == Store(run.path.parent).run(run.id).metric("loss").values[-1]


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_a_line_of_100_megabytes(run: Run, newline: bytes) -> None:
    """At the end it is torn, elsewhere damage; memory stays within the limits of a line."""
    path = run.path / "metrics.jsonl"
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.truncate(file.tell() + 100_000_000)
    append(path, newline)
    script = """
import resource, sys
from rtch.errors import SchemaError
from rtch.store import Store
view = Store(sys.argv[1]).run("latest")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(len(view.metric("loss")), *view.warnings)
except SchemaError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, "MiB")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(run.path.parent)], capture_output=True, text=True, check=True
    )
    answer, memory = done.stdout.splitlines()
    expected = (
        f"{path}: line 5: a line has at most {jsonl.MAX_LINE} bytes; got more"
        if newline
        else f"3 {path}: line 5: torn last line of 100000000 bytes ignored"
    )
    assert expected == answer
    assert int(memory.split()[0]) < 50


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_bytes_reads_or_is_a_typed_error(run: Run, data: st.DataObject) -> None:
    """Whatever stands in the files, readers give an answer or an ExperimentError."""
    store = Store(run.path.parent)
    names = ["metrics.jsonl", "artifacts.jsonl", "run.json", "summary.json", "../registry.jsonl"]
    path = run.path / data.draw(st.sampled_from(names))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:])
    try:
        store.runs()
        view = store.run(run.id)
        for read in (lambda: view.metrics, view.summary, lambda: view.artifacts, lambda: view.checkpoints):
            read()
    except ExperimentError:
        pass
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../b"])
def test_a_ledger_that_leads_out_of_the_run_is_damage(run: Run, path: str) -> None:
    """Nothing outside the run's folder is ever reached through the ledger."""
    append(run.path / "artifacts.jsonl", b'{"kind":"checkpoint","path":"%s"}\n' % path.encode())
    with pytest.raises(SchemaError, match=r"artifacts\.jsonl: line 3: .* inside"):
        _ = Store(run.path.parent).run(run.id).artifacts


def test_a_stale_or_damaged_summary_is_made_again(run: Run) -> None:
    """summary.json is believed only while it fits the files; reading doesn't replace it."""
    store = Store(run.path.parent)
    append(run.path / "metrics.jsonl", b'{"step":4,"time":1.0,"values":{"loss":10}}\n')
    assert 4 == store.run(run.id).summary().metrics["loss"].count
    (run.path / "summary.json").write_bytes(b"{")
    assert 4 == store.run(run.id).summary().metrics["loss"].count
    assert b"{" == (run.path / "summary.json").read_bytes()
    (run.path / "summary.json").unlink()
    assert 10 == store.run(run.id).summary().metrics["loss"].last


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b'{"id":1}'])
def test_listing_works_around_a_run_without_a_readable_run_json(run: Run, content: bytes | None) -> None:
    """The run is left out with a warning that names the file; opening it is a typed error."""
    store = Store(run.path.parent)
    with store.start_run("other"):
        pass
    (store.path / "registry.jsonl").unlink()
    if content is None:
        (run.path / "run.json").unlink()
    else:
        (run.path / "run.json").write_bytes(content)
    assert ["other"] == [record.name for record in store.runs()]
    assert 1 == len(store.warnings)
    assert run.id in store.warnings[0]
    with pytest.raises((SchemaError, RunNotFoundError), match=run.id):
        store.run(run.id)


def test_the_registry_is_an_index_only(run: Run) -> None:
    """Without it, with rubbish in it, or of a newer version, the listing is the same."""
    store = Store(run.path.parent)
    path = store.path / "registry.jsonl"
    expected = store.runs()
    whole = path.read_bytes()
    path.unlink()
    assert [record[:5] for record in expected] == [record[:5] for record in store.runs()]
    for damaged in (
        whole + b'{"torn',
        whole.replace(b"\n", b"\n\x00\xff\n", 1),
        b"rubbish" + whole,
        b'{"schema":"rtch.registry","version":9}\n{"new":1}\n',
        b"\x00" * 100,
    ):
        path.write_bytes(damaged)
        assert [(run.id, "r", "completed", ("t",))] == [record[:4] for record in store.runs()]
        assert store.warnings
        assert "registry.jsonl" in store.warnings[0]


def test_appending_to_a_torn_registry_begins_a_new_line(run: Run) -> None:
    """The fragment stays, the new record is whole."""
    store = Store(run.path.parent)
    path = store.path / "registry.jsonl"
    append(path, b'{"time":"20')
    whole = path.read_bytes()
    with store.start_run("next"):
        pass
    assert path.read_bytes().startswith(whole + b"\n{")
    assert ["next", "r"] == [record.name for record in store.runs()]
    assert ["line 4" in warning for warning in store.warnings] == [True]


def test_a_run_killed_before_its_end_reached_the_registry(run: Run) -> None:
    """run.json wins over a registry that still calls the run running."""
    path = run.path.parent / "registry.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert ["completed"] == [record.status for record in Store(run.path.parent).runs()]


def test_replacing_a_file_is_all_or_nothing(tmp_path: Path) -> None:
    """An exception while writing leaves the old bytes and nothing beside them."""
    path = tmp_path / "file"
    files.replace_file(path, b"old")
    with pytest.raises(ZeroDivisionError), files.atomic_file(path) as file:
        file.write(b"ne")
        raise ZeroDivisionError
    assert b"old" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())
    files.replace_file(path, b"new")
    assert b"new" == path.read_bytes()


def test_a_loop_of_links_is_a_store_error(tmp_path: Path) -> None:
    """So is a NUL character, which no path has."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for path in (tmp_path / "a", tmp_path / "x\0", Path("/")):
        with pytest.raises(StoreIOError, match=r"^write: "):
            files.replace_file(path, b"new")


def test_a_full_disk_cuts_what_it_did_not_take(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short write is an error, and the file ends with a whole line."""
    store = Store(run.path.parent)
    write = os.write
    with store.resume_run(run.id) as again:
        whole = (run.path / "metrics.jsonl").read_bytes()
        monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
        with pytest.raises(StoreIOError, match="is the disk full"):
            again.log({"loss": 5.0})
        monkeypatch.undo()
        assert whole == (run.path / "metrics.jsonl").read_bytes()
        again.log({"loss": 4.0})
    assert [1.0, 2.0, 3.0, 4.0] == store.run(run.id).metric("loss").values


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_can_not_be_made_is_a_store_error(tmp_path: Path, place: str) -> None:
    """Starting a run where a file stands says so."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreIOError, match="start_run"):
        Store(tmp_path / place).start_run("x")
    with pytest.raises(ExperimentError):
        Store(tmp_path / place).run("latest")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses to be written")
def test_a_read_only_folder_is_a_store_error() -> None:
    """/proc takes no folders, not even from root."""
    with pytest.raises(StoreIOError, match="start_run"):
        Store("/proc/self").start_run("x")


def test_prefixes_latest_and_what_is_not_there(tmp_path: Path) -> None:
    """RUN is an id, a prefix in any case, or latest; an ambiguous one lists its matches."""
    store = Store(tmp_path)
    with pytest.raises(RunNotFoundError, match="no runs"):
        store.run("latest")
    ids = []
    for name in "ab":
        with store.start_run(name) as run:
            ids.append(run.id)
    assert [ids[1]] * 3 == [store.resolve(text) for text in ("latest", ids[1], ids[1].lower())]
    assert ids[0] == store.resolve(ids[0][:25])
    with pytest.raises(AmbiguousRunError, match="2 runs begin with") as caught:
        store.run(ids[0][:6])
    assert ids == caught.value.matches
    for missing in ("ZZ", "", "..", "/etc", "registry.jsonl"):
        with pytest.raises(RunNotFoundError):
            store.run(missing)


def test_runs_are_filtered(tmp_path: Path) -> None:
    """By all of several tags, by status, by name with wildcards; newest first."""
    store = Store(tmp_path)
    for name, tags in (("one", ["a"]), ("two", ["a", "b"]), ("three", [])):
        with store.start_run(name, tags=tags):
            pass
    crashed = store.start_run("four", tags=["a"])
    crashed.abandon()

    def names(**filters: object) -> list[str]:
        return [record.name for record in store.runs(**filters)]  # type: ignore[arg-type]

    assert ["four", "three", "two", "one"] == names()
    assert ["four", "two", "one"] == names(tag="a")
    assert ["two"] == names(tag=["a", "b"])
    assert ["three", "two", "one"] == names(status="completed")
    assert ["four"] == names(status="crashed")
    assert ["three", "two"] == names(name="t*")
    with pytest.raises(ArgumentError, match="status"):
        names(status="done")


def test_an_unknown_metric_lists_the_known_ones(run: Run) -> None:
    """The message helps with a typo."""
    with pytest.raises(ArgumentError, match="has loss; got 'los'"):
        Store(run.path.parent).run("latest").metric("los")


def test_registry_warnings_are_bounded(run: Run) -> None:
    """A registry full of rubbish doesn't fill the screen."""
    append(run.path.parent / "registry.jsonl", b"rubbish\n" * 1000)
    _, warnings = registry.read(run.path.parent)
    assert 21 == len(warnings)
    assert warnings[-1].endswith("980 more unreadable fragments ignored")


def test_half_a_line_of_a_live_writer_is_no_warning(tmp_path: Path) -> None:
    """A reader that catches a running run in the middle of a write has nothing to report."""
    store = Store(tmp_path)
    with store.start_run("live") as run:
        run.log({"loss": 1.0})
        append(run.path / "metrics.jsonl", b'{"step":2')
        view = store.run(run.id)
        assert ([1.0], []) == (view.metric("loss").values, view.warnings)
        append(run.path / "metrics.jsonl", b',"time":1.0,"values":{"loss":2.0}}\n')
        assert [1.0, 2.0] == view.metric("loss").values


def test_the_registry_is_appended_to_under_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds it a writer waits, and gives up with an error that names the lock."""
    monkeypatch.setattr(registry, "LOCK_SECONDS", 0.05)
    store = Store(tmp_path)
    with store.start_run("first"):
        pass
    lock = FileLock(tmp_path / "registry.lock")
    assert lock.acquire(0)
    with pytest.raises(StoreIOError, match=r"registry\.lock"):
        store.start_run("second")
    lock.release()
    assert {"second": "crashed", "first": "completed"} == {record.name: record.status for record in store.runs()}
    with store.start_run("third"):
        pass
