"""Softmax and cross-entropy at each step of each sample, where a mask says which steps count.

    P_ntc   = exp(x_ntc) / sum_k exp(x_ntk)      each row of classes sums to 1
    loss    = -1/N sum_nt mask_nt log P_nt,y_nt
    dx_ntc  = mask_nt/N (P_ntc - 1 if c is the label y_nt, else P_ntc)

x:    (N, T, C)   scores, one row of classes for each step of each sample
y:    (N, T)      labels, whole numbers from 0 to C - 1
mask: (N, T)      True where a step counts; a sequence that has ended is filled up with steps that do not
loss: ()          a scalar: the sum over all counted steps, divided by the number of samples N
dx:   (N, T, C)

Neither T nor the number of counted steps divides: a longer sequence weighs more. At a step that does not
count, the scores move nothing, so the gradient is 0 there.

Source: `temporal_softmax_loss` of CS231n, assignment 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.layers import Case, Mistake, softmax
from handgrad.layers._common import Array
from handgrad.layers._labelled import gradient_is, one_hot

SHAPES = "x: N T C, y: N T, mask: N T -> loss:"
REDUCTION = (
    "the loss sums over the steps that count and is divided by N alone: dx carries the 1/N where they count"
)
GRADS = ("x",)
SMALLEST = "N=1, two steps of which one counts, and two classes"

Mask = NDArray[np.bool_]
Loss = Callable[[Array, Array, Mask], tuple[Any, Array]]


def loss(x: Array, y: Array, mask: Mask) -> tuple[Any, Array]:
    """Cross-entropy of the steps that count, a sum divided by N, and its gradient.

    loss = -1/N sum_nt mask_nt log P_nt,y_nt;  dx = mask (P - onehot(y)) / N.
    x: (N, T, C), y: (N, T) whole numbers, mask: (N, T) booleans -> loss: (), dx: (N, T, C).
    """
    return _of_counted(softmax.loss)(x, y, mask)


def _of_counted(of_rows: Callable[[Array, Array], tuple[Any, Array]]) -> Loss:
    """A mean loss of rows, (K, C), applied to the K steps that count; the sum of these, over N."""

    def of_steps(x: Array, y: Array, mask: Mask) -> tuple[Any, Array]:
        value, rows = of_rows(x[mask], y[mask])
        each = mask.sum() / len(x)
        return value * each, _placed(rows * each, mask)

    return of_steps


def _placed(rows: Array, mask: Mask) -> Array:
    """Rows (K, C) at the K steps that count, and 0 at the others. (N, T, C)."""
    dx = np.zeros((*mask.shape, rows.shape[1]))
    dx[mask] = rows
    return dx


def sample(
    rng: np.random.Generator,
    sizes: dict[str, Any],
    absent: bool = False,
    full: bool = False,
    scale: float = 1.5,
) -> dict[str, Any]:
    """Random scores x: (N, T, C), labels y: (N, T), and mask: (N, T), which leaves out a third of the steps.

    With two steps or more, each sample has one that counts: an average over none of its steps would be no number.
    Each class is the label of a counted step if there are C of these; with `absent`, the last one never is a
    label. With `full`, every step counts.
    """
    N, T, C = sizes["N"], sizes["T"], sizes["C"]
    used = C - 1 if absent else C
    order = rng.random(size=(N, T))
    order[np.arange(N), order.argmin(axis=1)] -= 1
    mask = (order.ravel().argsort().argsort() < N * T - N * T // 3).reshape(N, T) | full
    counted = mask.sum()
    y = rng.integers(used, size=(N, T))
    y[mask] = rng.permutation((np.arange(counted) + rng.integers(used)) % used)
    return {"x": scale * (rng.normal(size=(N, T, C)) + 0.4), "y": y, "mask": mask}


CASES = (
    # A class that never is a label comes first: otherwise writing to whole columns equals writing everywhere.
    Case("different sizes, one class never a label", {"N": 7, "T": 5, "C": 4}, {"absent": True}),
    Case("every class a label", {"N": 8, "T": 3, "C": 5}),
    Case("one sample", {"N": 1, "T": 4, "C": 3}),
    Case("one step", {"N": 6, "T": 1, "C": 5}),
    Case("square", {"N": 4, "T": 4, "C": 4}),
    Case("two classes", {"N": 5, "T": 3, "C": 2}),
    Case("every step counts", {"N": 5, "T": 2, "C": 3}, {"full": True}),
    Case("scores near 1000", {"N": 7, "T": 5, "C": 4}, {"scale": 1000.0}, stress=True),
)


def _probabilities(x: Array) -> Array:
    rows: Array = softmax.probabilities(x.reshape(-1, x.shape[2]))
    return rows.reshape(x.shape)


def _one_hot(x: Array, y: Array) -> Array:
    return one_hot(x.reshape(-1, x.shape[2]), y.ravel()).reshape(x.shape)


def path_label(x: Array, y: Array, mask: Mask) -> Array:
    """What reaches x by the label's own score in the loss: -1/N at the labels of counted steps. (N, T, C)."""
    return -_one_hot(x, y) * mask[..., None] / len(x)


