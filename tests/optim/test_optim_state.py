# SPDX-License-Identifier: MIT
"""Optimisers' state dictionaries, and what constructors and loading refuse."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import rtch
from rtch import optim
from rtch.errors import OptimizerError
from rtch.random import Generator
from rtch.tensor import Tensor

KINDS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "sgd": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "dampening": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, dampening=0.5),
    "nesterov": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda params: optim.Adam(params, lr=0.1, weight_decay=0.01),
    "amsgrad": lambda params: optim.Adam(params, lr=0.1, amsgrad=True, maximize=True),
    "adamw": lambda params: optim.AdamW(params, lr=0.1),
    "rmsprop": lambda params: optim.RMSprop(params, lr=0.1),
    "rmsprop all": lambda params: optim.RMSprop(params, lr=0.1, momentum=0.5, centered=True, eps=1e-2),
    "adagrad": lambda params: optim.Adagrad(params, lr=0.1, lr_decay=0.1),
}


def leaves(dtype: str = "float32") -> list[Tensor]:
    draw = Generator(0)
    return [draw.normal(shape, dtype=dtype).requires_grad_() for shape in ((3, 4), (5,), ())]


def walk(optimizer: optim.Optimizer, params: list[Tensor], first: int, last: int) -> None:
    for step in range(first, last):
        draw = Generator(100 + step)
        for p in params:
            p.grad = draw.normal(p.shape, dtype=p.dtype)
        optimizer.step()


def bits(params: list[Tensor]) -> list[bytes]:
    return [p.tobytes() for p in params]


def plain(value: Any) -> Any:
    """A state with tensors as bytes, to compare."""
    if isinstance(value, Tensor):
        return value.dtype.name, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("through", ["as it is", "deepcopy", "pickle", "string keys"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_loading_continues_bit_for_bit(kind: str, dtype: str, through: str) -> None:
    """Seven steps, state into a new optimiser over copied parameters, eight more: the bits of fifteen in one go."""
    params = leaves(dtype)
    optimizer = KINDS[kind](params)
    walk(optimizer, params, 0, 7)
    state = optimizer.state_dict()
    if through == "deepcopy":
        state = copy.deepcopy(state)
    elif through == "pickle":
        state = pickle.loads(pickle.dumps(state))
    elif through == "string keys":  # what JSON makes of them
        state["state"] = {str(index): entry for index, entry in state["state"].items()}
        state["param_groups"] = json.loads(json.dumps(state["param_groups"]))
    other = [p.detach().requires_grad_() for p in params]
    resumed = KINDS[kind](other)
    resumed.load_state_dict(state)
    walk(optimizer, params, 7, 15)
    walk(resumed, other, 7, 15)
    assert bits(params) == bits(other)
    if through != "string keys":
        assert plain(optimizer.state_dict()) == plain(resumed.state_dict())


def test_options_come_with_the_state() -> None:
    """Loading takes every group's options over, not only the buffers."""
    params = leaves()
    optimizer = optim.SGD([{"params": params[:1], "lr": 0.7}, {"params": params[1:], "momentum": 0.3}], lr=0.1)
    other = optim.SGD([{"params": params[:1]}, {"params": params[1:]}], lr=9.0)
    other.load_state_dict(optimizer.state_dict())
    assert [(0.7, 0.0), (0.1, 0.3)] == [(group["lr"], group["momentum"]) for group in other.param_groups]
    assert [1, 2] == [len(group["params"]) for group in other.param_groups]


@pytest.mark.parametrize("kind", ["momentum", "adam"])
def test_a_state_dict_is_a_value(kind: str) -> None:
    """Stepping on changes no state_dict that was taken, and writing to one changes no optimiser, loaded or not."""
    params = leaves()
    optimizer = KINDS[kind](params)
    walk(optimizer, params, 0, 3)
    state = optimizer.state_dict()
    expected = plain(state)
    walk(optimizer, params, 3, 5)
    optimizer.param_groups[0]["lr"] = 5.0
    assert expected == plain(state)
    other = KINDS[kind](leaves())
    other.load_state_dict(state)
    for entry in state["state"].values():
        for value in entry.values():
            if isinstance(value, Tensor):
                value[...] = -1.0
        entry.clear()
    state["param_groups"][0]["lr"] = 7.0
    assert expected == plain(other.state_dict())


