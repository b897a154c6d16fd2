"""The operations of the formula language, one row each.

All of them work on complex arrays as the analytic continuation of the real operation, because checking
differentiates by complex steps: `abs`, `relu`, `max` and comparisons look at the real part alone, nothing
is conjugated, and where the real operation gives nan (log, sqrt or a broken power below zero) so does the
complex one. At a kink they follow a convention: abs'(0) = 0, relu'(0) = 0, and max takes the first of a tie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["OPERATIONS", "Array", "Operation"]

Array = NDArray[Any]
Kind = Literal[
    "product", "outer", "elementwise", "compare", "unary", "function", "pair", "reduction", "along", "axes"
]


@dataclass(frozen=True)
class Operation:
    """One row: how an operation is written, what kind of shape rule it has, and what it computes.

    `level` is how tightly an infix operation binds; `numbers` takes arrays (and, for a reduction, the
    axes and keepdims) and gives an array.
    """

    symbol: str
    kind: Kind
    level: int
    numbers: Callable[..., Any]
    says: str


def _power(a: Array, b: Array) -> Array:
    if not (np.iscomplexobj(a) or np.iscomplexobj(b)):
        return np.asarray(np.power(a, b))
    # a ** b = re(a) ** re(b) * (a / re(a)) ** b * re(a) ** (i im(b)): exact for a < 0 too, where NumPy
    # would lose a tiny imaginary part of a beside the angle pi
    real, exponent = np.real(a), np.real(b)
    turn = np.imag(b) * np.log(np.where(real > 0, real, 1.0))
    value = np.power(real, exponent) * np.power(a / np.where(real == 0, 1.0, real), b) * np.exp(1j * turn)
    undefined = (real < 0) & (np.imag(b) != 0)
    value = np.where(undefined, np.nan, value)
    return np.asarray(np.where(real == 0, np.power(a, b), value))


def _where_positive(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def guarded(a: Array) -> Array:
        value = function(a)
        return np.asarray(np.where(np.real(a) < 0, np.nan, value)) if np.iscomplexobj(a) else value

    return guarded


def _abs(a: Array) -> Array:
    return np.asarray(a * np.sign(np.real(a)))


def _relu(a: Array) -> Array:
    # not (a <= 0), so that nan stays nan
    return np.asarray(np.where(np.real(a) <= 0, 0.0, a))


def _sigmoid(a: Array) -> Array:
    # not by _abs, whose derivative at 0 is 0: sigmoid has no kink there
    below = np.real(a) < 0
    small = np.exp(np.where(below, a, -a))
    return np.asarray(np.where(below, small, 1.0) / (1.0 + small))


def _softplus(a: Array) -> Array:
    # log(1 + exp(a)) as max(a, 0) + log(1 + exp(-|a|))
    above = np.where(np.real(a) > 0, a, 0.0)
    return np.asarray(above + np.log1p(np.exp(a - 2 * above)))


def _gelu(a: Array) -> Array:
    return np.asarray(0.5 * a * (1.0 + np.tanh(0.7978845608028654 * (a + 0.044715 * a**3))))  # sqrt(2 / pi)


def _larger(a: Array, b: Array) -> Array:
    return np.asarray(np.where(np.real(a) >= np.real(b), a, b))


def _smaller(a: Array, b: Array) -> Array:
    return np.asarray(np.where(np.real(a) <= np.real(b), a, b))


def _max(a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    if not np.iscomplexobj(a):
        return np.asarray(np.max(a, axis=axes, keepdims=keepdims))
    last = np.moveaxis(a, axes, range(-len(axes), 0)) if axes else a[..., None]
    kept = last.shape[: a.ndim - len(axes)]
    flat = last.reshape(*kept, -1)
    value = np.take_along_axis(flat, np.argmax(np.real(flat), axis=-1)[..., None], axis=-1)[..., 0]
    return np.expand_dims(value, axes) if keepdims else value


def _sum(a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    return np.asarray(np.sum(a, axis=axes, keepdims=keepdims))


def _mean(a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    return np.asarray(np.mean(a, axis=axes, keepdims=keepdims))


def _var(a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    # not np.var, which takes |a|^2 of complex numbers
    centred = a - np.mean(a, axis=axes, keepdims=True)
    return np.asarray(np.mean(centred * centred, axis=axes, keepdims=keepdims))


def _shifted(a: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    top = np.max(np.real(a), axis=axes, keepdims=True)
    return np.exp(a - top), top


def _softmax(a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    e, _ = _shifted(a, axes)
    return np.asarray(e / np.sum(e, axis=axes, keepdims=True))


def _logsumexp(a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    e, top = _shifted(a, axes)
    value = np.log(np.sum(e, axis=axes, keepdims=True)) + top
    return np.asarray(value if keepdims else np.squeeze(value, axis=axes))


def _one_hot(labels: Array, count: Any) -> Array:
    return np.asarray(np.real(labels)[..., None] == np.arange(int(np.real(count))), dtype=float)


def _by_real(compare: Callable[..., Any]) -> Callable[..., Array]:
    return lambda a, b: np.asarray(compare(np.real(a), np.real(b)), dtype=float)


OPERATIONS: dict[str, Operation] = {
    row.symbol: row
    for row in (
        Operation("<", "compare", 1, _by_real(np.less), "1 where a < b, else 0"),
        Operation("<=", "compare", 1, _by_real(np.less_equal), "1 where a <= b, else 0"),
        Operation(">", "compare", 1, _by_real(np.greater), "1 where a > b, else 0"),
        Operation(">=", "compare", 1, _by_real(np.greater_equal), "1 where a >= b, else 0"),
        Operation("+", "elementwise", 2, np.add, "a + b"),
        Operation("-", "elementwise", 2, np.subtract, "a - b"),
        Operation("*", "elementwise", 3, np.multiply, "a times b, entry by entry"),
        Operation("/", "elementwise", 3, np.divide, "a over b, entry by entry"),
        Operation("@", "product", 3, np.matmul, "matrix product: sums over the inner axis"),
        Operation("neg", "unary", 4, np.negative, "-a"),
        Operation("**", "elementwise", 5, _power, "a to the power b, entry by entry"),
        Operation("outer", "outer", 6, np.multiply.outer, "a_i b_j for vectors a and b"),
        Operation("exp", "function", 6, np.exp, "e to the power a"),
        Operation("log", "function", 6, _where_positive(np.log), "natural logarithm"),
        Operation("sqrt", "function", 6, _where_positive(np.sqrt), "square root"),
        Operation("abs", "function", 6, _abs, "absolute value; derivative 0 at 0"),
        Operation("tanh", "function", 6, np.tanh, "hyperbolic tangent"),
        Operation("sigmoid", "function", 6, _sigmoid, "1 / (1 + exp(-a)), without overflow"),
        Operation("relu", "function", 6, _relu, "a where a > 0, else 0; derivative 0 at 0"),
        Operation("softplus", "function", 6, _softplus, "log(1 + exp(a)), without overflow"),
        Operation(
            "gelu", "function", 6, _gelu, "a/2 (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3))), the tanh form"
        ),
        Operation("sin", "function", 6, np.sin, "sine"),
        Operation("cos", "function", 6, np.cos, "cosine"),
        Operation("maximum", "pair", 6, _larger, "the larger of a and b, entry by entry; a at a tie"),
        Operation("minimum", "pair", 6, _smaller, "the smaller of a and b, entry by entry; a at a tie"),
        Operation("sum", "reduction", 6, _sum, "sum over axes"),
        Operation("mean", "reduction", 6, _mean, "mean over axes"),
        Operation("max", "reduction", 6, _max, "largest over axes; the first of a tie"),
        Operation("var", "reduction", 6, _var, "mean of squared distances from the mean, over axes"),
        Operation("logsumexp", "reduction", 6, _logsumexp, "log of the sum of exponentials over axes"),
        Operation("softmax", "along", 6, _softmax, "exp(a) over its sum along axes, without overflow"),
        Operation("arange", "axes", 6, lambda n: np.arange(int(np.real(n))), "0, 1, …, N - 1"),
        Operation("onehot", "axes", 6, _one_hot, "1 in the column of each row's label, else 0"),
        Operation("reshape", "axes", 6, np.reshape, "the same entries, row by row, in other axes"),
        Operation("transpose", "axes", 6, np.transpose, "the axes in another order"),
        Operation("broadcast_to", "axes", 6, np.broadcast_to, "copies along new axes"),
    )
}
