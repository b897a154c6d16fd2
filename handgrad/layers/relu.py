"""ReLU, the rectified linear unit: keeps what is positive, and makes the rest 0.

    out_i = max(0, x_i)
    dx_i  = dout_i if x_i > 0, else 0

x, out, dout, dx: (N, ...)   any shape; entry i of dx depends on entry i of dout and x only

No reduction: nothing is summed or averaged. At x = 0 there is no derivative; the convention here is 0.

Source: `relu_forward` and `relu_backward` of CS231n, assignments 1 and 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import Mistake
from handgrad.layers._common import ELEMENTWISE_CASES, Array

SHAPES = "x: N ... -> out: N ..."
REDUCTION = "none: every entry stands alone, nothing is summed or averaged over N"
GRADS = ("x",)
CACHE = "x: the input of forward"
CASES = ELEMENTWISE_CASES


def forward(x: Array) -> tuple[Array, Array]:
    """max(0, x), entry by entry.

    x: (N, ...) -> out: (N, ...), cache: x.
    """
    out = np.where(x.real > 0, x, 0)
    return out, x


def backward(dout: Array, cache: Array) -> Array:
    """dx = dout where x > 0, and 0 elsewhere.

    dout: (N, ...), cache: x (N, ...) -> dx: (N, ...).
    """
    x = cache
    return dout * (x > 0)


def sample(rng: np.random.Generator, sizes: dict[str, Any]) -> dict[str, Any]:
    """Random x: (N, ...), as many entries above 0 as below (or one more), none within 0.1 of the kink."""
    shape = (sizes["N"], *sizes["..."])
    size = int(np.prod(shape))
    signs = rng.permutation(np.where(np.arange(size) % 2 == 0, 1.0, -1.0))
    return {"x": (signs * rng.uniform(0.1, 2.0, size=size)).reshape(shape)}


def _smaller_kept(x: Array) -> tuple[Array, Array]:
    return np.where(x.real < 0, x, 0), x


def _mask_for_value(x: Array) -> tuple[Array, Array]:
    return np.where(x.real > 0, 1.0, 0.0), x


def _absolute_value(x: Array) -> tuple[Array, Array]:
    return np.where(x.real > 0, x, -x), x


def _leaky_forward(x: Array) -> tuple[Array, Array]:
    return np.where(x.real > 0, x, 0.01 * x), x


MISTAKES = (
    Mistake(
        "no-mask",
        lambda dout, cache: dout.copy(),
        ("dx",),
        "dout was passed on unchanged: where x was negative the output stayed at 0 whatever x did, so nothing "
        "may flow back there.",
    ),
    Mistake(
        "mask-inverted",
        lambda dout, cache: dout * (cache < 0),
        ("dx",),
        "the mask is the wrong way round: the gradient flows through the entries that ReLU set to 0 and is "
        "stopped at those that it let through.",
    ),
    Mistake(
        "mask-of-dout",
        lambda dout, cache: dout * (dout > 0),
        ("dx",),
        "the mask was taken from the sign of dout: what decides is whether the input x was positive.",
    ),
    Mistake(
        "value-for-mask",
        lambda dout, cache: dout * np.maximum(0, cache),
        ("dx",),
        "dout was multiplied by the output of ReLU: the slope on the positive side is 1, not the value there.",
    ),
    Mistake(
        "input-for-mask",
        lambda dout, cache: dout * cache,
        ("dx",),
        "dout was multiplied by the input x itself: the slope of ReLU is 1 where x is positive and 0 elsewhere, "
        "never the value of x.",
    ),
    Mistake(
        "ignores-dout",
        lambda dout, cache: (cache > 0).astype(dout.dtype),
        ("dx",),
        "dx does not depend on dout: this is the local derivative alone, and the chain rule multiplies it by "
        "the gradient that comes from above.",
    ),
    Mistake(
        "leaky",
        lambda dout, cache: dout * np.where(cache > 0, 1.0, 0.01),
        ("dx",),
        "a hundredth of the gradient leaks through where x is negative: that is the leaky ReLU, this one is "
        "flat there.",
    ),
    Mistake(
        "smaller-kept",
        _smaller_kept,
        ("out",),
        "out keeps the negative entries and drops the positive ones: the larger of x and 0 is wanted, not the "
        "smaller.",
        role="forward",
    ),
    Mistake(
        "mask-for-value",
        _mask_for_value,
        ("out",),
        "out holds only zeros and ones: that is the mask, and ReLU returns the positive entries themselves.",
        role="forward",
    ),
    Mistake(
        "absolute-value",
        _absolute_value,
        ("out",),
        "out is the absolute value: negative entries were turned positive, and ReLU makes them 0.",
        role="forward",
    ),
    Mistake(
        "leaky-forward",
        _leaky_forward,
        ("out",),
        "a hundredth of each negative entry is left in out: that is the leaky ReLU, this one gives 0 there.",
        cause="leaky",
        role="forward",
    ),
)

PATHS: dict[str, Any] = {}
