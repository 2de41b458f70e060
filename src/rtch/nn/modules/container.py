# SPDX-License-Identifier: MIT
"""Modules that hold modules."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from rtch.errors import ArgumentError
from rtch.nn.functional.arguments import need_integer
from rtch.nn.module import Module


def need_kind(where: str, kind: type, value: Any) -> None:
    """Raise where a value is of another kind."""
    if not isinstance(value, kind):
        raise ArgumentError(f"{where} must be a {kind.__name__}; got {type(value).__name__}", argument=value)


def pairs_of(where: str, given: Any) -> list[tuple[str, Any]]:
    """Names with what is named.

    Raises:
        ArgumentError: neither a mapping nor pairs.
    """
    try:
        return [(name, value) for name, value in (given.items() if hasattr(given, "items") else given)]
    except (TypeError, ValueError):
        raise ArgumentError(f"{where}: a mapping of names is needed; got {type(given).__name__}") from None


class _Numbered(Module):
    """Modules under the names "0", "1", ..."""

    def __init__(self, modules: Iterable[Module]) -> None:
        super().__init__()
        self.extend(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        """One module, or for a slice a container of the same modules."""
        if isinstance(index, slice):
            return self._of(dict(list(self._modules.items())[index]))
        return list(self._modules.values())[index]

    def _of(self, modules: dict[str, Module]) -> Self:
        return type(self)(modules.values())

    def _position(self, index: Any) -> int:
        try:
            return operator.index(index)
        except TypeError:
            raise ArgumentError(f"{type(self).__name__}: an integer is needed; got {index!r:.60}") from None

    def __setitem__(self, index: int, module: Module) -> None:
        at = self._position(index)
        need_kind(f"{type(self).__name__}: item {index}", Module, module)
        setattr(self, list(self._modules)[at], module)

    def __delitem__(self, index: int | slice) -> None:
        kept = list(self._modules.values())
        del kept[index]
        self._renumber(kept)

    def _renumber(self, modules: list[Module]) -> None:
        self._modules.clear()
        self._modules.update((str(i), module) for i, module in enumerate(modules))

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        return self.extend([module])

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end. Their names are numbers; one that is taken, as in a slice, which keeps its names, is
        passed over.

        Raises:
            ArgumentError: something else than a sequence of modules.
        """
        need_kind(f"{type(self).__name__}: what is added", Iterable, modules)
        for i, module in enumerate(list(modules), len(self)):
            need_kind(f"{type(self).__name__}: item {i}", Module, module)
            name = i
            while str(name) in self._modules:
                name += 1
            setattr(self, str(name), module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at index."""
        at = self._position(index)
        need_kind(f"{type(self).__name__}: item {index}", Module, module)
        modules = list(self._modules.values())
        modules.insert(at, module)
        self._renumber(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take a module out and return it."""
        module = self[index]
        del self[index]
        return module

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)


class Sequential(_Numbered):
    """Modules applied one after another. Parameters are named ``0.weight`` and so on; `model[i]` is a module.

    Args:
        modules: the modules, or one mapping of names to them.

    Raises:
        ArgumentError: something else than a module, or a name that can't be one.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            super().__init__(())
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            super().__init__(modules)  # type: ignore[arg-type]

    def _of(self, modules: dict[str, Module]) -> Self:
        return type(self)(modules)  # which keep their names

    def __add__(self, other: Iterable[Module]) -> Sequential:
        return Sequential(*self).extend(other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*(list(self) * self._times(times)))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(list(self) * (self._times(times) - 1))

    def _times(self, times: Any) -> int:
        return need_integer(type(self).__name__, "how many times", times, 1)

    def forward(self, input: Any) -> Any:
        """Apply the modules in order."""
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Numbered):
    """A list of modules, whose parameters are its owner's; it has no forward.

    Args:
        modules: what it starts with.

    Raises:
        ArgumentError: something else than a sequence of modules.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__(() if modules is None else modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])


class ModuleDict(Module):
    """Modules by name, whose parameters are its owner's; it has no forward.

    Args:
        modules: what it starts with.

    Raises:
        ArgumentError: something else than modules by name, or a name that can't be one.
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """The names with the modules."""
        return self._modules.items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules by name, or put them in the place of those that are there.

        Raises:
            ArgumentError: neither a mapping nor pairs, a name that can't be one, or something else than a module.
        """
        for name, module in pairs_of(type(self).__name__, modules):
            self.add_module(name, module)

    def pop(self, name: str) -> Module:
        """Take a module out and return it."""
        return self._modules.pop(name)

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()
