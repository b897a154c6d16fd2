"""The chapter on batch normalisation: what it shows, and what its own check cells say to wrong answers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from handgrad.homework import notebooks
from tests.chapters import Chapter, run, verdicts

CHAPTER = Chapter("08_batchnorm")
ALL = CHAPTER.all
CELLS = CHAPTER.cells
answered = CHAPTER.answered


# What the exercises build on; the rest of the chapter is proved by its stored outputs.
NEEDED = ("setup", "forward", "closed-form", "columns-check", "judging", "ex-mistake-given")


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names that the exercises use: of the cells they build on, and of all stubs and solutions."""
    names: dict[str, Any] = {}
    for name, cell in CELLS.items():
        if name == "closed-form":  # its comparison needs the staged backward, its function does not
            run(cell.source.split("\n\n\n")[0], names)
        elif name == "columns-check":
            run("\n\n\n".join(cell.source.split("\n\n\n")[:2]), names)
        elif name in NEEDED or name.endswith(("-stub", "-solution")):
            run(cell.source, names)
    return names


def shown(name: str) -> str:
    """The stored output of a cell, as text."""
    return notebooks.text_of(CELLS[name])


# ---- the text ------------------------------------------------------------------------------------


def test_every_comparison_of_the_text_agrees() -> None:
    lines = [
        line for cell in CELLS.values() if "compare(" in cell.source for line in shown(cell.id).splitlines()
    ]
    assert sum(line.startswith("✓") for line in lines) >= 24
    assert not [line for line in lines if line.startswith("✗")]


def test_every_displayed_line_has_its_check_in_the_next_comparison() -> None:
    displayed = 0
    for place, cell in enumerate(ALL):
        labels = re.findall(r"\\text\{\((\w+)\)\}", cell.source) if cell.cell_type == "markdown" else []
        if labels:
            check = next(c for c in ALL[place:] if c.cell_type == "code" and "compare(" in c.source)
            assert re.findall(r'^    "line (\w+)', check.source, re.M) == labels, check.id
            displayed += 1
    assert displayed == 1


def test_every_gradient_of_the_staged_backward_is_checked_by_nudging_its_own_variable() -> None:
    checked = re.findall(r"^✓ d(\w+) ", shown("backward-check"), re.M)
    assert set(checked) == {"x", "mu", "xc", "sq", "v", "std", "inv", "xhat", "scaled", "gamma", "beta"}


def test_the_engines_derivation_and_its_closed_form_are_proved_twice() -> None:
    page = str(CELLS["engine"].outputs)
    assert "19 of 19 lines are right" in page
    assert page.count("<details>") == 17  # fourteen steps, two sums of uses, the whole
    for name in ("closed-proof", "columns-engine"):
        said = shown(name)
        assert "18 of 18 lines are right" in said
        assert "proved exactly" in said
        assert "✗" not in said
    assert re.findall(r"dx\[\d\]: (\w+)", shown("closed-sympy")) == ["True"] * 3


def test_each_path_that_is_switched_off_is_named() -> None:
    said = " ".join(shown("paths-refused").split())
    mean, variance, direct, both, on = re.split(r"off: |all on: ", said)[1:]
    assert "the path through the mean is missing" in mean
    assert "the path through the variance is missing" in variance
    assert "the direct path is missing" in direct
    assert "mean and variance were treated as constants" in both
    assert on == "correct"


def test_the_two_sums_tell_the_paths_apart() -> None:
    rows = {
        m[1]: (float(m[2]), float(m[3]), float(m[4]))
        for m in re.finditer(r"^([a-z+]+) +(\S+) +(\S+) +(\S+)$", shown("paths-switched"), re.M)
    }
    assert len(rows) == 5
    for on, (error, plain, tilted) in rows.items():
        assert (error == 0) == (on == "direct+mean+variance")
        assert (plain == 0) == ({"direct", "mean"} <= set(on.split("+")))
        assert (tilted < 0.01) == ({"direct", "variance"} <= set(on.split("+")))


def test_the_element_wise_guess_is_never_close() -> None:
    smallest, largest = map(float, re.findall(r": +(\d\.\d+)", shown("elementwise-guess")))
    assert smallest > 0.2
    assert largest > 1


def test_an_eps_error_hides_at_variance_four_and_shows_near_eps() -> None:
    errors = {
        variance: [float(e) for e in re.findall(rf"variance {variance}: error (\S+)", shown("eps-cost"))]
        for variance in ("4", "0.25", "1e-05")
    }
    forgotten, outside = zip(*errors.values(), strict=True)
    assert max(forgotten[0], outside[0]) < 1e-5
    assert outside[1] < 1e-9 < forgotten[1]
    assert min(forgotten[2], outside[2]) > 0.3


