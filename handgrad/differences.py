"""Central and one-sided differences of any callable, with a bound on their error.

    central     J u ~ (f(x + t u) - f(x - t u)) / 2t
    one-sided   the same from the left and from the right, which differ at a kink

`numeric` offers all of this and the complex step; this module stands below it.

Source: Dennis and Schnabel (1983) for scaled steps.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from handgrad.errors import HandgradError, layout

__all__ = [
    "KINK_REACH",
    "STEP",
    "Estimate",
    "Method",
    "as_real",
    "as_values",
    "central",
    "kink_margin",
    "norm",
    "one_sided",
    "precision",
    "quiet",
    "scale",
]

Array = npt.NDArray[np.float64]
Function = Callable[[Any], Any]
Method = Literal["complex step", "central"]

STEP = 6e-6
"""The central difference moves an argument by this times its scale: the cube root of eps, where truncation
(h squared) and rounding (eps / h) are of the same size."""

KINK_REACH = 2 * 8
"""How far a central difference can look, in steps: it evaluates at twice its step along u, and no entry is
beyond 8 times the spread, of a normal u (probability 1e-15 an entry), let alone of a `direction`."""


@dataclass(frozen=True)
class Estimate:
    """A derivative and a bound on its error, both of f's shape (or both scalars, of a product with dout)."""

    value: Array
    error: Array
    method: Method
    step: float


