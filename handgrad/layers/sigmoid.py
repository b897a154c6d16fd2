"""Sigmoid: squashes every entry into (0, 1).

    out_i = 1 / (1 + exp(-x_i))
    dx_i  = dout_i out_i (1 - out_i)

x, out, dout, dx: (N, ...)   any shape; entry i of dx depends on entry i of dout and out only

No reduction: nothing is summed or averaged. The derivative is written in the output, so the output is
all that the backward needs. exp is only taken of numbers that are not positive, so it cannot overflow.

Source: the logistic function; the gate of CS231n's notes on backpropagation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake
from handgrad.layers._common import ELEMENTWISE_CASES, Array

SHAPES = "x: N ... -> out: N ..."
REDUCTION = "none: every entry stands alone, nothing is summed or averaged over N"
GRADS = ("x",)
CACHE = "out: the output of forward, the shape of x"
CASES = (
    *ELEMENTWISE_CASES,
    Case("inputs near 1000", {"N": 7, "...": (5,)}, {"scale": 1000.0}, backward=False, stress=True),
)


def forward(x: Array) -> tuple[Array, Array]:
    """1 / (1 + exp(-x)), entry by entry.

    x: (N, ...) -> out: (N, ...), cache: out.
    """
    positive = x.real >= 0
    z = np.exp(np.where(positive, -x, x))
    out = np.where(positive, 1, z) / (1 + z)
    return out, out


def backward(dout: Array, cache: Array) -> Array:
    """dx = dout * out * (1 - out).

    dout: (N, ...), cache: out (N, ...) -> dx: (N, ...).
    """
    out = cache
    return dout * out * (1 - out)


def sample(rng: np.random.Generator, sizes: dict[str, Any], scale: float = 1.5) -> dict[str, Any]:
    """Random x: (N, ...), of standard deviation `scale`."""
    return {"x": scale * (rng.normal(size=(sizes["N"], *sizes["..."])) + 0.2)}


def _x_of(out: Array) -> Array:
    """The input again, for wrong answers that use it."""
    return np.log(out) - np.log1p(-out)


def _activation_twice(dout: Array, cache: Array) -> Array:
    twice, _ = forward(cache)
    return dout * twice * (1 - twice)


def _sign_of_input(x: Array) -> tuple[Array, Array]:
    return forward(-x)


def _missing_one(x: Array) -> tuple[Array, Array]:
    out = np.exp(x)
    return out, out


def _tanh_for_sigmoid(x: Array) -> tuple[Array, Array]:
    out = np.tanh(x)
    return out, out


MISTAKES = (
    Mistake(
        "input-for-output",
        lambda dout, cache: dout * _x_of(cache) * (1 - _x_of(cache)),
        ("dx",),
        "the derivative was evaluated at x where the output belongs: the short form of the sigmoid's "
        "derivative is a formula in the output.",
    ),
    Mistake(
        "missing-one-minus",
        lambda dout, cache: dout * cache,
        ("dx",),
        "one of the two factors of the derivative is missing: as it stands the slope is largest where the "
        "output is near 1, and there the curve is flat.",
    ),
    Mistake(
        "missing-output",
        lambda dout, cache: dout * (1 - cache),
        ("dx",),
        "one of the two factors of the derivative is missing: as it stands the slope is largest where the "
        "output is near 0, and there the curve is flat.",
    ),
    Mistake(
        "activation-twice",
        _activation_twice,
        ("dx",),
        "the sigmoid was applied once more in the backward: what is cached is already the output.",
    ),
    Mistake(
        "ignores-dout",
        lambda dout, cache: cache * (1 - cache),
        ("dx",),
        "dx does not depend on dout: this is the local derivative alone, and the chain rule multiplies it by "
        "the gradient that comes from above.",
    ),
    Mistake(
        "tanh-derivative",
        lambda dout, cache: dout * (1 - cache**2),
        ("dx",),
        "this is the derivative of tanh, written in its output: the sigmoid's is another function of its own "
        "output.",
    ),
    Mistake(
        "sign-of-input",
        _sign_of_input,
        ("out",),
        "out falls where x rises: this is the sigmoid of minus x, one sign in the exponent is off.",
        role="forward",
    ),
    Mistake(
        "missing-one",
        _missing_one,
        ("out",),
        "out grows without bound: the 1 in the denominator is missing, and it is what keeps the output below "
        "1.",
        role="forward",
    ),
    Mistake(
        "tanh-for-sigmoid",
        _tanh_for_sigmoid,
        ("out",),
        "out is the hyperbolic tangent, which runs from -1 to 1: the sigmoid runs from 0 to 1.",
        role="forward",
    ),
)

PATHS: dict[str, Any] = {}
