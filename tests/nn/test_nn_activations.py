# SPDX-License-Identifier: MIT
"""Activations, losses, dropout and distances: modules, options, errors, dropout's mask."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.nn import functional
from rtch.random import Generator
from tensor_draws import assert_same, values


def tensor(*shape: int, seed: int = 0, dtype: str = "float32") -> rtch.Tensor:
    return rtch.asarray(values(dtype, shape, seed))


# Modules --------------------------------------------------------------------------------------------------------------

MODULES: list[tuple[nn.Module, Callable[[rtch.Tensor], rtch.Tensor], str]] = [
    (nn.ReLU6(), functional.relu6, "ReLU6()"),
    (nn.LeakyReLU(0.2), lambda x: functional.leaky_relu(x, 0.2), "LeakyReLU(negative_slope=0.2)"),
    (nn.ELU(0.5), lambda x: functional.elu(x, 0.5), "ELU(alpha=0.5)"),
    (nn.CELU(2.0), lambda x: functional.celu(x, 2.0), "CELU(alpha=2.0)"),
    (nn.SELU(), functional.selu, "SELU()"),
    (nn.GELU("tanh"), lambda x: functional.gelu(x, "tanh"), "GELU(approximate='tanh')"),
    (nn.SiLU(), functional.silu, "SiLU()"),
    (nn.Mish(), functional.mish, "Mish()"),
    (nn.Hardswish(), functional.hardswish, "Hardswish()"),
    (nn.Hardsigmoid(), functional.hardsigmoid, "Hardsigmoid()"),
    (nn.Hardtanh(-2.0, 1.5), lambda x: functional.hardtanh(x, -2.0, 1.5), "Hardtanh(min_val=-2.0, max_val=1.5)"),
    (nn.Softplus(2.0, 3.0), lambda x: functional.softplus(x, 2.0, 3.0), "Softplus(beta=2.0, threshold=3.0)"),
    (nn.Softsign(), functional.softsign, "Softsign()"),
    (nn.Tanhshrink(), functional.tanhshrink, "Tanhshrink()"),
    (nn.LogSigmoid(), functional.logsigmoid, "LogSigmoid()"),
    (nn.Threshold(0.5, 9.0), lambda x: functional.threshold(x, 0.5, 9.0), "Threshold(threshold=0.5, value=9.0)"),
    (nn.Hardshrink(1.0), lambda x: functional.hardshrink(x, 1.0), "Hardshrink(lambd=1.0)"),
    (nn.Softshrink(1.0), lambda x: functional.softshrink(x, 1.0), "Softshrink(lambd=1.0)"),
    (nn.GLU(0), lambda x: functional.glu(x, 0), "GLU(dim=0)"),
    (nn.Sigmoid(), functional.sigmoid, "Sigmoid()"),
    (nn.PReLU(3), lambda x: functional.leaky_relu(x, 0.25), "PReLU(num_parameters=3, 3 parameters)"),
]


@pytest.mark.parametrize(("module", "function", "text"), MODULES, ids=lambda value: value if type(value) is str else "")
def test_activations_as_modules(module: nn.Module, function: Any, text: str) -> None:
    """The function with the module's options; the repr names them."""
    x = tensor(4, 3)
    assert_same(function(x).numpy(), module(x).detach())
    assert text == repr(module)


