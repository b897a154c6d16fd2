from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from autograd import grad
from autograd import numpy as anp

from handgrad import check, layers
from handgrad.layers import Case, Layer

SLUG = "temporal_softmax"


def test_the_loss_is_a_sum_over_the_counted_steps_divided_by_the_samples(
    layer: Layer, case: Case, draw: Any, agree: Any
) -> None:
    x, y, mask = draw(case).values()
    total = 0.0
    for n in range(x.shape[0]):
        for t in range(x.shape[1]):
            if mask[n, t]:
                total -= math.log(math.exp(x[n, t, y[n, t]]) / sum(math.exp(score) for score in x[n, t]))
    agree(layer.loss(x, y, mask)[0], total / len(x))


def test_the_gradient_agrees_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x, y, mask = draw(train_case).values()
    hot = np.eye(x.shape[2])[y] * mask[..., None]

    def loss(x: Any) -> Any:
        P = anp.exp(x) / anp.sum(anp.exp(x), axis=2, keepdims=True)
        return -anp.sum(hot * anp.log(P)) / len(y)

    agree(layer.loss(x, y, mask)[1], grad(loss)(x))


def test_every_row_of_the_gradient_sums_to_zero(layer: Layer, case: Case, draw: Any) -> None:
    _, dx = layer.loss(**draw(case))
    assert np.abs(dx.sum(axis=2)).max() < 1e-16 * 10


def test_where_a_step_does_not_count_its_scores_and_its_label_do_nothing(
    layer: Layer, draw: Any, agree: Any
) -> None:
    x, y, mask = draw(layer.cases[0]).values()
    value, dx = layer.loss(x, y, mask)
    assert not dx[~mask].any()
    other = np.where(mask[..., None], x, 100.0 - x)
    again, dother = layer.loss(other, np.where(mask, y, 0), mask)
    agree(again, value)
    agree(dother, dx)


def test_a_worked_example_comes_out_exactly(layer: Layer) -> None:
    # Two samples of two steps, of which three count; equal scores for two classes: each costs ln 2.
    mask = np.array([[True, True], [True, False]])
    value, dx = layer.loss(np.zeros((2, 2, 2)), np.array([[0, 1], [1, 0]]), mask)
    assert value == pytest.approx(3 * math.log(2) / 2, rel=1e-15)
    assert dx.tolist() == [[[-0.25, 0.25], [0.25, -0.25]], [[0.25, -0.25], [0.0, 0.0]]]


def test_one_step_that_always_counts_is_softmax_itself(layer: Layer, agree: Any) -> None:
    softmax = layers.get("softmax")
    x, y = softmax.sample(np.random.default_rng(3), {"N": 7, "C": 5}).values()
    value, dx = layer.loss(x[:, None], y[:, None], np.ones((7, 1), dtype=bool))
    assert softmax.loss is not None
    expected, gradient = softmax.loss(x, y)
    agree(value, expected)
    agree(dx[:, 0], gradient)


def test_scores_near_a_thousand_neither_overflow_nor_warn(layer: Layer) -> None:
    x = np.array([[[1000.0, 0.0, -1000.0], [-1000.0, -1000.0, -1000.0]]])
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        value, dx = layer.loss(x, np.array([[2, 1]]), np.ones((1, 2), dtype=bool))
    assert value == 2000 + math.log(3)
    np.testing.assert_allclose(dx, [[[1, 0, -1], [1 / 3, -2 / 3, 1 / 3]]], rtol=1e-15, atol=0)


@pytest.mark.parametrize("seed", range(20))
def test_each_class_is_the_label_of_a_counted_step_unless_one_is_to_be_absent(
    layer: Layer, case: Case, seed: int
) -> None:
    _, y, mask = layer.sample(np.random.default_rng(seed), case.sizes, **case.options).values()
    C = case.sizes["C"]
    expected = set(range(C - 1 if case.options.get("absent") else C))
    assert set(y[mask].tolist()) == expected or mask.sum() < C
    assert set(y.ravel().tolist()) <= expected
    assert mask.dtype == np.bool_
    assert mask.all() == bool(case.options.get("full"))
    assert mask.any(axis=1).all() or case.sizes["T"] == 1


def test_what_the_first_case_divides_by_cannot_be_mistaken_for_another_number(layer: Layer) -> None:
    x, _, mask = layer.sample(np.random.default_rng(0), layer.cases[0].sizes).values()
    N, T, C = x.shape
    divisors = [N, T, C, N * T, N * C, T * C, N * T * C, int(mask.sum()), 2 * N, 1]
    assert len(set(divisors)) == len(divisors)


