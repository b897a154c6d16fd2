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
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.agreement import TOLERANCES, Tolerance, agree, blind, in_interval
from handgrad.differences import (
    KINK_REACH,
    STEP,
    Estimate,
    as_real,
    as_values,
    central,
    kink_margin,
    norm,
    one_sided,
    quiet,
    scale,
)
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
]

Array = npt.NDArray[np.float64]
Function = Callable[[Any], Any]

TINY_STEP = 2.0**-100
"""h of the complex step, about 1e-30: a power of two, so that multiplying and dividing by it is exact."""


@dataclass(frozen=True)
class Support:
    """Whether the complex step gives f's derivative, and a sentence that says why or why not."""

    ok: bool
    why: str

    def __bool__(self) -> bool:
        return self.ok


def direction(x: npt.ArrayLike, rng: np.random.Generator, spread: float | None = None) -> Array:
    """A random direction for `agree`, of x's shape: mean 0, spread scale(x), no entry beyond 1.74 times that.

    Uniform, not normal: four times cheaper to draw, and a single wrong entry hides near u = 0 less often.
    `spread`: scale(x), if it is known already.
    """
    u = rng.random(np.shape(x))
    u -= 0.5
    u *= sqrt(12.0) * (scale(x) if spread is None else spread)
    return np.asarray(u)


def complex_step_unguarded(f: Function, x: Array, u: Array, h: float = TINY_STEP) -> Array:
    """`complex_step` of float64 arrays, for use inside `quiet()`: nothing is converted or silenced."""
    z = np.empty(x.shape, dtype=np.complex128)
    z.real = x
    np.multiply(u, h, out=z.imag)
    value: Array = np.imag(f(z)) / h
    return value


def complex_step(f: Function, x: npt.ArrayLike, u: npt.ArrayLike, h: float = TINY_STEP) -> Array:
    """The directional derivative J u = Im f(x + i h u) / h, exact to rounding where f is analytic.

    x and u: the same shape; returns f's shape. Where f is not analytic (abs, .var, a real buffer) the
    result is silently wrong: ask `supports_complex_step`. Raises what f raises.
    """
    with quiet():
        return np.asarray(complex_step_unguarded(f, as_real(x), as_real(u), h), dtype=np.float64)


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
        size, out_size, error = norm(value), norm(real), norm(difference.error)
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
    x = as_real(x)
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
    x, u = as_real(x), as_real(u)
    support, step, estimate = _probe(f, x, u)
    if support.ok:
        with quiet():
            error = 1e-14 * np.abs(step) + 1e-15 * np.abs(as_values(f(x.copy())))
        estimate = Estimate(step, error, "complex step", TINY_STEP)
    if dout is None:
        return estimate
    g = as_real(dout)
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
    x = as_real(x)
    with quiet():
        shape = as_values(f(x.copy())).shape
    columns = _columns(f, x)
    stacked = np.stack(list(columns), axis=-1) if x.size else np.zeros((*shape, 0))
    return np.asarray(stacked.reshape(shape + x.shape))


def vjp(f: Function, x: npt.ArrayLike, dout: npt.ArrayLike) -> Array:
    """The whole gradient of <dout, f(x)>, element by element: g[j] = sum_i dout[i] * d out[i] / d x[j].

    x: any shape, also the result's; dout: f's shape. As slow as `jacobian`, without its memory: it says where
    a gradient is wrong after `agree` has said that it is. Raises ShapeError if dout has not f's shape, and
    what f raises.
    """
    x, g = as_real(x), as_real(dout)
    with quiet():
        _same_shape("vjp", "dout", g, as_values(f(x.copy())))
        return np.array([np.sum(g * column) for column in _columns(f, x)], dtype=np.float64).reshape(x.shape)


def gradient(f: Function, x: npt.ArrayLike) -> Array:
    """The gradient of a scalar function, element by element, of x's shape.

    x: any shape. f may return a scalar or an array with one element; raises ShapeError for more, and what
    f raises.
    """
    x = as_real(x)
    with quiet():
        shape = as_values(f(x.copy())).shape
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


def _same_shape(where: str, name: str, got: Array, out: Array) -> None:
    if got.shape != out.shape:
        raise ShapeError(
            layout(where, f"{name} must have the shape of f(x)", [f"expected {out.shape}, got {got.shape}"])
        )
