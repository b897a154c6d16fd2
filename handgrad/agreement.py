"""Whether a claimed gradient agrees with a derivative, and within which tolerance.

    right where  |<dout, J u> - <g, u>| <= relative * S + absolute * A

g is the claimed gradient, J u a derivative along a random direction u, dout the upstream gradient; S is the size
of the two products, A that of dout * f(x). One documented table holds every tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np
import numpy.typing as npt

__all__ = ["SMALLEST", "TOLERANCES", "Tolerance", "agree", "blind", "in_interval"]

Array = npt.NDArray[np.float64]

SMALLEST = float(np.finfo(np.float64).tiny) * 2.0**100
"""The smallest derivative that a complex step of 2**-100 can carry without losing bits to underflow."""


@dataclass(frozen=True)
class Tolerance:
    """A gradient is refused where its discrepancy exceeds `relative` * S + `absolute` * A (see `agree`)."""

    relative: float
    absolute: float
    why: str


TOLERANCES: dict[str, Tolerance] = {
    "complex step": Tolerance(
        1e-9, 1e-13, "errors are near 7e-16; correct answers in float64 reach 0.09 of this"
    ),
    "central": Tolerance(
        3e-7,
        1e-8,
        "truncation and rounding are near 4e-11; the rest is for curvature and cancellation inside f",
    ),
    "float32": Tolerance(
        1e-5, 1e-5, "correct float32 backwards reach 0.26 of this, at offsets up to 30 times the spread"
    ),
}


def agree(
    claimed: Array,
    ju: Array,
    dout: Array,
    out: Array,
    u: Array,
    method: str = "complex step",
    error: Array | None = None,
) -> float:
    """How far a claimed gradient is from the truth along u, in tolerances: right if at most 1.

        |<dout, J u> - <g, u>| / (relative * S + absolute * A)
        S = |g * u| + |dout * J u|,  A = |dout * out|   (root of the sum of squares)

    claimed (g) and u: the argument's shape, u random, in the argument's scale (`direction`); ju, dout and
    out: f's shape. method: a key of TOLERANCES. Given the `error` of an Estimate, four times <|dout|, error>
    takes the place of absolute * A. Infinite where anything is not finite. Shapes are the caller's to check,
    and silence too (`quiet`), where something may overflow.
    """
    gap, tolerance, _, _ = _terms(claimed, ju, dout, out, u, method, error)
    return gap / tolerance if isfinite(gap) and isfinite(tolerance) else inf


def blind(
    claimed: Array,
    ju: Array,
    dout: Array,
    out: Array,
    u: Array,
    method: str = "complex step",
    error: Array | None = None,
) -> bool:
    """Whether the tolerance of `agree` is so wide that its yes says little: over 1 % of S and 1e-7 of A."""
    _, tolerance, size, out_size = _terms(claimed, ju, dout, out, u, method, error)
    return not tolerance <= max(0.01 * size, 1e-7 * out_size)


def _terms(
    claimed: Array, ju: Array, dout: Array, out: Array, u: Array, method: str, error: Array | None
) -> tuple[float, float, float, float]:
    gap = abs(_inner(dout, ju) - _inner(claimed, u))
    size, out_size = _size(claimed * u) + _size(dout * ju), _size(dout * out)
    allowed = TOLERANCES[method]
    slack = allowed.absolute * out_size if error is None else 4 * float((np.abs(dout) * error).sum())
    return gap, allowed.relative * size + slack + SMALLEST, size, out_size


def in_interval(claimed: Array, left: Array, right: Array, dout: Array, u: Array) -> float:
    """How far <g, u> is outside what every choice of subgradients allows, as a multiple of the tolerance.

        sum of min(dout * left, dout * right) <= <g, u> <= sum of max(dout * left, dout * right)

    claimed (g) and u: the argument's shape; left, right (from `one_sided`) and dout: f's shape. At most 1 for
    every legal subgradient; a slope of 2 at the kink of ReLU is refused. Move one kink at a time (u with one
    entry): the intervals of several add up and can hide a wrong one. Tolerance: 1e-6 of S.
    """
    low, high, b = dout * left, dout * right, claimed * u
    total = float(b.sum())
    least, most = float(np.minimum(low, high).sum()), float(np.maximum(low, high).sum())
    tolerance = 1e-6 * (_size(b) + _size(low) + _size(high)) + SMALLEST
    if not (isfinite(total) and isfinite(tolerance)):
        return inf
    return max(least - total, total - most, 0.0) / tolerance


def _inner(a: Array, b: Array) -> float:
    return float(np.vdot(a, b))


def _size(a: Array) -> float:
    flat = a.ravel()
    return sqrt(flat.dot(flat))