def test_a_bias_before_the_layer_has_a_zero_gradient_of_which_the_check_warns() -> None:
    said = shown("bias-before")
    assert "another bias, the same output: True" in said
    assert "gradient below 1e-12: True" in said
    assert "relative error above 0.01: True" in said
    assert "the true dbias is zero, or nearly" in said


# ---- wrong answers get the diagnosis that fits ---------------------------------------------------

SHAPES = {"mu": (5,), "xhat": (7, 5), "dgamma": (5,), "dv": (5,), "dx": (7, 5), "xhat_by_x": (7, 5, 7, 5)}


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("mu", (7,), "its axis is N=7"),
        ("mu", (1, 5), "of size 1, was kept"),
        ("xhat", (5, 7), "looks transposed"),
        ("dgamma", (7, 5), "looks not summed over N=7"),
        ("dx", (5,), "looks summed over N"),
        ("xhat_by_x", (7, 7), "all axes of the output, then all"),
        ("dv", 5, "write a tuple"),
    ],
)
def test_a_wrong_shape_is_explained(chapter: dict[str, Any], key: str, answer: Any, words: str) -> None:
    said = answered(chapter, "ex-shapes", my_shapes={**SHAPES, key: answer})
    assert [line for line in said.splitlines() if line.startswith(f"{key}: ") and words in line], said
    assert said.count(": right") == 5


@pytest.mark.parametrize("answer", [(5, 7), (7,), (1, 5), (7, 7), (5, 5, 7), ()])
def test_a_wrong_shape_is_not_told_the_right_one(chapter: dict[str, Any], answer: Any) -> None:
    said = answered(chapter, "ex-shapes", my_shapes=dict.fromkeys(SHAPES, answer))
    assert "expected" not in said
    assert "right" not in said


CLAIMS = {
    "doubling x doubles dx": "0.50 times",
    "dx is 0 if dout is the same in every row": "then 0.00",
    "doubling gamma doubles dgamma": "1.00 times",
    "with one sample dx is 0": "then 0.00",
    "adding 5 to x leaves dx as it is": "by 0.00",
}


@pytest.mark.parametrize("text", CLAIMS)
def test_a_wrong_claim_is_answered_by_what_was_measured(chapter: dict[str, Any], text: str) -> None:
    right = {key: not key.startswith("doubling") for key in CLAIMS}
    said = answered(chapter, "ex-claims", my_claims={**right, text: not right[text]})
    assert f"{text}: {not right[text]} is wrong\n" in said
    assert CLAIMS[text] in said.split(f"{text}: ")[1].splitlines()[1]
    assert said.count("is right\n") == 4


PARAMETERS = {
    "my_dxhat": "gamma * dout",
    "my_dgamma": "sum(dout * xhat, axis=N)",
    "my_dbeta": "sum(dout, axis=N)",
}


