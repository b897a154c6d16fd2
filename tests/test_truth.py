"""Joint directions refuse whatever directions of one argument at a time refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import layers
from handgrad.numeric import quiet
from handgrad.truth import Truth

AFFINE = layers.get("affine")


def truth_and_claims(scales: dict[str, float]) -> tuple[Truth, dict[str, Any]]:
    assert AFFINE.forward is not None
    assert AFFINE.backward is not None
    rng = np.random.default_rng(0)
    inputs = {
        name: scales.get(name, 1.0) * value
        for name, value in AFFINE.sample(rng, dict(AFFINE.cases[1].sizes)).items()
    }
    out, cache = AFFINE.forward(*inputs.values())
    dout = rng.standard_normal(out.shape)
    claims = dict(zip(AFFINE.grads, AFFINE.backward(dout, cache), strict=True))
    return Truth(AFFINE.forward, inputs, dout, out, rng), claims


SCALES = [{}, {"w": 1e3}, {"x": 1e-3}, {"x": 1e4, "w": 1e-4}, {"b": 1e6}]


@pytest.mark.parametrize("scales", SCALES)
def test_right_gradients_are_right_jointly_and_one_by_one(scales: dict[str, float]) -> None:
    truth, claims = truth_and_claims(scales)
    with quiet():
        assert all(truth.verdict(name, claim, False) == "right" for name, claim in claims.items())
        if (
            "b" not in scales
        ):  # with a bias that large, rounding makes the joint answer doubtful, which is allowed
            assert truth.all_right(claims)


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("name", ["x", "w", "b"])
@pytest.mark.parametrize("error", [1e-7, 1.0, -2.0])
def test_one_wrong_gradient_cannot_hide_behind_larger_ones(
    scales: dict[str, float], name: str, error: float
) -> None:
    truth, claims = truth_and_claims(scales)
    with quiet():
        assert not truth.all_right({**claims, name: claims[name] * (1 + error)})


@pytest.mark.parametrize("name", ["x", "w", "b"])
def test_a_gradient_of_zeros_or_one_wrong_entry_is_refused(name: str) -> None:
    truth, claims = truth_and_claims({})
    one = claims[name].copy()
    one.flat[0] += 1e-6
    with quiet():
        assert not truth.all_right({**claims, name: 0 * claims[name]})
        assert not truth.all_right({**claims, name: one})
