from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from autograd import grad
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "softmax"


def test_the_loss_is_the_mean_of_minus_the_logarithms(
    layer: Layer, case: Case, draw: Any, agree: Any
) -> None:
    x, y = draw(case).values()
    total = 0.0
    for n in range(len(x)):
        total -= math.log(math.exp(x[n, y[n]]) / sum(math.exp(score) for score in x[n]))
    agree(layer.loss(x, y)[0], total / len(x))


def test_the_gradient_agrees_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x, y = draw(train_case).values()

    def loss(x: Any) -> Any:
        P = anp.exp(x) / anp.sum(anp.exp(x), axis=1, keepdims=True)
        return -anp.mean(anp.log(P[anp.arange(len(y)), y]))

    agree(layer.loss(x, y)[1], grad(loss)(x))


def test_every_row_of_the_gradient_sums_to_zero(layer: Layer, case: Case, draw: Any) -> None:
    _, dx = layer.loss(**draw(case))
    assert np.abs(dx.sum(axis=1)).max() < 1e-16 * 10


def test_equal_scores_cost_the_logarithm_of_the_number_of_classes(layer: Layer) -> None:
    value, dx = layer.loss(np.full((2, 4), 3.0), np.array([0, 2]))
    assert value == math.log(4)
    assert dx.tolist() == [[-0.375, 0.125, 0.125, 0.125], [0.125, 0.125, -0.375, 0.125]]


def test_scores_near_a_thousand_neither_overflow_nor_warn(layer: Layer) -> None:
    x = np.array([[1000.0, 0.0, -1000.0], [-1000.0, -1000.0, -1000.0]])
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        right, _ = layer.loss(x, np.array([0, 1]))
        wrong, dx = layer.loss(x, np.array([2, 1]))
    assert right == math.log(3) / 2
    assert wrong == (2000 + math.log(3)) / 2
    np.testing.assert_allclose(dx, np.array([[1, 0, -1], [1 / 3, -2 / 3, 1 / 3]]) / 2, rtol=1e-15, atol=0)


def test_a_shift_of_a_row_changes_nothing(layer: Layer, draw: Any, agree: Any) -> None:
    x, y = draw(layer.cases[0]).values()
    value, dx = layer.loss(x, y)
    shifted, dshifted = layer.loss(x + np.arange(len(x))[:, None] * 8.0, y)
    agree(shifted, value)
    agree(dshifted, dx)


def test_each_class_is_a_label_unless_one_is_to_be_absent(layer: Layer, case: Case) -> None:
    for seed in range(20):
        y = layer.sample(np.random.default_rng(seed), case.sizes, **case.options)["y"]
        C = case.sizes["C"]
        expected = set(range(C - 1 if case.options.get("absent") else C))
        assert set(y.tolist()) == expected or case.sizes["N"] < C
        assert np.issubdtype(y.dtype, np.integer)


def test_the_file_has_a_case_with_an_absent_class_and_one_with_every_class(layer: Layer) -> None:
    assert {bool(case.options.get("absent")) for case in layer.cases} == {False, True}
