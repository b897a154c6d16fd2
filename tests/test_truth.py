"""Joint directions refuse whatever directions of one argument at a time refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from handgrad import check, layers, numeric, truth
from handgrad.layers import Case, Layer
from handgrad.numeric import quiet
from handgrad.truth import Truth

AFFINE = layers.get("affine")


def truth_and_claims(scales: dict[str, float], by_hand: bool = False) -> tuple[Truth, dict[str, Any]]:
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
    return Truth(AFFINE.forward, inputs, dout, out, rng, AFFINE.tangent if by_hand else None), claims


def of_layer(layer: Layer, case: Case) -> tuple[Truth, dict[str, Any]]:
    """The truth at one case of a layer, and the right gradients."""
    rng = np.random.default_rng(1)
    inputs = layer.sample(rng, dict(case.sizes), **case.options)
    if layer.loss is not None:
        out, grads = layer.loss(*inputs.values())
        out, dout = np.asarray(out), np.ones(())
    else:
        assert layer.forward is not None
        assert layer.backward is not None
        out, cache = layer.forward(*inputs.values())
        dout = rng.standard_normal(out.shape)
        grads = layer.backward(dout, cache)
    grads = grads if isinstance(grads, tuple) else (grads,)
    reference = layer.loss or layer.forward
    assert reference is not None
    found = Truth(reference, inputs, dout, out, rng, layer.tangent)
    return found, dict(zip(layer.grads, grads, strict=True))


EVERY_CASE = [
    pytest.param(layer, case, id=f"{layer.slug}, {case.name}")
    for layer in map(layers.get, layers.names())
    for case in layer.cases
    if case.backward and not case.stress
]
TANGENTS = [case for case in EVERY_CASE if case.values[0].tangent]

SCALES = [{}, {"w": 1e3}, {"x": 1e-3}, {"x": 1e4, "w": 1e-4}, {"b": 1e6}]


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("scales", SCALES)
def test_right_gradients_are_right_jointly_and_one_by_one(scales: dict[str, float], by_hand: bool) -> None:
    truth, claims = truth_and_claims(scales, by_hand)
    with quiet():
        assert all(truth.verdict(name, claim, False) == "right" for name, claim in claims.items())
        if (
            "b" not in scales
        ):  # with a bias that large, rounding makes the joint answer doubtful, which is allowed
            assert truth.all_right(claims)


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("name", ["x", "w", "b"])
@pytest.mark.parametrize("error", [1e-7, 1.0, -2.0])
@pytest.mark.parametrize("by_hand", [False, True])
def test_one_wrong_gradient_cannot_hide_behind_larger_ones(
    scales: dict[str, float], name: str, error: float, by_hand: bool
) -> None:
    truth, claims = truth_and_claims(scales, by_hand)
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


@pytest.mark.parametrize("name", ["x", "w", "b"])
@pytest.mark.parametrize("huge", [1e160, 1e300])
def test_a_gradient_whose_size_overflows_is_refused(name: str, huge: float) -> None:
    truth, claims = truth_and_claims({})
    with quiet():
        assert not truth.all_right({**claims, name: huge * claims[name]})
        assert truth.verdict(name, huge * claims[name], single=False) == "wrong"


@pytest.mark.parametrize(("layer", "case"), EVERY_CASE)
def test_every_right_gradient_is_seen_to_be_right_jointly(layer: Layer, case: Case) -> None:
    truth, claims = of_layer(layer, case)
    with quiet():
        assert truth.all_right(claims)


@pytest.mark.parametrize(("layer", "case"), EVERY_CASE)
def test_one_wrong_entry_of_any_gradient_is_refused(layer: Layer, case: Case) -> None:
    truth, claims = of_layer(layer, case)
    for name, claimed in claims.items():
        for entry in range(claimed.size):
            wrong = claimed.copy()
            wrong.flat[entry] += 1e-5 * np.abs(claimed).max()
            with quiet():
                assert not truth.all_right({**claims, name: wrong}), (name, entry)


# ---- directions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7, 4128])
def test_there_are_two_directions_of_different_numbers(count: int) -> None:
    numbers = truth_and_claims({})[0]._numbers(count)
    assert numbers.shape == (truth.DIRECTIONS, count) == (2, count)
    assert len(np.unique(numbers)) == 2 * count


def test_directions_are_uniform_and_independent_of_each_other() -> None:
    one, two = truth_and_claims({})[0]._numbers(200_000) / truth.SPREAD
    for u in (one, two):
        assert abs(u.mean()) < 0.01
        assert abs(u.std() - 1) < 0.01
        assert np.abs(u).max() < 1.74
        assert abs(np.mean(u[1:] * u[:-1])) < 0.01
    assert abs(np.mean(one * two)) < 0.01


# ---- a tangent is not taken on trust -------------------------------------------------------------


def test_affine_has_a_tangent() -> None:
    assert {case.values[0].slug for case in TANGENTS} >= {"affine"}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("layer", "case"), TANGENTS)
def test_a_tangent_is_what_the_complex_step_gives(layer: Layer, case: Case, seed: int) -> None:
    assert layer.tangent is not None
    assert layer.forward is not None
    rng = np.random.default_rng(seed)
    inputs = layer.sample(rng, dict(case.sizes), **case.options)
    moves = {name: numeric.direction(inputs[name], rng) for name in layer.grads}
    moved = {name: inputs[name] + 1e-30j * move for name, move in moves.items()}
    expected = layer.forward(*{**inputs, **moved}.values())[0].imag / 1e-30
    found = layer.tangent(*inputs.values(), *moves.values())
    assert_allclose(found, expected, rtol=0, atol=1e-14 * np.abs(expected).max())


def test_a_wrong_tangent_refuses_no_right_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(AFFINE, tangent=lambda x, w, b, ux, uw, ub: ux.reshape(len(x), -1) @ w + ub)
    found, claims = of_layer(wrong, wrong.cases[0])
    with quiet():
        assert not found.all_right(claims)
    monkeypatch.setattr(layers, "get", lambda slug: wrong)
    assert check("affine", forward=AFFINE.forward, backward=AFFINE.backward).ok


def test_the_tangent_is_what_says_yes() -> None:
    def none(*arguments: Any) -> Any:
        raise AssertionError("the forward was asked")

    found, claims = of_layer(AFFINE, AFFINE.cases[0])
    with quiet():
        assert replace(found, reference=none).all_right(claims)
