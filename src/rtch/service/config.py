# SPDX-License-Identifier: MIT
"""The typed configuration of a training run: sections, defaults and ranges.

`rtch.service.source` builds one from a file or from keyword arguments. A configuration is a tree of two
levels, the same in a TOML file, in keyword arguments and in a run's record::

    name, tags, seed
    [data]       both sources: split standardize standardize_target
                 source = "csv": path target delimiter encoding ignore
                 source = "synthetic": n_samples n_features noise
    [model]      name = "linear", or name = "mlp": hidden activation
    [optimizer]  name = "adam": lr betas eps weight_decay
                 name = "sgd": lr momentum dampening nesterov weight_decay
    [trainer]    epochs batch_size shuffle drop_last checkpoint_every patience min_delta
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, ClassVar, Literal

import msgspec

from rtch.errors import ConfigError

MAX_EPOCHS = 10_000_000
MAX_HIDDEN_LAYERS = 64
MAX_WIDTH = 1_000_000
MAX_NOISE = 1e15


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the configuration."""

    def _check(self, at: str) -> None:
        """Raise ConfigError when a value is out of its range; ``at`` is the section's name."""


class _Data(Section, frozen=True, kw_only=True):
    split: list[float] = msgspec.field(default_factory=lambda: [0.7, 0.15])
    standardize: bool = True
    standardize_target: bool = True

    def _check(self, at: str) -> None:
        if len(self.split) not in (1, 2):
            _refuse(f"{at}.split", "must be [training] or [training, validation]", self.split)
        for value in self.split:
            _require(0.0 < value < 1.0, f"{at}.split", "fractions must lie between 0 and 1", self.split)
        rule = "fractions must sum to less than 1; the rest is the test part"
        _require(sum(self.split) < 1.0 - 1e-6, f"{at}.split", rule, self.split)


class CsvData(_Data, frozen=True, kw_only=True, tag_field="source", tag="csv"):
    """``[data]`` with ``source = "csv"``: what `rtch.data.read_csv` reads, and the split."""

    path: str
    target: str
    delimiter: str = ","
    encoding: str = "utf-8"
    ignore: list[str] = []

    def _check(self, at: str) -> None:
        super()._check(at)
        _require(
            len(self.delimiter) == 1 and self.delimiter not in '"\r\n',
            f"{at}.delimiter", "must be one character", self.delimiter,
        )  # fmt: skip
        _require(self.path != "" and "\0" not in self.path, f"{at}.path", "must name a file", self.path)


class SyntheticData(_Data, frozen=True, kw_only=True, tag_field="source", tag="synthetic"):
    """``[data]`` with ``source = "synthetic"``: what `rtch.data.make_regression` makes, and the split."""

    n_samples: int = 1000
    n_features: int = 10
    noise: float = 0.1

    def _check(self, at: str) -> None:
        super()._check(at)
        _require(4 <= self.n_samples <= 10**8, f"{at}.n_samples", "must be 4 to 100,000,000", self.n_samples)
        _require(1 <= self.n_features <= 10**5, f"{at}.n_features", "must be 1 to 100,000", self.n_features)
        _number(self.noise, f"{at}.noise", low=0.0)
        rule = f"must be at most {MAX_NOISE:g}, since the squares of larger errors are too large for float32"
        _require(self.noise <= MAX_NOISE, f"{at}.noise", rule, self.noise)


class LinearModel(Section, frozen=True, kw_only=True, tag_field="name", tag="linear"):
    """``[model]`` with ``name = "linear"``: a weight per feature and a bias."""


class MlpModel(Section, frozen=True, kw_only=True, tag_field="name", tag="mlp"):
    """``[model]`` with ``name = "mlp"``: hidden layers of the given widths with one activation."""

    hidden: list[int] = msgspec.field(default_factory=lambda: [64])
    activation: Literal["relu", "tanh"] = "relu"

    def _check(self, at: str) -> None:
        _require(
            1 <= len(self.hidden) <= MAX_HIDDEN_LAYERS,
            f"{at}.hidden", f"must have 1 to {MAX_HIDDEN_LAYERS} layers", self.hidden,
        )  # fmt: skip
        for width in self.hidden:
            _require(1 <= width <= MAX_WIDTH, f"{at}.hidden", f"widths must be 1 to {MAX_WIDTH:,}", self.hidden)


