# SPDX-License-Identifier: MIT
"""Hooks: functions that a module calls before or after `forward`, and the handles that remove them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple, Self

_numbers = itertools.count()


class Hook(NamedTuple):
    """A function, and what it is called with."""

    function: Callable[..., Any]
    with_kwargs: bool
    always: bool = False  # also when forward raised


Hooks = dict[int, Hook]


class RemovableHandle:
    """What registering a hook gives: `remove` takes the hook away again, once or often, as leaving a `with` does."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: Hooks, hook: Hook, prepend: bool) -> None:
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


def call(module: Any, before: Hooks, after: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the hooks before, forward, and the hooks after, in order; each may put something else in the place of the
    arguments or of the result."""
    for hook in tuple(before.values()):
        if hook.with_kwargs:
            changed = hook.function(module, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        else:
            changed = hook.function(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    try:
        out = module.forward(*args, **kwargs)
    except BaseException:
        for hook in tuple(after.values()):
            if hook.always:
                _after(hook, module, args, kwargs, None)
        raise
    for hook in tuple(after.values()):
        changed = _after(hook, module, args, kwargs, out)
        if changed is not None:
            out = changed
    return out


def _after(hook: Hook, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    return hook.function(module, args, kwargs, out) if hook.with_kwargs else hook.function(module, args, out)
