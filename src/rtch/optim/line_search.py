# SPDX-License-Identifier: MIT
"""A line search for the strong Wolfe conditions: a bracket, then a zoom by cubic interpolation.

Nocedal and Wright, Numerical Optimization, 3.5. It tries the points that PyTorch's tries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from rtch.tensor import Tensor

_ARMIJO, _CURVATURE = 1e-4, 0.9
_MOST = 25  # points, where the caller allows as many


class Point(NamedTuple):
    """Loss and gradient at a step size t along the direction, and the slope of the loss there."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points, with their slopes, has its minimum, kept in [low, high]; the middle where it
    has none."""
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, low), high)


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, width: float, tolerance: float, n_points: int
) -> Point:
    """The point that meets the conditions, or the best one found.

    Args:
        at: evaluates a step size.
        start: the point at 0.
        t: first step size to try.
        width: largest component of the direction.
        tolerance: a bracket whose ends are closer than this, in any parameter, is not cut further.
        n_points: points to evaluate at most, beside the first.
    """
    tried, n_points = 0, min(n_points, _MOST)
    previous, point = start, at(t)

    def too_high(p: Point) -> bool:
        return p.loss > start.loss + _ARMIJO * p.t * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -_CURVATURE * start.slope

    while tried < n_points:
        if too_high(point) or (tried > 1 and point.loss >= previous.loss):
            break
        if flat(point):
            return point
        if point.slope >= 0:
            break
        low, high = point.t + 0.01 * (point.t - previous.t), point.t * 10
        previous, point = point, at(cubic_minimum(previous, point, low, high))
        tried += 1
    else:
        previous = start
    return _zoom(at, [previous, point], too_high, flat, width, tolerance, n_points - tried)


def _zoom(
    at: Callable[[float], Point],
    ends: list[Point],
    too_high: Callable[[Point], bool],
    flat: Callable[[Point], bool],
    width: float,
    tolerance: float,
    n_points: int,
) -> Point:
    """Cut a bracket around a minimum; the better end."""
    best = 0 if ends[0].loss <= ends[1].loss else 1
    stuck = False
    for _ in range(n_points):
        low, high = sorted(end.t for end in ends)
        if (high - low) * width < tolerance:
            break
        t = cubic_minimum(ends[0], ends[1], low, high)
        margin = 0.1 * (high - low)
        if min(high - t, t - low) < margin:  # near an end: the second time, or at the end itself, move away from it
            if stuck or t >= high or t <= low:
                t = high - margin if abs(t - high) < abs(t - low) else low + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        if too_high(point) or point.loss >= ends[best].loss:
            ends[1 - best] = point
            best = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if flat(point):
            ends[best] = point
            break
        if point.slope * (ends[1 - best].t - ends[best].t) >= 0:
            ends[1 - best] = ends[best]
        ends[best] = point
    return ends[best]