LOSSES: list[tuple[nn.Module, Callable[..., rtch.Tensor], str]] = [
    (nn.L1Loss("sum"), lambda x, y: functional.l1_loss(x, y, "sum"), "L1Loss(reduction='sum')"),
    (
        nn.SmoothL1Loss(beta=0.5),
        lambda x, y: functional.smooth_l1_loss(x, y, beta=0.5),
        "SmoothL1Loss(reduction='mean', beta=0.5)",
    ),
    (
        nn.HuberLoss(delta=0.5),
        lambda x, y: functional.huber_loss(x, y, delta=0.5),
        "HuberLoss(reduction='mean', delta=0.5)",
    ),
    (
        nn.KLDivLoss("batchmean"),
        lambda x, y: functional.kl_div(x, y, "batchmean"),
        "KLDivLoss(reduction='batchmean', log_target=False)",
    ),
    (nn.SoftMarginLoss(), functional.soft_margin_loss, "SoftMarginLoss(reduction='mean')"),
    (
        nn.HingeEmbeddingLoss(2.0),
        lambda x, y: functional.hinge_embedding_loss(x, y, 2.0),
        "HingeEmbeddingLoss(reduction='mean', margin=2.0)",
    ),
    (nn.BCELoss(), functional.binary_cross_entropy, "BCELoss(reduction='mean')"),
    (
        nn.BCEWithLogitsLoss(reduction="none"),
        lambda x, y: functional.binary_cross_entropy_with_logits(x, y, reduction="none"),
        "BCEWithLogitsLoss(reduction='none')",
    ),
]


@pytest.mark.parametrize(("module", "function", "text"), LOSSES, ids=lambda value: value if type(value) is str else "")
def test_losses_as_modules(module: nn.Module, function: Any, text: str) -> None:
    """The function with the module's options; the repr names them."""
    x, y = functional.sigmoid(tensor(4, 3)), functional.sigmoid(tensor(4, 3, seed=1))
    assert_same(function(x, y).numpy(), module(x, y))
    assert text == repr(module)


def test_losses_of_three_tensors_and_distances_as_modules() -> None:
    """They take their tensors in PyTorch's order."""
    x, y, z = tensor(4, 3), tensor(4, 3, seed=1), rtch.sign(tensor(4, 3, seed=2))
    assert_same(functional.margin_ranking_loss(x, y, z, 0.5).numpy(), nn.MarginRankingLoss(0.5)(x, y, z))
    assert_same(functional.cosine_similarity(x, y, 0, 1e-3).numpy(), nn.CosineSimilarity(0, 1e-3)(x, y))
    assert_same(functional.pairwise_distance(x, y, 3, 0.1, True).numpy(), nn.PairwiseDistance(3, 0.1, True)(x, y))
    assert "CosineSimilarity(dim=0, eps=0.001)" == repr(nn.CosineSimilarity(0, 1e-3))
    assert "PairwiseDistance(p=3, eps=0.1, keepdim=True)" == repr(nn.PairwiseDistance(3, 0.1, True))


def test_names_in_state_dictionaries_are_pytorchs() -> None:
    """Learnt slopes are a parameter, the weights of losses are buffers."""
    assert ["weight"] == list(nn.PReLU(2).state_dict())
    assert ["weight", "pos_weight"] == list(nn.BCEWithLogitsLoss(tensor(3), pos_weight=tensor(3)).state_dict())
    assert ["weight"] == list(nn.BCELoss(tensor(3)).state_dict())
    assert [] == list(nn.BCELoss().state_dict())


# Errors ---------------------------------------------------------------------------------------------------------------

X, WIDE = rtch.asarray([[0.5, 0.25]]), rtch.asarray([[0.5], [0.25]])
TWO: list[Callable[..., rtch.Tensor]] = [
    functional.mse_loss,
    functional.l1_loss,
    functional.smooth_l1_loss,
    functional.huber_loss,
    functional.binary_cross_entropy,
    functional.binary_cross_entropy_with_logits,
    functional.kl_div,
    functional.soft_margin_loss,
    functional.hinge_embedding_loss,
    lambda x, y, **options: functional.margin_ranking_loss(x, x, y, **options),
]


