# SPDX-License-Identifier: MIT
"""The sample inputs of PyTorch's own operator tests, through rtch: shapes, dtypes, values and gradients as PyTorch's.

    CASES = [Case("nn.functional.relu6", functional.relu6)]

    @pytest.mark.parametrize(("case", "dtype", "strides"), matrix(CASES))
    def test_as_pytorch(case, dtype, strides):
        check(case, dtype, strides)

A case names an op of the database and gives rtch's function, which is called as the sample calls PyTorch's, with rtch's
tensors and dtypes. What it does not take is left out by `skip`, each with its reason. A module that imports this one is
skipped where PyTorch is missing.
"""

from __future__ import annotations

import random
import sys
import types
import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import rtch
from rtch.autograd import grad, gradcheck, gradgradcheck
from rtch.errors import TorchError

torch = pytest.importorskip("torch")


def _database() -> list[Any]:
    """PyTorch's op database. Its module asks for `expecttest`, the base of a class of tests that is not used here."""
    if "expecttest" not in sys.modules:
        stub: Any = types.ModuleType("expecttest")
        stub.TestCase = unittest.TestCase
        sys.modules["expecttest"] = stub
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return op_db


_OPS = {(op.name, op.variant_test_name): op for op in _database()}
DTYPES = ("float32", "float64")
STRIDES = ("sample", "permuted", "noncontiguous")
"""The sample's own, those of its axes in reverse order, and those of every second element (PyTorch's own variant)."""
_SINGLE, _DOUBLE = (1.3e-6, 1e-5), (1e-7, 1e-7)
TOLERANCES = {"float32": _SINGLE, "float64": _DOUBLE, "complex64": _SINGLE, "complex128": _DOUBLE}
"""rtol and atol, those of `torch.testing.assert_close`."""


@dataclass(frozen=True)
class Case:
    """One op.

    Attributes:
        op: its name in the database.
        function: rtch's function of the sample's input, arguments and keyword arguments.
        variant: its variant in the database.
        skip: by reason, which samples are left out; a sample has `input`, `args` and `kwargs`.
        skip_errors: by reason, which invalid samples rtch rightly takes.
        tolerances: rtol and atol by dtype, where the usual ones do not do.
        gradients: whether gradients are compared.
        dtypes: the dtypes to draw samples of.
        strides: the kinds of strides that PyTorch itself takes.
        skip_orders: by reason, which samples differences can't judge; those are left out of `check_orders` alone.
    """

    op: str
    function: Callable[..., Any]
    variant: str = ""
    skip: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    skip_errors: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    tolerances: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    gradients: bool = True
    dtypes: tuple[str, ...] = DTYPES
    strides: tuple[str, ...] = STRIDES
    skip_orders: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op}.{self.variant}" if self.variant else self.op

    @property
    def info(self) -> Any:
        """PyTorch's description of the op."""
        return _OPS[self.op, self.variant]


def matrix(cases: list[Case], strides: tuple[str, ...] = STRIDES) -> list[Any]:
    """Parameters for a test of each case with each dtype and kind of strides."""
    return [
        pytest.param(case, dtype, kind, id=f"{case}-{dtype}-{kind}")
        for case in cases
        for dtype in case.dtypes
        for kind in strides
        if kind in case.strides
    ]


def check(case: Case, dtype: str, strides: str = "sample") -> None:
    """Compare rtch with PyTorch on all samples of a dtype; fails if every one is left out."""
    count = 0
    for sample in samples(case, dtype):
        _check_sample(case, _with_strides(sample, strides))
        count += 1
    assert count, f"{case}: no sample is left"


def check_orders(case: Case, largest: int = 400, most: int = 8) -> None:
    """gradcheck and gradgradcheck in float64 on the first samples of no more than `largest` elements."""
    count = 0
    for sample in samples(case, "float64"):
        theirs = _leaves(sample)
        if not theirs or not 0 < sum(t.numel() for t in theirs) <= largest:
            continue
        if any(out(sample) for out in case.skip_orders.values()):
            continue
        seen: dict[int, rtch.Tensor] = {}
        call = (_to_rtch(sample.input, seen), _to_rtch(sample.args, seen), _to_rtch(sample.kwargs, seen))
        inputs = [seen[id(t)] for t in theirs]

        def function(*xs: rtch.Tensor, call: Any = call, inputs: Any = inputs, sample: Any = sample) -> rtch.Tensor:
            places = {id(t): x for t, x in zip(inputs, xs, strict=True)}
            input, args, kwargs = _replace(call, places)
            total = rtch.asarray(0.0, dtype="float64")
            for i, out in enumerate(_flat(sample.output_process_fn_grad(case.function(input, *args, **kwargs)))):
                if out.dtype.is_floating:
                    total = total + (out * (1 + i)).sum() + (out * out).sum() / 3
            return total

        assert gradcheck(function, inputs)
        assert gradgradcheck(function, inputs, eps=1e-5, rtol=2e-3, atol=1e-4)
        count += 1
        if count == most:
            break
    assert count, f"{case}: no sample is small enough"


def check_errors(case: Case) -> None:
    """Every invalid sample of PyTorch's own raises a TorchError; fails if there is none."""
    count = 0
    for wrong in case.info.error_inputs("cpu"):
        sample = wrong.sample_input
        if any(out(sample) for out in case.skip_errors.values()):
            continue
        seen: dict[int, rtch.Tensor] = {}
        call = (_to_rtch(sample.input, seen), _to_rtch(sample.args, seen), _to_rtch(sample.kwargs, seen))
        with pytest.raises(TorchError):
            case.function(call[0], *call[1], **call[2])
        count += 1
    assert count, f"{case}: the database has no invalid sample"


