"""The operations that a graph can hold: one table, one row an operation.

A row has the symbol, the forward and one pullback for each operand. A pullback takes dout (the gradient by
the result, in the result's shape), the result, the operands and the options, and gives the gradient by
that operand, before `unbroadcast` sums it to the operand's shape. None stands where no gradient flows.

Conventions where a derivative has no single value: relu and abs have 0 at 0; a tie in maximum or minimum
goes to the first operand, so that np.maximum(0, x) agrees with relu; a tie in max is shared equally.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OPS", "Op", "unbroadcast"]

Array = NDArray[Any]
Pullback = Callable[..., Any]


@dataclass(frozen=True)
class Op:
    """One operation: its symbol, `forward(*operands, **options)`, and a pullback for each operand."""

    symbol: str
    forward: Callable[..., Any]
    pullbacks: tuple[Pullback | None, ...]


def unbroadcast(dout: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which an operand of `shape` was broadcast.

    dout: any shape to which `shape` broadcasts; the result is an array of `shape`.
    """
    dout = dout.sum(axis=tuple(range(dout.ndim - len(shape))))
    kept = tuple(i for i, size in enumerate(shape) if size == 1 and dout.shape[i] != 1)
    return np.asarray(dout.sum(axis=kept, keepdims=True))


def _sigmoid(x: Array) -> Any:
    return np.exp(-np.logaddexp(0.0, -x))  # no overflow for any x


def _matmul_parts(g: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """dout and both operands with the axes of size 1 that a matrix product of vectors leaves out."""
    if b.ndim == 1:
        g, b = g[..., None], b[:, None]
    if a.ndim == 1:
        g, a = np.expand_dims(g, -2), a[None, :]
    return g, a, b


def _matmul_a(g: Array, y: Array, a: Array, b: Array) -> Any:
    dout, _, columns = _matmul_parts(g, a, b)
    result = dout @ np.swapaxes(columns, -1, -2)
    return result[..., 0, :] if a.ndim == 1 else result


def _matmul_b(g: Array, y: Array, a: Array, b: Array) -> Any:
    dout, rows, _ = _matmul_parts(g, a, b)
    result = np.swapaxes(rows, -1, -2) @ dout
    return result[..., 0] if b.ndim == 1 else result


def _axes(a: Array, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(a.ndim))
    return tuple(i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,)))


def _expand(g: Array, a: Array, axis: Any, keepdims: bool) -> Array:
    """Put back the axes that a reduction removed, with size 1."""
    return g if keepdims else np.expand_dims(g, _axes(a, axis))


def _count(a: Array, axis: Any) -> int:
    return int(np.prod([a.shape[i] for i in _axes(a, axis)], dtype=int))


def _sum_back(g: Array, y: Array, a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    return np.broadcast_to(_expand(g, a, axis, keepdims), a.shape)


def _mean_back(g: Array, y: Array, a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    return _sum_back(g, y, a, axis, keepdims) / _count(a, axis)


def _var_back(g: Array, y: Array, a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    centred = a - a.mean(axis=axis, keepdims=True)
    return 2 * _mean_back(g, y, a, axis, keepdims) * centred


def _max_back(g: Array, y: Array, a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    hit = a == _expand(y, a, axis, keepdims)
    return _expand(g, a, axis, keepdims) * hit / hit.sum(axis=_axes(a, axis), keepdims=True)


def _transpose_back(g: Array, y: Array, a: Array, axes: Any = None) -> Any:
    return np.transpose(g, None if axes is None else np.argsort([i % a.ndim for i in axes]))


def _getitem_back(g: Array, y: Array, a: Array, index: Any) -> Any:
    result = np.zeros(a.shape)
    np.add.at(result, index, g)
    return result


def _flat(forward: Callable[..., Any], symbol: str) -> Op:
    """A comparison: its result is a mask, through which no gradient flows."""
    return Op(symbol, forward, (None, None))


OPS: Mapping[str, Op] = {
    "add": Op("+", np.add, (lambda g, y, a, b: g, lambda g, y, a, b: g)),
    "subtract": Op("−", np.subtract, (lambda g, y, a, b: g, lambda g, y, a, b: -g)),
    "multiply": Op("×", np.multiply, (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)),
    "divide": Op("÷", np.divide, (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)),
    "power": Op(
        "^", np.power, (lambda g, y, a, b: g * b * a ** (b - 1), lambda g, y, a, b: g * y * np.log(a))
    ),
    "negative": Op("−", np.negative, (lambda g, y, a: -g,)),
    "matmul": Op("@", np.matmul, (_matmul_a, _matmul_b)),
    "transpose": Op("T", np.transpose, (_transpose_back,)),
    "reshape": Op("reshape", np.reshape, (lambda g, y, a, shape: g.reshape(a.shape),)),
    "getitem": Op("[ ]", lambda a, index: a[index], (_getitem_back,)),
    "sum": Op("sum", np.sum, (_sum_back,)),
    "mean": Op("mean", np.mean, (_mean_back,)),
    "var": Op("var", np.var, (_var_back,)),
    "max": Op("max", np.max, (_max_back,)),
    "exp": Op("exp", np.exp, (lambda g, y, a: g * y,)),
    "log": Op("log", np.log, (lambda g, y, a: g / a,)),
    "sqrt": Op("√", np.sqrt, (lambda g, y, a: g / (2 * y),)),
    "square": Op("²", np.square, (lambda g, y, a: g * 2 * a,)),
    "abs": Op("abs", np.abs, (lambda g, y, a: g * np.sign(a),)),
    "tanh": Op("tanh", np.tanh, (lambda g, y, a: g * (1 - y * y),)),
    "sigmoid": Op("σ", _sigmoid, (lambda g, y, a: g * y * (1 - y),)),
    "relu": Op("relu", lambda a: np.maximum(0.0, a), (lambda g, y, a: g * (a > 0),)),
    "maximum": Op("max", np.maximum, (lambda g, y, a, b: g * (a >= b), lambda g, y, a, b: g * (a < b))),
    "minimum": Op("min", np.minimum, (lambda g, y, a, b: g * (a <= b), lambda g, y, a, b: g * (a > b))),
    "where": Op(
        "where", np.where, (None, lambda g, y, c, a, b: g * (c != 0), lambda g, y, c, a, b: g * (c == 0))
    ),
    "greater": _flat(np.greater, ">"),
    "greater_equal": _flat(np.greater_equal, "≥"),
    "less": _flat(np.less, "<"),
    "less_equal": _flat(np.less_equal, "≤"),
    "equal": _flat(np.equal, "="),
    "not_equal": _flat(np.not_equal, "≠"),
}
