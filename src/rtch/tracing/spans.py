# SPDX-License-Identifier: MIT
"""Span, and Trace that collects spans while it is open.

    >>> with rtch.autograd.trace() as t:
    ...     with t.span("forward"):
    ...         loss = model(x).sum()
    ...     loss.backward()
    >>> t.save_chrome("trace.json")

Who records asks `active()` for the innermost open trace of its thread, None where there is none, and hands over many
spans at once with `Trace.add_batch`. A trace holds columns, not objects: about 50 bytes a span.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from rtch.errors import ArgumentError
from rtch.logs import logger
from rtch.store.values import check_name, plain_json

if TYPE_CHECKING:
    from rtch.tracing.totals import SpanTotal, ThreadTotal

MAX_SPANS = 1_000_000
FIRST_OTHER_THREAD = 256  # more than the pool has workers
RESERVED = frozenset(("shapes", "batch"))  # attributes that stand beside them where a trace is exported

Attribute: TypeAlias = str | int | float | bool
Shapes: TypeAlias = tuple[tuple[int, ...], ...]

_log = logger("rtch.tracing")
_lock = threading.Lock()  # of all traces: held while spans that are at hand already are appended


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which something ran.

    Attributes:
        name: the op's name, or one that the program chose.
        category: `backward` for an op of a backward pass, `batch` for a batch of them, `custom` for the program's own.
        start_ns: when it began, on the clock of `time.perf_counter_ns`.
        duration_ns: how long it took.
        thread: 0 the calling thread, 1 to 255 the workers of the pool, from 256 on other threads of the program.
        shapes: of the tensors that it worked on.
        batch: number of the batch that it belongs to, None where it belongs to none.
        attributes: what else the program noted.
    """

    name: str
    category: str
    start_ns: int
    duration_ns: int
    thread: int
    shapes: Shapes
    batch: int | None
    attributes: Mapping[str, Attribute] = dataclasses.field(default_factory=dict, hash=False)


class Columns(NamedTuple):
    """The spans of a trace, column by column; a batch of -1 is none, `attributes` goes by position."""

    names: list[str]
    categories: list[str]
    starts: array[int]
    durations: array[int]
    threads: array[int]
    shapes: list[Shapes]
    batches: array[int]
    attributes: dict[int, dict[str, Attribute]]


class _Open(threading.local):
    """The traces that are open in this thread, the innermost last."""

    def __init__(self) -> None:
        self.traces: list[Trace] = []


_open = _Open()


def active() -> Trace | None:
    """The innermost open trace of this thread, None where there is none."""
    traces = _open.traces
    return traces[-1] if traces else None


def trace(*, max_spans: int = MAX_SPANS) -> Trace:
    """A new trace, to be opened by `with`: while it is open, what this thread runs is recorded in it.

    Traces may nest; the innermost records. One trace may be opened several times, and goes on collecting.

    Args:
        max_spans: how many spans it holds at most; those beyond are counted in `Trace.dropped` and left out.
    """
    return Trace(max_spans=max_spans)


