# SPDX-License-Identifier: MIT
"""Nothing that reaches a weight, batch or logged metric comes from libm, NumPy arithmetic or a foreign RNG.

The bits of `math.exp`, `**` and NumPy's arithmetic depend on the machine and on the release, so a run that
used them would not replay elsewhere. Powers and elementary functions go through rtch's own kernels or running
products; Python's + - * / and `math.sqrt` are exact everywhere. This lint reads the source of the parts
below. It follows a NumPy array through the names of one function, not through attributes or calls.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "rtch"
PARTS = ("random", "nn", "optim", "data", "train")

# (path under src/rtch, what is used): why it may stand. An entry that nothing needs any more fails.
ALLOWED: dict[tuple[str, str], str] = {}

EXACT_MATH = {
    *["sqrt", "isqrt", "fabs", "copysign", "floor", "ceil", "trunc", "gcd", "lcm", "prod"],
    *["isfinite", "isinf", "isnan", "inf", "nan", "pi", "e", "tau"],
}
FOREIGN_MODULES = {"random", "cmath", "statistics", "scipy", "torch", "sklearn"}
# Making, viewing and asking about arrays: nothing here computes a new value.
NUMPY_WITHOUT_ARITHMETIC = {
    *["ndarray", "generic", "dtype", "number", "floating", "integer", "issubdtype", "typing"],
    *["float32", "float64", "int32", "int64", "uint8", "bool_", "isfinite", "isnan", "isinf", "array_equal"],
    *["asarray", "array", "ascontiguousarray", "frombuffer", "fromiter", "empty", "zeros", "ones", "full"],
    *[
        "copy",
        "copyto",
        "concatenate",
        "stack",
        "broadcast_to",
        "reshape",
        "newaxis",
        "load",
        "save",
        "memmap",
    ],
}
ARRAY_ARITHMETIC = {
    *["sum", "mean", "std", "var", "prod", "cumsum", "cumprod", "round", "trace", "clip", "ptp", "dot"],
}


def source_files():
    for part in PARTS:
        yield from sorted((SOURCE / part).rglob("*.py"))
        if (SOURCE / f"{part}.py").exists():
            yield SOURCE / f"{part}.py"


def is_number(node):
    """Say whether an expression is made of literals alone, so that Python's compiler folds it."""
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


