from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from autograd import elementwise_grad
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "sigmoid"


def test_the_output_is_the_logistic_function(layer: Layer, case: Case, draw: Any, agree: Any) -> None:
    x = draw(case)["x"]
    out, _ = layer.forward(x)
    expected = [1 / (1 + math.exp(-value)) for value in x.ravel()]
    agree(out, np.reshape(expected, x.shape))


def test_the_gradient_agrees_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x = draw(train_case)["x"]
    dout = np.random.default_rng(5).normal(size=x.shape)
    _, cache = layer.forward(x)
    slope = elementwise_grad(lambda x: 1 / (1 + anp.exp(-x)))(x)
    agree(layer.backward(dout, cache), dout * slope)


def test_the_cache_is_the_output(layer: Layer, draw: Any) -> None:
    out, cache = layer.forward(draw(layer.cases[0])["x"])
    assert np.array_equal(out, cache)


def test_it_is_exact_far_from_zero_on_both_sides_without_a_warning(layer: Layer) -> None:
    x = np.array([-1000.0, -700.0, -40.0, 0.0, 40.0, 1000.0])
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        out, cache = layer.forward(x)
        dx = layer.backward(np.ones(6), cache)
    assert out[0] == 0.0
    np.testing.assert_allclose(out[1], math.exp(-700), rtol=1e-15)
    np.testing.assert_allclose(out[2], math.exp(-40), rtol=1e-15)
    assert out[3] == 0.5
    assert out[4:].tolist() == [1.0, 1.0]
    np.testing.assert_allclose(dx[:4], [0.0, math.exp(-700), math.exp(-40), 0.25], rtol=1e-15)


def test_an_input_of_rank_zero_is_an_input(layer: Layer) -> None:
    out, cache = layer.forward(np.array(0.0))
    assert np.shape(out) == ()
    assert layer.backward(np.array(4.0), cache) == 1.0