class Trace:
    """Spans in the order in which they were handed over; made by `trace()`.

    Attributes:
        max_spans: how many it holds at most.
        dropped: how many more there were.
        epoch_offset_ns: nanoseconds since 1970 at 0 of the clock that spans are timed with.
        pid: the process that recorded.
    """

    def __init__(self, *, max_spans: int = MAX_SPANS) -> None:
        if type(max_spans) is not int or max_spans < 1:
            raise ArgumentError(
                f"trace: max_spans is an integer of at least 1; got {max_spans!r}", argument="max_spans"
            )
        self.max_spans = max_spans
        self.dropped = 0
        self.epoch_offset_ns = _epoch_offset_ns()
        self.pid = os.getpid()
        self._n_batches = 0
        self._settled = Columns([], [], array("q"), array("q"), array("i"), [], array("q"), {})
        self._pending: list[tuple[int, Callable[[], Iterable[dict[str, Any]]]]] = []
        self._names: set[str] = set()
        self._shapes: dict[Shapes, Shapes] = {}
        self._threads = {threading.get_ident(): 0}

    def __enter__(self) -> Trace:
        """Record what this thread runs from here on."""
        _open.traces.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record no more."""
        traces = _open.traces
        at = next((i for i in reversed(range(len(traces))) if traces[i] is self), None)
        if at is None:
            raise ArgumentError("trace: it is closed by the thread that opened it; got another one", argument="trace")
        del traces[at]
        self._settle()
        _log.debug("trace closed with %d spans, %d dropped", len(self), self.dropped)

    def span(self, name: str, category: str = "custom", **attributes: Attribute) -> _Running:
        """A context manager that records its block as one span, also where an exception leaves it.

        Args:
            name: what runs in the block.
            category: what kind of thing that is.
            attributes: facts about it: strings, numbers and bools. `error` is set to the exception's class.
        """
        check_name("span", category)
        return _Running(self, check_name("span", name), category, _checked(attributes))

    def add_batch(
        self,
        names: Sequence[str],
        starts: Sequence[int],
        durations: Sequence[int],
        threads: Sequence[int],
        shapes: Sequence[Shapes],
        batches: Sequence[int | None],
        *,
        category: str = "backward",
        attributes: Mapping[int, Mapping[str, Attribute]] | None = None,
        thread: int | None = None,
    ) -> None:
        """Append many spans at once: element i of each sequence belongs to span i.

        Args:
            names: names of the ops.
            starts: in nanoseconds, on the clock of `time.perf_counter_ns`.
            durations: in nanoseconds.
            threads: 0 the calling thread, 1 to 255 the workers.
            shapes: a tuple of shapes each, themselves tuples.
            batches: the batch's number, None or -1 where there is none.
            category: of all of them.
            attributes: facts about some of them, by position.
            thread: what 0 stands for, if it is not the running one.

        Raises:
            ArgumentError: lengths differ, or a value can't be stored; then nothing is appended.
        """
        n = len(names)
        if not n == len(starts) == len(durations) == len(threads) == len(shapes) == len(batches):
            raise ArgumentError(
                f"add_batch: all sequences have one length; got {n} names, {len(starts)} starts, {len(durations)} "
                f"durations, {len(threads)} threads, {len(shapes)} shapes, {len(batches)} batches"
            )
        facts = {at: _checked(of) for at, of in attributes.items()} if attributes else {}
        if facts and not 0 <= min(facts) <= max(facts) < n:
            raise ArgumentError(f"add_batch: attributes go by the positions of {n} spans; got {max(facts)}")
        own = self._thread() if thread is None else thread
        self._append(list(names), [category] * n, starts, durations, threads, shapes, batches, facts, own)

    def add_later(self, make: Callable[[], Iterable[dict[str, Any]]]) -> None:
        """Append what `make` gives, arguments for `add_batch`, when the trace is next looked at or closed: who records
        spends no time on it inside of what is timed. They are spans of the thread that calls this."""
        self._pending.append((self._thread(), make))

    def number_batches(self, n: int) -> int:
        """Give out n numbers of batches that no other pass of this trace has; returns the first."""
        with _lock:
            first = self._n_batches
            self._n_batches += n
        return first

    def threads(self) -> list[ThreadTotal]:
        """Busy and idle time in backward passes, thread by thread; empty where no batch was shared out among some."""
        from rtch.tracing.totals import threads

        return threads(self._columns)

    def summary(self) -> list[SpanTotal]:
        """Count, total, mean and longest time of the spans of each name and category, the largest total first."""
        from rtch.tracing.totals import totals

        return totals(self._columns)

    def to_chrome(self) -> dict[str, Any]:
        """The trace in Chrome's trace event format, as an object that json takes; ui.perfetto.dev opens it."""
        from rtch.tracing.chrome import as_chrome

        return as_chrome(self)

    def save_chrome(self, path: str | os.PathLike[str]) -> None:
        """Write what `to_chrome` gives to a file, whole or not at all; StoreIOError where the system refuses."""
        from rtch.tracing.chrome import save

        save(self, Path(path))

    def to_opentelemetry(self, tracer: Any = None) -> int:
        """Hand the spans to OpenTelemetry, under one span that holds them all; returns how many there were.

        A span is the child of the one that it ran inside of, on the same thread. Times are those of the recording.

        Args:
            tracer: an OpenTelemetry tracer; by default that of the program's tracer provider.

        Raises:
            MissingExtraError: OpenTelemetry is not installed.
            ArgumentError: no tracer was given, and the program has set no tracer provider.
        """
        from rtch.tracing.otel import export

        return export(self, tracer)

    def __len__(self) -> int:
        return len(self._columns.batches)

    def __iter__(self) -> Iterator[Span]:
        columns = self._columns
        for i in range(len(self)):
            batch = columns.batches[i]
            yield Span(
                columns.names[i],
                columns.categories[i],
                columns.starts[i],
                columns.durations[i],
                columns.threads[i],
                columns.shapes[i],
                None if batch < 0 else batch,
                columns.attributes.get(i, {}),
            )

    def __repr__(self) -> str:
        return f"Trace({len(self)} spans, {self.dropped} dropped)"

    def _append(
        self,
        names: list[str],
        categories: list[str],
        starts: Sequence[int],
        durations: Sequence[int],
        threads: Sequence[int],
        shapes: Sequence[Shapes],
        batches: Sequence[int | None],
        attributes: Mapping[int, dict[str, Attribute]],
        own: int = 0,
    ) -> None:
        """Append spans of checked attributes, or nothing and ArgumentError where one can't be stored."""
        n = len(names)
        known = self._shapes.get
        if (
            n and len(self._settled.batches) == self.max_spans and self.dropped
        ):  # nor are names and shapes of what is dropped held on to
            with _lock:
                self.dropped += n
            return
        try:
            new = Columns(
                names,
                categories,
                array("q", starts),
                array("q", durations),
                array("i", threads if not own else [thread or own for thread in threads]),
                [known(of) or self._shared(of) for of in shapes],
                array("q", [-1 if batch is None else batch for batch in batches]),
                {},
            )
        except (TypeError, OverflowError) as error:
            raise ArgumentError(f"add_batch: times, threads and batches are integers; got {error}") from error
        if names and (min(new.durations) < 0 or min(new.threads) < 0):
            raise ArgumentError("add_batch: durations and threads are not negative; got one below 0")
        for name in {*names, *categories} - self._names:
            self._names.add(check_name("add_batch", name))
        mine = self._settled
        with _lock:
            at = len(self._settled.batches)
            taken = min(n, self.max_spans - at)
            self.dropped += n - taken
            mine.names.extend(new.names[:taken])
            mine.categories.extend(new.categories[:taken])
            mine.starts.extend(new.starts[:taken])
            mine.durations.extend(new.durations[:taken])
            mine.threads.extend(new.threads[:taken])
            mine.shapes.extend(new.shapes[:taken])
            mine.attributes.update({at + i: of for i, of in attributes.items() if i < taken})
            mine.batches.extend(new.batches[:taken])  # last: it is the one that tells how many spans there are
        if taken < n:
            _log.warning("a trace holds its max_spans=%d spans; what comes from now on is dropped", self.max_spans)

    def _append_one(
        self, name: str, category: str, start: int, duration: int, attributes: dict[str, Attribute]
    ) -> None:
        """Append a span of the running thread, its facts checked."""
        thread = self._thread()
        mine = self._settled
        with _lock:
            at = len(self._settled.batches)
            if at >= self.max_spans:
                self.dropped += 1
                return
            mine.names.append(name)
            mine.categories.append(category)
            mine.starts.append(start)
            mine.durations.append(duration)
            mine.threads.append(thread)
            mine.shapes.append(())
            if attributes:
                mine.attributes[at] = attributes
            mine.batches.append(-1)

    def _shared(self, shapes: Shapes) -> Shapes:
        """These shapes, one object for all spans that have them."""
        found = self._shapes.get(shapes)
        if found is None:
            if not isinstance(shapes, tuple) or not all(
                isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape) for shape in shapes
            ):
                raise ArgumentError(f"add_batch: shapes are a tuple of tuples of sizes; got {shapes!r:.80}")
            found = self._shapes[shapes] = shapes
        return found

    @property
    def _columns(self) -> Columns:
        if self._pending:
            self._settle()
        return self._settled

    def _settle(self) -> None:
        while self._pending:
            with _lock:
                thread, make = self._pending.pop(0) if self._pending else (0, tuple)
            for arguments in make():
                self.add_batch(**arguments, thread=thread)

    def _thread(self) -> int:
        """The number of the running thread: 0 in the one that made the trace."""
        ident = threading.get_ident()
        found = self._threads.get(ident)
        if found is None:
            with _lock:
                found = self._threads.setdefault(ident, FIRST_OTHER_THREAD - 1 + len(self._threads))
        return found


