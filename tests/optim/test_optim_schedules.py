# SPDX-License-Identifier: MIT
"""Schedules epoch by epoch beside PyTorch's, in both forms, and their states."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import optim
from rtch.errors import OptimizerError
from rtch.optim import lr_scheduler

EPOCHS = 25


class Halve:
    """A function with attributes, which a state holds."""

    def __init__(self) -> None:
        self.by = 0.5

    def __call__(self, epoch: int) -> float:
        out = 1.0
        for _ in range(epoch // 3):
            out *= self.by
        return out


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "step": lambda lib, o: lib.StepLR(o, 4),
    "step gamma": lambda lib, o: lib.StepLR(o, 1, gamma=0.7),
    "multi": lambda lib, o: lib.MultiStepLR(o, [3, 8, 8, 20], gamma=0.5),
    "exponential": lambda lib, o: lib.ExponentialLR(o, 0.9),
    "cosine": lambda lib, o: lib.CosineAnnealingLR(o, 7),
    "cosine long": lambda lib, o: lib.CosineAnnealingLR(o, 100, eta_min=0.001),
    "cosine one": lambda lib, o: lib.CosineAnnealingLR(o, 1, eta_min=0.01),
    "one cycle": lambda lib, o: lib.OneCycleLR(o, 0.4, total_steps=30),
    "one cycle linear": lambda lib, o: lib.OneCycleLR(
        o, [0.4, 0.2], epochs=6, steps_per_epoch=5, anneal_strategy="linear", pct_start=0.5, div_factor=10.0
    ),
    "one cycle three": lambda lib, o: lib.OneCycleLR(o, 0.4, total_steps=26, three_phase=True, final_div_factor=10.0),
    "one cycle plain": lambda lib, o: lib.OneCycleLR(o, 0.4, total_steps=27, cycle_momentum=False),
    "lambda": lambda lib, o: lib.LambdaLR(o, lambda epoch: 1.0 / (1.0 + epoch)),
    "lambdas": lambda lib, o: lib.LambdaLR(o, [Halve(), lambda epoch: 1.0 + epoch]),
    "sequential": lambda lib, o: lib.SequentialLR(
        o,
        [
            lib.LambdaLR(o, lambda epoch: (epoch + 1) / 5.0),
            lib.CosineAnnealingLR(o, 9, eta_min=0.01),
            lib.ExponentialLR(o, 0.8),
        ],
        [5, 15],
    ),
    "sequential at once": lambda lib, o: lib.SequentialLR(o, [lib.StepLR(o, 2), lib.ExponentialLR(o, 0.9)], [1]),
}
METRICS = [3.0, 2.0, 1.99, 1.98, 1.98, 1.98, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
PLATEAUS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "eager": {"patience": 0, "factor": 0.5},
    "patient": {"patience": 2, "cooldown": 2, "min_lr": [0.02, 0.005]},
    "absolute": {"patience": 1, "threshold": 0.5, "threshold_mode": "abs"},
    "max": {"mode": "max", "patience": 1, "factor": 0.3},
    "max absolute": {"mode": "max", "patience": 1, "threshold": 0.1, "threshold_mode": "abs", "eps": 1e-3},
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "Adam": ("Adam", {"lr": 0.1}),
}


def ours(kind: str = "SGD") -> optim.Optimizer:
    name, options = KINDS[kind]
    params = [rtch.ones((2,)).requires_grad_() for _ in range(2)]
    return getattr(optim, name)([{"params": params[0]}, {"params": params[1], "lr": 0.03}], **options)  # type: ignore[no-any-return]


def theirs(torch: Any, kind: str = "SGD") -> Any:
    name, options = KINDS[kind]
    params = [torch.ones(2, requires_grad=True) for _ in range(2)]
    return getattr(torch.optim, name)([{"params": params[0]}, {"params": params[1], "lr": 0.03}], **options)


def rates(optimizer: Any) -> list[float]:
    """Learning rates, and what OneCycleLR moves beside them."""
    out: list[float] = []
    for group in optimizer.param_groups:
        out += [group["lr"], group["momentum"] if "momentum" in group else group["betas"][0]]
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_every_epoch_is_pytorchs(name: str, kind: str) -> None:
    """Rates, momenta and get_last_lr are PyTorch's in every epoch, within rounding."""
    torch = pytest.importorskip("torch")
    optimizer, reference = ours(kind), theirs(torch, kind)
    schedule = CASES[name](lr_scheduler, optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = CASES[name](torch.optim.lr_scheduler, reference)
        for epoch in range(EPOCHS):
            assert rates(reference) == pytest.approx(rates(optimizer), rel=1e-13, abs=1e-17), epoch
            assert expected.get_last_lr() == pytest.approx(schedule.get_last_lr(), rel=1e-13, abs=1e-17)
            assert expected.last_epoch == schedule.last_epoch
            reference.step()
            optimizer.step()
            expected.step()
            schedule.step()


@pytest.mark.parametrize("name", [name for name in CASES if "sequential" not in name])
def test_a_given_epoch_is_pytorchs(name: str) -> None:
    """step(epoch) goes there by the form that starts from the first rates, forwards and back; steps go on from it."""
    torch = pytest.importorskip("torch")
    optimizer, reference = ours(), theirs(torch)
    schedule = CASES[name](lr_scheduler, optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = CASES[name](torch.optim.lr_scheduler, reference)
        for epoch in (5, None, None, 20, 3, None, 0, None):
            expected.step(epoch)
            schedule.step(epoch)
            assert rates(reference) == pytest.approx(rates(optimizer), rel=1e-13, abs=1e-17), epoch


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus_are_pytorchs(name: str) -> None:
    """ReduceLROnPlateau reduces when PyTorch's does, and keeps the same counts."""
    torch = pytest.importorskip("torch")
    optimizer, reference = ours(), theirs(torch)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, **PLATEAUS[name])
    expected = torch.optim.lr_scheduler.ReduceLROnPlateau(reference, **PLATEAUS[name])
    for i, metric in enumerate(METRICS + [float("nan")] * 3):
        expected.step(metric)
        schedule.step(rtch.asarray(metric, dtype="float64") if i % 2 else metric)
        assert rates(reference) == pytest.approx(rates(optimizer), rel=1e-15), i
        state = expected.state_dict()
        for key in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
            assert state[key] == schedule.state_dict()[key], key


# States -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", ["as it is", "JSON"])
@pytest.mark.parametrize("name", CASES)
def test_states_go_on(name: str, through: str) -> None:
    """Optimiser's and schedule's states, loaded into new ones, continue to the bit; also after JSON."""
    optimizer, other = ours(), ours()
    schedule, resumed = CASES[name](lr_scheduler, optimizer), CASES[name](lr_scheduler, other)
    for _ in range(8):
        schedule.step()
    states = schedule.state_dict(), optimizer.state_dict()
    if through == "JSON":
        states = json.loads(json.dumps(states[0])), {**states[1], "state": {}}
    resumed.load_state_dict(states[0])
    other.load_state_dict(states[1])
    for _ in range(12):
        assert rates(optimizer) == rates(other)
        assert schedule.get_last_lr() == resumed.get_last_lr()
        schedule.step()
        resumed.step()
    assert schedule.state_dict() == resumed.state_dict()


@pytest.mark.parametrize("name", CASES)
def test_pytorchs_states_go_on(name: str) -> None:
    """PyTorch's states load, and both libraries go on alike; the names in a state are PyTorch's."""
    torch = pytest.importorskip("torch")
    optimizer, reference = ours(), theirs(torch)
    schedule = CASES[name](lr_scheduler, optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = CASES[name](torch.optim.lr_scheduler, reference)
        for _ in range(8):
            expected.step()
        state = expected.state_dict()
        ignored = {"_is_initial", "_get_lr_called_within_step", "use_beta1"}
        assert set(state) - ignored == set(schedule.state_dict())
        optimizer.load_state_dict(reference.state_dict())
        schedule.load_state_dict(state)
        for _ in range(12):
            expected.step()
            schedule.step()
            assert rates(reference) == pytest.approx(rates(optimizer), rel=1e-13, abs=1e-17)


def test_plateau_states_go_on() -> None:
    """The best metric and the counts come with the state."""
    optimizer, other = ours(), ours()
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    for metric in METRICS[:9]:
        schedule.step(metric)
    resumed = lr_scheduler.ReduceLROnPlateau(other, patience=9)
    resumed.load_state_dict(schedule.state_dict())
    other.load_state_dict(optimizer.state_dict())
    for metric in METRICS[9:]:
        schedule.step(metric)
        resumed.step(metric)
        assert rates(optimizer) == rates(other)


def test_a_state_is_a_value() -> None:
    """Stepping on changes no state that was taken."""
    schedule = CASES["sequential"](lr_scheduler, ours())
    state = schedule.state_dict()
    before = json.dumps(state)
    for _ in range(7):
        schedule.step()
    assert before == json.dumps(state)


def test_objects_come_with_the_state() -> None:
    """The attributes of a LambdaLR's object are in the state, plain functions are None."""
    schedule = CASES["lambdas"](lr_scheduler, ours())
    schedule.lr_lambdas[0].by = 0.25
    state = schedule.state_dict()
    assert [{"by": 0.25}, None] == state["lr_lambdas"]
    other = CASES["lambdas"](lr_scheduler, ours())
    other.load_state_dict(state)
    assert 0.25 == other.lr_lambdas[0].by


def test_going_on_from_an_epoch() -> None:
    """last_epoch takes up a schedule where the groups know their first rates, as in PyTorch."""
    torch = pytest.importorskip("torch")
    for name in ("StepLR", "CosineAnnealingLR"):
        optimizer, reference = ours(), theirs(torch)
        for group in (*optimizer.param_groups, *reference.param_groups):
            group["initial_lr"] = 0.2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = getattr(torch.optim.lr_scheduler, name)(reference, 5, last_epoch=6)
            schedule = getattr(lr_scheduler, name)(optimizer, 5, last_epoch=6)
            for _ in range(8):
                assert rates(reference) == pytest.approx(rates(optimizer), rel=1e-13)
                expected.step()
                schedule.step()
    with pytest.raises(OptimizerError, match="StepLR: to go on from an epoch, group 0 needs an initial_lr"):
        lr_scheduler.StepLR(ours(), 5, last_epoch=6)


def test_nested_sequences_are_flat_ones() -> None:
    """A SequentialLR within another gives its own rates. PyTorch steps its first schedule twice at epoch 0."""
    torch = pytest.importorskip("torch")

    def inner(lib: Any, o: Any) -> Any:
        return lib.SequentialLR(o, [lib.ExponentialLR(o, 0.9), lib.ExponentialLR(o, 0.5)], [3])

    nested, flat = ours(), ours()
    schedule = lr_scheduler.SequentialLR(nested, [inner(lr_scheduler, nested), lr_scheduler.StepLR(nested, 2)], [6])
    expected = inner(lr_scheduler, flat)
    assert 0.1 == nested.param_groups[0]["lr"]
    for _ in range(5):
        assert rates(flat) == rates(nested)
        expected.step()
        schedule.step()
    resumed = lr_scheduler.SequentialLR(flat, [inner(lr_scheduler, flat), lr_scheduler.StepLR(flat, 2)], [6])
    resumed.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
    assert schedule.state_dict() == resumed.state_dict()
    reference = theirs(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lib = torch.optim.lr_scheduler
        lib.SequentialLR(reference, [inner(lib, reference), lib.StepLR(reference, 2)], [6])
    assert 0.09 == pytest.approx(reference.param_groups[0]["lr"])


def test_cooldown_is_seen() -> None:
    """in_cooldown is PyTorch's, epoch by epoch."""
    torch = pytest.importorskip("torch")
    options: dict[str, Any] = {"patience": 1, "cooldown": 3}
    schedule = lr_scheduler.ReduceLROnPlateau(ours(), **options)
    expected = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs(torch), **options)
    seen = []
    for _ in range(12):
        schedule.step(1.0)
        expected.step(1.0)
        assert expected.in_cooldown == schedule.in_cooldown
        seen.append(schedule.in_cooldown)
    assert {False, True} == set(seen)


def test_functions_may_give_any_real_number() -> None:
    """A LambdaLR's factor may be a bool, an int or NumPy's float32; it is computed with in float64."""
    for factor in (True, 2, np.float32(0.1)):
        optimizer = ours()
        lr_scheduler.LambdaLR(optimizer, lambda epoch, factor=factor: factor)  # type: ignore[misc]
        assert [0.1 * float(factor), 0.03 * float(factor)] == [group["lr"] for group in optimizer.param_groups]


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no optimiser": (lambda o: lr_scheduler.StepLR(5, 1), "StepLR: an optimiser of rtch is needed; got int"),
    "step_size": (lambda o: lr_scheduler.StepLR(o, 0), "StepLR: step_size must be a whole number from 1 up; got 0"),
    "gamma": (lambda o: lr_scheduler.StepLR(o, 1, float("nan")), "StepLR: gamma must be a finite number"),
    "milestone": (lambda o: lr_scheduler.MultiStepLR(o, [1.5]), "MultiStepLR: a milestone must be a whole number"),
    "milestones of another kind": (lambda o: lr_scheduler.MultiStepLR(o, 5), "milestones must be a list; got 5"),
    "a milestone of another kind": (lambda o: lr_scheduler.MultiStepLR(o, [[1]]), "a milestone must be a whole number"),
    "T_max": (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), "CosineAnnealingLR: T_max must be a whole number"),
    "last_epoch": (lambda o: lr_scheduler.ExponentialLR(o, 0.9, -2), "ExponentialLR: last_epoch must be a number"),
    "lambdas": (lambda o: lr_scheduler.LambdaLR(o, [abs]), "LambdaLR: a function, or one for each of 2 groups"),
    "no function": (lambda o: lr_scheduler.LambdaLR(o, 3), "LambdaLR: a function"),
    "factor None": (lambda o: lr_scheduler.LambdaLR(o, lambda e: None), "must give a finite number; got None"),
    "factor text": (lambda o: lr_scheduler.LambdaLR(o, lambda e: "a"), "must give a finite number; got 'a'"),
    "factor nan": (lambda o: lr_scheduler.LambdaLR(o, lambda e: float("nan")), "must give a finite number; got nan"),
    "factor tensor": (lambda o: lr_scheduler.LambdaLR(o, lambda e: rtch.ones(())), "LambdaLR: a function must give"),
    "epoch": (lambda o: lr_scheduler.StepLR(o, 1).step("a"), "StepLR: epoch must be a whole number from 0 up; got 'a'"),
    "half an epoch": (lambda o: lr_scheduler.ExponentialLR(o, 0.9).step(1.5), "ExponentialLR: epoch must be a whole"),
    "plateau's epoch": (lambda o: lr_scheduler.ReduceLROnPlateau(o).step(1.0, "a"), "epoch must be a whole number"),
    "no metric": (lambda o: lr_scheduler.ReduceLROnPlateau(o).step(None), "a metric must be a number; got None"),
    "metric text": (lambda o: lr_scheduler.ReduceLROnPlateau(o).step("1"), "a metric must be a number; got '1'"),
    "cycle without bounds": (
        lambda o: (
            [g.update(initial_lr=0.1) for g in o.param_groups],
            lr_scheduler.OneCycleLR(o, 0.1, 9, last_epoch=3),
        ),
        "OneCycleLR: group 0 needs a max_lr",
    ),
    "cycle": (lambda o: lr_scheduler.OneCycleLR(o, 0.1), "OneCycleLR: epochs, where there is no total_steps"),
    "pct": (lambda o: lr_scheduler.OneCycleLR(o, 0.1, 5, pct_start=2.0), "OneCycleLR: pct_start must be"),
    "anneal": (lambda o: lr_scheduler.OneCycleLR(o, 0.1, 5, anneal_strategy="exp"), "anneal_strategy is 'cos' or"),
    "max_lr": (lambda o: lr_scheduler.OneCycleLR(o, [0.1], 5), "max_lr must be a number or one for each of 2 groups"),
    "div": (lambda o: lr_scheduler.OneCycleLR(o, 0.1, 5, div_factor=0), "div_factor must be above 0; got 0"),
    "momentum": (
        lambda o: lr_scheduler.OneCycleLR(optim.Adagrad(o.param_groups[0]["params"]), 0.1, 5),
        "OneCycleLR: Adagrad has no momentum to cycle",
    ),
    "too many steps": (lambda o: lr_scheduler.OneCycleLR(o, 0.1, 5).step(6), "the cycle has 5 steps; got step 6"),
    "factor": (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), "factor must be below 1; got 1.0"),
    "mode": (lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="up"), "mode is 'min' or 'max'"),
    "min_lr": (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[0.0]), "min_lr must be a number or one for each"),
    "no schedules": (lambda o: lr_scheduler.SequentialLR(o, 5, []), "schedulers must be a list; got 5"),
    "nothing": (lambda o: lr_scheduler.SequentialLR(o, [], []), "SequentialLR: schedules, and one milestone less"),
    "milestones": (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(o, 1)], [3]), "one milestone less"),
    "another's": (
        lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(ours(), 1)], []),
        "every schedule must be one of epochs, of this optimiser; number 0",
    ),
    "plateau": (
        lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.ReduceLROnPlateau(o)], []),
        "every schedule must be one of epochs",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_schedules_refuse(name: str) -> None:
    """Arguments out of range are typed errors that name schedule, rule and value."""
    call, message = REFUSED[name]
    with pytest.raises(OptimizerError, match=message):
        call(ours())


