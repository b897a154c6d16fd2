"""Wrong and right answers for sigmoid: out = 1 / (1 + exp(-x))."""

# ruff: noqa: RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

import math

import numpy as np

from .model import Correct, Mutant

L = "sigmoid"


def forward(x):
    out = 1 / (1 + np.exp(-x))
    return out, out


def backward(dout, cache):
    out = cache
    return dout * out * (1 - out)


def f_x_cached(x):
    return 1 / (1 + np.exp(-x)), x


def f_exp_plus(x):
    return 1 / (1 + np.exp(x)), x


def b_exp_plus(dout, x):
    s = 1 / (1 + np.exp(x))
    return -dout * s * (1 - s)


def f_no_one(x):
    return 1 / np.exp(-x), x


def f_precedence(x):
    return 1 / 1 + np.exp(-x), x


def f_tanh(x):
    out = np.tanh(x)
    return out, out


def b_tanh(dout, out):
    return dout * (1 - out**2)


def f_softmax(x):
    e = np.exp(x)
    out = e / e.sum()
    return out, out


def f_math(x):
    return 1 / (1 + math.exp(-x)), x


def f_rounded(x):
    out = np.round(1 / (1 + np.exp(-x)), 6)
    return out, out


def f_stub(x):
    pass


def b_input_for_output(dout, x):
    return dout * x * (1 - x)


def b_missing_one_minus(dout, out):
    return dout * out


def b_only_one_minus(dout, out):
    return dout * (1 - out)


def b_activation_twice(dout, out):
    s = 1 / (1 + np.exp(-out))
    return dout * s * (1 - s)


def b_ignores_dout(dout, out):
    return out * (1 - out)


def b_one_plus(dout, out):
    return dout * out * (1 + out)


def b_minus_one(dout, out):
    return dout * out * (out - 1)


def b_exp_of_x(dout, x):
    return dout * np.exp(-x) / (1 + np.exp(-x))


def b_quotient_sign(dout, x):
    return dout * np.exp(-x) / (1 - np.exp(-x)) ** 2


def b_dout_inside(dout, out):
    return dout * (1 - dout)


def b_matrix_product(dout, out):
    return (dout.T @ out) * (1 - out)


def b_summed(dout, out):
    return (dout * out * (1 - out)).sum(axis=0)


def b_quarter(dout, out):
    return 0.25 * dout


def b_twice(dout, out):
    return 2 * dout * out * (1 - out)


def b_zeros(dout, out):
    return 0 * out


def b_averaged(dout, out):
    return dout * out * (1 - out) / len(out)


def b_last_column(dout, out):
    dx = dout * out * (1 - out)
    dx[..., -1] = dout[..., -1]
    return dx


def b_one_entry(dout, out):
    dx = dout * out * (1 - out)
    dx.flat[0] = 0.125
    return dx


def b_forward_difference(dout, x):
    h = 1e-4
    return dout * (1 / (1 + np.exp(-x - h)) - 1 / (1 + np.exp(-x))) / h


def b_cached_in_place(dout, out):
    out *= 1 - out
    return dout * out


def b_none(dout, out):
    return None


def b_int(dout, out):
    return (dout * out * (1 - out) * 100).astype(np.int32)


def b_raises(dout, cache):
    x, out = cache["x"], cache["out"]
    return dout * out * (1 - out) + 0 * x


def M(name, says, cause, params=("dx",), f=forward, g=None, **more):
    return Mutant(name, L, says, cause, params, f, g, **more)


OUT = ("out",)

