from __future__ import annotations

from typing import Any

import numpy as np
from autograd import grad
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "svm"


def test_the_loss_is_the_mean_of_the_sums_of_margins(layer: Layer, case: Case, draw: Any, agree: Any) -> None:
    x, y = draw(case).values()
    total = 0.0
    for n in range(len(x)):
        for j in range(x.shape[1]):
            if j != y[n]:
                total += max(0.0, x[n, j] - x[n, y[n]] + 1)
    agree(layer.loss(x, y)[0], total / len(x))


def test_the_gradient_agrees_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x, y = draw(train_case).values()
    others = np.arange(x.shape[1]) != y[:, None]

    def loss(x: Any) -> Any:
        correct = anp.sum(anp.where(others, 0.0, x), axis=1, keepdims=True)
        return anp.sum(anp.where(others, anp.maximum(0, x - correct + 1), 0.0)) / len(y)

    agree(layer.loss(x, y)[1], grad(loss)(x))


def test_a_worked_example_comes_out_exactly(layer: Layer) -> None:
    # Row 0: margins 2 and 0.5. Row 1: the label leads by more than 1.
    x, y = np.array([[2.0, 3.0, 1.5], [0.0, 1.0, 9.0]]), np.array([0, 2])
    value, dx = layer.loss(x, y)
    assert value == 2.5 / 2
    assert dx.tolist() == [[-1.0, 0.5, 0.5], [0.0, 0.0, 0.0]]


def test_a_margin_at_the_kink_has_gradient_zero(layer: Layer) -> None:
    value, dx = layer.loss(np.array([[2.0, 1.0]]), np.array([0]))
    assert value == 0.0
    assert not dx.any()


def test_samples_keep_margins_away_from_the_kink_and_some_positive(layer: Layer, case: Case) -> None:
    for seed in range(50):
        x, y = layer.sample(np.random.default_rng(seed), case.sizes, **case.options).values()
        margins = (x - x[np.arange(len(x)), y][:, None] + 1)[np.arange(x.shape[1]) != y[:, None]]
        assert np.abs(margins).min() > 0.0999
        assert margins.max() > 0


def test_the_first_case_has_a_row_with_several_positive_margins(layer: Layer) -> None:
    for seed in range(50):
        case = layer.cases[0]
        x, y = layer.sample(np.random.default_rng(seed), case.sizes, **case.options).values()
        _, dx = layer.loss(x, y)
        assert dx.min() < -1.5 / len(x)
