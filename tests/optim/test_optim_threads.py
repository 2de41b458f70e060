# SPDX-License-Identifier: MIT
"""Steps and loads while other threads compute with the parameters: a call in flight keeps the memory it reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import rtch
from rtch import nn, optim
from rtch.random import Generator


def _sgd(layer: nn.Linear) -> Callable[[], Any]:
    return optim.SGD(layer.parameters(), lr=0.1, momentum=0.9).step


def _adam(layer: nn.Linear) -> Callable[[], Any]:
    return optim.Adam(layer.parameters(), lr=0.1).step


def _load(layer: nn.Linear) -> Callable[[], Any]:
    other = nn.Linear(layer.in_features, layer.out_features, generator=Generator(9)).state_dict()
    return lambda: layer.load_state_dict(other)


def _cast(layer: nn.Linear) -> Callable[[], Any]:
    return lambda: layer.to("float64")


WRITES = {f.__name__.strip("_"): f for f in (_sgd, _adam, _load, _cast)}


@pytest.mark.parametrize("name", WRITES)
def test_a_call_in_flight_keeps_its_header(name: str) -> None:
    """A replaced header lives until the last call that was handed it has returned, and no longer."""
    layer = nn.Linear(3, 2)
    for p in layer.parameters():
        p.grad = rtch.ones(p.shape)
    write = WRITES[name](layer)
    before = layer.weight.tobytes()
    in_flight = layer.weight._h  # what a call of another thread holds while it runs
    shared = layer.weight.detach()
    write()
    assert before != layer.weight.tobytes()
    assert 1 == shared.n_aliases
    del in_flight
    assert 0 == shared.n_aliases
    assert before == shared.tobytes()


@pytest.mark.parametrize("name", ["sgd", "load"])
def test_reading_while_writing(name: str) -> None:
    """Three threads run a layer while a fourth steps or loads it: every result has the right shape and is finite."""
    layer = nn.Linear(300, 300)
    x = Generator(1).normal((64, 300))
    for p in layer.parameters():
        p.grad = rtch.zeros(p.shape)
    write = WRITES[name](layer)
    stop, failed = threading.Event(), list[BaseException]()

    def read() -> None:
        try:
            while not stop.is_set():
                with rtch.no_grad():
                    out = layer(x)
                assert (64, 300) == out.shape
                assert -1e6 < out.sum().item() < 1e6
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(150):
            held = layer.state_dict()  # makes the next write take memory of its own
            write()
            del held
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [] == failed
