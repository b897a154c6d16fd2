"""Wrong and right answers for temporal_affine: out_nt = x_nt W + b, the same W and b at every step."""

# ruff: noqa: B007, RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .model import Correct, Mutant

L = "temporal_affine"


def forward(x, w, b):
    N, T, D = x.shape
    M_ = b.shape[0]
    out = x.reshape(N * T, D).dot(w).reshape(N, T, M_) + b
    return out, (x, w, b)


def gradients(dout, cache):
    x, w, b = cache
    N, T, D = x.shape
    M_ = b.shape[0]
    rows = dout.reshape(N * T, M_)
    dx = rows.dot(w.T).reshape(N, T, D)
    dw = rows.T.dot(x.reshape(N * T, D)).T
    db = dout.sum(axis=(0, 1))
    return dx, dw, db


# --- wrong forwards ---------------------------------------------------------------------------------


def f_missing_bias(x, w, b):
    return x @ w, (x, w, b)


def f_bias_once_a_step(x, w, b):
    out = x @ w
    for t in range(x.shape[1]):
        out += b
    return out, (x, w, b)


def f_last_step_without_bias(x, w, b):
    out = x @ w
    for t in range(x.shape[1] - 1):
        out[:, t] += b
    return out, (x, w, b)


def f_not_reshaped_back(x, w, b):
    return x.reshape(-1, x.shape[2]) @ w + b, (x, w, b)


def f_as_affine(x, w, b):
    return x.reshape(x.shape[0], -1) @ w + b, (x, w, b)


def f_time_major(x, w, b):
    return x.transpose(1, 0, 2) @ w + b, (x, w, b)


def f_reshaped_in_wrong_order(x, w, b):
    N, T, D = x.shape
    out = (x.reshape(N * T, D) @ w + b).reshape(T, N, -1).transpose(1, 0, 2)
    return out, (x, w, b)


def f_squeezed(x, w, b):
    return (x @ w + b).squeeze(), (x, w, b)


def f_steps_averaged(x, w, b):
    return x.mean(axis=1) @ w + b, (x, w, b)


def f_last_step_only(x, w, b):
    out = x[:, -1] @ w + b
    return out, (x, w, b)


def f_zeros_left(x, w, b):
    N, T, D = x.shape
    out = np.zeros((N, T, b.size))
    for n in range(N):
        out[n, 0] = x[n, 0] @ w + b
    return out, (x, w, b)


def f_no_cache(x, w, b):
    return x @ w + b


def f_running_sum(x, w, b):
    return np.cumsum(x, axis=1) @ w + b, (x, w, b)


def b_running_sum(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, (np.cumsum(x, axis=1), w, b))
    dx = np.cumsum((dout @ w.T)[:, ::-1], axis=1)[:, ::-1]
    return dx, dw, db