@pytest.mark.parametrize(
    ("name", "formula", "words"),
    [
        ("my_dxhat", "dout", "gamma is missing"),
        ("my_dxhat", "gamma", "dout"),
        ("my_dxhat", "gamma * xhat", "that is the value"),
        ("my_dxhat", "dout * xhat * gamma", "xhat is not its own slope"),
        ("my_dgamma", "dout * xhat", "looks not summed over N=7"),
        ("my_dgamma", "mean(dout * xhat, axis=N)", "divided by N"),
        ("my_dgamma", "sum(dout, axis=N)", "that is dbeta"),
        ("my_dgamma", "gamma * sum(dout * xhat, axis=N)", "gamma is not its own slope"),
        ("my_dbeta", "dout", "looks not summed over N=7"),
        ("my_dbeta", "sum(dout)", "looks summed over D"),
        ("my_dbeta", "sum(dout * gamma, axis=N)", "gamma does not multiply beta"),
        ("my_dbeta", "mean(dout, axis=N)", "divided by N"),
    ],
)
def test_a_wrong_formula_for_the_last_line_is_explained(
    chapter: dict[str, Any], name: str, formula: str, words: str
) -> None:
    said = answered(chapter, "ex-parameters", **{**PARAMETERS, name: formula})
    assert words in said
    assert sorted(verdicts(said)) == ["correct", "correct", "incorrect"]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("sum(dxhat * xc, axis=N) / (2 * std**3)", "wrong sign"),
        ("-sum(dxhat * xc, axis=N) / std**3", "counted twice"),
        ("-dxhat * xc / (2 * std**3)", "looks not summed over N=7"),
        ("-sum(dxhat * xc, axis=N) / (2 * std)", "without the cube"),
        ("-sum(dxhat * xc, axis=N) / (2 * std**2)", "the power of std is 3"),
        ("-sum(dxhat * xc, axis=N) / std**2", "that is dstd"),
        ("-sum(dxhat * xhat, axis=N) / (2 * std**3)", "xhat holds one 1/std already"),
        ("-sum(dxhat, axis=N) / (2 * std**3)", "xc is missing"),
        ("-mean(dxhat * xc, axis=N) / (2 * std**3)", "divided by N"),
        ("-sum(dxhat * xc, axis=N) / (2 * N * std**3)", "comes one step later, in dsq"),
        ("-mean(dxhat * xc, axis=N) / (2 * std**3)", "comes one step later, in dsq"),
        ("-sum(dxhat * xc, axis=N) / (2 * std**5)", "take N=3 and one feature"),
        ("-sum(dxhat * xc, axis=N) / std**3", "the 1/2 of the root is missing"),
        ("-sum(dxhat * xc, axis=N) / 2 * std**3", "brackets are missing"),
        ("-sum(dxhat * xc, axis=N) / (2 * v**1.5)", "eps is missing"),
        ("-sum(dxhat * x, axis=N) / (2 * std**3)", "x stands where xc belongs"),
        ("dstd / (2 * std)", "dstd is not handed to you"),
        ("dstd / std / 2", "dstd is not handed to you"),
    ],
)
def test_a_wrong_formula_for_the_variance_is_explained(
    chapter: dict[str, Any], formula: str, words: str
) -> None:
    said = answered(chapter, "ex-variance", my_dv=formula)
    assert words in said
    assert verdicts(said) == ["incorrect"]


def test_another_form_of_the_gradient_of_the_variance_is_right_as_well(chapter: dict[str, Any]) -> None:
    for formula in (
        "sum(dxhat * xhat, axis=N) * (-1/2) / std**2",
        "-N * mean(dxhat * xc, axis=N) / (2 * std**3)",
        "-(dxhat * xc).sum(axis=0) / (std * std * std) / 2",
    ):
        assert verdicts(answered(chapter, "ex-variance", my_dv=formula)) == ["correct"], formula


def test_n_minus_one_is_refused_by_a_gradient_check_and_named_by_the_layers() -> None:
    said = shown("biased-check")
    assert "gradient check, N = 64: incorrect" in said
    assert "divided by N - 1" in said


def test_a_coarse_tolerance_passes_the_wrong_eps_on_ordinary_data_alone() -> None:
    said = shown("eps-refused")
    assert "spread 2: rtol=1e-4 passes" in said
    assert "spread 0.003: rtol=1e-4 refuses" in said


def test_two_samples_are_normalised_to_one_and_minus_one() -> None:
    rows = re.findall(r"xhat: \[(.+?)\] \[(.+?)\]", shown("one-sample"))
    assert [[abs(float(v)) for v in row.split()] for row in rows[0]] == [[1.0] * 3] * 2


def forward(
    *, root: Any = None, rate: Any = None, store: bool = True, ddof: int = 0, test_by_batch: bool = False
) -> Any:
    """A forward pass with some of its parts replaced."""

    def wrong(x: Any, gamma: Any, beta: Any, bn_param: Any) -> Any:
        eps, keep = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
        keep = rate(keep) if rate else keep
        mean, var = (bn_param.get(f"running_{k}", np.zeros(x.shape[1])) for k in ("mean", "var"))
        if bn_param["mode"] == "train" or test_by_batch:
            old, (mean, var) = (mean, var), (x.mean(axis=0), x.var(axis=0, ddof=ddof))
            if store and bn_param["mode"] == "train":
                bn_param["running_mean"] = keep * old[0] + (1 - keep) * mean
                bn_param["running_var"] = keep * old[1] + (1 - keep) * x.var(axis=0)
        std = (root or (lambda v, e: np.sqrt(v + e)))(var, eps)
        xhat = (x - mean) / std
        return gamma * xhat + beta, (x, xhat, mean, std, gamma)

    return wrong


FORWARD = {
    "eps forgotten": (forward(root=lambda v, e: np.sqrt(v)), "eps is missing"),
    "eps outside the root": (forward(root=lambda v, e: np.sqrt(v) + e), "under the square root"),
    "eps hard-coded": (forward(root=lambda v, e: np.sqrt(v + 1e-5)), "eps does not come from bn_param"),
    "divided by the variance": (forward(root=lambda v, e: v + e), "x was divided by the variance"),
    "momentum swapped": (forward(rate=lambda m: 1 - m), "momentum weighs the new batch"),
    "momentum hard-coded": (forward(rate=lambda m: 0.9), "momentum does not come from bn_param"),
    "not stored": (forward(store=False), "has to be put back into bn_param"),
    "unbiased": (forward(ddof=1), "divided by N - 1"),
    "batch in test mode": (forward(test_by_batch=True), "test mode used the statistics of the batch"),
}


