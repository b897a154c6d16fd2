"""Wrong and right answers for relu: out = max(0, x)."""

# ruff: noqa: RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .model import Correct, Mutant

L = "relu"


def forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache


def backward(dout, cache):
    dx, x = None, cache
    dx = dout * (x > 0)
    return dx


# --- wrong forwards -------------------------------------------------------------------------------------


def f_np_max(x):
    return np.max(0, x), x


def f_max_over_rows(x):
    return np.max(x, 0), x


def f_python_max(x):
    return max(0, x), x


def f_abs(x):
    return np.abs(x), x


def f_leaky(x):
    return np.where(x > 0, x, 0.01 * x), x


def b_leaky(dout, x):
    return np.where(x > 0, dout, 0.01 * dout)


def f_negative_part(x):
    return np.minimum(0, x), x


def f_identity(x):
    return x.copy(), x


def f_softplus(x):
    return np.log1p(np.exp(x)), x


def b_softplus(dout, x):
    return dout / (1 + np.exp(-x))


def f_mask_only(x):
    return (x > 0) * 1.0, x


def f_int(x):
    return np.maximum(0, x).astype(int), x


def f_nonzero_only(x):
    return x[x > 0], x


def f_out_only(x):
    return np.maximum(0, x)


def f_stub(x):
    out = None
    cache = x
    return out, cache


# --- wrong backwards ------------------------------------------------------------------------------------


def b_no_mask(dout, x):
    return dout.copy()


def b_mask_inverted(dout, x):
    dx = dout.copy()
    dx[x > 0] = 0
    return dx


def b_mask_of_dout(dout, x):
    return dout * (dout > 0)


def b_value_for_mask(dout, x):
    return dout * np.maximum(0, x)


def b_times_x(dout, x):
    return dout * x


def b_mask_alone(dout, x):
    return (x > 0).astype(x.dtype)


def b_mask_bool(dout, x):
    return x > 0


def b_selected(dout, x):
    return dout[x > 0]


def b_both_masks(dout, x):
    return dout * (x > 0) * (dout > 0)


def b_magnitude(dout, x):
    return np.abs(dout) * (x > 0)


def b_sign_function(dout, x):
    return dout * np.sign(x)


def b_half_mask(dout, x):
    return dout * (np.sign(x) + 1)


def b_negative(dout, x):
    return -dout * (x > 0)


def b_half(dout, x):
    return 0.5 * dout * (x > 0)


def b_averaged(dout, x):
    return dout * (x > 0) / x.shape[0]


def b_first_row_mask(dout, x):
    return dout * (x[0] > 0)


def b_mask_transposed(dout, x):
    return (dout * (x > 0)).T


def b_mask_of_row_sums(dout, x):
    keep = x.reshape(len(x), -1).sum(axis=1) > 0
    return dout * keep.reshape((-1,) + (1,) * (x.ndim - 1))


def b_summed(dout, x):
    return np.sum(dout * (x > 0), axis=0)


def b_total(dout, x):
    return np.sum(dout * (x > 0))


def b_flat(dout, x):
    return (dout * (x > 0)).flatten()


def b_two_axes_only(dout, x):
    N, D = x.shape
    dx = np.zeros((N, D))
    for i in range(N):
        for j in range(D):
            if x[i, j] > 0:
                dx[i, j] = dout[i, j]
    return dx


def b_first_row_only(dout, x):
    dx = np.zeros_like(x)
    for i in range(1):
        dx[i] = dout[i] * (x[i] > 0)
    return dx


def b_last_row_unmasked(dout, x):
    dx = dout * (x > 0)
    dx[-1] = dout[-1]
    return dx


def b_zeros(dout, x):
    dx = np.zeros_like(x)
    dx[x < 0] = 0
    return dx


def b_small(dout, x):
    return dout * ((x > 0) + 1e-4)


def b_steep_sigmoid(dout, x):
    return dout / (1 + np.exp(-20 * x))


def b_scaled(dout, x):
    return 0.7 * dout * (x > 0)


def b_tuple_of_two(dout, x):
    return dout * (x > 0), x


def b_none(dout, x):
    dx = None
    return dx


def b_nothing(dout, x):
    dx = dout * (x > 0)  # noqa: F841


def b_list(dout, x):
    return [d if v > 0 else 0.0 for d, v in zip(dout.ravel(), x.ravel(), strict=True)]


def b_ambiguous_truth(dout, x):
    if x > 0:
        return dout
    return 0


def b_scalar_zero(dout, x):
    return 0


def b_masked_array(dout, x):
    return np.ma.masked_where(x <= 0, dout)


def b_nan(dout, x):
    return dout * np.where(x > 0, 1, np.nan)


def b_division(dout, x):
    with np.errstate(all="ignore"):
        out = np.maximum(0, x)
        return dout * (out / out)


def b_index_text(dout, x):
    return dout * x["mask"]


