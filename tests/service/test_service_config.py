# SPDX-License-Identifier: MIT
"""Configurations: defaults, files, overrides, and every refusal with the key's path."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtch.errors import ConfigError
from rtch.service.config import AdamOptimizer, Config, CsvData, MlpModel, SgdOptimizer, SyntheticData
from rtch.service.source import load_config, make_config, merge

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = {"path": "/data/houses.csv", "target": "price"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab.\n$`", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.\n$`", max_size=5), inner, max_size=3),
    max_leaves=6,
)


def refused(*args: Any, **sections: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make_config(*args, **sections)
    assert "\n" not in str(caught.value)
    return caught.value


def test_defaults_need_only_a_path_and_a_target() -> None:
    """All other keys have values, and the resolved tree shows every one of them."""
    config = make_config(data=DATA)
    assert config.resolved() == {
        "name": "",
        "tags": [],
        "seed": 0,
        "data": {
            "source": "csv",
            "path": "/data/houses.csv",
            "target": "price",
            "delimiter": ",",
            "encoding": "utf-8",
            "ignore": [],
            "split": [0.7, 0.15],
            "standardize": True,
            "standardize_target": True,
        },
        "model": {"name": "linear"},
        "optimizer": {"name": "adam", "lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0},
        "trainer": {
            "epochs": 100,
            "batch_size": 32,
            "shuffle": True,
            "drop_last": False,
            "checkpoint_every": 10,
            "patience": 0,
            "min_delta": 0.0,
        },
    }


@pytest.mark.parametrize("file", ["diabetes.toml", "mlp.toml"])
def test_example_files_load_and_resolve_to_themselves(file: str) -> None:
    """A resolved tree, also after a trip through JSON, gives the same configuration and hash."""
    config = load_config(EXAMPLES / file)
    tree = json.loads(json.dumps(config.resolved()))
    assert make_config(tree) == config
    assert make_config(tree).sha256() == config.sha256()
    assert isinstance(config.data, CsvData)
    assert Path(config.data.path).is_file()


def test_hash_is_sha256_of_canonical_json() -> None:
    """Another program can compute the hash from the resolved tree."""
    config = make_config(data=DATA, tags=["ä"], seed=3)
    text = json.dumps(config.resolved(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == config.sha256()
    assert make_config(data=DATA, seed=4).sha256() != config.sha256()


def test_variants_by_name() -> None:
    """The name of a source, model or optimizer chooses which keys a section has."""
    config = make_config(
        data={"source": "synthetic", "n_features": 3},
        model={"name": "mlp", "hidden": [8, 4], "activation": "tanh"},
        optimizer={"name": "sgd", "lr": 1, "momentum": 0.9, "nesterov": True},
    )
    assert config.data == SyntheticData(n_features=3)
    assert config.model == MlpModel(hidden=[8, 4], activation="tanh")
    assert config.optimizer == SgdOptimizer(lr=1.0, momentum=0.9, nesterov=True)


@pytest.mark.parametrize(
    ("sections", "key", "part"),
    [
        ({"trainer": {"epoch": 3}}, "trainer.epoch", "did you mean 'epochs'?"),
        ({"trainer": {"zzz": 3}}, "trainer.zzz", "known keys: epochs, batch_size"),
        ({"trainr": {}}, "trainr", "did you mean 'trainer'?"),
        ({"lr": 0.1}, "lr", "it belongs in [optimizer]"),
        ({"epochs": 3}, "epochs", "it belongs in [trainer]"),
        ({"data": {**DATA, "Target": "x"}}, "data.Target", "did you mean 'target'?"),
        ({"data": {**DATA, "noise": 1.0}}, "data.noise", "a key of 'synthetic'"),
        ({"optimizer": {"momentum": 0.9}}, "optimizer.momentum", "a key of 'sgd', not of name 'adam'"),
        ({"model": {"name": "linaer"}}, "model.name", "did you mean 'linear'?"),
        ({"model": {"name": 3}}, "model.name", "one of linear, mlp; got 3"),
        ({"trainer": {"epochs": "3"}}, "trainer.epochs", "expected int, got str"),
        ({"trainer": {"epochs": True}}, "trainer.epochs", "expected int, got bool"),
        ({"trainer": {"epochs": 1.5}}, "trainer.epochs", "expected int, got float"),
        ({"trainer": 3}, "trainer", "must be a table; got 3"),
        ({"model": "mlp"}, "model", "must be a table; got 'mlp'"),
        ({"tags": "a"}, "tags", "expected array, got str"),
        ({"data": {"path": "a.csv"}}, "data.target", "is missing"),
        ({"data": {"target": "y"}}, "data.path", "is missing"),
        ({"data": {**DATA, "path": ""}}, "data.path", "must name a file"),
        ({"data": {**DATA, "delimiter": ";;"}}, "data.delimiter", "one character"),
        ({"data": {**DATA, "split": [0.5, "a"]}}, "data.split[1]", "expected float, got str"),
        ({"data": {**DATA, "split": []}}, "data.split", "must be [training]"),
        ({"data": {**DATA, "split": [0.5, 0.2, 0.2]}}, "data.split", "must be [training]"),
        ({"data": {**DATA, "split": [0.9, 0.1]}}, "data.split", "less than 1"),
        ({"data": {**DATA, "split": [math.nan]}}, "data.split", "between 0 and 1"),
        ({"data": {**DATA, "split": [1.5]}}, "data.split", "between 0 and 1"),
        ({"data": {"source": "synthetic", "n_samples": 1}}, "data.n_samples", "4 to 100,000,000"),
        ({"data": {"source": "synthetic", "noise": -1}}, "data.noise", "at least 0; got -1.0"),
        ({"data": {"source": "synthetic", "n_features": 0}}, "data.n_features", "1 to 100,000"),
        ({"optimizer": {"lr": 0}}, "optimizer.lr", "greater than 0; got 0.0"),
        ({"optimizer": {"lr": math.inf}}, "optimizer.lr", "must be finite; got inf"),
        ({"optimizer": {"lr": math.nan}}, "optimizer.lr", "must be finite; got nan"),
        ({"optimizer": {"betas": [0.9]}}, "optimizer.betas", "length 2"),
        ({"optimizer": {"betas": [0.9, 1.0]}}, "optimizer.betas", "less than 1"),
        ({"optimizer": {"eps": 0.0}}, "optimizer.eps", "greater than 0"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, "optimizer.nesterov", "needs a momentum"),
        ({"model": {"name": "mlp", "hidden": []}}, "model.hidden", "1 to 64 layers"),
        ({"model": {"name": "mlp", "hidden": [0]}}, "model.hidden", "widths must be"),
        ({"model": {"name": "mlp", "activation": "gelu"}}, "model.activation", "'gelu'"),
        ({"trainer": {"epochs": 0}}, "trainer.epochs", "1 to 10,000,000; got 0"),
        ({"trainer": {"batch_size": 0}}, "trainer.batch_size", "at least 1; got 0"),
        ({"trainer": {"patience": -1}}, "trainer.patience", "not be negative"),
        ({"trainer": {"checkpoint_every": -1}}, "trainer.checkpoint_every", "not be negative"),
        ({"trainer": {"min_delta": -0.1}}, "trainer.min_delta", "at least 0"),
        ({"seed": -1}, "seed", "0 to 2**63 - 1; got -1"),
        ({"seed": 2**63}, "seed", "0 to 2**63 - 1"),
        (
            {"trainer": {"patience": 3}, "data": {**DATA, "split": [0.8]}},
            "trainer.patience",
            "validation part",
        ),
    ],
)
def test_wrong_keys_and_values_are_refused_with_their_path(sections: dict[str, Any], key: str, part: str) -> None:
    """One line that begins with the key's path and says what would be right."""
    error = refused({"data": DATA, **sections})
    assert error.key == key
    assert part in str(error)
    assert key in str(error)


