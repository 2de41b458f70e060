# SPDX-License-Identifier: MIT
"""Module: a tree of parameters and submodules with a forward function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from rtch._c import lib
from rtch.errors import ArgumentError, CheckpointDTypeError, CheckpointError, CheckpointShapeError
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor, replace_header


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` did not find a place or a value for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of layers and models. Subclasses set parameters and submodules in `__init__` and define `forward`."""

    training: bool
    _parameters: dict[str, Parameter]
    _modules: dict[str, Module]

    def __init__(self) -> None:
        object.__setattr__(self, "_parameters", {})
        object.__setattr__(self, "_modules", {})
        object.__setattr__(self, "training", True)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)):
            if "_parameters" not in self.__dict__:
                raise ArgumentError(f"{type(self).__name__}: call super().__init__() before setting {name!r}")
            if isinstance(value, Module) and any(module is self for _, module in value.named_modules()):
                raise ArgumentError(f"{type(self).__name__}.{name}: a module can't hold itself")
            self.__dict__.pop(name, None)
            if isinstance(value, Parameter):
                self._modules.pop(name, None)
                self._parameters[name] = value  # in its old place, if it has one
            else:
                self._parameters.pop(name, None)
                self._modules[name] = value
            return
        for registry in (self.__dict__.get("_parameters", {}), self.__dict__.get("_modules", {})):
            if name in registry:
                if value is not None:
                    raise ArgumentError(
                        f"{type(self).__name__}.{name}: a Parameter or Module is needed here; got {value!r:.60}"
                    )
                del registry[name]
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_modules"):
            found = self.__dict__.get(registry, {})
            if name in found:
                return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._modules):
            if name in registry:
                del registry[name]
                return
        object.__delattr__(self, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`."""
        return self.forward(*args, **kwargs)

    def children(self) -> Iterator[Module]:
        """Direct submodules."""
        yield from self._modules.values()

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, each once, with dotted names."""
        seen: set[int] = set()
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield name, module
            below = [(f"{name}.{key}" if name else key, child) for key, child in module._modules.items()]
            stack.extend(reversed(below))

    def _named_places(self) -> Iterator[tuple[str, Parameter]]:
        """Every place of a parameter with its dotted name, as PyTorch's state dictionaries count them: what is shared,
        parameter or module, comes under each of its names."""
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            prefix, module = stack.pop()
            for name, parameter in module._parameters.items():
                yield prefix + name, parameter
            stack.extend((f"{prefix}{key}.", child) for key, child in reversed(module._modules.items()))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; one that is shared comes once, under its first name."""
        seen: set[int] = set()
        for name, parameter in self._named_places():
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def apply(self, function: Callable[[Module], None]) -> Self:
        """Call a function on every module once, children in their order before their parent."""
        below: list[tuple[Module, bool]] = [(self, False)]
        seen: set[int] = set()
        while below:
            module, children_done = below.pop()
            if children_done:
                function(module)
            elif id(module) not in seen:
                seen.add(id(module))
                below.append((module, True))
                below.extend((child, False) for child in reversed(module._modules.values()))
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode on every module."""
        for _, module in self.named_modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode on every module."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Drop the gradient of every parameter."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, dtype: Any) -> Self:
        """Cast every parameter and its gradient to a floating dtype, in place of its value."""
        from rtch.dtypes import as_dtype
        from rtch.errors import DTypeError

        made = as_dtype(dtype)
        if not made.is_floating:
            raise DTypeError(f"to: a floating dtype is needed; got {made.name}", dtype=made)
        for parameter in self.parameters():
            gradient = parameter.grad
            _set_value(parameter, parameter.detach().astype(made))
            if gradient is not None:
                parameter.grad = gradient.detach().astype(made)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """The value of every parameter by dotted name; training on does not change what was returned."""
        return {name: parameter.detach() for name, parameter in self._named_places()}

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True) -> IncompatibleKeys:
        """Give every parameter the value of its name. All is checked before anything is set.

        Args:
            state_dict: what `state_dict` gives.
            strict: refuse missing and unexpected names.

        Raises:
            CheckpointError: names are missing or unexpected (all of them are listed), or a value is no Tensor.
            CheckpointShapeError: a shape differs.
            CheckpointDTypeError: a dtype differs.
        """
        own = dict(self._named_places())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and (missing or unexpected):
            parts = [
                f"{what} {', '.join(map(str, names))}"
                for what, names in (("missing", missing), ("unexpected", unexpected))
                if names
            ]
            raise CheckpointError(f"load_state_dict: {'; '.join(parts)}", missing=missing, unexpected=unexpected)
        for name, parameter in own.items():
            if name not in state_dict:
                continue
            value = state_dict[name]
            if not isinstance(value, Tensor):
                raise CheckpointError(
                    f"load_state_dict: {name} must be a Tensor of rtch; got {type(value).__name__}, use rtch.asarray",
                    name=name,
                )
            if value.shape != parameter.shape:
                raise CheckpointShapeError(
                    f"load_state_dict: {name} has shape {list(parameter.shape)}; got {list(value.shape)}",
                    name=name,
                    shape=value.shape,
                )
            if value.dtype is not parameter.dtype:
                raise CheckpointDTypeError(
                    f"load_state_dict: {name} is {parameter.dtype.name}; got {value.dtype.name}",
                    name=name,
                    dtype=value.dtype,
                )
        for name, parameter in own.items():
            if name in state_dict:
                _set_value(parameter, state_dict[name])
        return IncompatibleKeys(missing, unexpected)

    def extra_repr(self) -> str:
        """What stands between the parentheses of a layer's repr."""
        return ""

    def __repr__(self) -> str:
        n = sum(parameter.size for parameter in self._parameters.values())
        inside = self.extra_repr() + (
            f", {n:,} parameters" if n and self.extra_repr() else f"{n:,} parameters" if n else ""
        )
        if not self._modules:
            return f"{type(self).__name__}({inside})"
        total = sum(parameter.size for parameter in self.parameters())
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self._modules.items()]
        return f"{type(self).__name__}(  # {total:,} parameters\n" + "\n".join(lines) + "\n)"


def _set_value(parameter: Tensor, value: Tensor) -> None:
    """Give the parameter a new value; memory is shared until one of the two is written to."""
    replace_header(parameter, lib.rt_retain(value._h))
    if parameter._node is not None:
        parameter._node.dtype = value.dtype.code