THEIRS = {
    "SGD": ("SGD", {"momentum": 0.9}),
    "Adam": ("Adam", {}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "AdamW": ("AdamW", {}),
    "RMSprop": ("RMSprop", {"momentum": 0.5, "centered": True, "eps": 0.1}),
    "Adagrad": ("Adagrad", {"initial_accumulator_value": 0.1}),
}


@pytest.mark.parametrize("name", THEIRS)
def test_pytorchs_state_continues(name: str) -> None:
    """PyTorch's state_dict, its tensors made ours (step too), loads, and both libraries go on alike."""
    torch = pytest.importorskip("torch")
    kind, own = THEIRS[name]
    options: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.01, **own}
    params = leaves("float64")
    theirs = [torch.tensor(p.tolist(), dtype=torch.float64).requires_grad_() for p in params]
    reference = getattr(torch.optim, kind)(theirs, **options)

    def step(k: int) -> None:
        draw = Generator(100 + k)
        for t in theirs:
            shape = tuple(t.shape)
            t.grad = torch.tensor(draw.normal(shape, dtype="float64").tolist(), dtype=torch.float64)
        reference.step()

    for k in range(4):
        step(k)
    state = reference.state_dict()
    ours = {
        index: {key: rtch.asarray(value.numpy()) for key, value in entry.items()}
        for index, entry in state["state"].items()
    }
    params = [rtch.asarray(t.detach().numpy()).requires_grad_() for t in theirs]
    optimizer = getattr(optim, kind)(params, lr=9.0)
    optimizer.load_state_dict({"state": ours, "param_groups": state["param_groups"]})
    for k in range(4, 10):
        step(k)
    walk(optimizer, params, 4, 10)
    for p, t in zip(params, theirs, strict=True):
        assert t.detach().flatten().tolist() == pytest.approx(p.detach().reshape(-1).tolist(), rel=1e-12)
    if kind != "SGD":
        assert [10] * 3 == [entry["step"] for entry in optimizer.state_dict()["state"].values()]


@pytest.mark.parametrize("name", THEIRS)
def test_pytorch_takes_our_state(name: str) -> None:
    """Our state, its tensors made PyTorch's, loads there and continues alike."""
    torch = pytest.importorskip("torch")
    kind, own = THEIRS[name]
    params = leaves("float64")
    optimizer = getattr(optim, kind)(params, lr=0.1, **own)
    walk(optimizer, params, 0, 4)
    state = optimizer.state_dict()
    for entry in state["state"].values():
        for key, value in entry.items():
            number = value.tolist() if isinstance(value, Tensor) else float(value)
            entry[key] = torch.tensor(number, dtype=torch.float32 if key == "step" else torch.float64)
    theirs = [torch.tensor(p.tolist(), dtype=torch.float64).requires_grad_() for p in params]
    reference = getattr(torch.optim, kind)(theirs, lr=9.0)
    reference.load_state_dict(state)
    for t, p in zip(theirs, params, strict=True):
        p.grad = Generator(9).normal(p.shape, dtype="float64")
        t.grad = torch.tensor(p.grad.tolist(), dtype=torch.float64)
    optimizer.step()
    reference.step()
    for p, t in zip(params, theirs, strict=True):
        assert t.detach().flatten().tolist() == pytest.approx(p.detach().reshape(-1).tolist(), rel=1e-12)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_defaults_are_pytorchs(kind: str) -> None:
    """Options and what a new optimiser's state_dict says are PyTorch's, switches of its implementation left out."""
    torch = pytest.importorskip("torch")
    switches = ("foreach", "fused", "capturable", "differentiable")
    ours = getattr(optim, kind)(leaves()).state_dict()
    theirs = getattr(torch.optim, kind)([torch.zeros(p.shape, requires_grad=True) for p in leaves()]).state_dict()
    group = {key: value for key, value in theirs["param_groups"][0].items() if key not in switches}
    assert group == ours["param_groups"][0]
    assert {i: sorted(entry) for i, entry in theirs["state"].items()} == {
        i: sorted(entry) for i, entry in ours["state"].items()
    }