class Lint(ast.NodeVisitor):
    """Collects (line, what is used, why it may not be)."""

    def __init__(self):
        self.found = []
        self.modules = {}  # local name -> module it stands for
        self.arrays = set()

    def refuse(self, node, used, why):
        self.found.append((node.lineno, used, why))

    def module_of(self, node):
        return self.modules.get(node.id) if isinstance(node, ast.Name) else None

    def is_array(self, node):
        """Say whether an expression is a NumPy array as far as its own function shows."""
        if isinstance(node, ast.Name):
            return node.id in self.arrays
        if isinstance(node, ast.Subscript):
            return self.is_array(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return node.func.attr == "numpy" or self.module_of(node.func.value) == "numpy"
        return False

    def visit_Import(self, node):
        for alias in node.names:
            module = alias.name.partition(".")[0]
            self.modules[alias.asname or module] = module
            if module in FOREIGN_MODULES:
                self.refuse(node, module, "its results depend on the machine or release")
            if alias.name == "numpy.random":
                self.refuse(node, "numpy.random", "draw from rtch.random")

    def visit_ImportFrom(self, node):
        module = (node.module or "").partition(".")[0]
        if module in FOREIGN_MODULES:
            self.refuse(node, module, "its results depend on the machine or release")
        for alias in node.names:
            self.check_member(node, module, alias.name)

    def check_member(self, node, module, name):
        if module == "math" and name not in EXACT_MATH:
            self.refuse(node, f"math.{name}", "libm's bits depend on the machine; use rtch's kernels")
        if module == "numpy" and name not in NUMPY_WITHOUT_ARITHMETIC:
            self.refuse(node, f"numpy.{name}", "NumPy's bits depend on machine and release; use rtch's ops")

    def visit_Attribute(self, node):
        self.check_member(node, self.module_of(node.value), node.attr)
        self.generic_visit(node)

    def visit_Call(self, node):
        func = node.func
        if isinstance(func, ast.Name) and func.id == "pow":
            self.refuse(node, "pow()", "a power comes from libm; multiply, or use rtch's kernels")
        if isinstance(func, ast.Attribute) and func.attr in ARRAY_ARITHMETIC and self.is_array(func.value):
            self.refuse(node, f"ndarray.{func.attr}", "NumPy's bits depend on machine and release; use rtch's ops")
        self.generic_visit(node)

    def check_operator(self, node, operator, *operands):
        if isinstance(operator, ast.Pow) and not all(map(is_number, operands)):
            self.refuse(node, "**", "a power comes from libm; multiply, or use rtch's kernels")
        elif any(map(self.is_array, operands)):
            self.refuse(node, "ndarray operator", "NumPy's bits depend on machine and release; use rtch's ops")
        self.generic_visit(node)

    def visit_BinOp(self, node):
        self.check_operator(node, node.op, node.left, node.right)

    def visit_AugAssign(self, node):
        self.check_operator(node, node.op, node.target, node.value)

    def visit_Assign(self, node):
        self.visit(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                (self.arrays.add if self.is_array(node.value) else self.arrays.discard)(target.id)
            else:
                self.visit(target)

    def visit_FunctionDef(self, node):
        outer, self.arrays = self.arrays, set()
        self.generic_visit(node)
        self.arrays = outer


def lint(source):
    linter = Lint()
    linter.visit(ast.parse(source))
    return linter.found


def test_every_part_has_source():
    """The lint looks at something in each part."""
    for part in PARTS:
        assert any(path.is_relative_to(SOURCE / part) or path.stem == part for path in source_files()), part


@pytest.mark.parametrize("path", list(source_files()), ids=lambda path: str(path.relative_to(SOURCE)))
def test_source_computes_only_with_rtch(path):
    """No file of these parts computes with libm, NumPy or a foreign RNG; the message names file and line."""
    name = path.relative_to(SOURCE).as_posix()
    found = [
        f"src/rtch/{name}:{line}: {used}: {why}"
        for line, used, why in lint(path.read_text("utf-8"))
        if (name, used) not in ALLOWED
    ]

    assert not found, "\n".join(found)


def test_linalg_and_fft_alone_reach_foreign_arithmetic():
    """NumPy's LAPACK and FFT are called from two packages, and nothing of rtch builds on these."""
    outside = ("rtch.foreign", "rtch.linalg", "rtch.fft", "numpy.linalg", "numpy.fft")
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        imported = {
            node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        found = {module for module in imported if module.startswith(outside)}
        assert not found or name.startswith(("linalg/", "fft/")), f"src/rtch/{name}: {found}"


def test_each_exception_is_still_needed():
    """An allowed use that is gone is taken off the list."""
    for name, used in ALLOWED:
        assert used in {found for _, found, _ in lint((SOURCE / name).read_text("utf-8"))}, (name, used)


@pytest.mark.parametrize(
    "source",
    [
        "import math\nmath.exp(x)",
        "import math as m\nm.log(x)",
        "from math import sin",
        "import numpy as np\nnp.random.default_rng()",
        "import numpy.random",
        "from numpy import random",
        "import numpy as np\nnp.mean(x)",
        "import random",
        "from random import shuffle",
        "x ** 2",
        "x **= n",
        "2 ** n",
        "pow(x, 2)",
        "x.numpy() + 1",
        "a = x.numpy()\na -= 1",
        "import numpy as np\ndef f(x):\n    a = np.asarray(x)\n    return a * 2",
        "import numpy as np\ndef f(x):\n    a = np.asarray(x)\n    return a[0] * 2",
        "a = x.numpy()\na.mean()",
    ],
)
def test_lint_refuses(source):
    """Each way to compute with something else is seen, with its line."""
    found = lint(source)

    assert len(found) == 1
    assert found[0][0] in range(1, source.count("\n") + 2)


@pytest.mark.parametrize(
    "source",
    [
        "import math\nmath.sqrt(x) + math.inf",
        "import numpy as np\nnp.asarray(x, dtype=np.float32)",
        "a = x.numpy()\na = [1]\na * 2",
        "a = x.numpy()\ndef f(a):\n    return a * 2",
        "2 ** 64 + 10 ** -3",
        "f(**options)",
        "x * x + y / 3 - 1",
        "x.mean()",
    ],
)
def test_lint_accepts(source):
    """What is exact everywhere, or computes nothing, passes."""
    assert lint(source) == []