@pytest.mark.parametrize("name", FORWARD)
def test_a_wrong_forward_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = FORWARD[name]
    said = answered(chapter, "ex-forward", my_batchnorm_forward=wrong)
    assert words in said
    assert verdicts(said) == ["incorrect"]


def test_a_right_forward_with_nothing_replaced_passes(chapter: dict[str, Any]) -> None:
    assert verdicts(answered(chapter, "ex-forward", my_batchnorm_forward=forward())) == ["correct"]


def backward(*, dx: Any = None, dgamma: Any = None, dbeta: Any = None) -> Any:
    """A backward pass with some of its gradients replaced; each gets g, dout, x_hat, std, gamma, xc."""

    def wrong(dout: Any, cache: Any) -> Any:
        x, h, mean, std, gamma = cache
        g = gamma * dout
        given = (g, dout, h, std, gamma, x - mean)
        right = (g - g.mean(axis=0) - h * (g * h).mean(axis=0)) / std
        return (
            dx(*given) if dx else right,
            dgamma(*given) if dgamma else (dout * h).sum(axis=0),
            dbeta(*given) if dbeta else dout.sum(axis=0),
        )

    return wrong


BACKWARD = {
    "mean forgotten": (
        backward(dx=lambda g, d, h, s, y, c: (g - h * (g * h).mean(axis=0)) / s),
        "the path through the mean is missing",
    ),
    "variance forgotten": (
        backward(dx=lambda g, d, h, s, y, c: (g - g.mean(axis=0)) / s),
        "the path through the variance is missing",
    ),
    "element-wise": (
        backward(dx=lambda g, d, h, s, y, c: g / s),
        "mean and variance were treated as constants",
    ),
    "sums for means": (
        backward(dx=lambda g, d, h, s, y, c: (g - g.sum(axis=0) - h * (g * h).sum(axis=0)) / s),
        "N times too large",
    ),
    "gamma forgotten": (
        backward(dx=lambda g, d, h, s, y, c: (d - d.mean(axis=0) - h * (d * h).mean(axis=0)) / s),
        "gamma is missing from dx",
    ),
    "variance for root": (
        backward(dx=lambda g, d, h, s, y, c: (g - g.mean(axis=0) - h * (g * h).mean(axis=0)) / s**2),
        "a square root is missing",
    ),
    "dgamma of centred x": (
        backward(dgamma=lambda g, d, h, s, y, c: (d * c).sum(axis=0)),
        "dgamma was formed with x minus its mean",
    ),
    "dgamma not summed": (
        backward(dgamma=lambda g, d, h, s, y, c: d * h, dbeta=lambda g, d, h, s, y, c: d.copy()),
        "not summed over the batch",
    ),
    "dbeta averaged": (
        backward(dgamma=lambda g, d, h, s, y, c: (d * h).mean(axis=0), dbeta=lambda g, d, h, s, y, c: d.mean(axis=0)),
        "averaged over the batch",
    ),
    "dgamma and dbeta swapped": (
        backward(
            dgamma=lambda g, d, h, s, y, c: d.sum(axis=0), dbeta=lambda g, d, h, s, y, c: (d * h).sum(axis=0)
        ),
        "looks like the outputs in another order",
    ),
}  # fmt: skip
BY_STUB = {
    "ex-backward": "my_batchnorm_backward",
    "ex-alt": "my_batchnorm_backward_alt",
    "ex-mistake": "my_mended_backward",
}


@pytest.mark.parametrize("name", BACKWARD)
@pytest.mark.parametrize("exercise", BY_STUB)
def test_a_wrong_backward_is_explained(chapter: dict[str, Any], exercise: str, name: str) -> None:
    wrong, words = BACKWARD[name]
    said = answered(chapter, exercise, **{BY_STUB[exercise]: wrong})
    assert words in said
    assert verdicts(said) == ["incorrect"]
    assert "no known cause" not in said