def b_bias_once_a_step(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw, db * dout.shape[1]


# --- wrong shapes -----------------------------------------------------------------------------------


def b_db_over_samples(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.sum(dout, axis=0)


def b_db_over_steps(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.sum(dout, axis=1)


def b_db_unsummed(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout


def b_db_wrong_axes(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout.sum(axis=2).sum(axis=0)


def b_db_bare_sum(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.sum(dout)


def b_db_keepdims(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, np.sum(dout, axis=(0, 1), keepdims=True)


def b_dw_a_sample_each(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    return dx, x.transpose(0, 2, 1) @ dout, db


def b_dw_a_step_each(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    return dx, np.einsum("ntd,ntm->tdm", x, dout), db


def b_dw_transposed(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    return dx, dout.reshape(-1, b.size).T @ x.reshape(-1, x.shape[2]), db


def b_dx_flat(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    return dout.reshape(-1, b.size) @ w.T, dw, db


def b_dx_steps_first(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx.swapaxes(0, 1), dw, db


def b_dx_reshaped_steps_first(dout, cache):
    x, w, b = cache
    N, T, D = x.shape
    _, dw, db = gradients(dout, cache)
    return (dout.reshape(N * T, -1) @ w.T).reshape(T, N, D), dw, db


def b_dx_summed_over_steps(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx.sum(axis=1), dw, db


def b_reversed(dout, cache):
    return gradients(dout, cache)[::-1]


# --- wrong values -----------------------------------------------------------------------------------


def b_db_mean_of_all(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout.mean(axis=(0, 1))


def b_db_mean_over_samples(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout.sum(axis=1).mean(axis=0)


def b_db_mean_over_steps(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout.mean(axis=1).sum(axis=0)


def b_dw_over_n(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw / len(dout), db


def b_dw_over_t(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw / dout.shape[1], db


def b_dw_overwritten(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    for t in range(x.shape[1]):
        dw = x[:, t].T @ dout[:, t]
    return dx, dw, db


def b_one_step_too_few(dout, cache):
    x, w, b = cache
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for t in range(x.shape[1] - 1):
        dx[:, t] = dout[:, t] @ w.T
        dw += x[:, t].T @ dout[:, t]
        db += dout[:, t].sum(axis=0)
    return dx, dw, db


def b_dw_summed_first(dout, cache):
    x, w, b = cache
    dx, _, db = gradients(dout, cache)
    return dx, x.sum(axis=1).T @ dout.sum(axis=1), db


def b_dw_of_x_t(dout, cache):
    x, w, b = cache
    N, T, D = x.shape
    dx, _, db = gradients(dout, cache)
    return dx, x.T.reshape(D, -1) @ dout.reshape(N * T, -1), db


def b_dx_scrambled(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    return (w @ dout.reshape(-1, b.size).T).reshape(x.shape), dw, db


def b_dx_through_time(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    dx = np.zeros_like(x)
    later = 0
    for t in reversed(range(x.shape[1])):
        later = dout[:, t] @ w.T + later
        dx[:, t] = later
    return dx, dw, db


def b_dx_first_sample(dout, cache):
    dx, dw, db = gradients(dout, cache)
    dx[0] = 0
    return dx, dw, db


def b_dx_last_step(dout, cache):
    dx, dw, db = gradients(dout, cache)
    dx[:, -1] = 0
    return dx, dw, db


def b_ones(dout, cache):
    return gradients(np.ones_like(dout), cache)


def b_db_counts(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, dw, np.full(db.shape, 1.0 * dout.shape[0] * dout.shape[1])


def b_negative(dout, cache):
    dx, dw, db = gradients(dout, cache)
    return dx, -dw, db


def b_db_last_step(dout, cache):
    dx, dw, _ = gradients(dout, cache)
    return dx, dw, dout[:, -1].sum(axis=0)


def b_w_not_transposed(dout, cache):
    x, w, b = cache
    _, dw, db = gradients(dout, cache)
    return dout @ w, dw, db


def b_without_db(dout, cache):
    x, w, b = cache
    dx, dw, _ = gradients(dout, cache)
    db = None
    return dx, dw, db


def f_accumulators(x, w, b):
    return forward(x, w, b)[0], {"cache": (x, w, b), "dw": np.zeros_like(w)}


def b_accumulators(dout, cache):
    x, w, b = cache["cache"]
    for t in range(x.shape[1]):
        cache["dw"] += x[:, t].T @ dout[:, t]
    return dout @ w.T, cache["dw"].copy(), dout.sum(axis=(0, 1))


def M(name, says, cause, params, f=forward, g=None, **more):
    return Mutant(name, L, says, cause, params, f, g, **more)


OUT, DX, DW, DB = ("out",), ("dx",), ("dw",), ("db",)
ALL = ("dx", "dw", "db")

MUTANTS = (
    M("forward-missing-bias", "forgot + b", "missing-bias", OUT, f_missing_bias),
    M("forward-bias-once-a-step", "b added T times, in a loop over the steps", None, OUT, f_bias_once_a_step),
    M("forward-last-step-without-bias", "range(T - 1) where b is added", "some-entries", OUT,
      f_last_step_without_bias, also=("some-columns", "some-slices")),
    M("forward-flat", "out of shape (N T, M)", "flattened", OUT, f_not_reshaped_back),
    M("forward-as-affine", "x flattened to (N, T D), as affine does", "raised", OUT, f_as_affine),
    M("forward-time-major", "out of shape (T, N, M)", "transposed", OUT, f_time_major),
    M("forward-reshaped-in-wrong-order", "(N T, M) taken for (T N, M): samples and steps mixed", None, OUT,
      f_reshaped_in_wrong_order, also=("flattened-in-another-order",)),
    M("forward-steps-averaged", "x averaged over the steps first", "summed-too-much", OUT, f_steps_averaged,
      also=("wrong-shape",)),
    M("forward-last-step-only", "one output a sample, that of the last step", "last-step-alone", OUT,
      f_last_step_only, also=("wrong-shape", "summed-too-much")),
    M("forward-first-step-filled", "the loop over t forgotten: zeros but for the first step", None, OUT,
      f_zeros_left, also=("some-columns", "some-entries", "some-slices")),
    M("forward-squeezed", "squeezed: an axis of size 1 goes", "flattened", OUT, f_squeezed, shows="T = 1",
      also=("wrong-shape",)),
    M("forward-no-cache", "returned out without the cache", "arity", OUT, f_no_cache),
    M("running-sum-both", "x added up over the steps, forward and backward", "own-forward", OUT,
      f_running_sum, b_running_sum),
    M("bias-once-a-step-both", "b added T times, forward and backward", "own-forward", OUT,
      f_bias_once_a_step, b_bias_once_a_step),
    M("db-over-samples", "db of shape (T, M)", "steps-not-summed", DB, g=b_db_over_samples,
      also=("unsummed-broadcast",)),
    M("db-over-steps", "db of shape (N, M)", "samples-not-summed", DB, g=b_db_over_steps,
      also=("unsummed-broadcast",)),
    M("db-unsummed", "db is dout", "unsummed-broadcast", DB, g=b_db_unsummed),
    M("db-wrong-axes", "summed over samples and outputs, the steps left", "summed-over-wrong-axis", DB,
      g=b_db_wrong_axes),
    M("db-bare-sum", "np.sum without an axis", "summed-too-much", DB, g=b_db_bare_sum),
    M("db-keepdims", "db of shape (1, 1, M)", "kept-axis", DB, g=b_db_keepdims),
    M("dw-a-sample-each", "batched matmul: dw of shape (N, D, M)", "samples-not-summed", DW,
      g=b_dw_a_sample_each, also=("unsummed-broadcast",)),
    M("dw-a-step-each", "dw of shape (T, D, M)", "steps-not-summed", DW, g=b_dw_a_step_each,
      also=("unsummed-broadcast",)),
    M("dw-transposed", "dout.T @ x, both flat", "transposed", DW, g=b_dw_transposed),
    M("dx-flat", "dx of shape (N T, D)", "flattened", DX, g=b_dx_flat),
    M("dx-steps-first", "dx of shape (T, N, D)", "transposed", DX, g=b_dx_steps_first),
    M("dx-reshaped-steps-first", "right rows, reshaped to (T, N, D)", "wrong-shape", DX,
      g=b_dx_reshaped_steps_first, also=("transposed",)),
    M("dx-summed-over-steps", "dx of shape (N, D)", "summed-too-much", DX, g=b_dx_summed_over_steps),
    M("returns-reversed", "returned db, dw, dx", "permuted", ("dx", "db"), g=b_reversed),
    M("db-mean-of-all", "db divided by N T", "divided-by-N-and-T", DB, g=b_db_mean_of_all),
    M("db-mean-over-samples", "db divided by N", "divided-by-N", DB, g=b_db_mean_over_samples),
    M("db-mean-over-steps", "db divided by T", "divided-by-T", DB, g=b_db_mean_over_steps),
    M("dw-over-n", "dw divided by N", "divided-by-N", DW, g=b_dw_over_n),
    M("dw-over-t", "dw divided by T", "divided-by-T", DW, g=b_dw_over_t),
    M("dw-overwritten", "= for += in the loop over steps: right for T = 1", "last-step-alone", DW,
      g=b_dw_overwritten),
    M("one-step-too-few", "range(T - 1) in all three", None, ALL, g=b_one_step_too_few,
      also=("some-entries", "some-columns", "some-slices")),
    M("dw-summed-first", "x and dout summed over the steps, then multiplied", "summed-before-the-product",
      DW, g=b_dw_summed_first),
    M("dw-of-x-t", "x.T.reshape(D, -1): steps before samples on one side", None, DW, g=b_dw_of_x_t,
      also=("flattened-in-another-order",)),
    M("dx-scrambled", "(D, N T) reshaped until it fitted", None, DX, g=b_dx_scrambled,
      also=("transposed", "flattened-in-another-order")),
    M("dx-through-time", "adds the later steps' gradients, as for a recurrent layer", "some-slices",
      DX, g=b_dx_through_time),
    M("dx-first-sample", "first sample skipped", "some-rows", DX, g=b_dx_first_sample),
    M("dx-last-step", "last step skipped", "some-slices", DX, g=b_dx_last_step, also=("some-entries", "some-columns")),
    M("ones-for-dout", "replaced dout with ones", "ignores-dout", ALL, g=b_ones),
    M("db-counts", "db is N T", "ignores-dout", DB, g=b_db_counts),
    M("dw-sign", "minus dw", "sign", DW, g=b_negative),
    M("db-last-step", "dout of the last step only", "last-step-alone", DB, g=b_db_last_step),
    M("w-not-transposed", "dout @ w", "raised", ALL, g=b_w_not_transposed),
    M("db-none", "db still None", "not-attempted", DB, g=b_without_db),
    M("accumulates-in-cache", "dw accumulates in the cache", "second-call-differs", DW, f_accumulators,
      b_accumulators),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_loops_forward(x, w, b):
    N, T, D = x.shape
    out = np.zeros((N, T, w.shape[1]))
    for n in range(N):
        for t in range(T):
            for m in range(w.shape[1]):
                out[n, t, m] = sum(x[n, t, d] * w[d, m] for d in range(D)) + b[m]
    return out, [x, w, b]


def c_loops_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(b.shape)
    for n, t in np.ndindex(*x.shape[:2]):
        dx[n, t] = w @ dout[n, t]
        dw += np.outer(x[n, t], dout[n, t])
        db += dout[n, t]
    return [dx, dw, db]


def c_einsum_forward(x, w, b):
    return np.einsum("ntd,dm->ntm", x, w) + b, {"x": x, "w": w}


def c_einsum_backward(dout, cache):
    dx = np.einsum("ntm,dm->ntd", dout, cache["w"])
    return dx, np.einsum("ntd,ntm->dm", cache["x"], dout), np.einsum("ntm->m", dout)


def c_matmul_forward(x, w, b):
    out = x @ w
    out += b
    return out, SimpleNamespace(x=x, w=w)


def c_matmul_backward(dout, cache):
    dw = (cache.x.transpose(0, 2, 1) @ dout).sum(axis=0)
    return dout @ cache.w.T, dw, dout.sum(0).sum(0)


def c_steps_forward(x, w, b):
    steps = [x[:, t] @ w + b for t in range(x.shape[1])]
    return np.stack(steps, axis=1), (x, w)


def c_steps_backward(dout, cache):
    x, w = cache
    dx = np.empty(x.shape)
    dw, db = np.zeros_like(w), np.zeros(w.shape[1])
    for t in reversed(range(x.shape[1])):
        dx[:, t, :] = dout[:, t, :] @ w.T
        dw += x[:, t, :].T @ dout[:, t, :]
        db += dout[:, t, :].sum(axis=0)
    return dx, dw, db


def c_tensordot_backward(dout, cache):
    x, w, b = cache
    dw = np.tensordot(x, dout, axes=([0, 1], [0, 1]))
    return np.tensordot(dout, w, axes=(2, 1)), dw, np.add.reduce(dout, axis=(0, 1))


def c_time_major_forward(x, w, b):
    steps_first = np.moveaxis(x, 1, 0)
    return np.moveaxis(steps_first @ w + b, 0, 1), (steps_first, w)


def c_time_major_backward(dout, cache):
    steps_first, w = cache
    dout = np.moveaxis(dout, 1, 0)
    T, N, D = steps_first.shape
    dw = steps_first.reshape(T * N, D).T @ dout.reshape(T * N, -1)
    return np.moveaxis(dout @ w.T, 0, 1), dw, dout.reshape(T * N, -1).sum(axis=0)


def c_closure_forward(x, w, b):
    def back(g):
        rows = g.reshape(-1, g.shape[-1])
        return (rows @ w.T).reshape(x.shape), x.reshape(-1, x.shape[-1]).T @ rows, np.ones(len(rows)) @ rows

    return x @ w + b, back


def c_closure_backward(dout, cache):
    return cache(dout)


def c_bias_trick_forward(x, w, b):
    padded = np.concatenate([x, np.ones((*x.shape[:2], 1))], axis=2)
    both = np.vstack([w, b])
    return padded @ both, (padded, both)


def c_bias_trick_backward(dout, cache):
    padded, both = cache
    dboth = np.einsum("ntd,ntm->dm", padded, dout)
    return (dout @ both.T)[..., :-1], dboth[:-1], dboth[-1]


def c_float32_backward(dout, cache):
    return tuple(g.astype(np.float32) for g in gradients(dout, cache))


def c_scratch_forward(x, w, b):
    return forward(x, w, b)[0], {"x": x, "w": w, "dx": np.empty_like(x)}


def c_scratch_backward(dout, cache):
    np.matmul(dout, cache["w"].T, out=cache["dx"])
    _, dw, db = gradients(dout, (cache["x"], cache["w"], dout[0, 0]))
    return cache["dx"].copy(), dw, db


def C(name, says, f=forward, g=gradients, **more):
    return Correct(name, L, says, f, g, **more)


CORRECT = (
    C("plain", "reshaped to (N T, D), as CS231n does"),
    C("loops", "loops over samples and steps, lists for tuples", c_loops_forward, c_loops_backward),
    C("einsum", "einsum, cache a dict", c_einsum_forward, c_einsum_backward),
    C("matmul", "batched matmul, summed over the samples", c_matmul_forward, c_matmul_backward),
    C("steps", "a step at a time, backwards in time", c_steps_forward, c_steps_backward),
    C("tensordot", "tensordot over both axes", g=c_tensordot_backward),
    C("time-major", "moveaxis to (T, N, D) and back: views", c_time_major_forward, c_time_major_backward),
    C("closure", "cache a closure that is the backward", c_closure_forward, c_closure_backward),
    C("bias-trick", "b as a last row of w; views are returned", c_bias_trick_forward, c_bias_trick_backward,
      may_warn=("aliased",)),
    C("float32", "gradients in float32", g=c_float32_backward, warnings=("float32",)),
    C("scratch-in-cache", "fills a buffer kept in the cache", c_scratch_forward, c_scratch_backward,
      warnings=("mutates-cache",)),
)  # fmt: skip