def test_a_state_from_before_there_were_options() -> None:
    """A group that lacks the options that came later loads with them off."""
    params = leaves()
    optimizer = optim.Adam(params, lr=0.1)
    walk(optimizer, params, 0, 2)
    state = optimizer.state_dict()
    for key in ("amsgrad", "maximize", "decoupled_weight_decay"):
        del state["param_groups"][0][key]
    other = optim.Adam(leaves(), maximize=True)
    other.load_state_dict(state)
    assert not other.param_groups[0]["maximize"]
    assert plain(optimizer.state_dict()) == plain(other.state_dict())


@pytest.mark.parametrize("step", [3, 3.0, rtch.asarray(3), rtch.asarray(3.0), rtch.asarray([3.0], dtype="float64")])
def test_steps_that_are_whole_numbers_load(step: Any) -> None:
    """Adam's step may be an integer, a whole float, or a tensor of one element; it is an integer from then on."""
    params = leaves()
    optimizer = optim.Adam(params)
    walk(optimizer, params, 0, 1)
    state = optimizer.state_dict()
    state["state"][0]["step"] = step
    optimizer.load_state_dict(state)
    found = optimizer.state_dict()["state"][0]["step"]
    assert (3, int) == (found, type(found))


# What is refused ----------------------------------------------------------------------------------------------------


def _adam_state() -> tuple[optim.Adam, Any]:
    params = leaves()
    optimizer = optim.Adam(params)
    walk(optimizer, params, 0, 2)
    return optimizer, optimizer.state_dict()


