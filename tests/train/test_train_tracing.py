# SPDX-License-Identifier: MIT
"""Steps that are traced: which, with what spans, and without a trace in the result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rtch import nn, optim
from rtch.autograd import Trace, spans
from rtch.checkpoint import state_sha256
from rtch.data import make_regression
from rtch.errors import ArgumentError, DivergedError
from rtch.random import Generator
from rtch.tensor import Tensor
from rtch.train import Callback, Settings, Trainer


class Record:
    """A recorder that keeps traces."""

    def __init__(self) -> None:
        self.traces: list[tuple[int | None, Trace]] = []

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        pass

    def checkpoint(self, *, model: Any, optimizer: Any, epoch: int, step: int, **extra: Any) -> Path:
        return Path()

    def log_trace(self, trace: Trace, step: int | None = None) -> None:
        self.traces.append((step, trace))


class Plain:
    """A recorder of the time before traces."""

    log = Record.log
    checkpoint = Record.checkpoint


class Watch(Callback):
    """Notes at each step whether a trace is open."""

    def __init__(self) -> None:
        self.open: list[bool] = []

    def on_step(self, step: int, loss: float) -> None:
        self.open.append(spans.active() is not None)


def trainer(recorder: Any, trace_steps: int = 0, **arguments: Any) -> Trainer:
    model = nn.MLPRegressor(3, hidden=(4,), generator=Generator(7))
    settings = Settings(epochs=2, batch_size=10)
    lr = arguments.pop("lr", 0.01)
    optimizer = optim.SGD(model.parameters(), lr=lr)
    return Trainer(model, optimizer, settings, recorder=recorder, trace_steps=trace_steps, **arguments)


DATA = make_regression(40, 3, noise=0.3, seed=2)


@pytest.mark.parametrize("steps", [0, 1, 5, 100])
def test_the_first_steps_are_traced_and_the_weights_the_same(steps: int) -> None:
    """Eight steps in all; a trace is open in those that are recorded, and each is handed over on its own."""
    record, watch = Record(), Watch()
    plain = trainer(Plain())
    plain.fit(DATA)
    traced = trainer(record, steps, callbacks=[watch])
    traced.fit(DATA)
    n = min(steps, 8)
    assert list(range(1, n + 1)) == [step for step, _ in record.traces]
    assert [True] * n + [False] * (8 - n) == watch.open
    for step, trace in record.traces:
        own = [span for span in trace if span.category == "train"]
        assert ["forward", "backward", "optimizer", "step"] == [span.name for span in own]
        assert {"step": step} == own[-1].attributes
    assert state_sha256(plain.model.state_dict()) == state_sha256(traced.model.state_dict())
    assert spans.active() is None


def test_a_failing_step_closes_its_trace() -> None:
    record = Record()
    diverging = trainer(record, 100, lr=1e30)
    with pytest.raises(DivergedError) as caught:
        diverging.fit(DATA)
    assert list(range(1, caught.value.step)) == [step for step, _ in record.traces]
    assert spans.active() is None

    def broken(prediction: Tensor, target: Tensor) -> Tensor:
        raise ZeroDivisionError

    failing = trainer(record, 1, loss=broken)
    with pytest.raises(ZeroDivisionError):
        failing.fit(DATA)
    assert spans.active() is None


def test_what_can_not_be_traced_is_refused() -> None:
    for recorder in (None, Plain()):
        with pytest.raises(ArgumentError, match="needs a recorder with log_trace"):
            trainer(recorder, 1)
    for bad in (-1, 1.0, True, "1"):
        with pytest.raises(ArgumentError, match="trace_steps is an integer"):
            trainer(Record(), bad)  # type: ignore[arg-type]
