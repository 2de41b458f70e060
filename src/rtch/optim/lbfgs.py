# SPDX-License-Identifier: MIT
"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

from rtch.autograd import enable_grad, no_grad
from rtch.creation import zeros
from rtch.errors import OptimizerError
from rtch.manipulation import concat
from rtch.optim.line_search import Point, strong_wolfe
from rtch.optim.optimizer import Optimizer
from rtch.tensor import Tensor, snapshot

_COUNTS = ("func_evals", "n_iter")
_NUMBERS = ("t", "H_diag", "prev_loss")
_VECTORS = ("d", "prev_flat_grad")
_CURVATURE = 1e-10  # y.s above which a pair enters the memory


class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu and Nocedal, 1989), as PyTorch's: one step makes up to max_iter iterations.

    All parameters, of one dtype, form one group. The state stands with the first parameter under PyTorch's names; its
    numbers are floats.

    Args:
        params: parameters.
        lr: step size, or the first one that the line search tries.
        max_iter: iterations of a step.
        max_eval: calls of the closure in a step; 5/4 max_iter if left out.
        tolerance_grad: stop where no gradient is larger.
        tolerance_change: stop where loss and parameters move less.
        history_size: pairs of differences that are kept.
        line_search_fn: "strong_wolfe" or None.

    Raises:
        OptimizerError: an option out of range, several groups, or several dtypes.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None and isinstance(max_iter, int) else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Refused once there is a group: the parameters move along one direction."""
        if self.param_groups:
            raise OptimizerError("LBFGS: one group of parameters is needed; got several")
        super().add_param_group(param_group)
        dtypes = {p.dtype.name for p in self.param_groups[0]["params"]}
        if len(dtypes) > 1:
            raise OptimizerError(f"LBFGS: parameters must have one dtype; got {', '.join(sorted(dtypes))}")

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        for key in ("max_iter", "max_eval", "history_size"):
            value = options[key]
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise OptimizerError(f"LBFGS: {key} must be a number from 0 up; got {value!r}")
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise OptimizerError(
                f"LBFGS: line_search_fn must be None or 'strong_wolfe'; got {options['line_search_fn']!r}"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate until a tolerance or a limit of the options is met.

        Args:
            closure: drops the gradients, computes the loss and its gradients, and returns it; called several times.

        Returns:
            The loss before the step.

        Raises:
            OptimizerError: no closure, or one that gives no number.
        """
        return super().step(closure)

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        if closure is None:
            raise OptimizerError("LBFGS: step needs a closure that computes the loss and its gradients")
        with no_grad():
            return _Step(self.param_groups[0], self.state.setdefault(0, {}), closure).run()

    def _restore(self, parameter: Tensor, entry: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        params = self.param_groups[0]["params"]
        if not entry:
            return {}
        if parameter is not params[0]:
            raise OptimizerError("LBFGS: the state stands with parameter 0; got one with another")
        flat = zeros((sum(p.size for p in params),), dtype=parameter.dtype)
        state: dict[str, Any] = {key: self._count(entry, key) for key in _COUNTS}
        for key in (*_NUMBERS, *_VECTORS, "old_dirs", "old_stps", "ro"):
            if key not in entry:
                continue
            value = entry[key]
            if key in _VECTORS:
                state[key] = self._buffer(flat, entry, key)
            elif key in _NUMBERS:
                state[key] = _number(key, value)
            elif not isinstance(value, list):
                raise OptimizerError(f"LBFGS: {key} must be a list; got {type(value).__name__}")
            elif key == "ro":
                state[key] = [_number(key, item) for item in value]
            else:
                state[key] = [self._buffer(flat, {key: item}, key) for item in value]
        missing = [key for key in (*_NUMBERS, *_VECTORS, "old_dirs", "old_stps", "ro") if key not in state]
        if state["n_iter"] > 0 and missing:
            raise OptimizerError(f"LBFGS: the state lacks {missing[0]!r}")
        if len({len(state.get(key, ())) for key in ("old_dirs", "old_stps", "ro")}) > 1:
            raise OptimizerError("LBFGS: old_dirs, old_stps and ro must have one length")
        return state


class _Step:
    """One call of `LBFGS.step`."""

    def __init__(self, options: dict[str, Any], state: dict[str, Any], closure: Callable[[], Any]) -> None:
        self.options = options
        self.params: list[Tensor] = options["params"]
        self.state = state
        self.closure = closure
        self.evaluations = 0

    def evaluate(self) -> tuple[Any, float, Tensor]:
        """The closure's loss, as it is and as a number, and all gradients one after another."""
        with enable_grad():
            loss = self.closure()
        number = _loss(loss)
        self.evaluations += 1
        self.state["func_evals"] = self.state.get("func_evals", 0) + 1
        parts = [p.grad.reshape(-1) if p.grad is not None else zeros((p.size,), dtype=p.dtype) for p in self.params]
        return loss, number, concat(parts) if len(parts) > 1 else snapshot(parts[0])

    def move(self, by: float, direction: Tensor) -> None:
        """params += by * direction."""
        at = 0
        for p in self.params:
            p += direction[at : at + p.size].reshape(p.shape) * by
            at += p.size

    def run(self) -> Any:
        options, state = self.options, self.state
        tolerance_grad, tolerance_change = options["tolerance_grad"], options["tolerance_change"]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first, loss, gradient = self.evaluate()
        if _largest(gradient) <= tolerance_grad:
            return first
        for iteration in range(1, options["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self.direction(gradient)
            before = loss
            state["prev_flat_grad"], state["prev_loss"] = gradient, before
            t = options["lr"]
            if state["n_iter"] == 1:
                t = min(1.0, 1.0 / abs(gradient).sum().item()) * t
            state["d"], state["t"] = direction, t
            slope = _dot(gradient, direction)
            if slope > -tolerance_change:
                break
            if options["line_search_fn"] is not None:
                loss, gradient, t = self.search(Point(0.0, loss, gradient, slope), direction, t)
                state["t"] = t
                self.move(t, direction)
            else:
                self.move(t, direction)
                if iteration < options["max_iter"]:  # nothing after the last needs it
                    _, loss, gradient = self.evaluate()
            if iteration == options["max_iter"] or self.evaluations >= options["max_eval"]:
                break
            if _largest(gradient) <= tolerance_grad or _largest(direction * t) <= tolerance_change:
                break
            if abs(loss - before) < tolerance_change:
                break
        return first

    def search(self, start: Point, direction: Tensor, t: float) -> tuple[float, Tensor, float]:
        """Loss, gradient and step size that the line search finds; the parameters are where they were."""
        origin = [snapshot(p) for p in self.params]

        def at(t: float) -> Point:
            self.move(t, direction)
            _, loss, gradient = self.evaluate()
            for p, value in zip(self.params, origin, strict=True):
                p[...] = value
            return Point(t, loss, gradient, _dot(gradient, direction))

        found = strong_wolfe(
            at,
            start,
            t,
            _largest(direction),
            self.options["tolerance_change"],
            self.options["max_eval"] - self.evaluations,
        )
        return found.loss, found.gradient, found.t

    def direction(self, gradient: Tensor) -> Tensor:
        """The quasi-Newton direction, after the last move has entered the memory."""
        state = self.state
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        ys, ss, ro = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = _dot(y, s)
        if curvature > _CURVATURE:
            if len(ys) == self.options["history_size"]:
                for memory in (ys, ss, ro):
                    del memory[:1]
            ys.append(y)
            ss.append(s)
            ro.append(1.0 / curvature)
            state["H_diag"] = curvature / _dot(y, y)
        q = -gradient
        shares = [0.0] * len(ys)
        for i in reversed(range(len(ys))):
            shares[i] = _dot(ss[i], q) * ro[i]
            q = q - ys[i] * shares[i]
        r: Tensor = q * state["H_diag"]
        for i in range(len(ys)):
            r = r + ss[i] * (shares[i] - _dot(ys[i], r) * ro[i])
        return r


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum().item())


def _largest(x: Tensor) -> float:
    """The largest magnitude; 0 of nothing."""
    return float(abs(x).max().item()) if x.size else 0.0


def _loss(loss: Any) -> float:
    if not isinstance(loss, (Tensor, Real)):
        raise OptimizerError(f"LBFGS: the closure must give the loss, a number; got {loss!r:.60}")
    return float(loss)


def _number(key: str, value: Any) -> float:
    if isinstance(value, Tensor) and value.size == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise OptimizerError(f"LBFGS: {key} must be a number; got {value!r:.60}")
    return float(value)
