# SPDX-License-Identifier: MIT
from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import subprocess
import sys
import textwrap

import pytest

import rtch as library
from rtch import checkpoint
from rtch.checkpoint import load_training, save_training
from rtch.dtypes import float64
from rtch.errors import (
    ArgumentError,
    CheckpointError,
    CheckpointFormatError,
    CheckpointIOError,
)

STATE = {
    "step": 400,
    "epoch": 3,
    "rng": {"seed": 7, "offset": 2**63},
    "scaler": {"mean": [0.1, -0.0], "scale": [1e-308, math.inf]},
    "best": math.nan,
    "pair": (1, 2.5),
    "by_epoch": {0: 1.5, 1: None},
    "größe": "é\n",
}


def model():
    return {"weight": library.asarray([[1.0, 2.0]]).requires_grad_(), "bias": library.asarray([0.5])}


def optimizer():
    return {
        "state": {
            0: {"step": 3, "exp_avg": library.asarray([[0.1, 0.2]]), "exp_avg_sq": library.asarray([[0.3, 0.4]])},
            1: {"step": 3, "exp_avg": library.asarray([0.5]), "exp_avg_sq": library.asarray([0.6])},
        },
        "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": False, "params": [0, 1]}],
    }


class HasStateDict:
    """Stands for a Module or an Optimizer."""

    def __init__(self, state):
        self.state = state

    def state_dict(self):
        return self.state


def plain(value):
    """Return a structure that compares by value and type: tensors as dtype, shape and bytes."""
    if isinstance(value, library.Tensor):
        return ("tensor", value.dtype.name, value.shape, value.tobytes(), value.requires_grad)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (type(value).__name__, [plain(item) for item in value])
    return (type(value).__name__, repr(value))


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "step-000400"
    save_training(folder, model=model(), optimizer=optimizer(), state=STATE)
    return folder


def rewrite(folder, change):
    """Change state.json's content and make its own hash fit again."""
    document = json.loads((folder / "state.json").read_text("utf-8"))
    change(document)
    body = {key: value for key, value in document.items() if key != "sha256"}
    compact = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    document["sha256"] = hashlib.sha256(compact.encode()).hexdigest()
    (folder / "state.json").write_text(json.dumps(document, ensure_ascii=False), "utf-8")


@pytest.mark.parametrize("wrap", [lambda state: state, HasStateDict])
def test_round_trip(tmp_path, wrap):
    """Model, optimiser and state come back with every bit, type and order, from mappings and from objects."""
    folder = tmp_path / "checkpoint"
    paths = save_training(str(folder), model=wrap(model()), optimizer=wrap(optimizer()), state=STATE)
    loaded = load_training(str(folder))

    assert [folder / name for name in ("model.rtch", "optimizer.rtch", "state.json")] == paths
    assert plain(dict(sorted(model().items()))) == plain(loaded.model)
    assert plain(optimizer()) == plain(loaded.optimizer)
    assert plain(STATE) == plain(loaded.state)
    assert list(STATE) == list(loaded.state)
    assert library.numerics_version == loaded.numerics_version


def test_tensors_are_named_by_their_path(saved):
    """optimizer.rtch names each tensor by its path in the state_dict."""
    assert list(checkpoint.load(saved / "optimizer.rtch")) == [
        "state.0.exp_avg",
        "state.0.exp_avg_sq",
        "state.1.exp_avg",
        "state.1.exp_avg_sq",
    ]


def test_without_optimizer(tmp_path):
    """Without an optimiser there is no optimizer.rtch, and an empty dict comes back."""
    folder = tmp_path / "checkpoint"
    paths = save_training(folder, model=model(), state={})

    assert sorted(path.name for path in folder.iterdir()) == ["model.rtch", "state.json"]
    assert [folder / "model.rtch", folder / "state.json"] == paths
    assert load_training(folder).optimizer == {}


