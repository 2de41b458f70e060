# SPDX-License-Identifier: MIT
"""Store: a folder of runs. Any number of processes may write different runs and read all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from rtch.errors import (
    AmbiguousRunError,
    ArgumentError,
    RunLockedError,
    RunNotFoundError,
    SchemaError,
)
from rtch.store import environment as environments
from rtch.store import info, registry
from rtch.store.files import store_io, sync_folder
from rtch.store.ids import is_id, new_id
from rtch.store.locks import FileLock
from rtch.store.records import RUNNING, STATUSES, RegistryLine, RunInfo, utc_now, writer_name
from rtch.store.run import Run
from rtch.store.values import check_name, config_sha256, plain_json
from rtch.store.view import RunView, live_status

LATEST = "latest"
RESUME_SECONDS = 1.0
_SHOWN_MATCHES = 5


class RunRecord(NamedTuple):
    """What a listing tells about a run; ``seconds`` is None until it has finished."""

    id: str
    name: str
    status: str
    tags: tuple[str, ...]
    created: str
    finished: str | None
    seconds: float | None


class Store:
    """The runs under ``path``. Nothing is made on disk before the first run starts.

    ``warnings`` holds what the last call of ``runs`` worked around, such as an unreadable line of the
    registry.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.warnings: list[str] = []

    def start_run(
        self,
        name: str,
        tags: Iterable[str] = (),
        config: Mapping[str, Any] | None = None,
        seed: int | None = None,
        entry: str | None = None,
        data: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] | None = None,
    ) -> Run:
        """Start a run and return it; use it as a context manager.

        ``config`` is stored fully resolved with its SHA-256, ``data`` is the data's fingerprint, ``entry``
        ``"module:function"`` for replay, ``environment`` is merged over what is captured (python, platform,
        versions). ArgumentError for what can't be stored, StoreIOError where the folder can't be written.
        """
        record = RunInfo(
            id="",
            name=check_name("start_run", name),
            status=RUNNING,
            created=utc_now(),
            writer=writer_name(),
            tags=_check_tags(tags),
            entry=info.check_entry(entry),
            seed=info.check_seed(seed),
            config=plain_json(config or {}, "config"),
            config_sha256=config_sha256(config or {}),
            data=plain_json(data or {}, "data"),
            environment=environments.capture(environment),
            git=environments.git_state(Path.cwd()),
        )
        record.id = new_id()
        store = self.path.absolute()  # a run outlives a change of the working folder
        run = Run(store / record.id, _make_folder(store, record), record, new=True)
        try:
            created = RegistryLine(record.created, "created", record.id, RUNNING, record.name, record.tags)
            registry.append(store, created)
        except BaseException:
            run.abandon()
            raise
        return run

    def resume_run(self, run: str, from_step: int | None = None, environment: Mapping[str, Any] | None = None) -> Run:
        """Open a run again for appending, after ``from_step`` (by default its last step).

        Records of later steps no longer count for readers. RunLockedError where a process is writing the run.
        """
        folder = self.path.absolute() / self.resolve(run)
        lock = FileLock(folder / "run.lock")
        _take(lock, folder.name)
        try:
            opened = Run(folder, lock, info.read(folder), new=False)
        except BaseException:
            lock.release()
            raise
        try:
            opened.begin_again(from_step, plain_json(environment or {}, "environment"))
        except BaseException:
            opened.abandon()
            raise
        return opened

    def run(self, run: str) -> RunView:
        """Return a run to read: its id, an unambiguous prefix of it, or ``latest``."""
        return RunView(self.path / self.resolve(run))

    def resolve(self, run: str) -> str:
        """Return the id that ``run`` stands for; RunNotFoundError or AmbiguousRunError where it isn't one."""
        if is_id(run) and (self.path / run).is_dir():
            return run  # without a look at all the others
        ids = self.ids()
        if not ids:
            raise RunNotFoundError(f"store: there are no runs in {str(self.path)!r}; got {run!r}", run=run)
        if run == LATEST:
            return ids[-1]
        prefix = run.upper()
        matches = [one for one in ids if prefix and one.startswith(prefix)]
        if not matches:
            raise RunNotFoundError(
                f"store: no run in {str(self.path)!r} begins with {run!r}, `rtch list` shows them", run=run
            )
        if len(matches) > 1:
            shown = ", ".join(matches[:_SHOWN_MATCHES]) + (", ..." if len(matches) > _SHOWN_MATCHES else "")
            raise AmbiguousRunError(
                f"store: {len(matches)} runs begin with {run!r}: {shown}; more of the id is needed",
                run=run,
                matches=matches,
            )
        return matches[0]

    def ids(self) -> list[str]:
        """Return the ids of all run folders, oldest first."""
        with store_io("list", self.path):
            try:
                with os.scandir(self.path) as entries:
                    return sorted(entry.name for entry in entries if is_id(entry.name))
            except FileNotFoundError:
                return []

    def runs(
        self, tag: str | Iterable[str] | None = None, status: str | None = None, name: str | None = None
    ) -> list[RunRecord]:
        """Return the runs that carry all given tags, have the status and match the name (``*``, ``?``).

        Newest first. Runs that can't be read are left out and named in ``warnings``.
        """
        if status is not None and status not in STATUSES:
            raise ArgumentError(
                f"runs: the status must be one of {', '.join(STATUSES)}; got {status!r}", argument="status"
            )
        wanted = {tag} if isinstance(tag, str) else set(tag or ())
        return [
            record
            for record in self._records()
            if wanted.issubset(record.tags)
            and (status is None or record.status == status)
            and (name is None or fnmatchcase(record.name, name))
        ]

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def _records(self) -> Iterator[RunRecord]:
        lines, self.warnings = registry.read(self.path)
        created = {line.run: line for line in lines if line.event == "created"}
        last = {line.run: line for line in lines}
        for run in reversed(self.ids()):
            first, now = created.get(run), last.get(run)
            if first is not None and now is not None and now.status != RUNNING:
                yield RunRecord(run, first.name, now.status, tuple(first.tags), first.time, now.time, now.seconds)
                continue
            folder = self.path / run
            try:
                record = info.read(folder)
                status = live_status(record, folder)
            except (SchemaError, RunNotFoundError) as error:
                self.warnings.append(str(error))
                continue
            seconds = record.seconds if record.finished else None
            yield RunRecord(run, record.name, status, tuple(record.tags), record.created, record.finished, seconds)


def _make_folder(store: Path, record: RunInfo) -> FileLock:
    """Make a run's folder with its run.json, appearing at once and locked; return the lock."""
    folder = store / record.id
    fresh = store / f".{record.id}.new"
    with store_io("start_run", store):
        store.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        info.write(fresh, record)
        if os.name == "nt":  # a folder with open files can't be renamed there
            fresh.rename(folder)
            fresh = folder
        lock = FileLock(fresh / "run.lock")
        _take(lock, record.id)
        if fresh != folder:
            fresh.rename(folder)
        sync_folder(store)
    return lock


def _take(lock: FileLock, run: str) -> None:
    if not lock.acquire(RESUME_SECONDS):
        raise RunLockedError(f"store: a run has one writer; got {run}, which another one is writing", run=run)


def _check_tags(tags: Iterable[str]) -> list[str]:
    if isinstance(tags, str):
        raise ArgumentError(f"start_run: tags are a list of strings; got the string {tags!r}", argument="tags")
    return list(dict.fromkeys(check_name("start_run: tags", tag) for tag in tags))
