"""Derivatives of any callable, by numbers; this module knows no layer.

    complex step         J u ~ Im f(x + i h u) / h              no subtraction, so no rounding to speak of
    central difference   J u ~ (f(x + t u) - f(x - t u)) / 2t   for functions that are not analytic

`f` takes one array (close over the other arguments) and returns an array or a scalar. It is always given
an array of its own, float64 or complex128, which it may change. Warnings are silenced while `f` runs, but not
in `complex_step_unguarded`, which is for callers who hold `quiet()` around many calls.

Sources: Squire and Trapp (1998) for the complex step; Dennis and Schnabel (1983) for scaled steps.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from handgrad.errors import HandgradError, ShapeError, layout

__all__ = [
    "KINK_REACH",
    "STEP",
    "TINY_STEP",
    "TOLERANCES",
    "Estimate",
    "Support",
    "Tolerance",
    "agree",
    "blind",
    "central",
    "complex_step",
    "complex_step_unguarded",
    "direction",
    "directional",
    "gradient",
    "in_interval",
    "jacobian",
    "kink_margin",
    "one_sided",
    "quiet",
    "scale",
    "supports_complex_step",
    "vjp",
    "wrong_entries",
]

Array = npt.NDArray[np.float64]
Function = Callable[[Any], Any]
Method = Literal["complex step", "central"]

TINY_STEP = 2.0**-100
"""h of the complex step, about 1e-30: a power of two, so that multiplying and dividing by it is exact."""

STEP = 6e-6
"""The central difference moves an argument by this times its scale: the cube root of eps, where truncation
(h squared) and rounding (eps / h) are of the same size."""

KINK_REACH = 2 * 8
"""How far a central difference can look, in steps: it evaluates at twice its step along u, and no entry of a
normal u is beyond 8 (probability 1e-15 an entry)."""


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


@dataclass(frozen=True)
class Estimate:
    """A derivative and a bound on its error, both of f's shape (or both scalars, of a product with dout)."""

    value: Array
    error: Array
    method: Method
    step: float


@dataclass(frozen=True)
class Support:
    """Whether the complex step gives f's derivative, and a sentence that says why or why not."""

    ok: bool
    why: str

    def __bool__(self) -> bool:
        return self.ok


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
    flat = _real(x).ravel()
    top = float(np.abs(flat).max(initial=0.0))
    if top == 0.0 or not isfinite(top):
        return 1.0
    flat = flat / top
    return top * sqrt(float(flat.dot(flat)) / flat.size) or 1.0


def direction(x: npt.ArrayLike, rng: np.random.Generator) -> Array:
    """A random direction for `agree`: u ~ N(0, 1) * scale(x), of x's shape."""
    return np.asarray(rng.standard_normal(np.shape(x)) * scale(x))


def complex_step_unguarded(f: Function, x: Array, u: Array, h: float = TINY_STEP) -> Array:
    """`complex_step` of float64 arrays, for use inside `quiet()`: nothing is converted or silenced."""
    z = u * (1j * h)
    z += x
    value: Array = np.imag(f(np.asarray(z))) / h
    return value


def complex_step(f: Function, x: npt.ArrayLike, u: npt.ArrayLike, h: float = TINY_STEP) -> Array:
    """The directional derivative J u = Im f(x + i h u) / h, exact to rounding where f is analytic.

    x and u: the same shape; returns f's shape. Where f is not analytic (abs, .var, a real buffer) the
    result is silently wrong: ask `supports_complex_step`. Raises what f raises.
    """
    with quiet():
        return np.asarray(complex_step_unguarded(f, _real(x), _real(u), h), dtype=np.float64)


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
    x, u = _real(x), _real(u)
    with quiet():
        first = f(x.copy())
        here, eps = _values(first), _eps(first)
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
    return STEP * sqrt(count) / _norm(share)


