"""What the losses of scores and labels share: a mean over the samples, and the mistakes that come with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.layers import Mistake
from handgrad.layers._common import Array

__all__ = ["gradient_is", "mistakes_of_a_mean", "one_hot"]

Loss = Callable[..., tuple[Any, Array]]


def one_hot(x: Array, y: Array) -> Array:
    """1 in the column of each row's label, else 0. x: (N, C), y: (N,) -> (N, C)."""
    rows: Array = np.eye(x.shape[1])[y]
    return rows


def gradient_is(loss: Loss, wrong: Callable[..., Array]) -> Loss:
    """A loss with the right value and the gradient `wrong(x, y)`, or what else the loss takes."""

    def wrong_loss(*given: Any, **named: Any) -> tuple[Any, Array]:
        return loss(*given, **named)[0], wrong(*given, **named)

    return wrong_loss


def mistakes_of_a_mean(loss: Loss) -> tuple[Mistake, ...]:
    """What goes wrong with the 1/N of any loss that is a mean over the N rows of x: (N, C)."""

    def summed(x: Array, y: Array) -> tuple[Any, Array]:
        value, dx = loss(x, y)
        return value * len(x), dx

    def over_all_entries(x: Array, y: Array) -> tuple[Any, Array]:
        value, dx = loss(x, y)
        return value / x.shape[1], dx / x.shape[1]

    return (
        Mistake(
            "multiplied-by-N",
            gradient_is(loss, lambda x, y: len(x) * loss(x, y)[1]),
            ("dx",),
            "the 1/N is missing from dx: the loss is a mean over the samples, so every sample's part of the "
            "gradient carries it.",
            role="loss",
        ),
        Mistake(
            "classes-for-samples",
            gradient_is(loss, lambda x, y: loss(x, y)[1] * (x.shape[0] / x.shape[1])),
            ("dx",),
            "dx was divided by the number of classes C: the loss is a mean over the N samples, so what divides is "
            "N, the number of rows of x.",
            role="loss",
        ),
        Mistake(
            "averaged-over-classes",
            over_all_entries,
            ("loss", "dx"),
            "{what} was divided by N C, the number of all entries: the loss is a mean over the N samples alone.",
            role="loss",
        ),
        Mistake(
            "loss-not-averaged",
            summed,
            ("loss",),
            "the loss is a sum over the samples where a mean is asked for: it grows with the batch.",
            role="loss",
        ),
    )
