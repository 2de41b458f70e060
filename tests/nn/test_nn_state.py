# SPDX-License-Identifier: MIT
"""state_dict and load_state_dict: PyTorch's names and layouts, values, and all-or-nothing errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch.errors import CheckpointDTypeError, CheckpointError, CheckpointShapeError
from rtch.random import Generator


def model(seed: int = 0) -> nn.Sequential:
    draw = Generator(seed)
    return nn.Sequential(nn.Linear(3, 4, generator=draw), nn.Tanh(), nn.Linear(4, 1, generator=draw))


def bits(module: nn.Module) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in module.state_dict().items()}


def test_names_order_and_shapes_are_pytorchs() -> None:
    """The same model gives the same names in the same order with the same shapes; what is shared comes twice."""
    torch = pytest.importorskip("torch")
    for lib in (nn, torch.nn):
        shared, tied = lib.Linear(2, 2), lib.Linear(2, 2)
        whole = lib.Sequential(
            lib.Linear(3, 2), lib.ReLU(), lib.Sequential(shared, lib.Linear(2, 2, bias=False)), shared, tied
        )
        tied.weight = shared.weight
        if lib is nn:
            ours = [(name, value.shape) for name, value in whole.state_dict().items()]
        else:
            assert [(name, tuple(value.shape)) for name, value in whole.state_dict().items()] == ours


def test_weights_move_over_from_pytorch() -> None:
    """PyTorch's state_dict, its tensors made ours, loads strictly; outputs are PyTorch's within rounding."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    ours = model()
    ours.load_state_dict({name: rtch.asarray(value.numpy()) for name, value in theirs.state_dict().items()})
    x = Generator(1).normal((50, 3))
    expected = theirs(torch.tensor(x.tolist())).flatten().tolist()
    assert expected == pytest.approx(ours(x).detach().reshape(-1).tolist(), rel=1e-5, abs=1e-6)
    theirs.double()
    ours.to("float64")
    expected = theirs(torch.tensor(x.tolist(), dtype=torch.float64)).flatten().tolist()
    assert expected == pytest.approx(ours(x.astype("float64")).detach().reshape(-1).tolist(), rel=1e-14)


def test_weights_move_over_to_pytorch() -> None:
    """Our state_dict loads strictly in PyTorch."""
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    theirs.load_state_dict({name: torch.tensor(value.tolist()) for name, value in model().state_dict().items()})
    assert bits(model()) == {name: value.numpy().tobytes() for name, value in theirs.state_dict().items()}


def test_round_trip() -> None:
    """What one model gives, another takes: same bits, same parameter objects, no missing or unexpected names."""
    source, target = model(1), model(2)
    before = list(target.parameters())
    assert bits(source) != bits(target)
    assert ([], []) == target.load_state_dict(source.state_dict())
    assert bits(source) == bits(target)
    assert all(a is b for a, b in zip(before, target.parameters(), strict=True))


def test_a_state_dict_is_a_value() -> None:
    """Training on does not change a state_dict, and writing to one does not change a model that loaded it."""
    source, target = model(1), model(2)
    state = source.state_dict()
    expected = bits(source)
    assert not any(value.requires_grad for value in state.values())
    with rtch.no_grad():
        for p in source.parameters():
            p *= 2.0
    assert expected == {name: value.tobytes() for name, value in state.items()}
    target.load_state_dict(state)
    for value in state.values():
        value[...] = 0.0
    assert expected == bits(target)


def test_all_missing_and_unexpected_names_are_listed() -> None:
    """Strict loading names everything that is missing and unexpected, and changes nothing."""
    target = model()
    expected = bits(target)
    state = {**model(1).state_dict(), "2.scale": rtch.ones((1,)), "extra": rtch.ones((1,))}
    del state["0.bias"], state["2.weight"]
    with pytest.raises(CheckpointError, match=r"missing 0\.bias, 2\.weight; unexpected 2\.scale, extra$") as caught:
        target.load_state_dict(state)
    assert (["0.bias", "2.weight"], ["2.scale", "extra"]) == (caught.value.missing, caught.value.unexpected)
    assert expected == bits(target)


def test_not_strict_loads_what_fits() -> None:
    """With strict=False the names in common are loaded and the others reported."""
    target, source = model(), model(1)
    state = {**source.state_dict(), "extra": rtch.ones((1,))}
    del state["0.bias"]
    found = target.load_state_dict(state, strict=False)
    assert (["0.bias"], ["extra"]) == (found.missing_keys, found.unexpected_keys)
    assert {**bits(source), "0.bias": bits(model())["0.bias"]} == bits(target)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (rtch.ones((4, 1)), CheckpointShapeError, r"2\.weight has shape \[1, 4\]; got \[4, 1\]"),
        (rtch.ones((4,)), CheckpointShapeError, r"2\.weight has shape \[1, 4\]; got \[4\]"),
        (rtch.ones((1, 4), dtype="float64"), CheckpointDTypeError, r"2\.weight is float32; got float64"),
        (np.ones((1, 4), "float32"), CheckpointError, r"2\.weight must be a Tensor of rtch; got ndarray"),
        ([[1.0] * 4], CheckpointError, r"2\.weight must be a Tensor of rtch; got list"),
        (None, CheckpointError, r"2\.weight must be a Tensor of rtch; got NoneType"),
    ],
)
def test_one_wrong_value_changes_nothing(value: Any, error: type[Exception], message: str, strict: bool) -> None:
    """A value that does not fit is refused by name, before any other is loaded."""
    target = model()
    expected = bits(target)
    with pytest.raises(error, match=message):
        target.load_state_dict({**model(1).state_dict(), "2.weight": value}, strict=strict)
    assert expected == bits(target)


def test_loading_keeps_requires_grad_and_optimisers() -> None:
    """A frozen parameter stays frozen, and an optimiser built before a load steps the loaded values."""
    target = model()
    target[0].weight.requires_grad_(False)
    optimizer = rtch.optim.SGD([target[2].weight], lr=1.0)
    target.load_state_dict(model(1).state_dict())
    assert not target[0].weight.requires_grad
    target(rtch.ones((1, 3))).sum().backward()
    gradient = target[2].weight.grad
    assert gradient is not None
    optimizer.step()
    assert (model(1)[2].weight.detach() - gradient).tolist() == target[2].weight.tolist()


def test_values_of_any_layout_load() -> None:
    """Transposed and broadcast values load, and train on without touching what they came from."""
    layer = nn.Linear(2, 3)
    weight, one = rtch.arange(6, dtype="float32").reshape(2, 3), rtch.ones(())
    layer.load_state_dict({"weight": weight.T, "bias": rtch.broadcast_to(one, (3,))})
    assert [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] == layer.weight.tolist()
    layer(rtch.ones((1, 2))).sum().backward()
    for optimizer in (rtch.optim.SGD(layer.parameters(), lr=1.0, momentum=0.5), rtch.optim.Adam(layer.parameters())):
        optimizer.step()
    assert [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] == weight.reshape(-1).tolist()
    assert 1.0 == one.item()
