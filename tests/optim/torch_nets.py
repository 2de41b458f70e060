# SPDX-License-Identifier: MIT
"""Training runs of networks with layers that normalise, convolve and pool, with schedules, for rtch and for PyTorch.

As in torch_curves, what the two share is made with Python's own floats. A curve is the loss of every step, before the
step, and last the loss of all rows in evaluation mode, which shows the running statistics.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch_curves
from torch_curves import STEPS

DIGITS = Path(__file__).parents[1] / "golden" / "digits.txt"
PIXELS = "0123456789abcdefg"


class Case(NamedTuple):
    """Layers as names of modules with their arguments, the shape of an input, and how it is trained."""

    layers: list[tuple[Any, ...]]
    shape: tuple[int, ...]
    optimizer: str
    options: dict[str, Any]
    schedule: str
    schedule_options: dict[str, Any]


CASES = {
    "digits, MLP with batch norm, AdamW": Case(
        [("Linear", 64, 32), ("BatchNorm1d", 32), ("ReLU",), ("Linear", 32, 10)],
        (64,),
        "AdamW",
        {"lr": 0.01, "weight_decay": 0.05},
        "CosineAnnealingLR",
        {"T_max": STEPS},
    ),
    "digits, CNN with max pooling, momentum": Case(
        [
            *(("Conv2d", 1, 4, 3, 1, 1), ("ReLU",), ("MaxPool2d", 2)),
            *(("Conv2d", 4, 8, 3, 1, 1), ("ReLU",), ("MaxPool2d", 2)),
            *(("Flatten",), ("Linear", 32, 10)),
        ],
        (1, 8, 8),
        "SGD",
        {"lr": 0.05, "momentum": 0.9},
        "MultiStepLR",
        {"milestones": [100, 150], "gamma": 0.3},
    ),
    "diabetes, MLP with layer norm, Adam": Case(
        [("Linear", 10, 32), ("LayerNorm", 32), ("Tanh",), ("Linear", 32, 1), ("Flatten", 0)],
        (10,),
        "Adam",
        {"lr": 0.01},
        "OneCycleLR",
        {"max_lr": 0.02, "total_steps": STEPS},
    ),
}


def data(case: str) -> tuple[list[list[float]], list[Any]]:
    """Inputs, and classes or numbers."""
    if case.startswith("diabetes"):
        return torch_curves.data()
    lines = [line.split() for line in DIGITS.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [[PIXELS.index(pixel) / 16 for pixel in image] for image, _ in lines], [int(digit) for _, digit in lines]


def weights(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, list[Any]]:
    """First values, flat, of weights, biases, and scales of layers that normalise; float32 holds them."""
    draw = random.Random(3)
    out = {}
    for name, shape in shapes:
        n = math.prod(shape)
        bound = 1 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.1
        middle = 1.0 if len(shape) == 1 and name.endswith("weight") else 0.0
        out[name] = [round((middle + draw.uniform(-bound, bound)) * 2**20) / 2**20 for _ in range(n)]
    return out


def _curve(case: str, library: Any, nn: Any, optim: Any, make: Any) -> list[float]:
    """The run in either library; make(values, shape, classes) gives a tensor."""
    facts = CASES[case]
    model = nn.Sequential(*(getattr(nn, name)(*arguments) for name, *arguments in facts.layers))
    make_float = model.to(make.dtype)
    assert make_float is model
    names = [(name, tuple(p.shape)) for name, p in model.named_parameters()]
    first = {name: make(values, dict(names)[name]) for name, values in weights(names).items()}
    model.load_state_dict(first, strict=False)
    optimizer = getattr(optim, facts.optimizer)(model.parameters(), **facts.options)
    schedule = getattr(optim.lr_scheduler, facts.schedule)(optimizer, **facts.schedule_options)
    inputs, targets = data(case)
    classes = isinstance(targets[0], int)
    loss_of = nn.functional.cross_entropy if classes else nn.functional.mse_loss

    def loss(rows: list[int]) -> Any:
        x = make([v for row in rows for v in inputs[row]], (len(rows), *facts.shape))
        return loss_of(model(x), make([targets[row] for row in rows], (len(rows),), classes))

    curve = []
    for rows in torch_curves.batches(len(targets)):
        value = loss(rows)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        curve.append(value.item())
    model.eval()
    with library.no_grad():
        curve.append(loss(list(range(len(targets)))).item())
    return curve


def rtch_curve(case: str, dtype: str) -> list[float]:
    """The losses of a run with rtch; dtype is "float32" or "float64"."""
    import rtch

    def make(values: list[Any], shape: tuple[int, ...], classes: bool = False) -> Any:
        return rtch.asarray(values, dtype="int64" if classes else dtype).reshape(*shape)

    make.dtype = dtype  # type: ignore[attr-defined]
    return _curve(case, rtch, rtch.nn, rtch.optim, make)


def torch_curve(case: str, dtype: str) -> list[float]:
    """The losses of the same run with PyTorch, on one thread."""
    import torch

    def make(values: list[Any], shape: tuple[int, ...], classes: bool = False) -> Any:
        return torch.tensor(values, dtype=torch.int64 if classes else getattr(torch, dtype)).reshape(shape)

    make.dtype = getattr(torch, dtype)  # type: ignore[attr-defined]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _curve(case, torch, torch.nn, torch.optim, make)
    finally:
        torch.set_num_threads(threads)
