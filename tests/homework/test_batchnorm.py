"""The batchnorm homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "batchnorm"

NO_MEAN = "(g - x_hat * (g * x_hat).mean(axis=0)) / std"


def choices(dx="d", test="b"):
    return f"def choice_of_dx():\n    return {dx!r}\ndef choice_of_test():\n    return {test!r}"


def forward(
    var="x.var(axis=0)",
    std="np.sqrt(var + eps)",
    eps="p.get('eps', 1e-5)",
    average="momentum * old + (1 - momentum) * new",
    test="p.get('running_mean', zeros), p.get('running_var', zeros)",
):
    return f"""def batchnorm_forward(x, gamma, beta, p):
    eps, momentum, zeros = {eps}, p.get("momentum", 0.9), np.zeros(x.shape[1])
    if p["mode"] == "train":
        mean, var = x.mean(axis=0), {var}
        for key, new in ("running_mean", mean), ("running_var", var):
            old = p.get(key, zeros)
            p[key] = {average}
    else:
        mean, var = {test}
    std = {std}
    x_hat = (x - mean) / std
    return gamma * x_hat + beta, (x_hat, std, gamma)"""


def backward(
    dx="(g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / std",
    dgamma="(dout * x_hat).sum(axis=0)",
    dbeta="dout.sum(axis=0)",
):
    return f"""def batchnorm_backward(dout, cache):
    x_hat, std, gamma = cache
    g = gamma * dout
    return {dx}, {dgamma}, {dbeta}"""


def paper(
    ds="-sum(dout * xc, axis=D, keepdims=True) / s**2",
    dxc="dout / s + xc * ds / (D * s)",
    dx="dxc - mean(dxc, axis=D, keepdims=True)",
):
    return (
        f"def formula_for_ds():\n    return {ds!r}\ndef formula_for_dxc():\n    return {dxc!r}\n"
        f"def formula_for_dx():\n    return {dx!r}"
    )


def mended(
    dx="(g - g.mean(axis=(0, 1)) - x_hat * (g * x_hat).mean(axis=(0, 1))) / std",
    dgamma="(dout * x_hat).sum(axis=(0, 1))",
    dbeta="dout.sum(axis=(0, 1))",
):
    return f"""def mended_backward(dout, x_hat, std, gamma):
    N, T, D = dout.shape
    g = gamma * dout
    return {dx}, {dgamma}, {dbeta}"""


COLLEAGUES = mended(
    dx="(g - g.sum(axis=(0, 1)) / N - x_hat * (g * x_hat).sum(axis=(0, 1)) / N) / std",
    dbeta="dout.mean(axis=1).sum(axis=0)",
)
OTHERWISE = {
    "choices": choices("(D)", " b."),
    "forward": """def batchnorm_forward(x, gamma, beta, bn_param):
    N, D = x.shape
    p = {"eps": 1e-5, "momentum": 0.9, "running_mean": np.zeros(D), "running_var": np.zeros(D), **bn_param}
    if p["mode"] == "test":
        return (x - p["running_mean"]) / np.sqrt(p["running_var"] + p["eps"]) * gamma + beta, None
    mu = np.ones(N) @ x / N
    xc = x - mu
    v = np.einsum("nd,nd->d", xc, xc) / N
    keep = p["momentum"]
    bn_param.update(
        running_mean=keep * p["running_mean"] + (1 - keep) * mu,
        running_var=keep * p["running_var"] + (1 - keep) * v,
    )
    inv = 1 / np.sqrt(v + p["eps"])
    return gamma * xc * inv + beta, {"xc": xc, "inv": inv, "gamma": gamma}""",
    "backward": """def batchnorm_backward(dout, cache):
    xc, inv, gamma = cache["xc"], cache["inv"], cache["gamma"]
    N = len(dout)
    dxhat = gamma * dout
    dxc = inv * dxhat
    dinv = (dxhat * xc).sum(axis=0)
    dv = -0.5 * inv**3 * dinv
    dxc = dxc + 2 * xc * dv / N
    dx = dxc - dxc.sum(axis=0) / N
    return dx, np.einsum("nd,nd->d", dout, xc * inv), np.ones(N) @ dout""",
    "paper": paper(
        "sum(-1 * dout * xc / s**2, axis=D, keepdims=True)",
        "(dout + 2 * xc * dv * s / D) / s",
        "dxc - sum(dxc, axis=D, keepdims=True) / D",
    ),
    "mended": """def mended_backward(dout, x_hat, std, gamma):
    N, T, D = dout.shape
    rows, hats = dout.reshape(-1, D), x_hat.reshape(-1, D)
    g = gamma * rows
    dx = (g - g.mean(axis=0) - hats * (g * hats).mean(axis=0)) / std
    return dx.reshape(N, T, D), (rows * hats).sum(axis=0), rows.sum(axis=0)""",
}
FUNCTIONS = {
    "choices": ("choice_of_dx", "choice_of_test"),
    "forward": ("batchnorm_forward",),
    "backward": ("batchnorm_backward",),
    "paper": ("formula_for_ds", "formula_for_dxc", "formula_for_dx"),
    "mended": ("mended_backward",),
}
WRONG = [
    ("choices", choices(dx="a"), 1, ("dx", "chose:a"), "direct path alone"),
    ("choices", choices(dx="c"), 1, ("dx", "chose:c"), "also moves the mean"),
    ("choices", choices(test="a"), 1, ("the test", "chose:a"), "takes away"),
    ("forward", forward(std="np.sqrt(var) + eps"), 1, ("out", "eps-outside-root"), "under the square root"),
    ("forward", forward(std="var + eps"), 1, ("out", "missing-root"), "divided by the variance"),
    ("forward", forward(eps="1e-5"), 1, ("out", "eps-hard-coded"), "does not come from bn_param"),
    (
        "forward",
        forward(test="x.mean(axis=0), x.var(axis=0)"),
        1,
        ("out", "test-mode-uses-batch"),
        "must not depend on who else",
    ),
    (
        "forward",
        forward(average="(1 - momentum) * old + momentum * new"),
        2,
        ("bn_param", "running-average-swapped"),
        "share of the old average",
    ),
    ("backward", backward(dx=NO_MEAN), 2, ("dx", "missing-path:mean"), "path through the mean is missing"),
    (
        "backward",
        backward(dx="(g - g.mean(axis=0)) / std"),
        2,
        ("dx", "missing-path:variance"),
        "path through the variance is missing",
    ),
    ("backward", backward(dx="g / std"), 2, ("dx", "statistics-as-constants"), "treated as constants"),
    (
        "backward",
        backward(dgamma="(dout * x_hat * std).sum(axis=0)"),
        4,
        ("dgamma", "dgamma-uses-x"),
        "divided by the standard deviation as well",
    ),
    ("backward", backward(dbeta="dout.mean(axis=0)"), 4, ("dbeta", "divided-by-N"), "only sums"),
    ("backward", backward(dbeta="dout"), 4, ("dbeta", "unsummed-broadcast"), "not summed over the batch"),
    ("paper", paper(ds="sum(dout * xc, axis=D, keepdims=True) / s**2"), 2, ("ds", "sign"), "wrong sign"),
    ("paper", paper(ds="-sum(dout * xc, axis=D) / s**2"), 2, ("ds", "told"), "write keepdims=True"),
    ("paper", paper(dxc="dout / s"), 2, ("dxc", "told"), "path through the variance is missing"),
    ("paper", paper(dxc="dout / s + xc * ds / s"), 2, ("dxc", "told"), "a 1/D is missing"),
    ("paper", paper(dx="dxc"), 2, ("dx", "told"), "path through the mean is missing"),
    (
        "paper",
        paper(dx="dxc - mean(dxc, axis=N, keepdims=True)"),
        2,
        ("dx", "told"),
        "that of one sample, over its features",
    ),
    ("mended", mended(dbeta="dout.mean(axis=1).sum(axis=0)"), 2, ("dbeta", "told"), "each of the T steps"),
    ("mended", mended(dbeta="dout.sum(axis=0)"), 2, ("dbeta", "unsummed-broadcast"), "not summed over T"),
    (
        "mended",
        mended(dx="g - g.mean(axis=(0, 1)) - x_hat * (g * x_hat).mean(axis=(0, 1))"),
        1,
        ("dx", "told"),
        "division by the standard deviation is missing",
    ),
    (
        "mended",
        mended(dx="(g - x_hat * (g * x_hat).mean(axis=(0, 1))) / std"),
        1,
        ("dx", "told"),
        "path through the mean is missing",
    ),
]


def everywhere(body):
    """The same body for every function of the homework."""
    return {
        cell: "\n".join(f"def {name}(*given):\n    {body}" for name in names)
        for cell, names in FUNCTIONS.items()
    }


def test_the_authors_answers_earn_everything(mark, full):
    assert mark(SLUG).points == full(SLUG)
    assert sum(full(SLUG).values()) == 16


def test_nothing_attempted_earns_nothing(mark, full):
    marked = mark(SLUG, everywhere("return None"))
    assert marked.points == dict.fromkeys(full(SLUG), 0.0)
    assert {cause for cell in full(SLUG) for _, cause in marked.causes(cell)} == {"not-attempted"}


@pytest.mark.parametrize(
    "body", ["return 7", "return {'dx': 1}", "return {'x': 7}", "raise ValueError('no')", "return 1, 2, 3"]
)
def test_an_odd_answer_earns_nothing_and_stops_nothing(mark, full, body):
    assert mark(SLUG, everywhere(body)).points == dict.fromkeys(full(SLUG), 0.0)


@pytest.mark.parametrize(("cell", "answer", "points", "cause", "words"), WRONG)
def test_one_mistake_costs_its_own_points_and_is_named(mark, cell, answer, points, cause, words):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert marked.causes(f"{cell}-grade") == [cause]
    assert words in marked.text(f"{cell}-grade")


def test_the_path_through_the_mean_left_out_is_told_as_such(mark):
    marked = mark(SLUG, {"backward": backward(dx=NO_MEAN)})
    assert marked.causes("backward-grade") == [("dx", "missing-path:mean")]
    assert marked.points["backward-grade"] == 2


def test_an_unbiased_variance_costs_out_and_the_running_variance(mark):
    marked = mark(SLUG, {"forward": forward(var="x.var(axis=0, ddof=1)")})
    assert marked.points["forward-grade"] == 0
    expected = [("out", "unbiased-variance"), ("bn_param", "running-variance-unbiased")]
    assert marked.causes("forward-grade") == expected


def test_a_backward_that_matches_its_own_wrong_forward_earns_half(mark):
    marked = mark(SLUG, {"forward": forward(eps="1e-5")})
    assert marked.points["backward-grade"] == 1.5 + 0.5 + 1
    causes = marked.causes("backward-grade")
    assert causes == [("out", "eps-hard-coded"), ("dx", "own-forward"), ("dgamma", "own-forward")]
    assert "mend the forward first" in marked.text("backward-grade")


def test_a_backward_that_misses_a_path_of_its_own_wrong_forward_earns_nothing_for_dx(mark):
    marked = mark(SLUG, {"forward": forward(eps="1e-5"), "backward": backward(dx="g / std")})
    assert marked.points["backward-grade"] == 0.5 + 1


def test_the_colleagues_backward_earns_nothing_and_both_mistakes_are_told(mark):
    marked = mark(SLUG, {"mended": COLLEAGUES})
    assert marked.points["mended-grade"] == 0
    assert marked.causes("mended-grade") == [("dx", "told"), ("dbeta", "told")]
    assert "N T numbers, not over N" in marked.text("mended-grade")


def test_an_answer_that_empties_dout_gains_nothing(mark):
    zeros = (
        "def mended_backward(dout, x_hat, std, gamma):\n    dout[:] = 0\n    return dout, std * 0, std * 0"
    )
    marked = mark(SLUG, {"mended": zeros})
    assert marked.points["mended-grade"] == 0
    assert {cause for _, cause in marked.causes("mended-grade")} == {"all-zero"}


def test_right_answers_written_otherwise_keep_full_marks(mark, full):
    assert mark(SLUG, OTHERWISE).points == full(SLUG)


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_another_seed_gives_the_same_marks(mark, full, seed):
    wrong = {"backward": backward(dx=NO_MEAN), "mended": COLLEAGUES}
    with seeded(seed):
        assert mark(SLUG).points == full(SLUG)
        marked = mark(SLUG, wrong)
    assert (marked.points["backward-grade"], marked.points["mended-grade"]) == (2, 0)
    assert marked.causes("backward-grade") == [("dx", "missing-path:mean")]


@pytest.mark.parametrize(
    "dx", ["dxc - sum(dxc, axis=D, keepdims=True) / 5", "dxc - mean(dxc, axis=D, keepdims=True) * D / 5"]
)
def test_a_number_for_the_size_of_an_axis_is_found(mark, dx):
    author = {
        "ds": "-sum(dout * xc, axis=D, keepdims=True) / s**2",
        "dxc": "dout / s + xc * ds / (D * s)",
        "dx": dx,
    }
    answers = "\n".join(f"def formula_for_{name}():\n    return {text!r}" for name, text in author.items())
    marked = mark(SLUG, {"paper": answers})
    assert marked.points["paper-grade"] == 2
    assert marked.causes("paper-grade") == [("dx", "fixed-size")]


def test_a_running_mean_of_the_wrong_shape_is_not_told_of_gradients(mark):
    rows = forward().replace("x.mean(axis=0)", "x.mean(axis=1, keepdims=True)")
    marked = mark(SLUG, {"forward": rows})
    assert marked.points["forward-grade"] < 3
    assert "sum the gradients" not in marked.text("forward-grade")


def test_a_mean_over_samples_and_steps_is_told(mark):
    lines = (
        "def mended_backward(dout, x_hat, std, gamma):\n    g = gamma * dout\n"
        "    dx = g - g.mean(axis=(0, 1)) - x_hat * (g * x_hat).mean(axis=(0, 1))\n"
        "    return dx / std, (dout * x_hat).sum(axis=(0, 1)), dout.mean(axis=(0, 1))"
    )
    marked = mark(SLUG, {"mended": lines})
    assert marked.points["mended-grade"] == 2
    assert "these contributions add up, and are not averaged" in marked.text("mended-grade")


def test_an_easy_layer_with_its_own_backward_earns_what_is_right_for_every_layer_alone(mark):
    easy = {
        "forward": "def batchnorm_forward(x, gamma, beta, bn_param):\n    return gamma * x + beta, (x, gamma)",
        "backward": "def batchnorm_backward(dout, cache):\n    x, gamma = cache\n"
        "    return dout * gamma, (dout * x).sum(axis=0), dout.sum(axis=0)",
    }
    marked = mark(SLUG, easy)
    assert marked.points["backward-grade"] == 1.0
    assert ("dx", "own-forward") in marked.causes("backward-grade")
