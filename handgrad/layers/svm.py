"""Multiclass hinge (SVM) loss: the right class must lead every other one by a margin of 1.

    margin_nj = max(0, x_nj - x_n,y_n + 1)      for each class j other than the label
    loss      = 1/N sum_n sum_{j != y_n} margin_nj
    dx_nj     = 1/N          where margin_nj > 0, else 0
    dx_n,y_n  = -1/N times the number of positive margins of row n

x:    (N, C)   scores, one row a sample
y:    (N,)     labels, whole numbers from 0 to C - 1
loss: ()       a scalar, averaged over the N samples
dx:   (N, C)

The label's score appears in every margin of its row, so its gradients add up. Where a margin is exactly
at the kink there is no derivative; the convention here is 0.

Source: `svm_loss` of CS231n, assignments 1 and 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake
from handgrad.layers._common import Array
from handgrad.layers._labelled import gradient_is, mistakes_of_a_mean, one_hot

SHAPES = "x: N C, y: N -> loss:"
REDUCTION = "the loss sums over C and is the mean over N, so every entry of dx carries the 1/N"
GRADS = ("x",)
SMALLEST = "N=1 and two classes"


def loss(x: Array, y: Array) -> tuple[Any, Array]:
    """Mean over the samples of the sum of their margins, and its gradient.

    loss = 1/N sum_n sum_{j != y_n} max(0, x_nj - x_n,y_n + 1);  dx counts the positive margins.
    x: (N, C), y: (N,) whole numbers -> loss: (), dx: (N, C). Mean over N.
    """
    N = x.shape[0]
    margins = _margins(x, y)
    value = np.sum(margins) / N
    dx = (margins.real > 0).astype(float)
    dx[np.arange(N), y] = -dx.sum(axis=1)
    dx /= N
    return value, dx


def _margins(x: Array, y: Array) -> Array:
    """max(0, x - label's score + 1), and 0 at the labels. (N, C)."""
    N = x.shape[0]
    lead = x - x[np.arange(N), y][:, None] + 1
    margins: Array = np.where(lead.real > 0, lead, 0)
    margins[np.arange(N), y] = 0
    return margins


def sample(rng: np.random.Generator, sizes: dict[str, Any], absent: bool = False) -> dict[str, Any]:
    """Random scores x: (N, C) and labels y: (N,); half of the margins are positive, none within 0.1 of 0.

    Each class occurs as a label if N >= C; with `absent`, the last one never does.
    """
    N, C = sizes["N"], sizes["C"]
    used = C - 1 if absent else C
    y = rng.permutation((np.arange(N) + rng.integers(used)) % used)
    signs = rng.permutation(np.where(np.arange(N * C) % 2 == 0, 1.0, -1.0)).reshape(N, C)
    # At least one margin is positive, so that the gradient is not 0.
    signs[0, (y[0] + 1) % C] = 1.0
    label_score = rng.normal(size=(N, 1)) + 0.5
    x = label_score - 1 + signs * rng.uniform(0.1, 2.5, size=(N, C))
    x[np.arange(N), y] = label_score[:, 0]
    return {"x": x, "y": y}


CASES = (
    # A class that never is a label comes first: otherwise writing to whole columns equals writing everywhere.
    Case("different sizes, one class never a label", {"N": 7, "C": 5}, {"absent": True}),
    Case("every class a label", {"N": 8, "C": 3}),
    Case("one sample", {"N": 1, "C": 4}),
    Case("square", {"N": 5, "C": 5}),
    Case("two classes", {"N": 5, "C": 2}),
)


def path_wrong_classes(x: Array, y: Array) -> Array:
    """What reaches the scores of the other classes: 1/N where the margin is positive. (N, C)."""
    return (_margins(x, y) > 0) / len(x)


def path_correct_class(x: Array, y: Array) -> Array:
    """What reaches the label's score: minus the number of positive margins of the row, over N. (N, C)."""
    count: Array = (_margins(x, y) > 0).sum(axis=1, keepdims=True)
    return -count * one_hot(x, y) / len(x)


PATHS = {"dx": {"wrong classes": path_wrong_classes, "correct class": path_correct_class}}


def _minus_one(x: Array, y: Array) -> Array:
    return path_wrong_classes(x, y) - one_hot(x, y) / len(x)


def _margin_for_indicator(x: Array, y: Array) -> Array:
    margins = _margins(x, y)
    total: Array = margins.sum(axis=1, keepdims=True)
    return (margins - total * one_hot(x, y)) / len(x)


def _counted(x: Array, y: Array) -> tuple[Any, Array]:
    value, dx = loss(x, y)
    return value + 1, dx - one_hot(x, y) / len(x)


def _no_margin(x: Array, y: Array) -> tuple[Any, Array]:
    return loss(x - 1 + one_hot(x, y), y)


def _worst_only(x: Array, y: Array) -> tuple[Any, Array]:
    margins = _margins(x, y)
    worst = margins.max(axis=1, keepdims=True)
    dx = ((margins == worst) & (margins > 0)).astype(float)
    dx -= dx.sum(axis=1, keepdims=True) * one_hot(x, y)
    return worst.mean(), dx / len(x)


def _squared(x: Array, y: Array) -> tuple[Any, Array]:
    return np.sum(_margins(x, y) ** 2) / len(x), 2 * _margin_for_indicator(x, y)


MISTAKES = (
    Mistake(
        "correct-class-missing",
        gradient_is(loss, path_wrong_classes),
        ("dx",),
        "dx is 0 at the labels: the label's score appears in each margin of its row with a minus sign, and "
        "that path is missing.",
        cause="missing-path:correct class",
        role="loss",
    ),
    Mistake(
        "missing-path:wrong classes",
        gradient_is(loss, path_correct_class),
        ("dx",),
        "dx is 0 away from the labels: the score of a class whose margin is positive raises the loss, and "
        "that path is missing.",
        role="loss",
    ),
    Mistake(
        "correct-class-minus-one",
        gradient_is(loss, _minus_one),
        ("dx",),
        "the label's entry got a single -1: its score appears in every positive margin of the row, so there "
        "is one such contribution for each of them.",
        role="loss",
    ),
    Mistake(
        "margin-for-indicator",
        gradient_is(loss, _margin_for_indicator),
        ("dx",),
        "dx holds the margins themselves: a positive margin grows exactly as fast as its score, so its slope "
        "does not depend on how large it is.",
        role="loss",
    ),
    Mistake(
        "sign",
        gradient_is(loss, lambda x, y: -loss(x, y)[1]),
        ("dx",),
        "dx has the wrong sign: a higher score for a wrong class raises the loss, so there the gradient is "
        "positive.",
        role="loss",
    ),
    Mistake(
        "correct-class-counted",
        _counted,
        ("loss", "dx"),
        "the label's class was counted as one of its own rivals: against itself it always has a margin of 1, "
        "which is to be left out of the loss and of the count.",
        role="loss",
    ),
    Mistake(
        "margin-of-zero",
        _no_margin,
        ("loss", "dx"),
        "the lead of 1 is missing: a class that is only just behind the label counts as well.",
        role="loss",
    ),
    Mistake(
        "worst-class-only",
        _worst_only,
        ("loss", "dx"),
        "only the largest margin of each row was counted: this loss sums over all the wrong classes.",
        role="loss",
    ),
    Mistake(
        "squared-margins",
        _squared,
        ("loss", "dx"),
        "the margins were squared: this is the hinge loss itself, the squared one is its variant.",
        role="loss",
    ),
    *mistakes_of_a_mean(loss),
)
