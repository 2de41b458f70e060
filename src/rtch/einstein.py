# SPDX-License-Identifier: MIT
"""Einstein's sum convention, contracted by pairs through the matrix product.

1. Within an operand, a repeated label takes the diagonal, an axis of size one whose label is longer elsewhere goes, and
   a label that neither another operand nor the result has is summed.
2. Operands are contracted by pairs, along the cheapest path: of up to 7 operands the one with the fewest
   multiplications in all, of more the pair at a time whose product is the smallest beside what it replaces. Equal
   costs leave it to the operands in front. The path depends on the equation and the shapes alone.
3. A pair is one matrix product: labels of both that stay number the matrices, those of both that go are the inner axis,
   in the order in which the left operand has them. Where none goes it is a plain product.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, NoReturn

from rtch.errors import ArgumentError, BroadcastError, DimensionError
from rtch.functions import sum
from rtch.manipulation import matmul, permute_dims, reshape
from rtch.tensor import Tensor, need_tensors
from rtch.views import diagonal

Label = str | int  # a letter, or which axis of an ellipsis, counted from the end
Labels = tuple[Label, ...]
Shape = tuple[int, ...]

_MOST_EXACT = 7  # operands for which all paths are compared


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is done to an operand first."""

    diagonals: tuple[tuple[int, int], ...]  # pairs of axes, whose diagonal becomes the last one
    kept: tuple[int, ...] | None  # the axes that stay, where others go
    summed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Operands i < j become one in the place of i. Axes of i are (batch, left, inner), of j (batch, inner, right)."""

    i: int
    j: int
    order_i: tuple[int, ...]
    order_j: tuple[int, ...]
    n_batch: int
    n_inner: int


@dataclass(frozen=True, slots=True)
class _Plan:
    readings: tuple[_Reading, ...]
    pairs: tuple[_Pair, ...]
    order: tuple[int, ...]  # of the result's axes


def einsum(equation: Any, /, *operands: Any) -> Tensor:
    """Sums of products by labels of axes, such as ``einsum("bij,bjk->bik", x, y)``.

    Every letter labels an axis; labels that the part behind the arrow lacks are summed over. Without an arrow the
    result has the labels that occur once, in the order of the alphabet with capitals first, behind those of an
    ellipsis. An ellipsis stands for any number of axes, which broadcast. A repeated label takes the diagonal. An axis
    of size one broadcasts.

    The sums have the bits of `matmul` and `sum`, along the path in docs/numerics.md.

    Args:
        equation: the labels; or in turn an operand and a list of its labels as numbers from 0 to 51, with ``...`` among
            them for an ellipsis, and the list of the result's labels last.
        operands: tensors, or a list of them.

    Raises:
        ArgumentError: an equation that is not valid or not for so many operands.
        BroadcastError: a label has two sizes.
        DimensionError: an operand has another number of axes than labels.
        DTypeError: operands are not tensors of numbers.
    """
    if isinstance(equation, Tensor):
        equation, operands = _lettered((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise ArgumentError(f"einsum: an equation is needed; got {equation!r:.80}", argument=equation)
    need_tensors("einsum", *operands)
    plan = _plan(equation, tuple([x.shape for x in operands]))
    parts = [_read(x, reading) for x, reading in zip(operands, plan.readings, strict=True)]
    for pair in plan.pairs:
        parts[pair.i] = _contract(parts[pair.i], parts.pop(pair.j), pair)
    (out,) = parts
    return out if plan.order == tuple(range(out.ndim)) else permute_dims(out, plan.order)


def _read(x: Tensor, reading: _Reading) -> Tensor:
    for first, second in reading.diagonals:
        x = diagonal(x, 0, first, second)
    if reading.kept is not None:
        x = reshape(x, tuple(x.shape[d] for d in reading.kept))
    if reading.summed:
        x = sum(x, axis=reading.summed, dtype=x.dtype)
    return x


def _contract(x: Tensor, y: Tensor, pair: _Pair) -> Tensor:
    n_left, n_right = (t.ndim - pair.n_batch - pair.n_inner for t in (x, y))
    x, y = _permuted(x, pair.order_i), _permuted(y, pair.order_j)
    if pair.n_inner == 0:
        if n_left and n_right:
            x = reshape(x, x.shape + (1,) * n_right)
            y = reshape(y, y.shape[: pair.n_batch] + (1,) * n_left + y.shape[pair.n_batch :])
        elif n_right:
            x = reshape(x, x.shape + (1,) * n_right)
        elif n_left:
            y = reshape(y, y.shape + (1,) * n_left)
        return x * y
    batch, left, right = x.shape[: pair.n_batch], x.shape[pair.n_batch : -pair.n_inner], y.shape[y.ndim - n_right :]
    inner = math.prod(x.shape[x.ndim - pair.n_inner :])
    # Without batches a vector is one: the core has kernels for it.
    if n_left != 1 or pair.n_inner != 1:
        x = reshape(x, (*batch, *((math.prod(left),) if n_left or batch else ()), inner))
    if n_right != 1 or pair.n_inner != 1:
        y = reshape(y, (*batch, inner, *((math.prod(right),) if n_right or batch else ())))
    out = matmul(x, y)
    shape = (*batch, *left, *right)
    return out if out.shape == shape else reshape(out, shape)


def _permuted(x: Tensor, order: tuple[int, ...]) -> Tensor:
    return x if order == tuple(range(len(order))) else permute_dims(x, order)


# The plan -----------------------------------------------------------------------------------------------------------


def _lettered(given: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Operands and lists of labels, in turn, as an equation."""
    terms = [_letters(labels) for labels in given[1::2]]
    output = ""
    if len(given) % 2:
        output = "->" + _letters(given[-1])
        given = given[:-1]
    return ",".join(terms) + output, given[::2]


