# SPDX-License-Identifier: MIT
"""What optimisers share: parameter groups, state, and its dictionary in PyTorch's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtch._c import failure, lib
from rtch.errors import OptimizerError
from rtch.tensor import Tensor, snapshot


class Optimizer:
    """Base of optimisers. A subclass defines `_update`, one step for one parameter.

    Args:
        params: tensors that require grad, or dictionaries ``{"params": tensors, "lr": ...}``, one per group.
        defaults: options of every group that does not name its own.

    Raises:
        OptimizerError: no parameters, one twice, one that is not a leaf requiring grad, or an unknown option.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        name = type(self).__name__
        if isinstance(params, Tensor):
            raise OptimizerError(f"{name}: an iterable of parameters is needed; got one tensor")
        given = list(params)
        if not given:
            raise OptimizerError(f"{name}: no parameters")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[int, dict[str, Any]] = {}
        seen: set[int] = set()
        for group in groups:
            unknown = sorted(set(group) - set(defaults) - {"params"})
            if unknown:
                raise OptimizerError(f"{name}: unknown option {unknown[0]!r}; known are {', '.join(defaults)}")
            own = group["params"]
            tensors = [own] if isinstance(own, Tensor) else list(own)
            for t in tensors:
                if not isinstance(t, Tensor) or not t.requires_grad or not t.is_leaf:
                    raise OptimizerError(f"{name}: every parameter must be a leaf that requires grad; got {t!r:.60}")
                if id(t) in seen:
                    raise OptimizerError(f"{name}: a parameter is given twice")
                seen.add(id(t))
            options = {**defaults, **{key: value for key, value in group.items() if key != "params"}}
            self._check(options)
            self.param_groups.append({**options, "params": tensors})

    def _check(self, options: Mapping[str, Any]) -> None:
        """Refuse options out of range."""
        for key in ("lr", "weight_decay", "eps"):
            value = options.get(key, 0.0)
            if not (isinstance(value, (int, float)) and 0 <= value < float("inf")):
                raise OptimizerError(f"{type(self).__name__}: {key} must be finite and not negative; got {value!r}")

    def _update(self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], options: dict[str, Any]) -> None:
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Drop the gradient of every parameter."""
        for group in self.param_groups:
            for t in group["params"]:
                t.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient.

        Raises:
            OptimizerError: a step could not be taken; nothing of that parameter has changed.
        """
        index = 0
        for group in self.param_groups:
            for t in group["params"]:
                gradient = t._node.grad
                if gradient is not None:
                    self._update(t, gradient, self.state.setdefault(index, {}), group)
                index += 1

    def state_dict(self) -> dict[str, Any]:
        """``{"state": {index: {...}}, "param_groups": [{..., "params": [indices]}]}``, as PyTorch's.

        Steps are integers. Stepping on does not change what was returned.
        """
        groups, index = [], 0
        for group in self.param_groups:
            n = len(group["params"])
            groups.append({**group, "params": list(range(index, index + n))})
            index += n
        state = {
            i: {key: snapshot(value) if isinstance(value, Tensor) else value for key, value in entry.items()}
            for i, entry in self.state.items()
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave. All is checked before anything is set.

        Raises:
            OptimizerError: groups, parameters or shapes differ.
        """
        name = type(self).__name__
        groups, state = state_dict.get("param_groups"), state_dict.get("state")
        if not isinstance(groups, list) or not isinstance(state, Mapping) or len(groups) != len(self.param_groups):
            raise OptimizerError(f"{name}: the state dict must have {len(self.param_groups)} param_groups and a state")
        tensors = [t for group in self.param_groups for t in group["params"]]
        for own, other in zip(self.param_groups, groups, strict=True):
            if len(own["params"]) != len(other.get("params", ())):
                raise OptimizerError(f"{name}: a group of the state dict has another number of parameters")
            missing = sorted(set(self.defaults) - set(other))
            if missing:
                raise OptimizerError(f"{name}: the state dict lacks the option {missing[0]!r}")
            self._check({**own, **other})
        loaded: dict[int, dict[str, Any]] = {}
        for key, entry in state.items():
            index = int(key)
            if not 0 <= index < len(tensors):
                raise OptimizerError(f"{name}: the state dict has a parameter {index}; there are {len(tensors)}")
            for what, value in entry.items():
                if isinstance(value, Tensor) and (
                    value.shape != tensors[index].shape or value.dtype is not tensors[index].dtype
                ):
                    raise OptimizerError(
                        f"{name}: {what} of parameter {index} must be {tensors[index].dtype.name}"
                        f"{list(tensors[index].shape)}; got {value.dtype.name}{list(value.shape)}"
                    )
            loaded[index] = self._restore(
                {what: snapshot(value) if isinstance(value, Tensor) else value for what, value in entry.items()}
            )
        for own, other in zip(self.param_groups, groups, strict=True):
            own.update({key: other[key] for key in self.defaults})
        self.state = loaded

    def _restore(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Make loaded state usable; a subclass checks and completes it."""
        return entry


def own(t: Tensor) -> object:
    """The C header of a tensor whose memory nobody else sees, row-major: what a step may write to."""
    h = lib.rt_unshare(t._h)
    if not h:
        raise failure("step", t)
    t._h = h
    return h


def check(status: int, optimizer: Optimizer, *tensors: Tensor) -> None:
    """Raise where the C core refused a step."""
    if status != lib.RT_OK:
        shapes = ", ".join(f"{t.dtype.name}{list(t.shape)}" for t in tensors)
        raise OptimizerError(f"{type(optimizer).__name__}: parameter, gradient and state must match; got {shapes}")
