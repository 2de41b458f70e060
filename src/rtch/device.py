# SPDX-License-Identifier: MIT
"""Where tensors live: there is one device, the CPU."""

from __future__ import annotations

from rtch.errors import ArgumentError


class Device:
    """Where a tensor's memory is. There is one object per device, so `is` and `==` compare."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Device({self.name!r})"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return "CPU"


CPU = Device("cpu")


def is_cpu(device: object) -> bool:
    """Whether this is the CPU: its object or "cpu"."""
    return device is CPU or (isinstance(device, str) and device == CPU.name)


def check_device(where: str, device: object) -> None:
    """Raise where a `device` argument asks for what there isn't: it may be None, "cpu" or a tensor's `device`.

    Raises:
        ArgumentError: another device.
    """
    if device is not None and not is_cpu(device):
        raise ArgumentError(f"{where}: the one device is 'cpu'; got {device!r:.80}", argument=device)