def _difference(f: Function, x: Array, u: Array, here: Array, eps: float, t: float) -> _Difference:
    plus, minus, plus2, minus2 = (_values(f(np.asarray(x + k * t * u))) for k in (1, -1, 2, -2))
    value = (plus - minus) / (2 * t)
    bend = (plus - 2 * here + minus) / t
    bend2 = (plus2 - 2 * here + minus2) / (2 * t)
    sampled = np.abs((plus2 - minus2) / (4 * t) - value) + np.abs(2 * bend - bend2) / 2
    moved = u != 0
    reach = t * _norm(u[moved])
    # x + t u is rounded too, which turns the direction by eps * |x| / |t u|.
    turned = eps * _norm(x[moved]) / reach if reach else 0.0
    rounding = eps * (np.abs(plus) + np.abs(minus)) / t + turned * np.abs(value)
    return _Difference(value, sampled, rounding, t)


def _better_step(f: Function, x: Array, u: Array, here: Array, eps: float, best: _Difference) -> _Difference:
    grew: bool | None = None
    for _ in range(5):
        # Entries that do not move, or that f cannot compute at x, say nothing about the step.
        use = np.isfinite(here) & ((best.value != 0) | (best.sampled != 0))
        value, sampled, rounding = (_norm(a[use]) for a in (best.value, best.sampled, best.rounding))
        grow = rounding >= sampled
        good = sampled + rounding <= 1e-8 * value
        turned_back = grew is not None and grow != grew
        if good or turned_back:
            break
        try:
            new = _difference(f, x, u, here, eps, best.step * (100.0 if grow else 0.01))
        except Exception:  # a larger step may leave f's domain; f has worked at the smaller one
            break
        new_error = _norm(new.sampled[use]) + _norm(new.rounding[use])
        smaller = new_error < sampled + rounding
        consistent = _norm((new.value - best.value)[use]) <= sampled + rounding + new_error
        # Where the two disagree, the larger step has missed something.
        if not (smaller and consistent if grow else smaller or not consistent):
            break
        best, grew = new, grow
    return best


def _probe(f: Function, x: Array, u: Array) -> tuple[Support, Array, Estimate]:
    """Both derivatives along u, and whether the complex step agrees with the difference."""
    difference = central(f, x, u)
    value = difference.value
    nothing = np.zeros_like(value)

    def no(why: str) -> tuple[Support, Array, Estimate]:
        return Support(False, why), nothing, difference

    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        real = np.array(f(x.copy()))
        try:
            out = np.asarray(f(np.asarray(x + (1j * TINY_STEP) * u)))
            step = np.asarray(out.imag / TINY_STEP, dtype=np.float64)
            real_part = np.asarray(out.real, dtype=np.float64)
        except Exception as raised:
            return no(f"f does not take complex numbers ({type(raised).__name__}: {raised})")
        discarded = any(issubclass(w.category, np.exceptions.ComplexWarning) for w in caught)
        if real.dtype.kind in "iub":
            return no(f"f returns {real.dtype}, which is a step function: its derivative says nothing")
        if not np.isfinite(real).all():
            return no("f(x) is not finite, so nothing can be compared")
        if step.shape != value.shape:
            return no(f"f returns shape {step.shape} for a complex argument, {value.shape} for a real one")
        if not np.isfinite(step).all():
            return no("the complex step overflows inside f, where the real computation does not")
        size, out_size, error = _norm(value), _norm(real), _norm(difference.error)
        noise = 1e-9 * np.abs(real) + 1e-12 * out_size + difference.step * difference.error
        if not (np.abs(real_part - real) <= noise).all():
            return no("f has another value for a complex argument (random, type-dependent or all rounding?)")
        slack = 10 * difference.error + 1e-9 * np.abs(step).max(initial=0.0)
        differs = not (np.abs(step - value) <= slack).all()
        # A real answer to a complex argument has lost the step, and is right only if f is constant.
        lost = out.dtype.kind != "c" and (size > 0 or not _equal_at(f, x + u, real))
        if discarded and (differs or lost):
            return no("f casts complex numbers to real ones, which loses the step (a real buffer or dtype?)")
        if lost:
            return no("f turns complex numbers into real ones (as abs, .var, .std, norm and .real do)")
        if differs:
            return no(
                "complex step and finite difference differ: not analytic (conj, vdot, sign?), or coarse"
            )
        if not (error <= 1e-3 * size or error <= TOLERANCES["central"].absolute * out_size):
            return no("the finite difference is too inexact here to vouch for the complex step")
    seen = "the derivative is 0, or lost in rounding" if size == 0.0 else "they agree"
    return Support(True, f"complex step and finite difference along a direction: {seen}"), step, difference


