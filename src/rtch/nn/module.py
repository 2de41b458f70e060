# SPDX-License-Identifier: MIT
"""Module: a tree of parameters and submodules with a forward function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from rtch._c import lib
from rtch.autograd.handles import RemovableHandle
from rtch.creation import zeros_like
from rtch.device import Device, check_device
from rtch.dtypes import ALL, as_dtype
from rtch.errors import ArgumentError, CheckpointDTypeError, CheckpointError, CheckpointShapeError, DTypeError
from rtch.nn.hooks import Hook, Hooks, call, need_callable
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor, replace_header

_OWN = frozenset(("_parameters", "_buffers", "_modules", "_transient", "_before", "_after", "_more"))
_DTYPES = frozenset(dtype.name for dtype in ALL)
_EXTRA = "_extra_state"  # how PyTorch names what `get_extra_state` gives


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` did not find a place or a value for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of layers and models. Subclasses set parameters, buffers and submodules in `__init__` and define `forward`.

    A buffer is a tensor that is part of the model's state but is not trained, such as a running mean.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module]
    _transient: set[str]  # names of the buffers that state_dict leaves out
    _before: Hooks
    _after: Hooks
    _more: dict[str, Hooks]  # on gradients and on state dictionaries, by what they are for

    def __init__(self) -> None:
        for name in ("_parameters", "_buffers", "_modules", "_before", "_after", "_more"):
            object.__setattr__(self, name, {})
        object.__setattr__(self, "_transient", set())
        object.__setattr__(self, "training", True)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)):
            if "_parameters" not in self.__dict__:
                raise ArgumentError(f"{type(self).__name__}: call super().__init__() before setting {name!r}")
            if isinstance(value, Module) and any(module is self for _, module in value.named_modules()):
                raise ArgumentError(f"{type(self).__name__}.{name}: a module can't hold itself")
            own: dict[str, Any] = self._parameters if isinstance(value, Parameter) else self._modules
            for registry in (self.__dict__, self._parameters, self._buffers, self._modules):
                if registry is not own:
                    registry.pop(name, None)
            self._transient.discard(name)
            own[name] = value  # in its old place, if it has one
            return
        if name in self.__dict__.get("_buffers", {}):
            if value is not None and not isinstance(value, Tensor):
                raise ArgumentError(f"{type(self).__name__}.{name}: a Tensor is needed here; got {value!r:.60}")
            self._buffers[name] = value
            return
        for registry in (self.__dict__.get("_parameters", {}), self.__dict__.get("_modules", {})):
            if name in registry:
                if value is not None:
                    raise ArgumentError(
                        f"{type(self).__name__}.{name}: a Parameter or Module is needed here; got {value!r:.60}"
                    )
                if registry is self._parameters:
                    registry[name] = None
                    return
                del registry[name]
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(registry, {})
            if name in found:
                return found[name]
        if name in _OWN:
            raise ArgumentError(f"{type(self).__name__}: call super().__init__() in __init__ first")
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                self._transient.discard(name)
                return
        object.__delattr__(self, name)

    def _check_name(self, what: str, name: Any) -> None:
        """Refuse a name that would not be an attribute or that something else has."""
        if "_parameters" not in self.__dict__:
            raise ArgumentError(f"{type(self).__name__}: call super().__init__() before {what}")
        registries = {"add_module": self._modules, "register_buffer": self._buffers}
        own: Mapping[str, Any] = registries.get(what, self._parameters)  # type: ignore[assignment]
        taken = isinstance(name, str) and hasattr(self, name) and name not in own
        if not isinstance(name, str) or not name or "." in name or taken:
            raise ArgumentError(
                f"{type(self).__name__}.{what}: a name without dots that is not taken is needed; got {name!r}",
                argument=name,
            )

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name for one that may come.

        Raises:
            ArgumentError: the name is empty, has a dot or is taken, or param is no Parameter.
        """
        self._check_name("register_parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentError(
                f"{type(self).__name__}.register_parameter: a Parameter is needed; got {param!r:.60}", argument=param
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer; None keeps the name for one that may come.

        Args:
            name: of the attribute.
            tensor: its value.
            persistent: whether it stands in `state_dict`.

        Raises:
            ArgumentError: the name is empty, has a dot or is taken, or tensor is no Tensor.
        """
        self._check_name("register_buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentError(
                f"{type(self).__name__}.register_buffer: a Tensor is needed; got {tensor!r:.60}", argument=tensor
            )
        self._buffers[name] = tensor
        (self._transient.discard if persistent else self._transient.add)(name)

    def add_module(self, name: str, module: Module) -> None:
        """Add a submodule under a name, as setting the attribute does.

        Raises:
            ArgumentError: the name is empty, has a dot or is taken, or module is no Module.
        """
        self._check_name("add_module", name)
        if not isinstance(module, Module):
            raise ArgumentError(
                f"{type(self).__name__}.add_module: a Module is needed; got {module!r:.60}", argument=module
            )
        setattr(self, name, module)

    register_module = add_module

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every forward; what it gives, unless None, takes the place of args.

        Args:
            hook: the function; with_kwargs, it is called as ``hook(module, args, kwargs)`` and gives both.
            prepend: call it before the hooks that are there.
            with_kwargs: hand it the keyword arguments too.

        Raises:
            ArgumentError: the hook can't be called.
        """
        need_callable(f"{type(self).__name__}.register_forward_pre_hook", hook)
        return RemovableHandle(self._before, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every forward; what it gives, unless None, takes output's place.

        Args:
            hook: the function; with_kwargs, it is called as ``hook(module, args, kwargs, output)``.
            prepend: call it before the hooks that are there.
            with_kwargs: hand it the keyword arguments too.
            always_call: call it, with output None, also where forward raised.

        Raises:
            ArgumentError: the hook can't be called.
        """
        need_callable(f"{type(self).__name__}.register_forward_hook", hook)
        return RemovableHandle(self._after, Hook(hook, with_kwargs, always_call), prepend)

    def _register(self, what: str, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        need_callable(f"{type(self).__name__}.register_{what}", hook)
        return RemovableHandle(self._more.setdefault(what, {}), Hook(hook, False), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are there; what it
        gives, unless None, takes the place of grad_input.

        Both are tuples: of the positional arguments and of the results, with None for what has no gradient. Where no
        argument has one the hook runs when those of the results are there.

        Args:
            hook: the function.
            prepend: call it before the hooks that are there.

        Raises:
            ArgumentError: the hook can't be called.
        """
        return self._register("full_backward_hook", hook, prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the gradients go through the module; what it gives, unless None,
        takes the place of grad_output. Arguments and errors as of `register_full_backward_hook`."""
        return self._register("full_backward_pre_hook", hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` collects.

        Raises:
            ArgumentError: the hook can't be called.
        """
        return self._register("state_dict_pre_hook", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after `state_dict` has collected this module and
        those below; it may change the dictionary. The metadata is empty.

        Raises:
            ArgumentError: the hook can't be called.
        """
        return self._register("state_dict_post_hook", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``
        before `load_state_dict` reads; it may change the dictionary, a copy, and add to the lists.

        Raises:
            ArgumentError: the hook can't be called.
        """
        return self._register("load_state_dict_pre_hook", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after all values are set; it may change the two lists, which strict
        loading then judges.

        Raises:
            ArgumentError: the hook can't be called.
        """
        return self._register("load_state_dict_post_hook", hook)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, and the hooks around it."""
        if self._before or self._after or self._more:
            return call(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Direct submodules with their names, each once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """Direct submodules, each once."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with dotted names.

        Args:
            memo: modules that are left out; those that come are added.
            prefix: what the names start with.
            remove_duplicate: one that is shared comes once, under its first name.
        """
        seen: set[Module] = set() if memo is None else memo
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if remove_duplicate:
                if module in seen:
                    continue
                seen.add(module)
            yield name, module
            below = [(f"{name}.{key}" if name else key, child) for key, child in module._modules.items()]
            stack.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _places(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Module]]:
        """Every place of a module with the start of its names, as PyTorch's state dictionaries count them: a shared
        module comes at each of its places."""
        stack: list[tuple[str, Module]] = [(prefix and f"{prefix}.", self)]
        while stack:
            start, module = stack.pop()
            yield start, module
            if recurse:
                stack.extend((f"{start}{key}.", child) for key, child in reversed(module._modules.items()))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names.

        Args:
            prefix: what the names start with.
            recurse: those of submodules too.
            remove_duplicate: one that is shared comes once, under its first name.
        """
        seen: set[int] = set()
        for start, module in self._places(prefix, recurse):
            for name, parameter in module._parameters.items():
                if parameter is not None and not (remove_duplicate and id(parameter) in seen):
                    seen.add(id(parameter))
                    yield start + name, parameter

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters("", recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names, persistent or not; the arguments are those of `named_parameters`."""
        seen: set[int] = set()
        for start, module in self._places(prefix, recurse):
            for name, buffer in module._buffers.items():
                if buffer is not None and not (remove_duplicate and id(buffer) in seen):
                    seen.add(id(buffer))
                    yield start + name, buffer

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (buffer for _, buffer in self.named_buffers("", recurse))

    def _at(self, target: str) -> Module | None:
        """The module with a dotted name, or None."""
        module: Module | None = self
        for name in target.split(".") if target else ():
            module = module._modules.get(name) if module is not None else None
        return module

    def get_submodule(self, target: str) -> Module:
        """The module with a dotted name; "" is this one.

        Raises:
            AttributeError: there is none.
        """
        found = self._at(target)
        if found is None:
            raise AttributeError(f"{type(self).__name__}: no submodule {target!r}")
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module in the place of the one with a dotted name, or add it under that name.

        Args:
            target: the name.
            module: what takes the place.
            strict: there must be one already.

        Raises:
            ArgumentError: the name is empty, or module is no Module.
            AttributeError: there is no module to hold it, the name is that of something else, or, strict, of nothing.
        """
        where = f"{type(self).__name__}.set_submodule"
        if not isinstance(target, str) or not target:
            raise ArgumentError(f"{where}: a name is needed; got {target!r:.60}", argument=target)
        if not isinstance(module, Module):
            raise ArgumentError(f"{where}: a Module is needed; got {module!r:.60}", argument=module)
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not isinstance(getattr(owner, name, None if strict else module), Module):
            raise AttributeError(f"{where}: no submodule {target!r}")
        setattr(owner, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name.

        Raises:
            AttributeError: there is none.
        """
        path, _, name = target.rpartition(".")
        owner = self._at(path)
        found = owner._parameters.get(name) if owner is not None else None
        if found is None:
            raise AttributeError(f"{type(self).__name__}: no parameter {target!r}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a dotted name.

        Raises:
            AttributeError: there is none.
        """
        path, _, name = target.rpartition(".")
        owner = self._at(path)
        found = owner._buffers.get(name) if owner is not None else None
        if found is None:
            raise AttributeError(f"{type(self).__name__}: no buffer {target!r}")
        return found

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call a function on every module once, children in their order before their parent.

        Raises:
            ArgumentError: fn can't be called.
        """
        need_callable(f"{type(self).__name__}.apply", fn)
        below: list[tuple[Module, bool]] = [(self, False)]
        seen: set[int] = set()
        while below:
            module, children_done = below.pop()
            if children_done:
                fn(module)
            elif id(module) not in seen:
                seen.add(id(module))
                below.append((module, True))
                below.extend((child, False) for child in reversed(module._modules.values()))
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode on every module.

        Raises:
            ArgumentError: mode is neither True nor False.
        """
        if not isinstance(mode, bool):
            raise ArgumentError(f"{type(self).__name__}.train: mode must be True or False; got {mode!r:.60}")
        for _, module in self.named_modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode on every module."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let every parameter collect a gradient, or freeze all."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradient of every parameter, or, without set_to_none, set those there are to 0."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else zeros_like(parameter.grad)

    def float(self) -> Self:
        """Cast to float32, as `to` does."""
        return self.to("float32")

    def double(self) -> Self:
        """Cast to float64, as `to` does."""
        return self.to("float64")

    def cpu(self) -> Self:
        """Nothing: modules are on the CPU."""
        return self

    def to(self, *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False) -> Self:
        """Cast every parameter, its gradient and every floating buffer to a floating dtype, in place of its value.

        Args:
            args: a dtype, a device, both, or a tensor whose dtype is meant.
            device: the CPU.
            dtype: floating.
            non_blocking: of no meaning here.

        Raises:
            ArgumentError: another device, or an argument that is none of these.
            DTypeError: a dtype that is not floating.
        """
        for arg in args[:2]:
            if isinstance(arg, Tensor):
                dtype = arg.dtype
            elif arg is None or isinstance(arg, Device) or (isinstance(arg, str) and arg not in _DTYPES):
                device = arg
            elif dtype is None:
                dtype = arg
        check_device(f"{type(self).__name__}.to", device)
        if dtype is None:
            return self
        made = as_dtype(dtype)
        if not made.is_floating:
            raise DTypeError(f"to: a floating dtype is needed; got {made.name}", dtype=made)
        for parameter in self.parameters():
            gradient = parameter.grad
            set_value(parameter, parameter.detach().astype(made))
            if gradient is not None:
                parameter.grad = gradient.detach().astype(made)
        for buffer in self.buffers():
            if buffer.dtype.is_floating:
                set_value(buffer, buffer.detach().astype(made))
        return self

    def get_extra_state(self) -> Any:
        """What a state dictionary holds of this module beside tensors; a subclass that has such state defines both."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` gave; called by `load_state_dict`."""
        raise NotImplementedError(f"{type(self).__name__} does not define set_extra_state")

    def _named_state(self) -> Iterator[tuple[str, Module, str, Tensor]]:
        """What state dictionaries hold, by name, with where it is: the parameters and persistent buffers of every place
        of a module."""
        for start, module in self._places():
            for name, tensor in module._own_state():
                yield start + name, module, name, tensor

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._parameters.items():
            if parameter is not None:
                yield name, parameter
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._transient:
                yield name, buffer

    def _hooks(self, what: str) -> tuple[Callable[..., Any], ...]:
        return tuple(hook.function for hook in self._more.get(what, {}).values())

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """The value of every parameter and persistent buffer by dotted name; training on does not change what was
        returned.

        Args:
            destination: a dictionary to add to and to give.
            prefix: what the names start with.
            keep_vars: give the parameters and buffers themselves.
        """
        out: dict[str, Any] = {} if destination is None else destination
        stack = [(prefix, self, False)]
        while stack:
            start, module, done = stack.pop()
            if done:
                for hook in module._hooks("state_dict_post_hook"):
                    hook(module, out, start, {})
                continue
            for hook in module._hooks("state_dict_pre_hook"):
                hook(module, start, keep_vars)
            for name, tensor in module._own_state():
                out[start + name] = tensor if keep_vars else tensor.detach()
            if type(module).get_extra_state is not Module.get_extra_state:
                out[start + _EXTRA] = module.get_extra_state()
            if module._more:
                stack.append((start, module, True))
            stack.extend((f"{start}{key}.", child, False) for key, child in reversed(module._modules.items()))
        return out

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Give every parameter and persistent buffer the value of its name. All is checked before anything is set.

        Args:
            state_dict: what `state_dict` gives.
            strict: refuse missing and unexpected names.
            assign: put the tensors themselves in the place of parameters and buffers, whatever their dtype; a
                parameter trains on if the one before did.

        Raises:
            CheckpointError: names are missing or unexpected (all of them are listed), a value is no Tensor, a hook
                has found an error, or state_dict is no mapping.
            CheckpointShapeError: a shape differs.
            CheckpointDTypeError: a dtype differs.
        """
        if not isinstance(state_dict, Mapping):
            raise CheckpointError(
                f"load_state_dict: a mapping of names to tensors is needed; got {type(state_dict).__name__}"
            )
        state = dict(state_dict)
        places = list(self._places())
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        for start, module in places:
            for hook in module._hooks("load_state_dict_pre_hook"):
                hook(module, state, start, {}, strict, missing, unexpected, errors)
        if errors:
            raise CheckpointError(f"load_state_dict: {'; '.join(errors)}")
        own = {name: (module, key, tensor) for name, module, key, tensor in self._named_state()}
        extra = {
            start + _EXTRA: module
            for start, module in places
            if type(module).set_extra_state is not Module.set_extra_state
        }
        missing += [name for name in (*own, *extra) if name not in state]
        unexpected += [name for name in state if name not in own and name not in extra]
        listens = any(module._more.get("load_state_dict_post_hook") for _, module in places)
        if strict and not listens:
            _refuse_other_names(missing, unexpected)
        for name, (_, _, target) in own.items():
            if name in state:
                _check_value(name, target, state[name], assign)
        for name, (module, key, target) in own.items():
            if name not in state:
                continue
            if not assign:
                set_value(target, state[name])
            elif isinstance(target, Parameter):
                value = state[name]
                if not isinstance(value, Parameter):
                    value = Parameter(value.detach(), requires_grad=target.requires_grad)
                module._parameters[key] = value
            else:
                module._buffers[key] = state[name]
        for name, module in extra.items():
            if name in state:
                module.set_extra_state(state[name])
        found = IncompatibleKeys(missing, unexpected)
        for _, module in places:
            for hook in module._hooks("load_state_dict_post_hook"):
                hook(module, found)
        if strict and listens:
            _refuse_other_names(missing, unexpected)
        return found

    def extra_repr(self) -> str:
        """What stands between the parentheses of a layer's repr."""
        return ""

    def __repr__(self) -> str:
        n = sum(parameter.size for parameter in self.parameters(recurse=False))
        inside = self.extra_repr() + (
            f", {n:,} parameters" if n and self.extra_repr() else f"{n:,} parameters" if n else ""
        )
        if not self._modules:
            return f"{type(self).__name__}({inside})"
        total = sum(parameter.size for parameter in self.parameters())
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self._modules.items()]
        return f"{type(self).__name__}(  # {total:,} parameters\n" + "\n".join(lines) + "\n)"


def set_value(t: Tensor, value: Tensor) -> None:
    """Give a parameter or buffer a new value; memory is shared until one of the two is written to."""
    replace_header(t, lib.rt_with_node(value._h, t._h.node))


def _refuse_other_names(missing: list[str], unexpected: list[str]) -> None:
    parts = [
        f"{what} {', '.join(map(str, names))}"
        for what, names in (("missing", missing), ("unexpected", unexpected))
        if names
    ]
    if parts:
        raise CheckpointError(f"load_state_dict: {'; '.join(parts)}", missing=missing, unexpected=unexpected)


def _check_value(name: str, target: Tensor, value: Any, any_dtype: bool) -> None:
    """Raise where a value can't be loaded."""
    if not isinstance(value, Tensor):
        raise CheckpointError(
            f"load_state_dict: {name} must be a Tensor of rtch; got {type(value).__name__}, use rtch.asarray", name=name
        )
    if value.shape != target.shape:
        raise CheckpointShapeError(
            f"load_state_dict: {name} has shape {list(target.shape)}; got {list(value.shape)}",
            name=name,
            shape=value.shape,
        )
    if value.dtype is not target.dtype and not (any_dtype and value.dtype.is_floating == target.dtype.is_floating):
        raise CheckpointDTypeError(
            f"load_state_dict: {name} is {target.dtype.name}; got {value.dtype.name}", name=name, dtype=value.dtype
        )