def samples(case: Case, dtype: str) -> Iterator[Any]:
    """The samples of a dtype that are not left out, the same in every run; the tensors that can, require grad."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    made = getattr(torch, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in case.info.sample_inputs("cpu", made, requires_grad=case.gradients and made in _differentiable()):
            if not any(out(sample) for out in case.skip.values()):
                yield sample


def _differentiable() -> tuple[Any, ...]:
    return torch.float32, torch.float64, torch.complex64, torch.complex128


def _check_sample(case: Case, sample: Any) -> None:
    where = sample.summary()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = _flat(sample.output_process_fn_grad(case.info.op(sample.input, *sample.args, **sample.kwargs)))
    seen: dict[int, rtch.Tensor] = {}
    call = (_to_rtch(sample.input, seen), _to_rtch(sample.args, seen), _to_rtch(sample.kwargs, seen))
    ours = _flat(sample.output_process_fn_grad(case.function(call[0], *call[1], **call[2])))
    assert len(theirs) == len(ours), where
    for expected, actual in zip(theirs, ours, strict=True):
        _compare(case, expected, actual, where)
    leaves = _leaves(sample)
    if not case.gradients or not leaves or not any(out.requires_grad for out in theirs):
        return
    expected_total, total = torch.zeros(()), rtch.asarray(0.0)
    for out, mine in zip(theirs, ours, strict=True):
        if out.requires_grad:
            for a, b in zip(_torch_parts(out), _rtch_parts(mine), strict=True):
                # Unequal weights, so that errors in different elements can't cancel.
                weights = (1 + torch.arange(a.numel(), dtype=a.dtype) * 7 % 11 / 8).reshape(a.shape)
                expected_total = expected_total + (a * weights).sum()
                total = total + (b * rtch.asarray(weights.numpy())).sum()
    places = [seen[id(leaf)] for leaf in leaves]
    found = grad(total, places, allow_unused=True) if total.requires_grad else (None,) * len(places)
    wanted = torch.autograd.grad(expected_total, leaves, allow_unused=True)
    for leaf, expected, actual in zip(leaves, wanted, found, strict=True):
        zeros = torch.zeros_like(leaf)
        got = rtch.asarray(zeros.numpy()) if actual is None else actual
        _compare(case, zeros if expected is None else expected, got, f"a gradient of {where}")


def _compare(case: Case, expected: Any, actual: Any, where: str) -> None:
    if not isinstance(expected, torch.Tensor):
        assert expected == actual, where
        return
    name = str(expected.dtype).removeprefix("torch.")
    assert (tuple(expected.shape), name) == (actual.shape, actual.dtype.name), where
    a, b = expected.detach().resolve_conj().numpy(), np.asarray(actual.detach().numpy())
    rtol, atol = case.tolerances.get(name, TOLERANCES.get(name, (0, 0)))
    np.testing.assert_allclose(b, a, rtol=rtol, atol=atol, equal_nan=True, err_msg=where)


def _torch_parts(out: Any) -> list[Any]:
    return [out.real, out.imag] if out.is_complex() else [out]


def _rtch_parts(out: rtch.Tensor) -> list[rtch.Tensor]:
    return [rtch.real(out), rtch.imag(out)] if out.dtype.is_complex else [out]


def _flat(out: Any) -> list[Any]:
    """The outputs of a call, one or several, in order."""
    return [leaf for part in out for leaf in _flat(part)] if isinstance(out, (tuple, list)) else [out]


def _leaves(sample: Any) -> list[Any]:
    """The tensors of a sample that require grad, each once."""
    found: dict[int, Any] = {}

    def look(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            if value.requires_grad:
                found[id(value)] = value
        elif isinstance(value, (tuple, list)):
            for part in value:
                look(part)
        elif isinstance(value, dict):
            look(list(value.values()))

    look([sample.input, sample.args, sample.kwargs])
    return list(found.values())


def _to_rtch(value: Any, seen: dict[int, rtch.Tensor]) -> Any:
    """Tensors with their strides, dtypes and what holds them; the same tensor twice stays one, in `seen`."""
    if isinstance(value, torch.Tensor):
        if id(value) not in seen:
            made = rtch.from_dlpack(value.detach().resolve_conj(), copy=False)
            assert made.strides == value.stride()
            seen[id(value)] = made.requires_grad_() if value.requires_grad else made
        return seen[id(value)]
    if isinstance(value, torch.dtype):
        return getattr(rtch, "bool_" if value is torch.bool else str(value).removeprefix("torch."))
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (tuple, list)):
        return type(value)(_to_rtch(part, seen) for part in value)
    if isinstance(value, dict):
        return {key: _to_rtch(part, seen) for key, part in value.items()}
    return value


def _replace(value: Any, places: dict[int, rtch.Tensor]) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_replace(part, places) for part in value)
    if isinstance(value, dict):
        return {key: _replace(part, places) for key, part in value.items()}
    return places.get(id(value), value)


def _with_strides(sample: Any, strides: str) -> Any:
    """The same values in other strides; leaves of the sample stay leaves."""

    def permuted(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        axes = tuple(range(value.ndim))[::-1]
        return value.detach().permute(axes).contiguous().permute(axes).requires_grad_(value.requires_grad)

    if strides == "permuted":
        return sample.transform(permuted)
    return sample.noncontiguous() if strides == "noncontiguous" else sample