def test_states_that_do_not_fit_change_nothing() -> None:
    """A state that lacks something or has it of another kind is refused, and nothing is set."""
    schedule = CASES["sequential"](lr_scheduler, ours())
    schedule.step()
    before = json.dumps(schedule.state_dict())
    for change, message in (
        (lambda s: s.pop("last_epoch"), "the state dict lacks 'last_epoch'"),
        (lambda s: s.update(_last_lr=[0.1]), r"_last_lr of the state dict does not fit; got \[0.1\]"),
        (lambda s: s.update(last_epoch="x"), "last_epoch of the state dict does not fit; got 'x'"),
        (lambda s: s["_schedulers"].pop(), "must have 3 _schedulers"),
        (lambda s: s["_schedulers"][2].pop("gamma"), "ExponentialLR: the state dict lacks 'gamma'"),
    ):
        state = json.loads(before)
        state["_schedulers"][0]["last_epoch"] = 4
        change(state)
        with pytest.raises(OptimizerError, match=message):
            schedule.load_state_dict(state)
        assert before == json.dumps(schedule.state_dict())
    with pytest.raises(OptimizerError, match="StepLR: a state dict is needed; got list"):
        lr_scheduler.StepLR(ours(), 1).load_state_dict([])  # type: ignore[arg-type]