def _with(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(state: Any) -> Any:
        change(state)
        return state

    return changed


DAMAGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no mapping": (lambda state: [state], "a state dict is needed; got list"),
    "no state": (_with(lambda s: s.pop("state")), "must have 1 param_groups and a state"),
    "no groups": (_with(lambda s: s.pop("param_groups")), "must have 1 param_groups and a state"),
    "two groups": (_with(lambda s: s["param_groups"].append({})), "must have 1 param_groups"),
    "a group that is none": (_with(lambda s: s.update(param_groups=[7])), "another number of parameters"),
    "fewer parameters": (_with(lambda s: s["param_groups"][0]["params"].pop()), "another number of parameters"),
    "no parameters": (_with(lambda s: s["param_groups"][0].update(params=None)), "another number of parameters"),
    "a number of them": (_with(lambda s: s["param_groups"][0].update(params=5)), "another number of parameters"),
    "initial_lr": (
        _with(lambda s: s["param_groups"][0].update(initial_lr="a")),
        "initial_lr must be finite .* got 'a'",
    ),
    "max_lr": (_with(lambda s: s["param_groups"][0].update(max_lr=float("nan"))), "max_lr must be finite .* got nan"),
    "names": (_with(lambda s: s["param_groups"][0].update(param_names=["a"])), "param_names must be 3 different names"),
    "no lr": (_with(lambda s: s["param_groups"][0].pop("lr")), "lacks the option 'lr'"),
    "lr out of range": (_with(lambda s: s["param_groups"][0].update(lr=-1.0)), "lr must be finite and not negative"),
    "betas out of range": (_with(lambda s: s["param_groups"][0].update(betas=[0.9, 1.0])), "betas must be two"),
    "amsgrad without its tensor": (
        _with(lambda s: s["param_groups"][0].update(amsgrad=True)),
        "max_exp_avg_sq must be .* got NoneType",
    ),
    "another's option": (_with(lambda s: s["param_groups"][0].update(centered=True)), "has centered on"),
    "no switch": (_with(lambda s: s["param_groups"][0].update(maximize=1)), "maximize must be True or False; got 1"),
    "a parameter too many": (_with(lambda s: s["state"].update({3: {}})), "state is by parameter, 0 to 2; got 3"),
    "a negative parameter": (_with(lambda s: s["state"].update({-1: {}})), "state is by parameter, 0 to 2; got -1"),
    "a name": (_with(lambda s: s["state"].update(weight={})), "state is by parameter, 0 to 2; got 'weight'"),
    "an entry that is none": (_with(lambda s: s["state"].update({1: None})), "state is by parameter"),
    "no step": (_with(lambda s: s["state"][0].pop("step")), "step must be a whole number from 0 up; got None"),
    "half a step": (_with(lambda s: s["state"][0].update(step=1.5)), "step must be a whole number"),
    "a negative step": (_with(lambda s: s["state"][0].update(step=-1)), "step must be a whole number"),
    "an infinite step": (_with(lambda s: s["state"][0].update(step=float("inf"))), "step must be a whole number"),
    "a step that is no number": (_with(lambda s: s["state"][0].update(step=float("nan"))), "step must be a whole"),
    "a step of two": (_with(lambda s: s["state"][0].update(step=rtch.ones((2,)))), "step must be a whole number"),
    "no buffer": (
        _with(lambda s: s["state"][1].pop("exp_avg_sq")),
        "exp_avg_sq must be .* got NoneType",
    ),
    "a list as buffer": (_with(lambda s: s["state"][1].update(exp_avg=[1.0] * 5)), "exp_avg must be .* got list"),
    "a buffer's shape": (
        _with(lambda s: s["state"][1].update(exp_avg=rtch.ones((4,)))),
        r"exp_avg must be a Tensor like its parameter, float32\[5\]; got float32\[4\]",
    ),
    "a buffer's dtype": (
        _with(lambda s: s["state"][1].update(exp_avg=rtch.ones((5,), dtype="float64"))),
        r"float32\[5\]; got float64\[5\]",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_state_that_does_not_fit_changes_nothing(name: str) -> None:
    """Every kind of damage is a typed error that says what is wrong, and options and buffers are as before."""
    damage, message = DAMAGE[name]
    optimizer, state = _adam_state()
    expected = plain(optimizer.state_dict())
    state["param_groups"][0]["eps"] = 0.5  # would show if groups were set before all is checked
    with pytest.raises(OptimizerError, match=message):
        optimizer.load_state_dict(damage(state))
    assert expected == plain(optimizer.state_dict())


def test_a_momentum_buffer_must_fit() -> None:
    """SGD's buffer is checked too; None, as older PyTorch saved it, means that there is none yet."""
    params = leaves()
    optimizer = KINDS["momentum"](params)
    walk(optimizer, params, 0, 2)
    state = optimizer.state_dict()
    state["state"][0]["momentum_buffer"] = rtch.ones((4, 3))
    with pytest.raises(OptimizerError, match=r"momentum_buffer must be .* float32\[3, 4\]; got float32\[4, 3\]"):
        optimizer.load_state_dict(state)
    state["state"][0]["momentum_buffer"] = None
    optimizer.load_state_dict(state)
    assert [1, 2] == list(optimizer.state_dict()["state"])


def leaf() -> Tensor:
    return rtch.ones((2,)).requires_grad_()


SHARED = leaf()
REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "nothing": ([], {}, "no parameters"),
    "an empty iterator": (iter(()), {}, "no parameters"),
    "one tensor": (leaf(), {}, "a list of parameters, in order, is needed; got one tensor"),
    "a number": (5, {}, "a list of parameters, in order, is needed; got int"),
    "a set": ({leaf()}, {}, "a list of parameters, in order, is needed; got set"),
    "a set in a group": ([{"params": {leaf()}}], {}, "a list of parameters, in order, is needed; got set"),
    "a number in a group": ([{"params": 3}], {}, "a list of parameters, in order, is needed; got int"),
    "names": (["weight"], {}, "every parameter must be a leaf that requires grad; got 'weight'"),
    "a plain tensor": ([rtch.ones((2,))], {}, "every parameter must be a leaf that requires grad"),
    "a result": ([leaf() * 2], {}, "every parameter must be a leaf that requires grad"),
    "a complex one": ([rtch.ones((2,), dtype="complex64").requires_grad_()], {}, "every parameter must be float32 or"),
    "some names": ([("a", leaf()), leaf()], {}, "all parameters must have names, or none"),
    "one name twice": ([("a", leaf()), ("a", leaf())], {}, "param_names must be 2 different names; got"),
    "names of some groups": (
        [{"params": [("a", leaf())]}, {"params": [leaf()]}],
        {},
        "parameters of all groups must have names, or those of none",
    ),
    "a group's initial_lr": ([{"params": [leaf()], "initial_lr": "a"}], {}, "initial_lr must be finite and not neg"),
    "a group's differentiable": ([{"params": [leaf()], "differentiable": True}], {}, "differentiable must be False"),
    "differentiable": ([leaf()], {"differentiable": True}, "differentiable must be False: .* got True"),
    "foreach": ([leaf()], {"foreach": "yes"}, "foreach must be True, False or None; got 'yes'"),
    "fused": ([leaf()], {"fused": 1}, "fused must be True, False or None; got 1"),
    "twice": ([SHARED, SHARED], {}, "a parameter is given twice"),
    "twice in groups": ([{"params": [SHARED]}, {"params": SHARED}], {}, "a parameter is given twice"),
    "a group without params": ([{"lr": 0.1}], {}, "every group must be a dictionary with 'params'"),
    "a tensor among groups": ([{"params": [leaf()]}, leaf()], {}, "every group must be a dictionary with 'params'"),
    "an unknown option": ([{"params": [leaf()], "rate": 0.1}], {}, "unknown option 'rate'; known are lr, "),
    "a group's option": ([{"params": [leaf()], "lr": -1.0}], {}, "lr must be finite and not negative; got -1.0"),
    "lr": ([leaf()], {"lr": -0.1}, "lr must be finite and not negative; got -0.1"),
    "lr nan": ([leaf()], {"lr": float("nan")}, "lr must be finite and not negative; got nan"),
    "lr inf": ([leaf()], {"lr": float("inf")}, "lr must be finite and not negative; got inf"),
    "lr text": ([leaf()], {"lr": "0.1"}, "lr must be finite and not negative; got '0.1'"),
    "lr none": ([leaf()], {"lr": None}, "lr must be finite and not negative; got None"),
    "decay": ([leaf()], {"weight_decay": -1.0}, "weight_decay must be finite and not negative"),
}
OF_SGD: dict[str, tuple[dict[str, Any], str]] = {
    "momentum": ({"momentum": -0.1}, "momentum must be finite and not negative; got -0.1"),
    "momentum text": ({"momentum": "x"}, "momentum must be finite and not negative; got 'x'"),
    "dampening": ({"momentum": 0.9, "dampening": float("inf")}, "dampening must be finite; got inf"),
    "dampening text": ({"momentum": 0.9, "dampening": "x"}, "dampening must be finite; got 'x'"),
    "nesterov alone": ({"nesterov": True}, "nesterov needs a momentum and no dampening"),
    "nesterov dampened": ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov needs a momentum"),
}
OF_ADAM: dict[str, tuple[dict[str, Any], str]] = {
    "beta 1": ({"betas": (1.0, 0.9)}, r"betas must be two numbers in \[0, 1\); got \(1.0, 0.9\)"),
    "beta 2": ({"betas": (0.9, -0.1)}, r"betas must be two numbers in \[0, 1\)"),
    "beta nan": ({"betas": (0.9, float("nan"))}, r"betas must be two numbers in \[0, 1\)"),
    "one beta": ({"betas": 0.9}, r"betas must be two numbers in \[0, 1\); got 0.9"),
    "three betas": ({"betas": (0.1, 0.2, 0.3)}, r"betas must be two numbers in \[0, 1\)"),
    "text betas": ({"betas": ("a", "b")}, r"betas must be two numbers in \[0, 1\)"),
    "eps": ({"eps": -1e-8}, "eps must be finite and not negative; got -1e-08"),
    "amsgrad": ({"amsgrad": "yes"}, "amsgrad must be True or False; got 'yes'"),
    "maximize": ({"maximize": 1}, "maximize must be True or False; got 1"),
}
OF_OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("AdamW", {"betas": (1.0, 0.9)}, r"betas must be two numbers in \[0, 1\)"),
    ("RMSprop", {"alpha": -1.0}, "alpha must be finite and not negative; got -1.0"),
    ("RMSprop", {"momentum": -1.0}, "momentum must be finite and not negative; got -1.0"),
    ("RMSprop", {"centered": None}, "centered must be True or False; got None"),
    ("Adagrad", {"lr_decay": -1.0}, "lr_decay must be finite and not negative; got -1.0"),
    ("Adagrad", {"initial_accumulator_value": float("nan")}, "initial_accumulator_value must be finite"),
    ("Adagrad", {"eps": True}, "eps must be finite and not negative; got True"),
    ("RMSprop", {"capturable": True}, "capturable must be False: .* got True"),
    ("Adam", {"capturable": True}, "capturable must be False: .* got True"),
    ("AdamW", {"capturable": True}, "capturable must be False: .* got True"),
    ("LBFGS", {"max_iter": -1}, "max_iter must be a number from 0 up; got -1"),
    ("LBFGS", {"history_size": 2.5}, "history_size must be a number from 0 up; got 2.5"),
    ("LBFGS", {"line_search_fn": "backtracking"}, "line_search_fn must be None or 'strong_wolfe'; got 'backtracking'"),
    ("LBFGS", {"tolerance_grad": -1.0}, "tolerance_grad must be finite and not negative"),
]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", REFUSED)
def test_parameters_and_shared_options(name: str, kind: str) -> None:
    """What can't be optimised, or options out of range, are refused with optimiser, rule and value."""
    params, options, message = REFUSED[name]
    with pytest.raises(OptimizerError, match=f"^{kind}: {message}"):
        getattr(optim, kind)(params, **options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [*(("SGD", *case) for case in OF_SGD.values()), *(("Adam", *case) for case in OF_ADAM.values()), *OF_OTHERS],
)
def test_own_options(kind: str, options: dict[str, Any], message: str) -> None:
    """Each optimiser's own options have their ranges."""
    with pytest.raises(OptimizerError, match=f"^{kind}: {message}"):
        getattr(optim, kind)([leaf()], **options)


