# SPDX-License-Identifier: MIT
"""Modules that hold modules."""

from __future__ import annotations

from rtch.errors import ArgumentError
from rtch.nn.module import Module
from rtch.tensor import Tensor


class Sequential(Module):
    """Modules applied one after another. Parameters are named ``0.weight`` and so on; `model[i]` is a module."""

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise ArgumentError(
                    f"Sequential: item {i} must be a Module; got {type(module).__name__}", argument=module
                )
            setattr(self, str(i), module)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the modules in order."""
        for module in self._modules.values():
            input = module(input)
        return input

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, index: int | slice) -> Module:
        """One module, or for a slice a Sequential of the same modules."""
        found = list(self._modules.values())[index]
        return found if isinstance(found, Module) else Sequential(*found)