def _letters(labels: Any) -> str:
    letters = string.ascii_uppercase + string.ascii_lowercase
    try:
        return "".join("..." if label is Ellipsis else letters[range(52).index(label)] for label in labels)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"einsum: labels from 0 to 51 are needed; got {labels!r:.80}", argument=labels) from error


def _refuse(rule: str, equation: str) -> NoReturn:
    raise ArgumentError(f"einsum: {rule}; got {equation!r:.120}", argument=equation)


def _labels(term: str, n_ellipsis: int, equation: str) -> Labels:
    """The labels of a term, those of an ellipsis as the numbers of its axes from the end."""
    before, dots, after = term.partition("...")
    for letter in before + after:
        if letter not in string.ascii_letters:
            _refuse(f"only letters, one '...' a term, ',' and one '->' are taken, not {letter!r}", equation)
    return (*before, *(range(n_ellipsis - 1, -1, -1) if dots else ()), *after)


def _parse(equation: str, shapes: tuple[Shape, ...]) -> tuple[list[Labels], Labels]:
    """The labels of the operands and of the result."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        _refuse(f"{len(shapes)} operands need as many terms", equation)
    labels: list[Labels] = []
    n_dots = 0
    for term, shape in zip(terms, shapes, strict=True):
        n_letters = len(_labels(term, 0, equation))
        n_ellipsis = len(shape) - n_letters
        if n_ellipsis < 0 or (n_ellipsis and "..." not in term):
            raise DimensionError(
                f"einsum: the term {term!r:.80} has {n_letters} labels; got an operand of shape {list(shape)}",
                ndim=len(shape),
                shape=shape,
            )
        labels.append(_labels(term, n_ellipsis, equation))
        n_dots = max(n_dots, n_ellipsis)
    every = [label for term in labels for label in term]
    if arrow:
        output = _labels(right, n_dots, equation)
        for label in output:
            if output.count(label) > 1 or label not in every:
                _refuse(f"the result has labels of the operands, each once, not {label!r}", equation)
        return labels, output
    once = sorted(label for label in every if isinstance(label, str) and every.count(label) == 1)
    return labels, (*range(n_dots - 1, -1, -1), *once)


def _sizes(labels: list[Labels], shapes: tuple[Shape, ...], equation: str) -> dict[Label, int]:
    sizes: dict[Label, int] = {}
    for term, shape in zip(labels, shapes, strict=True):
        own: dict[Label, int] = {}
        for label, size in zip(term, shape, strict=True):
            known = sizes.get(label, 1)
            if own.setdefault(label, size) != size or (1 not in (known, size) and known != size):
                name = repr(label) if isinstance(label, str) else "an axis of '...'"
                raise BroadcastError(
                    f"einsum: {name} has the sizes {own[label] if own[label] != size else known} and {size} in "
                    f"{equation!r:.80}; got shapes {[list(s) for s in shapes]}",
                    shapes=shapes,
                )
            sizes[label] = known if size == 1 else size
    return sizes


@lru_cache(maxsize=512)
def _plan(equation: str, shapes: tuple[Shape, ...]) -> _Plan:
    labels, output = _parse(equation, shapes)
    sizes = _sizes(labels, shapes, equation)
    terms: list[list[Label]] = []
    readings = []
    for term, shape in zip(labels, shapes, strict=True):
        left, own, diagonals = list(term), dict(zip(term, shape, strict=True)), []
        for label in own:
            while left.count(label) > 1:
                first = left.index(label)
                second = left.index(label, first + 1)
                diagonals.append((first, second))
                del left[second], left[first]
                left.append(label)
        kept = tuple(d for d, label in enumerate(left) if own[label] == sizes[label])
        readings.append(_Reading(tuple(diagonals), kept if len(kept) < len(left) else None, ()))
        terms.append([left[d] for d in kept])
    for i, mine in enumerate(terms):
        others = {label for k, other in enumerate(terms) if k != i for label in other} | set(output)
        summed = tuple(d for d, label in enumerate(mine) if label not in others)
        readings[i] = _Reading(readings[i].diagonals, readings[i].kept, summed)
        terms[i] = [label for label in mine if label in others]
    pairs = []
    for i, j in _path([frozenset(term) for term in terms], frozenset(output), sizes):
        others = {label for k, other in enumerate(terms) if k not in (i, j) for label in other} | set(output)
        x, y = terms[i], terms.pop(j)
        batch = [label for label in x if label in y and label in others]
        inner = [label for label in x if label in y and label not in others]
        rows, columns = [label for label in x if label not in y], [label for label in y if label not in x]
        pairs.append(
            _Pair(
                i,
                j,
                tuple(x.index(label) for label in (*batch, *rows, *inner)),
                tuple(y.index(label) for label in (*batch, *inner, *columns)),
                len(batch),
                len(inner),
            )
        )
        terms[i] = [*batch, *rows, *columns]
    (last,) = terms
    return _Plan(tuple(readings), tuple(pairs), tuple(last.index(label) for label in output))


# The path -----------------------------------------------------------------------------------------------------------

Term = frozenset[Label]


def _path(terms: list[Term], output: Term, sizes: dict[Label, int]) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of the operands that are left; the product takes the place of i."""
    if len(terms) <= 2:
        return [(0, 1)] * (len(terms) - 1)
    return (_cheapest if len(terms) <= _MOST_EXACT else _greedy)(terms, output, sizes)


