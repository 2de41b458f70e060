# SPDX-License-Identifier: MIT
"""What optimisers share: parameter groups, state, and its dictionary in PyTorch's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtch import tensor
from rtch._c import failure, lib
from rtch.errors import OptimizerError
from rtch.tensor import Tensor, snapshot

# Options of PyTorch's that change the formulas and that we don't have; the others it saves don't change a result.
_NOT_OURS = ("amsgrad", "decoupled_weight_decay", "maximize")


class Optimizer:
    """Base of optimisers. A subclass defines `_update`, one step for one parameter, and `_restore`.

    Args:
        params: tensors that require grad, or dictionaries ``{"params": tensors, "lr": ...}``, one per group.
        defaults: options of every group that does not name its own.

    Raises:
        OptimizerError: no parameters, one twice, one that is not a leaf requiring grad, or an unknown option.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        name = type(self).__name__
        given = self._listed(params)
        if not given:
            raise OptimizerError(f"{name}: no parameters")
        groups = given if isinstance(given[0], Mapping) else [{"params": given}]
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[int, dict[str, Any]] = {}
        seen: set[int] = set()
        for group in groups:
            if not isinstance(group, Mapping) or "params" not in group:
                raise OptimizerError(f"{name}: every group must be a dictionary with 'params'; got {group!r:.60}")
            unknown = sorted(set(group) - set(defaults) - {"params"})
            if unknown:
                raise OptimizerError(f"{name}: unknown option {unknown[0]!r}; known are {', '.join(defaults)}")
            own = group["params"]
            tensors = [own] if isinstance(own, Tensor) else self._listed(own)
            for t in tensors:
                if not isinstance(t, Tensor) or not t.requires_grad or not t.is_leaf:
                    raise OptimizerError(f"{name}: every parameter must be a leaf that requires grad; got {t!r:.60}")
                if id(t) in seen:
                    raise OptimizerError(f"{name}: a parameter is given twice")
                seen.add(id(t))
            options = {**defaults, **{key: value for key, value in group.items() if key != "params"}}
            self._check(options)
            self.param_groups.append({**options, "params": tensors})

    def _listed(self, params: Any) -> list[Any]:
        """Parameters in an order that is the same in every run: state goes by position."""
        if isinstance(params, (Tensor, set, frozenset)) or not isinstance(params, Iterable):
            got = "one tensor" if isinstance(params, Tensor) else type(params).__name__
            raise OptimizerError(f"{type(self).__name__}: a list of parameters, in order, is needed; got {got}")
        return list(params)

    def _check(self, options: Mapping[str, Any]) -> None:
        """Refuse options out of range."""
        for key in ("lr", "weight_decay", "eps", "momentum"):
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
                gradient = t.grad  # None too where the parameter was frozen since
                if gradient is not None:
                    state = self.state.get(index, {})
                    with tensor._writing:  # other threads may read the parameter meanwhile
                        self._update(t, gradient, state, group)
                    if state:
                        self.state[index] = state
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

        What PyTorch's state_dict gives is taken too, once its tensors are rtch's (`rtch.asarray`): a step may be a
        number or a tensor of one element, and its options that change no result are left out.

        Raises:
            OptimizerError: groups, parameters, shapes or dtypes differ, something is missing, or an option is set that
                this optimiser does not have.
        """
        name = type(self).__name__
        if not isinstance(state_dict, Mapping):
            raise OptimizerError(f"{name}: a state dict is needed; got {type(state_dict).__name__}")
        groups, state = state_dict.get("param_groups"), state_dict.get("state")
        if not isinstance(groups, list) or not isinstance(state, Mapping) or len(groups) != len(self.param_groups):
            raise OptimizerError(f"{name}: the state dict must have {len(self.param_groups)} param_groups and a state")
        for own, other in zip(self.param_groups, groups, strict=True):
            if not isinstance(other, Mapping) or len(own["params"]) != len(other.get("params", ())):
                raise OptimizerError(f"{name}: a group of the state dict has another number of parameters")
            missing = sorted(set(self.defaults) - set(other))
            if missing:
                raise OptimizerError(f"{name}: the state dict lacks the option {missing[0]!r}")
            foreign = [key for key in _NOT_OURS if other.get(key)]
            if foreign:
                raise OptimizerError(f"{name}: the state dict has {foreign[0]} on, which this optimiser has not")
            self._check({**own, **other})
        tensors = {str(i): t for i, t in enumerate(t for group in self.param_groups for t in group["params"])}
        loaded: dict[int, dict[str, Any]] = {}
        for key, entry in state.items():
            parameter = tensors.get(str(key))
            if parameter is None or not isinstance(entry, Mapping):
                raise OptimizerError(f"{name}: state is by parameter, 0 to {len(tensors) - 1}; got {key!r}")
            restored = self._restore(parameter, entry)
            if restored:
                loaded[int(key)] = restored
        for own, other in zip(self.param_groups, groups, strict=True):
            own.update({key: other[key] for key in self.defaults})
        self.state = loaded

    def _restore(self, parameter: Tensor, entry: Mapping[str, Any]) -> dict[str, Any]:
        """The state of one parameter from what was saved; refuses what `_update` could not use."""
        raise NotImplementedError

    def _buffer(self, parameter: Tensor, entry: Mapping[str, Any], what: str) -> Tensor:
        """A saved tensor like the parameter."""
        value = entry.get(what)
        if not isinstance(value, Tensor) or value.shape != parameter.shape or value.dtype is not parameter.dtype:
            got = f"{value.dtype.name}{list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise OptimizerError(
                f"{type(self).__name__}: {what} must be a Tensor like its parameter, "
                f"{parameter.dtype.name}{list(parameter.shape)}; got {got}"
            )
        return snapshot(value)


def own(t: Tensor) -> Any:
    """The C header of a tensor whose memory nobody else sees, row-major: what a step may write to."""
    h = tensor.own("step", t)
    if h.contiguous:
        return h
    dense = lib.rt_contiguous(h)
    if not dense:
        raise failure("step", t)
    tensor.replace_header(t, dense)
    return dense


def check(status: int, optimizer: Optimizer, *tensors: Tensor) -> None:
    """Raise where the C core refused a step."""
    if status != lib.RT_OK:
        shapes = ", ".join(f"{t.dtype.name}{list(t.shape)}" for t in tensors)
        raise OptimizerError(f"{type(optimizer).__name__}: parameter, gradient and state must match; got {shapes}")