@pytest.mark.parametrize("loss", TWO)
def test_losses_refuse(loss: Any) -> None:
    """Shapes that would broadcast, unknown reductions, integers as inputs."""
    with pytest.raises(BroadcastError, match=r"must have one shape; got \[1, 2\] and \[2, 1\]$"):
        loss(X, WIDE)
    with pytest.raises(ArgumentError, match=r'reduction is .*; got "?\'?average'):
        loss(X, X, reduction="average")
    with pytest.raises(DTypeError, match=r"float32 or float64 is needed; got int64$"):
        loss(rtch.asarray([[1, 2]]), X)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: functional.gelu(X, "erf"), ArgumentError, 'gelu: approximate is "none" or "tanh"; got \'erf\''),
        (lambda: functional.elu(X, "1"), ArgumentError, "elu: alpha must be a number; got '1'"),
        (
            lambda: functional.softshrink(X, -1.0),
            ArgumentError,
            "softshrink: lambd must be a number of 0 or more; got -1.0",
        ),
        (
            lambda: functional.hardtanh(X, 2.0, 1.0),
            ArgumentError,
            "hardtanh: min_val must not be above max_val; got 2 and 1",
        ),
        (lambda: nn.Hardtanh(1.0, 1.0), ArgumentError, "Hardtanh: min_val must be below max_val; got 1.0 and 1.0"),
        (lambda: functional.celu(X, 0), ArgumentError, "celu: alpha must not be 0; got 0"),
        (lambda: functional.softplus(X, 0), ArgumentError, "softplus: beta must not be 0; got 0"),
        (lambda: functional.glu(WIDE, 1), BroadcastError, "glu: an even size is needed; got [2, 1], axis 1"),
        (lambda: functional.glu(X, 2), DimensionError, "glu: axis must be in [-2, 2); got 2"),
        (
            lambda: functional.prelu(X, rtch.ones(3)),
            BroadcastError,
            "prelu: a weight of 1 or 2 elements is needed; got [3]",
        ),
        (lambda: nn.PReLU(0), ArgumentError, "PReLU: num_parameters must be a positive integer; got 0"),
        (
            lambda: functional.relu6(rtch.asarray([1])),
            DTypeError,
            "relu6: a tensor of float32 or float64 is needed; got int64",
        ),
        (lambda: functional.mish([1.0]), DTypeError, "mish: a tensor of float32 or float64 is needed; got list"),
        (lambda: functional.dropout(X, 1.5), ArgumentError, "dropout: p must be from 0 to 1; got 1.5"),
        (
            lambda: functional.dropout(rtch.asarray([1])),
            DTypeError,
            "dropout: a tensor of float32 or float64 is needed; got int64",
        ),
        (lambda: nn.Dropout(-0.5), ArgumentError, "Dropout: p must be from 0 to 1; got -0.5"),
        (lambda: functional.huber_loss(X, X, delta=0), ArgumentError, "huber_loss: delta must be above 0; got 0"),
        (
            lambda: functional.smooth_l1_loss(X, X, beta=-1),
            ArgumentError,
            "smooth_l1_loss: beta must be a number of 0 or more; got -1",
        ),
        (
            lambda: functional.binary_cross_entropy(X * 3, X),
            ArgumentError,
            "binary_cross_entropy: inputs in [0, 1] are needed; got others",
        ),
        (
            lambda: functional.binary_cross_entropy(X, X, rtch.ones((2, 2))),
            BroadcastError,
            "binary_cross_entropy: weight must broadcast to [1, 2]; got [2, 2]",
        ),
        (
            lambda: functional.mse_loss(X, X, weight=WIDE),
            BroadcastError,
            "mse_loss: input and weight must have one shape; got [1, 2] and [2, 1]",
        ),
        (
            lambda: nn.L1Loss("batchmean"),
            ArgumentError,
            'L1Loss: reduction is "mean", "sum" or "none"; got \'batchmean\'',
        ),
        (lambda: functional.normalize(X, dim=2), DimensionError, "normalize: axis must be in [-2, 2); got 2"),
        (
            lambda: functional.cosine_similarity(X, WIDE, 5),
            DimensionError,
            "cosine_similarity: axis must be in [-2, 2); got 5",
        ),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    """One line, with what was given."""
    with pytest.raises(error) as raised:
        call()
    assert text == str(raised.value)


# Dropout --------------------------------------------------------------------------------------------------------------


def philox(seed: int, counter: int) -> list[int]:
    """The four words of Philox4x32-10 (Salmon et al., 2011)."""
    c = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 500])