def test_a_generator_of_parameters() -> None:
    """Any iterable in order will do: a generator, a tuple, dict values."""
    layer = rtch.nn.Linear(2, 1)
    for params in (layer.parameters(), tuple(layer.parameters()), {"a": layer.weight}.values()):
        optim.SGD(params)


# Groups -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_adding_a_group(kind: str) -> None:
    """A group that is added later steps with its own options, counts its own steps, and saves and loads."""
    params, others = leaves(), leaves()
    optimizer = getattr(optim, kind)(params[:1], lr=0.1)
    walk(optimizer, params[:1], 0, 2)
    optimizer.add_param_group({"params": params[1:], "lr": 0.5})
    assert [(0.1, 1), (0.5, 2)] == [(g["lr"], len(g["params"])) for g in optimizer.param_groups]
    walk(optimizer, params, 2, 4)
    other = getattr(optim, kind)([{"params": others[:1]}, {"params": others[1:]}], lr=9.0)
    other.load_state_dict(optimizer.state_dict())
    with rtch.no_grad():
        for p, t in zip(others, params, strict=True):
            p[...] = t.detach()
    walk(optimizer, params, 4, 6)
    walk(other, others, 4, 6)
    assert bits(params) == bits(others)
    if kind != "SGD":
        assert [6, 4, 4] == [optimizer.state_dict()["state"][i]["step"] for i in range(3)]


