# SPDX-License-Identifier: MIT
"""What a run leaves for a reader beside its metrics: report.json.

For a linear model it holds the weight of each feature and the bias in the data's own units, with
standardisation undone, and for synthetic data the true ones beside them. Everything is computed in float64
from the final float32 weights.
"""

from __future__ import annotations

import json
from typing import Any

from rtch import nn
from rtch.data import SyntheticDataset
from rtch.service.job import Job
from rtch.train import Progress


def report(job: Job, progress: Progress, weights_sha256: str) -> dict[str, Any]:
    """The report as JSON-able values."""
    data = job.dataset
    tree: dict[str, Any] = {
        "model": job.config.resolved()["model"],
        "parameters": sum(parameter.size for parameter in job.model.parameters()),
        "steps": progress.step,
        "epochs": progress.epoch,
        "stopped_early": progress.stopped_early,
        "best_epoch": progress.best_epoch + 1 if job.config.trainer.patience else None,
        "test": progress.test,
        "target": data.target_name,
        "weights_sha256": weights_sha256,
    }
    if isinstance(job.model, nn.LinearRegression):
        tree["linear"] = linear_report(job)
    return tree


def linear_report(job: Job) -> dict[str, Any]:
    """Bias and one row per feature: its name, its weight in the data's own units, and the true weight where
    that is known.
    """
    weights, bias = original_units(job)
    rows: list[dict[str, Any]] = [
        {"feature": name, "weight": weight} for name, weight in zip(job.dataset.feature_names, weights, strict=True)
    ]
    tree: dict[str, Any] = {"bias": bias, "features": rows}
    if isinstance(job.dataset, SyntheticDataset):
        tree["true_bias"] = job.dataset.true_bias
        for row, true in zip(rows, job.dataset.true_weights.tolist(), strict=True):
            row["true_weight"] = true
    return tree


def original_units(job: Job) -> tuple[list[float], float]:
    """Weights and bias of a linear model as applied to raw features, giving the raw target."""
    state = job.model.state_dict()
    (weight,) = (tensor for name, tensor in state.items() if name.endswith("weight"))
    (bias,) = (tensor for name, tensor in state.items() if name.endswith("bias"))
    weights = [float(value) for value in weight.detach().numpy().reshape(-1)]
    offset = float(bias.detach().numpy().reshape(-1)[0])
    if job.preparation.features is not None:
        scales = job.preparation.features.scale.tolist()
        weights = [value / scale for value, scale in zip(weights, scales, strict=True)]
        means = job.preparation.features.mean.tolist()
        for value, mean in zip(weights, means, strict=True):
            offset -= value * mean
    if job.preparation.target is not None:
        scale = float(job.preparation.target.scale.item())
        weights = [value * scale for value in weights]
        offset = offset * scale + float(job.preparation.target.mean.item())
    return weights, offset


def encoded(tree: dict[str, Any]) -> str:
    """``tree`` as indented JSON text."""
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
