"""The batchnorm homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad import layers
from handgrad.draws import seeded

SLUG = "batchnorm"

PIXELS = "axis=(0, 2, 3), keepdims=True"
NO_MEAN = f"(g - x_hat * (g * x_hat).mean({PIXELS})) / std"


def choices(dx="d", test="b"):
    return f"def choice_of_dx():\n    return {dx!r}\ndef choice_of_test():\n    return {test!r}"


def forward(
    axes="(0, 2, 3)",
    var="x.var(axis=axes, keepdims=True)",
    std="np.sqrt(var + eps)",
    eps="p.get('eps', 1e-5)",
    average="momentum * old + (1 - momentum) * new.mean(axis=(0, 2, 3))",
    test="p.get('running_mean', zeros)[:, None, None], p.get('running_var', zeros)[:, None, None]",
):
    return f"""def batchnorm_forward(x, gamma, beta, p):
    axes = {axes}
    eps, momentum, zeros = {eps}, p.get("momentum", 0.9), np.zeros(x.shape[1])
    if p["mode"] == "train":
        mean, var = x.mean(axis=axes, keepdims=True), {var}
        for key, new in ("running_mean", mean), ("running_var", var):
            old = p.get(key, zeros)
            p[key] = {average}
    else:
        mean, var = {test}
    std = {std}
    x_hat = (x - mean) / std
    return gamma[:, None, None] * x_hat + beta[:, None, None], (x_hat, std, gamma)"""


def backward(
    dx=f"(g - g.mean({PIXELS}) - x_hat * (g * x_hat).mean({PIXELS})) / std",
    dgamma="(dout * x_hat).sum(axis=(0, 2, 3))",
    dbeta="dout.sum(axis=(0, 2, 3))",
):
    return f"""def batchnorm_backward(dout, cache):
    x_hat, std, gamma = cache
    N, C, H, W = dout.shape
    g = gamma[:, None, None] * dout
    return {dx}, {dgamma}, {dbeta}"""


def paper(
    ds="-sum(dout * xc, axis=D, keepdims=True) / s**2",
    dxc="dout / s + a * xc * ds / s",
    dx="dxc - a * sum(dxc, axis=D, keepdims=True)",
):
    return (
        f"def formula_for_ds():\n    return {ds!r}\ndef formula_for_dxc():\n    return {dxc!r}\n"
        f"def formula_for_dx():\n    return {dx!r}"
    )


def folded(axes):
    mean = f"axis={axes}, keepdims=True"
    return f"(g - g.mean({mean}) - x_hat * (g * x_hat).mean({mean})) / std"


GROUPS = folded("2")


def mended(dx=GROUPS, dgamma="(dout * x_hat).sum(axis=(0, 2))", dbeta="dout.sum(axis=(0, 2))"):
    return f"""def mended_backward(dout, x_hat, std, gamma):
    N, G, K = dout.shape
    g = gamma[:, None] * dout
    return {dx}, {dgamma}, {dbeta}"""


COLLEAGUES = mended(dx=folded("(0, 2)"), dbeta="dout.mean(axis=0).sum(axis=1)")
ROWS = """
def as_rows(a):
    return a.transpose(0, 2, 3, 1).reshape(-1, a.shape[1])

def as_pictures(rows, like):
    N, C, H, W = like.shape
    return rows.reshape(N, H, W, C).transpose(0, 3, 1, 2)
"""
OTHERWISE = {
    "choices": choices("(D)", " b."),
    "forward": f"""{ROWS}
