from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from autograd import elementwise_grad
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "tanh"


def test_the_output_is_the_hyperbolic_tangent(layer: Layer, case: Case, draw: Any, agree: Any) -> None:
    x = draw(case)["x"]
    out, _ = layer.forward(x)
    expected = [(math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v)) for v in x.ravel()]
    agree(out, np.reshape(expected, x.shape))


def test_the_gradient_agrees_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x = draw(train_case)["x"]
    dout = np.random.default_rng(5).normal(size=x.shape)
    _, cache = layer.forward(x)
    slope = elementwise_grad(lambda x: (anp.exp(2 * x) - 1) / (anp.exp(2 * x) + 1))(x)
    agree(layer.backward(dout, cache), dout * slope)


def test_the_cache_is_the_output(layer: Layer, draw: Any) -> None:
    out, cache = layer.forward(draw(layer.cases[0])["x"])
    assert np.array_equal(out, cache)


def test_it_saturates_without_a_warning(layer: Layer) -> None:
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        out, cache = layer.forward(np.array([-1000.0, 0.0, 1000.0]))
        dx = layer.backward(np.full(3, 2.0), cache)
    assert out.tolist() == [-1.0, 0.0, 1.0]
    assert dx.tolist() == [0.0, 2.0, 0.0]


def test_an_input_of_rank_zero_is_an_input(layer: Layer) -> None:
    out, cache = layer.forward(np.array(0.0))
    assert np.shape(out) == ()
    assert layer.backward(np.array(4.0), cache) == 4.0
