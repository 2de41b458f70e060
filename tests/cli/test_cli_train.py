# SPDX-License-Identifier: MIT
"""``rtch train``, ``resume`` and ``replay`` as a person or a program calls them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import rtch
from rtch._c import lib
from rtch.cli import main
from rtch.errors import StoreIOError
from rtch.store import Store, info
from rtch.store.records import RunInfo

EXAMPLES = Path(__file__).parents[2] / "examples"
DIABETES = str(EXAMPLES / "diabetes.csv")

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals can't be sent to one process there")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, and the number of threads put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RTCH_RUNS", raising=False)
    threads = rtch.get_num_threads()
    yield tmp_path
    rtch.set_num_threads(threads)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def train(*arguments: str, data: str = DIABETES) -> Result:
    return call("train", "--data", data, "--target", "progression", "--epochs", "3", *arguments)


def refused(result: Result, *parts: str, code: int = 2) -> None:
    """One line on standard error with each part, no traceback, and the exit code."""
    assert code == result.exit_code, result.output
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("rtch: error: ")
    assert "Traceback" not in result.output
    for part in parts:
        assert part in lines[-1]


def test_training_ends_with_a_summary_for_a_person() -> None:
    """Test metrics, hash and what to do next are on the screen; progress goes to standard error."""
    result = train()
    assert result.exit_code == 0, result.output
    (run,) = Store("runs").ids()
    recorded = Store("runs").run(run).results
    assert f"run {run}" in result.stderr
    assert "linear model, 10 features of diabetes.csv; 309 rows to train, 67 to validate, 66 to test" in result.stderr
    assert "epoch 3/3" in result.stderr
    assert f"R2   {recorded['test']['r2']:.4f}" in result.stdout
    assert f"MAE  {recorded['test']['mae']:.5g}" in result.stdout
    assert f"MSE  {recorded['test']['mse']:.5g}" in result.stdout
    assert recorded["weights_sha256"] in result.stdout
    assert "rtch summary latest" in result.stdout
    assert "rtch replay latest" in result.stdout
    assert "bmi" in result.stdout


def test_json_is_the_whole_of_standard_output() -> None:
    """With --json nothing but one document is printed."""
    result = train("--json", "--seed", "4", "--tag", "a", "--tag", "b", "--name", "n")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    view = Store("runs").run(document["run"])
    assert document["weights_sha256"] == view.results["weights_sha256"]
    assert document["test"] == view.results["test"]
    assert (view.name, view.tags, view.info.seed) == ("n", ["a", "b"], 4)
    assert result.stderr == ""


def test_options_become_configuration() -> None:
    """Each option sets its key, and --set reaches the others."""
    result = train(
        *("--model", "mlp", "--hidden", "8,4", "--optimizer", "sgd", "--lr", "0.02", "--batch-size", "16"),
        *("--patience", "2", "--checkpoint-every", "0", "--ignore", "s1", "--ignore", "s2"),
        *("--set", "optimizer.momentum=0.5", "--set", "data.split=[0.6, 0.2]", "--set", "model.activation=tanh"),
        "--json",
    )
    assert result.exit_code == 0, result.output
    config = json.loads(result.stdout)["config"]
    assert config["model"] == {"name": "mlp", "hidden": [8, 4], "activation": "tanh"}
    assert config["optimizer"]["momentum"] == 0.5
    assert config["optimizer"]["lr"] == 0.02
    assert config["data"]["split"] == [0.6, 0.2]
    assert config["data"]["ignore"] == ["s1", "s2"]
    assert [config["trainer"][key] for key in ("epochs", "batch_size", "patience", "checkpoint_every")] == [3, 16, 2, 0]


def test_options_override_the_file() -> None:
    """A configuration file gives the rest, its data path relative to itself."""
    result = call("train", str(EXAMPLES / "diabetes.toml"), "--epochs", "2", "--json")
    assert result.exit_code == 0, result.output
    config = json.loads(result.stdout)["config"]
    assert config["trainer"]["epochs"] == 2
    assert config["trainer"]["checkpoint_every"] == 25
    assert config["data"]["path"] == DIABETES
    assert config["tags"] == ["example", "linear"]


def test_hidden_alone_means_an_mlp() -> None:
    """Naming widths without a model chooses the mlp."""
    document = json.loads(train("--hidden", "4", "--json").stdout)
    assert document["config"]["model"] == {"name": "mlp", "hidden": [4], "activation": "relu"}


def write(name: str, text: str | bytes) -> str:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (None, ["no such file"]),
        ("", ["is empty"]),
        ("x,progression\n", ["no rows"]),
        ("x,y\n1,2\n", ["no column 'progression'", "'y'"]),
        ("x,progresion\n1,2\n", ["did you mean 'progresion'?"]),
        ("x,progression\n1,2\n2,high\n", ["row 2 (line 3), column 'progression'", "'high' is not a number"]),
        ("x,progression\n1,1\n1,2\n", ["every feature is constant"]),
        ("x,progression\n1,1\nnan,2\n", ["row 2 (line 3), column 'x'", "not a finite number"]),
        ("x,progression\n1,1\n2,2\n", ["would be empty"]),
        ("x,progression\n1,1,1\n", ["row 1 (line 2)"]),
        (b"x,progression\n\xff,1\n", ["not utf-8"]),
    ],
)
def test_bad_data_is_one_line_and_exit_code_2(text: str | bytes | None, parts: list[str]) -> None:
    """Nothing is written, and the line says what is wrong and where."""
    path = "bad.csv" if text is None else write("bad.csv", text)
    refused(train(data=path), *parts)
    assert not Path("runs").exists()


def test_bad_configurations_are_one_line_and_exit_code_2() -> None:
    """Unknown keys, wrong types, wrong values and unreadable files name the key or the file."""
    base = f'[data]\npath = "{DIABETES}"\ntarget = "progression"\n'
    refused(call("train", write("a.toml", base + "[trainer]\nepoch = 3\n")), "trainer.epoch", "did you mean 'epochs'?")
    refused(call("train", write("b.toml", base + '[trainer]\nepochs = "3"\n')), "trainer.epochs", "expected int")
    refused(call("train", write("c.toml", base + "[optimizer]\nlr = -1\n")), "optimizer.lr", "greater than 0")
    refused(call("train", write("d.toml", "x = \n")), "not TOML")
    refused(call("train", "no.toml"), "no such file: no.toml")
    refused(call("train", DIABETES), "not TOML", "--data")
    refused(call("train"), "CONFIG.toml", "--data")
    refused(call("train", "--data", DIABETES), "data.target is missing")
    refused(train("--hidden", "8,x"), "whole numbers")
    refused(train("--epochs", "0"), "trainer.epochs")
    refused(train("--set", "x"), "KEY=VALUE")
    refused(train("--set", "trainer.nope=1"), "trainer.nope")
    refused(train("--set", "seed.x=1", "--seed", "1"), "seed")
    refused(train("--model", "linear", "--hidden", "3"), "model.hidden")
    refused(train("--seed", "-1"), "seed")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("data.ignore=" + "[" * 5000, ["the value of data.ignore nests too deeply"]),
        ("model.name" + ".a" * 5000 + "=1", ["nests too deeply"]),
        ("data.source={" + "a." * 5000 + "a=1}", ["nests too deeply"]),
        ("seed=" + "1" * 5000, ["seed: expected int"]),
        ("seed=0x" + "f" * 5000, ["can't be shown"]),
        (r'data.encoding="a\u0000b"', ["cannot decode as", "null character"]),
    ],
    ids=["list", "key", "inline table", "digits", "hexadecimal", "NUL"],
)
def test_settings_that_python_itself_chokes_on(setting: str, parts: list[str]) -> None:
    """Each is one line like any other bad setting."""
    refused(train("--set", setting), *parts)


@pytest.mark.parametrize(
    ("text", "part"), [("x = " + "[" * 5000, "nests too deeply"), ("seed = " + "1" * 5000, "is not TOML")]
)
def test_files_that_python_itself_chokes_on(text: str, part: str) -> None:
    """So is such a file, which the line names."""
    refused(call("train", write("deep.toml", text)), "deep.toml", part)


def test_divergence_is_exit_code_1_and_a_failed_run() -> None:
    """The line names step, loss and advice; the run is failed and can be looked at."""
    result = train("--optimizer", "sgd", "--lr", "1e8")
    view = Store("runs").run("latest")
    refused(result, "lower the learning rate", "at step", f"run {view.id} is marked failed", code=1)
    assert view.status == "failed"
    assert call("list").exit_code == 0
    assert "failed: DivergedError: train: the loss" in call("summary", "latest").output


def test_a_full_disk_leaves_a_run_to_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the end can't be written either, the line says so, and with space again resume goes on."""

    def full(folder: Path, record: RunInfo) -> None:
        if (folder / "metrics.jsonl").exists():
            raise StoreIOError("write: No space left on device")
        write_info(folder, record)

    write_info = info.write
    monkeypatch.setattr(info, "write", full)
    result = train()
    view = Store("runs").run("latest")
    refused(result, "No space left", f"run {view.id} is left unfinished; `rtch resume {view.id}` goes on")
    assert "marked" not in result.stderr
    assert "crashed" == view.status
    monkeypatch.setattr(info, "write", write_info)
    assert 0 == call("resume", "latest").exit_code


