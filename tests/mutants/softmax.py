"""Wrong and right answers for the softmax cross-entropy: (x, y) -> (mean loss, dx)."""

# ruff: noqa: F841, RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

import math

import numpy as np

from .model import Correct, Mutant

L = "softmax"


def probabilities(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def right(x, y):
    N = x.shape[0]
    p = probabilities(x)
    loss = -np.sum(np.log(p[np.arange(N), y])) / N
    dx = p.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


# --- wrong gradients ------------------------------------------------------------------------------------


def label_not_subtracted(x, y):
    loss, _ = right(x, y)
    dx = probabilities(x) / x.shape[0]
    return loss, dx


def not_averaged(x, y):
    N = x.shape[0]
    p = probabilities(x)
    loss = -np.log(p[range(N), y]).mean()
    p[range(N), y] -= 1
    return loss, p


def sign(x, y):
    loss, dx = right(x, y)
    return loss, -dx


def not_normalised(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    dx = np.exp(x)
    dx[range(N), y] -= 1
    return loss, dx / N


def normalised_over_batch(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    e = np.exp(x)
    dx = e / e.sum(axis=0)
    dx[range(N), y] -= 1
    return loss, dx / N


def one_from_everything(x, y):
    loss, _ = right(x, y)
    dx = probabilities(x)
    dx -= 1
    return loss, dx / x.shape[0]


def label_column_of_every_row(x, y):
    loss, _ = right(x, y)
    dx = probabilities(x)
    dx[:, y] -= 1
    return loss, dx / x.shape[0]


def row_sum_path_missing(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    dscore = np.zeros_like(x)
    dscore[range(N), y] -= 1
    dscore /= N
    return loss, dscore


def row_sum_path_twice(x, y):
    loss, dx = right(x, y)
    dx += probabilities(x) / len(x)
    return loss, dx


def label_path_twice(x, y):
    loss, dx = right(x, y)
    dx[range(len(x)), y] -= 1 / len(x)
    return loss, dx


def drowsum_dot_one_dimensional(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    rowsum = np.sum(np.exp(x), axis=1)
    dscore = np.zeros_like(x)
    dscore[range(N), y] -= 1
    drowsum = 1 / rowsum
    dscore += drowsum.dot(np.exp(x))
    dscore /= N
    return loss, dscore


def drowsum_dot_column(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    rowsum = np.sum(np.exp(x), axis=1, keepdims=True)
    dscore = np.zeros_like(x)
    dscore[range(N), y] -= 1
    dscore += (1 / rowsum).dot(np.exp(x))
    return loss, dscore / N


def drowsum_is_one(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    dscore = np.zeros_like(x)
    dscore[range(N), y] += 1
    dscore += probabilities(x)
    return loss, dscore / N


def element_wise_guess(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    p = probabilities(x)
    dp = np.zeros_like(p)
    dp[range(N), y] = -1 / p[range(N), y] / N
    return loss, dp * p * (1 - p)


def stops_at_p(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    p = probabilities(x)
    dp = np.zeros_like(p)
    dp[range(N), y] = -1 / p[range(N), y] / N
    return loss, dp


def argmax_for_label(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    dx = probabilities(x)
    dx[range(N), np.argmax(x, axis=1)] -= 1
    return loss, dx / N


def labels_from_one(x, y):
    loss, _ = right(x, y)
    N = x.shape[0]
    dx = probabilities(x)
    dx[range(N), y - 1] -= 1
    return loss, dx / N


def averaged_twice(x, y):
    loss, dx = right(x, y)
    return loss, dx / x.shape[0]


def averaged_over_classes(x, y):
    loss, dx = right(x, y)
    return loss, dx * x.shape[0] / x.shape[1]


def averaged_over_entries(x, y):
    loss, dx = right(x, y)
    return loss, dx / x.shape[1]


def batch_of_32(x, y):
    loss, dx = right(x, y)
    return loss, dx * x.shape[0] / 32


def batch_of_100_both(x, y):
    N = x.shape[0]
    loss, dx = right(x, y)
    return loss * N / 100, dx * N / 100


def half(x, y):
    loss, dx = right(x, y)
    return loss, 0.5 * dx


def twice(x, y):
    loss, dx = right(x, y)
    return loss, 2 * dx


def zero_gradient(x, y):
    loss, _ = right(x, y)
    dx = np.zeros_like(x)
    return loss, dx


def first_row_forgotten(x, y):
    loss, dx = right(x, y)
    N = x.shape[0]
    p = probabilities(x)
    dx = p / N
    for i in range(1, N):
        dx[i, y[i]] -= 1 / N
    return loss, dx


def last_class_forgotten(x, y):
    loss, dx = right(x, y)
    dx[:, -1] = 0
    return loss, dx


def gradient_of_logits_only_max(x, y):
    loss, dx = right(x, y)
    return loss, np.where(x == x.max(axis=1, keepdims=True), dx, 0)


def dx_transposed(x, y):
    loss, dx = right(x, y)
    return loss, dx.T


def dx_summed(x, y):
    loss, dx = right(x, y)
    return loss, dx.sum(axis=0)


def dx_label_entries(x, y):
    loss, dx = right(x, y)
    return loss, dx[range(len(x)), y]


def swapped(x, y):
    loss, dx = right(x, y)
    return dx, loss


def loss_only(x, y):
    return right(x, y)[0]


def with_probabilities(x, y):
    loss, dx = right(x, y)
    return loss, dx, probabilities(x)


def stub(x, y):
    loss, dx = None, None
    return loss, dx


def half_stub(x, y):
    loss, dx = 0.0, None
    loss, _ = right(x, y)
    return loss, dx


def untouched_zeros(x, y):
    loss = 0.0
    dx = np.zeros_like(x)
    return loss, dx


def dx_list(x, y):
    loss, dx = right(x, y)
    return loss, [list(row) for row in dx]


def dx_integers(x, y):
    loss, dx = right(x, y)
    N = x.shape[0]
    return loss, (probabilities(x) > 0.5).astype(int) - np.eye(x.shape[1], dtype=int)[y]


def dx_nan(x, y):
    loss, dx = right(x, y)
    dx[0, 0] = np.nan
    return loss, dx


def one_hot_index_error(x, y):
    loss, dx = right(x, y)
    one_hot = np.zeros((x.shape[0], x.shape[1] - x.shape[1]))
    one_hot[range(len(x)), y] = 1
    return loss, (probabilities(x) - one_hot) / len(x)


def one_hot_of_unique_labels(x, y):
    loss, _ = right(x, y)
    one_hot = (y[:, None] == np.unique(y)).astype(float)
    return loss, (probabilities(x) - one_hot) / len(x)


def one_hot_of_largest_label(x, y):
    loss, _ = right(x, y)
    hot = np.zeros((len(y), y.max() + 1))
    hot[np.arange(len(y)), y] = 1
    dx = probabilities(x)
    dx[:, : hot.shape[1]] -= hot[:, : x.shape[1]][::-1]
    return loss, dx / len(x)


def label_zero_ignored(x, y):
    loss, dx = right(x, y)
    dx[y == y.min()] = 0
    return loss, dx


def regularised(x, y):
    loss, dx = right(x, y)
    return loss, dx + 1e-3 * x


def perturbed(x, y):
    loss, dx = right(x, y)
    return loss, dx * (1 - 1e-6)


def sharpened(x, y):
    loss, _ = right(x, y)
    _, dx = right(2 * x, y)
    return loss, dx


def rolled(x, y):
    loss, dx = right(x, y)
    return loss, np.roll(dx, 1, axis=1)


seen: dict[bytes, int] = {}


def drifting(x, y):
    key = x.tobytes()
    seen[key] = seen.get(key, -1) + 1
    loss, dx = right(x, y)
    return loss, dx * (1 + 0.1 * (seen[key] % 2))


# --- wrong losses ---------------------------------------------------------------------------------------


def loss_summed(x, y):
    loss, dx = right(x, y)
    return loss * x.shape[0], dx


def loss_and_dx_summed(x, y):
    N = x.shape[0]
    loss, dx = right(x, y)
    return loss * N, dx * N


def loss_positive_log(x, y):
    N = x.shape[0]
    _, dx = right(x, y)
    return np.log(probabilities(x)[range(N), y]).sum() / N, dx


def loss_per_row(x, y):
    _, dx = right(x, y)
    return -np.log(probabilities(x)[range(len(x)), y]), dx


def loss_one_element(x, y):
    loss, dx = right(x, y)
    return np.array([loss]), dx


def loss_log_2(x, y):
    loss, dx = right(x, y)
    return loss / math.log(2), dx


def loss_all_classes(x, y):
    _, dx = right(x, y)
    return -np.log(probabilities(x)).sum() / len(x), dx


def loss_of_sum(x, y):
    N = len(x)
    _, dx = right(x, y)
    return -np.log(probabilities(x)[range(N), y].mean()), dx


def loss_with_large_eps(x, y):
    N = len(x)
    _, dx = right(x, y)
    return -np.mean(np.log(probabilities(x)[range(N), y] + 1e-5)), dx


def loss_string(x, y):
    loss, dx = right(x, y)
    return f"{loss:.3f}", dx


def loss_none(x, y):
    _, dx = right(x, y)
    loss = None
    return loss, dx


def loss_nan(x, y):
    _, dx = right(x, y)
    p = probabilities(x)
    one_hot = np.eye(x.shape[1])[y]
    with np.errstate(all="ignore"):
        return -np.sum(np.log(p * one_hot) * one_hot) / len(x), dx


def columns_normalised_both(x, y):
    N = x.shape[0]
    p = np.exp(x) / np.exp(x).sum(axis=0)
    loss = -np.log(p[range(N), y]).sum() / N
    one_hot = np.zeros_like(x)
    one_hot[range(N), y] = 1
    counts = one_hot.sum(axis=0)
    return loss, (p * counts - one_hot) / N


def temperature_both(x, y):
    loss, dx = right(x / 2, y)
    return loss, dx / 2


def regularised_both(x, y):
    loss, dx = right(x, y)
    return loss + 0.5e-2 * np.sum(x * x), dx + 1e-2 * x


def M(name, says, cause, params, f, **more):
    return Mutant(name, L, says, cause, params, loss=f, **more)


DX, LOSS, BOTH = ("dx",), ("loss",), ("loss", "dx")

MUTANTS = (
    M("label-not-subtracted", "P / N", "label-not-subtracted", DX, label_not_subtracted,
      also=("missing-path:label",)),
    M("dx-not-averaged", "P - onehot without 1/N", "multiplied-by-N", DX, not_averaged),
    M("dx-sign", "onehot - P", "sign", DX, sign),
    M("dx-not-normalised", "exp(x) - onehot", "not-normalised", DX, not_normalised),
    M("dx-normalised-over-batch", "normalised down the columns", "normalised-over-batch", DX,
      normalised_over_batch),
    M("one-from-everything", "P - 1", "label-subtracted-everywhere", DX, one_from_everything),
    M("label-columns", "dx[:, y] -= 1", "label-subtracted-from-columns", DX, label_column_of_every_row),
    M("row-sum-path-missing", "stopped after the label's path", "missing-path:row sum", DX,
      row_sum_path_missing),
    M("row-sum-path-twice", "added P twice", "doubled-path:row sum", DX, row_sum_path_twice),
    M("label-path-twice", "subtracted 2 at the label", "doubled-path:label", DX, label_path_twice),
    M("drowsum-dot-1d", "drowsum.dot(exp(score)) with 1-D drowsum: right for N = 1",
      "row-sums-over-batch", DX, drowsum_dot_one_dimensional),
    M("drowsum-dot-column", "drowsum.dot(exp(score)) with drowsum of (N, 1)", "raised", BOTH,
      drowsum_dot_column),
    M("label-plus-one", "+1 at the label", "sign-of-path:label", DX, drowsum_is_one),
    M("element-wise-guess", "dp * p * (1 - p), as if softmax were element-wise",
      "softmax-as-element-wise", DX, element_wise_guess),
    M("stops-at-p", "returned dL/dP", None, DX, stops_at_p),
    M("argmax-for-label", "1 subtracted at the largest score", "argmax-for-label", DX, argmax_for_label),
    M("labels-from-one", "labels counted from 1", None, DX, labels_from_one, also=("some-entries",)),
    M("averaged-twice", "dx divided by N twice", "divided-by-N", DX, averaged_twice),
    M("averaged-over-classes", "divided by C for N", "classes-for-samples", DX, averaged_over_classes),
    M("averaged-over-entries", "divided by N C", "averaged-over-classes", DX, averaged_over_entries),
    M("batch-of-32", "dx divided by 32", None, DX, batch_of_32),
    M("batch-of-100-both", "loss and dx divided by 100", "own-forward", LOSS, batch_of_100_both),
    M("dx-half", "a stray half", "halved", DX, half),
    M("dx-twice", "a stray 2", "doubled", DX, twice),
    M("dx-zero", "dx stays zeros", "all-zero", DX, zero_gradient),
    M("first-row-forgotten", "range(1, N)", "some-rows", DX, first_row_forgotten,
      also=("some-entries",)),
    M("last-class-forgotten", "range(C - 1)", "some-columns", DX, last_class_forgotten),
    M("only-the-largest", "gradient at the largest score alone", None, DX, gradient_of_logits_only_max),
    M("dx-transposed", "dx of shape (C, N)", "transposed", DX, dx_transposed),
    M("dx-summed", "dx summed over the batch", "summed-too-much", DX, dx_summed),
    M("dx-label-entries", "the label's entries alone, shape (N,)", "wrong-shape", DX, dx_label_entries),
    M("swapped", "returned dx, loss", "permuted", BOTH, swapped),
    M("loss-only", "dx not returned", "arity", BOTH, loss_only),
    M("three-values", "returned P as well", "arity", BOTH, with_probabilities),
    M("stub", "the untouched stub", "not-attempted", BOTH, stub),
    M("half-stub", "dx still None", "not-attempted", DX, half_stub),
    M("untouched-zeros", "zeros, as the stub of some years has them", "all-zero", BOTH, untouched_zeros,
      also=("not-attempted", "unused-by-own-forward")),
    M("dx-list", "a list of lists", "not-an-array", DX, dx_list),
    M("dx-integers", "an integer dx", "wrong-dtype", DX, dx_integers),
    M("dx-nan", "one NaN", "not-finite", DX, dx_nan),
    M("index-error", "a one-hot without columns", "raised", BOTH, one_hot_index_error),
    M("one-hot-of-unique", "one-hot of the labels that occur", "raised", BOTH, one_hot_of_unique_labels,
      shows="a class without a sample"),
    M("one-hot-reversed", "one-hot rows in reverse", None, DX, one_hot_of_largest_label,
      also=("some-entries",)),
    M("padding-label", "the smallest label taken for padding", "some-rows", DX, label_zero_ignored),
    M("dx-regularised", "a stray penalty", None, DX, regularised),
    M("dx-perturbed", "too small by 1e-6", None, DX, perturbed),
    M("dx-sharpened", "gradient at twice the scores", None, DX, sharpened),
    M("dx-rolled", "columns rolled by one", None, DX, rolled),
    M("drifting", "every second call differs", "second-call-differs", DX, drifting),
    M("loss-summed", "loss not divided by N", "loss-not-averaged", LOSS, loss_summed),
    M("both-summed", "neither divided by N", "loss-not-averaged", BOTH, loss_and_dx_summed,
      also=("multiplied-by-N", "own-forward")),
    M("loss-positive-log", "the minus forgotten", "sign", LOSS, loss_positive_log),
    M("loss-per-row", "a loss for each row", "unsummed-broadcast", LOSS, loss_per_row, also=("wrong-shape",)),
    M("loss-one-element", "loss of shape (1,)", "kept-axis", LOSS, loss_one_element),
    M("loss-log-2", "logarithm to base 2", None, LOSS, loss_log_2),
    M("loss-all-classes", "summed over all classes", None, LOSS, loss_all_classes),
    M("loss-log-of-mean", "the log of the mean", None, LOSS, loss_of_sum),
    M("loss-large-eps", "1e-5 inside the log", None, LOSS, loss_with_large_eps),
    M("loss-string", "the loss formatted", "not-an-array", LOSS, loss_string, also=("wrong-dtype",)),
    M("loss-none", "loss still None", "not-attempted", LOSS, loss_none),
    M("loss-nan", "0 times log 0", "not-finite", LOSS, loss_nan),
    M("columns-both", "normalised down the columns, loss and gradient", "own-forward", LOSS,
      columns_normalised_both, also=("normalised-over-batch",)),
    M("temperature-both", "scores halved, loss and gradient", "own-forward", LOSS, temperature_both),
    M("regularised-both", "a penalty on the scores, loss and gradient", "own-forward", LOSS,
      regularised_both),
)  # fmt: skip


# --- right answers --------------------------------------------------------------------------------------


def c_log_softmax(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    N = x.shape[0]
    loss = -np.sum(log_p[np.arange(N), y]) / N
    dx = np.exp(log_p)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def c_naive(x, y):
    e = np.exp(x)
    p = e / np.sum(e, axis=1, keepdims=True)
    N = len(y)
    one_hot = np.zeros(x.shape)
    one_hot[np.arange(N), y] = 1.0
    return np.mean(-np.log(np.sum(p * one_hot, axis=1))), (p - one_hot) / N


def c_loops(x, y):
    N, C = x.shape
    loss = 0.0
    dx = np.zeros((N, C))
    for i in range(N):
        top = max(x[i])
        e = [math.exp(v - top) for v in x[i]]
        total = sum(e)
        loss += -math.log(e[y[i]] / total)
        for j in range(C):
            dx[i, j] = (e[j] / total - (1 if j == y[i] else 0)) / N
    return loss / N, dx


def c_source_fixed(x, y):
    N = x.shape[0]
    score = x - x.max()
    rowsum = np.sum(np.exp(score), axis=1, keepdims=True)
    loss = np.sum(-score[range(N), y] + np.log(rowsum[:, 0])) / N
    dscore = np.zeros_like(score)
    dscore[range(N), y] -= 1
    drowsum = 1 / rowsum
    dscore += drowsum * np.exp(score)
    dscore /= N
    return loss, dscore


def c_jacobians(x, y):
    N, C = x.shape
    p = probabilities(x)
    rows = []
    for i in range(N):
        J = np.diag(p[i]) - np.outer(p[i], p[i])
        dp = np.zeros(C)
        dp[y[i]] = -1 / p[i, y[i]]
        rows.append(J.T @ dp / N)
    return np.asarray(-np.log(p[range(N), y]).mean()), np.stack(rows)


def c_put_along_axis(x, y):
    p = probabilities(x)
    picked = np.take_along_axis(p, y[:, None], axis=1)
    loss = float(-np.log(picked).mean())
    np.put_along_axis(p, y[:, None], picked - 1, axis=1)
    return loss, p / p.shape[0]


def c_in_place(x, y):
    x -= x.max(axis=1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=1, keepdims=True)
    N = x.shape[0]
    loss = -np.log(x[range(N), y]).sum() / N
    dx = x.copy()
    dx[range(N), y] -= 1
    return loss, dx / N


def c_float32(x, y):
    loss, dx = right(x, y)
    return loss, dx.astype(np.float32)


def c_tiny_eps(x, y):
    N = x.shape[0]
    p = probabilities(x)
    loss = -np.mean(np.log(p[range(N), y] + 1e-15))
    return loss, (p - np.eye(x.shape[1])[y]) / N


def c_list(x, y):
    return list(right(x, y))


def c_logaddexp(x, y):
    N = x.shape[0]
    log_total = np.logaddexp.reduce(x, axis=1)
    loss = (log_total - x[np.arange(N), y]).mean()
    dx = np.exp(x - log_total[:, np.newaxis])
    dx -= np.arange(x.shape[1]) == np.asarray(y)[:, None]
    return loss, np.divide(dx, N)


def C(name, says, f, **more):
    return Correct(name, L, says, loss=f, **more)


CORRECT = (
    C("plain", "shifted, index assignment: log 0 at large scores", right, may_warn=("overflow",)),
    C("log-softmax", "through log-softmax", c_log_softmax),
    C("naive", "no shift: overflows at large scores", c_naive, warnings=("overflow",)),
    C("loops", "math.exp and loops, a Python float", c_loops, may_warn=("overflow",)),
    C("source-fixed", "two paths with keepdims, shifted by the overall maximum", c_source_fixed,
      may_warn=("overflow",)),
    C("jacobians", "a Jacobian a row, a 0-d loss", c_jacobians, may_warn=("overflow",)),
    C("put-along-axis", "take and put along axis", c_put_along_axis, may_warn=("overflow",)),
    C("in-place", "overwrites its argument x", c_in_place, warnings=("mutates-input",),
      may_warn=("overflow",)),
    C("float32", "dx in float32", c_float32, warnings=("float32",), may_warn=("overflow",)),
    C("tiny-eps", "1e-15 inside the log", c_tiny_eps, may_warn=("overflow",)),
    C("list-returned", "a list of two", c_list, may_warn=("overflow",)),
    C("logaddexp", "logaddexp.reduce, a boolean one-hot", c_logaddexp),
)  # fmt: skip