def _equal_at(f: Function, x: Array, out: Array) -> bool:
    try:
        return np.array_equal(f(np.asarray(x)), out)
    except Exception:  # f may not be defined so far from where it was asked for
        return False


def supports_complex_step(f: Function, x: npt.ArrayLike, rng: np.random.Generator) -> Support:
    """Whether the complex step gives f's derivative at x, as a finite difference judges.

    x: any shape. `ok` only where the two agree within the difference's own error and that error is small
    enough to mean something; every doubt is a no, which costs accuracy and never truth. Raises nothing that
    f raises: that is a no as well.
    """
    x = _real(x)
    if x.size == 0:
        return Support(True, "the argument is empty, so there is nothing to differentiate")
    try:
        return _probe(f, x, direction(x, rng))[0]
    except HandgradError as error:
        return Support(False, str(error))
    except Exception as error:
        return Support(False, f"f raises {type(error).__name__} for a real argument: {error}")


def directional(
    f: Function, x: npt.ArrayLike, u: npt.ArrayLike, dout: npt.ArrayLike | None = None
) -> Estimate:
    """The directional derivative J u: by complex step where a difference confirms it, else by difference.

    x and u: the same shape; dout: f's shape. Without dout value and error have f's shape; with it they are
    <dout, J u> and its bound, scalars. `method` says which was used. Raises what f raises for real arguments.
    """
    x, u = _real(x), _real(u)
    support, step, estimate = _probe(f, x, u)
    if support.ok:
        with quiet():
            error = 1e-14 * np.abs(step) + 1e-15 * np.abs(_values(f(x.copy())))
        estimate = Estimate(step, error, "complex step", TINY_STEP)
    if dout is None:
        return estimate
    g = _real(dout)
    _same_shape("directional", "dout", g, estimate.value)
    with np.errstate(all="ignore"):
        value = np.asarray(np.sum(g * estimate.value))
        error = np.asarray(np.sum(np.abs(g) * estimate.error))
    return Estimate(value, error, estimate.method, estimate.step)


def jacobian(f: Function, x: npt.ArrayLike) -> Array:
    """Every partial derivative, J[i, j] = d out[i] / d x[j]: shape out.shape + x.shape, column by column.

    x: any shape. For the book and for small sizes: one evaluation an element, five or more where f does not
    support the complex step. Raises what f raises.
    """
    x = _real(x)
    with quiet():
        shape = _values(f(x.copy())).shape
    columns = _columns(f, x)
    stacked = np.stack(list(columns), axis=-1) if x.size else np.zeros((*shape, 0))
    return np.asarray(stacked.reshape(shape + x.shape))


def vjp(f: Function, x: npt.ArrayLike, dout: npt.ArrayLike) -> Array:
    """The whole gradient of <dout, f(x)>, element by element: g[j] = sum_i dout[i] * d out[i] / d x[j].

    x: any shape, also the result's; dout: f's shape. As slow as `jacobian`, without its memory: it says where
    a gradient is wrong after `agree` has said that it is. Raises ShapeError if dout has not f's shape, and
    what f raises.
    """
    x, g = _real(x), _real(dout)
    with quiet():
        _same_shape("vjp", "dout", g, _values(f(x.copy())))
        return np.array([np.sum(g * column) for column in _columns(f, x)], dtype=np.float64).reshape(x.shape)


def gradient(f: Function, x: npt.ArrayLike) -> Array:
    """The gradient of a scalar function, element by element, of x's shape.

    x: any shape. f may return a scalar or an array with one element; raises ShapeError for more, and what
    f raises.
    """
    x = _real(x)
    with quiet():
        shape = _values(f(x.copy())).shape
    if np.prod(shape, dtype=int) != 1:
        raise ShapeError(
            layout(
                "gradient",
                f"f must return one number, got shape {shape}",
                step="use vjp(f, x, dout) for an array, or jacobian(f, x) for every partial derivative",
            )
        )
    return vjp(f, x, np.ones(shape))


