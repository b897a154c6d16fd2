"""Softmax and cross-entropy: scores become probabilities; the loss asks for that of the right class.

    P_nc   = exp(x_nc) / sum_k exp(x_nk)        each row of P sums to 1
    loss   = -1/N sum_n log P_n,y_n
    dx_nc  = 1/N (P_nc - 1 if c is the label y_n, else P_nc)

x:    (N, C)   scores, one row a sample
y:    (N,)     labels, whole numbers from 0 to C - 1
loss: ()       a scalar, averaged over the N samples
dx:   (N, C)

The score of the label reaches the loss on two paths: by itself, and through the row sum that every
class shares. The largest score of a row is subtracted first: P does not change, and exp cannot overflow.

Source: `softmax_loss` of CS231n, assignments 1 and 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake
from handgrad.layers._common import Array
from handgrad.layers._labelled import gradient_is, mistakes_of_a_mean, one_hot

SHAPES = "x: N C, y: N -> loss:"
REDUCTION = "the loss is the mean over N, so every entry of dx carries the 1/N; rows are normalised over C"
GRADS = ("x",)
SMALLEST = "N=1 and two classes"


def loss(x: Array, y: Array) -> tuple[Any, Array]:
    """Mean cross-entropy of the softmax of each row, and its gradient.

    loss = -1/N sum_n log P_n,y_n;  dx = (P - onehot(y)) / N.
    x: (N, C), y: (N,) whole numbers -> loss: (), dx: (N, C). Mean over N.
    """
    N = x.shape[0]
    shifted = x - x.real.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    rowsum = exps.sum(axis=1, keepdims=True)
    value = np.mean(np.log(rowsum[:, 0]) - shifted[np.arange(N), y])
    dx = exps.real / rowsum.real  # the complex step asks for the loss alone
    dx[np.arange(N), y] -= 1
    dx /= N
    return value, dx


def sample(
    rng: np.random.Generator, sizes: dict[str, Any], absent: bool = False, scale: float = 1.5
) -> dict[str, Any]:
    """Random scores x: (N, C) of standard deviation `scale`, and labels y: (N,).

    Each class occurs as a label if N >= C; with `absent`, the last one never does.
    """
    N, C = sizes["N"], sizes["C"]
    used = C - 1 if absent else C
    labels = (np.arange(N) + rng.integers(used)) % used
    return {"x": scale * (rng.normal(size=(N, C)) + 0.4), "y": rng.permutation(labels)}


CASES = (
    # A class that never is a label comes first: otherwise writing to whole columns equals writing everywhere.
    Case("different sizes, one class never a label", {"N": 7, "C": 5}, {"absent": True}),
    Case("every class a label", {"N": 8, "C": 3}),
    Case("one sample", {"N": 1, "C": 4}),
    Case("square", {"N": 5, "C": 5}),
    Case("two classes", {"N": 5, "C": 2}),
    Case("many samples", {"N": 97, "C": 4}),
    Case("scores near 1000", {"N": 7, "C": 5}, {"scale": 1000.0}, stress=True),
)


def probabilities(x: Array) -> Array:
    """The softmax of each row. x: (N, C) -> (N, C)."""
    exps: Array = np.exp(x - x.real.max(axis=1, keepdims=True))
    rowsum: Array = exps.sum(axis=1, keepdims=True)
    return exps / rowsum


def path_label(x: Array, y: Array) -> Array:
    """What reaches x by the label's own score in the loss: -1/N at the labels. (N, C)."""
    return -one_hot(x, y) / len(x)


def path_row_sum(x: Array, y: Array) -> Array:
    """What reaches x through the logarithm of the row sum: P / N. (N, C)."""
    return probabilities(x) / len(x)


PATHS = {"dx": {"label": path_label, "row sum": path_row_sum}}


def _over_batch(x: Array, y: Array) -> tuple[Any, Array]:
    P = probabilities(x.T).T
    label = P[np.arange(x.shape[0]), y]
    return -np.mean(np.log(label)), (P - one_hot(x, y)) / len(x)


def _columns(x: Array, y: Array) -> Array:
    dx = probabilities(x)
    dx[:, y] -= 1
    return dx / len(x)


def _element_wise(x: Array, y: Array) -> Array:
    return one_hot(x, y) * (probabilities(x) - 1) / len(x)


def _diagonal(x: Array) -> Array:
    P = probabilities(x)
    return P * (1 - P)


def _row_sums_over_batch(x: Array, y: Array) -> Array:
    every_row: Array = probabilities(x).sum(axis=0)
    return (every_row - one_hot(x, y)) / len(x)


def _loss_sign(x: Array, y: Array) -> tuple[Any, Array]:
    value, dx = loss(x, y)
    return -value, dx


