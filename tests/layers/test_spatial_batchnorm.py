from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from autograd import make_vjp
from autograd import numpy as anp

from handgrad import check, layers
from handgrad.layers import Case, Layer

SLUG = "spatial_batchnorm"
PIXELS = (0, 2, 3)


def by_loops(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> tuple[Any, list[float], list[float]]:
    """The output and the new running statistics, one channel at a time."""
    N, C, H, W = x.shape
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    old_mean = bn_param.get("running_mean", [0.0] * C)
    old_var = bn_param.get("running_var", [0.0] * C)
    out, new_mean, new_var = np.empty(x.shape), [], []
    for c in range(C):
        pixels = [x[n, c, h, w] for n in range(N) for h in range(H) for w in range(W)]
        if bn_param["mode"] == "test":
            mean, var = old_mean[c], old_var[c]
        else:
            mean = math.fsum(pixels) / len(pixels)
            var = math.fsum((value - mean) ** 2 for value in pixels) / len(pixels)
            new_mean.append(momentum * old_mean[c] + (1 - momentum) * mean)
            new_var.append(momentum * old_var[c] + (1 - momentum) * var)
        out[:, c] = gamma[c] * (x[:, c] - mean) / math.sqrt(var + eps) + beta[c]
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
        centred = x - anp.mean(x, axis=PIXELS, keepdims=True)
        scale = (anp.mean(centred**2, axis=PIXELS, keepdims=True) + eps) ** -0.5
        return anp.reshape(gamma, (-1, 1, 1)) * centred * scale + anp.reshape(beta, (-1, 1, 1))

    expected = make_vjp(forward)((x, gamma, beta))[0](dout)
    for got, right in zip(layer.backward(dout, cache), expected, strict=True):
        agree(got, right)


def test_every_channel_comes_out_with_mean_beta_and_deviation_gamma(layer: Layer, draw: Any) -> None:
    x, gamma, beta, _ = draw(layer.cases[0]).values()
    out, _ = layer.forward(x, gamma, beta, {"mode": "train", "eps": 0.0})
    np.testing.assert_allclose(out.mean(axis=PIXELS), beta, rtol=0, atol=1e-14)
    np.testing.assert_allclose(out.std(axis=PIXELS), gamma, rtol=1e-14)


def test_the_gradient_of_x_sums_to_zero_over_each_channel(layer: Layer, train_case: Case, draw: Any) -> None:
    out, cache = layer.forward(**draw(train_case))
    dx, _, _ = layer.backward(np.random.default_rng(5).normal(size=out.shape), cache)
    assert np.abs(dx.sum(axis=PIXELS)).max() < 1e-14 * np.abs(dx).max() * dx[:, 0].size


def test_one_pixel_is_batch_normalisation(layer: Layer, draw: Any) -> None:
    plain, case = layers.get("batchnorm"), next(c for c in layer.cases if c.name == "one pixel")
    inputs = draw(case)
    same = {**copy.deepcopy(inputs), "x": inputs["x"][:, :, 0, 0]}
    out, cache = layer.forward(**inputs)
    expected, plain_cache = plain.forward(**same)
    assert np.array_equal(out[:, :, 0, 0], expected)
    dout = np.random.default_rng(5).normal(size=out.shape)
    dx, *rest = layer.backward(dout, cache)
    plain_dx, *plain_rest = plain.backward(dout[:, :, 0, 0], plain_cache)
    assert np.array_equal(dx[:, :, 0, 0], plain_dx)
    assert all(np.array_equal(a, b) for a, b in zip(rest, plain_rest, strict=True))


def test_one_sample_has_a_gradient_where_it_has_pixels(layer: Layer) -> None:
    x = np.array([0.0, 0.0, 4.0, 4.0]).reshape(1, 1, 2, 2)
    out, cache = layer.forward(x, np.ones(1), np.zeros(1), {"mode": "train", "eps": 0.0})
    assert out.ravel().tolist() == [-1.0, -1.0, 1.0, 1.0]
    dout = np.array([8.0, 0.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    assert layer.backward(dout, cache)[0].ravel().tolist() == [2.0, -2.0, 0.0, 0.0]


def test_channels_do_not_meet(layer: Layer, draw: Any) -> None:
    inputs = draw(layer.cases[0])
    moved = copy.deepcopy(inputs)
    moved["x"][:, 0] += np.random.default_rng(5).normal(size=moved["x"][:, 0].shape)
    out, other = layer.forward(**inputs)[0], layer.forward(**moved)[0]
    assert np.array_equal(out[:, 1:], other[:, 1:])
    assert not np.isclose(out[:, 0], other[:, 0]).any()


def test_the_running_statistics_have_one_number_a_channel(layer: Layer, draw: Any) -> None:
    x, gamma, beta, _ = draw(layer.cases[0]).values()
    short: dict[str, Any] = {"mode": "train"}
    layer.forward(x, gamma, beta, short)
    np.testing.assert_allclose(short["running_mean"], 0.1 * x.mean(axis=PIXELS), rtol=1e-14)
    np.testing.assert_allclose(short["running_var"], 0.1 * x.var(axis=PIXELS), rtol=1e-14)


def test_old_running_statistics_are_replaced_not_written_into(layer: Layer, draw: Any) -> None:
    x, gamma, beta, bn_param = draw(layer.cases[0]).values()
    mean, var = bn_param["running_mean"], bn_param["running_var"]
    kept = mean.copy(), var.copy()
    layer.forward(x, gamma, beta, bn_param)
    assert np.array_equal(mean, kept[0])
    assert np.array_equal(var, kept[1])


def test_a_mode_that_does_not_exist_is_refused_by_name(layer: Layer) -> None:
    with pytest.raises(ValueError, match=r"bn_param\['mode'\] must be 'train' or 'test', got 'Train'$"):
        layer.forward(np.ones((3, 2, 2, 2)), np.ones(2), np.ones(2), {"mode": "Train"})


def test_the_case_near_eps_has_a_variance_near_eps(layer: Layer) -> None:
    case = next(case for case in layer.cases if case.name == "variance near eps")
    for seed in range(20):
        x = layer.sample(np.random.default_rng(seed), case.sizes, **case.options)["x"]
        ratio = x.var(axis=PIXELS) / 1e-5
        assert ((ratio > 0.05) & (ratio < 5)).all()


def test_no_mistake_speaks_of_rows_of_a_matrix(layer: Layer) -> None:
    rows_of_channels = {m.name for m in layer.mistakes if m.cause == "channels-mixed"}
    for mistake in layer.mistakes:
        words = set(mistake.feedback.replace(",", " ").replace(":", " ").split())
        assert not words & {"column", "columns", "feature", "features"}, mistake.name
        assert mistake.name in rows_of_channels or not words & {"row", "rows"}, mistake.name


# Answers as they are handed in, with one slip each.


def written_out(
    axes: tuple[int, ...] = PIXELS,
    before: Any = lambda x: x,
    after: Any = lambda out: out,
    ddof: int = 0,
) -> Any:
    """A forward by keepdims, in train mode; test mode is right."""

    def forward(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> tuple[Any, None]:
        right = layers.get(SLUG).forward
        assert right is not None
        out, _ = right(x, gamma, beta, bn_param)
        if bn_param["mode"] == "test":
            return out, None
        x = before(x)
        mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True, ddof=ddof)
        x_hat = (x - mean) / np.sqrt(var + bn_param.get("eps", 1e-5))
        return after(gamma[:, None, None] * x_hat + beta[:, None, None]), None

    return forward


def test_the_forward_written_out_is_right_without_a_slip() -> None:
    assert check(SLUG, forward=written_out()).ok


@pytest.mark.parametrize(
    ("slip", "cause", "words"),
    [
        ({"axes": (0,)}, "normalised-per-pixel", "all pixels of a channel share one mean"),
        ({"axes": (2, 3)}, "normalised-per-picture", "that is instance normalisation"),
        ({"axes": (1, 2, 3)}, "normalised-per-sample", "that is layer normalisation"),
        ({"axes": (1,)}, "normalised-over-channels", "each pixel was normalised over its own channels"),
        ({"axes": (0, 1, 2, 3)}, "normalised-together", "served all channels"),
        ({"ddof": 1}, "unbiased-variance", "one less than N·H·W"),
        (
            {"after": lambda out: np.moveaxis(out, 1, -1).reshape(out.shape)},
            "channels-mixed",
            "their channels stand last",
        ),
        ({"axes": (0, 2)}, None, "no known cause fits"),
    ],
)
def test_a_wrong_axis_in_the_forward_gets_its_name(
    slip: dict[str, Any], cause: str | None, words: str
) -> None:
    report = check(SLUG, forward=written_out(**slip))
    assert [(f.param, f.cause) for f in report.findings] == [("out", cause)]
    assert words in str(report)


def test_a_reshape_that_moves_no_channels_is_told_in_out_and_in_the_averages() -> None:
    plain = layers.get("batchnorm").forward
    assert plain is not None

    def wrong(x: Any, gamma: Any, beta: Any, bn_param: Any) -> Any:
        out, cache = plain(x.reshape(-1, x.shape[1]), gamma, beta, bn_param)
        return out.reshape(x.shape), cache

    report = check(SLUG, forward=wrong)
    assert [(f.param, f.cause) for f in report.findings] == [
        ("out", "channels-mixed"),
        ("bn_param", "channels-mixed"),
    ]
    assert "not the channels of one pixel: a reshape moves no axis" in str(report)


def test_an_eps_of_its_own_in_test_mode_is_told() -> None:
    right = layers.get(SLUG).forward
    assert right is not None

    def wrong(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> Any:
        if bn_param["mode"] == "test":
            return right(x, gamma, beta, {**bn_param, "eps": 1e-5})
        return right(x, gamma, beta, bn_param)

    report = check(SLUG, forward=wrong)
    assert [(f.param, f.cause) for f in report.findings] == [("out", "eps-hard-coded")]
    assert "eps does not come from bn_param" in str(report)


@pytest.mark.parametrize(
    ("default", "part", "words"),
    [
        ({"eps": 1e-8}, "out", "eps is 1e-08 where bn_param holds none: its default is 1e-5"),
        ({"momentum": 0.1}, "bn_param", "momentum is 0.1 where bn_param holds none: its default is 0.9"),
        ({"momentum": 0.99}, "bn_param", "momentum is 0.99 where bn_param holds none"),
    ],
)
def test_another_default_is_told(default: dict[str, float], part: str, words: str) -> None:
    right = layers.get(SLUG).forward
    assert right is not None

    def wrong(x: Any, gamma: Any, beta: Any, bn_param: dict[str, Any]) -> Any:
        for name, value in default.items():
            bn_param.setdefault(name, value)
        return right(x, gamma, beta, bn_param)

    report = check(SLUG, forward=wrong)
    assert [(f.param, f.cause) for f in report.findings] == [(part, f"{next(iter(default))}-by-default")]
    assert words in str(report)


def test_rows_of_dout_and_of_the_normalised_x_whose_channels_were_never_moved_are_told() -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        _, x_hat, _, std, gamma = cache
        rows, x_hat = (a.reshape(-1, len(gamma)) for a in (dout, x_hat))
        g = gamma * rows
        dx = (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / std
        return dx.reshape(dout.shape), (rows * x_hat).sum(axis=0), rows.sum(axis=0)

    report = check(SLUG, backward=wrong)
    assert [(f.param, f.cause) for f in report.findings] == [
        ("dx", "channels-mixed"),
        ("dgamma", "channels-mixed"),
        ("dbeta", "channels-mixed"),
    ]
    assert "and one of the normalised x, held pixels of one channel" in str(report)


def backward_with(**wrong: Any) -> Any:
    """A backward that is right but for the gradients of these names, functions of dout, x_hat, std and gamma."""

    def backward(dout: Any, cache: Any) -> Any:
        right = layers.get(SLUG).backward
        assert right is not None
        grads = dict(zip(("dx", "dgamma", "dbeta"), right(dout, cache), strict=True))
        _, x_hat, _, std, gamma = cache
        grads |= {name: f(dout, x_hat, std[:, None, None], gamma[:, None, None]) for name, f in wrong.items()}
        return tuple(grads.values())

    return backward


def folded(axes: tuple[int, ...], count: Any = None) -> Any:
    """dx with its averages over these axes, or with sums over them divided by `count(N, H, W)`."""

    def dx(dout: Any, x_hat: Any, std: Any, gamma: Any) -> Any:
        N, _, H, W = dout.shape
        g = gamma * dout

        def average(a: Any) -> Any:
            total = a.sum(axis=axes, keepdims=True)
            return total / (count(N, H, W) if count else a.size / total.size)

        return (g - average(g) - x_hat * average(g * x_hat)) / std

    return dx


def test_the_backward_written_out_is_right_without_a_slip() -> None:
    assert check(SLUG, backward=backward_with(dx=folded(PIXELS))).ok


@pytest.mark.parametrize(
    ("dx", "cause", "words"),
    [
        (folded((0,)), "paths-over-samples-alone", "taken over N alone, for each pixel"),
        (folded((2, 3)), "paths-over-pixels-alone", "the pixels of each picture alone"),
        (folded((0, 1, 2, 3)), "paths-over-all-channels", "over all channels together"),
        (folded(PIXELS, lambda N, H, W: N), "statistics-divided-by-N", "divided by N alone"),
        (folded(PIXELS, lambda N, H, W: H * W), "statistics-divided-by-pixels", "divided by H·W alone"),
        (folded(PIXELS, lambda N, H, W: 1), "statistics-not-averaged", "N·H·W times too large"),
        (folded(PIXELS, lambda N, H, W: 2 * W), None, "no known cause fits"),
        (lambda dout, x_hat, std, gamma: gamma * dout / std, "statistics-as-constants", "two paths lead"),
        (lambda dout, x_hat, std, gamma: gamma * dout, "stops-at-x-hat", "back to x is missing"),
    ],
)
def test_a_wrong_dx_gets_its_name_and_the_others_are_right(dx: Any, cause: str | None, words: str) -> None:
    report = check(SLUG, backward=backward_with(dx=dx))
    assert [(f.param, f.cause) for f in report.findings] == [("dx", cause)]
    assert words in str(report)


@pytest.mark.parametrize(
    ("reduce", "cause", "words"),
    [
        (lambda a: a.copy(), "unsummed-broadcast", "used N·H·W times"),
        (lambda a: a.sum(axis=0), "unsummed-broadcast", "sum over H and W as well"),
        (lambda a: a.sum(axis=(2, 3)), "unsummed-broadcast", "sum over N as well"),
        (lambda a: a.sum(axis=PIXELS) / len(a), "divided-by-N", "this layer only sums"),
        (lambda a: a.mean(axis=PIXELS), "averaged-over-batch", "averaged over samples and pixels"),
        (lambda a: a.mean(axis=(2, 3)).sum(axis=0), "averaged-over-pixels", "averaged over the pixels"),
    ],
)
def test_a_wrong_sum_gets_its_name_in_dgamma_and_dbeta(reduce: Any, cause: str, words: str) -> None:
    report = check(
        SLUG,
        backward=backward_with(
            dgamma=lambda dout, x_hat, std, gamma: reduce(dout * x_hat),
            dbeta=lambda dout, x_hat, std, gamma: reduce(dout),
        ),
    )
    assert [(f.param, f.cause) for f in report.findings] == [("dgamma", cause), ("dbeta", cause)]
    assert all(words in f.message for f in report.findings)


def test_dbeta_times_gamma_is_no_dgamma() -> None:
    report = check(
        SLUG,
        backward=backward_with(dgamma=lambda dout, x_hat, std, gamma: gamma[:, 0, 0] * dout.sum(axis=PIXELS)),
    )
    assert [(f.param, f.cause) for f in report.findings] == [("dgamma", "dgamma-without-x-hat")]


def test_dout_as_rows_without_moving_its_channels_is_told(layer: Layer) -> None:
    plain = layers.get("batchnorm").backward
    assert plain is not None

    def wrong(dout: Any, cache: Any) -> Any:
        x, x_hat, mean, std, gamma = cache
        C = dout.shape[1]
        rows = (np.moveaxis(x, 1, -1).reshape(-1, C), np.moveaxis(x_hat, 1, -1).reshape(-1, C))
        dx, dgamma, dbeta = plain(dout.reshape(-1, C), (*rows, mean, std, gamma))
        return dx.reshape(dout.shape), dgamma, dbeta

    report = check(SLUG, backward=wrong)
    assert [(f.param, f.cause) for f in report.findings] == [
        (name, "channels-mixed") for name in layer.grad_names
    ]
