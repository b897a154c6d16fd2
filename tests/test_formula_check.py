"""An answer on paper is judged by its axes first, then by numbers; impostors are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import check_formula, layers
from handgrad.axes import REST
from handgrad.formula import evaluate_program, parse_program
from handgrad.question import LAYER_FORWARD, PRIMES
from handgrad.report import Report

SCORE = {"forward": "S = X @ W + b", "shapes": "X: N D, W: D C, b: C"}
DEEP = {"forward": "S = X @ W + b\nH = exp(S)\nL = sum(H ** 2) / N", "shapes": "X: N D, W: D C, b: C"}


def cause(report: Report) -> str | None:
    assert len(report.findings) == 1, str(report)
    return report.findings[0].cause


@pytest.mark.parametrize(
    ("formula", "wrt"),
    [
        ("X.T @ dS", "W"),
        ("(dS.T @ X).T", "W"),
        ("dS @ W.T", "X"),
        ("sum(dS, axis=N)", "b"),
        ("dS.sum(axis=0)", "b"),
        ("N * dS.mean(axis=0)", "b"),
    ],
)
def test_every_way_of_writing_the_right_formula_is_correct(formula: str, wrt: str) -> None:
    report = check_formula(formula, wrt, **SCORE)
    assert report.ok, str(report)
    assert report.points({f"d{wrt}": 2}) == 2.0


def test_the_correct_report_names_axes_and_sizes() -> None:
    assert str(check_formula("X.T @ dS", "W", **SCORE)) == (
        "dW = X.T @ dS: correct\n  axes (D, C), and right on random numbers at N=7 D=5 C=3, twice"
    )


@pytest.mark.parametrize(
    ("formula", "wrt", "expected"),
    [
        ("dS.T @ X", "W", "transposed"),
        ("dS", "b", "unsummed-broadcast"),
        ("sum(dS)", "b", "summed-too-much"),
        ("dS.sum(axis=0, keepdims=True)", "b", "kept-axis"),
        ("X.T @ dS / N", "W", "divided-by-N"),
        ("-X.T @ dS", "W", "sign"),
        ("2 * X.T @ dS", "W", "doubled"),
        ("0 * W", "W", "all-zero"),
        ("W", "W", None),
    ],
)
def test_a_wrong_formula_gets_its_cause(formula: str, wrt: str, expected: str | None) -> None:
    report = check_formula(formula, wrt, **SCORE)
    assert report.verdict == "incorrect"
    assert cause(report) == expected


@pytest.mark.parametrize(
    ("formula", "where"), [("dS.T @ X", "D = C"), ("X @ dS", "N = D"), ("X.T @ dS.T", "N = C")]
)
def test_an_impostor_is_named_with_the_sizes_at_which_it_fits(formula: str, where: str) -> None:
    assert f"an impostor: its shape fits only where {where}" in str(check_formula(formula, "W", **SCORE))


@pytest.mark.parametrize(
    ("formula", "wrt", "words"),
    [
        ("sum(dS, axis=N) @ W.T", "X", "no sum here; without it, dS @ W.T has the axes (N, D)"),
        ("sum(X.T @ dS)", "W", "no sum here; without it, X.T @ dS has the axes (D, C)"),
        ("sum(X.T @ dS, axis=D)", "W", "no sum here; without it, X.T @ dS has the axes (D, C)"),
        ("X.T @ mean(dS, axis=C)", "W", "no mean here; without it, X.T @ dS has the axes (D, C)"),
        ("sum(sum(dS, axis=N))", "b", "no sum here; without it, sum(dS, axis=N) has the axes (C,)"),
    ],
)
def test_a_sum_that_has_no_business_there_is_to_be_left_out(formula: str, wrt: str, words: str) -> None:
    said = str(check_formula(formula, wrt, **SCORE))
    assert f"check: there should be {words}" in said
    assert check_formula(words.partition("it, ")[2].partition(" has")[0], wrt, **SCORE).ok


@pytest.mark.parametrize("formula", ["sum(dS)", "dS.sum(axis=0, keepdims=True)", "sum(dS, axis=C)"])
def test_a_sum_over_other_axes_is_not_to_be_left_out(formula: str) -> None:
    report = check_formula(formula, "b", **SCORE)
    assert report.verdict == "incorrect"
    assert "there should be no" not in str(report)


ALONE = {"forward": "E = exp(S)\nR = sum(E, axis=C, keepdims=True)\nP = E / R", "shapes": "S: N C"}


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (
            "P * (dP - sum(P * dP, axis=C))",
            "axis must stay: keepdims=True, as in sum(P * dP, axis=C, keepdims=True)",
        ),
        (
            "P * dP - P * (P * dP).sum(axis=1)",
            "axis must stay: keepdims=True, as in sum(P * dP, axis=1, keepdims=True)",
        ),
        (
            "E * dR + E * dP / sum(E, axis=C)",
            "axis must stay: keepdims=True, as in sum(E, axis=C, keepdims=True)",
        ),
        (
            "exp(S) / sum(exp(S), axis=C) * (dP - sum(P * dP, axis=C))",
            "axes must stay: keepdims=True in each sum",
        ),
    ],
)
def test_an_axis_that_must_stay_is_asked_for_where_it_makes_the_numbers_right(
    formula: str, words: str
) -> None:
    said = str(check_formula(formula, "S", **ALONE))
    assert said.endswith(f"\n  check: the {words}")
    assert "there should be no" not in said


def test_an_axis_lost_at_the_end_is_asked_for_too() -> None:
    said = str(check_formula("-sum(dP * E, axis=C) / sum(E, axis=C) ** 2", "R", **ALONE))
    assert said.endswith("\n  check: the axes must stay: keepdims=True in each sum")
    assert "expected (N, 1)" in said


@pytest.mark.parametrize(
    ("formula", "wrt", "question"),
    [
        ("P * (dP + sum(P * dP, axis=C))", "S", ALONE),  # another slip as well
        ("P * (dP - sum(dP, axis=C))", "S", ALONE),
        ("sum(X, axis=C) @ W", "X", SCORE),
        ("X.T @ sum(S, axis=N)", "W", SCORE),
        ("sum(W)", "W", SCORE),
        ("sum(x * x)", "a", {"forward": "L = sum(a * x)", "shapes": "a: 1, x: D"}),
    ],
)
def test_no_sum_is_blamed_where_the_numbers_would_still_be_wrong(
    formula: str, wrt: str, question: dict[str, str]
) -> None:
    report = check_formula(formula, wrt, **question)
    assert report.verdict == "incorrect"
    for words in ("there should be no", "must stay: keepdims"):
        assert words not in str(report)


def test_a_sum_is_blamed_where_only_a_factor_is_wrong_besides() -> None:
    said = str(check_formula("sum(x)", "x", forward="s = sum(x * x)", shapes="x: D"))
    assert "there should be no sum here; without it, x has the axes (D,)" in said


def test_a_shape_error_underlines_the_product_and_names_its_axes() -> None:
    assert str(check_formula("X @ dS", "W", **SCORE)).splitlines()[2:6] == [
        "formula, line 1, column 1: the shapes do not fit in X @ dS",
        "  X @ dS",
        "  ^^^^^^",
        "  X is (N, D), dS is (N, C): @ sums over the inner axis, which is D on the left and N on the right",
    ]


def test_gradients_of_later_intermediates_may_be_used_and_earlier_ones_not() -> None:
    assert check_formula("X.T @ dS", "W", **DEEP).ok
    assert check_formula("2 * H * H / N", "S", **DEEP).ok
    assert "dW cannot be used here, it is not given" in str(check_formula("X.T @ dS + dW", "W", **DEEP))
    assert "dS cannot be used here, it is not given" in str(check_formula("dS", "S", **DEEP))


def test_a_true_gradient_of_zero_is_warned_of() -> None:
    report = check_formula(
        "0 * X", "X", forward="L = sum(exp(X) / sum(exp(X), axis=D, keepdims=True))", shapes="X: N D"
    )
    assert [f.cause for f in report.findings if f.severity == "warning"] == ["zero-gradient"]


@pytest.mark.parametrize("formula", ["", "  ", "...", "…"])
def test_a_blank_formula_is_not_attempted(formula: str) -> None:
    report = check_formula(formula, "W", **SCORE)
    assert report.verdict == "not attempted"
    assert report.points({"dW": 1}) == 0.0


@pytest.mark.parametrize(
    "formula", ["X.T @", "import os", "__import__('os')", "X[0]", "lambda: X", "X.shape", "9**9**9**9"]
)
def test_what_is_outside_the_language_is_an_error_and_never_evaluated(formula: str) -> None:
    report = check_formula(formula, "W", **SCORE)
    assert not report.ok
    assert report.points({"dW": 1}) == 0.0


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    text = str(check_formula("X.T @ dQ", "W", **SCORE))
    assert (
        "dQ cannot be used here, it is not given\n  did you mean 'dS'? known: C, D, N, S, W, X, b, dS" in text
    )


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({}, "needs forward and shapes, or a layer"),
        ({"forward": "S = X @ W", "shapes": "X: N D, W: N C"}, "the shapes do not fit in X @ W"),
        ({"forward": "S = X", "shapes": "X: N D"}, "no gradient of 'W'"),
        ({"forward": "W = X", "shapes": "X: N D"}, "no gradient of 'W'"),
        ({"layer": "afine"}, "no layer 'afine'"),
        ({"layer": "batchnorm"}, "no gradient of 'W'"),
        ({"layer": "softmax"}, "no gradient of 'W'\n  known: x"),
        ({"forward": "L = sum(W)", "shapes": "W: D, y: N int"}, "the labels y pick nothing"),
        (
            {"forward": "L = sum(W[arange(N), y])", "shapes": "W: N C, y: N"},
            "y is used as labels, and is not declared",
        ),
        (
            {"forward": "S = X @ W", "shapes": "X: N D, W: D C", "mistakes": {"so": "X @"}},
            "cannot be read here",
        ),
        (
            {"forward": "S = X @ W", "shapes": "X: N D, W: D C", "mistakes": {"so": "dQ"}},
            "no array or axis 'dQ'",
        ),
        ({"layer": "relu"}, "no gradient of 'W'"),
    ],
)
def test_a_malformed_question_is_an_error_that_says_why(keywords: dict[str, Any], message: str) -> None:
    report = check_formula("X", "W", **keywords)
    assert report.verdict == "error"
    assert message in str(report)


@pytest.mark.parametrize(
    ("layer", "formula", "wrt"),
    [
        ("affine", "x.T @ dout", "w"),
        ("relu", "dout * (x > 0)", "x"),
        ("sigmoid", "dout * out * (1 - out)", "x"),
        ("tanh", "dout * (1 - out ** 2)", "x"),
        ("linear_regression", "X.T @ (X @ theta - y) / N", "theta"),
        ("softmax", "(P - onehot(y, C)) / N", "x"),
        ("softmax", "(softmax(x, axis=C) - onehot(y, C)) / N", "x"),
        ("temporal_softmax", "mask[:, :, None] * (P - onehot(y, C)) / N", "x"),
        ("svm", "((margins > 0) - onehot(y, C) * sum(margins > 0, axis=C, keepdims=True)) / N", "x"),
        ("batchnorm", "dout.sum(axis=N)", "beta"),
        ("batchnorm", "sum(dout * xhat, axis=N)", "gamma"),
        (
            "batchnorm",
            "gamma * (dout - mean(dout, axis=N) - xhat * mean(dout * xhat, axis=N)) / std",
            "x",
        ),
        ("batchnorm", "dxc + dmu / N", "x"),
        ("spatial_batchnorm", "sum(dout * xhat, axis=(N, H, W))", "gamma"),
        ("spatial_batchnorm", "sum(dout, axis=(N, H, W))", "beta"),
        (
            "spatial_batchnorm",
            "gamma[:, None, None] * (dout - mean(dout, axis=(N, H, W), keepdims=True) "
            "- xhat * mean(dout * xhat, axis=(N, H, W), keepdims=True)) / std",
            "x",
        ),
    ],
)
def test_a_layer_can_be_asked_about_by_name(layer: str, formula: str, wrt: str) -> None:
    report = check_formula(formula, wrt, layer=layer)
    assert report.ok, str(report)
    assert not check_formula(f"2 * ({formula})", wrt, layer=layer).ok


@pytest.mark.parametrize("slug", LAYER_FORWARD)
def test_the_forward_in_formulas_is_the_layers_own(slug: str) -> None:
    layer = layers.get(slug)
    case = next(c for c in layer.cases if len(c.sizes.get(REST, (1,))) == 1)
    inputs: dict[str, Any] = layer.sample(np.random.default_rng(0), dict(case.sizes))
    sizes = {"D": case.sizes.get(REST, (0,))[0], **case.sizes}
    program = parse_program(LAYER_FORWARD[slug])
    function = layer.loss or layer.forward
    assert function is not None
    # An unnamed rest has no size here, so that layer is evaluated by what its arrays bind.
    types = None if any(REST in of for of in layer.spec.inputs.values()) else {**layer.spec.inputs}
    got = evaluate_program(program, inputs, sizes, types)[program[-1].target]
    assert np.allclose(got, function(*inputs.values())[0], rtol=1e-14)


def test_the_sizes_are_coprime_and_no_constant_of_a_formula() -> None:
    assert len(set(PRIMES)) == len(PRIMES)
    assert all(p % q for p in PRIMES for q in range(2, p))
    assert min(PRIMES) > 2


def test_a_function_may_return_the_formula() -> None:
    assert check_formula(lambda: "X.T @ dS", "W", **SCORE).ok
    assert check_formula(lambda: None, "W", **SCORE).verdict == "not attempted"  # type: ignore[arg-type, return-value]


def test_what_that_function_raises_is_a_finding() -> None:
    report = check_formula(lambda: X.T @ dS, "W", **SCORE)  # type: ignore[name-defined]  # noqa: F821
    assert report.verdict == "error"
    assert "dW: NameError: name 'X' is not defined" in str(report)
    assert report.points({"dW": 1}) == 0.0


@pytest.mark.parametrize(
    ("layer", "formula", "expected"),
    [
        ("tanh", "dout * (1 - x ** 2)", "input-for-output"),
        ("tanh", "1 - out ** 2", "ignores-dout"),
        ("relu", "dout", "no-mask"),
        ("linear_regression", "2 * X.T @ (X @ theta - y) / N", "doubled"),
        ("relu", "dout * x", "input-for-mask"),
        ("softmax", "P / N", "missing-path:label"),
        ("softmax", "(P - onehot(y, C)) / C", "classes-for-samples"),
        ("softmax", "(sum(P, axis=N) - onehot(y, C)) / N", "row-sums-over-batch"),
        ("softmax", "P * (1 - P) / N", "jacobian-diagonal-alone"),
        ("softmax", "(P * (1 - P) - onehot(y, C)) / N", "jacobian-diagonal-alone"),
        ("softmax", "(P - onehot(y, C)) * P * (1 - P) / N", "softmax-differentiated-twice"),
        ("temporal_softmax", "(P - onehot(y, C)) / N", "no-mask"),
        ("temporal_softmax", "mask[:, :, None] * (P - onehot(y, C)) / (N * T)", "divided-by-T"),
        ("svm", "(margins > 0) / N", "missing-path:correct class"),
        ("batchnorm", "gamma * (dout - xhat * mean(dout * xhat, axis=N)) / std", "missing-path:mean"),
        ("batchnorm", "gamma * dout", "stops-at-x-hat"),
        ("spatial_batchnorm", "gamma[:, None, None] * dout / std", "statistics-as-constants"),
    ],
)
def test_a_mistake_of_a_layer_is_recognised_in_a_formula(layer: str, formula: str, expected: str) -> None:
    wrt = "theta" if layer == "linear_regression" else "x"
    assert cause(check_formula(formula, wrt, layer=layer)) == expected


ACTIVE = {"forward": "S = X @ W + b\nH = tanh(S)\nA = H @ V", "shapes": "X: N D, W: D C, b: C, V: C M"}


@pytest.mark.parametrize(
    ("formula", "wrt", "expected", "words"),
    [
        (
            "X.T @ (H * dH)",
            "W",
            "output-for-slope:tanh",
            "the output of tanh stands where its derivative should",
        ),
        ("sum(dH * H, axis=N)", "b", "output-for-slope:tanh", "differentiate tanh(s) for one number s"),
        (
            "(dA @ V.T) * S",
            "S",
            "input-for-slope:tanh",
            "the input of tanh stands where its derivative should",
        ),
        ("dH @ W.T", "X", "missing-slope:tanh", "the derivative of tanh is missing"),
    ],
)
def test_a_slope_that_is_not_the_functions_is_named(
    formula: str, wrt: str, expected: str, words: str
) -> None:
    report = check_formula(formula, wrt, **ACTIVE)
    assert cause(report) == expected
    assert words in str(report)


@pytest.mark.parametrize(
    ("formula", "wrt"),
    [("X.T @ ((1 - S * S) * dH)", "W"), ("X.T @ (2 * H * dH)", "W"), ("H * dA @ V.T", "S")],
)
def test_no_slope_is_named_where_another_stands(formula: str, wrt: str) -> None:
    report = check_formula(formula, wrt, **ACTIVE)
    assert not report.ok
    for words in ("output of tanh", "input of tanh", "derivative of tanh"):
        assert words not in str(report)


def test_the_output_of_exp_is_its_slope() -> None:
    exp = {"forward": "S = X @ W\nE = exp(S)", "shapes": "X: N D, W: D C"}
    assert check_formula("X.T @ (E * dE)", "W", **exp).ok
    assert cause(check_formula("X.T @ (S * dE)", "W", **exp)) == "input-for-slope:exp"


def test_a_slope_before_a_scalar_loss_is_named_too() -> None:
    deep = {"forward": "H = sigmoid(X @ W)\nL = sum(H ** 2) / N", "shapes": "X: N D, W: D C"}
    assert cause(check_formula("X.T @ (H * dH)", "W", **deep)) == "output-for-slope:sigmoid"


@pytest.mark.parametrize(
    ("formula", "question", "words"),
    [
        ("1 - H * H", {"forward": "H = tanh(S)", "shapes": "S: N C"}, "dH has no effect on dS"),
        ("-2 * S", {"forward": "y = -S * S", "shapes": "S: N C"}, "dy has no effect on dS"),
        ("dy * S", {"forward": "y = S * S", "shapes": "S: N C"}, "is one of two equal uses left out"),
        ("1 - out * out", {"layer": "tanh"}, "dout"),
    ],
)
def test_the_upstream_gradient_goes_by_its_name_in_the_question(
    formula: str, question: dict[str, str], words: str
) -> None:
    report = check_formula(formula, "x" if "layer" in question else "S", **question)
    assert words in str(report)
    assert ("dout" in str(report)) == ("layer" in question)


def test_a_jacobian_that_is_not_transposed_is_told_with_that_name() -> None:
    said = str(check_formula("A @ dy", "x", forward="y = A @ x", shapes="A: D D, x: D"))
    assert "looks like the Jacobian J times dy: the chain rule wants the transpose of J" in said
    assert "dx[j] is the sum over i of entry i of dy times the derivative of output i by input j" in said


TOLD = {"dS stands on the wrong side": "dS.T @ X", "the bias is not multiplied by anything": "X.T @ dS * 3"}


@pytest.mark.parametrize(("formula", "said"), [("(X.T @ dS).T", 0), ("3 * X.T @ dS", 1)])
def test_a_mistake_that_the_caller_knows_of_is_told_in_their_words(formula: str, said: int) -> None:
    report = check_formula(formula, "W", **SCORE, mistakes=TOLD)
    assert cause(report) == "told"
    assert list(TOLD)[said] in str(report)
    assert list(TOLD)[1 - said] not in str(report)


def test_a_mistake_that_is_right_or_does_not_fit_tells_nothing() -> None:
    assert check_formula("X.T @ dS", "W", **SCORE, mistakes={"no": "X.T @ dS"}).ok
    assert cause(check_formula("-X.T @ dS", "W", **SCORE, mistakes=TOLD)) == "sign"
    assert cause(check_formula("2 * dS.T @ X", "W", **SCORE, mistakes=TOLD)) == "transposed"


LABELLED = {
    "forward": "s = S[arange(N), y]\nL = sum(log(sum(exp(S), axis=C)) - s)",
    "shapes": "S: N C, y: N int",
}


def test_labels_pick_entries_and_have_no_gradient() -> None:
    assert check_formula("softmax(S, axis=C) - onehot(y, C)", "S", **LABELLED).ok
    assert not check_formula("softmax(S, axis=C)", "S", **LABELLED).ok
    assert "no gradient of 'y'" in str(check_formula("S", "y", **LABELLED))


def test_a_layer_without_a_forward_in_formulas_asks_for_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LAYER_FORWARD, "tanh")
    report = check_formula("dout", "x", layer="tanh")
    assert report.verdict == "error"
    assert "tanh has no forward in formulas\n  check: give its lines as forward=" in str(report)


def test_every_layer_can_be_asked_about() -> None:
    assert set(LAYER_FORWARD) == set(layers.names())


@pytest.mark.parametrize(
    "formula", ["sum(dS, axis=N) * N / 7", "N * dS.sum(axis=0) / 7", "sum(dS, axis=N) + N - 7"]
)
def test_a_number_for_the_size_of_an_axis_is_right_at_one_size_only(formula: str) -> None:
    report = check_formula(formula, "b", **SCORE)
    assert cause(report) == "fixed-size"
    assert report.points({"db": 1}) == 0.0
    assert "right at N=7 D=5 C=3, and wrong at N=11 D=9 C=7" in str(report)
    assert "looks as if a number stands there for the size of an axis" in str(report)


@pytest.mark.parametrize(
    ("formula", "ok"),
    [
        ("mean(dY, axis=(N, H, W)) * N * H * W", True),
        ("mean(dY, axis=(N, H, W)) * 231", False),
        ("sum(dY, axis=(N, H, W)) * N * C * H * W / 1155", False),
    ],
)
def test_a_number_for_three_sizes_of_four_is_right_at_one_size_only(formula: str, ok: bool) -> None:
    report = check_formula(formula, "b", forward="Y = X + b[:, None, None]", shapes="X: N C H W, b: C")
    assert report.ok == ok
    assert ok or "right at N=7 C=5 H=3 W=11, and wrong at N=5 C=3 H=11 W=8" in str(report)


COLUMN = {"forward": "a = sigmoid(z)", "shapes": "z: D 1"}


def test_a_row_times_a_column_is_told_as_that_and_not_as_a_sum_left_out() -> None:
    report = check_formula("da.T * a*(1-a)", "z", **COLUMN)
    assert (report.verdict, cause(report)) == ("incorrect", "wrong-shape")
    assert str(report).endswith(
        "\ndz: it has the axes (D, D), expected (D, 1)\n"
        "  at D=7\n"
        "  in da.T * a, (1, D) meets (D, 1), and each is spread over the other: (D, D)\n"
        "  check: write the axes under every factor; which of them are left at the end?"
    )
    assert check_formula("da * a*(1-a)", "z", **COLUMN).ok


ROW = {"forward": "S = X @ W + b", "shapes": "X: N D, W: D C, b: 1 C"}


@pytest.mark.parametrize(
    ("formula", "wrt", "question", "axis"),
    [
        ("dS", "b", SCORE, "N=7"),
        ("-dS / N", "b", SCORE, "N=7"),
        ("dS", "b", ROW, "N=7"),
        ("x * dy", "w", {"forward": "y = w * x", "shapes": "x: N, w:"}, "N=7"),
    ],
)
def test_a_sum_left_out_is_told_where_it_makes_the_numbers_right(
    formula: str, wrt: str, question: dict[str, str], axis: str
) -> None:
    report = check_formula(formula, wrt, **question)
    assert cause(report) == "unsummed-broadcast"
    assert f"looks not summed over {axis}" in str(report)
    assert "check: used several times, so sum the gradients of all uses" in str(report)


@pytest.mark.parametrize(
    ("formula", "wrt", "question"),
    [
        ("dS * S", "b", SCORE),
        ("S", "b", ROW),
        ("A.T", "x", {"forward": "y = A @ x", "shapes": "A: M D, x: D"}),
        ("x[:, None] * dy", "w", {"forward": "y = w * x", "shapes": "x: N, w:"}),
    ],
)
def test_no_sum_is_missed_where_it_would_leave_the_numbers_wrong(
    formula: str, wrt: str, question: dict[str, str]
) -> None:
    report = check_formula(formula, wrt, **question)
    assert cause(report) == "wrong-shape"
    assert "sum" not in str(report)
    assert str(report).endswith(
        "check: write the axes under every factor; which of them are left at the end?"
    )


@pytest.mark.parametrize("formula", ["W * X", "X @ dS", "dS.sum(axis=0, keepdims=True)", "dS", "dS * S"])
def test_what_is_said_of_a_formula_speaks_of_no_lines_of_code(formula: str) -> None:
    report = check_formula(formula, "b", **SCORE)
    assert not report.ok
    for words in ("print", "line,", "reshape"):
        assert words not in str(report)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (3, "a number"),
        (np.float64(3), "a number"),
        (["X.T @ dS"], "a list"),
        (np.ones((5, 3)), "an array of shape (5, 3)"),
        ({}, "a dict"),
        (object(), "an object"),
    ],
)
def test_an_answer_that_is_not_text_is_told_what_it_is(answer: Any, kind: str) -> None:
    for given in (answer, lambda: answer):
        report = check_formula(given, "W", **SCORE)
        assert (report.verdict, cause(report), report.parts) == ("incorrect", "not-text", {"dW": "wrong"})
        assert str(report) == (
            f"dW: incorrect\n\ndW: the answer is {kind}, expected a formula in quotes\n"
            "  check: put quotes around the formula itself; it is read as text, and computed here"
        )


@pytest.mark.parametrize("answer", [None, ...])
def test_none_and_an_ellipsis_are_not_attempted(answer: Any) -> None:
    for given in (answer, lambda: answer):
        assert check_formula(given, "W", **SCORE).verdict == "not attempted"
