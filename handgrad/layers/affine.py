"""Affine (fully connected) layer: every output is a weighted sum of all inputs, plus a bias.

    X   = x with each sample flattened to a row of D numbers
    out = X W + b            b is added to every row
    dx  = dout W^T           in the shape of x
    dW  = X^T dout           sums over the N samples
    db  = sum_n dout_n       sums over the N samples

x:    (N, d_1, ..., d_k)   samples as rows, D = d_1 ... d_k
w:    (D, M)               W in the formulas
b:    (M,)
out, dout: (N, M)
dx:   (N, d_1, ..., d_k)
dw:   (D, M)               dW in the formulas
db:   (M,)

The sums over N are no averages: a loss that is a mean has put its 1/N into dout already.

Source: `affine_forward` and `affine_backward` of CS231n, assignments 1 and 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake
from handgrad.layers._common import Array

SHAPES = "x: N ..., w: D M, b: M -> out: N M"
REDUCTION = "dw and db are sums over N; there is no 1/N here, dout already carries the loss's"
GRADS = ("x", "w", "b")
CACHE = "(x, w, b): the inputs of forward"

Cache = tuple[Array, Array, Array]
Gradients = tuple[Array, Array, Array]


def forward(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    """X W + b, X being x with one row a sample.

    x: (N, d_1, ..., d_k), w: (D, M), b: (M,) -> out: (N, M), cache: (x, w, b).
    """
    rows = x.reshape(x.shape[0], -1)
    out = rows @ w + b
    return out, (x, w, b)


def backward(dout: Array, cache: Cache) -> Gradients:
    """dx = dout W^T in the shape of x, dw = X^T dout, db = sum of dout over the samples.

    dout: (N, M), cache: (x, w, b) -> dx: (N, d_1, ..., d_k), dw: (D, M), db: (M,). Sums over N.
    """
    x, w, _ = cache
    rows = x.reshape(x.shape[0], -1)
    dx = (dout @ w.T).reshape(x.shape)
    dw = rows.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def tangent(x: Array, w: Array, b: Array, ux: Array, uw: Array, ub: Array) -> Array:
    """How out changes with x, w and b moved along ux, uw and ub: UX W + X UW + ub, the product rule.

    x, ux: (N, d_1, ..., d_k), w, uw: (D, M), b, ub: (M,) -> (N, M).
    """
    out = ux.reshape(x.shape[0], -1) @ w
    out += x.reshape(x.shape[0], -1) @ uw
    out += ub
    return out


def sample(rng: np.random.Generator, sizes: dict[str, Any]) -> dict[str, Any]:
    """Random x: (N, ...), w: (D, M), b: (M,).

    Raises ValueError where D is not the product of the axes of x after the first.
    """
    N, D, M, rest = sizes["N"], sizes["D"], sizes["M"], sizes["..."]
    if int(np.prod(rest)) != D:
        raise ValueError(f"affine.sample: D={D} is not the product of the axes {rest} of one sample")
    return {
        "x": rng.normal(size=(N, *rest)) + 0.3,
        "w": rng.normal(size=(D, M)),
        "b": rng.normal(size=M) + 1.0,
    }


CASES = (
    # Rank 3 comes first: a dx left flattened looks right for x of rank 2.
    Case("different sizes", {"N": 7, "...": (2, 3), "D": 6, "M": 5}),
    Case("rank 2", {"N": 7, "...": (5,), "D": 5, "M": 3}),
    Case("one sample", {"N": 1, "...": (4,), "D": 4, "M": 3}),
    Case("square", {"N": 4, "...": (4,), "D": 4, "M": 4}),
    Case("rank 4", {"N": 5, "...": (2, 3, 2), "D": 12, "M": 7}),
    Case("one output", {"N": 5, "...": (3,), "D": 3, "M": 1}),
)


def _unsummed(dout: Array, cache: Cache) -> Gradients:
    dx, dw, _ = backward(dout, cache)
    return dx, dw, dout.copy()


def _wrong_axis(dout: Array, cache: Cache) -> Gradients:
    dx, dw, _ = backward(dout, cache)
    return dx, dw, dout.sum(axis=1)


def _summed_too_much(dout: Array, cache: Cache) -> Gradients:
    dx, dw, _ = backward(dout, cache)
    return dx, dw, np.asarray(dout.sum())


def _flattened(dout: Array, cache: Cache) -> Gradients:
    dx, dw, db = backward(dout, cache)
    return dx.reshape(dx.shape[0], -1), dw, db


def _transposed(dout: Array, cache: Cache) -> Gradients:
    dx, dw, db = backward(dout, cache)
    return dx, dw.T, db


def _permuted(dout: Array, cache: Cache) -> Gradients:
    dx, dw, db = backward(dout, cache)
    return dw, dx, db


def _divided(dout: Array, cache: Cache) -> Gradients:
    dx, dw, db = backward(dout, cache)
    return dx, dw / dout.shape[0], db / dout.shape[0]


def _bias_averaged(dout: Array, cache: Cache) -> Gradients:
    dx, dw, db = backward(dout, cache)
    return dx, dw, db / dout.shape[0]


def _ignores_dout(dout: Array, cache: Cache) -> Gradients:
    return backward(np.ones_like(dout), cache)


def _output_for_input(dout: Array, cache: Cache) -> Gradients:
    dx, _, db = backward(dout, cache)
    out, _ = forward(*cache)
    return dx, out.T @ dout, db


def _output_for_dout(dout: Array, cache: Cache) -> Gradients:
    dx, _, db = backward(dout, cache)
    out, _ = forward(*cache)
    return dx, backward(out, cache)[1], db


def _missing_bias(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return x.reshape(x.shape[0], -1) @ w, (x, w, b)


def _bias_subtracted(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return x.reshape(x.shape[0], -1) @ w - b, (x, w, b)


def _other_order(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return x.reshape(x.shape[0], -1, order="F") @ w + b, (x, w, b)


MISTAKES = (
    Mistake(
        "unsummed-broadcast",
        _unsummed,
        ("db",),
        "db was not summed over the batch: b is used N times, once a row, so its N gradients add up.",
    ),
    Mistake(
        "summed-over-wrong-axis",
        _wrong_axis,
        ("db",),
        "db was summed over the outputs and kept one number for each sample: b has one entry for each output, "
        "and it is the samples that share it.",
    ),
    Mistake(
        "summed-too-much",
        _summed_too_much,
        ("db",),
        "db was summed to a single number: each of the M biases feeds its own column only, so only the "
        "samples are summed.",
    ),
    Mistake(
        "flattened",
        _flattened,
        ("dx",),
        "dx still has the flattened shape: a gradient has exactly the shape of its variable, so the "
        "flattening of the forward has to be undone.",
    ),
    Mistake(
        "transposed",
        _transposed,
        ("dw",),
        "dw is transposed: a gradient has exactly the shape of its variable, and that decides the order of "
        "the two factors.",
    ),
    Mistake(
        "permuted",
        _permuted,
        ("dx", "dw"),
        "the first two gradients are returned in the wrong order: they come in the order of the forward's "
        "arguments.",
    ),
    Mistake(
        "divided-by-N",
        _divided,
        ("dw", "db"),
        "{what} was averaged over the batch: the upstream gradient already carries the 1/N of the loss, "
        "so this layer only sums.",
    ),
    Mistake(
        "bias-averaged",
        _bias_averaged,
        ("db",),
        "db was averaged over the batch: the upstream gradient already carries the 1/N of the loss, so this "
        "layer only sums.",
        cause="divided-by-N",
    ),
    Mistake(
        "ignores-dout",
        _ignores_dout,
        ("dx", "dw", "db"),
        "{what} does not depend on dout, as if every entry of it were 1: the chain rule multiplies the "
        "local derivative by the gradient that comes from above.",
    ),
    Mistake(
        "output-for-input",
        _output_for_input,
        ("dw",),
        "dw was formed with the output of the layer: what a weight is multiplied by in the forward is an "
        "entry of the input x, so that is its derivative.",
    ),
    Mistake(
        "output-for-dout",
        _output_for_dout,
        ("dw",),
        "dw was formed with the output of the layer in the place of dout: a value went where a gradient "
        "belongs.",
    ),
    Mistake(
        "missing-bias",
        _missing_bias,
        ("out",),
        "the bias is missing: every row of out is off by b.",
        role="forward",
    ),
    Mistake(
        "bias-subtracted",
        _bias_subtracted,
        ("out",),
        "the bias was subtracted: this layer adds it to every row.",
        role="forward",
    ),
    Mistake(
        "flattened-in-another-order",
        _other_order,
        ("out",),
        "the axes of a sample were flattened in column-major order, so the numbers of x meet the wrong rows "
        "of w: the last axis has to run fastest.",
        role="forward",
    ),
)

PATHS: dict[str, Any] = {}
