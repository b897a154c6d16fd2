from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from autograd import make_vjp
from autograd import numpy as anp

from handgrad.layers import Case, Layer

SLUG = "batchnorm"


def by_loops(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> tuple[Any, list[float], list[float]]:
    """The output and the new running statistics, one number at a time."""
    N, D = x.shape
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    old_mean = bn_param.get("running_mean", [0.0] * D)
    old_var = bn_param.get("running_var", [0.0] * D)
    out, new_mean, new_var = np.empty((N, D)), [], []
    for d in range(D):
        if bn_param["mode"] == "test":
            mean, var = old_mean[d], old_var[d]
        else:
            mean = math.fsum(x[:, d]) / N
            var = math.fsum((value - mean) ** 2 for value in x[:, d]) / N
            new_mean.append(momentum * old_mean[d] + (1 - momentum) * mean)
            new_var.append(momentum * old_var[d] + (1 - momentum) * var)
        for n in range(N):
            out[n, d] = gamma[d] * (x[n, d] - mean) / math.sqrt(var + eps) + beta[d]
    return out, new_mean, new_var


def test_the_output_and_the_running_statistics_agree_with_loops(
    layer: Layer, case: Case, draw: Any, agree: Any
) -> None:
    inputs = draw(case)
    expected, mean, var = by_loops(**copy.deepcopy(inputs))
    before = copy.deepcopy(inputs["bn_param"])
    out, _ = layer.forward(**inputs)
    agree(out, expected)
    after = inputs["bn_param"]
    if before["mode"] == "train":
        agree(after.pop("running_mean"), mean)
        agree(after.pop("running_var"), var)
        before.pop("running_mean", None)
        before.pop("running_var", None)
    assert repr(after) == repr(before), "nothing else in bn_param changes"


def test_the_gradients_agree_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x, gamma, beta, bn_param = draw(train_case).values()
    eps = bn_param.get("eps", 1e-5)
    out, cache = layer.forward(x, gamma, beta, bn_param)
    dout = np.random.default_rng(5).normal(size=out.shape)

    def forward(inputs: Any) -> Any:
        x, gamma, beta = inputs
        return gamma * (x - anp.mean(x, axis=0)) * (anp.var(x, axis=0) + eps) ** -0.5 + beta

    expected = make_vjp(forward)((x, gamma, beta))[0](dout)
    for got, right in zip(layer.backward(dout, cache), expected, strict=True):
        agree(got, right)


def test_every_column_comes_out_with_mean_beta_and_deviation_gamma(layer: Layer, draw: Any) -> None:
    x, gamma, beta, _ = draw(layer.cases[0]).values()
    out, _ = layer.forward(x, gamma, beta, {"mode": "train", "eps": 0.0})
    np.testing.assert_allclose(out.mean(axis=0), beta, rtol=0, atol=1e-14)
    np.testing.assert_allclose(out.std(axis=0), gamma, rtol=1e-14)


def test_the_gradient_of_x_sums_to_zero_over_the_batch(layer: Layer, train_case: Case, draw: Any) -> None:
    out, cache = layer.forward(**draw(train_case))
    dx, _, _ = layer.backward(np.random.default_rng(5).normal(size=out.shape), cache)
    assert np.abs(dx.sum(axis=0)).max() < 1e-14 * np.abs(dx).max() * len(dx)


def test_a_constant_feature_gives_beta(layer: Layer) -> None:
    out, cache = layer.forward(np.full((4, 1), 2.5), np.array([3.0]), np.array([0.5]), {"mode": "train"})
    assert out.tolist() == [[0.5]] * 4
    dx, _, _ = layer.backward(np.array([[4.0], [0.0], [0.0], [0.0]]), cache)
    np.testing.assert_allclose(dx[:, 0], 3 / math.sqrt(1e-5) * np.array([3.0, -1.0, -1.0, -1.0]), rtol=1e-14)


def test_the_defaults_are_those_of_cs231n(layer: Layer, draw: Any) -> None:
    x, gamma, beta, _ = draw(layer.cases[0]).values()
    short: dict[str, Any] = {"mode": "train"}
    full = {
        "mode": "train",
        "eps": 1e-5,
        "momentum": 0.9,
        "running_mean": np.zeros(x.shape[1]),
        "running_var": np.zeros(x.shape[1]),
    }
    out, _ = layer.forward(x, gamma, beta, short)
    same, _ = layer.forward(x, gamma, beta, full)
    assert np.array_equal(out, same)
    assert np.array_equal(short["running_mean"], full["running_mean"])
    np.testing.assert_allclose(short["running_mean"], 0.1 * x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(short["running_var"], 0.1 * x.var(axis=0), rtol=1e-14)


def test_running_statistics_approach_those_of_a_repeated_batch(layer: Layer, draw: Any) -> None:
    x, gamma, beta, bn_param = draw(layer.cases[0]).values()
    for _ in range(400):
        layer.forward(x, gamma, beta, bn_param)
    trained, _ = layer.forward(x, gamma, beta, bn_param)
    tested, _ = layer.forward(x, gamma, beta, {**bn_param, "mode": "test"})
    np.testing.assert_allclose(tested, trained, rtol=1e-12)


def test_old_running_statistics_are_replaced_not_written_into(layer: Layer, draw: Any) -> None:
    x, gamma, beta, bn_param = draw(layer.cases[0]).values()
    mean, var = bn_param["running_mean"], bn_param["running_var"]
    kept = mean.copy(), var.copy()
    layer.forward(x, gamma, beta, bn_param)
    assert np.array_equal(mean, kept[0])
    assert np.array_equal(var, kept[1])


@pytest.mark.parametrize(
    ("bn_param", "shown"), [({}, "None"), ({"mode": "Train"}, "'Train'"), ({"mode": 3}, "3")]
)
def test_a_mode_that_does_not_exist_is_refused_by_name(layer: Layer, bn_param: Any, shown: str) -> None:
    message = rf"batchnorm\.forward: bn_param\['mode'\] must be 'train' or 'test', got {shown}$"
    with pytest.raises(ValueError, match=message):
        layer.forward(np.ones((3, 2)), np.ones(2), np.ones(2), bn_param)


def test_the_case_near_eps_has_a_variance_near_eps(layer: Layer, draw: Any) -> None:
    case = next(case for case in layer.cases if case.name == "variance near eps")
    for seed in range(20):
        x = layer.sample(np.random.default_rng(seed), case.sizes, **case.options)["x"]
        ratio = x.var(axis=0) / 1e-5
        assert ((ratio > 0.05) & (ratio < 5)).all()
