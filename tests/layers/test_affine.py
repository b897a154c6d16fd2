from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from autograd import make_vjp
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "affine"


def test_the_output_is_a_weighted_sum_of_a_sample_plus_the_bias(
    layer: Layer, case: Case, draw: Any, agree: Any
) -> None:
    x, w, b = draw(case).values()
    N, M = len(x), len(b)
    expected = np.empty((N, M))
    for n in range(N):
        for m in range(M):
            total = b[m]
            for d, index in enumerate(product(*map(range, x.shape[1:]))):
                total += x[(n, *index)] * w[d, m]
            expected[n, m] = total
    out, _ = layer.forward(x, w, b)
    agree(out, expected)


def test_the_gradients_agree_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x, w, b = draw(train_case).values()
    out, cache = layer.forward(x, w, b)
    dout = np.random.default_rng(5).normal(size=out.shape)

    def forward(inputs: Any) -> Any:
        x, w, b = inputs
        return anp.einsum("nd,dm->nm", anp.reshape(x, (len(x), -1)), w) + anp.outer(anp.ones(len(x)), b)

    expected = make_vjp(forward)((x, w, b))[0](dout)
    for got, right in zip(layer.backward(dout, cache), expected, strict=True):
        agree(got, right)


def test_a_worked_example_comes_out_exactly(layer: Layer) -> None:
    x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0], [4.0, 6.0]]), np.array([10.0, 20.0])
    out, cache = layer.forward(x, w, b)
    assert out.tolist() == [[21.0, 37.0]]
    dx, dw, db = layer.backward(np.array([[1.0, -1.0]]), cache)
    assert dx.tolist() == [[-2.0, -2.0]]
    assert dw.tolist() == [[1.0, -1.0], [2.0, -2.0]]
    assert db.tolist() == [1.0, -1.0]


def test_the_cache_holds_the_three_inputs(layer: Layer, draw: Any) -> None:
    inputs = draw(layer.cases[0])
    _, cache = layer.forward(**inputs)
    assert all(got is given for got, given in zip(cache, inputs.values(), strict=True))


def test_a_size_that_is_not_the_product_of_a_samples_axes_is_refused(layer: Layer) -> None:
    with pytest.raises(ValueError, match=r"affine\.sample: D=7 is not the product of the axes \(2, 3\)"):
        layer.sample(np.random.default_rng(0), {"N": 5, "...": (2, 3), "D": 7, "M": 2})