def test_the_planted_mistakes_are_both_named_and_mending_one_is_not_enough(chapter: dict[str, Any]) -> None:
    given, right = chapter["student_backward"], chapter["solution_mended_backward"]

    def only_dx(*a: Any) -> Any:
        return right(*a)[0], *given(*a)[1:]

    def only_dgamma(*a: Any) -> Any:
        return given(*a)[0], *right(*a)[1:]

    said = answered(chapter, "ex-mistake", my_mended_backward=given)
    assert "✗ dx, ✗ dgamma, ✓ dbeta" in said
    assert "the variance path is off by a factor of the batch size" in said
    assert "dgamma was formed with x minus its mean" in said
    assert "✓ dx, ✗ dgamma, ✓ dbeta" in answered(chapter, "ex-mistake", my_mended_backward=only_dx)
    assert "✗ dx, ✓ dgamma, ✓ dbeta" in answered(chapter, "ex-mistake", my_mended_backward=only_dgamma)


def columns(dx: Any = None, axis: int = 1, keep: bool = True) -> Any:
    """A backward for samples as columns, with dx replaced or its parameters' sums taken otherwise."""

    def wrong(dout: Any, h: Any, std: Any, gamma: Any) -> Any:
        g = gamma * dout
        right = g - g.mean(axis=1, keepdims=True) - h * (g * h).mean(axis=1, keepdims=True)
        return (
            (dx or (lambda g, h: right))(g, h) / std,
            (dout * h).sum(axis=axis, keepdims=keep),
            dout.sum(axis=axis, keepdims=keep),
        )

    return wrong


COLUMNS = {
    "element-wise": (columns(lambda g, h: g), "both paths through the statistics are missing"),
    "mean forgotten": (
        columns(lambda g, h: g - h * (g * h).mean(axis=1, keepdims=True)),
        "the path through the mean is missing",
    ),
    "variance forgotten": (
        columns(lambda g, h: g - g.mean(axis=1, keepdims=True)),
        "the path through the variance is missing",
    ),
    "over the features": (
        columns(lambda g, h: g - g.mean(axis=0) - h * (g * h).mean(axis=0)),
        "looks averaged over the features",
    ),
    "sums": (
        columns(lambda g, h: g - g.sum(axis=1, keepdims=True) - h * (g * h).sum(axis=1, keepdims=True)),
        "sums where means belong",
    ),
    "flat parameters": (columns(keep=False), "dropped: expected (D, 1) = (5, 1)"),
    "rows' sums": (columns(axis=0), "dgamma has shape (1, 7), expected shape (D, 1)"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_backward_for_columns_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = COLUMNS[name]
    said = answered(chapter, "ex-columns", my_columns_backward=wrong)
    assert words in said
    assert verdicts(said) == ["incorrect"]


RMS = {
    "element-wise": (lambda d, y, s: d / s, "std was treated as a constant"),
    "batch normalisation's": (
        lambda d, y, s: (d - d.mean(axis=0) - y * (d * y).mean(axis=0)) / s,
        "where no mean is subtracted",
    ),
    "sum for mean": (lambda d, y, s: (d - y * (d * y).sum(axis=0)) / s, "a sum where a mean belongs"),
    "wrong sign inside": (lambda d, y, s: (d + y * (d * y).mean(axis=0)) / s, "the shared term has the wrong sign"),
    "x for out": (
        lambda d, y, s: (d - y * s * (d * y * s).mean(axis=0)) / s,
        "was formed with x, not with out",
    ),
    "over all entries": (lambda d, y, s: (d - y * (d * y).mean()) / s, "not one for all"),
    "over the features": (lambda d, y, s: (d - y * (d * y).mean(axis=1)[:, None]) / s, "axis=0"),
    "divided twice": (lambda d, y, s: d / s - y * (d * y).mean(axis=0) / s**2, "holds one 1/std already"),
    "half": (lambda d, y, s: (d - y * (d * y).mean(axis=0) / 2) / s, "used up by the 2 of the square"),
}  # fmt: skip


@pytest.mark.parametrize("name", RMS)
def test_a_wrong_backward_without_a_mean_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = RMS[name]
    said = answered(chapter, "ex-rms", my_rms_backward=wrong)
    assert words in said
    assert verdicts(said) == ["incorrect"]


@pytest.mark.parametrize(
    ("exercise", "stub"),
    [*BY_STUB.items(), ("ex-forward", "my_batchnorm_forward"), ("ex-columns", "my_columns_backward")],
)
def test_an_answer_that_raises_is_reported_without_a_traceback(
    chapter: dict[str, Any], exercise: str, stub: str
) -> None:
    def wrong(*_: Any) -> Any:
        return np.ones((2, 3)) @ np.ones((2, 3))

    said = answered(chapter, exercise, **{stub: wrong})
    assert "raised an exception" in said
    assert "ValueError" in said
    assert "Traceback" not in said
