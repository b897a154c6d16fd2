"""Wrong and right answers for temporal_softmax: (x, y, mask) -> (sum of the masked losses / N, dx)."""

# ruff: noqa: RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

import math

import numpy as np

from .model import Correct, Mutant

L = "temporal_softmax"


def probabilities(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def one_hot(x, y):
    return (np.arange(x.shape[-1]) == y[..., None]).astype(float)


def surprise(x, y):
    """-log p of each label, shape (N, T)."""
    top = x.max(axis=-1, keepdims=True)
    log_total = top[..., 0] + np.log(np.exp(x - top).sum(axis=-1))
    return log_total - (x * one_hot(x, y)).sum(axis=-1)


def right(x, y, mask):
    N = x.shape[0]
    loss = np.sum(mask * surprise(x, y)) / N
    dx = (probabilities(x) - one_hot(x, y)) * mask[:, :, None] / N
    return loss, dx


# --- the mask -------------------------------------------------------------------------------------------


def mask_not_in_dx(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, right(x, y, np.ones_like(mask))[1]


def mask_not_in_loss(x, y, mask):
    _, dx = right(x, y, mask)
    return surprise(x, y).sum() / len(x), dx


def mask_nowhere(x, y, mask):
    N, T, V = x.shape
    p = probabilities(x).reshape(N * T, V)
    loss = -np.sum(np.log(p[np.arange(N * T), y.reshape(N * T)])) / N
    p[np.arange(N * T), y.reshape(N * T)] -= 1
    return loss, (p / N).reshape(N, T, V)


def mask_inverted(x, y, mask):
    return right(x, y, ~mask)


def mask_inverted_in_dx(x, y, mask):
    loss, dx = right(x, y, mask)
    dx = probabilities(x) - one_hot(x, y)
    dx[mask] = 0
    return loss, dx / len(x)


def mask_on_the_label_alone(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, (probabilities(x) - one_hot(x, y) * mask[..., None]) / len(x)


def mask_on_the_probabilities_alone(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, (probabilities(x) * mask[..., None] - one_hot(x, y)) / len(x)


def mask_on_the_scores(x, y, mask):
    return right(x * mask[..., None], y, np.ones_like(mask))[0], right(x, y, mask)[1]


def mask_in_wrong_order(x, y, mask):
    loss, _ = right(x, y, mask)
    N, T, V = x.shape
    dx = (probabilities(x) - one_hot(x, y)).reshape(N * T, V)
    dx *= mask.T.reshape(N * T, 1)
    return loss, dx.reshape(N, T, V) / N


def mask_of_the_first_step(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, (probabilities(x) - one_hot(x, y)) * mask[:, :1, None] / len(x)


def mask_taken_for_lengths(x, y, mask):
    lengths = mask.sum(axis=1)
    return right(x, y, np.arange(x.shape[1]) < lengths[:, None])


def label_zero_for_padding(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, right(x, y, y != 0)[1]


def mask_indexes_a_row(x, y, mask):
    N = x.shape[0]
    p = probabilities(x)
    p[mask, y] -= 1
    return right(x, y, mask)[0], p / N


def mask_by_arithmetic(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx * mask


# --- what divides ---------------------------------------------------------------------------------------


def not_averaged(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx * len(x)


def averaged_over_steps_too(x, y, mask):
    N, T, V = x.shape
    loss, dx = right(x, y, mask)
    return loss, dx / T


def averaged_over_steps_both(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss / x.shape[1], dx / x.shape[1]


def averaged_over_the_mask(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx * len(x) / mask.sum()


def averaged_over_the_mask_both(x, y, mask):
    N = x.shape[0]
    loss, dx = right(x, y, mask)
    return loss * N / np.sum(mask), dx * N / np.sum(mask)


def averaged_a_sample_both(x, y, mask):
    counts = np.maximum(mask.sum(axis=1), 1)
    weights = mask / counts[:, None]
    loss = (weights * surprise(x, y)).sum() / len(x)
    return loss, (probabilities(x) - one_hot(x, y)) * weights[..., None] / len(x)


def steps_for_samples(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx * x.shape[0] / x.shape[1]


def classes_for_samples(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx * x.shape[0] / x.shape[2]


def averaged_twice(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx / len(x)


# --- other gradients ------------------------------------------------------------------------------------


def label_not_subtracted(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, probabilities(x) * mask[..., None] / len(x)


def one_from_everything(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, (probabilities(x) - 1) * mask[..., None] / len(x)


def row_sum_path_missing(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, -one_hot(x, y) * mask[..., None] / len(x)


def sign(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, -dx


def not_normalised(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, (np.exp(x) - one_hot(x, y)) * mask[..., None] / len(x)


def normalised_over_steps(x, y, mask):
    loss, _ = right(x, y, mask)
    e = np.exp(x)
    return loss, (e / e.sum(axis=1, keepdims=True) - one_hot(x, y)) * mask[..., None] / len(x)


def normalised_over_samples(x, y, mask):
    loss, _ = right(x, y, mask)
    e = np.exp(x)
    return loss, (e / e.sum(axis=0) - one_hot(x, y)) * mask[..., None] / len(x)


def normalised_over_steps_and_classes(x, y, mask):
    loss, _ = right(x, y, mask)
    flat = x.reshape(len(x), -1)
    p = probabilities(flat).reshape(x.shape)
    return loss, (p - one_hot(x, y)) * mask[..., None] / len(x)


def labels_in_wrong_order(x, y, mask):
    N, T, V = x.shape
    loss, _ = right(x, y, mask)
    p = probabilities(x).reshape(N * T, V)
    p[np.arange(N * T), y.T.reshape(N * T)] -= 1
    return loss, p.reshape(N, T, V) * mask[..., None] / N


def argmax_for_label(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, right(x, x.argmax(axis=2), mask)[1]


def next_step_label(x, y, mask):
    loss, _ = right(x, y, mask)
    return loss, right(x, np.roll(y, -1, axis=1), mask)[1]


def last_step_forgotten(x, y, mask):
    loss, dx = right(x, y, mask)
    dx[:, -1] = 0
    return loss, dx


def last_step_forgotten_both(x, y, mask):
    N, T, V = x.shape
    loss, dx = 0.0, np.zeros_like(x)
    for t in range(T - 1):
        part, dx[:, t : t + 1] = right(x[:, t : t + 1], y[:, t : t + 1], mask[:, t : t + 1])
        loss += part
    return loss, dx


def overwritten_in_a_loop(x, y, mask):
    _, dx = right(x, y, mask)
    for t in range(x.shape[1]):
        loss = (mask[:, t] * surprise(x[:, t], y[:, t])).sum() / len(x)
    return loss, dx


def dx_flat(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx.reshape(-1, x.shape[2])


def dx_steps_first(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx.transpose(1, 0, 2)


def dx_summed_over_steps(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx.sum(axis=1)


def dx_of_the_kept(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx[mask]


def swapped(x, y, mask):
    loss, dx = right(x, y, mask)
    return dx, loss


def stub(x, y, mask):
    loss, dx = None, None
    return loss, dx


# --- wrong losses ---------------------------------------------------------------------------------------


def loss_summed(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss * len(x), dx


def loss_positive_log(x, y, mask):
    loss, dx = right(x, y, mask)
    return -loss, dx


def loss_a_step_each(x, y, mask):
    _, dx = right(x, y, mask)
    return (mask * surprise(x, y)).sum(axis=0) / len(x), dx


def loss_a_sample_each(x, y, mask):
    _, dx = right(x, y, mask)
    return (mask * surprise(x, y)).sum(axis=1), dx


def loss_nan(x, y, mask):
    _, dx = right(x, y, mask)
    with np.errstate(all="ignore"):
        return -np.sum(mask * np.log(np.exp(-surprise(x, y)) * mask)) / len(x), dx


def temperature_both(x, y, mask):
    loss, dx = right(x / 2, y, mask)
    return loss, dx / 2


def M(name, says, cause, params, f, **more):
    return Mutant(name, L, says, cause, params, loss=f, **more)


DX, LOSS, BOTH = ("dx",), ("loss",), ("loss", "dx")

MUTANTS = (
    M("mask-not-in-dx", "the mask in the loss, not in dx", "no-mask", DX, mask_not_in_dx),
    M("mask-not-in-loss", "the mask in dx, not in the loss", "no-mask", LOSS, mask_not_in_loss),
    M("mask-nowhere", "the mask used in neither", "no-mask", BOTH, mask_nowhere, also=("own-forward",)),
    M("mask-inverted", "the mask taken for the padding, in both", "mask-inverted", BOTH, mask_inverted,
      also=("own-forward",)),
    M("mask-inverted-in-dx", "dx[mask] = 0", "mask-inverted", DX, mask_inverted_in_dx),
    M("mask-on-the-label-alone", "masked steps keep their probabilities", "mask-on-label-alone", DX,
      mask_on_the_label_alone, also=("some-entries",)),
    M("mask-on-the-probabilities-alone", "masked steps keep their -1", "mask-on-row-sum-alone", DX,
      mask_on_the_probabilities_alone, also=("some-entries",)),
    M("mask-on-the-scores", "x * mask: a masked step still costs log C", "scores-masked", LOSS,
      mask_on_the_scores),
    M("mask-in-wrong-order", "mask.T.reshape(N T): steps before samples", None, DX, mask_in_wrong_order,
      also=("some-entries",)),
    M("mask-of-the-first-step", "mask[:, :1] for every step of a sample", None, DX, mask_of_the_first_step,
      also=("some-entries", "some-rows")),
    M("mask-taken-for-lengths", "the first steps of each sample, as many as the mask keeps", "own-forward",
      LOSS, mask_taken_for_lengths),
    M("label-zero-for-padding", "y != 0 for the mask", None, DX, label_zero_for_padding,
      also=("some-entries",)),
    M("mask-indexes-a-row", "p[mask, y]", "raised", BOTH, mask_indexes_a_row),
    M("mask-without-an-axis", "dx * mask: (N, T, C) against (N, T)", "raised", BOTH, mask_by_arithmetic),
    M("dx-not-averaged", "dx without its 1/N", "multiplied-by-N", DX, not_averaged),
    M("dx-over-n-t", "dx divided by N T", "divided-by-T", DX, averaged_over_steps_too),
    M("both-over-n-t", "loss and dx divided by N T", "own-forward", LOSS, averaged_over_steps_both,
      also=("divided-by-T",)),
    M("dx-over-the-mask", "dx divided by the number of steps that count", "counted-for-samples", DX,
      averaged_over_the_mask),
    M("both-over-the-mask", "loss and dx divided by the number of steps that count", "own-forward", LOSS,
      averaged_over_the_mask_both, also=("counted-for-samples",)),
    M("both-over-each-length", "each sample averaged over its own steps first", "own-forward", LOSS,
      averaged_a_sample_both, also=("averaged-over-own-steps",)),
    M("steps-for-samples", "dx divided by T for N", "steps-for-samples", DX, steps_for_samples),
    M("classes-for-samples", "dx divided by C for N", "classes-for-samples", DX, classes_for_samples),
    M("averaged-twice", "dx divided by N twice", "divided-by-N", DX, averaged_twice),
    M("label-not-subtracted", "mask P / N", "label-not-subtracted", DX, label_not_subtracted,
      also=("missing-path:label",)),
    M("one-from-everything", "P - 1", "label-subtracted-everywhere", DX, one_from_everything),
    M("row-sum-path-missing", "stopped after the label's path", "missing-path:row sum", DX,
      row_sum_path_missing),
    M("dx-sign", "onehot - P", "sign", DX, sign),
    M("dx-not-normalised", "exp(x) - onehot", "not-normalised", DX, not_normalised),
    M("dx-normalised-over-steps", "exponentials divided by their sum over the steps",
      "normalised-over-steps", DX,
      normalised_over_steps),
    M("dx-normalised-over-samples", "exponentials divided by their sum over the batch",
      "normalised-over-batch", DX, normalised_over_samples),
    M("dx-normalised-over-all-of-a-sample", "one softmax over steps and classes together",
      "normalised-over-steps-and-classes", DX,
      normalised_over_steps_and_classes),
    M("labels-in-wrong-order", "y.T.reshape(N T): steps before samples", None, DX, labels_in_wrong_order,
      also=("some-entries",)),
    M("argmax-for-label", "1 subtracted at the largest score", "argmax-for-label", DX, argmax_for_label),
    M("next-step-label", "the label of the next step", None, DX, next_step_label, also=("some-entries",)),
    M("dx-last-step", "range(T - 1) in dx", "some-slices", DX, last_step_forgotten, also=("some-entries",)),
    M("last-step-both", "range(T - 1) in loss and dx", "own-forward", LOSS, last_step_forgotten_both),
    M("loss-overwritten", "= for += in the loop over steps", None, LOSS, overwritten_in_a_loop),
    M("dx-flat", "dx of shape (N T, C)", "flattened", DX, dx_flat),
    M("dx-steps-first", "dx of shape (T, N, C)", "transposed", DX, dx_steps_first),
    M("dx-summed-over-steps", "dx of shape (N, C)", "summed-too-much", DX, dx_summed_over_steps),
    M("dx-of-the-kept", "dx[mask]: only the rows that count", "wrong-shape", DX, dx_of_the_kept,
      also=("flattened",)),
    M("swapped", "returned dx, loss", "permuted", BOTH, swapped),
    M("stub", "the untouched stub", "not-attempted", BOTH, stub),
    M("loss-summed", "loss not divided by N", "loss-not-averaged", LOSS, loss_summed),
    M("loss-positive-log", "the minus forgotten", "sign", LOSS, loss_positive_log),
    M("loss-a-step-each", "a loss for each step", "unsummed-broadcast", LOSS, loss_a_step_each,
      also=("wrong-shape",)),
    M("loss-a-sample-each", "a loss for each sample", "unsummed-broadcast", LOSS, loss_a_sample_each,
      also=("wrong-shape",)),
    M("loss-nan", "0 times log 0 at masked steps", "not-finite", LOSS, loss_nan),
    M("temperature-both", "scores halved, loss and gradient", "own-forward", LOSS, temperature_both),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_flat(x, y, mask):
    N, T, V = x.shape
    x_flat, y_flat, mask_flat = x.reshape(N * T, V), y.reshape(N * T), mask.reshape(N * T)
    probs = np.exp(x_flat - np.max(x_flat, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    loss = -np.sum(mask_flat * np.log(probs[np.arange(N * T), y_flat])) / N
    dx_flat = probs.copy()
    dx_flat[np.arange(N * T), y_flat] -= 1
    dx_flat /= N
    dx_flat *= mask_flat[:, None]
    return loss, dx_flat.reshape(N, T, V)


def c_loops(x, y, mask):
    N, T, V = x.shape
    loss, dx = 0.0, np.zeros((N, T, V))
    for n in range(N):
        for t in range(T):
            if not mask[n, t]:
                continue
            top = max(x[n, t])
            e = [math.exp(v - top) for v in x[n, t]]
            total = sum(e)
            loss += math.log(total) + top - x[n, t, y[n, t]]
            for c in range(V):
                dx[n, t, c] = (e[c] / total - (c == y[n, t])) / N
    return float(loss / N), dx


def c_steps(x, y, mask):
    N, T, V = x.shape
    losses, steps = [], []
    for t in range(T):
        log_p = x[:, t] - np.logaddexp.reduce(x[:, t], axis=1)[:, None]
        losses.append(-(log_p[np.arange(N), y[:, t]] * mask[:, t]).sum())
        steps.append((np.exp(log_p) - np.eye(V)[y[:, t]]) * mask[:, t, None] / N)
    return sum(losses) / N, np.stack(steps, axis=1)


def c_kept_only(x, y, mask):
    kept = x[mask]
    log_p = kept - np.logaddexp.reduce(kept, axis=1, keepdims=True)
    rows = np.arange(len(kept))
    dx = np.zeros_like(x)
    p = np.exp(log_p)
    p[rows, y[mask]] -= 1
    dx[mask] = p / x.shape[0]
    return -log_p[rows, y[mask]].sum() / x.shape[0], dx


def c_add_at(x, y, mask):
    n, t = np.nonzero(mask)
    p = probabilities(x)
    dx = np.zeros_like(x)
    np.add.at(dx, (n, t), p[n, t] / len(x))
    np.add.at(dx, (n, t, y[n, t]), -1 / len(x))
    return -np.log(p[n, t, y[n, t]]).sum() / len(x), dx


def c_pads_labels(x, y, mask):
    y[~mask] = 0
    return right(x, y, mask)


def c_where(x, y, mask):
    top = x.max(axis=2, keepdims=True)
    log_p = x - top - np.log(np.exp(x - top).sum(axis=2, keepdims=True))
    picked = np.take_along_axis(log_p, y[..., None], axis=2)[..., 0]
    loss = np.where(mask, -picked, 0.0).sum() / len(x)
    dx = np.exp(log_p)
    np.put_along_axis(dx, y[..., None], np.take_along_axis(dx, y[..., None], 2) - 1, axis=2)
    return np.asarray(loss), np.where(mask[:, :, np.newaxis], dx / len(x), 0)


def c_einsum(x, y, mask):
    N = x.shape[0]
    p, hot, keep = probabilities(x), one_hot(x, y), mask.astype(float)
    loss = np.einsum("nt,nt->", keep, surprise(x, y)) / N
    return loss, np.einsum("nt,ntc->ntc", keep, p - hot) / N


def c_time_major(x, y, mask):
    loss, dx = c_where(np.moveaxis(x, 1, 0), y.T, mask.T)
    factor = x.shape[1] / x.shape[0]
    return float(loss * factor), np.moveaxis(dx * factor, 0, 1)


def c_jacobians(x, y, mask):
    N, T, V = x.shape
    p = probabilities(x)
    dx = np.zeros_like(x)
    for n, t in zip(*np.nonzero(mask), strict=True):
        jacobian = np.diag(p[n, t]) - np.outer(p[n, t], p[n, t])
        dp = np.zeros(V)
        dp[y[n, t]] = -1 / p[n, t, y[n, t]]
        dx[n, t] = jacobian @ dp / N
    return right(x, y, mask)[0], dx


def c_in_place(x, y, mask):
    loss, _ = right(x, y, mask)
    x -= x.max(axis=2, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=2, keepdims=True)
    x -= one_hot(x, y)
    x *= mask[..., None]
    return loss, x / len(x)


def c_naive(x, y, mask):
    e = np.exp(x)
    p = e / e.sum(axis=2, keepdims=True)
    N = len(x)
    n, t = np.indices(y.shape)
    loss = -np.sum(np.log(p[n, t, y])[mask]) / N
    p[n, t, y] -= 1
    p[~mask] = 0
    return loss, p / N


def c_float32(x, y, mask):
    loss, dx = right(x, y, mask)
    return loss, dx.astype(np.float32)


def c_list(x, y, mask):
    return list(right(x, y, mask))


def C(name, says, f, **more):
    return Correct(name, L, says, loss=f, **more)


MAY = ("overflow",)

CORRECT = (
    C("plain", "a one-hot over three axes", right, may_warn=MAY),
    C("flat", "reshaped to (N T, C), as CS231n does", c_flat, may_warn=MAY),
    C("loops", "math.exp and loops, a Python float", c_loops, may_warn=MAY),
    C("steps", "a step at a time, stacked", c_steps, may_warn=MAY),
    C("kept-only", "x[mask] alone, scattered back", c_kept_only, may_warn=MAY),
    C("add-at", "np.nonzero of the mask, np.add.at", c_add_at, may_warn=MAY),
    C("pads-labels", "overwrites the labels that do not count", c_pads_labels, warnings=("mutates-input",),
      may_warn=MAY),
    C("where", "np.where for the mask, a 0-d loss", c_where, may_warn=MAY),
    C("einsum", "einsum with a mask of floats", c_einsum, may_warn=MAY),
    C("time-major", "moveaxis to (T, N, C) and back", c_time_major, may_warn=MAY),
    C("jacobians", "a Jacobian a step", c_jacobians, may_warn=MAY),
    C("in-place", "overwrites its argument x", c_in_place, warnings=("mutates-input",), may_warn=MAY),
    C("naive", "no shift: may overflow at large scores", c_naive, may_warn=MAY),
    C("float32", "dx in float32", c_float32, warnings=("float32",), may_warn=MAY),
    C("list-returned", "a list of two", c_list, may_warn=MAY),
)  # fmt: skip