class _Running:
    """What `Trace.span` gives: a span from the start of its block to its end."""

    __slots__ = ("_attributes", "_category", "_name", "_start", "_trace")

    def __init__(self, trace: Trace, name: str, category: str, attributes: dict[str, Attribute]) -> None:
        self._trace = trace
        self._name = name
        self._category = category
        self._attributes = attributes

    def __enter__(self) -> None:
        self._start = time.perf_counter_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        duration = time.perf_counter_ns() - self._start
        if kind is not None:
            self._attributes["error"] = kind.__name__
        self._trace._append_one(self._name, self._category, self._start, duration, self._attributes)


def thread_name(thread: int) -> str:
    """What to call the thread of a span."""
    if thread == 0:
        return "calling thread"
    if thread < FIRST_OTHER_THREAD:
        return f"worker {thread}"
    return f"other thread {thread - FIRST_OTHER_THREAD + 1}"


def _checked(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    for name, value in attributes.items():
        plain_json({name: value}, "span")
        if name in RESERVED or not isinstance(value, str | int | float):
            raise ArgumentError(
                f"span: attributes are strings, numbers and bools, not named shapes or batch; got {name}={value!r:.80}",
                argument=name,
            )
    return dict(attributes)


def _epoch_offset_ns() -> int:
    before = time.perf_counter_ns()
    now = time.time_ns()
    return now - (before + time.perf_counter_ns()) // 2


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
