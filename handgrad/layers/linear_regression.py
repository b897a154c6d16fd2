"""Linear regression: half the mean squared error of a linear prediction.

    residual = X theta - y
    loss     = 1/(2N) sum_n residual_n^2
    dtheta   = 1/N X^T residual

theta: (D, 1)   weights
X:     (N, D)   samples as rows
y:     (N, 1)   targets
loss:  ()       a scalar, averaged over the N samples and halved
dtheta: (D, 1)

The half cancels the 2 that the square brings down; the 1/N stays, in the loss and in dtheta.

Source: the course notes of CS229 (Stanford), linear regression, with the mean over 2m of Andrew Ng's
Machine Learning course (m is N here).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake
from handgrad.layers._common import Array

SHAPES = "theta: D 1, X: N D, y: N 1 -> loss:"
REDUCTION = (
    "the loss is the mean over N of half the squared residuals; dtheta sums over N and carries the 1/N"
)
GRADS = ("theta",)


def loss(theta: Array, X: Array, y: Array) -> tuple[Any, Array]:
    """Half the mean squared error, and its gradient.

    loss = 1/(2N) sum_n (X theta - y)_n^2;  dtheta = X^T (X theta - y) / N.
    theta: (D, 1), X: (N, D), y: (N, 1) -> loss: (), dtheta: (D, 1). Mean over N.
    """
    N = X.shape[0]
    residual = X @ theta - y
    value = np.sum(residual**2) / (2 * N)
    dtheta = X.T @ residual / N
    return value, dtheta


def sample(rng: np.random.Generator, sizes: dict[str, Any]) -> dict[str, Any]:
    """Random theta: (D, 1), X: (N, D) with a mean that is not 0, y: (N, 1)."""
    N, D = sizes["N"], sizes["D"]
    return {
        "theta": rng.normal(size=(D, 1)),
        "X": rng.normal(size=(N, D)) + 0.5,
        "y": rng.normal(size=(N, 1)) - 1.0,
    }


CASES = (
    Case("different sizes", {"N": 7, "D": 5}),
    Case("one sample", {"N": 1, "D": 3}),
    Case("square", {"N": 4, "D": 4}),
    Case("more features than samples", {"N": 3, "D": 8}),
    Case("one feature", {"N": 6, "D": 1}),
)


def _gradient_is(wrong: Any) -> Any:
    """A loss with the right value and the gradient `wrong(theta, X, y)`."""

    def wrong_loss(theta: Array, X: Array, y: Array) -> tuple[Any, Array]:
        return loss(theta, X, y)[0], wrong(theta, X, y)

    return wrong_loss


def _value_times(factor: Any) -> Any:
    """A loss with the right gradient and the value multiplied by `factor(N)`."""

    def wrong_loss(theta: Array, X: Array, y: Array) -> tuple[Any, Array]:
        value, dtheta = loss(theta, X, y)
        return value * factor(X.shape[0]), dtheta

    return wrong_loss


def _half_forgotten(theta: Array, X: Array, y: Array) -> tuple[Any, Array]:
    value, dtheta = loss(theta, X, y)
    return 2 * value, 2 * dtheta


def _broadcast_residual(theta: Array, X: Array, y: Array) -> tuple[Any, Array]:
    N = X.shape[0]
    residual = X @ theta - y.reshape(N)
    return np.sum(residual**2) / (2 * N), X.T @ residual / N


MISTAKES = (
    Mistake(
        "doubled",
        _half_forgotten,
        ("loss", "dtheta"),
        "the half is missing: this loss is defined with 1/(2N), so that the 2 from differentiating the square "
        "cancels.",
        role="loss",
    ),
    Mistake(
        "multiplied-by-N",
        _gradient_is(lambda theta, X, y: X.T @ (X @ theta - y)),
        ("dtheta",),
        "the 1/N of the loss is missing from dtheta: the loss is a mean over the samples, so every sample's "
        "part of the gradient carries that 1/N too.",
        role="loss",
    ),
    Mistake(
        "sign",
        _gradient_is(lambda theta, X, y: X.T @ (y - X @ theta) / X.shape[0]),
        ("dtheta",),
        "dtheta has the wrong sign: the residual whose derivative you take is prediction minus target, and a "
        "gradient points uphill (the descent step subtracts it later).",
        role="loss",
    ),
    Mistake(
        "prediction-without-target",
        _gradient_is(lambda theta, X, y: X.T @ (X @ theta) / X.shape[0]),
        ("dtheta",),
        "y does not appear in dtheta: the square's derivative is proportional to the whole residual, not to "
        "the prediction alone.",
        role="loss",
    ),
    Mistake(
        "target-without-prediction",
        _gradient_is(lambda theta, X, y: -X.T @ y / X.shape[0]),
        ("dtheta",),
        "the prediction does not appear in dtheta: the square's derivative is proportional to the whole "
        "residual, not to the target alone.",
        role="loss",
    ),
    Mistake(
        "mean-of-features",
        _gradient_is(lambda theta, X, y: X.mean(axis=0)[:, None] * (X @ theta - y).mean()),
        ("dtheta",),
        "the features and the residuals were averaged separately and then multiplied: the mean of a product "
        "is not the product of the means, each residual belongs with its own row of X.",
        role="loss",
    ),
    Mistake(
        "ignores-residual",
        _gradient_is(lambda theta, X, y: X.mean(axis=0)[:, None]),
        ("dtheta",),
        "dtheta does not depend on the residuals: the prediction was differentiated, but the square around it "
        "was not.",
        role="loss",
    ),
    Mistake(
        "unsummed-broadcast",
        _gradient_is(lambda theta, X, y: X * (X @ theta - y) / X.shape[0]),
        ("dtheta",),
        "dtheta still has one row for every sample: theta is used N times, once a sample, so its N gradients "
        "add up.",
        role="loss",
    ),
    Mistake(
        "flattened",
        _gradient_is(lambda theta, X, y: (X.T @ (X @ theta - y) / X.shape[0]).reshape(-1)),
        ("dtheta",),
        "dtheta lost its axis of size 1: a gradient has exactly the shape of its variable, and theta is a "
        "column.",
        role="loss",
    ),
    Mistake(
        "residual-broadcast",
        _broadcast_residual,
        ("loss", "dtheta"),
        "the residual became an N by N table: a column minus a flat vector is broadcast to every pair, so "
        "each prediction was compared with every target.",
        role="loss",
    ),
    Mistake(
        "loss-not-averaged",
        _value_times(lambda N: N),
        ("loss",),
        "the loss is a sum over the samples where a mean is asked for: it grows with the batch.",
        role="loss",
    ),
)

PATHS: dict[str, Any] = {}
