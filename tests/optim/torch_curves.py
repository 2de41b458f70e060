# SPDX-License-Identifier: MIT
"""Training runs that both rtch and PyTorch can make: the same data, first weights, batches and options.

Everything that the two share is made here with Python's own floats, so neither library has a hand in it. Data are the
standardised columns of examples/diabetes.csv, batches are 32 rows in a new order per epoch, and a curve is the loss of
every step, before the step.
"""

from __future__ import annotations

import csv
import math
import random
import struct
from pathlib import Path
from typing import Any

STEPS, BATCH, HIDDEN = 200, 32, 16
MODELS = ("linear", "relu", "tanh")  # the last two are an MLP with that activation
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "adam": ("Adam", {"lr": 0.01}),
}
CASES = [f"{model}-{optimizer}" for model in MODELS for optimizer in OPTIMIZERS]


def data() -> tuple[list[list[float]], list[float]]:
    """Features and target, each column with mean 0 and standard deviation 1."""
    path = Path(__file__).parents[2] / "examples" / "diabetes.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]
    columns = []
    for column in zip(*rows, strict=True):
        mean = math.fsum(column) / len(column)
        std = math.sqrt(math.fsum((x - mean) ** 2 for x in column) / len(column))
        columns.append([(x - mean) / std for x in column])
    return [list(row) for row in zip(*columns[:-1], strict=True)], columns[-1]


def batches(n: int) -> list[list[int]]:
    """The rows of every step."""
    draw = random.Random(1)
    out: list[list[int]] = []
    while len(out) < STEPS:
        order = sorted(range(n), key=lambda _: draw.random())
        out += [order[i : i + BATCH] for i in range(0, n, BATCH)]
    return out[:STEPS]


def _matrix(draw: random.Random, rows: int, columns: int) -> list[list[float]]:
    bound = 1 / math.sqrt(columns)
    values = [[draw.uniform(-bound, bound) for _ in range(columns)] for _ in range(rows)]
    return [[struct.unpack("f", struct.pack("f", x))[0] for x in row] for row in values]  # float32 holds them too


def weights(model: str, n_features: int) -> list[Any]:
    """First weight and bias of every layer, in that order."""
    draw = random.Random(2)
    sizes = [(1, n_features)] if model == "linear" else [(HIDDEN, n_features), (1, HIDDEN)]
    out: list[Any] = []
    for rows, columns in sizes:
        out += [_matrix(draw, rows, columns), [row[0] for row in _matrix(draw, rows, 1)]]
    return out


def rtch_curve(case: str, dtype: str) -> list[float]:
    """The losses of a run with rtch; dtype is "float32" or "float64"."""
    import rtch
    from rtch import nn, optim

    model_name, optimizer_name = case.split("-")
    features, target = data()
    x, y = rtch.asarray(features, dtype=dtype), rtch.asarray(target, dtype=dtype)
    n_features = len(features[0])
    model: nn.Module
    if model_name == "linear":
        model = nn.LinearRegression(n_features, dtype=dtype)
    else:
        model = nn.MLPRegressor(n_features, (HIDDEN,), model_name, dtype=dtype)
    first = [rtch.asarray(w, dtype=dtype) for w in weights(model_name, n_features)]
    model.load_state_dict(dict(zip(model.state_dict(), first, strict=True)))
    kind, options = OPTIMIZERS[optimizer_name]
    optimizer = getattr(optim, kind)(model.parameters(), **options)
    curve = []
    for rows in batches(len(target)):
        loss = nn.functional.mse_loss(model(rtch.take(x, rows, axis=0)), rtch.take(y, rows, axis=0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve


def torch_curve(case: str, dtype: str) -> list[float]:
    """The losses of the same run with PyTorch, on one thread: on arrays this small more only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _torch_curve(case, dtype)
    finally:
        torch.set_num_threads(threads)


def _torch_curve(case: str, dtype: str) -> list[float]:
    import torch

    model_name, optimizer_name = case.split("-")
    features, target = data()
    kind = getattr(torch, dtype)
    x, y = torch.tensor(features, dtype=kind), torch.tensor(target, dtype=kind)
    n_features = len(features[0])
    layers: list[Any] = [torch.nn.Linear(n_features, 1 if model_name == "linear" else HIDDEN)]
    if model_name != "linear":
        layers += [{"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[model_name](), torch.nn.Linear(HIDDEN, 1)]
    model = torch.nn.Sequential(*layers).to(kind)
    first = [torch.tensor(w, dtype=kind) for w in weights(model_name, n_features)]
    model.load_state_dict(dict(zip(model.state_dict(), first, strict=True)))
    name, options = OPTIMIZERS[optimizer_name]
    optimizer = getattr(torch.optim, name)(model.parameters(), **options)
    curve = []
    for rows in batches(len(target)):
        loss = torch.nn.functional.mse_loss(model(x[rows]).squeeze(-1), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve


def distances(curve: list[float], reference: list[float]) -> dict[str, float]:
    """How far a curve is from a reference: the largest and the mean relative difference of a step."""
    steps = [abs(a - b) / abs(b) for a, b in zip(curve, reference, strict=True)]
    return {"max": max(steps), "mean": math.fsum(steps) / len(steps)}
