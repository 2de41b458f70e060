# SPDX-License-Identifier: MIT
"""What optimisers share: parameter groups, state, and its dictionary in PyTorch's form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rtch.autograd import enable_grad
from rtch.autograd.handles import RemovableHandle
from rtch.creation import zeros_like
from rtch.errors import OptimizerError
from rtch.nn.hooks import Hook, Hooks
from rtch.tensor import Tensor, snapshot

_NUMBERS = frozenset(
    [
        *("lr", "weight_decay", "eps", "momentum", "alpha", "lr_decay", "initial_accumulator_value"),
        *("tolerance_grad", "tolerance_change"),
    ]
)
_SWITCHES = frozenset(("nesterov", "amsgrad", "maximize", "centered", "decoupled_weight_decay"))
# Options of PyTorch's that change the formulas: an optimiser without one of them refuses a state that has it on. The
# others that PyTorch saves don't change a result.
_FORMULAS = ("amsgrad", "decoupled_weight_decay", "maximize", "centered")
# Options that came after the first state dictionaries were written, which were off.
_LATER = ("amsgrad", "decoupled_weight_decay", "maximize")
# What schedulers note in a group.
SCHEDULED = ("initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")
# How PyTorch is to compute a step, which changes no result here.
_MEANS = ("foreach", "fused", "capturable", "differentiable")


class Optimizer:
    """Base of optimisers. A subclass defines `_update`, one step for a group, and `_restore`.

    Parameters may come as pairs with their names, as `Module.named_parameters` gives them; a group has the names as
    ``param_names`` then, and so has its state.

    Args:
        params: tensors that require grad, or dictionaries ``{"params": tensors, "lr": ...}``, one per group.
        defaults: options of every group that does not name its own.

    Raises:
        OptimizerError: no parameters, one twice, one that is not a real leaf requiring grad, some with and some without
            names, or an unknown option.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        given = self._listed(params)
        if not given:
            raise OptimizerError(f"{type(self).__name__}: no parameters")
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[int, dict[str, Any]] = {}
        self._before: Hooks = {}
        self._after: Hooks = {}
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add a group ``{"params": tensors, "lr": ...}``; options that it does not name are the defaults.

        Raises:
            OptimizerError: as the constructor; nothing has changed.
        """
        name = type(self).__name__
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise OptimizerError(f"{name}: every group must be a dictionary with 'params'; got {param_group!r:.60}")
        unknown = sorted(set(param_group) - set(self.defaults) - {"params", "param_names", *SCHEDULED, *_MEANS})
        if unknown:
            raise OptimizerError(f"{name}: unknown option {unknown[0]!r}; known are {', '.join(self.defaults)}")
        own = param_group["params"]
        tensors, names = self._with_names([own] if isinstance(own, Tensor) else self._listed(own))
        names = self._checked_names(param_group.get("param_names", names), len(tensors))
        if self.param_groups and (names is None) != ("param_names" not in self.param_groups[0]):
            raise OptimizerError(f"{name}: parameters of all groups must have names, or those of none")
        seen = {id(t) for group in self.param_groups for t in group["params"]}
        for t in tensors:
            if not isinstance(t, Tensor) or not t.requires_grad or not t.is_leaf:
                raise OptimizerError(f"{name}: every parameter must be a leaf that requires grad; got {t!r:.60}")
            if not t.dtype.is_floating:
                raise OptimizerError(f"{name}: every parameter must be float32 or float64; got {t.dtype.name}")
            if id(t) in seen:
                raise OptimizerError(f"{name}: a parameter is given twice")
            seen.add(id(t))
        check_means(name, **{key: param_group[key] for key in _MEANS if key in param_group})
        left_out = {"params", "param_names", *_MEANS}
        options = {**self.defaults, **{key: value for key, value in param_group.items() if key not in left_out}}
        self._check(options)
        self.param_groups.append({**options, "params": tensors, **({} if names is None else {"param_names": names})})

    def _with_names(self, params: list[Any]) -> tuple[list[Any], list[str] | None]:
        """Parameters, and their names where they are pairs."""
        pairs = [isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in params]
        if not any(pairs):
            return params, None
        if not all(pairs):
            raise OptimizerError(f"{type(self).__name__}: all parameters must have names, or none")
        return [p for _, p in params], [name for name, _ in params]

    def _checked_names(self, names: Any, n: int) -> list[str] | None:
        if names is None:
            return None
        if (
            not isinstance(names, (list, tuple))
            or len(names) != n
            or not all(isinstance(name, str) for name in names)
            or len(set(names)) != n
        ):
            raise OptimizerError(f"{type(self).__name__}: param_names must be {n} different names; got {names!r:.60}")
        return list(names)

    def _listed(self, params: Any) -> list[Any]:
        """Parameters in an order that is the same in every run: state goes by position."""
        if isinstance(params, (Tensor, set, frozenset)) or not isinstance(params, Iterable):
            got = "one tensor" if isinstance(params, Tensor) else type(params).__name__
            raise OptimizerError(f"{type(self).__name__}: a list of parameters, in order, is needed; got {got}")
        return list(params)

    def _check(self, options: Mapping[str, Any]) -> None:
        """Refuse options out of range."""
        name = type(self).__name__
        for key in self.defaults:
            value = options[key]
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if key in _NUMBERS and not (number and 0 <= value < float("inf")):
                raise OptimizerError(f"{name}: {key} must be finite and not negative; got {value!r}")
            if key in _SWITCHES and not isinstance(value, bool):
                raise OptimizerError(f"{name}: {key} must be True or False; got {value!r}")
        for key in SCHEDULED:
            value = options.get(key, 0.0)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise OptimizerError(f"{name}: {key} must be finite and not negative; got {value!r:.60}")

    def _update(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        gradients: list[Tensor],
        states: list[dict[str, Any]],
    ) -> None:
        """Step the parameters of a group that have gradients; states holds each one's own, empty before the first."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradient of every parameter.

        Args:
            set_to_none: False puts zeros in the place of the gradients that there are.
        """
        for group in self.param_groups:
            for t in group["params"]:
                if set_to_none or t.grad is None:
                    t.grad = None
                elif t.grad.requires_grad:  # part of a graph, which keeps its numbers
                    t.grad = zeros_like(t.grad.detach())
                else:
                    t.grad[...] = 0.0

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step; args are the optimiser, and the closure if given.

        What it gives, unless None, is a pair that takes the place of args and kwargs.
        """
        return RemovableHandle(self._before, Hook(hook, True), False)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step, with what the step was called with."""
        return RemovableHandle(self._after, Hook(hook, True), False)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_before": {}, "_after": {}}  # hooks are the program's

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient.

        Args:
            closure: called first, with gradients on; computes the loss and its gradients.

        Returns:
            What the closure gave.

        Raises:
            OptimizerError: a step could not be taken; nothing of the parameters that it was for has changed.
        """
        name = type(self).__name__
        args: tuple[Any, ...] = (self,) if closure is None else (self, closure)
        kwargs: dict[str, Any] = {}
        for hook in list(self._before.values()):
            given = hook.function(self, args, kwargs)
            if given is not None:
                pair = isinstance(given, tuple) and len(given) == 2
                if not pair or not isinstance(given[0], tuple) or not isinstance(given[1], dict):
                    raise OptimizerError(f"{name}: a hook must give None or a pair (args, kwargs); got {given!r:.60}")
                args, kwargs = given
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is not None and not callable(closure):
            raise OptimizerError(f"{name}: a closure must be a function; got {closure!r:.60}")
        loss = self._step(closure)
        for hook in list(self._after.values()):
            hook.function(self, args, kwargs)
        return loss

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        """What `step` does between the hooks."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        index = 0
        for group in self.param_groups:
            params: list[Tensor] = []
            gradients: list[Tensor] = []
            states: list[dict[str, Any]] = []
            indices: list[int] = []
            for t in group["params"]:
                gradient = t.grad  # None too where the parameter was frozen since
                if gradient is not None:
                    params.append(t)
                    gradients.append(gradient)
                    states.append(self.state.get(index) or {})
                    indices.append(index)
                index += 1
            if params:
                self._update(group, params, gradients, states)
                for i, state in zip(indices, states, strict=True):
                    if state:
                        self.state[i] = state
        return loss

    def state_dict(self) -> dict[str, Any]:
        """``{"state": {index: {...}}, "param_groups": [{..., "params": [indices]}]}``, as PyTorch's.

        Steps are integers. Stepping on does not change what was returned.
        """
        groups, index = [], 0
        for group in self.param_groups:
            n = len(group["params"])
            groups.append({**group, "params": list(range(index, index + n))})
            index += n
        state = {i: {key: _frozen(value) for key, value in entry.items()} for i, entry in self.state.items()}
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
        merged = [self._options(own, other) for own, other in zip(self.param_groups, groups, strict=True)]
        tensors = {
            str(i): (t, options)
            for i, (t, options) in enumerate(
                (t, options) for own, options in zip(self.param_groups, merged, strict=True) for t in own["params"]
            )
        }
        loaded: dict[int, dict[str, Any]] = {}
        for key, entry in state.items():
            parameter, options = tensors.get(str(key), (None, None))
            if parameter is None or options is None or not isinstance(entry, Mapping):
                raise OptimizerError(f"{name}: state is by parameter, 0 to {len(tensors) - 1}; got {key!r}")
            restored = self._restore(parameter, entry, options)
            if restored:
                loaded[int(key)] = restored
        for own, options in zip(self.param_groups, merged, strict=True):
            params = own["params"]
            own.clear()
            own.update(options, params=params)
        self.state = loaded

    def _options(self, own: Mapping[str, Any], other: Any) -> dict[str, Any]:
        """The options of one group of a state dict, checked."""
        name = type(self).__name__
        params = other.get("params") if isinstance(other, Mapping) else None
        if not isinstance(params, (list, tuple)) or len(own["params"]) != len(params):
            raise OptimizerError(f"{name}: a group of the state dict has another number of parameters")
        missing = sorted(set(self.defaults) - set(other) - set(_LATER))
        if missing:
            raise OptimizerError(f"{name}: the state dict lacks the option {missing[0]!r}")
        foreign = [key for key in _FORMULAS if other.get(key) and key not in self.defaults]
        if foreign:
            raise OptimizerError(f"{name}: the state dict has {foreign[0]} on, which this optimiser has not")
        options = {key: other.get(key, False) for key in self.defaults}
        options |= {key: other[key] for key in SCHEDULED if key in other}
        self._check(options)
        names = self._checked_names(other.get("param_names", own.get("param_names")), len(params))
        if names is not None:
            options["param_names"] = names
        return options

    def _restore(self, parameter: Tensor, entry: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """The state of one parameter from what was saved; refuses what `_update` could not use."""
        raise NotImplementedError

    def _count(self, entry: Mapping[str, Any], key: str = "step") -> int:
        """A saved number of steps."""
        step = entry.get(key)
        if isinstance(step, Tensor) and step.size == 1:
            step = step.item()
        if isinstance(step, bool) or not isinstance(step, (int, float)) or not 0 <= step < 2**63 or step != int(step):
            raise OptimizerError(f"{type(self).__name__}: {key} must be a whole number from 0 up; got {step!r:.60}")
        return int(step)

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

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            n = sum(t.size for t in group["params"])
            options = ", ".join(
                f"{key}={value!r}" for key, value in group.items() if key not in ("params", "param_names")
            )
            lines.append(f"  ({i}): {options}, {n:,} parameters")
        return f"{type(self).__name__}(\n" + "\n".join(lines) + "\n)"


def check_means(
    where: str,
    foreach: Any = None,
    fused: Any = None,
    capturable: Any = False,
    differentiable: Any = False,
) -> None:
    """Refuse what PyTorch takes to say how a step is computed, where it asks for what there is not."""
    for key, value in (("foreach", foreach), ("fused", fused)):
        if value is not None and not isinstance(value, bool):
            raise OptimizerError(f"{where}: {key} must be True, False or None; got {value!r:.60}")
    for key, value in (("capturable", capturable), ("differentiable", differentiable)):
        if value is not False:
            raise OptimizerError(f"{where}: {key} must be False: a step is no part of a graph; got {value!r:.60}")


def _frozen(value: Any) -> Any:
    """A state's value that later steps do not change."""
    if isinstance(value, Tensor):
        return snapshot(value)
    return [_frozen(item) for item in value] if isinstance(value, list) else value