def test_optimizer_without_tensors(tmp_path):
    """SGD without momentum has no tensors to keep; its groups come back all the same."""
    state = {"state": {}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    save_training(tmp_path / "c", model=model(), optimizer=state, state={})

    assert plain(state) == plain(load_training(tmp_path / "c").optimizer)


def test_real_module_and_optimizer(tmp_path):
    """A model and Adam go on from a checkpoint with the bits of a training that never stopped."""

    def training():
        generator = library.random.Generator(1)
        layer = library.nn.Linear(3, 1, generator=generator)
        return layer, library.optim.Adam(layer.parameters(), lr=0.01)

    def steps(layer, adam, n):
        x = library.asarray([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]])
        for _ in range(n):
            adam.zero_grad()
            library.mean(library.square(layer(x))).backward()
            adam.step()

    whole, adam = training()
    steps(whole, adam, 6)
    first, adam = training()
    steps(first, adam, 3)
    save_training(tmp_path / "c", model=first, optimizer=adam, state={"step": 3})
    second, adam = training()
    loaded = load_training(tmp_path / "c")
    second.load_state_dict(loaded.model)
    adam.load_state_dict(loaded.optimizer)
    steps(second, adam, 3)

    assert checkpoint.state_sha256(whole.state_dict()) == checkpoint.state_sha256(second.state_dict())


def test_replaces_an_older_checkpoint(saved):
    """A checkpoint that exists is replaced whole, with nothing left beside it."""
    (saved / "old-file").write_bytes(b"")
    save_training(saved, model=model(), state={"step": 500})

    assert load_training(saved).state == {"step": 500}
    assert sorted(path.name for path in saved.iterdir()) == ["model.rtch", "state.json"]
    assert [saved] == list(saved.parent.iterdir())


def test_same_content_gives_the_same_bytes(tmp_path):
    """Two saves of one state give equal files."""
    one = save_training(tmp_path / "one", model=model(), optimizer=optimizer(), state=STATE)
    two = save_training(tmp_path / "two", model=model(), optimizer=optimizer(), state=STATE)

    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


@pytest.mark.parametrize("name", ["model.rtch", "optimizer.rtch"])
def test_truncated_sibling(saved, name):
    """A sibling cut at any byte is a format error that names the file."""
    whole = (saved / name).read_bytes()
    for n_bytes in range(0, len(whole), 7):
        (saved / name).write_bytes(whole[:n_bytes])
        with pytest.raises(CheckpointFormatError, match=f"{name}: state.json says {len(whole)} bytes") as caught:
            load_training(saved)
        assert str(saved / name) == caught.value.path


@pytest.mark.parametrize("name", ["model.rtch", "optimizer.rtch"])
def test_changed_sibling(saved, name):
    """One flipped bit anywhere in a sibling is a format error."""
    whole = (saved / name).read_bytes()
    for at in range(0, len(whole), 11):
        (saved / name).write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(CheckpointFormatError, match=f"{name}: state.json says SHA-256"):
            load_training(saved)


def test_damaged_state(saved):
    """Cutting state.json, or changing a byte of it, is an error or changes no value; every third byte is tried."""
    path = saved / "state.json"
    whole = path.read_bytes()
    expected = plain(load_training(saved).state)
    n_errors = 0
    tried = range(0, len(whole), 3)
    for at in tried:
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                found = plain(load_training(saved).state)
            except CheckpointError:
                n_errors += 1
            else:
                assert expected == found
    assert n_errors > 1.5 * len(tried)


@pytest.mark.parametrize("name", ["model.rtch", "optimizer.rtch", "state.json"])
def test_missing_file(saved, name):
    """A file that is gone is an I/O error with its path."""
    (saved / name).unlink()
    with pytest.raises(CheckpointIOError, match="No such file") as caught:
        load_training(saved)

    assert (errno.ENOENT, str(saved / name)) == (caught.value.errno, caught.value.path)


def test_missing_folder(tmp_path):
    """A folder that is not there is an I/O error."""
    with pytest.raises(CheckpointIOError, match="No such file"):
        load_training(tmp_path / "none")


def drop_tensor(document):
    document["optimizer"]["state"] = {}


def name_twice(document):
    document["optimizer"]["again"] = {"$tensor": "state.0.exp_avg"}


