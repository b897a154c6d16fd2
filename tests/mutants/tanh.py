"""Wrong and right answers for tanh: out = tanh(x)."""

# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

import numpy as np

from .model import Correct, Mutant

L = "tanh"


def forward(x):
    out = np.tanh(x)
    return out, out


def backward(dout, cache):
    return dout * (1 - cache**2)


def f_x_cached(x):
    return np.tanh(x), x


def f_tan(x):
    return np.tan(x), x


def f_formula_sign(x):
    return (np.exp(x) + np.exp(-x)) / (np.exp(x) - np.exp(-x)), x


def f_half_argument(x):
    e = np.exp(-x)
    out = (1 - e) / (1 + e)
    return out, out


def b_half_argument(dout, out):
    return dout * (1 - out**2) / 2


def f_arctan_both(x):
    return np.arctan(x), x


def b_arctan_both(dout, x):
    return dout / (1 + x**2)


def f_float16(x):
    return np.tanh(x.astype(np.float16)), x


def b_input_for_output(dout, x):
    return dout * (1 - x**2)


def b_missing_square(dout, out):
    return dout * (1 - out)


def b_activation_twice(dout, out):
    return dout * (1 - np.tanh(out) ** 2)


def b_ignores_dout(dout, out):
    return 1 - out**2


def b_sigmoid_derivative(dout, out):
    return dout * out * (1 - out)


def b_plus_square(dout, out):
    return dout * (1 + out**2)


def b_square_first(dout, out):
    return (dout * (1 - out)) ** 2


def b_minus_square(dout, out):
    return -dout * out**2


def b_precedence(dout, out):
    return dout * 1 - out**2


def b_sign(dout, out):
    return dout * (out**2 - 1)


def b_sech(dout, x):
    return dout / np.cosh(x)


def b_double(dout, out):
    dx = dout * (1 - out**2)
    dx += dx
    return dx


def b_halved(dout, out):
    return 0.5 * (dout * (1 - out**2))


def b_positive_only(dout, out):
    return np.where(dout < 0, dout, dout * (1 - out**2))


def b_permuted_rows(dout, out):
    rng = np.random.RandomState(1)
    order = rng.permutation(len(out))
    return (dout * (1 - out**2))[order]


def b_first_row(dout, out):
    dx = dout * (1 - out**2)
    dx[0] = dout[0] * (1 - out[0])
    return dx


def b_last_column(dout, out):
    dx = np.zeros_like(out)
    dx[..., :-1] = dout[..., :-1] * (1 - out[..., :-1] ** 2)
    return dx


def b_transposed(dout, out):
    return (1 - out.T**2) * dout.T


def b_zeros(dout, out):
    return np.zeros(out.shape)


def b_complex(dout, out):
    return dout * (1 - out**2) + 0j


def b_object(dout, out):
    return (dout * (1 - out**2)).astype(object)


def b_squares_cache(dout, cache):
    cache **= 2
    return dout * (1 - cache)


def b_none(dout, out):
    dx = None
    return dx


def b_extra(dout, out):
    return dout * (1 - out**2), None


def b_name_error(dout, out):
    return dout * (1 - tanh(out) ** 2)  # noqa: F821


def b_infinite(dout, out):
    with np.errstate(all="ignore"):
        return dout * (1 - out**2) / (out - out)


def b_offset(dout, out):
    return dout * (1 - out**2) + 1e-5


def b_polynomial(dout, x):
    return dout * (1 - x**2 + 2 * x**4 / 3)


def M(name, says, cause, params=("dx",), f=forward, g=None, **more):
    return Mutant(name, L, says, cause, params, f, g, **more)


OUT = ("out",)

