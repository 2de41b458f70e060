# SPDX-License-Identifier: MIT
"""The op table, the public functions, the exports, the stub, the reference page and the C core name the same things."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rtch
from rtch import dtypes, functions
from rtch._c import lib
from rtch.ops.row import F, Kind
from rtch.ops.table import BY_NAME, OPS

ROOT = Path(__file__).parents[2]
# Reached by x[key], its gradient, and x[key] = y.
CALLED = {"getitem", "setitem", "setitem_add", "gather_nd", "scatter_nd", "scatter_nd_add"}
INNER = {  # what nn.functional and gradients are made of
    "hardtanh_grad",
    "linear",
    "log_softmax_grad",
    "softmax_cross_entropy",
    "softmax_cross_entropy_grad",
    "softmax_grad",
    "standardize",
    "standardize_grad",
    "standardize_grad_weight",
    *("convolution", "convolution_transpose", "convolution_weight", "embedding", "embedding_grad"),
    *("max_pool_index", "pool_gather", "pool_scatter", "average_pool", "average_pool_grad"),
}
FUNCTIONAL = {"dropout", "hardtanh", "threshold"}  # found in rtch.nn.functional
BUILT = {"expand_dims", "flip", "squeeze", "stack"}  # made of other ops
EXTENSIONS = {op.name for op in OPS if op.name.startswith(("fft_", "linalg_"))}  # what rtch.fft and rtch.linalg run
STRUCTURE = {op.name for op in OPS if op.kind is Kind.STRUCTURE} - EXTENSIONS
GENERATED = {op.name for op in OPS if op.kind is not Kind.STRUCTURE}


def stub_names() -> set[str]:
    """What `rtch/__init__.pyi` exports."""
    tree = ast.parse((ROOT / "src/rtch/__init__.pyi").read_text(encoding="utf-8"))
    return {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_functions_are_the_table() -> None:
    """Every elementwise op and reduction has its generated function, and nothing else does."""
    assert set(functions.__all__) == GENERATED
    assert len(functions.__all__) == len(GENERATED)


def test_exports_are_the_table() -> None:
    """`rtch` exports every row, save those that are written as indexing or are parts of others; so does the stub."""
    exported = set(dir(rtch))
    ops = {name for name in exported if name in BY_NAME or name in BUILT}
    assert ops == GENERATED | STRUCTURE - CALLED - INNER - FUNCTIONAL | BUILT
    assert exported == stub_names()
    for name in exported:
        assert hasattr(rtch, name)
    for name in STRUCTURE - CALLED - INNER - FUNCTIONAL | BUILT:
        home = importlib.import_module(rtch._HOME_OF[name])
        assert getattr(rtch, name) is getattr(home, name)
    for name in FUNCTIONAL:
        assert callable(getattr(rtch.nn.functional, name))
    with pytest.raises(AttributeError, match=r"'rtch' has no attribute 'nothing'"):
        rtch.nothing  # noqa: B018


def test_gradients_find_the_public_functions() -> None:
    """`F`, through which gradients call ops, is filled by the modules that define them."""
    for name in functions.__all__:
        assert getattr(F, name) is getattr(rtch, name)
    with pytest.raises(AttributeError, match=r"no public function 'nothing'"):
        F.nothing  # noqa: B018


def test_reference_page_is_the_table() -> None:
    """One line per row, in the table's order."""
    text = (ROOT / "docs/reference/ops.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == [op.name for op in OPS]


def test_generated_files_are_current() -> None:
    """`python -m rtch.ops.codegen --check` finds nothing to write."""
    done = subprocess.run(
        [sys.executable, "-m", "rtch.ops.codegen", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_table_needs_nothing_but_python() -> None:
    """The build's generator reads it before there is a C core or NumPy."""
    code = "import rtch.ops.table, sys; print({'numpy', 'cffi', 'rtch._c', 'rtch.tensor'} & set(sys.modules) or '')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src")
    assert done.stdout.strip() == ""


def test_rows_are_whole() -> None:
    """Ids count up; a gradient per differentiable input; a reference that loads; summaries are sentences."""
    assert [op.id for op in OPS] == list(range(len(OPS)))
    assert len(BY_NAME) == len(OPS)
    for op in OPS:
        assert op.grads == () or len(op.grads) == len(op.inputs)
        assert op.summary.endswith(".")
        if op.kind is not Kind.STRUCTURE:
            assert callable(op.reference())


def test_methods_and_operators_are_the_table() -> None:
    """A row that names an operator or a method has it on Tensor."""
    for op in OPS:
        if op.operator:
            assert f"__{op.operator}__" in vars(rtch.Tensor)
        if op.method:
            assert op.name in vars(rtch.Tensor)


def test_the_core_was_built_from_this_table_and_header() -> None:
    """Constants agree between C header, cdef, op table and Python; the C core knows as many ops as the table."""
    header = (ROOT / "csrc/include/rtch.h").read_text(encoding="utf-8")
    defines = {name: int(value) for name, value in re.findall(r"^#define (RT_\w+) (\d+)$", header, re.MULTILINE)}
    assert defines
    for name, value in defines.items():
        assert getattr(lib, name) == value
    assert lib.RT_NUMERICS_VERSION == rtch.numerics_version
    assert {d.code for d in dtypes.ALL} == set(range(lib.RT_N_DTYPES))
    for dtype in dtypes.ALL:
        assert dtype.code == getattr(lib, f"RT_{dtype.short.upper()}")
    declared = set(re.findall(r"\b(rt_\w+)\(", header.split("cdef begin */")[1].split("/* cdef end")[0]))
    assert declared == {name for name in dir(lib) if name.startswith("rt_")}


def test_ops_of_one_kind_are_refused_by_the_entry_of_another() -> None:
    """Op numbers out of the table, or of another kind, give an error and not a wrong kernel."""
    tensor = rtch.ones((2, 2), dtype="int64")
    x = tensor._h
    kinds = {
        Kind.UNARY: "unary",
        Kind.PREDICATE: "unary",
        Kind.BINARY: "binary",
        Kind.COMPARE: "binary",
        Kind.REDUCE: "reduce",
    }
    entries = {
        "unary": lambda number: lib.rt_unary(number, x),
        "binary": lambda number: lib.rt_binary(number, x, x),
        "reduce": lambda number: lib.rt_reduce(number, x, 0, 0),
    }
    for number in (-1, *range(len(OPS) + 1)):
        for name, entry in entries.items():
            mine = 0 <= number < len(OPS) and kinds.get(OPS[number].kind) == name
            got = entry(number)
            assert bool(got) == mine
            if got:
                lib.rt_release(got)