def test_what_adding_a_group_refuses() -> None:
    """A group that is none, has a parameter twice or an option that is not known changes nothing."""
    params = leaves()
    optimizer = optim.SGD(params, lr=0.1)
    for group, message in (
        ({"params": params[0]}, "a parameter is given twice"),
        ({"lr": 1.0}, "every group must be a dictionary with 'params'"),
        ({"params": [leaf()], "rate": 1.0}, "unknown option 'rate'"),
        ({"params": [leaf()], "lr": -1.0}, "lr must be finite"),
        ({"params": [rtch.ones(2)]}, "a leaf that requires grad"),
    ):
        with pytest.raises(OptimizerError, match=message):
            optimizer.add_param_group(group)
    assert 1 == len(optimizer.param_groups)


def test_repr() -> None:
    """Options and the number of parameters of every group."""
    text = repr(optim.SGD([{"params": leaves()[:1]}, {"params": leaves()[1:], "lr": 0.5}], lr=0.1))
    assert text.startswith("SGD(\n  (0): lr=0.1, momentum=0.0, ")
    assert text.endswith(", 6 parameters\n)")
    assert ", 12 parameters\n  (1): lr=0.5, " in text


def test_a_closure() -> None:
    """step calls a closure first, with gradients on, and gives back what it gave."""
    p = rtch.asarray([3.0]).requires_grad_()
    optimizer = optim.SGD([p], lr=0.25)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with rtch.no_grad():
        assert 9.0 == optimizer.step(closure).item()
    assert [1.5] == p.tolist()
    assert optimizer.step() is None
