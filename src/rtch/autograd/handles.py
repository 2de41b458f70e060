# SPDX-License-Identifier: MIT
"""The handles that registering a hook gives."""

from __future__ import annotations

import itertools
from typing import Any, Self

_numbers = itertools.count()


class RemovableHandle:
    """What registering a hook gives: `remove` takes the hook away again, once or often, as leaving a `with` does."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False) -> None:
        self.id = next(_numbers)
        self._hooks = hooks
        others = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[self.id] = hook
        hooks.update(others)

    def remove(self) -> None:
        """Call the hook no more."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
