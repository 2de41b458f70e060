# SPDX-License-Identifier: MIT
"""Optimisers whose step is one elementwise formula: all parameters of a group in one call of the C core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtch import tensor
from rtch._c import failure, ffi, lib
from rtch.creation import full_like
from rtch.errors import OptimizerError
from rtch.optim.optimizer import Optimizer
from rtch.tensor import Tensor, replace_header


class FusedOptimizer(Optimizer):
    """Base of optimisers that `rt_step` knows. A subclass names its state and gives the formula's numbers."""

    _rule: int
    _counts = True  # whether the state counts steps

    def _tensors(self, options: Mapping[str, Any]) -> tuple[str | None, ...]:
        """Names of the state tensors a, b, c of the rule; None for one that these options do without."""
        raise NotImplementedError

    def _numbers(self, options: Mapping[str, Any], step: int) -> tuple[list[float], int]:
        """The rule's numbers and flags for a step, counted from 1."""
        raise NotImplementedError

    def _next(self, state: Mapping[str, Any]) -> int:
        """The number of the step that comes, from 1; steps of one number are taken together."""
        return int(state.get("step", 0)) + 1

    def _start(self, parameter: Tensor, options: Mapping[str, Any]) -> Tensor:
        """A state tensor before the first step."""
        return full_like(parameter, 0)

    def _update(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        gradients: list[Tensor],
        states: list[dict[str, Any]],
    ) -> None:
        names = self._tensors(group)
        together: dict[tuple[int, int], list[int]] = {}
        for i, (p, state) in enumerate(zip(params, states, strict=True)):
            together.setdefault((p._h.dtype, self._next(state)), []).append(i)
        for (_, step), members in together.items():
            columns: list[list[Tensor] | None] = []
            for name in names:
                if name is None:
                    columns.append(None)
                    continue
                found = [states[i].get(name) for i in members]
                columns.append(
                    [t if t is not None else self._start(params[i], group) for i, t in zip(members, found, strict=True)]
                )
            numbers, flags = self._numbers(group, step)
            self._run([params[i] for i in members], [gradients[i] for i in members], columns, numbers, flags)
            for at, i in enumerate(members):
                state = states[i]
                if self._counts:
                    state["step"] = step
                for name, column in zip(names, columns, strict=True):
                    if name is not None and column is not None:
                        state[name] = column[at]

    def _run(
        self,
        params: list[Tensor],
        gradients: list[Tensor],
        columns: list[list[Tensor] | None],
        numbers: list[float],
        flags: int,
    ) -> None:
        """Step parameters of one dtype together, all of them or none."""
        n = len(params)
        missing = [ffi.NULL] * n
        written = [params, *(column for column in columns if column is not None)]
        scalars = ffi.new("double[]", numbers)
        own = ffi.new("rt_tensor *[]", 5 * n)
        with tensor._writing:  # other threads may read the parameters meanwhile
            status = lib.RT_ERR_SHARED
            while status == lib.RT_ERR_SHARED:
                headers = [t._h for t in params] + missing
                for column in columns:
                    headers += missing if column is None else [t._h for t in column]
                headers += [ffi.NULL] * (5 * n - len(headers))
                changed = lib.rt_own_all(5 * n, headers, own)
                if changed < 0:
                    raise failure("step", *params[:1])
                if changed:
                    _replace(written, own, headers)
                own[n : 2 * n] = [g._h for g in gradients]
                status = lib.rt_step(self._rule, n, own, scalars, flags)
        if status != lib.RT_OK:
            raise self._misfit(params, gradients, columns, status)

    def _misfit(
        self, params: list[Tensor], gradients: list[Tensor], columns: list[list[Tensor] | None], status: int
    ) -> Exception:
        """The error for a step that the C core refused: it names the first parameter with what does not fit it."""
        if status != lib.RT_ERR_LAYOUT:
            return failure("step", *params[:1], status=status)
        rows = list(zip(params, gradients, *(column for column in columns if column is not None), strict=True))
        wrong = [row for row in rows if any(t.shape != row[0].shape or t.dtype is not row[0].dtype for t in row)]
        shapes = ", ".join(f"{t.dtype.name}{list(t.shape)}" for t in (wrong or rows)[0])
        return OptimizerError(f"{type(self).__name__}: parameter, gradient and state must match; got {shapes}")

    def _restore(self, parameter: Tensor, entry: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = {"step": self._count(entry)} if self._counts else {}
        for name in self._tensors(options):
            if name is not None:
                state[name] = self._buffer(parameter, entry, name)
        return state


def _replace(written: list[list[Tensor]], own: Any, headers: list[Any]) -> None:
    """Give tensors the copies that were made of them; those in headers that are not NULL are `written`, in order."""
    tensors = (t for column in written for t in column)
    for i, before in enumerate(headers):
        if before != ffi.NULL:
            t = next(tensors)
            if own[i] != before:
                lib.rt_pass_node_on(own[i], before)
                replace_header(t, own[i])