MUTANTS = (
    M("forward-tan", "tan for tanh", None, OUT, f_tan),
    M("forward-coth", "the quotient upside down", None, OUT, f_formula_sign),
    M("half-argument-both", "tanh(x / 2) in both", "own-forward", OUT, f_half_argument, b_half_argument),
    M("arctan-both", "arctan in both", "own-forward", OUT, f_arctan_both, b_arctan_both),
    M("forward-float16", "half precision", "wrong-dtype", OUT, f_float16),
    M("input-for-output", "1 - x^2", "input-for-output", f=f_x_cached, g=b_input_for_output),
    M("missing-square", "1 - out", "missing-square", g=b_missing_square),
    M("activation-twice", "tanh of the output", "activation-twice", g=b_activation_twice),
    M("ignores-dout", "1 - out^2", "ignores-dout", g=b_ignores_dout),
    M("sigmoid-derivative", "out (1 - out)", "sigmoid-derivative", g=b_sigmoid_derivative),
    M("plus-square", "1 + out^2", "plus-for-minus", g=b_plus_square),
    M("square-outside", "squared everything", None, g=b_square_first),
    M("one-forgotten", "-out^2", None, g=b_minus_square),
    M("precedence", "dout * 1 - out^2", None, g=b_precedence),
    M("sign", "out^2 - 1", "sign", g=b_sign),
    M("sech", "sech for its square", None, f=f_x_cached, g=b_sech),
    M("doubled", "added to itself", "doubled", g=b_double),
    M("halved", "a stray half", "halved", g=b_halved),
    M("wrong-for-negative-dout", "negative dout passed on", None, g=b_positive_only, also=("some-entries",)),
    M("rows-permuted", "rows in a wrong order", None, g=b_permuted_rows),
    M("first-row", "first row without its square", "some-rows", g=b_first_row),
    M("last-column", "last column never filled", "some-columns", g=b_last_column),
    M("transposed", "transposed", "transposed", g=b_transposed),
    M("zeros", "zeros", "all-zero", g=b_zeros),
    M("complex", "complex dtype", "wrong-dtype", g=b_complex),
    M("object", "object dtype", "wrong-dtype", g=b_object),
    M("squares-cache", "squares the cached output in place", "second-call-differs", g=b_squares_cache),
    M("none", "None", "not-attempted", g=b_none),
    M("extra", "dx and None", "arity", g=b_extra),
    M("name-error", "tanh without np", "raised", g=b_name_error),
    M("infinite", "divided by zero", "not-finite", g=b_infinite),
    M("offset", "1e-5 added", None, g=b_offset),
    M("series", "three terms of the series", None, f=f_x_cached, g=b_polynomial),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_quotient_forward(x):
    a, b = np.exp(x), np.exp(-x)
    return (a - b) / (a + b), x


def c_cosh_backward(dout, x):
    return dout / np.cosh(x) ** 2


def c_sigmoid_forward(x):
    s = 1 / (1 + np.exp(-2 * x))
    return 2 * s - 1, {"s": s}


def c_sigmoid_backward(dout, cache):
    s = cache["s"]
    return 4 * s * (1 - s) * dout


def c_factored_backward(dout, out):
    dx = 1 - out
    dx *= 1 + out
    dx *= dout
    return dx


def c_complex_step(dout, x):
    return np.imag(np.tanh(x + 1e-30j)) / 1e-30 * dout


def c_closure_forward(x):
    out = np.tanh(x)

    def pull(g):
        return g - g * np.square(out)

    return out, pull


def c_closure_backward(dout, cache):
    return cache(dout)


def c_loops_backward(dout, out):
    return np.array([[d * (1 - o * o) for d, o in zip(dr, o_row, strict=True)]
                     for dr, o_row in zip(dout.reshape(len(dout), -1), out.reshape(len(out), -1), strict=True)]
                    ).reshape(dout.shape)  # fmt: skip


def c_dout_in_place(dout, out):
    dout *= 1 - out**2
    return dout


def c_fortran(dout, out):
    return np.asfortranarray(dout * (1 - out**2))


def C(name, says, f=forward, g=backward, **more):
    return Correct(name, L, says, f, g, **more)


CORRECT = (
    C("plain", "1 - out^2"),
    C("quotient", "exponentials and cosh", c_quotient_forward, c_cosh_backward, may_warn=("overflow",)),
    C("through-sigmoid", "2 sigmoid(2x) - 1", c_sigmoid_forward, c_sigmoid_backward, may_warn=("overflow",)),
    C("factored", "(1 - out)(1 + out) in place", g=c_factored_backward),
    C("complex-step", "differentiated numerically by a complex step", f_x_cached, c_complex_step,
      may_warn=("overflow",)),
    C("closure", "cache a function", c_closure_forward, c_closure_backward),
    C("loops", "a comprehension", g=c_loops_backward),
    C("dout-in-place", "dout *= slope", g=c_dout_in_place, warnings=("mutates-dout",), may_warn=("aliased",)),
    C("fortran", "Fortran-ordered", g=c_fortran),
)  # fmt: skip