class AdamOptimizer(Section, frozen=True, kw_only=True, tag_field="name", tag="adam"):
    """``[optimizer]`` with ``name = "adam"``."""

    lr: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def _check(self, at: str) -> None:
        _number(self.lr, f"{at}.lr", above=0.0)
        for beta in self.betas:
            _require(0.0 <= beta < 1.0, f"{at}.betas", "must each be at least 0 and less than 1", list(self.betas))
        _number(self.eps, f"{at}.eps", above=0.0)
        _number(self.weight_decay, f"{at}.weight_decay", low=0.0)


class SgdOptimizer(Section, frozen=True, kw_only=True, tag_field="name", tag="sgd"):
    """``[optimizer]`` with ``name = "sgd"``."""

    lr: float = 0.01
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def _check(self, at: str) -> None:
        _number(self.lr, f"{at}.lr", above=0.0)
        _number(self.momentum, f"{at}.momentum", low=0.0)
        _number(self.dampening, f"{at}.dampening", low=0.0)
        _number(self.weight_decay, f"{at}.weight_decay", low=0.0)
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            _refuse(f"{at}.nesterov", "needs a momentum above 0 and no dampening", self.nesterov)


class TrainerConfig(Section, frozen=True, kw_only=True):
    """``[trainer]``. ``checkpoint_every = 0`` writes the last checkpoint only; ``patience = 0`` never stops
    early.
    """

    epochs: int = 100
    batch_size: int = 32
    shuffle: bool = True
    drop_last: bool = False
    checkpoint_every: int = 10
    patience: int = 0
    min_delta: float = 0.0

    def _check(self, at: str) -> None:
        _require(1 <= self.epochs <= MAX_EPOCHS, f"{at}.epochs", f"must be 1 to {MAX_EPOCHS:,}", self.epochs)
        _require(1 <= self.batch_size <= 2**40, f"{at}.batch_size", "must be at least 1", self.batch_size)
        _require(
            self.checkpoint_every >= 0,
            f"{at}.checkpoint_every",
            "must not be negative",
            self.checkpoint_every,
        )
        _require(self.patience >= 0, f"{at}.patience", "must not be negative", self.patience)
        _number(self.min_delta, f"{at}.min_delta", low=0.0)


class Config(Section, frozen=True, kw_only=True):
    """A whole run. `rtch.service.source` builds one and checks every key."""

    data: CsvData | SyntheticData
    model: LinearModel | MlpModel = LinearModel()
    optimizer: AdamOptimizer | SgdOptimizer = AdamOptimizer()
    trainer: TrainerConfig = TrainerConfig()
    name: str = ""
    tags: list[str] = []
    seed: int = 0

    VARIANTS: ClassVar[dict[str, tuple[str, str, dict[str, type[Section]]]]] = {
        "data": ("source", "csv", {"csv": CsvData, "synthetic": SyntheticData}),
        "model": ("name", "linear", {"linear": LinearModel, "mlp": MlpModel}),
        "optimizer": ("name", "adam", {"adam": AdamOptimizer, "sgd": SgdOptimizer}),
    }

    def check(self) -> None:
        """Raise ConfigError with the key's path when a value is out of its range."""
        _require(0 <= self.seed <= 2**63 - 1, "seed", "must be 0 to 2**63 - 1", self.seed)
        self.data._check("data")
        self.model._check("model")
        self.optimizer._check("optimizer")
        self.trainer._check("trainer")
        if self.trainer.patience and len(self.data.split) == 1:
            _refuse(
                "trainer.patience",
                "needs a validation part: give data.split two fractions",
                self.trainer.patience,
            )

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, as JSON-able builtins; `make_config(**resolved)` gives the same
        configuration.
        """
        tree: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return tree

    def sha256(self) -> str:
        """SHA-256 in hexadecimal of the resolved configuration as compact JSON with sorted keys."""
        text = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _require(holds: bool, key: str, rule: str, value: object) -> None:
    if not holds:
        _refuse(key, rule, value)


def _refuse(key: str, rule: str, value: object) -> None:
    raise ConfigError(f"config: {key} {rule}; got {value!r}", key=key)


def _number(value: float, key: str, *, low: float | None = None, above: float | None = None) -> None:
    """``value`` must be finite, at least ``low`` and greater than ``above``."""
    if not math.isfinite(value):
        _refuse(key, "must be finite", value)
    if low is not None and value < low:
        _refuse(key, f"must be at least {low:g}", value)
    if above is not None and value <= above:
        _refuse(key, f"must be greater than {above:g}", value)