def student(dx: str = "mask[..., None] * (P - Y) / N", value: str = "-(mask * terms).sum() / N") -> Any:
    """A loss written as most would write it: every step is computed, and the mask is multiplied on."""
    text = f"""def loss(x, y, mask):
    N, T, C = x.shape
    n, t = np.arange(N)[:, None], np.arange(T)
    E = np.exp(x - x.max(axis=2, keepdims=True))
    P = E / E.sum(axis=2, keepdims=True)
    Y = np.zeros_like(x)
    Y[n, t, y] = 1
    terms = np.log(P[n, t, y])
    return {value}, {dx}"""
    space: dict[str, Any] = {"np": np}
    exec(text, space)
    return space["loss"]


def test_a_right_answer_is_right_in_every_case() -> None:
    report = check(SLUG, loss=student())
    assert report.ok, str(report)
    assert [f.cause for f in report.findings] == ["overflow"]


@pytest.mark.parametrize(
    ("given", "cause", "words"),
    [
        ({"dx": "(P - Y) / N"}, "no-mask", "dx takes in the steps that the mask leaves out"),
        ({"value": "-terms.sum() / N"}, "no-mask", "loss takes in the steps that the mask leaves out"),
        ({"dx": "~mask[..., None] * (P - Y) / N"}, "mask-inverted", "a step counts where the mask is True"),
        ({"dx": "mask[..., None] * (P - Y)"}, "multiplied-by-N", "the 1/N is missing from dx"),
        ({"dx": "mask[..., None] * (P - Y) / (N * T)"}, "divided-by-T", "dx was divided by N T"),
        (
            {"dx": "mask[..., None] * (P - Y) / mask.sum()"},
            "counted-for-samples",
            "number of steps that count",
        ),
        (
            {"value": "-(mask * terms).sum() / mask.sum()"},
            "counted-for-samples",
            "number of steps that count",
        ),
        ({"value": "-(mask * terms).sum() / (N * T)"}, "divided-by-T", "loss was divided by N T"),
        (
            {"value": "-(mask * terms / mask.sum(axis=1, keepdims=True)).sum() / N"},
            "averaged-over-own-steps",
            "the steps of each sample were averaged",
        ),
        (
            {"dx": "(mask / mask.sum(axis=1, keepdims=True))[..., None] * (P - Y) / N"},
            "averaged-over-own-steps",
            "a longer sequence weighs more",
        ),
        ({"value": "-(mask * terms).sum()"}, "loss-not-averaged", "it grows with the batch"),
        (
            {"value": "-(mask * np.log(P[n, t, y] + 1e-8)).sum() / N"},
            "number-in-logarithm",
            "1e-08 was added to the probability before the logarithm",
        ),
        (
            {"value": "-(mask * np.log(P[n, t, y] + 1e-6)).sum() / N"},
            "number-in-logarithm",
            "need no such number",
        ),
        ({"dx": "mask[..., None] * (P - Y) / C"}, "classes-for-samples", "number of classes C"),
        ({"dx": "(P - mask[..., None] * Y) / N"}, "mask-on-label-alone", "on the label's path alone"),
        ({"dx": "mask[..., None] * P / N"}, "missing-path:label", "the row-sum path alone"),
        ({"dx": "mask[..., None] * P * (1 - P) / N"}, "jacobian-diagonal-alone", "by its own score alone"),
        ({"dx": "np.where(mask[..., None], (P - Y) / N, 0.3)"}, "some-entries", "those where mask is False"),
    ],
)
def test_a_students_mistake_is_named(given: dict[str, str], cause: str, words: str) -> None:
    report = check(SLUG, loss=student(**given))
    assert [f.cause for f in report.findings if f.severity == "error"] == [cause]
    assert words in str(report)


def test_a_scalar_loss_returned_the_other_way_round_is_named() -> None:
    right = student()
    report = check(SLUG, loss=lambda x, y, mask: right(x, y, mask)[::-1])
    assert "returned (dx, loss), expected (loss, dx)" in str(report)


def test_a_mask_changed_in_place_is_a_warning() -> None:
    right = student()

    def careless(x: Any, y: Any, mask: Any) -> Any:
        answer = right(x, y, mask)
        mask[:] = True
        return answer

    report = check(SLUG, loss=careless)
    assert report.ok
    assert "mask was changed in place" in str(report)