def b_spends_the_cache(dout, x):
    dx = dout * (x > 0)
    x *= 0
    return dx


def f_list_cache(x):
    return np.maximum(0, x), [x]


def b_appends(dout, cache):
    cache.append(dout * (cache[0] > 0))
    return sum(cache[1:])


def M(name, says, cause, params=("dx",), f=forward, g=None, **more):
    return Mutant(name, L, says, cause, params, f, g, **more)


OUT = ("out",)

MUTANTS = (
    M("forward-np-max", "np.max(0, x): x taken for the axis", "raised", OUT, f_np_max),
    M("forward-max-over-rows", "np.max(x, 0): the maximum over rows", "summed-too-much", OUT, f_max_over_rows,
      also=("wrong-shape",)),
    M("forward-python-max", "max(0, x) of an array", "raised", OUT, f_python_max),
    M("forward-abs", "absolute value", "absolute-value", OUT, f_abs),
    M("forward-leaky", "a slope of 0.01 below 0", "leaky", OUT, f_leaky),
    M("forward-negative-part", "minimum for maximum", "smaller-kept", OUT, f_negative_part),
    M("forward-identity", "x itself", "no-mask", OUT, f_identity, also=("some-entries",)),
    M("forward-mask", "the mask for the values", "mask-for-value", OUT, f_mask_only),
    M("forward-integers", "cast to int", "wrong-dtype", OUT, f_int),
    M("forward-selected", "the positive entries alone", "flattened", OUT, f_nonzero_only,
      also=("wrong-shape",)),
    M("forward-no-cache", "returned out alone", "arity", OUT, f_out_only),
    M("forward-stub", "out still None", "not-attempted", OUT, f_stub),
    M("leaky-both", "leaky in forward and backward", "own-forward", OUT, f_leaky, b_leaky, also=("leaky",)),
    M("softplus-both", "softplus in forward and backward", "own-forward", OUT, f_softplus, b_softplus),
    M("no-mask", "passed dout on", "no-mask", g=b_no_mask),
    M("mask-inverted", "zero where x is positive", "mask-inverted", g=b_mask_inverted),
    M("mask-of-dout", "zero where dout is negative", "mask-of-dout", g=b_mask_of_dout),
    M("value-for-mask", "dout times relu(x)", "value-for-mask", g=b_value_for_mask),
    M("times-x", "dout times x", "input-for-mask", g=b_times_x),
    M("mask-alone", "the mask without dout", "ignores-dout", g=b_mask_alone),
    M("mask-bool", "the boolean mask", "wrong-dtype", g=b_mask_bool, also=("ignores-dout",)),
    M("selected", "dout[x > 0], which is flat", "flattened", g=b_selected, also=("wrong-shape",)),
    M("both-masks", "guided backpropagation", None, g=b_both_masks, also=("some-entries",)),
    M("magnitude", "absolute value of dout: right for dout of ones", None, g=b_magnitude,
      also=("some-entries",)),
    M("sign-function", "sign(x) for the mask", None, g=b_sign_function, also=("some-entries",)),
    M("sign-plus-one", "sign(x) + 1 for the mask", "doubled", g=b_half_mask),
    M("sign", "minus", "sign", g=b_negative),
    M("half", "a stray half", "halved", g=b_half),
    M("averaged", "divided by N", "divided-by-N", g=b_averaged),
    M("leaky", "a slope of 0.01 below 0 in the backward", "leaky", g=b_leaky),
    M("first-row-mask", "the first row's mask for all: right for N = 1", None, g=b_first_row_mask,
      also=("some-entries",)),
    M("transposed", "transposed", "transposed", g=b_mask_transposed),
    M("mask-of-row-sums", "a mask a row", None, g=b_mask_of_row_sums, also=("some-entries",)),
    M("summed", "summed over the batch", "summed-too-much", g=b_summed),
    M("total", "summed to a number", "summed-too-much", g=b_total),
    M("flat", "flattened", "flattened", g=b_flat),
    M("two-axes-only", "N, D = x.shape", "raised", g=b_two_axes_only, shows="rank 4"),
    M("first-row-only", "return inside the loop", "some-rows", g=b_first_row_only),
    M("last-row-unmasked", "last row passed on", "some-rows", g=b_last_row_unmasked),
    M("zeros", "zeros, never filled", "all-zero", g=b_zeros),
    M("small-leak", "1e-4 added to the mask", None, g=b_small),
    M("steep-sigmoid", "a steep sigmoid for the step", None, g=b_steep_sigmoid),
    M("scaled", "times 0.7", None, g=b_scaled),
    M("tuple-of-two", "returned x as well", "arity", g=b_tuple_of_two),
    M("none", "still None", "not-attempted", g=b_none),
    M("forgot-return", "no return", "not-attempted", g=b_nothing),
    M("list", "a flat list", "not-an-array", g=b_list),
    M("ambiguous-truth", "if x > 0 on an array", "raised", g=b_ambiguous_truth),
    M("scalar-zero", "the number 0", "not-an-array", g=b_scalar_zero, also=("all-zero",)),
    M("masked-array", "a masked array", "not-an-array", g=b_masked_array),
    M("nan", "NaN for zero", "not-finite", g=b_nan),
    M("division", "out / out for the mask", "not-finite", g=b_division),
    M("index-text", "a key that the cache has not", "raised", g=b_index_text),
    M("spends-the-cache", "zeroes the cached x", "second-call-differs", g=b_spends_the_cache),
    M("appends", "gradients pile up in the cache", "second-call-differs", f=f_list_cache, g=b_appends),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_dout_in_place(dout, cache):
    x = cache
    dout[x <= 0] = 0
    return dout


def c_dout_view(dout, cache):
    dout *= cache > 0
    return dout[:]


def c_index_copy(dout, cache):
    dx = dout.copy()
    dx[cache < 0] = 0
    return dx


def c_where(dout, cache):
    return np.where(cache > 0, dout, 0)


def c_kink_one(dout, cache):
    return dout * (cache >= 0)


def c_kink_half(dout, cache):
    return dout * np.heaviside(cache, 0.5)


def c_half_sum_forward(x):
    return 0.5 * (x + np.abs(x)), {"sign": np.sign(x)}


def c_half_sum_backward(dout, cache):
    return 0.5 * (dout + cache["sign"] * dout)


def c_multiply_forward(x):
    mask = x > 0
    return x * mask, (mask,)


def c_multiply_backward(dout, cache):
    (mask,) = cache
    return np.multiply(dout, mask)


def c_out_cached_forward(x):
    out = np.clip(x, 0, None)
    return out, out


def c_out_cached_backward(dout, out):
    return dout * np.sign(out)


def c_loops_forward(x):
    out = x.copy()
    for index in np.ndindex(x.shape):
        if out[index] < 0:
            out[index] = 0.0
    return out, [x, out]


def c_loops_backward(dout, cache):
    x, out = cache
    dx = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        dx[index] = dout[index] if x[index] > 0 else 0.0
    return dx


def c_input_in_place(x):
    x[x < 0] = 0
    return x, x


def c_jacobian(dout, cache):
    J = np.diag((cache.ravel() > 0).astype(float))
    return (J.T @ dout.ravel()).reshape(cache.shape)


def c_cache_to_mask(dout, x):
    x[x <= 0] = 0
    x[x > 0] = 1
    return dout * x


def c_namespace_forward(x):
    return np.fmax(x, 0), SimpleNamespace(positive=np.nonzero(x > 0), shape=x.shape)


def c_namespace_backward(dout, cache):
    dx = np.zeros(cache.shape)
    dx[cache.positive] = dout[cache.positive]
    return dx


def c_one_tuple(dout, x):
    return (dout * (x > 0),)


def c_float32(dout, x):
    return (dout * (x > 0)).astype(np.float32)


def c_float32_forward(x):
    return np.maximum(0, x).astype(np.float32), x


def C(name, says, f=forward, g=backward, **more):
    return Correct(name, L, says, f, g, **more)


CORRECT = (
    C("plain", "a mask times dout"),
    C("dout-in-place", "dout[x <= 0] = 0, returned", g=c_dout_in_place, warnings=("mutates-dout",),
      may_warn=("aliased",)),
    C("dout-view", "dout *= mask, a view returned", g=c_dout_view, warnings=("mutates-dout",),
      may_warn=("aliased",)),
    C("index-copy", "index assignment on a copy", g=c_index_copy),
    C("where", "np.where", g=c_where),
    C("kink-one", "slope 1 at the kink", g=c_kink_one),
    C("kink-half", "slope a half at the kink", g=c_kink_half),
    C("half-sum", "(x + |x|) / 2", c_half_sum_forward, c_half_sum_backward),
    C("mask-cached", "caches a boolean mask in a tuple of one", c_multiply_forward, c_multiply_backward),
    C("out-cached", "caches the output", c_out_cached_forward, c_out_cached_backward, may_warn=("aliased",)),
    C("loops", "ndindex loops", c_loops_forward, c_loops_backward, may_warn=("aliased",)),
    C("input-in-place", "x[x < 0] = 0 on the argument", c_input_in_place, warnings=("mutates-input",),
      may_warn=("aliased",)),
    C("jacobian", "a diagonal Jacobian", g=c_jacobian),
    C("cache-to-mask", "overwrites the cached x with the mask", g=c_cache_to_mask,
      warnings=("mutates-cache",)),
    C("nonzero", "indices in a namespace", c_namespace_forward, c_namespace_backward),
    C("float32-out", "out in float32", c_float32_forward, warnings=("float32",)),
    C("float32", "in float32", g=c_float32, warnings=("float32",)),
)  # fmt: skip