def test_a_runs_folder_that_cannot_be_written() -> None:
    """A folder below a regular file is one line and exit code 2."""
    write("file", "")
    refused(train("--runs-dir", "file/runs"), "file/runs")


def test_runs_that_do_not_exist_or_are_ambiguous() -> None:
    """resume and replay say which runs there are."""
    for command in ("resume", "replay"):
        refused(call(command, "latest"), "no runs")
    train()
    train()
    for command in ("resume", "replay"):
        refused(call(command, "ZZZ"), "ZZZ")
        refused(call(command, "0"), "2 runs begin with '0'")


def has_checkpoint(store: Store) -> bool:
    return any((store.path / run / "run.json").exists() and store.run(run).checkpoints for run in store.ids())


@posix_only
def test_resume_goes_on_after_a_kill() -> None:
    """Killed in the middle, list, summary and export work, and resume ends with the hash of a run never
    killed.
    """
    command = [sys.executable, "-m", "rtch.cli", "train", "--data", DIABETES, "--target", "progression"]
    command += ["--epochs", "400", "--checkpoint-every", "5", "--json"]
    store = Store("killed")
    with subprocess.Popen([*command, "--runs-dir", "killed"], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not has_checkpoint(store):
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert "crashed" in call("list", "--runs-dir", "killed").output
    assert call("summary", "latest", "--runs-dir", "killed").exit_code == 0
    exported = call("export", "latest", "--format", "csv", "--runs-dir", "killed")
    assert exported.exit_code == 0
    assert ",loss," in exported.stdout
    resumed = call("resume", "latest", "--runs-dir", "killed", "--json")
    assert resumed.exit_code == 0, resumed.output
    straight = call(*command[3:], "--runs-dir", "straight")
    first, second = json.loads(resumed.stdout), json.loads(straight.stdout)
    assert first["first_step"] > 0
    assert second["weights_sha256"] == first["weights_sha256"]
    assert second["test"] == first["test"]
    assert call("replay", "latest", "--runs-dir", "killed").exit_code == 0


@posix_only
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_have_an_exit_code_and_say_how_to_go_on(number: signal.Signals, code: int) -> None:
    """The run is interrupted, readable, and resumable by the command that is printed."""
    command = [sys.executable, "-m", "rtch.cli", "train", "--data", DIABETES, "--target", "progression"]
    with subprocess.Popen(
        [*command, "--epochs", "100000", "--checkpoint-every", "0"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert process.stderr.readline().startswith("epoch ")
        process.send_signal(number)
        rest = process.stderr.read()
    assert first.startswith("run ")
    assert process.returncode == code
    view = Store("runs").run("latest")
    assert view.status == "interrupted"
    assert rest.splitlines()[-1].startswith("rtch: interrupted at step ")
    assert f"`rtch resume {view.id}`" in rest
    assert "Traceback" not in rest
    assert len(view.checkpoints) == 1


def test_resume_of_a_completed_run_leaves_it_alone() -> None:
    """A loop that resumes until success can end."""
    train()
    result = call("resume", "latest")
    assert result.exit_code == 0
    assert "completed already" in result.output
    document = json.loads(call("resume", "latest", "--json").stdout)
    assert document["weights_sha256"] == Store("runs").run("latest").results["weights_sha256"]


def test_resume_of_a_truncated_checkpoint() -> None:
    """One line names the file, exit code 2."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rtch.train.trainer.Trainer._finish", _interrupted)
        assert train("--checkpoint-every", "1").exit_code == 130
    path = Store("runs").run("latest").checkpoints[-1].path / "model.rtch"
    path.write_bytes(path.read_bytes()[:30])
    refused(call("resume", "latest"), "model.rtch", "truncated")


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_replay_is_identical_with_any_number_of_threads() -> None:
    """The line shows hash, steps and threads, exit code 0."""
    train()
    sha256 = Store("runs").run("latest").results["weights_sha256"]
    recorded = Store("runs").run("latest").info.environment["threads"]
    for threads, text in ((1, "1 thread"), (2, "2 threads"), (4, "4 threads")):
        result = call("replay", "latest", "--threads", str(threads))
        assert result.exit_code == 0
        assert result.stdout == (f"identical  sha256 {sha256[:6]}..  30 steps, {text} (recorded with {recorded})\n")
    document = json.loads(call("replay", "latest", "--json").stdout)
    assert (document["verdict"], document["exit_code"]) == ("identical", 0)
    assert document["replayed"] == sha256


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512", "neon"])
def test_replay_is_identical_with_another_instruction_set(isa: str) -> None:
    """A model trained here has the same hash when the kernels of another instruction set train it again."""
    if not lib.rt_isa_available(isa.encode()):
        pytest.skip(f"this machine has no {isa}")
    train("--model", "mlp", "--hidden", "9,5")
    process = subprocess.run(
        [sys.executable, "-m", "rtch.cli", "replay", "latest"],
        env={**os.environ, "RTCH_ISA": isa, "RTCH_NUM_THREADS": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert process.stdout.startswith("identical  sha256 ")
    assert process.returncode == 0


def test_synthetic_data_needs_no_file() -> None:
    """The second source is reached by --set, and its true weights are shown beside the learned ones."""
    result = call("train", "--set", "data.source=synthetic", "--set", "data.n_features=3", "--epochs", "30")
    assert result.exit_code == 0, result.output
    assert "3 features of synthetic data" in result.stderr
    assert "learned and true" in result.stdout


def test_replay_shows_the_first_difference() -> None:
    """Exit code 1 with step, metric and both values."""
    train()
    path = Store("runs").run("latest").path / "metrics.jsonl"
    lines = path.read_text().splitlines()
    record = json.loads(lines[5])
    record["values"]["loss"] += 0.5
    lines[5] = json.dumps(record)
    path.write_text("\n".join(lines) + "\n")
    result = call("replay", "latest")
    assert result.exit_code == 1
    assert result.stdout.startswith("different  4 steps, ")
    assert "first difference at step 5: loss" in result.stdout
    assert repr(record["values"]["loss"]) in result.stdout
    assert json.loads(call("replay", "latest", "--json").stdout)["exit_code"] == 1


def test_replay_of_changed_data() -> None:
    """Exit code 1, said as changed data."""
    shutil.copy(DIABETES, "d.csv")
    train(data="d.csv")
    with Path("d.csv").open("a") as file:
        file.write("59,2,32.1,101,157,93.2,38,4,4.8598,87,151\n")
    result = call("replay", "latest")
    assert result.exit_code == 1
    assert result.stdout.startswith("data changed: ")
    Path("d.csv").unlink()
    refused(call("replay", "latest"), "no such file")
    assert call("replay", "latest", "--data", DIABETES).exit_code == 0


def test_replay_under_another_numerics_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, and the release to install is named."""
    train()
    monkeypatch.setattr(rtch, "numerics_version", 99, raising=False)
    result = call("replay", "latest")
    assert result.exit_code == 4
    assert "this rtch has 99" in result.stdout
    assert f"pip install rtch=={Store('runs').run('latest').info.environment['rtch']}" in result.stdout


def test_replay_of_what_cannot_be_replayed() -> None:
    """Exit code 2 and the reason."""
    with Store("runs").start_run("script") as run:
        run.log({"loss": 1.0})
    refused(call("replay", "latest"), "made by a script")
    train("--optimizer", "sgd", "--lr", "1e8")
    refused(call("replay", "latest"), "only completed runs", "failed")


@pytest.mark.parametrize("command", ["train", "resume", "replay"])
def test_help(command: str) -> None:
    """-h works, and its first line is the one that the group shows."""
    result = call(command, "-h")
    assert result.exit_code == 0
    from rtch.cli import COMMANDS

    assert COMMANDS[command][1] in result.stdout


def test_the_store_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """RTCH_RUNS names the store; --runs-dir is repeated in the commands that are suggested."""
    monkeypatch.setenv("RTCH_RUNS", "elsewhere")
    assert "rtch replay latest " in train().stdout
    assert len(Store("elsewhere").ids()) == 1
    assert "rtch replay latest --runs-dir third" in train("--runs-dir", "third").stdout


def test_suggested_commands_can_be_typed(tmp_path, monkeypatch):
    """Called by a path that a shell would not find by name, the commands that are suggested carry that path."""
    from rtch.cli.training import program

    script = tmp_path / "bin" / "rtch"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [str(script)])
    assert str(script) == program()
    monkeypatch.setenv("PATH", str(script.parent))
    assert "rtch" == program()
    monkeypatch.setattr("sys.argv", ["-c"])
    assert "rtch" == program()
