# SPDX-License-Identifier: MIT
"""From a configuration to everything that a training needs: data, parts, model and optimiser.

The same configuration and the same data always give the same job, bit for bit; run, resume and replay all
begin here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rtch import nn, optim
from rtch.data import Dataset, Preparation, derive_seed, make_regression, read_csv
from rtch.errors import ConfigError
from rtch.random import Generator
from rtch.service.config import AdamOptimizer, Config, CsvData, MlpModel
from rtch.train import Callback, Settings, Trainer
from rtch.train.protocols import Recorder


@dataclasses.dataclass(frozen=True)
class Job:
    """A configuration made real. ``validation`` is None where ``data.split`` has one fraction."""

    config: Config
    dataset: Dataset
    train: Dataset
    validation: Dataset | None
    test: Dataset
    preparation: Preparation
    model: nn.Module
    optimizer: optim.SGD | optim.Adam

    def trainer(self, recorder: Recorder, callbacks: Sequence[Callback] = (), *, trace_steps: int = 0) -> Trainer:
        """A trainer at its first step."""
        return Trainer(
            self.model,
            self.optimizer,
            Settings(**msgspec.structs.asdict(self.config.trainer), seed=self.config.seed),
            preparation=self.preparation,
            recorder=recorder,
            callbacks=callbacks,
            trace_steps=trace_steps,
        )

    def data_facts(self) -> dict[str, Any]:
        """What a run records about its data."""
        return {
            "fingerprint": self.dataset.fingerprint,
            "rows": len(self.dataset),
            "train_rows": len(self.train),
            "validation_rows": 0 if self.validation is None else len(self.validation),
            "test_rows": len(self.test),
            "features": list(self.dataset.feature_names),
            "target": self.dataset.target_name,
        }


def run_name(config: Config) -> str:
    """The configuration's name, or else the stem of its data file, or else ``synthetic``."""
    if config.name:
        return config.name
    stem = Path(config.data.path).stem if isinstance(config.data, CsvData) else "synthetic"
    name = "".join(character for character in stem if character.isprintable()).strip()
    return name[:64] or "run"


def load_data(config: Config) -> Dataset:
    """The rows that ``[data]`` asks for; DataError when they can't be had."""
    data = config.data
    if isinstance(data, CsvData):
        return read_csv(data.path, data.target, delimiter=data.delimiter, encoding=data.encoding, ignore=data.ignore)
    return make_regression(data.n_samples, data.n_features, noise=data.noise, seed=config.seed)


def build(config: Config, dataset: Dataset | None = None) -> Job:
    """The job of ``config``, on ``dataset`` where the rows are at hand already.

    Initial weights are drawn under the key ``derive_seed(seed, "init")``. Raises DataError when the data
    can't be read, split or standardised, ConfigError when drop_last would leave no batch.
    """
    dataset = load_data(config) if dataset is None else dataset
    parts = dataset.split(*config.data.split, seed=config.seed)
    train, test = parts[0], parts[-1]
    if config.trainer.drop_last and config.trainer.batch_size > len(train):
        raise ConfigError(
            f"trainer.batch_size: with drop_last it may be at most the {len(train)} training rows; "
            f"got {config.trainer.batch_size}",
            key="trainer.batch_size",
        )
    preparation = Preparation.fit(
        train, standardize=config.data.standardize, standardize_target=config.data.standardize_target
    )
    model = _model(config, dataset.n_features)
    return Job(
        config=config,
        dataset=dataset,
        train=train,
        validation=parts[1] if len(parts) == 3 else None,
        test=test,
        preparation=preparation,
        model=model,
        optimizer=_optimizer(config, model),
    )


def _model(config: Config, n_features: int) -> nn.Module:
    generator = Generator(derive_seed(config.seed, "init"))
    if isinstance(config.model, MlpModel):
        return nn.MLPRegressor(
            n_features,
            hidden=tuple(config.model.hidden),
            activation=config.model.activation,
            generator=generator,
        )
    return nn.LinearRegression(n_features, generator=generator)


def _optimizer(config: Config, model: nn.Module) -> optim.SGD | optim.Adam:
    chosen = config.optimizer
    if isinstance(chosen, AdamOptimizer):
        return optim.Adam(
            model.parameters(),
            lr=chosen.lr,
            betas=chosen.betas,
            eps=chosen.eps,
            weight_decay=chosen.weight_decay,
        )
    return optim.SGD(
        model.parameters(),
        lr=chosen.lr,
        momentum=chosen.momentum,
        dampening=chosen.dampening,
        nesterov=chosen.nesterov,
        weight_decay=chosen.weight_decay,
    )
