from __future__ import annotations

from typing import Any

import numpy as np
from autograd import grad
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "linear_regression"


def test_the_loss_is_half_the_mean_of_the_squares(layer: Layer, case: Case, draw: Any, agree: Any) -> None:
    theta, X, y = draw(case).values()
    N, D = X.shape
    total = 0.0
    for n in range(N):
        prediction = sum(X[n, d] * theta[d, 0] for d in range(D))
        total += (prediction - y[n, 0]) ** 2 / 2
    agree(layer.loss(theta, X, y)[0], total / N)


def test_the_gradient_agrees_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    theta, X, y = draw(train_case).values()

    def loss(theta: Any) -> Any:
        return 0.5 * anp.mean((anp.dot(X, theta) - y) ** 2)

    agree(layer.loss(theta, X, y)[1], grad(loss)(theta))


def test_a_worked_example_comes_out_exactly(layer: Layer) -> None:
    # Predictions 5 and 11 against targets 4 and 13: residuals 1 and -2.
    X, theta, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [2.0]]), np.array([[4.0], [13.0]])
    value, dtheta = layer.loss(theta, X, y)
    assert value == (1 + 4) / 4
    assert dtheta.tolist() == [[(1 - 6) / 2], [(2 - 8) / 2]]


def test_the_gradient_is_zero_at_the_least_squares_solution(layer: Layer, draw: Any) -> None:
    _, X, y = draw(layer.cases[0]).values()
    best = np.linalg.solve(X.T @ X, X.T @ y)
    assert np.abs(layer.loss(best, X, y)[1]).max() < 1e-14