def _size(labels: Term, sizes: dict[Label, int]) -> int:
    return math.prod(sizes[label] for label in labels)


def _cheapest(terms: list[Term], output: Term, sizes: dict[Label, int]) -> list[tuple[int, int]]:
    """The fewest multiplications in all, by the best trees of all subsets; bit i stands for operand i."""
    n = len(terms)
    whole = (1 << n) - 1

    def united(mask: int) -> Term:
        return frozenset().union(*(terms[i] for i in range(n) if mask >> i & 1))

    has = [united(mask) for mask in range(whole + 1)]
    kept = [has[mask] & (has[whole ^ mask] | output) if mask & (mask - 1) else has[mask] for mask in range(whole + 1)]
    best: dict[int, tuple[int, int]] = {1 << i: (0, 0) for i in range(n)}  # cost, and the part with the first operand
    for mask in range(1, whole + 1):
        first, part = mask & -mask, (mask - 1) & mask
        while part:
            if part & first:
                rest = mask ^ part
                cost = best[part][0] + best[rest][0] + _size(kept[part] | kept[rest], sizes)
                if mask not in best or cost < best[mask][0]:
                    best[mask] = cost, part
            part = (part - 1) & mask
    path: list[tuple[int, int]] = []
    alive = list(range(n))

    def follow(mask: int) -> int:
        """Contracts a subset; gives the operand in whose place it then stands."""
        part = best[mask][1]
        if part == 0:
            return mask.bit_length() - 1
        i, j = follow(part), follow(mask ^ part)
        path.append((alive.index(i), alive.index(j)))
        alive.remove(j)
        return i

    follow(whole)
    return path


def _greedy(terms: list[Term], output: Term, sizes: dict[Label, int]) -> list[tuple[int, int]]:
    """A pair at a time: the one whose product is the smallest beside the two."""
    left, path = list(terms), []
    while len(left) > 1:
        found: tuple[int, int, int] | None = None
        for i, j in combinations(range(len(left)), 2):
            product = _product(left, i, j, output)
            growth = _size(product, sizes) - _size(left[i], sizes) - _size(left[j], sizes)
            if found is None or growth < found[0]:
                found = growth, i, j
        assert found is not None
        _, i, j = found
        left[i] = _product(left, i, j, output)
        del left[j]
        path.append((i, j))
    return path


def _product(left: list[Term], i: int, j: int, output: Term) -> Term:
    others = frozenset().union(output, *(term for k, term in enumerate(left) if k not in (i, j)))
    return (left[i] | left[j]) & others