def batchnorm_forward(x, gamma, beta, bn_param):
    D = x.shape[1]
    p = {{"eps": 1e-5, "momentum": 0.9, "running_mean": np.zeros(D), "running_var": np.zeros(D), **bn_param}}
    rows = as_rows(x)
    if p["mode"] == "test":
        out = (rows - p["running_mean"]) / np.sqrt(p["running_var"] + p["eps"]) * gamma + beta
        return as_pictures(out, x), None
    mu = np.ones(len(rows)) @ rows / len(rows)
    xc = rows - mu
    v = np.einsum("nd,nd->d", xc, xc) / len(rows)
    keep = p["momentum"]
    bn_param.update(
        running_mean=keep * p["running_mean"] + (1 - keep) * mu,
        running_var=keep * p["running_var"] + (1 - keep) * v,
    )
    inv = 1 / np.sqrt(v + p["eps"])
    return as_pictures(gamma * xc * inv + beta, x), {{"xc": xc, "inv": inv, "gamma": gamma}}""",
    "backward": """def batchnorm_backward(dout, cache):
    xc, inv, gamma = cache["xc"], cache["inv"], cache["gamma"]
    rows, M = as_rows(dout), len(xc)
    dxhat = gamma * rows
    dxc = inv * dxhat
    dinv = (dxhat * xc).sum(axis=0)
    dv = -0.5 * inv**3 * dinv
    dxc = dxc + 2 * xc * dv / M
    dx = dxc - dxc.sum(axis=0) / M
    return as_pictures(dx, dout), np.einsum("nd,nd->d", rows, xc * inv), np.ones(M) @ rows""",
    "paper": paper(
        "sum(-1 * dout * xc / s**2, axis=D, keepdims=True)",
        "(dout + 2 * xc * a * dv * s) / s",
        "dxc - sum(dxc, axis=D, keepdims=True) * a",
    ),
    "mended": """def mended_backward(dout, x_hat, std, gamma):
    N, G, K = dout.shape
    dx, dgamma, dbeta = np.zeros((N, G, K)), np.zeros(G), np.zeros(G)
    for n in range(N):
        for i in range(G):
            h, g = x_hat[n, i], gamma[i] * dout[n, i]
            dx[n, i] = (g - g.sum() / K - h * (g @ h) / K) / std[n, i]
            dgamma[i] += dout[n, i] @ h
            dbeta[i] += dout[n, i].sum()
    return dx, dgamma, dbeta""",
}
WRONG = [
    ("choices", choices(dx="a"), 1, ("dx", "chose:a"), "direct path alone"),
    ("choices", choices(dx="b"), 1, ("dx", "chose:b"), "also moves the variance"),
    ("choices", choices(dx="c"), 1, ("dx", "chose:c"), "also moves the mean"),
    ("choices", choices(test="a"), 1, ("the sum", "chose:a"), "each channel has a mean of its own"),
    ("choices", choices(test="c"), 1, ("the sum", "chose:c"), "other pictures share the mean"),
    ("choices", choices(test="d"), 1, ("the sum", "chose:d"), "other places share the mean"),
    ("forward", forward(std="np.sqrt(var) + eps"), 1, ("out", "eps-outside-root"), "under the square root"),
    ("forward", forward(std="var + eps"), 1, ("out", "missing-root"), "divided by the variance"),
    ("forward", forward(eps="1e-5"), 1, ("out", "eps-hard-coded"), "does not come from bn_param"),
    (
        "forward",
        forward(test="x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)"),
        1,
        ("out", "test-mode-uses-batch"),
        "must not depend on who else",
    ),
    (
        "forward",
        forward(average="(1 - momentum) * old + momentum * new.ravel()"),
        2,
        ("bn_param", "running-average-swapped"),
        "share of the old average",
    ),
    (
        "forward",
        forward(average="momentum * old + 1.5 * (1 - momentum) * new.ravel()"),
        2,
        ("bn_param", None),
        "bn_param['running_mean'] is wrong",
    ),
    ("backward", backward(dx=NO_MEAN), 2, ("dx", "missing-path:mean"), "path through the mean is missing"),
    (
        "backward",
        backward(dx=f"(g - g.mean({PIXELS})) / std"),
        2,
        ("dx", "missing-path:variance"),
        "path through the variance is missing",
    ),
    ("backward", backward(dx="g / std"), 2, ("dx", "statistics-as-constants"), "treated as constants"),
    (
        "backward",
        backward(dx=folded("0")),
        2,
        ("dx", "paths-over-samples-alone"),
        "taken over N alone, for each pixel",
    ),
    (
        "backward",
        backward(dx=folded("(2, 3)")),
        2,
        ("dx", "paths-over-pixels-alone"),
        "shared by all pictures of the batch",
    ),
    (
        "backward",
        backward(dx=f"(g - g.sum({PIXELS}) / N - x_hat * (g * x_hat).sum({PIXELS}) / N) / std"),
        2,
        ("dx", "statistics-divided-by-N"),
        "averages over N·H·W numbers",
    ),
    (
        "backward",
        backward(dgamma="(dout * x_hat * std).sum(axis=(0, 2, 3))"),
        4,
        ("dgamma", "dgamma-uses-x"),
        "divided by the standard deviation as well",
    ),
    (
        "backward",
        backward(dgamma="gamma * dout.sum(axis=(0, 2, 3))"),
        4,
        ("dgamma", "dgamma-without-x-hat"),
        "dgamma is dbeta times gamma",
    ),
    (
        "backward",
        backward(dgamma="(dout * x_hat).sum(axis=0)"),
        4,
        ("dgamma", "unsummed-broadcast"),
        "sum over H and W as well",
    ),
    (
        "backward",
        backward(dbeta="dout.mean(axis=(0, 2, 3))"),
        4,
        ("dbeta", "averaged-over-batch"),
        "only sums",
    ),
    ("backward", backward(dbeta="dout.sum(axis=(0, 2, 3)) / N"), 4, ("dbeta", "divided-by-N"), "only sums"),
    ("backward", backward(dbeta="dout"), 4, ("dbeta", "unsummed-broadcast"), "used N·H·W times"),
    ("paper", paper(ds="sum(dout * xc, axis=D, keepdims=True) / s**2"), 2, ("ds", "sign"), "wrong sign"),
    ("paper", paper(ds="-sum(dout * xc, axis=D) / s**2"), 2, ("ds", "told"), "write keepdims=True"),
    ("paper", paper(ds="-sum(a * dout * xc, axis=D, keepdims=True) / s**2"), 2, ("ds", "told"), "no weight"),
    ("paper", paper(dxc="dout / s"), 2, ("dxc", "told"), "path through the variance is missing"),
    ("paper", paper(dxc="dout / s + xc * ds / s"), 2, ("dxc", "told"), "an a is missing"),
    ("paper", paper(dxc="dout / s + xc * ds / (D * s)"), 2, ("dxc", "told"), "the share a there, not 1/D"),
    ("paper", paper(dxc="dout / s + a * xc * ds / (N * s)"), 2, ("dxc", None), "no known cause fits"),
    ("paper", paper(dx="dxc"), 2, ("dx", "told"), "path through the mean is missing"),
    (
        "paper",
        paper(dx="dxc - mean(dxc, axis=D, keepdims=True)"),
        2,
        ("dx", "told"),
        "its share for feature d is a, not 1/D",
    ),
    (
        "paper",
        paper(dx="dxc - sum(a * dxc, axis=D, keepdims=True)"),
        2,
        ("dx", "told"),
        "the weight stands outside the sum",
    ),
    (
        "paper",
        paper(dx="dxc - a * sum(dxc, axis=N, keepdims=True)"),
        2,
        ("dx", "told"),
        "that of one sample, over its features",
    ),
    (
        "mended",
        mended(dx=folded("(0, 2)")),
        1,
        ("dx", "told"),
        "run over N, too: each sample has statistics of its own",
    ),
    ("mended", mended(dx=folded("(1, 2)")), 1, ("dx", "told"), "each group has statistics of its own"),
    ("mended", mended(dx=folded("0")), 1, ("dx", "told"), "run over N alone"),
    (
        "mended",
        mended(dx=GROUPS.removesuffix(" / std")),
        1,
        ("dx", "told"),
        "division by the standard deviation is missing",
    ),
    ("mended", mended(dx="g / std"), 1, ("dx", "told"), "that is the direct path alone"),
    (
        "mended",
        mended(dx="(g - x_hat * (g * x_hat).mean(axis=2, keepdims=True)) / std"),
        1,
        ("dx", "told"),
        "path through the mean is missing",
    ),
    (
        "mended",
        mended(dbeta="dout.mean(axis=0).sum(axis=1)"),
        2,
        ("dbeta", "told"),
        "the same for every sample",
    ),
    ("mended", mended(dbeta="dout.mean(axis=(0, 2))"), 2, ("dbeta", "told"), "used N K times"),
    ("mended", mended(dbeta="dout.sum(axis=0)"), 2, ("dbeta", "unsummed-broadcast"), "not summed over K"),
]


def test_the_homework_has_sixteen_points(full):
    assert sum(full(SLUG).values()) == 16


BOTH = ("g.mean(axis=2, keepdims=True)", "x_hat * (g * x_hat).mean(axis=2, keepdims=True)")
WIDE = tuple(average.replace("axis=2", "axis=(0, 2)") for average in BOTH)
UNSCALED = tuple(average.replace("g.mean", "dout.mean").replace("(g *", "(dout *") for average in BOTH)

# cell, gradient, answer, what is told of it
TOLD = [
    ("paper", "ds", paper(ds="-sum(dout, axis=D, keepdims=True) / s**2"), "it is missing"),
    ("paper", "dxc", paper(dxc="dout / s + a * xc * ds"), "its s is missing"),
    ("paper", "dxc", paper(dxc="dout / s - a * xc * ds / s"), "the minus is in ds already"),
    ("paper", "dxc", paper(dxc="dout + a * xc * ds / s"), "on its direct path xc is divided by s"),
    ("paper", "dxc", paper(dxc="dout / s + a * ds / s"), "xc is missing"),
    ("paper", "dx", paper(dx="-a * sum(dxc, axis=D, keepdims=True)"), "the direct one is missing"),
    ("paper", "dx", paper(dx="dxc * (1 - a)"), "sum over them"),
    *(
        ("mended", "dx", mended(dx=dx), words)
        for dx, words in [
            (f"(g - {WIDE[0]} - {BOTH[1]}) / std", "through the mean runs over N, too"),
            (f"(g - {BOTH[0]} - {WIDE[1]}) / std", "through the variance runs over N, too"),
            (f"(g + {BOTH[0]} - {BOTH[1]}) / std", "the path through the mean has the wrong sign"),
            (f"(g - {BOTH[0]} + {BOTH[1]}) / std", "the path through the variance has the wrong sign"),
            ("g", "the way from there to x is missing"),
            (f"gamma[:, None] * (g - {BOTH[0]} - {BOTH[1]}) / std", "gamma stands there twice"),
            (f"(g - {UNSCALED[0]} - {UNSCALED[1]}) / std", "start from dout times gamma, too"),
        ]
    ),
    ("mended", "dbeta", mended(dbeta="g.sum(axis=(0, 2))"), "beta is added"),
]


@pytest.mark.parametrize(("cell", "part", "answer", "words"), TOLD)
def test_a_slip_on_paper_or_in_the_groups_is_told_at_any_seed(mark, full, cell, part, answer, words):
    lost = 2 if part == "dx" and cell == "mended" else 1
    for seed in (0, 20):
        with seeded(seed):
            marked = mark(SLUG, {cell: answer})
        assert marked.causes(f"{cell}-grade") == [(part, "told")]
        assert marked.points[f"{cell}-grade"] == full(SLUG)[f"{cell}-grade"] - lost
        assert words in marked.text(f"{cell}-grade")


def test_another_default_of_eps_costs_out_and_half_of_what_it_changes_in_the_backward(mark):
    marked = mark(SLUG, {"forward": forward(eps="p.get('eps', 1e-8)"), "backward": backward()})
    assert (marked.points["forward-grade"], marked.points["backward-grade"]) == (1, 3)
    assert marked.causes("forward-grade") == [("out", "eps-by-default")]


def test_another_default_of_momentum_is_not_told_as_a_swap(mark):
    slip = forward().replace('p.get("momentum", 0.9)', 'p.get("momentum", 0.1)')
    marked = mark(SLUG, {"forward": slip})
    assert marked.points["forward-grade"] == 2
    assert marked.causes("forward-grade") == [("bn_param", "momentum-by-default")]


def test_an_eps_of_its_own_in_test_mode_costs_out(mark):
    slip = forward(eps="p.get('eps', 1e-5) if p['mode'] == 'train' else 1e-5")
    marked = mark(SLUG, {"forward": slip})
    assert marked.points["forward-grade"] == 1
    assert marked.causes("forward-grade") == [("out", "eps-hard-coded")]


@pytest.mark.parametrize(("cell", "answer", "points", "cause", "words"), WRONG)
def test_one_mistake_costs_its_own_points_and_is_named(mark, cell, answer, points, cause, words):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert marked.causes(f"{cell}-grade") == [cause]
    assert words in marked.text(f"{cell}-grade")


# ---------------------------------------------------------------- what the text says


def test_the_example_of_the_first_two_parts_is_true():
    layer = layers.get("spatial_batchnorm")
    x = np.array([[[[0.0, 0.0]]], [[[4.0, 4.0]]]])
    bn_param = {"mode": "train", "eps": 0.0}
    out, _ = layer.forward(x, np.array([3.0]), np.array([10.0]), bn_param)
    assert out.ravel().tolist() == [7, 7, 13, 13]
    np.testing.assert_allclose(bn_param["running_mean"], 0.2)
    _, cache = layer.forward(x, np.ones(1), np.zeros(1), {"mode": "train", "eps": 0.0})
    dout = np.array([8.0, 0, 0, 0]).reshape(x.shape)
    assert layer.backward(dout, cache)[0].ravel().tolist() == [2, -2, 0, 0]


def test_the_sum_over_a_channel_is_the_only_one_of_the_four_that_vanishes():
    layer = layers.get("spatial_batchnorm")
    inputs = layer.sample(np.random.default_rng(0), {"N": 5, "C": 3, "H": 2, "W": 7})
    out, cache = layer.forward(**inputs)
    dx = layer.backward(np.random.default_rng(1).normal(size=out.shape), cache)[0]
    sums = {"a": dx.sum(axis=1), "b": dx.sum(axis=(0, 2, 3)), "c": dx.sum(axis=(2, 3)), "d": dx.sum(axis=0)}
    assert {name for name, value in sums.items() if np.abs(value).max() < 1e-12} == {"b"}


def test_the_example_with_weights_is_true():
    x, a = np.array([0.0, 0.0, 4.0]), np.array([0.25, 0.25, 0.5])
    xc = x - a @ x
    assert (a @ x, xc.tolist(), a @ xc**2) == (2.0, [-2.0, -2.0, 2.0], 4.0)


# ---------------------------------------------------------------- the forward


@pytest.mark.parametrize(
    ("axes", "cause", "words"),
    [
        ("0", "normalised-per-pixel", "all pixels of a channel share one mean"),
        ("(2, 3)", "normalised-per-picture", "instance normalisation"),
        ("(1, 2, 3)", "normalised-per-sample", "layer normalisation"),
        ("1", "normalised-over-channels", "each pixel was normalised over its own channels"),
    ],
)
def test_statistics_over_other_axes_cost_out_and_are_named(mark, axes, cause, words):
    marked = mark(SLUG, {"forward": forward(axes=axes)})
    assert ("out", cause) in marked.causes("forward-grade")
    assert words in marked.text("forward-grade")
    assert marked.points["forward-grade"] <= 1


def test_a_reshape_that_moves_no_axis_is_told(mark):
    mixed = """def batchnorm_forward(x, gamma, beta, p):
    rows = x.reshape(-1, x.shape[1])
    eps, keep, zeros = p.get("eps", 1e-5), p.get("momentum", 0.9), np.zeros(x.shape[1])
    mean, var = p.get("running_mean", zeros), p.get("running_var", zeros)
    if p["mode"] == "train":
        new_mean, new_var = rows.mean(axis=0), rows.var(axis=0)
        p.update(running_mean=keep * mean + (1 - keep) * new_mean, running_var=keep * var + (1 - keep) * new_var)
        mean, var = new_mean, new_var
    return (gamma * (rows - mean) / np.sqrt(var + eps) + beta).reshape(x.shape), None"""
    marked = mark(SLUG, {"forward": mixed})
    assert marked.points["forward-grade"] == 0
    assert marked.causes("forward-grade") == [("out", "channels-mixed"), ("bn_param", "channels-mixed")]
    assert "a reshape moves no axis" in marked.text("forward-grade")


def test_an_unbiased_variance_costs_out_and_the_running_variance(mark):
    marked = mark(SLUG, {"forward": forward(var="x.var(axis=axes, keepdims=True, ddof=1)")})
    assert marked.points["forward-grade"] == 0
    expected = [("out", "unbiased-variance"), ("bn_param", "running-variance-unbiased")]
    assert marked.causes("forward-grade") == expected


def test_a_running_mean_of_the_wrong_shape_is_not_told_of_gradients(mark):
    marked = mark(SLUG, {"forward": forward(average="momentum * old + (1 - momentum) * new")})
    assert marked.points["forward-grade"] == 2
    assert "bn_param['running_mean'] has shape" in marked.text("forward-grade")
    assert "gradient" not in marked.text("forward-grade")


# ---------------------------------------------------------------- the backward and its own forward


def test_a_backward_that_matches_its_own_wrong_forward_earns_half(mark):
    marked = mark(SLUG, {"forward": forward(eps="1e-5")})
    assert marked.points["backward-grade"] == 1.5 + 0.5 + 1
    causes = marked.causes("backward-grade")
    assert causes == [("out", "eps-hard-coded"), ("dx", "own-forward"), ("dgamma", "own-forward")]
    assert "mend the forward first" in marked.text("backward-grade")


def test_a_backward_that_misses_a_path_of_its_own_wrong_forward_earns_nothing_for_dx(mark):
    marked = mark(SLUG, {"forward": forward(eps="1e-5"), "backward": backward(dx="g / std")})
    assert marked.points["backward-grade"] == 0.5 + 1


def test_an_easy_layer_with_its_own_backward_earns_what_is_right_for_every_layer_alone(mark):
    easy = {
        "forward": "def batchnorm_forward(x, gamma, beta, bn_param):\n"
        "    return gamma[:, None, None] * x + beta[:, None, None], (x, gamma)",
        "backward": "def batchnorm_backward(dout, cache):\n    x, gamma = cache\n"
        "    return dout * gamma[:, None, None], (dout * x).sum(axis=(0, 2, 3)), dout.sum(axis=(0, 2, 3))",
    }
    marked = mark(SLUG, easy)
    assert marked.points["backward-grade"] == 1.0
    assert ("dx", "own-forward") in marked.causes("backward-grade")


# ---------------------------------------------------------------- on paper, and the colleague


@pytest.mark.parametrize(
    "dx",
    ["dxc - a * mean(dxc, axis=D, keepdims=True) * 5", "dxc - a * sum(dxc, axis=D, keepdims=True) * D / 5"],
)
def test_a_number_for_the_size_of_an_axis_is_found(mark, dx):
    marked = mark(SLUG, {"paper": paper(dx=dx)})
    assert marked.points["paper-grade"] == 2
    assert marked.causes("paper-grade") == [("dx", "fixed-size")]


def test_the_colleagues_backward_earns_nothing_and_both_mistakes_are_told(mark):
    marked = mark(SLUG, {"mended": COLLEAGUES})
    assert marked.points["mended-grade"] == 0
    assert marked.causes("mended-grade") == [("dx", "told"), ("dbeta", "told")]
    assert "statistics of its own" in marked.text("mended-grade")


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (
            mended(dx=GROUPS.replace(".mean(", ".sum(").replace("keepdims=True)", "keepdims=True) / 5")),
            1,
        ),
        (mended(dbeta="7 * dout.mean(axis=0).sum(axis=1)"), 2),
        (mended(dbeta="dout.sum(axis=(0, 2))[:3]"), 2),
    ],
)
def test_a_size_written_as_a_number_loses_the_points(mark, answer, left):
    marked = mark(SLUG, {"mended": answer})
    assert marked.points["mended-grade"] == left
    assert "right in the cases before it: N=7 G=3 K=5" in marked.text("mended-grade")


def test_an_answer_that_empties_dout_gains_nothing(mark):
    zeros = "def mended_backward(dout, x_hat, std, gamma):\n    dout[:] = 0\n    return dout, gamma * 0, gamma * 0"
    marked = mark(SLUG, {"mended": zeros})
    assert marked.points["mended-grade"] == 0
    assert {cause for _, cause in marked.causes("mended-grade")} == {"all-zero"}


def test_right_answers_written_otherwise_keep_full_marks(mark, full):
    assert mark(SLUG, OTHERWISE).points == full(SLUG)


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_another_seed_gives_wrong_answers_the_same_marks(mark, seed):
    wrong = {"backward": backward(dx=NO_MEAN), "mended": COLLEAGUES, "paper": paper(dx="dxc")}
    with seeded(seed):
        marked = mark(SLUG, wrong)
    earned = {cell: marked.points[f"{cell}-grade"] for cell in wrong}
    assert earned == {"backward": 2, "mended": 0, "paper": 2}
    assert marked.causes("backward-grade") == [("dx", "missing-path:mean")]