PHASES = "_schedule_phases"
DAMAGE: dict[str, tuple[str, dict[str, Any], str]] = {
    "step_size": ("step", {"step_size": 0}, "StepLR: step_size must be a whole number from 1 up; got 0"),
    "half a step_size": ("step", {"step_size": 1.5}, "StepLR: step_size must be a whole number"),
    "gamma": ("step", {"gamma": float("nan")}, "StepLR: gamma must be a finite number"),
    "exponential gamma": ("exponential", {"gamma": float("inf")}, "ExponentialLR: gamma must be a finite number"),
    "multi gamma": ("multi", {"gamma": float("nan")}, "MultiStepLR: gamma must be a finite number"),
    "last_epoch": ("exponential", {"last_epoch": -5}, "ExponentialLR: last_epoch must be a whole number from -1 up"),
    "half an epoch": ("exponential", {"last_epoch": 0.5}, "last_epoch must be a whole number"),
    "_step_count": ("exponential", {"_step_count": -1}, "_step_count must be a whole number"),
    "base_lrs": ("step", {"base_lrs": [0.1, float("nan")]}, "base_lrs must be a finite number"),
    "_last_lr": ("step", {"_last_lr": [float("inf"), 0.1]}, "_last_lr must be a finite number"),
    "T_max": ("cosine", {"T_max": 0}, "CosineAnnealingLR: T_max must be a whole number from 1 up; got 0"),
    "eta_min": ("cosine", {"eta_min": float("nan")}, "CosineAnnealingLR: eta_min must be a finite number"),
    "total_steps": ("one cycle", {"total_steps": 0}, "OneCycleLR: total_steps must be a whole number from 1 up"),
    "anneal": ("one cycle", {"_anneal_func_type": "exp"}, "anneal_strategy is 'cos' or 'linear'; got 'exp'"),
    "empty phases": ("one cycle", {PHASES: [{}, {}]}, r"start_lr of a phase must be one of .*; got \{\}"),
    "end_step": (
        "one cycle",
        {
            PHASES: [
                {
                    "end_step": "x",
                    "start_lr": "max_lr",
                    "end_lr": "min_lr",
                    "start_momentum": "max_momentum",
                    "end_momentum": "base_momentum",
                }
            ]
            * 2
        },
        "end_step of a phase must be a finite number",
    ),
    "milestone": ("multi", {"milestones": {"a": "b"}}, "a milestone must be a whole number from 0 up; got 'a'"),
    "a milestone's times": ("multi", {"milestones": {"3": "b"}}, "how often 3 is a milestone must be a whole number"),
    "no milestones": ("multi", {"milestones": [3]}, r"milestones of the state dict does not fit; got \[3\]"),
    "a sequence's milestones": ("sequential", {"_milestones": ["a", 9]}, "_milestones of the state dict does not fit"),
    "a negative milestone": (
        "sequential",
        {"_milestones": [-3, 9]},
        "SequentialLR: a milestone must be a whole number",
    ),
    "lambdas": ("lambdas", {"lr_lambdas": 5}, "LambdaLR: the state dict must have 2 lr_lambdas; got 5"),
    "numbers as lambdas": (
        "lambdas",
        {"lr_lambdas": [5, None]},
        r"lr_lambdas\[0\] .* by name, or None; got 5",
    ),
    "a plain function's": ("lambdas", {"lr_lambdas": [None, {"a": 1}]}, r"lr_lambdas\[1\] .* must be None; got"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_values_out_of_range_change_nothing(name: str) -> None:
    """What a constructor refuses is refused from a state too, with one typed error, and nothing is set."""
    case, damage, message = DAMAGE[name]
    schedule = CASES[case](lr_scheduler, ours())
    schedule.step()
    before = schedule.state_dict()
    with pytest.raises(OptimizerError, match=message):
        schedule.load_state_dict({**before, "last_epoch": 7, **damage})
    assert before == schedule.state_dict()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("mode", "up"), ("threshold_mode", "x"), ("factor", 1.0), ("factor", float("nan")), ("patience", -1)],
        *[("cooldown", 0.5), ("cooldown_counter", -1), ("num_bad_epochs", -2), ("eps", -1.0), ("best", float("nan"))],
        *[("min_lrs", [0.0, -1.0]), ("last_epoch", -1), ("_last_lr", [0.1, float("nan")])],
    ],
)
def test_plateau_values_out_of_range_change_nothing(key: str, value: Any) -> None:
    """The same of a schedule that follows a metric."""
    schedule = lr_scheduler.ReduceLROnPlateau(ours())
    schedule.step(3.0)
    before = schedule.state_dict()
    with pytest.raises(OptimizerError, match="ReduceLROnPlateau"):
        schedule.load_state_dict({**before, "best": 1.0, key: value})
    assert before == schedule.state_dict()