def _columns(f: Function, x: Array) -> Iterator[Array]:
    analytic = supports_complex_step(f, x, np.random.default_rng(0)).ok
    for j in range(x.size):
        e = np.zeros_like(x)
        e.flat[j] = 1.0
        yield complex_step(f, x, e) if analytic else central(f, x, e).value


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

    claimed (g) and u: the argument's shape, u ~ N(0, 1) * scale of the argument (`direction`); ju, dout and
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


# The smallest derivative that the complex step can carry without losing bits to underflow.
_FLOOR = float(np.finfo(np.float64).tiny) / TINY_STEP


def _terms(
    claimed: Array, ju: Array, dout: Array, out: Array, u: Array, method: str, error: Array | None
) -> tuple[float, float, float, float]:
    gu = (claimed * u).ravel()
    dj = (dout * ju).ravel()
    do = (dout * out).ravel()
    gap = abs(float(dj.sum()) - float(gu.sum()))
    size = sqrt(gu.dot(gu)) + sqrt(dj.dot(dj))
    out_size = sqrt(do.dot(do))
    allowed = TOLERANCES[method]
    slack = allowed.absolute * out_size if error is None else 4 * float((np.abs(dout) * error).sum())
    return gap, allowed.relative * size + slack + _FLOOR, size, out_size


def wrong_entries(
    claimed: npt.ArrayLike,
    true: npt.ArrayLike,
    dout: npt.ArrayLike,
    out: npt.ArrayLike,
    x: npt.ArrayLike,
    method: str = "complex step",
) -> npt.NDArray[np.bool_]:
    """Which entries of a claimed gradient are wrong: |g - t| > relative * max|t| + absolute * A / scale(x).

    claimed (g), true (t) and x: the same shape, also the mask's; dout, out: f's shape; A as in `agree`. An
    entry that is not finite is wrong.
    """
    g, t = _real(claimed), _real(true)
    allowed = TOLERANCES[method]
    with np.errstate(all="ignore"):
        natural = _norm(_real(dout) * _real(out)) / scale(x)
        limit = allowed.relative * float(np.abs(t).max(initial=0.0)) + allowed.absolute * natural + _FLOOR
        return np.asarray(~(np.abs(g - t) <= limit))


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
    x, u = _real(x), _real(u)
    with quiet():
        t = _first_step(x, u) if h is None else h
        here = _values(f(x.copy()))
        left, right = (
            (4 * _values(f(np.asarray(x + s * u))) - _values(f(np.asarray(x + 2 * s * u))) - 3 * here)
            / (2 * s)
            for s in (-t, t)
        )
    return np.asarray(left), np.asarray(right)


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
    tolerance = 1e-6 * (_norm(b) + _norm(low) + _norm(high)) + _FLOOR
    if not (isfinite(total) and isfinite(tolerance)):
        return inf
    return max(least - total, total - most, 0.0) / tolerance


def _real(a: npt.ArrayLike) -> Array:
    return np.asarray(a, dtype=np.float64)


def _norm(a: Array) -> float:
    flat = a.ravel()
    return sqrt(flat.dot(flat))


def _eps(out: Any) -> float:
    dtype = np.asarray(out).dtype
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else float(np.finfo(np.float64).eps)


def _values(out: Any) -> Array:
    """What f returned, as float64 in memory of its own: f may fill the same buffer at its next call."""
    a = np.array(out)
    if a.dtype.kind not in "fiub":
        raise HandgradError(
            layout("numeric", f"f must return real numbers, got {type(out).__name__} of {a.dtype}")
        )
    return a.astype(np.float64)


def _same_shape(where: str, name: str, got: Array, out: Array) -> None:
    if got.shape != out.shape:
        raise ShapeError(
            layout(where, f"{name} must have the shape of f(x)", [f"expected {out.shape}, got {got.shape}"])
        )