def name_unknown(document):
    document["optimizer"]["again"] = {"$tensor": "state.9.exp_avg"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop_tensor, "each tensor of optimizer.rtch is named here; got none for 'state.0.exp_avg'"),
        (name_twice, "each \\$tensor is one of optimizer.rtch, named once"),
        (name_unknown, "each \\$tensor is one of optimizer.rtch, named once; got 'state.9.exp_avg'"),
        (lambda d: d.update(version=3), "state of an rtch training checkpoint, version 1 or 2"),
        (lambda d: d.update(version=2), "version 2, and no other, has the key other; got version 2"),
        (lambda d: d.update(other=[]), "version 2, and no other, has the key other; got version 1"),
        (lambda d: d.update(format="other"), "state of an rtch training checkpoint, version 1 or 2"),
        (lambda d: d.update(extra=1), "unknown field `extra`"),
        (lambda d: d.pop("state"), "missing required field `state`"),
        (lambda d: d.update(state={"$float": "NaN"}), "optimizer and state are dicts; got float"),
        (lambda d: d.update(state={"x": {"$tensor": "weight"}}), "state holds no \\$tensor; got weight"),
        (lambda d: d.update(state=[]), "Expected `object`, got `array`"),
        (lambda d: d["files"].pop("optimizer.rtch"), "files are \\['model.rtch', 'optimizer.rtch'\\]"),
        (lambda d: d["files"].update({"../x": d["files"]["model.rtch"]}), "files are"),
        (lambda d: d.update(optimizer=None), "files are \\['model.rtch'\\]"),
        (lambda d: d["files"]["model.rtch"].update(sha256="0" * 64), "the file is damaged or another"),
    ],
)
def test_hostile_state(saved, change, says):
    """A state.json with a fitting hash but broken content is a format error."""
    rewrite(saved, change)
    with pytest.raises(CheckpointFormatError, match=says):
        load_training(saved)


DTYPES = ["bool", "int8", "int64", "uint16", "uint64", "float16", "bfloat16", "float64", "complex64", "complex128"]


def others():
    model_state = {"weight": library.asarray([[1.0, 2.0]]), "count": library.asarray(2**60 + 1)}
    for name in DTYPES:
        model_state[name] = library.asarray([[0.0, 1.0, 1.0]]).astype(name)
    model_state["double"] = library.asarray([0.1, math.nan, -0.0], dtype="float64").requires_grad_()
    model_state["none"] = library.zeros((0, 3), dtype="int32")
    state = {0: {"step": 3, "exp_avg": library.asarray([0.1], dtype="float64")}, 1: {"mask": [library.asarray([True])]}}
    return model_state, {"state": state, "param_groups": []}


def test_other_dtypes_come_back(tmp_path):
    """Tensors of every other dtype, of model and optimiser, come back bit for bit; twice the same bytes."""
    model_state, optimizer_state = others()
    for name in ("a", "b"):
        paths = save_training(tmp_path / name, model=model_state, optimizer=optimizer_state, state={"step": 1})
    assert ["model.rtch", "optimizer.rtch", "other.bin", "state.json"] == [path.name for path in paths]
    loaded = load_training(tmp_path / "a")
    assert plain(dict(sorted(model_state.items()))) == plain(loaded.model)
    assert plain(optimizer_state) == plain(loaded.optimizer)
    for path in paths:
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    assert 2 == json.loads(paths[-1].read_text("utf-8"))["version"]
    assert ["weight"] == list(checkpoint.load(tmp_path / "a" / "model.rtch"))


def test_float32_alone_is_version_1(saved):
    """Without other dtypes nothing of a checkpoint is different from before."""
    document = json.loads((saved / "state.json").read_text("utf-8"))
    assert (1, False) == (document["version"], "other" in document)
    assert not (saved / "other.bin").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.pop(), "the tensors of other dtypes have [0-9]+ bytes; got"),
        (lambda rows: rows[0].update(shape=[2]), "the tensors of other dtypes have"),
        (lambda rows: rows[0].update(shape=[-1]), "count has a shape; got"),
        (lambda rows: rows[0].update(shape=[1] * 33), "count has a shape; got"),
        (lambda rows: rows[0].update(shape=[2**62, 0]), "count has at most"),
        (lambda rows: rows[0].update(dtype="float32"), "count has a dtype of rtch other than float32"),
        (lambda rows: rows[0].update(dtype="int63"), "count has a dtype of rtch other than float32; got int63"),
        (lambda rows: rows[0].update(part="trainer"), "is in model or optimizer, once; got count in trainer"),
        (lambda rows: rows[0].update(name="bool"), "is in model or optimizer, once; got bool in model"),
        (lambda rows: rows[0].update(name="weight"), "each name of the model stands once; got 'weight'"),
        (lambda rows: rows[0].update(requires_grad=True), "count requires grad, so it is floating; got int64"),
        (lambda rows: rows[0].update(extra=1), "unknown field `extra`"),
        (lambda rows: rows[-1].update(name="state.9"), "each \\$tensor is one of"),
    ],
)
def test_hostile_rows(tmp_path, change, says):
    """Rows that are not the file's are format errors."""
    model_state, optimizer_state = others()
    save_training(tmp_path / "c", model=model_state, optimizer=optimizer_state, state={})
    rewrite(tmp_path / "c", lambda document: change(document["other"]))
    with pytest.raises(CheckpointFormatError, match=says):
        load_training(tmp_path / "c")


