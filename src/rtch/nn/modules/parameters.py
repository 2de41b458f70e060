# SPDX-License-Identifier: MIT
"""Modules that hold parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from rtch.nn.module import Module
from rtch.nn.modules.container import need_kind, pairs_of
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor


class ParameterList(Module):
    """A list of parameters, which are its owner's. A tensor becomes a parameter.

    Args:
        values: what it starts with.

    Raises:
        ArgumentError: something else than a sequence of tensors.
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(() if values is None else values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._listed())

    def _listed(self) -> list[Parameter]:
        return [p for p in self._parameters.values() if p is not None]

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...
    def __getitem__(self, index: int | slice) -> Parameter | ParameterList:
        """One parameter, or for a slice a list of the same parameters."""
        found = self._listed()[index]
        return found if isinstance(found, Parameter) else ParameterList(found)

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, list(self._parameters)[index], _parameter(f"ParameterList: item {index}", value))

    def __delitem__(self, index: int | slice) -> None:
        kept = self._listed()
        del kept[index]
        self._parameters.clear()
        self._parameters.update((str(i), parameter) for i, parameter in enumerate(kept))

    def __iadd__(self, values: Iterable[Tensor]) -> Self:
        return self.extend(values)

    def append(self, value: Tensor) -> Self:
        """Add a parameter at the end."""
        return self.extend([value])

    def extend(self, values: Iterable[Tensor]) -> Self:
        """Add parameters at the end.

        Raises:
            ArgumentError: something else than a sequence of tensors.
        """
        need_kind("ParameterList: what is added", Iterable, values)
        for i, value in enumerate(list(values), len(self)):
            setattr(self, str(i), _parameter(f"ParameterList: item {i}", value))
        return self

    def pop(self, index: int = -1) -> Parameter:
        """Take a parameter out and return it."""
        found = self[index]
        del self[index]
        return found

    def extra_repr(self) -> str:
        """Dtypes and shapes."""
        return _shapes(self._parameters)


class ParameterDict(Module):
    """Parameters by name, which are its owner's. A tensor becomes a parameter.

    Args:
        parameters: what it starts with.

    Raises:
        ArgumentError: something else than tensors by name, or a name that can't be one.
    """

    def __init__(self, parameters: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        self.update(parameters or {})

    def __getitem__(self, name: str) -> Parameter:
        found = self._parameters[name]
        assert found is not None
        return found

    def __setitem__(self, name: str, value: Tensor) -> None:
        self.register_parameter(name, _parameter(f"ParameterDict: {name}", value))

    def __delitem__(self, name: str) -> None:
        del self._parameters[name]

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._parameters.keys()

    def values(self) -> Iterable[Parameter]:
        """The parameters."""
        return [self[name] for name in self]

    def items(self) -> Iterable[tuple[str, Parameter]]:
        """The names with the parameters."""
        return [(name, self[name]) for name in self]

    def update(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> None:
        """Add parameters by name, or put them in the place of those that are there.

        Raises:
            ArgumentError: neither a mapping nor pairs, a name that can't be one, or something else than a tensor.
        """
        for name, value in pairs_of("ParameterDict", parameters):
            self[name] = value

    def pop(self, name: str) -> Parameter:
        """Take a parameter out and return it."""
        found = self[name]
        del self[name]
        return found

    def popitem(self) -> tuple[str, Parameter]:
        """Take the last parameter out and return its name and it."""
        name = next(reversed(self._parameters), None)
        if name is None:
            raise KeyError("ParameterDict: nothing is left")
        return name, self.pop(name)

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or the default where there is none of the name."""
        found = self._parameters.get(name)
        return default if found is None else found

    def setdefault(self, name: str, default: Any = None) -> Parameter:
        """A parameter, which the default becomes where there is none of the name."""
        if name not in self:
            self[name] = default
        return self[name]

    def clear(self) -> None:
        """Take all parameters out."""
        self._parameters.clear()

    def copy(self) -> ParameterDict:
        """Another one with the same parameters."""
        return ParameterDict(dict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Another one with the default under every name."""
        return ParameterDict(dict.fromkeys(keys, default))

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._parameters)

    def __ior__(self, other: Mapping[str, Tensor]) -> Self:
        self.update(other)
        return self

    def __or__(self, other: Mapping[str, Tensor]) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def extra_repr(self) -> str:
        """Dtypes and shapes."""
        return _shapes(self._parameters)


def _parameter(where: str, value: Any) -> Parameter:
    need_kind(where, Tensor, value)
    return value if isinstance(value, Parameter) else Parameter(value)


def _shapes(parameters: Mapping[str, Parameter | None]) -> str:
    return ", ".join(f"({name}): {p.dtype.name}{list(p.shape)}" for name, p in parameters.items() if p is not None)