MUTANTS = (
    M("forward-exp-plus", "exp(x) for exp(-x)", "sign-of-input", OUT, f_exp_plus),
    M("exp-plus-both", "exp(x) for exp(-x) in both", "own-forward", OUT, f_exp_plus, b_exp_plus),
    M("forward-no-one", "1 / exp(-x)", "missing-one", OUT, f_no_one),
    M("forward-precedence", "1 / 1 + exp(-x)", None, OUT, f_precedence),
    M("tanh-both", "tanh in forward and backward", "own-forward", OUT, f_tanh, b_tanh),
    M("forward-softmax", "normalised over everything", None, OUT, f_softmax),
    M("forward-math", "math.exp of an array", "raised", OUT, f_math),
    M("forward-rounded", "rounded to six places", None, OUT, f_rounded),
    M("forward-stub", "a body of pass", "not-attempted", OUT, f_stub),
    M("input-for-output", "x (1 - x)", "input-for-output", f=f_x_cached, g=b_input_for_output),
    M("missing-one-minus", "dout out", "missing-one-minus", g=b_missing_one_minus),
    M("only-one-minus", "dout (1 - out)", "missing-output", g=b_only_one_minus),
    M("activation-twice", "sigmoid of the output", "activation-twice", g=b_activation_twice),
    M("ignores-dout", "out (1 - out)", "ignores-dout", g=b_ignores_dout),
    M("tanh-derivative", "1 - out^2", "tanh-derivative", g=b_tanh),
    M("one-plus", "out (1 + out)", None, g=b_one_plus),
    M("minus-one", "out (out - 1)", "sign", g=b_minus_one),
    M("square-forgotten", "the quotient rule without its square", "missing-output", f=f_x_cached,
      g=b_exp_of_x),
    M("quotient-sign", "1 - exp(-x) below the line", None, f=f_x_cached, g=b_quotient_sign),
    M("dout-inside", "dout (1 - dout)", None, g=b_dout_inside),
    M("matrix-product", "a matrix product that does not fit", "raised", g=b_matrix_product),
    M("summed", "summed over the batch", "summed-too-much", g=b_summed),
    M("quarter", "the slope at 0 everywhere", None, g=b_quarter),
    M("twice", "a stray 2", "doubled", g=b_twice),
    M("zeros", "zeros", "all-zero", g=b_zeros),
    M("averaged", "divided by N", "divided-by-N", g=b_averaged),
    M("last-column", "last column passed on", "some-columns", g=b_last_column),
    M("one-entry", "one entry replaced", "some-entries", g=b_one_entry),
    M("forward-difference", "a one-sided difference with a large step", None, f=f_x_cached,
      g=b_forward_difference),
    M("cached-in-place", "overwrites the cached output with the slope", "second-call-differs",
      g=b_cached_in_place),
    M("none", "None", "not-attempted", g=b_none),
    M("integers", "int32", "wrong-dtype", g=b_int),
    M("wrong-cache", "takes the cache for a dict", "raised", g=b_raises),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_stable_forward(x):
    out = np.empty_like(x)
    positive = x >= 0
    out[positive] = 1 / (1 + np.exp(-x[positive]))
    e = np.exp(x[~positive])
    out[~positive] = e / (1 + e)
    return out, (x, out)


def c_stable_backward(dout, cache):
    x, out = cache
    return dout * (out - out**2)


def c_tanh_forward(x):
    return 0.5 * (1 + np.tanh(0.5 * x)), x


def c_tanh_backward(dout, x):
    return dout * 0.25 / np.cosh(0.5 * x) ** 2


def c_exp_backward(dout, x):
    e = np.exp(-np.abs(x))
    return dout * e / (1 + e) ** 2


def c_ratio_forward(x):
    return np.exp(x) / (1 + np.exp(x)), {"x": x}


def c_ratio_backward(dout, cache):
    s = 1.0 / (1.0 + np.exp(-cache["x"]))
    grad = s * (1 - s)
    grad *= dout
    return grad


def c_vectorize_forward(x):
    out = np.vectorize(lambda v: 1 / (1 + math.exp(-v)))(x)
    return out, [out]


def c_vectorize_backward(dout, cache):
    flat = [d * o * (1 - o) for d, o in zip(dout.ravel(), cache[0].ravel(), strict=True)]
    return np.array(flat).reshape(dout.shape)


def c_float32(dout, out):
    return (dout * out * (1 - out)).astype(np.float32)


def C(name, says, f=forward, g=backward, **more):
    return Correct(name, L, says, f, g, **more)


CORRECT = (
    C("plain", "out (1 - out)", may_warn=("overflow",)),
    C("stable", "two branches", c_stable_forward, c_stable_backward),
    C("through-tanh", "by tanh and cosh", c_tanh_forward, c_tanh_backward, may_warn=("overflow",)),
    C("through-exp", "the quotient rule", f_x_cached, c_exp_backward, may_warn=("overflow",)),
    C("ratio", "exp(x) / (1 + exp(x))", c_ratio_forward, c_ratio_backward, may_warn=("overflow",)),
    C("vectorize", "np.vectorize of math.exp", c_vectorize_forward, c_vectorize_backward,
      may_warn=("overflow",)),
    C("float32", "in float32", g=c_float32, warnings=("float32",), may_warn=("overflow",)),
)  # fmt: skip