def path_row_sum(x: Array, y: Array, mask: Mask) -> Array:
    """What reaches x through the logarithm of the row sum: P / N at counted steps. (N, T, C)."""
    return _probabilities(x) * mask[..., None] / len(x)


PATHS = {"dx": {"label": path_label, "row sum": path_row_sum}}


def _scaled(factor: Callable[[Array, Mask], float], value: bool = True, gradient: bool = True) -> Loss:
    """The loss, its gradient or both times `factor(x, mask)`."""

    def wrong_loss(x: Array, y: Array, mask: Mask) -> tuple[Any, Array]:
        right, dx = loss(x, y, mask)
        by = factor(x, mask)
        return right * by if value else right, dx * by if gradient else dx

    return wrong_loss


def _as_if(other: Callable[[Mask], Mask]) -> Loss:
    """The loss and its gradient for another mask."""
    return lambda x, y, mask: loss(x, y, other(mask))


def _each_sample_averaged(x: Array, y: Array, mask: Mask) -> tuple[Any, Array]:
    P, hot, counted = _probabilities(x), _one_hot(x, y), np.maximum(mask.sum(axis=1, keepdims=True), 1)
    weights = (mask / counted)[..., None] / len(x)
    return -np.sum(weights * hot * np.log(P)), weights * (P - hot)


def _normalised_along(axes: tuple[int, ...]) -> Loss:
    """Exponentials divided by their sum along other axes than that of the classes."""

    def wrong_loss(x: Array, y: Array, mask: Mask) -> tuple[Any, Array]:
        exps = np.exp(x - x.real.max(axis=axes, keepdims=True))
        P, hot, counts = exps / exps.sum(axis=axes, keepdims=True), _one_hot(x, y), mask[..., None]
        return -np.sum(counts * hot * np.log(P)) / len(x), counts * (P - hot) / len(x)

    return wrong_loss


def _log_of_more(little: float) -> Loss:
    """The logarithm taken of the probability plus a little."""

    def wrong_loss(x: Array, y: Array, mask: Mask) -> tuple[Any, Array]:
        at_label = (_probabilities(x) * _one_hot(x, y)).sum(axis=2)
        return -np.sum(mask * np.log(at_label + little)) / len(x), loss(x, y, mask)[1]

    return wrong_loss


def _scores_masked(x: Array, y: Array, mask: Mask) -> tuple[Any, Array]:
    every_step = np.ones_like(mask)
    return loss(x * mask[..., None], y, every_step)[0], loss(x, y, mask)[1]


def _mask_on_label(x: Array, y: Array, mask: Mask) -> Array:
    return (_probabilities(x) - _one_hot(x, y) * mask[..., None]) / len(x)


def _mask_on_row_sum(x: Array, y: Array, mask: Mask) -> Array:
    return (_probabilities(x) * mask[..., None] - _one_hot(x, y)) / len(x)


def _columns(x: Array, y: Array, mask: Mask) -> Array:
    dx = _probabilities(x)
    dx[:, :, y] -= 1
    return dx * mask[..., None] / len(x)


def _row_sums_over_batch(x: Array, y: Array, mask: Mask) -> Array:
    every_row: Array = _probabilities(x).sum(axis=(0, 1))
    return (every_row - _one_hot(x, y)) * mask[..., None] / len(x)


# Softmax's own mistakes that stay within a row: made at each step that counts, they are the same mistakes.
_IN_A_ROW = (
    "label-not-subtracted",
    "missing-path:row sum",
    "sign",
    "not-normalised",
    "not-normalised-shifted",
    "label-subtracted-everywhere",
    "argmax-for-label",
    "softmax-as-element-wise",
    "jacobian-diagonal-alone",
    "jacobian-diagonal-less-label",
    "softmax-differentiated-twice",
    "loss-sign",
    "missing-log",
)

