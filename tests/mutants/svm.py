"""Wrong and right answers for the multiclass hinge loss with margin 1: (x, y) -> (mean loss, dx)."""

# ruff: noqa: RUF059
# Deliberately bad code: answers as they are handed in.

from __future__ import annotations

import numpy as np

from .model import Correct, Mutant

L = "svm"


def right(x, y):
    N = x.shape[0]
    correct = x[np.arange(N), y]
    margins = np.maximum(0, x - correct[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    num_pos = np.sum(margins > 0, axis=1)
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= num_pos
    dx /= N
    return loss, dx


def pieces(x, y, delta=1.0):
    N = x.shape[0]
    margins = np.maximum(0, x - x[np.arange(N), y][:, None] + delta)
    margins[np.arange(N), y] = 0
    return N, margins, (margins > 0).astype(float)


def correct_class_missing(x, y):
    N, margins, active = pieces(x, y)
    return margins.sum() / N, active / N


def correct_class_minus_one(x, y):
    N, margins, active = pieces(x, y)
    active[range(N), y] = -1
    return margins.sum() / N, active / N


def margin_for_indicator(x, y):
    N, margins, _ = pieces(x, y)
    dx = margins.copy()
    dx[range(N), y] -= margins.sum(axis=1)
    return margins.sum() / N, dx / N


def not_averaged(x, y):
    loss, dx = right(x, y)
    return loss, dx * len(x)


def correct_class_counted(x, y):
    N = x.shape[0]
    margins = np.maximum(0, x - x[range(N), y][:, None] + 1)
    _, dx = right(x, y)
    return margins.sum() / N, dx


def correct_class_counted_in_dx(x, y):
    N, margins, active = pieces(x, y)
    active[range(N), y] = 1
    active[range(N), y] = -active.sum(axis=1)
    return margins.sum() / N, active / N


def correct_class_plus_count(x, y):
    N, margins, active = pieces(x, y)
    active[range(N), y] = active.sum(axis=1)
    return margins.sum() / N, active / N


def count_over_batch(x, y):
    N, margins, active = pieces(x, y)
    count = active.sum()
    active[range(N), y] = -count / N
    return margins.sum() / N, active / N


def wrong_rows_only_worst(x, y):
    N, margins, _ = pieces(x, y)
    dx = np.zeros_like(x)
    worst = margins.argmax(axis=1)
    dx[range(N), worst] = 1
    dx[range(N), y] -= 1
    return margins.sum() / N, dx / N


def sign(x, y):
    loss, dx = right(x, y)
    return loss, -dx


def margin_forgotten(x, y):
    N, margins, active = pieces(x, y, delta=0.0)
    active[range(N), y] = -active.sum(axis=1)
    return margins.sum() / N, active / N


def squared_both(x, y):
    N, margins, _ = pieces(x, y)
    dx = 2 * margins
    dx[range(N), y] = -dx.sum(axis=1)
    return np.sum(margins**2) / N, dx / N


def margin_of_two_both(x, y):
    N, margins, active = pieces(x, y, delta=2.0)
    active[range(N), y] = -active.sum(axis=1)
    return margins.sum() / N, active / N


def loss_summed(x, y):
    loss, dx = right(x, y)
    return loss * len(y), dx


def loss_per_row(x, y):
    N, margins, _ = pieces(x, y)
    return margins.sum(axis=1) / N, right(x, y)[1]


def integer_gradient(x, y):
    N, margins, active = pieces(x, y)
    active = active.astype(int)
    active[range(N), y] = -active.sum(axis=1)
    return margins.sum() / N, active


def boolean_mask(x, y):
    N, margins, _ = pieces(x, y)
    return margins.sum() / N, margins > 0


def zero_gradient(x, y):
    return right(x, y)[0], np.zeros(x.shape)


def last_row_forgotten(x, y):
    loss, dx = right(x, y)
    dx[-1] = 0
    return loss, dx


def divided_by_classes(x, y):
    loss, dx = right(x, y)
    return loss, dx * x.shape[0] / x.shape[1]


def batch_of_7(x, y):
    N, margins, active = pieces(x, y)
    active[range(N), y] = -active.sum(axis=1)
    return margins.sum() / 7, active / 7


def half(x, y):
    loss, dx = right(x, y)
    return loss, dx / 2


def name_error(x, y):
    loss, dx = right(x, y)
    return loss, dscores / len(x)  # noqa: F821


def stub(x, y):
    loss = None
    dx = None
    return loss, dx


def loss_alone(x, y):
    return (right(x, y)[0],)


def nudged(x, y):
    loss, dx = right(x, y)
    return loss, dx + 1e-4


def softmax_instead(x, y):
    loss, _ = right(x, y)
    N = len(x)
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[range(N), y] -= 1
    return loss, p / N


def M(name, says, cause, params, f, **more):
    return Mutant(name, L, says, cause, params, loss=f, **more)


DX, LOSS, BOTH = ("dx",), ("loss",), ("loss", "dx")

MUTANTS = (
    M("correct-class-missing", "nothing subtracted at the correct class", "correct-class-missing", DX,
      correct_class_missing, also=("missing-path:correct class",)),
    M("correct-class-minus-one", "-1 for minus the count", "correct-class-minus-one", DX,
      correct_class_minus_one),
    M("margin-for-indicator", "the margins where 1 belongs", "margin-for-indicator", DX,
      margin_for_indicator),
    M("dx-not-averaged", "dx without 1/N", "multiplied-by-N", DX, not_averaged),
    M("correct-class-counted", "the correct class adds 1 to each row's loss", "correct-class-counted", LOSS,
      correct_class_counted),
    M("correct-class-counted-in-dx", "the count includes the correct class", "correct-class-counted", DX,
      correct_class_counted_in_dx),
    M("correct-class-plus-count", "plus the count", "sign-of-path:correct class", DX,
      correct_class_plus_count),
    M("count-over-batch", "the batch's mean count for each row's", None, DX, count_over_batch,
      also=("some-entries",)),
    M("only-the-worst", "the largest margin's class alone", "worst-class-only", DX, wrong_rows_only_worst),
    M("dx-sign", "minus dx", "sign", DX, sign),
    M("margin-forgotten-both", "no + 1, loss and gradient", "own-forward", LOSS, margin_forgotten),
    M("squared-both", "squared hinge, loss and gradient", "own-forward", LOSS, squared_both),
    M("margin-of-two-both", "margin 2, loss and gradient", "own-forward", LOSS, margin_of_two_both),
    M("loss-summed", "loss not divided by N", "loss-not-averaged", LOSS, loss_summed,
      also=("multiplied-by-N",)),
    M("loss-per-row", "a loss for each row", "unsummed-broadcast", LOSS, loss_per_row, also=("wrong-shape",)),
    M("dx-integers", "integer counts, never divided", "wrong-dtype", DX, integer_gradient,
      also=("multiplied-by-N",)),
    M("dx-boolean", "returned the mask", "wrong-dtype", DX, boolean_mask),
    M("dx-zero", "dx stays zeros", "all-zero", DX, zero_gradient),
    M("last-row-forgotten", "range(N - 1)", "some-rows", DX, last_row_forgotten),
    M("divided-by-classes", "C for N", "classes-for-samples", DX, divided_by_classes),
    M("batch-of-7", "N hard-coded to 7", None, BOTH, batch_of_7, shows="N not 7", also=("own-forward",)),
    M("dx-half", "a stray half", "halved", DX, half),
    M("name-error", "an undefined name", "raised", BOTH, name_error),
    M("stub", "the untouched stub", "not-attempted", BOTH, stub),
    M("loss-alone", "a tuple of one", "arity", BOTH, loss_alone),
    M("dx-nudged", "1e-4 added", None, DX, nudged),
    M("softmax-instead", "the softmax gradient", None, DX, softmax_instead),
)  # fmt: skip


def c_loops(x, y):
    N, C = x.shape
    loss, dx = 0.0, np.zeros(x.shape)
    for i in range(N):
        for j in range(C):
            if j == y[i]:
                continue
            margin = x[i, j] - x[i, y[i]] + 1
            if margin > 0:
                loss += margin
                dx[i, j] += 1 / N
                dx[i, y[i]] -= 1 / N
    return loss / N, dx


def c_one_hot(x, y):
    N, C = x.shape
    hot = np.eye(C)[y]
    raw = (x - (x * hot).sum(axis=1, keepdims=True) + 1) * (1 - hot)
    on = np.where(raw > 0, 1.0, 0.0)
    return float((raw * on).sum() / N), (on - on.sum(axis=1, keepdims=True) * hot) / N


def c_minus_one(x, y):
    N = len(x)
    margins = np.clip(x - np.choose(y, x.T).reshape(-1, 1) + 1, 0, None)
    loss = margins.sum() / N - 1
    binary = margins
    binary[margins > 0] = 1
    binary[np.arange(N), y] = 0
    binary[np.arange(N), y] = -np.sum(binary, axis=1)
    return loss, binary / N


def c_kink(x, y):
    N = x.shape[0]
    raw = x - x[range(N), y][:, None] + 1
    raw[range(N), y] = -1
    on = (raw >= 0) * 1.0
    on[range(N), y] = -on.sum(axis=1)
    return np.array(raw[raw >= 0].sum() / N), on / N


def c_float32(x, y):
    loss, dx = right(x, y)
    return np.float32(loss), dx.astype("float32")


def C(name, says, f, **more):
    return Correct(name, L, says, loss=f, **more)


CORRECT = (
    C("plain", "vectorised, index assignment", right),
    C("loops", "two loops", c_loops),
    C("one-hot", "one-hot products, a Python float", c_one_hot),
    C("minus-one", "counts the correct class and subtracts it again", c_minus_one),
    C("kink-at-one", "1 at the kink, a 0-d loss", c_kink),
    C("float32", "both in float32", c_float32, warnings=("float32",)),
)  # fmt: skip