def test_missing_data_section() -> None:
    """A configuration without data says what it needs."""
    assert "[data] is missing" in str(refused(seed=1))


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A relative path in a file is relative to the file; an absolute one stays."""
    file = tmp_path / "sub" / "a.toml"
    file.parent.mkdir()
    file.write_text('[data]\npath = "d.csv"\ntarget = "y"\n')
    config = load_config(file)
    assert isinstance(config.data, CsvData)
    assert str(tmp_path / "sub" / "d.csv") == config.data.path
    kept = make_config(data=DATA, folder=tmp_path)
    assert isinstance(kept.data, CsvData)
    assert kept.data.path == "/data/houses.csv"


def test_overrides_lie_over_the_file() -> None:
    """An override changes its key and leaves the others of the section."""
    config = load_config(EXAMPLES / "mlp.toml", {"seed": 5, "trainer": {"epochs": 2}})
    assert (config.seed, config.trainer.epochs, config.trainer.patience) == (5, 2, 30)


def test_override_of_a_variant_replaces_its_section() -> None:
    """Another model or optimizer does not inherit the keys of the first."""
    config = load_config(EXAMPLES / "mlp.toml", {"model": {"name": "linear"}, "optimizer": {"lr": 0.5}})
    assert config.resolved()["model"] == {"name": "linear"}
    assert config.optimizer == AdamOptimizer(lr=0.5, weight_decay=0.001)
    same = merge({"model": {"name": "mlp", "hidden": [3]}}, {"model": {"name": "mlp", "activation": "tanh"}})
    assert same == {"model": {"name": "mlp", "hidden": [3], "activation": "tanh"}}


def test_unreadable_files(tmp_path: Path) -> None:
    """A missing file, a folder, bytes, broken TOML and a CSV given as a config each say so."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "broken.toml").write_text("a = \n")
    (tmp_path / "data.csv").write_text("x,y\n1,2\n")
    for name, part in [
        ("no.toml", "no such file"),
        ("", "cannot read"),
        ("bytes.toml", "is not UTF-8"),
        ("broken.toml", "is not TOML"),
        ("data.csv", "rtch train --data"),
    ]:
        with pytest.raises(ConfigError, match=part) as caught:
            load_config(tmp_path / name)
        assert "\n" not in str(caught.value)


@given(st.dictionaries(st.sampled_from(["data", "model", "optimizer", "trainer", "seed", "x"]), json_values))
def test_any_tree_gives_a_config_or_a_config_error(tree: dict[str, Any]) -> None:
    """No tree of JSON values makes it raise anything else."""
    try:
        config = make_config(tree)
    except ConfigError as error:
        assert "\n" not in str(error)
    else:
        assert make_config(config.resolved()) == config


numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400)])


@given(st.sampled_from(["lr", "eps", "weight_decay"]), numbers)
def test_any_number_is_accepted_or_refused(key: str, value: float) -> None:
    """Every finite number above 0 that a float can hold is accepted; all else is a ConfigError."""
    try:
        config = make_config(data=DATA, optimizer={key: value})
    except ConfigError as error:
        assert error.key == f"optimizer.{key}"
    else:
        assert isinstance(config, Config)
        assert math.isfinite(config.resolved()["optimizer"][key])