def test_dropout_follows_its_formula(dtype: str, size: int) -> None:
    """Element j of block b has word j // 16 of counter offset + 16 b + j % 16; also where the counter carries."""
    seed, offset, p = 0x123456789ABCDEF0, 2**32 - 20, 0.3
    x = values(dtype, (size,), 1)
    expected = []
    for i in range(size):
        word = philox(seed, offset + i // 64 * 16 + i % 16)[i % 64 // 16]
        expected.append(x[i] * x.dtype.type(1 / (1 - p)) if word >= round(p * 2**32) else x.dtype.type(0))
    draw = Generator(seed, offset)
    assert_same(np.array(expected, dtype), functional.dropout(rtch.asarray(x), p, generator=draw))
    assert {"seed": seed, "offset": offset + (size + 63) // 64 * 16} == draw.state


def test_dropout_depends_on_positions_alone() -> None:
    """Not on layout nor on the number of threads; the gradient has the same mask."""
    x = values("float32", (300, 700), 1)
    expected = functional.dropout(rtch.asarray(x), 0.4, generator=Generator(7)).numpy()
    for view in (rtch.asarray(x.T.copy()).T, rtch.asarray(x[::-1, ::-1].copy())[::-1, ::-1]):
        assert_same(expected, functional.dropout(view, 0.4, generator=Generator(7)))
    before = rtch.get_num_threads()
    try:
        for n in (1, 2, 3):
            rtch.set_num_threads(n)
            assert_same(expected, functional.dropout(rtch.asarray(x), 0.4, generator=Generator(7)))
    finally:
        rtch.set_num_threads(before)
    leaf = rtch.asarray(x).requires_grad_()
    functional.dropout(leaf, 0.4, generator=Generator(7)).sum().backward()
    assert leaf.grad is not None
    assert_same(np.where(expected == 0, 0, np.float32(1 / 0.6)).astype("float32"), leaf.grad)


def test_dropout_keeps_as_many_as_it_should() -> None:
    """The share within five standard deviations, and the mean."""
    for p in (0.1, 0.5, 0.9):
        out = functional.dropout(rtch.ones(100_000), p, generator=Generator(3)).numpy()
        kept = np.count_nonzero(out)
        assert abs(kept - 100_000 * (1 - p)) < 5 * math.sqrt(100_000 * p * (1 - p))
        assert np.unique(out).tolist() == [0.0, np.float32(1 / (1 - p))]


def test_dropout_at_its_ends_and_in_evaluation() -> None:
    """p 0 and evaluation give the input, p 1 zeros; what is dropped is 0 even where it was NaN."""
    x = rtch.asarray([1.0, math.nan, math.inf])
    assert functional.dropout(x, 0.0) is x
    assert functional.dropout(x, 0.5, training=False) is x
    assert [0.0, 0.0, 0.0] == functional.dropout(x, 1.0).tolist()
    dropped = functional.dropout(rtch.full((1000,), math.nan), 0.5, generator=Generator(1)).numpy()
    assert 400 < np.count_nonzero(dropped == 0) < 600
    module = nn.Dropout(0.5, generator=Generator(1))
    assert "Dropout(p=0.5)" == repr(module)
    ones = rtch.ones(64)
    first, second = module(ones), module(ones)
    assert first.tolist() != second.tolist()
    assert module.eval()(ones) is ones
    leaf = rtch.ones(3).requires_grad_()
    functional.dropout(leaf, 1.0).sum().backward()
    assert leaf.grad is not None
    assert [0.0, 0.0, 0.0] == leaf.grad.tolist()


def test_dropout_draws_from_the_default_generator() -> None:
    """manual_seed restarts it."""
    rtch.manual_seed(11)
    first = nn.Dropout()(rtch.ones(100)).tolist()
    rtch.manual_seed(11)
    assert (
        first
        == nn.Dropout()(rtch.ones(100)).tolist()
        == functional.dropout(rtch.ones(100), generator=Generator(11)).tolist()
    )
