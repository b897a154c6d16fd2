from __future__ import annotations

from typing import Any

import numpy as np
from autograd import elementwise_grad
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "relu"


def test_the_output_keeps_what_is_positive(layer: Layer, case: Case, draw: Any) -> None:
    x = draw(case)["x"]
    out, _ = layer.forward(x)
    assert out.ravel().tolist() == [value if value > 0 else 0.0 for value in x.ravel().tolist()]
    assert out.shape == x.shape


def test_the_gradient_agrees_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x = draw(train_case)["x"]
    dout = np.random.default_rng(5).normal(size=x.shape)
    _, cache = layer.forward(x)
    slope = elementwise_grad(lambda x: anp.maximum(0, x))(x)
    agree(layer.backward(dout, cache), dout * slope)


def test_the_gradient_at_the_kink_is_zero(layer: Layer) -> None:
    out, cache = layer.forward(np.array([-1.0, -0.0, 0.0, 1.0]))
    assert out.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert not np.signbit(out).any()
    assert layer.backward(np.full(4, 3.0), cache).tolist() == [0.0, 0.0, 0.0, 3.0]


def test_infinite_inputs_come_out_as_zero_and_infinity(layer: Layer) -> None:
    out, _ = layer.forward(np.array([-np.inf, np.inf]))
    assert out.tolist() == [0.0, np.inf]


def test_samples_lie_on_both_sides_and_away_from_the_kink(layer: Layer, case: Case) -> None:
    for seed in range(50):
        x = layer.sample(np.random.default_rng(seed), case.sizes)["x"]
        assert np.abs(x).min() >= 0.1
        assert x.min() < 0 < x.max()