def test_damaged_other_dtypes(tmp_path):
    """A changed byte, a cut file and a missing one are seen, and so is a bool that is neither 0 nor 1."""
    model_state, optimizer_state = others()
    save_training(tmp_path / "c", model=model_state, optimizer=optimizer_state, state={})
    path = tmp_path / "c" / "other.bin"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"\x07")
    with pytest.raises(CheckpointFormatError, match="the file is damaged or another"):
        load_training(tmp_path / "c")

    def fit(document):
        document["files"]["other.bin"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()

    rewrite(tmp_path / "c", fit)
    with pytest.raises(CheckpointFormatError, match="is a byte 0 or 1"):
        load_training(tmp_path / "c")
    path.write_bytes(data[:-1])
    with pytest.raises(CheckpointFormatError, match="truncated or another"):
        load_training(tmp_path / "c")
    path.unlink()
    with pytest.raises(CheckpointIOError, match=r"other\.bin"):
        load_training(tmp_path / "c")


def test_state_too_long(saved, monkeypatch):
    """A state.json beyond the limit is refused before it is read."""
    monkeypatch.setattr(checkpoint.training, "MAX_STATE_BYTES", 100)
    with pytest.raises(CheckpointFormatError, match="at most 100 bytes"):
        load_training(saved)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"model": 3, "state": {}}, ArgumentError, "model is a mapping or has state_dict\\(\\); got int"),
        ({"model": {}, "optimizer": [], "state": {}}, ArgumentError, "optimizer is a mapping"),
        ({"model": {}, "state": []}, ArgumentError, "state is a mapping or has .*; got list"),
        ({"model": {}, "state": {"x": object()}}, CheckpointFormatError, "state.json: .* got object at x"),
        ({"model": {}, "state": {"x": library.zeros(1)}}, CheckpointFormatError, "got Tensor at x"),
        (
            {"model": {"w": 3.0}, "state": {}},
            CheckpointFormatError,
            "tensor 'w': a state holds tensors only",
        ),
        (
            {"model": {3: library.zeros(1, dtype=float64)}, "state": {}},
            CheckpointFormatError,
            "a name is a string",
        ),
        (
            {"model": {"a\n": library.zeros(1, dtype=float64)}, "state": {}},
            CheckpointFormatError,
            "other.bin: a name has no control characters",
        ),
        (
            {"model": {}, "optimizer": {0: library.zeros(1), "0": library.zeros(1)}, "state": {}},
            CheckpointFormatError,
            "tensor '0': each tensor has a path of its own",
        ),
    ],
)
def test_refuses_to_save(tmp_path, arguments, error, says):
    """What would not come back is refused before anything is written."""
    with pytest.raises(error, match=says):
        save_training(tmp_path / "c", **arguments)

    assert list(tmp_path.iterdir()) == []


def test_full_disk(saved, monkeypatch):
    """ENOSPC keeps the old checkpoint and leaves nothing beside it."""

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(CheckpointIOError, match="step-000400: can't be written; got No space left on device"):
        save_training(saved, model=model(), state={"step": 500})
    monkeypatch.undo()

    assert load_training(saved).state["step"] == 400
    assert [saved] == list(saved.parent.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_writer(tmp_path):
    """SIGKILL before any step leaves a checkpoint that loads, the old one or the new one."""
    code = """
        import json, sys
        from kill_at_each_step import outcomes
        import rtch
        from rtch.checkpoint import load_training, save_training

        one, two = rtch.ones(3), rtch.full(3, 2.0)

        def save(x, step):
            save_training(sys.argv[1], model={"x": x}, optimizer={"m": x}, state={"step": step})

        def look():
            found = load_training(sys.argv[1])
            return [found.model["x"].tolist(), found.optimizer["m"].tolist(), found.state["step"]]

        print(json.dumps(outcomes(lambda: save(one, 1), lambda: save(two, 2), look)))
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "checkpoint")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    old, new = [[1.0] * 3, [1.0] * 3, 1], [[2.0] * 3, [2.0] * 3, 2]
    n_old = found.count(old)

    assert [old] * n_old + [new] * (len(found) - n_old) == found
    assert n_old >= 10
    assert len(found) - n_old >= 2
