# SPDX-License-Identifier: MIT
"""A module of rtch imports only modules that stand above it in the map of docs/architecture.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "rtch"

# From the bottom to the top: each part may import itself and whatever stands before it.
ORDER = [
    *["_version", "version", "errors", "device", "dtypes", "constants", "layout", "logs", "store"],
    *["tracing", "ops", "_c"],
    *["memory", "telemetry", "printing", "dlpack", "tensor", "dtype_functions", "info"],
    *["creation", "functions", "manipulation", "ranges", "gradients", "views", "indexing", "gathering", "searching"],
    *["shapes", "parts", "grids", "contractions", "einstein", "composed", "foreign", "fft", "linalg"],
    *["convolutions", "pooling", "embeddings", "rowwise", "autograd", "fx"],
    *["random", "tuning", "nn", "optim", "data", "checkpoint", "train", "service", "sklearn", "cli"],
]

# Imports against the order that run only inside a function, each for a reason.
INSIDE_FUNCTIONS = {
    ("store.run", "checkpoint"): "run.checkpoint() saves tensors, while reading a store needs none",
    ("store.traces", "tracing"): "reading spans gives a Trace, which nothing else in the store needs",
    ("tensor", "autograd"): "the slots that autograd fills load it when a gradient is first asked for",
    ("autograd.recompute", "random"): "checkpoint draws the same numbers again, if any were drawn",
    ("tensor", "indexing"): "x[key] needs it for keys with index tensors alone",
    ("ops.codegen", "autograd"): "the stub is generated from the lazy namespace's own lists",
}

# Where the names of the lazy namespace `rtch` come from, for modules that `import rtch` and use `rtch.zeros`.
NAMES = {"save": "checkpoint", "load": "checkpoint"}
OTHER_NAMES = "autograd"


def module_name(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(name):
    """Return the part of rtch that `rtch.name` leads to."""
    return name if name in ORDER else NAMES.get(name, OTHER_NAMES)


def imports(tree, module):
    """Yield (line, part of rtch, whether it is inside a function) for each import or use of `rtch.x`."""

    def visit(node, inside):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("rtch."):
                    yield node.lineno, alias.name.partition(".")[2].partition(".")[0], inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"rtch.{module}:{node.lineno}: imports are absolute"
            if node.module == "rtch":
                for alias in node.names:
                    yield node.lineno, part_of(alias.name), inside
            elif node.module.startswith("rtch."):
                yield node.lineno, node.module.split(".")[1], inside
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "rtch":
            yield node.lineno, part_of(node.attr), inside
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            children = node.orelse  # nothing is imported under TYPE_CHECKING when the program runs
        else:
            children = ast.iter_child_nodes(node)
        for child in children:
            yield from visit(child, inside or is_function)

    return visit(tree, False)


def violations(source, module):
    """Return a line for each import in `source`, the text of rtch.`module`, that breaks the order."""
    part = module.partition(".")[0]
    found = []
    for line, imported, inside in imports(ast.parse(source), module):
        where = f"rtch.{module}:{line}" if module else f"rtch:{line}"
        if not module:
            if not inside:
                found.append(f"{where}: rtch is lazy and imports {imported} inside a function only")
        elif imported not in ORDER:
            found.append(f"{where}: rtch.{imported} is no part of the map; import from the module that defines it")
        elif ORDER.index(imported) > ORDER.index(part) and not (inside and (module, imported) in INSIDE_FUNCTIONS):
            found.append(f"{where}: {part} stands below {imported} in the map and can't import it")
    return found


def test_every_module_is_on_the_map():
    """Each file and folder of the package has its place in the order."""
    parts = {module_name(path).partition(".")[0] for path in SOURCE.rglob("*.py")}

    assert set() == parts - set(ORDER) - {""}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=module_name)
def test_imports_follow_the_order(path):
    """No module imports one that stands above it."""
    assert violations(path.read_text("utf-8"), module_name(path)) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("nn.linear", "from rtch.tensor import Tensor", 0),
        ("nn.linear", "import rtch.nn.module", 0),
        ("nn.linear", "from rtch.optim import SGD", 1),
        ("nn.linear", "import rtch.optim.sgd as sgd", 1),
        ("nn.linear", "from rtch import optim", 1),
        ("nn.linear", "from rtch import asarray", 0),
        ("nn.linear", "from rtch import save", 1),
        ("nn.linear", "import rtch\nrtch.zeros(3)", 0),
        ("nn.linear", "import rtch\ndef f():\n    return rtch.optim", 1),
        ("tensor", "import rtch\nrtch.zeros(3)", 1),
        ("nn.linear", "import rtch.unknown", 1),
        ("nn.linear", "def f():\n    from rtch.optim import SGD", 1),
        ("nn.linear", "if TYPE_CHECKING:\n    from rtch.optim import SGD", 0),
        ("nn.linear", "if TYPE_CHECKING:\n    pass\nelse:\n    from rtch.optim import SGD", 1),
        ("store.run", "def f():\n    from rtch.checkpoint import save", 0),
        ("store.run", "from rtch.checkpoint import save", 1),
        ("store.view", "def f():\n    from rtch.checkpoint import save", 1),
        ("", "from rtch.tensor import Tensor", 1),
        ("", "def __getattr__(name):\n    from rtch.tensor import Tensor", 0),
    ],
)
def test_the_check_itself(module, source, expected):
    """The check sees each form of import."""
    assert expected == len(violations(source, module))