@contextmanager
def quiet() -> Iterator[None]:
    """Silence NumPy's floating-point errors and every warning: a reader's function may overflow in peace."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def scale(x: npt.ArrayLike) -> float:
    """The typical size of an argument: the root of the mean square of x, or 1 if x is empty or zero.

    x: any shape.
    """
    flat = as_real(x).ravel()
    top = float(np.abs(flat).max(initial=0.0))
    if top == 0.0 or not isfinite(top):
        return 1.0
    if 1e-100 < top < 1e100:
        return sqrt(float(flat.dot(flat)) / flat.size)
    flat = flat / top  # their squares would leave the range of a float
    return top * sqrt(float(flat.dot(flat)) / flat.size)


def central(f: Function, x: npt.ArrayLike, u: npt.ArrayLike, h: float | None = None) -> Estimate:
    """The directional derivative J u = (f(x + t u) - f(x - t u)) / 2t, with a bound on its error.

    x and u: the same shape; value and error have f's shape. t is h if given. Else t moves x by STEP
    times its scale, entry by entry max(|x_i|, scale(x)), and is changed hundredfold while the bound is poor
    and a change improves it. The bound is the sum of
      |D(2t) - D(t)|: three times the truncation error of a smooth f;
      |2 s(t) - s(2t)| / 2, s(t) = (f(x + tu) - 2 f(x) + f(x - tu)) / t: near 0 for a smooth f; with the
          first it is no less than the error of stepping over one kink, where D(t) and D(2t) may agree;
      eps * |f| / t: rounding.
    It is infinite where a value is not finite. It cannot see an f that oscillates within one step, nor one
    that rounds inside as coarsely as the step, (x + 1e3) - 1e3 at x = 1e-8.
    Raises what f raises at the first step, and HandgradError if f does not return real numbers.
    """
    x, u = as_real(x), as_real(u)
    with quiet():
        first = f(x.copy())
        here, eps = as_values(first), precision(first)
        best = _difference(f, x, u, here, eps, _first_step(x, u) if h is None else h)
        if h is None:
            best = _better_step(f, x, u, here, eps, best)
    error = best.sampled + best.rounding
    return Estimate(best.value, np.where(np.isfinite(error), error, np.inf), "central", best.step)


@dataclass(frozen=True)
class _Difference:
    value: Array
    sampled: Array
    rounding: Array
    step: float


def _first_step(x: Array, u: Array) -> float:
    moved = u != 0
    count = int(np.count_nonzero(moved))
    if count == 0:
        return STEP
    share = u[moved] / np.maximum(np.abs(x[moved]), scale(x))
    return STEP * sqrt(count) / norm(share)


def _difference(f: Function, x: Array, u: Array, here: Array, eps: float, t: float) -> _Difference:
    plus, minus, plus2, minus2 = (as_values(f(np.asarray(x + k * t * u))) for k in (1, -1, 2, -2))
    value = (plus - minus) / (2 * t)
    bend = (plus - 2 * here + minus) / t
    bend2 = (plus2 - 2 * here + minus2) / (2 * t)
    sampled = np.abs((plus2 - minus2) / (4 * t) - value) + np.abs(2 * bend - bend2) / 2
    moved = u != 0
    reach = t * norm(u[moved])
    # x + t u is rounded too, which turns the direction by eps * |x| / |t u|.
    turned = eps * norm(x[moved]) / reach if reach else 0.0
    rounding = eps * (np.abs(plus) + np.abs(minus)) / t + turned * np.abs(value)
    return _Difference(value, sampled, rounding, t)


def _better_step(f: Function, x: Array, u: Array, here: Array, eps: float, best: _Difference) -> _Difference:
    grew: bool | None = None
    for _ in range(5):
        # Entries that do not move, or that f cannot compute at x, say nothing about the step.
        use = np.isfinite(here) & ((best.value != 0) | (best.sampled != 0))
        value, sampled, rounding = (norm(a[use]) for a in (best.value, best.sampled, best.rounding))
        grow = rounding >= sampled
        good = sampled + rounding <= 1e-8 * value
        turned_back = grew is not None and grow != grew
        if good or turned_back:
            break
        try:
            new = _difference(f, x, u, here, eps, best.step * (100.0 if grow else 0.01))
        except Exception:  # a larger step may leave f's domain; f has worked at the smaller one
            break
        new_error = norm(new.sampled[use]) + norm(new.rounding[use])
        smaller = new_error < sampled + rounding
        consistent = norm((new.value - best.value)[use]) <= sampled + rounding + new_error
        # Where the two disagree, the larger step has missed something.
        if not (smaller and consistent if grow else smaller or not consistent):
            break
        best, grew = new, grow
    return best


def kink_margin(method: Method = "central", x_scale: float = 1.0, h: float = STEP) -> float:
    """How far an input must stay from a kink or a tie, in the input's own units.

    A difference with step h looks KINK_REACH steps away at most: 9.6e-5 of the argument's scale, x_scale.
    The complex step looks nowhere, but the value at a tie is a convention: any margin above 0 does.
    """
    return KINK_REACH * h * x_scale if method == "central" else float(np.finfo(np.float64).tiny)


def one_sided(f: Function, x: npt.ArrayLike, u: npt.ArrayLike, h: float | None = None) -> tuple[Array, Array]:
    """The derivatives along u from the left and from the right: at a kink of f they differ.

        right = (-3 f(x) + 4 f(x + t u) - f(x + 2 t u)) / 2t,  left = the same of -t

    x and u: the same shape; both results have f's shape. t as in `central`, fixed. Raises what f raises.
    """
    x, u = as_real(x), as_real(u)
    with quiet():
        t = _first_step(x, u) if h is None else h
        here = as_values(f(x.copy()))
        left, right = (
            (4 * as_values(f(np.asarray(x + s * u))) - as_values(f(np.asarray(x + 2 * s * u))) - 3 * here)
            / (2 * s)
            for s in (-t, t)
        )
    return np.asarray(left), np.asarray(right)


def as_real(a: npt.ArrayLike) -> Array:
    return np.asarray(a, dtype=np.float64)


def norm(a: Array) -> float:
    flat = a.ravel()
    return sqrt(flat.dot(flat))


def precision(out: Any) -> float:
    dtype = np.asarray(out).dtype
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else float(np.finfo(np.float64).eps)


def as_values(out: Any) -> Array:
    """What f returned, as float64 in memory of its own: f may fill the same buffer at its next call."""
    a = np.array(out)
    if a.dtype.kind not in "fiub":
        raise HandgradError(
            layout("numeric", f"f must return real numbers, got {type(out).__name__} of {a.dtype}")
        )
    return a.astype(np.float64)