def _missing_log(x: Array, y: Array) -> tuple[Any, Array]:
    return -np.mean(probabilities(x)[np.arange(x.shape[0]), y]), loss(x, y)[1]


MISTAKES = (
    Mistake(
        "label-not-subtracted",
        gradient_is(loss, path_row_sum),
        ("dx",),
        "dx holds the row-sum path alone: the label's score also enters the loss by itself, and that path is "
        "missing.",
        cause="missing-path:label",
        role="loss",
    ),
    Mistake(
        "missing-path:row sum",
        gradient_is(loss, path_label),
        ("dx",),
        "dx is 0 away from the labels: every score of a row enters the loss through the row sum, and that "
        "path is missing.",
        role="loss",
    ),
    Mistake(
        "sign",
        gradient_is(loss, lambda x, y: -loss(x, y)[1]),
        ("dx",),
        "dx has the wrong sign: a higher score for the right class lowers the loss, so there the gradient is "
        "negative.",
        role="loss",
    ),
    Mistake(
        "not-normalised",
        gradient_is(loss, lambda x, y: (np.exp(x) - one_hot(x, y)) / len(x)),
        ("dx",),
        "the exponentials in dx were not divided by the sum of their row: what stands there has to be a "
        "probability.",
        role="loss",
    ),
    Mistake(
        "not-normalised-shifted",
        gradient_is(loss, lambda x, y: (np.exp(x - x.max(axis=1, keepdims=True)) - one_hot(x, y)) / len(x)),
        ("dx",),
        "the shifted exponentials in dx were not divided by the sum of their row: what stands there has to be "
        "a probability.",
        cause="not-normalised",
        role="loss",
    ),
    Mistake(
        "normalised-over-batch",
        _over_batch,
        ("loss", "dx"),
        "the exponentials were divided by the sum of their column: probabilities sum to 1 over the classes of "
        "one sample, and samples know nothing of each other.",
        role="loss",
    ),
    Mistake(
        "label-subtracted-everywhere",
        gradient_is(loss, lambda x, y: (probabilities(x) - 1) / len(x)),
        ("dx",),
        "1 was subtracted from every probability: only the entry of the label has that second path.",
        role="loss",
    ),
    Mistake(
        "label-subtracted-from-columns",
        gradient_is(loss, _columns),
        ("dx",),
        "1 was subtracted from whole columns: the label of one sample changed the gradient of all the others; "
        "each row has a label of its own.",
        role="loss",
    ),
    Mistake(
        "argmax-for-label",
        gradient_is(loss, lambda x, y: (probabilities(x) - one_hot(x, x.argmax(axis=1))) / len(x)),
        ("dx",),
        "1 was subtracted at the class with the largest score: it belongs at the label, which the network may "
        "have got wrong.",
        role="loss",
    ),
    Mistake(
        "softmax-as-element-wise",
        gradient_is(loss, _element_wise),
        ("dx",),
        "softmax was differentiated as if each probability depended on its own score alone: all the scores of "
        "a row share its sum.",
        role="loss",
    ),
    Mistake(
        "jacobian-diagonal-alone",
        gradient_is(loss, lambda x, y: _diagonal(x) / len(x)),
        ("dx",),
        "p (1 - p) is the slope of a probability by its own score alone: the other scores of its row move it too, "
        "and the slope of the logarithm is missing.",
        role="loss",
    ),
    Mistake(
        "jacobian-diagonal-less-label",
        gradient_is(loss, lambda x, y: (_diagonal(x) - one_hot(x, y)) / len(x)),
        ("dx",),
        "p (1 - p), the slope of a probability by its own score alone, stands where the row-sum path should: that "
        "path brings p itself.",
        cause="jacobian-diagonal-alone",
        role="loss",
    ),
    Mistake(
        "softmax-differentiated-twice",
        gradient_is(loss, lambda x, y: loss(x, y)[1] * _diagonal(x)),
        ("dx",),
        "the right gradient was multiplied by p (1 - p) once more: the slope of softmax is already in it, for it is "
        "the gradient by the scores.",
        role="loss",
    ),
    Mistake(
        "row-sums-over-batch",
        gradient_is(loss, _row_sums_over_batch),
        ("dx",),
        "the row-sum path was added up over the samples, so each row got the same sum of all rows of "
        "probabilities: the gradient of a row's sum goes back to that row alone.",
        role="loss",
    ),
    Mistake(
        "loss-sign",
        _loss_sign,
        ("loss",),
        "the loss is negative: a probability's logarithm is at most 0, and the cross-entropy is minus that.",
        cause="sign",
        role="loss",
    ),
    Mistake(
        "missing-log",
        _missing_log,
        ("loss",),
        "the logarithm is missing from the loss: the cross-entropy is made of log-probabilities.",
        role="loss",
    ),
    *mistakes_of_a_mean(loss),
)