MISTAKES = (
    *(
        replace(known, wrong=_of_counted(known.wrong))
        for known in softmax.MISTAKES
        if known.name in _IN_A_ROW
    ),
    Mistake(
        "no-mask",
        _as_if(np.ones_like),
        ("loss", "dx"),
        "{what} takes in the steps that the mask leaves out: they add nothing to the loss, so their scores have "
        "the gradient 0.",
        role="loss",
    ),
    Mistake(
        "mask-inverted",
        _as_if(np.logical_not),
        ("loss", "dx"),
        "{what} is made of the steps that the mask leaves out: a step counts where the mask is True.",
        role="loss",
    ),
    Mistake(
        "mask-on-label-alone",
        gradient_is(loss, _mask_on_label),
        ("dx",),
        "the mask acts on the label's path alone: where a step does not count, its row sum does not reach the loss "
        "either, so all of its row is 0.",
        role="loss",
    ),
    Mistake(
        "mask-on-row-sum-alone",
        gradient_is(loss, _mask_on_row_sum),
        ("dx",),
        "the mask acts on the probabilities alone: where a step does not count, its label does not reach the loss "
        "either, so all of its row is 0.",
        role="loss",
    ),
    Mistake(
        "scores-masked",
        _scores_masked,
        ("loss",),
        "the scores of the steps that do not count were set to 0: that makes all their classes equally probable, and "
        "their terms still stand in the loss.",
        role="loss",
    ),
    *(
        Mistake(
            f"log-of-p-plus-{little:.0e}",
            _log_of_more(little),
            ("loss",),
            f"{little:.0e} was added to the probability before the logarithm: that is another loss. Scores less their "
            "row's maximum need no such number.",
            cause="number-in-logarithm",
            role="loss",
        )
        for little in (1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
    ),
    Mistake(
        "multiplied-by-N",
        _scaled(lambda x, mask: len(x), value=False),
        ("dx",),
        "the 1/N is missing from dx: the whole loss is divided by the number of samples, so each step's part of the "
        "gradient carries it.",
        role="loss",
    ),
    Mistake(
        "loss-not-averaged",
        _scaled(lambda x, mask: len(x), gradient=False),
        ("loss",),
        "the loss is a sum over samples and steps where it is to be divided by the number of samples: it grows with "
        "the batch.",
        role="loss",
    ),
    Mistake(
        "divided-by-T",
        _scaled(lambda x, mask: 1 / x.shape[1]),
        ("loss", "dx"),
        "{what} was divided by N T, the number of all steps: the steps of a sample are added up, and only the N "
        "samples divide.",
        role="loss",
    ),
    Mistake(
        "counted-for-samples",
        _scaled(lambda x, mask: len(x) / mask.sum()),
        ("loss", "dx"),
        "{what} was divided by the number of steps that count: the steps of a sample are added up, and the number of "
        "samples N divides.",
        role="loss",
    ),
    Mistake(
        "averaged-over-own-steps",
        _each_sample_averaged,
        ("loss", "dx"),
        "the steps of each sample were averaged: they are added up, so that a longer sequence weighs more, and only "
        "the number of samples divides.",
        role="loss",
    ),
    Mistake(
        "steps-for-samples",
        _scaled(lambda x, mask: len(x) / x.shape[1]),
        ("loss", "dx"),
        "{what} was divided by the number of steps T in the place of the number of samples N, the first axis of x.",
        role="loss",
    ),
    Mistake(
        "classes-for-samples",
        _scaled(lambda x, mask: len(x) / x.shape[2], value=False),
        ("dx",),
        "dx was divided by the number of classes C: what divides is the number of samples N, the first axis of x.",
        role="loss",
    ),
    Mistake(
        "averaged-over-classes",
        _scaled(lambda x, mask: 1 / x.shape[2]),
        ("loss", "dx"),
        "{what} was divided by the number of classes as well: a step has one term in the loss, and not one for each "
        "class.",
        role="loss",
    ),
    Mistake(
        "normalised-over-batch",
        _normalised_along((0,)),
        ("loss", "dx"),
        "the exponentials were divided by their sum over the samples: probabilities sum to 1 over the classes of one "
        "step, and samples know nothing of each other.",
        role="loss",
    ),
    Mistake(
        "normalised-over-rows",
        _normalised_along((0, 1)),
        ("loss", "dx"),
        "the exponentials were divided by their sum over all samples and steps: probabilities sum to 1 over the "
        "classes of one step.",
        cause="normalised-over-batch",
        role="loss",
    ),
    Mistake(
        "normalised-over-steps",
        _normalised_along((1,)),
        ("loss", "dx"),
        "the exponentials were divided by their sum over the steps: probabilities sum to 1 over the classes of one "
        "step, and steps know nothing of each other.",
        role="loss",
    ),
    Mistake(
        "normalised-over-steps-and-classes",
        _normalised_along((1, 2)),
        ("loss", "dx"),
        "the exponentials were divided by one sum for the whole sample: each step has a row of its own, and its "
        "probabilities sum to 1.",
        role="loss",
    ),
    Mistake(
        "label-subtracted-from-columns",
        gradient_is(loss, _columns),
        ("dx",),
        "1 was subtracted from whole columns: the label of one step changed the gradient of all the others; each step "
        "of each sample has a label of its own.",
        role="loss",
    ),
    Mistake(
        "row-sums-over-batch",
        gradient_is(loss, _row_sums_over_batch),
        ("dx",),
        "the row-sum path was added up over samples and steps, so each row got the same sum of all rows of "
        "probabilities: the gradient of a row's sum goes back to that row alone.",
        role="loss",
    ),
)
