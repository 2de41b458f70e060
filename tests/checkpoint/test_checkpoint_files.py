# SPDX-License-Identifier: MIT
from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rtch.checkpoint import files
from rtch.errors import CheckpointFormatError, CheckpointIOError

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def make_folder(path, content):
    with files.replacing_folder(path) as temporary:
        for name in ("a", "b"):
            files.replace_file(temporary / name, [content])


def start(code, *arguments):
    """Run Python code in a process of its own, with the same import path as this one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_file_is_made_and_replaced(tmp_path):
    """The chunks become the whole content, and nothing else is left in the folder."""
    path = tmp_path / "file"
    files.replace_file(path, [b"first content"])
    files.replace_file(path, [b"se", memoryview(b""), memoryview(b"cond")])

    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["file"]


def test_file_behind_a_link(tmp_path):
    """A symbolic link stays, and the file that it leads to is replaced."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "file")
    files.replace_file(link, [b"content"])

    assert link.is_symlink()
    assert (tmp_path / "real" / "file").read_bytes() == b"content"


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_full_disk_keeps_the_old_file(tmp_path, monkeypatch, call):
    """ENOSPC, while writing or only while syncing, is a CheckpointIOError; the old file stands alone."""
    path = tmp_path / "file"
    files.replace_file(path, [b"old"])

    def chunks():
        yield b"new"
        if call == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(CheckpointIOError, match="can't be written; got No space left on device") as caught:
        files.replace_file(path, chunks())

    assert (errno.ENOSPC, str(path)) == (caught.value.errno, caught.value.path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@posix
def test_file_size_limit(tmp_path):
    """A write that the system stops halfway keeps the old file and leaves nothing beside it."""
    path = tmp_path / "file"
    files.replace_file(path, [b"old"])
    code = """
        import resource, sys
        from rtch.checkpoint import files
        from rtch.errors import CheckpointIOError
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            files.replace_file(sys.argv[1], [bytes(70_000), bytes(70_000)])
        except CheckpointIOError as error:
            print(error)
    """
    output, _ = start(code, path).communicate(timeout=60)

    assert output == f"{path}: can't be written; got File too large\n"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("path", ["missing/file", "a\0b", "/", "file/below"])
def test_impossible_target(tmp_path, monkeypatch, path):
    """A target that can't be written is a CheckpointIOError, for files and folders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"a file")
    with pytest.raises(CheckpointIOError, match="can't be written"):
        files.replace_file(path, [b"new"])
    with pytest.raises(CheckpointIOError, match="can't be written"):
        make_folder(path, b"new")


@pytest.mark.parametrize("can_exchange", [True, False])
def test_folder_is_made_and_replaced(tmp_path, monkeypatch, can_exchange):
    """The new folder takes the place of the old one, with and without the system's exchange."""
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    path = tmp_path / "folder"
    make_folder(path, b"old")
    (path / "extra").write_bytes(b"of the old folder")
    make_folder(path, b"new")

    assert names(tmp_path) == ["folder"]
    assert names(path) == ["a", "b"]
    assert (path / "a").read_bytes() == b"new"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has renameat2")
def test_linux_exchanges_in_one_step(tmp_path):
    """On Linux the two names swap."""
    make_folder(tmp_path / "one", b"1")
    make_folder(tmp_path / "two", b"2")

    assert files._exchange(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one" / "a").read_bytes() == b"2"
    assert not files._exchange(tmp_path / "one", tmp_path / "none")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), CheckpointFormatError("rule; got X", path="x")])
def test_folder_block_that_raises(tmp_path, error):
    """Whatever the block raises passes, and the old folder stands alone."""
    path = tmp_path / "folder"
    make_folder(path, b"old")
    with pytest.raises(type(error)), files.replacing_folder(path) as temporary:
        files.replace_file(temporary / "a", [b"new"])
        raise error

    assert names(tmp_path) == ["folder"]
    assert (path / "a").read_bytes() == b"old"


def test_full_disk_keeps_the_old_folder(tmp_path, monkeypatch):
    """A file that can't be written names the folder in its error and leaves the old folder alone."""
    path = tmp_path / "folder"
    make_folder(path, b"old")

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(CheckpointIOError) as caught:
        make_folder(path, b"new")

    assert str(caught.value) == f"{path}: can't be written; got No space left on device"
    assert names(tmp_path) == ["folder"]
    assert (path / "a").read_bytes() == b"old"


def test_folder_does_not_replace_a_file(tmp_path):
    """A file in the folder's place is refused and kept."""
    path = tmp_path / "folder"
    path.write_bytes(b"a file")
    with pytest.raises(CheckpointIOError, match="a file in the folder's place"):
        make_folder(path, b"new")

    assert path.read_bytes() == b"a file"


@posix
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_killed_writer(tmp_path, kind):
    """SIGKILL before any step leaves old or new content, whole, and leftovers that are plainly temporary."""
    code = """
        import json, pathlib, sys
        from kill_at_each_step import outcomes
        from rtch.checkpoint import files

        folder, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
        target = folder / "target"

        def save(content):
            if kind == "file":
                files.replace_file(target, [content, content])
            else:
                with files.replacing_folder(target) as temporary:
                    for name in "ab":
                        files.replace_file(temporary / name, [content])

        def look():
            parts = [target] if kind == "file" else sorted(target.iterdir())
            return [[part.read_text() for part in parts], [path.name for path in folder.iterdir()]]

        print(json.dumps(outcomes(lambda: save(b"old"), lambda: save(b"new"), look)))
    """
    output, _ = start(code, tmp_path, kind).communicate(timeout=120)
    found = json.loads(output)
    contents = [content for content, _ in found]
    old, new = (["oldold"], ["newnew"]) if kind == "file" else (["old", "old"], ["new", "new"])
    n_old = contents.count(old)

    assert [old] * n_old + [new] * (len(contents) - n_old) == contents
    assert n_old >= 3
    assert len(contents) - n_old >= 2
    for name in found[-1][1]:
        assert name == "target" or (name.startswith(".") and name.endswith(".tmp"))


def test_paths_are_strings_or_paths(tmp_path):
    """Targets are given as str or as Path."""
    files.replace_file(str(tmp_path / "one"), [b"1"])
    files.replace_file(Path(tmp_path) / "two", [b"2"])

    assert names(tmp_path) == ["one", "two"]
