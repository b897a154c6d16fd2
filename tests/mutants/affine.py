"""Wrong and right answers for affine: out = x W + b with x flattened to (N, D)."""

# ruff: noqa: E731, F821, RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

import sys
import warnings as py_warnings
from collections import namedtuple
from functools import partial
from types import SimpleNamespace

import numpy as np

from .model import Correct, Mutant

L = "affine"


def forward(x, w, b):
    N = x.shape[0]
    out = x.reshape(N, -1).dot(w) + b
    return out, (x, w, b)


def gradients(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


# --- wrong forwards ---------------------------------------------------------------------------------


def f_missing_bias(x, w, b):
    out = x.reshape(x.shape[0], -1) @ w
    return out, (x, w, b)


def f_bias_twice(x, w, b):
    out = x.reshape(x.shape[0], -1) @ w + b
    out += b
    return out, (x, w, b)


def f_bias_subtracted(x, w, b):
    return x.reshape(len(x), -1) @ w - b, (x, w, b)


def f_no_reshape(x, w, b):
    return x.dot(w) + b, (x, w, b)


def f_columns(x, w, b):
    out = w.T @ x.reshape(x.shape[0], -1).T + b[:, None]
    return out, (x, w, b)


def f_batch_of_32(x, w, b):
    out = x.reshape(32, -1) @ w + b
    return out, (x, w, b)


def f_no_cache(x, w, b):
    return x.reshape(x.shape[0], -1) @ w + b


def f_last_row_without_bias(x, w, b):
    out = x.reshape(x.shape[0], -1) @ w
    for i in range(x.shape[0] - 1):
        out[i] += b
    return out, (x, w, b)


def f_fortran_flatten(x, w, b):
    return x.reshape(x.shape[0], -1, order="F") @ w + b, (x, w, b)


def f_none(x, w, b):
    out = None
    return out, (x, w, b)


def f_squeezed(x, w, b):
    out = np.squeeze(x.reshape(x.shape[0], -1) @ w + b)
    return out, (x, w, b)


def f_relu_too(x, w, b):
    out = np.maximum(0, x.reshape(x.shape[0], -1) @ w + b)
    return out, (x, w, out)


def b_relu_too(dout, cache):
    x, w, out = cache
    dout = dout * (out > 0)
    return (dout @ w.T).reshape(x.shape), x.reshape(x.shape[0], -1).T @ dout, dout.sum(axis=0)


def f_scaled(x, w, b):
    flat = x.reshape(x.shape[0], -1)
    return flat @ w / np.sqrt(flat.shape[1]) + b, (x, w, b)


def b_scaled(dout, cache):
    x, w, b = cache
    flat = x.reshape(x.shape[0], -1)
    root = np.sqrt(flat.shape[1])
    return (dout @ w.T / root).reshape(x.shape), flat.T @ dout / root, dout.sum(axis=0)


# --- wrong shapes -----------------------------------------------------------------------------------


def b_db_unsummed(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    db = dout
    return dx, dw, db


def b_db_axis_1(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.sum(dout, axis=1)


def b_db_bare_sum(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.sum(dout)


def b_db_keepdims(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.sum(dout, axis=0, keepdims=True)


def b_db_row_of_ones(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.ones((1, dout.shape[0])).dot(dout)


def b_db_squeezed(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.squeeze(np.sum(dout, axis=0, keepdims=True))


def b_rank_three_only(dout, cache):
    x, w, b = cache
    N, H, W = x.shape
    _, dw, db = gradients(dout, cache)
    return dout.dot(w.T).reshape(N, H, W), dw, db


def b_yields(dout, cache):
    yield from gradients(dout, cache)


def b_db_column(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout.sum(axis=0).reshape(-1, 1)


def b_dx_flat(dout, cache):
    x, w, b = cache
    flat = x.reshape(x.shape[0], -1)
    return dout @ w.T, flat.T @ dout, dout.sum(0)


def b_dw_transposed(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    return dx, dout.T @ x.reshape(x.shape[0], -1), db


def b_dw_flattened(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw.ravel(), db


def b_dw_summed(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw.sum(axis=0), db


def b_dw_outer_products(dout, cache):
    x, w, b = cache
    flat = x.reshape(x.shape[0], -1)
    dx, _, db = gradients(dout, cache)
    return dx, flat[:, :, None] * dout[:, None, :], db


def b_dw_from_output(dout, cache):
    x, w, b = cache
    out = x.reshape(x.shape[0], -1) @ w + b
    dx, _, db = gradients(dout, cache)
    return dx, out.T @ dout, db


def b_swapped(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dw, dx, db


def b_reversed(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return db, dw, dx


# --- wrong values -----------------------------------------------------------------------------------


def b_dw_mean(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw / dout.shape[0], db


def b_db_mean(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw, np.mean(dout, axis=0)


def b_all_averaged(dout, cache):
    N = dout.shape[0]
    return tuple(g / N for g in gradients(dout, cache))


def b_db_times_n(dout, cache):
    dx, dw, db = gradients(dout, cache)
    for _ in range(1):
        db = db * len(dout)
    return dx, dw, db


def b_ones_for_dout(dout, cache):
    dout = np.ones(dout.shape)
    return gradients(dout, cache)


def b_dx_ignores_dout(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    dx = np.ones_like(dout).dot(w.T).reshape(x.shape)
    return dx, dw, db


def b_dx_descent_sign(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return -dx, dw, db


def b_all_negative(dout, cache):
    return tuple(-g for g in gradients(dout, cache))


def b_dw_accumulated_twice(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    dw = x.reshape(x.shape[0], -1).T @ dout
    dw += x.reshape(x.shape[0], -1).T @ dout
    return dx, dw, db


def b_db_half(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw, 0.5 * db


def b_dx_never_filled(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    dx = np.zeros_like(x)
    return dx, dw, db


def b_all_zeros(dout, cache):
    x, w, b = cache
    return np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)


def b_db_first_row(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout[0].copy()


def b_one_sample_too_few(dout, cache):
    x, w, b = cache
    dx, _, _ = gradients(dout, cache)
    dw, db = np.zeros_like(w), np.zeros_like(b)
    for i in range(x.shape[0] - 1):
        dw += np.outer(x[i].ravel(), dout[i])
        db += dout[i]
    return dx, dw, db


def b_dw_overwritten(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    for i in range(x.shape[0]):
        dw = np.outer(x[i].ravel(), dout[i])
    return dx, dw, db


def b_dx_first_row_zero(dout, cache):
    dx, dw, db = gradients(dout, cache)
    dx[0] = 0
    return dx, dw, db


def b_dx_last_row_negative(dout, cache):
    dx, dw, db = gradients(dout, cache)
    dx[-1] *= -1
    return dx, dw, db


def b_dw_last_column(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    dw = np.zeros(w.shape)
    flat = x.reshape(x.shape[0], -1)
    for j in range(w.shape[1] - 1):
        dw[:, j] = flat.T @ dout[:, j]
    return dx, dw, db


def b_dw_one_entry(dout, cache):
    dx, dw, db = gradients(dout, cache)
    dw[0, -1] += 1.0
    return dx, dw, db


def b_positive_dout_only(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    dx = np.maximum(dout, 0).dot(w.T).reshape(x.shape)
    return dx, dw, db


def b_dw_dout_squared(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    return dx, x.reshape(x.shape[0], -1).T @ dout**2, db


def b_dout_summed_first(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    flat = x.reshape(x.shape[0], -1)
    dw = np.outer(flat.sum(axis=0), dout.sum(axis=0))
    return dx, dw, db


def b_noise(dout, cache):
    rng = np.random.default_rng(0)
    dx, dw, db = gradients(dout, cache)
    return dx, dw * (1 + 1e-6 * rng.standard_normal(dw.shape)), db


def b_dx_shifted(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx + 1e-4, dw, db


def b_dw_tanh(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, np.tanh(dw), db


def b_db_scaled(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw, 0.7 * db


def b_dx_rolled(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return np.roll(dx, 1, axis=0), dw, db


def b_regularised(dout, cache):
    x, w, b = cache
    dx, dw, db = gradients(dout, cache)
    dw += 0.1 * w
    return dx, dw, db


def b_clipped(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, np.clip(dw, -0.5, 0.5), db


def b_dx_scrambled(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    dx = np.dot(w, dout.T).reshape(x.shape)
    return dx, dw, db


def b_float16_inside(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    flat = x.reshape(x.shape[0], -1)
    dw = (flat.astype(np.float16).T @ dout.astype(np.float16)).astype(np.float64)
    return dx, dw, db


def b_float32_wrong(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    flat = x.reshape(x.shape[0], -1).astype(np.float32) + np.float32(1e6)
    ones = np.float32(1e6) * np.ones_like(flat)
    dw = flat.T @ dout.astype(np.float32) - ones.T @ dout.astype(np.float32)
    return dx, dw, db


# --- wrong kinds of thing -----------------------------------------------------------------------------


def b_stub(dout, cache):
    x, w, b = cache
    dx, dw, db = None, None, None
    return dx, dw, db


def b_pass(dout, cache):
    pass


def b_db_none(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    db = None
    return dx, dw, db


def b_name_error(dout, cache):
    x, w, b = cache
    dx = dout.dot(W.T)
    return dx, x.T.dot(dout), dout.sum(axis=0)


def b_shape_mismatch(dout, cache):
    x, w, b = cache
    flat = x.reshape(x.shape[0], -1)
    return dout.dot(w).reshape(x.shape), flat.T.dot(dout), dout.sum(axis=0)


def b_zero_division(dout, cache):
    scale = 1 / (len(cache) - 3)
    return tuple(g * scale for g in gradients(dout, cache))


def b_exits(dout, cache):
    if len(cache) == 3:
        sys.exit(1)
    return gradients(dout, cache)


def b_recursion(dout, cache):
    dx, dw, db = b_recursion(dout, cache)
    return dx, dw, db


def b_not_implemented(dout, cache):
    raise NotImplementedError


def b_two(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw


def b_four(dout, cache):
    return (*gradients(dout, cache), dout)


def b_dict(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return {"dx": dx, "dw": dw, "db": db}


def b_one_tuple(dout, cache):
    return (gradients(dout, cache),)


def b_dx_alone(dout, cache):
    return gradients(dout, cache)[0]


def b_dx_list(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx.tolist(), dw, db


def b_db_list(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    db = [sum(dout[:, j]) for j in range(dout.shape[1])]
    return dx, dw, db


def b_dw_matrix(dout, cache):
    dx, dw, db = gradients(dout, cache)
    with py_warnings.catch_warnings():
        py_warnings.simplefilter("ignore")
        return dx, np.asmatrix(dw), db


def b_dw_masked(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, np.ma.masked_array(dw, mask=np.zeros(dw.shape, bool)), db


def b_dw_int(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, (10 * dw).astype(int), db


def b_dw_complex(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw.astype(complex), db


def b_db_object(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw, np.array([float(v) for v in db], dtype=object)


def b_dw_float16(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw.astype(np.float16), db


def b_dw_string(dout, cache):
    dx, _, db = gradients(dout, cache)
    return dx, "x.T.dot(dout)", db


def b_dx_nan(dout, cache):
    dx, dw, db = gradients(dout, cache)
    dx[-1].flat[0] = np.nan
    return dx, dw, db


def b_db_inf(dout, cache):
    dx, dw, db = gradients(dout, cache)
    db[0] = np.inf
    return dx, dw, db


def b_one_argument(dout):
    return dout, dout, dout


# --- a second call differs ------------------------------------------------------------------------------


def f_accumulators(x, w, b):
    out, _ = forward(x, w, b)
    return out, {"x": x, "w": w, "b": b, "dw": np.zeros_like(w), "db": np.zeros_like(b)}


def b_accumulators(dout, cache):
    x, w = cache["x"], cache["w"]
    cache["dw"] += x.reshape(x.shape[0], -1).T @ dout
    cache["db"] += dout.sum(axis=0)
    return (dout @ w.T).reshape(x.shape), cache["dw"].copy(), cache["db"].copy()


def b_dx_into_x(dout, cache):
    x, w, b = cache
    dw = x.reshape(x.shape[0], -1).T @ dout
    db = dout.sum(axis=0)
    x[...] = (dout @ w.T).reshape(x.shape)
    return x.copy(), dw, db


def b_takes_a_step(dout, cache):
    x, w, b = cache
    dx, dw, db = gradients(dout, cache)
    w -= 0.01 * dw
    b -= 0.01 * db
    return dx, dw, db


def f_list_cache(x, w, b):
    return forward(x, w, b)[0], [x, w, b]


def b_pops(dout, cache):
    b = cache.pop()
    w = cache.pop()
    x = cache.pop()
    return gradients(dout, (x, w, b))


def M(name, says, cause, params, f=forward, g=None, **more):
    return Mutant(name, L, says, cause, params, f, g, **more)


ALL = ("dx", "dw", "db")

MUTANTS = (
    M("forward-missing-bias", "forgot + b", "missing-bias", ("out",), f_missing_bias),
    M("forward-bias-twice", "added b twice", None, ("out",), f_bias_twice),
    M("forward-bias-subtracted", "subtracted b", "bias-subtracted", ("out",), f_bias_subtracted),
    M("forward-no-reshape", "x of rank 3 not flattened", "raised", ("out",), f_no_reshape, shows="rank 3"),
    M("forward-columns", "samples as columns", "transposed", ("out",), f_columns),
    M("forward-batch-of-32", "batch size hard-coded", "raised", ("out",), f_batch_of_32),
    M("forward-no-cache", "returned out without the cache", "arity", ("out",), f_no_cache),
    M("forward-last-row-without-bias", "loop one short", "some-rows", ("out",), f_last_row_without_bias),
    M("forward-fortran-flatten", "flattened in column order", "flattened-in-another-order", ("out",),
      f_fortran_flatten, shows="rank 3"),
    M("forward-stub", "out is still None", "not-attempted", ("out",), f_none),
    M("forward-squeezed", "squeezed away an axis of size 1", "flattened", ("out",), f_squeezed, shows="N = 1",
      also=("wrong-shape",)),
    M("relu-merged-in", "put a ReLU into both forward and backward", "own-forward", ("out",), f_relu_too,
      b_relu_too),
    M("scaled-by-root-d", "divided x W by the root of D, both ways", "own-forward", ("out",), f_scaled,
      b_scaled),
    M("db-unsummed", "db is dout", "unsummed-broadcast", ("db",), g=b_db_unsummed),
    M("db-axis-1", "summed over features", "summed-over-wrong-axis", ("db",), g=b_db_axis_1),
    M("db-bare-sum", "np.sum without an axis", "summed-too-much", ("db",), g=b_db_bare_sum),
    M("db-keepdims", "kept the summed axis", "kept-axis", ("db",), g=b_db_keepdims),
    M("db-row-of-ones", "ones (1, N) @ dout, not reshaped", "kept-axis", ("db",), g=b_db_row_of_ones),
    M("db-squeezed", "squeezed: no axis is left where M = 1", "flattened", ("db",), g=b_db_squeezed,
      shows="M = 1", also=("wrong-shape",)),
    M("rank-three-only", "N, H, W = x.shape", "raised", ("dx", "dw", "db"), g=b_rank_three_only,
      shows="rank 2"),
    M("yields", "yield for return", "arity", ("dx", "dw", "db"), g=b_yields, also=("not-an-array",)),
    M("db-column", "db as a column", "kept-axis", ("db",), g=b_db_column, also=("wrong-shape",)),
    M("dx-flat", "dx not reshaped back to x's shape", "flattened", ("dx",), g=b_dx_flat, shows="rank 3"),
    M("dw-transposed", "dout.T @ x", "transposed", ("dw",), g=b_dw_transposed),
    M("dw-flattened", "raveled dw", "flattened", ("dw",), g=b_dw_flattened),
    M("dw-summed", "summed dw over D as well", "summed-too-much", ("dw",), g=b_dw_summed),
    M("dw-outer-products", "one outer product a row, never summed", "unsummed-broadcast", ("dw",),
      g=b_dw_outer_products),
    M("dw-from-output", "used out where x belongs", "output-for-input", ("dw",), g=b_dw_from_output,
      also=("wrong-shape",)),
    M("returns-swapped", "returned dw, dx, db", "permuted", ("dx", "dw"), g=b_swapped),
    M("returns-reversed", "returned db, dw, dx", "permuted", ("dx", "db"), g=b_reversed),
    M("dw-mean", "dw divided by N", "divided-by-N", ("dw",), g=b_dw_mean),
    M("db-mean", "np.mean for np.sum", "divided-by-N", ("db",), g=b_db_mean),
    M("all-averaged", "all three divided by N", "divided-by-N", ALL, g=b_all_averaged),
    M("db-times-n", "db multiplied by N", "multiplied-by-N", ("db",), g=b_db_times_n),
    M("ones-for-dout", "replaced dout with ones", "ignores-dout", ALL, g=b_ones_for_dout),
    M("dx-ignores-dout", "dx from ones", "ignores-dout", ("dx",), g=b_dx_ignores_dout),
    M("dx-sign", "minus dx", "sign", ("dx",), g=b_dx_descent_sign),
    M("all-negative", "descent directions for gradients", "sign", ALL, g=b_all_negative),
    M("dw-accumulated-twice", "added to dw twice", "doubled", ("dw",), g=b_dw_accumulated_twice),
    M("db-half", "a stray half", "halved", ("db",), g=b_db_half),
    M("dx-never-filled", "dx stays zeros_like(x)", "all-zero", ("dx",), g=b_dx_never_filled),
    M("all-zeros", "zeros of the right shapes", "all-zero", ALL, g=b_all_zeros),
    M("db-first-row", "db is dout[0]: right for N = 1", None, ("db",), g=b_db_first_row),
    M("one-sample-too-few", "range(N - 1)", None, ("dw", "db"), g=b_one_sample_too_few),
    M("dw-overwritten", "= for += in the loop over samples", None, ("dw",), g=b_dw_overwritten),
    M("dx-first-row-zero", "first sample skipped", "some-rows", ("dx",), g=b_dx_first_row_zero),
    M("dx-last-row-negative", "last sample's sign", "some-rows", ("dx",), g=b_dx_last_row_negative,
      shows="N > 1"),
    M("dw-last-column", "last column never filled", "some-columns", ("dw",), g=b_dw_last_column),
    M("dw-one-entry", "one entry off by 1", "some-entries", ("dw",), g=b_dw_one_entry),
    M("positive-dout-only", "right for positive dout only", None, ("dx",), g=b_positive_dout_only),
    M("dw-dout-squared", "right for dout of ones only", None, ("dw",), g=b_dw_dout_squared),
    M("dout-summed-first", "summed x and dout over N, then multiplied", None, ("dw",), g=b_dout_summed_first),
    M("dw-noise", "relative noise of 1e-6", None, ("dw",), g=b_noise),
    M("dx-shifted", "1e-4 added", None, ("dx",), g=b_dx_shifted),
    M("dw-tanh", "tanh of the gradient", None, ("dw",), g=b_dw_tanh),
    M("db-scaled", "times 0.7", None, ("db",), g=b_db_scaled),
    M("dx-rolled", "rows rolled by one", None, ("dx",), g=b_dx_rolled),
    M("dw-regularised", "a stray regularisation term", None, ("dw",), g=b_regularised),
    M("dw-clipped", "gradients clipped", None, ("dw",), g=b_clipped),
    M("dx-scrambled", "transposed, then reshaped until it fitted", None, ("dx",), g=b_dx_scrambled,
      also=("transposed",)),
    M("dw-float16-inside", "computed in half precision, returned as float64", None, ("dw",),
      g=b_float16_inside),
    M("dw-float32-cancels", "a cancellation in float32, returned as float32", None, ("dw",),
      g=b_float32_wrong),
    M("backward-stub", "the untouched stub", "not-attempted", ALL, g=b_stub),
    M("backward-pass", "a body of pass", "not-attempted", ALL, g=b_pass),
    M("db-none", "db still None", "not-attempted", ("db",), g=b_db_none),
    M("name-error", "W for w", "raised", ALL, g=b_name_error),
    M("shape-mismatch", "dout.dot(w) without the transpose", "raised", ALL, g=b_shape_mismatch),
    M("zero-division", "divides by zero", "raised", ALL, g=b_zero_division),
    M("exits", "sys.exit in the backward", "raised", ALL, g=b_exits),
    M("recursion", "calls itself for ever", "raised", ALL, g=b_recursion),
    M("not-implemented", "raises NotImplementedError", "not-attempted", ALL, g=b_not_implemented,
      also=("raised",)),
    M("two-values", "db forgotten", "arity", ALL, g=b_two),
    M("four-values", "dout returned too", "arity", ALL, g=b_four),
    M("dict-returned", "a dict for a tuple", "arity", ALL, g=b_dict, also=("not-an-array",)),
    M("tuple-in-tuple", "a tuple of one tuple", "arity", ALL, g=b_one_tuple),
    M("dx-alone", "returned dx alone, an array", "arity", ALL, g=b_dx_alone),
    M("dx-list", "dx as nested lists", "not-an-array", ("dx",), g=b_dx_list),
    M("db-list", "db as a list of sums", "not-an-array", ("db",), g=b_db_list),
    M("dw-matrix", "np.matrix", "not-an-array", ("dw",), g=b_dw_matrix),
    M("dw-masked", "a masked array", "not-an-array", ("dw",), g=b_dw_masked),
    M("dw-string", "the formula as a string", "not-an-array", ("dw",), g=b_dw_string),
    M("dw-integers", "cast to int", "wrong-dtype", ("dw",), g=b_dw_int),
    M("dw-complex", "complex with zero imaginary part", "wrong-dtype", ("dw",), g=b_dw_complex),
    M("db-object", "object dtype", "wrong-dtype", ("db",), g=b_db_object),
    M("dw-float16", "half precision", "wrong-dtype", ("dw",), g=b_dw_float16),
    M("dx-nan", "one NaN", "not-finite", ("dx",), g=b_dx_nan),
    M("db-inf", "one infinity", "not-finite", ("db",), g=b_db_inf),
    M("one-argument", "backward takes dout only", "raised", ALL, g=b_one_argument, also=("arity",)),
    M("accumulates-in-cache", "gradients accumulate in the cache", "second-call-differs", ("dw", "db"),
      f_accumulators, b_accumulators),
    M("dx-into-x", "wrote dx over the cached x", "second-call-differs", ("dw",), g=b_dx_into_x),
    M("takes-a-step", "updates w inside the backward", "second-call-differs", ("dx",), g=b_takes_a_step),
    M("pops-the-cache", "empties the cache list", "second-call-differs", ALL, f_list_cache, b_pops,
      also=("raised",)),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_loops_forward(x, w, b):
    N = x.shape[0]
    D, M_ = w.shape
    out = np.zeros((N, M_))
    for i in range(N):
        row = x[i].flatten()
        for j in range(M_):
            out[i, j] = sum(row[k] * w[k, j] for k in range(D)) + b[j]
    return out, (x, w, b)


def c_loops_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(b.shape)
    for i in range(x.shape[0]):
        row = x[i].flatten()
        drow = np.zeros_like(row)
        for j in range(w.shape[1]):
            db[j] += dout[i, j]
            for k in range(w.shape[0]):
                dw[k, j] += row[k] * dout[i, j]
                drow[k] += w[k, j] * dout[i, j]
        dx[i] = drow.reshape(x[i].shape)
    return dx, dw, db


def c_einsum_forward(x, w, b):
    flat = x.reshape(x.shape[0], -1)
    return np.einsum("nd,dm->nm", flat, w) + b, {"flat": flat, "w": w, "shape": x.shape}


def c_einsum_backward(dout, cache):
    dx = np.einsum("nm,dm->nd", dout, cache["w"]).reshape(cache["shape"])
    return dx, np.einsum("nd,nm->dm", cache["flat"], dout), np.einsum("nm->m", dout)


def c_ones_backward(dout, cache):
    x, w, b = cache
    N = x.shape[0]
    db = (np.ones((1, N)) @ dout).reshape(b.shape)
    return np.matmul(dout, w.T).reshape(*x.shape), np.matmul(x.reshape(N, -1).T, dout), db


def c_namespace_forward(x, w, b):
    cache = SimpleNamespace(x=x, w=w)
    return np.dot(np.reshape(x, (x.shape[0], np.prod(x.shape[1:]))), w) + b, cache


def c_namespace_backward(dout, cache):
    flat = np.reshape(cache.x, (cache.x.shape[0], np.prod(cache.x.shape[1:])))
    return np.dot(dout, cache.w.T).reshape(cache.x.shape), np.dot(flat.T, dout), dout.sum(0)


def c_closure_forward(x, w, b):
    flat = x.reshape(len(x), -1)
    back = lambda g: ((g @ w.T).reshape(x.shape), flat.T @ g, g.sum(axis=0))
    return flat @ w + b, back


def c_closure_backward(dout, cache):
    return cache(dout)


Cache = namedtuple("Cache", "x w b")


def c_namedtuple_forward(x, w, b):
    return forward(x, w, b)[0], Cache(x, w, b)


def c_namedtuple_backward(dout, cache):
    dx = np.tensordot(dout, cache.w, axes=([1], [1])).reshape(cache.x.shape)
    dw = np.tensordot(cache.x.reshape(cache.x.shape[0], -1), dout, axes=(0, 0))
    return dx, dw, np.add.reduce(dout, axis=0)


def c_list_backward(dout, cache):
    return list(gradients(dout, cache))


def c_complex_step(dout, cache):
    x, w, b = cache
    answers = []
    for which in range(3):
        grad = np.zeros(cache[which].shape)
        for index in np.ndindex(grad.shape):
            moved = [a.astype(complex) for a in (x, w, b)]
            moved[which][index] += 1e-30j
            out = moved[0].reshape(x.shape[0], -1) @ moved[1] + moved[2]
            grad[index] = np.sum(dout * out.imag) / 1e-30
        answers.append(grad)
    return tuple(answers)


def c_float32_forward(x, w, b):
    return forward(x, w, b)


def c_float32_backward(dout, cache):
    return tuple(g.astype(np.float32) for g in gradients(dout, cache))


def c_odd_layouts(dout, cache):
    dx, dw, db = gradients(dout, cache)
    wide = np.zeros(2 * db.size)
    wide[::2] = db
    dx.flags.writeable = False
    return dx, np.asfortranarray(dw), wide[::2]


def c_chatty(dout, cache):
    print("backward", dout.shape)
    py_warnings.warn("this is only a warning", RuntimeWarning, stacklevel=1)
    np.log(np.zeros(1))
    return gradients(dout, cache)


class AffineCache:
    def __init__(self, x, w, b):
        self.x, self.w, self.b = x, w, b

    def backward(self, dout):
        return gradients(dout, (self.x, self.w, self.b))


def c_object_forward(x, w, b):
    return forward(x, w, b)[0], AffineCache(x, w, b)


def c_object_backward(dout, cache):
    return cache.backward(dout)


def c_bias_trick_forward(x, w, b):
    flat = np.hstack([x.reshape(x.shape[0], -1), np.ones((x.shape[0], 1))])
    both = np.vstack([w, b])
    return flat @ both, [flat, both, x.shape]


def c_bias_trick_backward(dout, cache):
    flat, both, shape = cache
    dboth = flat.T @ dout
    return (dout @ both.T)[:, :-1].reshape(shape), dboth[:-1], dboth[-1]


def c_no_bias_in_cache_forward(x, w, b):
    return forward(x, w, b)[0], (x, w)


def c_no_bias_in_cache_backward(dout, cache):
    x, w = cache
    return gradients(dout, (x, w, None))


class Layer:
    """Keeps everything on itself; the cache is only a token."""

    def __call__(self, x, w, b):
        self.saved = (x, w, b)
        return forward(x, w, b)[0], self.saved

    def backward(self, dout, cache=None, *, scale=1.0):
        return tuple(scale * g for g in gradients(dout, cache or self.saved))


LAYER = Layer()


def scaled_gradients(scale, dout, cache):
    return tuple(scale * g for g in gradients(dout, cache))


def c_global_settings_forward(x, w, b):
    np.random.seed(231)
    np.seterr(all="raise")
    return forward(x, w, b)


def c_deletes_backward(dout, cache):
    x, w, b = cache
    del cache
    db = dout.sum(axis=0)
    dw = x.reshape(x.shape[0], -1).T @ dout
    dx = np.ascontiguousarray((w @ dout.T).T).reshape(x.shape)
    del dout
    return dx, dw, db


def c_scratch_forward(x, w, b):
    out, _ = forward(x, w, b)
    return out, {"x": x, "w": w, "dw": np.zeros_like(w)}


def c_scratch_backward(dout, cache):
    x, w = cache["x"], cache["w"]
    np.dot(x.reshape(x.shape[0], -1).T, dout, out=cache["dw"])
    return dout.dot(w.T).reshape(x.shape), cache["dw"].copy(), dout.sum(axis=0)


def C(name, says, f=forward, g=gradients, **more):
    return Correct(name, L, says, f, g, **more)


CORRECT = (
    C("plain", "reshape, dot, sum"),
    C("loops", "three nested loops", c_loops_forward, c_loops_backward),
    C("einsum", "einsum, cache a dict", c_einsum_forward, c_einsum_backward),
    C("row-of-ones", "ones (1, N) @ dout reshaped to (M,)", g=c_ones_backward),
    C("namespace", "cache a SimpleNamespace without b", c_namespace_forward, c_namespace_backward),
    C("closure", "cache a lambda that is the backward", c_closure_forward, c_closure_backward),
    C("namedtuple", "tensordot, cache a namedtuple", c_namedtuple_forward, c_namedtuple_backward),
    C("list-returned", "a list of three arrays", g=c_list_backward),
    C("complex-step", "differentiated numerically by complex steps", g=c_complex_step),
    C("float32", "answers in float32", c_float32_forward, c_float32_backward, warnings=("float32",)),
    C("odd-layouts", "read-only, Fortran-ordered and strided arrays", g=c_odd_layouts),
    C("chatty", "prints, warns and divides by zero on the side", g=c_chatty),
    C("object", "cache an object with its own backward", c_object_forward, c_object_backward),
    C("bias-trick", "b as a last row of w; dw and db are views", c_bias_trick_forward, c_bias_trick_backward,
      may_warn=("aliased",)),
    C("callable-object", "an object with __call__ and a bound method", LAYER, LAYER.backward),
    C("partial", "a functools.partial, which has no name", g=partial(scaled_gradients, 1.0)),
    C("lambda", "a lambda with *args", lambda *a: forward(*a), lambda *a, **k: gradients(*a)),
    C("global-settings", "seeds NumPy's generator, np.seterr(all='raise')", c_global_settings_forward),
    C("transposes", "(w @ dout.T).T, deletes its names", g=c_deletes_backward),
    C("two-in-cache", "cache (x, w) without b", c_no_bias_in_cache_forward, c_no_bias_in_cache_backward),
    C("scratch-in-cache", "fills a buffer kept in the cache", c_scratch_forward, c_scratch_backward,
      warnings=("mutates-cache",)),
)  # fmt: skip
