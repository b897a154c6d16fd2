from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from autograd import make_vjp
from autograd import numpy as anp

from handgrad import check
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


def written_out(
    start: float = 0.0,
    fed: Callable[[Any, float], Any] = lambda var, eps: var,
    updates_in_test: bool = False,
    before_use: bool = False,
) -> Callable[..., Any]:
    """A forward written out in full, with one thing that may be wrong."""

    def forward(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> tuple[Any, None]:
        eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
        old_mean = bn_param.get("running_mean", np.zeros(x.shape[1]))
        old_var = bn_param.get("running_var", np.full(x.shape[1], start))
        mean, var = np.mean(x, axis=0), np.var(x, axis=0)
        new_mean = momentum * old_mean + (1 - momentum) * mean
        new_var = momentum * old_var + (1 - momentum) * fed(var, eps)
        testing = bn_param["mode"] == "test"
        if testing:
            mean, var = (new_mean, new_var) if before_use else (old_mean, old_var)
        if not testing or updates_in_test:
            bn_param.update(running_mean=new_mean, running_var=new_var)
        return gamma * (x - mean) / np.sqrt(var + eps) + beta, None

    return forward


def test_the_forward_written_out_is_right_without_a_mistake() -> None:
    report = check("batchnorm", forward=written_out())
    assert (report.parts["out"], report.parts["bn_param"]) == ("right", "right"), str(report)


FED_ROOT = "the running variance was fed the standard deviation: it averages variances"


@pytest.mark.parametrize(
    ("mistake", "cause", "words"),
    [
        ({"start": 1.0}, "running-variance-starts-at-one", "the running variance started at ones"),
        ({"fed": lambda var, eps: np.sqrt(var + eps)}, "running-variance-std", FED_ROOT),
        ({"fed": lambda var, eps: np.sqrt(var)}, "running-variance-std", FED_ROOT),
        (
            {"fed": lambda var, eps: var + eps},
            "running-variance-with-eps",
            "eps was averaged into the running",
        ),
        ({"updates_in_test": True}, "updated-in-test-mode", "running_mean changed in test mode"),
        (
            {"fed": lambda var, eps: 1.5 * var},
            None,
            "the weights of the old value and of the batch's add up to 1.05, and not to 1",
        ),
        ({"fed": lambda var, eps: 0 * var}, None, "0.9 times the old value: the batch's share is missing"),
        ({"fed": lambda var, eps: var**2}, None, "no known cause fits"),
    ],
)
def test_what_is_wrong_in_the_running_averages_alone_gets_its_name(
    mistake: dict[str, Any], cause: str | None, words: str
) -> None:
    report = check("batchnorm", forward=written_out(**mistake))
    assert (report.parts["out"], report.parts["bn_param"]) == ("right", "wrong")
    assert [(f.param, f.cause) for f in report.findings] == [("bn_param", cause)]
    assert words in str(report)


def test_averages_updated_before_their_use_in_test_mode_are_named_in_both_values() -> None:
    report = check("batchnorm", forward=written_out(updates_in_test=True, before_use=True))
    found = [(f.param, f.cause, f.case) for f in report.findings]
    assert found == [(param, "updated-in-test-mode", "test mode") for param in ("out", "bn_param")]
    assert "test mode updated the running averages before it used them" in report.findings[0].message


GRADIENTS = ("dx", "dgamma", "dbeta")


def backward_with(layer: Layer, **wrong: Callable[..., Any]) -> Callable[..., Any]:
    """A backward that is right but for the gradients of these names, functions of dout and the cache's arrays."""

    def backward(dout: Any, cache: Any) -> Any:
        grads = dict(zip(GRADIENTS, layer.backward(dout, cache), strict=True))
        grads |= {name: function(dout, *cache) for name, function in wrong.items()}
        return tuple(grads.values())

    return backward


def folded(own: Any, shared: Any, outside: Any, inside: Any) -> Any:
    return own - shared.mean(axis=0) - outside * (shared * inside).mean(axis=0)


def test_the_gradients_written_out_are_right_without_a_mistake(layer: Layer) -> None:
    dx = lambda dout, x, x_hat, mean, std, gamma: folded(gamma * dout, gamma * dout, x_hat, x_hat) / std  # noqa: E731
    assert check("batchnorm", backward=backward_with(layer, dx=dx)).ok


@pytest.mark.parametrize(
    ("what", "wrong", "cause", "words"),
    [
        (
            "dx",
            lambda d, x, h, m, s, g: folded(g * d, g * d, h, h),
            "missing-std",
            "not divided by the standard",
        ),
        ("dx", lambda d, x, h, m, s, g: g * d, "stops-at-x-hat", "from there back to x is missing"),
        ("dx", lambda d, x, h, m, s, g: d.copy(), "dout-passed-on", "dx is dout unchanged"),
        (
            "dx",
            lambda d, x, h, m, s, g: folded(g * d, d, h, h) / s,
            "gamma-on-direct-path-alone",
            "start from gamma times dout",
        ),
        (
            "dx",
            lambda d, x, h, m, s, g: folded(g * d / s, g * d, h, h),
            "std-on-direct-path-alone",
            "mean and variance need it, too",
        ),
        (
            "dx",
            lambda d, x, h, m, s, g: folded(g * d, g * d, x - m, h) / s,
            "variance-path-uses-centred-x",
            "x minus its mean where the normalised x belongs",
        ),
        (
            "dx",
            lambda d, x, h, m, s, g: folded(g * d, g * d, x - m, x - m) / s,
            "variance-path-uses-centred-x",
            "x minus its mean, twice",
        ),
        ("dx", lambda d, x, h, m, s, g: folded(g * d, g * d, x, x) / s, None, "no known cause fits"),
        (
            "dx",
            lambda d, x, h, m, s, g: folded(g * d, g * d, (x - m) / x.std(0), (x - m) / x.std(0)) / x.std(0),
            "eps-missing",
            "eps is missing from dx",
        ),
        ("dgamma", lambda d, x, h, m, s, g: g * (d * h).sum(0), "dgamma-times-gamma", "multiplied by gamma"),
        ("dgamma", lambda d, x, h, m, s, g: d.sum(0), "dgamma-without-x-hat", "the sum of dout alone"),
        ("dgamma", lambda d, x, h, m, s, g: g * d.sum(0), "dgamma-without-x-hat", "is dbeta times gamma"),
        ("dgamma", lambda d, x, h, m, s, g: (d * h).sum(0) / s, None, "no known cause fits"),
        ("dbeta", lambda d, x, h, m, s, g: g * d.sum(0), "dbeta-times-gamma", "beta is only added"),
        ("dbeta", lambda d, x, h, m, s, g: (d * h).sum(0), "dbeta-with-x-hat", "as dgamma is"),
    ],
)
def test_one_wrong_gradient_gets_its_name_and_the_others_are_right(
    layer: Layer, what: str, wrong: Callable[..., Any], cause: str | None, words: str
) -> None:
    report = check("batchnorm", backward=backward_with(layer, **{what: wrong}))
    assert [(f.param, f.cause) for f in report.findings] == [(what, cause)]
    assert words in str(report)


def test_dgamma_and_dbeta_in_the_other_order_are_told_as_such(layer: Layer) -> None:
    def swapped(dout: Any, cache: Any) -> Any:
        dx, dgamma, dbeta = layer.backward(dout, cache)
        return dx, dbeta, dgamma

    report = check("batchnorm", backward=swapped)
    assert [f.cause for f in report.findings] == ["permuted"]
    assert "return them as (dx, dgamma, dbeta)" in str(report)


def test_a_forward_without_gamma_is_named(layer: Layer) -> None:
    report = check("batchnorm", forward=lambda x, g, b, p: (layer.forward(x, g / g, b, p)[0], None))
    assert [(f.param, f.cause) for f in report.findings] == [("out", "missing-gamma")]
    assert "before beta is added" in str(report)


@pytest.mark.parametrize(("kept", "times"), [(0.4, "6"), (0.0, "10"), (0.95, "0.5")])
def test_another_momentum_is_told_by_the_share_of_the_batch(layer: Layer, kept: float, times: str) -> None:
    def forward(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> Any:
        theirs = {**bn_param, "momentum": kept}
        out = layer.forward(x, gamma, beta, theirs)
        bn_param.update({key: theirs[key] for key in ("running_mean", "running_var") if key in theirs})
        return out

    report = check("batchnorm", forward=forward)
    assert [(f.param, f.cause) for f in report.findings] == [("bn_param", None)]
    assert f"the batch's share is {times} times what it should be, and the old value has the rest" in str(
        report
    )


@pytest.mark.parametrize(
    "value", [np.array([None] * 5), np.full(5, np.nan), np.ones(5, dtype=int), "no", np.ones(4)]
)
def test_an_odd_running_average_is_refused_without_words_about_weights(layer: Layer, value: Any) -> None:
    def forward(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> Any:
        out = layer.forward(x, gamma, beta, bn_param)
        bn_param["running_var"] = value
        return out

    report = check("batchnorm", forward=forward)
    assert report.parts["bn_param"] == "wrong"
    assert "weights" not in str(report)
    assert "share" not in str(report)
