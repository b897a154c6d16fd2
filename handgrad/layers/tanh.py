"""Hyperbolic tangent: squashes every entry into (-1, 1).

    out_i = tanh(x_i)
    dx_i  = dout_i (1 - out_i^2)

x, out, dout, dx: (N, ...)   any shape; entry i of dx depends on entry i of dout and out only

No reduction: nothing is summed or averaged. The derivative is written in the output, so the output is
all that the backward needs.

Source: the activation of CS231n's notes on neural networks and of its vanilla recurrent network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake
from handgrad.layers._common import ELEMENTWISE_CASES, Array, tanh

SHAPES = "x: N ... -> out: N ..."
REDUCTION = "none: every entry stands alone, nothing is summed or averaged over N"
GRADS = ("x",)
CACHE = "out: the output of forward, the shape of x"
CASES = (
    *ELEMENTWISE_CASES,
    Case("inputs near 1000", {"N": 7, "...": (5,)}, {"scale": 1000.0}, backward=False, stress=True),
)


def forward(x: Array) -> tuple[Array, Array]:
    """tanh(x), entry by entry.

    x: (N, ...) -> out: (N, ...), cache: out.
    """
    out = tanh(x)
    return out, out


def backward(dout: Array, cache: Array) -> Array:
    """dx = dout * (1 - out^2).

    dout: (N, ...), cache: out (N, ...) -> dx: (N, ...).
    """
    out = cache
    return dout * (1 - out**2)


def sample(rng: np.random.Generator, sizes: dict[str, Any], scale: float = 0.8) -> dict[str, Any]:
    """Random x: (N, ...), of standard deviation `scale`."""
    return {"x": scale * (rng.normal(size=(sizes["N"], *sizes["..."])) + 0.2)}


def _sigmoid_for_tanh(x: Array) -> tuple[Array, Array]:
    out = (1 + np.tanh(x / 2)) / 2
    return out, out


def _half_the_input(x: Array) -> tuple[Array, Array]:
    return forward(x / 2)


def _sign(x: Array) -> tuple[Array, Array]:
    return forward(-x)


MISTAKES = (
    Mistake(
        "input-for-output",
        lambda dout, cache: dout * (1 - np.arctanh(cache) ** 2),
        ("dx",),
        "the derivative was evaluated at x where the output belongs: the short form of the derivative of tanh "
        "is a formula in the output.",
    ),
    Mistake(
        "missing-square",
        lambda dout, cache: dout * (1 - cache),
        ("dx",),
        "the square is missing: without it the slope differs at x and -x, and tanh has the same slope at "
        "both.",
    ),
    Mistake(
        "plus-for-minus",
        lambda dout, cache: dout * (1 + cache**2),
        ("dx",),
        "a plus stands where a minus belongs: as it stands the slope grows as the output nears 1, and there "
        "the curve is flat.",
    ),
    Mistake(
        "activation-twice",
        lambda dout, cache: dout * (1 - np.tanh(cache) ** 2),
        ("dx",),
        "tanh was applied once more in the backward: what is cached is already the output.",
    ),
    Mistake(
        "ignores-dout",
        lambda dout, cache: 1 - cache**2,
        ("dx",),
        "dx does not depend on dout: this is the local derivative alone, and the chain rule multiplies it by "
        "the gradient that comes from above.",
    ),
    Mistake(
        "sigmoid-derivative",
        lambda dout, cache: dout * cache * (1 - cache),
        ("dx",),
        "this is the derivative of the sigmoid, written in its output: that of tanh is another function of "
        "its own output.",
    ),
    Mistake(
        "sigmoid-for-tanh",
        _sigmoid_for_tanh,
        ("out",),
        "out is the sigmoid, which runs from 0 to 1: tanh runs from -1 to 1.",
        role="forward",
    ),
    Mistake(
        "half-the-input",
        _half_the_input,
        ("out",),
        "out is tanh of half of x: tanh is a stretched sigmoid, but of twice the input, not of the input "
        "itself.",
        role="forward",
    ),
    Mistake(
        "sign",
        _sign,
        ("out",),
        "out has the wrong sign: the two exponentials in the numerator are the wrong way round.",
        role="forward",
    ),
)

PATHS: dict[str, Any] = {}
