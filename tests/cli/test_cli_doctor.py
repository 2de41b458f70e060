# SPDX-License-Identifier: MIT
import json

import pytest
from click.testing import CliRunner

from rtch._c import selftest
from rtch.cli import main
from rtch.version import numerics_version


def test_doctor_reports_this_machine():
    """The table names what results depend on, and every kernel passes."""
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    n = len(selftest.expected_digests())
    assert f"{n} of {n} kernels give the recorded bits" in result.output
    for word in ("instruction set", "threads", "compiler", f"numerics version {numerics_version}"):
        assert word in result.output


def test_doctor_json():
    """The same for programs."""
    result = CliRunner().invoke(main, ["doctor", "--json"])
    facts = json.loads(result.output)
    assert facts["wrong"] == []
    assert facts["kernels"] == len(selftest.expected_digests())
    assert facts["isa"] in ("avx512", "avx2", "neon", "baseline")


@pytest.mark.parametrize("as_json", [False, True])
def test_doctor_finds_a_wrong_kernel(monkeypatch, as_json):
    """A digest that differs is named, and the exit status says so."""
    recorded = selftest.expected_digests() | {"TANH": "0" * 16}
    monkeypatch.setattr(selftest, "expected_digests", lambda: recorded)
    result = CliRunner().invoke(main, ["doctor", *(["--json"] if as_json else [])])
    assert result.exit_code == 1
    assert "tanh" in result.output.lower()
    assert "0" * 16 in result.output
