# SPDX-License-Identifier: MIT
"""Everything that the standard names is there, with its parameters; the reference page lists it."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import standard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.array_api import make_strategies_namespace

import rtch
from rtch.errors import ArgumentError

PAGE = Path(__file__).parents[2] / "docs/reference/array_api.md"


def parameters_of(text: str) -> list[inspect.Parameter]:
    """The parameters that a text lists."""
    made = eval(f"lambda {text}: None")
    return list(inspect.signature(made).parameters.values())


def check(ours: Callable[..., Any], text: str) -> None:
    """Each parameter has the standard's kind, default and, where it can be used, name; others may be left out."""
    mine = list(inspect.signature(ours).parameters.values())
    theirs = parameters_of(text)
    keywords = {p.name: p for p in mine if p.kind is p.KEYWORD_ONLY}
    positional = [p for p in mine if p.kind is not p.KEYWORD_ONLY]
    for i, wanted in enumerate(theirs):
        if wanted.kind is wanted.KEYWORD_ONLY:
            assert wanted.name in keywords
            got = keywords.pop(wanted.name)
        else:
            got = positional[i]
        assert got.kind is wanted.kind
        if wanted.kind is not wanted.POSITIONAL_ONLY:
            assert got.name == wanted.name
        if wanted.default is not wanted.empty:
            assert got.default == wanted.default
    n = sum(p.kind is not p.KEYWORD_ONLY for p in theirs)
    for extra in (*keywords.values(), *positional[n:]):
        assert extra.default is not extra.empty


@pytest.mark.parametrize(("name", "parameters"), standard.functions().items())
def test_functions(name: str, parameters: str) -> None:
    """Each with the standard's signature, and listed by `dir`."""
    assert name in dir(rtch)
    check(getattr(rtch, name), parameters)


@pytest.mark.parametrize("extension", standard.EXTENSIONS)
def test_extensions(extension: str) -> None:
    """All functions with the standard's signatures; beside them stand results' classes and `lstsq` alone."""
    module = getattr(rtch, extension)
    assert extension in dir(rtch)
    for name, parameters in standard.EXTENSIONS[extension].items():
        check(getattr(module, name), parameters)
    others = {name for name in module.__all__ if not name.endswith("Result")} - set(standard.EXTENSIONS[extension])
    assert others == ({"lstsq"} if extension == "linalg" else set())


@pytest.mark.parametrize(("name", "parameters"), standard.METHODS.items())
def test_methods(name: str, parameters: str) -> None:
    """Each with the standard's signature."""
    check(vars(rtch.Tensor)[name], parameters)


def test_attributes() -> None:
    """Of the array object."""
    x = rtch.ones((2, 3))
    for name in standard.ATTRIBUTES:
        assert isinstance(vars(rtch.Tensor)[name], property)
        assert getattr(x, name) is not None


def test_the_check_itself() -> None:
    """It sees other kinds, names and defaults."""
    check(lambda x, /, *, axis=None, more=1: None, "x, /, *, axis=None")
    for ours in (
        lambda x, /, *, axis=0: None,
        lambda x, /, axis=None: None,
        lambda x, *, axis=None: None,
        lambda x, /, *, axis=None, more: None,
    ):
        with pytest.raises(AssertionError):
            check(ours, "x, /, *, axis=None")


def test_constants_and_dtypes() -> None:
    """IEEE values; the dtypes are objects of one class, and `bool` is `bool_`."""
    assert (rtch.e, rtch.pi, rtch.inf) == (2.718281828459045, 3.141592653589793, float("inf"))
    assert math.isnan(rtch.nan)
    assert rtch.newaxis is None
    assert rtch.ones(3)[rtch.newaxis, :].shape == (1, 3)
    assert rtch.__array_api_version__ == "2024.12"
    for name in standard.DTYPES:
        dtype = getattr(rtch, name)
        assert isinstance(dtype, rtch.DType)
        assert dtype.name == name
        assert rtch.zeros(1, dtype=dtype).dtype == dtype
    assert rtch.bool is rtch.bool_
    for name in (*standard.CONSTANTS, *standard.DTYPES):
        assert name in dir(rtch)


def test_array_namespace() -> None:
    """It is the module, for any version of the standard up to this one."""
    x = rtch.ones(1)
    for version in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        assert x.__array_namespace__(api_version=version) is rtch
    assert x.__array_namespace__() is rtch
    for version in ("2019.01", "2025.12", "", 2024):
        with pytest.raises(ArgumentError, match=r"^__array_namespace__: api_version is one of 2021.12"):
            x.__array_namespace__(api_version=version)


def test_the_reference_page() -> None:
    """A row per function of the standard, section by section, and none that `rtch` lacks."""
    text = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z ]+) \| ((?:`\w+`,? ?)+) \|", text, re.MULTILINE))
    listed = {section: re.findall(r"`(\w+)`", names) for section, names in rows.items()}
    extensions = {f"extension {name}" for name in standard.EXTENSIONS}
    assert {"constants", "dtypes", "attributes", "methods", *extensions} == set(listed) - set(standard.FUNCTIONS)
    for extension, functions in standard.EXTENSIONS.items():
        assert sorted(functions) == sorted(listed[f"extension {extension}"])
    for section, functions in standard.FUNCTIONS.items():
        assert sorted(functions) == sorted(listed[section])
        assert set(listed[section]) <= set(dir(rtch))
    assert sorted(standard.CONSTANTS) == sorted(listed["constants"])
    assert set(standard.DTYPES) <= set(listed["dtypes"]) <= set(dir(rtch)) - {"bool_"}
    assert sorted(standard.ATTRIBUTES) == sorted(listed["attributes"])
    assert sorted(standard.METHODS) == sorted(listed["methods"])


xps = make_strategies_namespace(rtch)


@given(xps.arrays(xps.scalar_dtypes(), xps.array_shapes(min_dims=0, min_side=0, max_side=4)), st.data())
@settings(max_examples=60)
def test_hypothesis_knows_the_namespace(x: Any, data: Any) -> None:
    """Its strategies for array libraries draw tensors, and indices for them."""
    assert isinstance(x, rtch.Tensor)
    key = data.draw(xps.indices(x.shape))
    np.testing.assert_array_equal(x[key].numpy(), x.numpy()[key])
