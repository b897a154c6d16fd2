"""The exercises of the chapter on the chain rule: what its own check cells say to wrong answers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from handgrad import numeric
from handgrad.homework import notebooks
from handgrad.shapes import arrangements
from tests.chapters import Chapter, verdicts

CHAPTER = Chapter("03_chain_rule")
ALL = CHAPTER.all
CELLS = CHAPTER.cells
answered = CHAPTER.answered

# Cells whose comparison is meant to fail, and how often.
REFUSED = {"best-matrix": 1, "lucky-matrix": 1, "one-or-five": 4}


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names of the chapter, run from top to bottom."""
    return CHAPTER.names()


# ---- the text ------------------------------------------------------------------------------------


def test_every_line_of_every_derivation_agrees_with_values_of_the_loss() -> None:
    said = {name: notebooks.text_of(cell).splitlines() for name, cell in CELLS.items()}
    marked = {
        name: lines for name, lines in said.items() if "compare(" in CELLS[name].source or name in REFUSED
    }
    refused = {name: sum(line.strip()[:1] == "✗" for line in lines) for name, lines in marked.items()}
    assert {name: count for name, count in refused.items() if count} == REFUSED
    assert sum(line.strip()[:1] == "✓" for lines in marked.values() for line in lines) >= 16


def test_every_displayed_line_has_its_check_in_the_next_comparison() -> None:
    displayed = 0
    for place, cell in enumerate(ALL):
        if cell.cell_type != "markdown":
            continue
        labels = re.findall(r"^&\\text\{\((\w+)\)\}", cell.source, re.M)
        if labels:
            check = next(c for c in ALL[place:] if c.cell_type == "code" and "compare(" in c.source)
            assert re.findall(r'^    "line (\w+)', check.source, re.M) == labels, check.id
            displayed += 1
    assert displayed == 2


def test_every_line_of_the_engines_derivation_is_proved_twice() -> None:
    said = " ".join(notebooks.text_of(CELLS["engine"]).split())
    assert said.count("numeric ✓ symbolic ✓") == 9
    assert "9 of 9 lines are right" in said
    assert "dW = X.T @ dS_1" in said


def test_the_derivative_by_the_weight_has_four_axes_and_no_matrix_replaces_it() -> None:
    assert "axes: 4 shape: (4, 2, 3, 2)" in notebooks.text_of(CELLS["four-axes"])
    assert "✗ the best single matrix" in notebooks.text_of(CELLS["best-matrix"])


def test_the_element_wise_guess_is_right_for_exp_alone() -> None:
    said = notebooks.text_of(CELLS["elementwise-measured"])
    errors = {m[1]: float(m[2]) for m in re.finditer(r"^(\w+) .* relative error (\S+)$", said, re.M)}
    assert errors["exp"] == 0.0
    assert min(errors["softmax"], errors["batchnorm"]) > 0.5


def test_the_element_wise_guess_is_the_diagonal_of_the_derivatives(chapter: dict[str, Any]) -> None:
    S = np.random.default_rng(7).normal(size=(5, 3))
    for name, (f, slope) in chapter["slopes"](S).items():
        diagonal = np.diag(numeric.jacobian(f, S).reshape(S.size, S.size)).reshape(S.shape)
        assert np.allclose(diagonal, slope) == (name != "crude"), name


def test_the_best_matrix_is_best_over_all_upstream_gradients(chapter: dict[str, Any]) -> None:
    best, X, E = chapter["best"], chapter["X"], chapter["E"]

    def missed(A: Any) -> float:
        return sum(float(np.sum((A @ u - X.T @ (E * u)) ** 2)) for u in chapter["units"])

    rng = np.random.default_rng(0)
    for _ in range(20):
        assert missed(best) < missed(best + 0.1 * rng.normal(size=best.shape))


@pytest.mark.parametrize(("sizes", "fit"), [("553", False), ("744", True), ("454", True)])
def test_a_formula_slips_through_where_c_equals_another_size(sizes: str, fit: bool) -> None:
    at = dict(zip("NDC", map(int, sizes), strict=True))
    assert bool(arrangements("D N", {"X": "N D", "E": "N C"}, sizes=at)) is fit


def test_one_nudge_does_not_find_every_layer_that_listens_elsewhere() -> None:
    said = notebooks.text_of(CELLS["listen"])
    counts = re.findall(r"^(\w+) .*\n +by S\[0,0\]: (\d+), by any: (\d+)$", said, re.M)
    assert {name: (int(one), int(every)) for name, one, every in counts} == {
        "exp": (0, 0),
        "row_softmax": (2, 24),
        "batchnorm": (3, 36),
        "swap": (0, 6),
    }


# ---- wrong answers get the diagnosis that fits ---------------------------------------------------

SHAPES = {"dS": (7, 3), "dW": (5, 3), "H_by_S": (7, 3, 7, 3), "S_by_W": (7, 3, 5, 3), "S_by_b": (7, 3, 3)}


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("dS", (3, 7), "looks transposed: its axes are (C, N), expected (N, C) = (7, 3)"),
        ("dW", (3, 5), "looks transposed"),
        ("dW", (7, 5), "the gradient of a loss has its variable's shape"),
        ("H_by_S", (7, 3), "all axes of the output, then all"),
        ("S_by_W", (5, 7), "all axes of the output, then all"),
        ("S_by_b", (3, 3), "all axes of the output, then all"),
        ("S_by_b", "(7, 3, 3)", "write a tuple"),
        ("S_by_b", [3], "all axes of the output, then all"),
        ("dS", 7, "write a tuple"),
    ],
)
def test_a_wrong_shape_is_explained(chapter: dict[str, Any], key: str, answer: Any, words: str) -> None:
    said = answered(chapter, "ex-shapes", my_shapes={**SHAPES, key: answer})
    assert [line for line in said.splitlines() if line.startswith(f"{key}: ") and words in line]
    assert said.count(": right") == 4


@pytest.mark.parametrize(
    ("text", "answer", "words"),
    [
        ("x ** 2", False, "False is wrong, no nudge moves"),
        ("x[::-1]", True, "x[2,0] moves out[0,0]"),
        ("x - x.mean(axis=0)", True, "x[1,0] moves out[0,0]"),
        ("x * x.sum()", True, "x[0,1] moves out[0,0]"),
        ("x / (1 + abs(x))", "yes", "write True or False"),
    ],
)
def test_a_wrong_choice_is_refused_by_a_nudge(
    chapter: dict[str, Any], text: str, answer: Any, words: str
) -> None:
    right = dict.fromkeys(chapter["my_choices"], False) | {"x ** 2": True, "x / (1 + abs(x))": True}
    said = answered(chapter, "ex-choices", my_choices={**right, text: answer})
    assert words in said
    assert said.count("is right") == 4


def test_a_shape_may_be_a_list(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-shapes", my_shapes={key: list(value) for key, value in SHAPES.items()})
    assert said.count(": right") == len(SHAPES)


def test_the_examples_of_a_tuple_are_the_answer_to_nothing(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-shapes", my_shapes=dict.fromkeys(SHAPES, 7))
    shown = set(re.findall(r"\([\d, ]+\)", said + CELLS["ex-shapes-stub"].source))
    assert shown == {"(2, 9)", "(4,)"}
    for tuples in ((2, 9), (4,)):
        assert ": right" not in answered(chapter, "ex-shapes", my_shapes=dict.fromkeys(SHAPES, tuples))


TANH = {"my_dS": "(1 - H * H) * dH", "my_dW": "X.T @ dS", "my_dX": "dS @ W.T", "my_db": "sum(dS, axis=N)"}


@pytest.mark.parametrize(
    ("name", "formula", "words"),
    [
        ("my_dS", "dH", "dH went past tanh"),
        ("my_dS", "dH * H", "that is the line of exp"),
        ("my_dS", "dH - S**2 * dH", "1 - h*h, not s"),
        ("my_dS", "(1 - H) * dH", "the square is missing"),
        ("my_dS", "dH / (1 - H**2)", "divided by the slope"),
        ("my_dS", "1 - H * H", "dH has no effect on dS"),
        ("my_dS", "(H * H - 1) * dH", "sign"),
        ("my_dW", "X.T @ dH", "dH stands where dS belongs"),
        ("my_dW", "dS @ X.T", "the shapes do not fit"),
        ("my_dW", "dS.T @ X", "looks transposed"),
        ("my_dX", "dH @ W.T", "dH stands where dS belongs"),
        ("my_dX", "dS @ W", "an impostor: its shape fits only where D = C"),
        ("my_db", "sum(dH, axis=N)", "dH stands where dS belongs"),
        ("my_db", "dS", "looks not summed over N=7"),
        ("my_db", "mean(dS, axis=N)", "db divided by N"),
        ("my_dW", "X.T @ dQ", "dQ cannot be used here"),
    ],
)
def test_a_wrong_formula_is_explained(chapter: dict[str, Any], name: str, formula: str, words: str) -> None:
    said = answered(chapter, "ex-tanh", **{**TANH, name: formula})
    assert words in said
    assert sorted(verdicts(said)) == ["correct", "correct", "correct", "incorrect"]


def exp_affine(*, dS: Any = None, dX: Any = None, dW: Any = None, db: Any = None) -> Any:
    """A backward of exp(X W + b) with some of its lines replaced."""

    def backward(dH: Any, X: Any, W: Any, H: Any) -> Any:
        mine = (dS or (lambda dH, H: H * dH))(dH, H)
        return (
            (dX or (lambda dH, X, W, H, dS: dS @ W.T))(dH, X, W, H, mine),
            (dW or (lambda dH, X, W, H, dS: X.T @ dS))(dH, X, W, H, mine),
            (db or (lambda dH, X, W, H, dS: dS.sum(axis=0)))(dH, X, W, H, mine),
        )

    return backward


LATE = "dH stands where dS belongs: the step through exp is missing"
EXP_AFFINE = {
    "exp skipped": (exp_affine(dS=lambda dH, H: dH), LATE, "✗ dX, ✗ dW, ✗ db"),
    "exp skipped for dX": (exp_affine(dX=lambda dH, X, W, H, dS: dH @ W.T), LATE, "✗ dX, ✓ dW, ✓ db"),
    "upstream forgotten": (exp_affine(dS=lambda dH, H: H), "it has no effect on dW", "✗ dX, ✗ dW, ✗ db"),
    "one matrix for all columns": (
        exp_affine(dW=lambda dH, X, W, H, dS: (X.T * H.sum(axis=1)) @ dH),
        "one (D, N) matrix for all columns, an impostor",
        "✓ dX, ✗ dW, ✓ db",
    ),
    "dW transposed": (
        exp_affine(dW=lambda dH, X, W, H, dS: dS.T @ X),
        "looks transposed",
        "✓ dX, ✗ dW, ✓ db",
    ),
    "db not summed": (
        exp_affine(db=lambda dH, X, W, H, dS: dS),
        "looks not summed over N=7",
        "✓ dX, ✓ dW, ✗ db",
    ),
    "db a mean": (
        exp_affine(db=lambda dH, X, W, H, dS: dS.mean(axis=0)),
        "db divided by N",
        "✓ dX, ✓ dW, ✗ db",
    ),
    "sign": (exp_affine(dS=lambda dH, H: -H * dH), "wrong sign", "✗ dX, ✗ dW, ✗ db"),
}


@pytest.mark.parametrize("name", EXP_AFFINE)
@pytest.mark.parametrize("exercise", ["ex-exp-affine", "ex-mistake"])
def test_a_wrong_backward_of_the_layer_is_explained(
    chapter: dict[str, Any], exercise: str, name: str
) -> None:
    wrong, words, parts = EXP_AFFINE[name]
    stub = {"ex-exp-affine": "my_exp_affine_backward", "ex-mistake": "my_mended_backward"}[exercise]
    said = answered(chapter, exercise, **{stub: wrong})
    assert words in said
    assert parts in said
    assert verdicts(said) == ["incorrect"]
    assert "no known cause" not in said


def test_a_slip_that_is_named_sends_nobody_to_look_for_it(chapter: dict[str, Any]) -> None:
    for name, next_step in (("exp skipped", False), ("no name", True)):
        wrong = EXP_AFFINE.get(name, (exp_affine(dS=lambda dH, H: H * dH**3),))[0]
        said = answered(chapter, "ex-exp-affine", my_exp_affine_backward=wrong)
        assert ("  next:" in said) is next_step
        assert ("looks like a slip" in said) is not next_step


def test_mending_one_of_two_mistakes_is_not_enough(chapter: dict[str, Any]) -> None:
    given, right = chapter["one_step_backward"], chapter["solution_mended_backward"]

    def only_dX(*a: Any) -> Any:
        return right(*a)[0], *given(*a)[1:]

    def only_dW(*a: Any) -> Any:
        return given(*a)[0], right(*a)[1], given(*a)[2]

    assert "✗ dX, ✗ dW, ✓ db" in answered(chapter, "ex-mistake", my_mended_backward=given)
    assert "✓ dX, ✗ dW, ✓ db" in answered(chapter, "ex-mistake", my_mended_backward=only_dX)
    assert "✗ dX, ✓ dW, ✓ db" in answered(chapter, "ex-mistake", my_mended_backward=only_dW)


SOFTPLUS = {
    "straight way alone": (lambda d, e, u: d, "that is what comes straight from h"),
    "the other way alone": (lambda d, e, u: -d / u * e, "that is what comes back through a"),
    "minus forgotten": (lambda d, e, u: d + d / u * e, "the minus of a = -s is missing"),
    "exp skipped": (lambda d, e, u: d - d / u, "the step through exp is missing"),
    "wrong sign": (lambda d, e, u: -d / u, "wrong sign"),
    "upstream forgotten": (lambda d, e, u: 1 / u, "it has no effect on ds"),
}


@pytest.mark.parametrize("name", SOFTPLUS)
def test_a_wrong_backward_of_softplus_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = SOFTPLUS[name]
    said = answered(chapter, "ex-softplus", my_softplus_backward=wrong)
    assert words in said
    assert verdicts(said) == ["incorrect"]


def test_the_short_form_of_the_softplus_gradient_is_right_as_well(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-softplus", my_softplus_backward=lambda dh, e, u: dh / u)
    assert verdicts(said) == ["correct"]


PULLBACK = {
    "run forward": (lambda T, d: np.tensordot(T, d, axes=d.ndim), "(3,), x of shape (3,)", "incorrect"),
    "for vectors alone": (lambda T, d: T.T @ d, "y of shape (4, 2), x of shape (3, 5)", "incorrect"),
    "left flat": (
        lambda T, d: T.reshape(d.size, -1).T @ d.reshape(-1),
        "looks flattened",
        "incorrect",
    ),
    "raises": (lambda T, d: d[0, 0] * T, "your function raised an exception", "could not be judged"),
}


@pytest.mark.parametrize("name", PULLBACK)
def test_a_wrong_pullback_is_refused_with_the_shapes_it_fails_at(chapter: dict[str, Any], name: str) -> None:
    wrong, words, verdict = PULLBACK[name]
    said = answered(chapter, "ex-pullback", my_pullback=wrong)
    assert words in said
    assert verdicts(said) == [verdict]


TWO_LAYERS = {
    "exp skipped": (
        lambda d, X, W, H, V: (d @ V.T @ W.T, X.T @ (d @ V.T), H.T @ d),
        "the step through exp is missing",
        "✗ dX, ✗ dW, ✓ dV",
    ),
    "dV of S": (
        lambda d, X, W, H, V: (H * (d @ V.T) @ W.T, X.T @ (H * (d @ V.T)), (X @ W).T @ d),
        "made of S, and not of H",
        "✓ dX, ✓ dW, ✗ dV",
    ),
    "dV transposed": (
        lambda d, X, W, H, V: (H * (d @ V.T) @ W.T, X.T @ (H * (d @ V.T)), d.T @ H),
        "looks transposed: its axes are (C, H)",
        "✓ dX, ✓ dW, ✗ dV",
    ),
    "another order": (
        lambda d, X, W, H, V: (H.T @ d, X.T @ (H * (d @ V.T)), H * (d @ V.T) @ W.T),
        "looks like the outputs in another order",
        "✗ dX, ✗ dW, ✗ dV",
    ),
}


@pytest.mark.parametrize("name", TWO_LAYERS)
def test_a_wrong_backward_of_two_layers_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words, parts = TWO_LAYERS[name]
    said = answered(chapter, "ex-two-layers", my_two_layers_backward=wrong)
    assert words in said
    assert parts in said
    assert verdicts(said) == ["incorrect"]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("dY", "the way through Y = X - m alone"),
        ("dY - sum(dY, axis=N, keepdims=True)", "only the share 1/N"),
        ("dY - mean(dY)", "m has one for each column"),
        ("dY + sum(dY, axis=N, keepdims=True) / N", "the minus of X - m is missing"),
        ("dY - dY / N", "a sample also moves the outputs of the others"),
        ("-mean(dY, axis=N, keepdims=True)", "looks summed over N, which must stay"),
        ("mean(dY, axis=N, keepdims=True) - dY", "wrong sign"),
    ],
)
def test_a_wrong_formula_for_centring_is_explained(chapter: dict[str, Any], formula: str, words: str) -> None:
    said = answered(chapter, "ex-centring", my_dX_centred=formula)
    assert words in said
    assert verdicts(said) == ["incorrect"]


STUBS = {
    "ex-exp-affine": "my_exp_affine_backward",
    "ex-softplus": "my_softplus_backward",
    "ex-pullback": "my_pullback",
    "ex-mistake": "my_mended_backward",
    "ex-two-layers": "my_two_layers_backward",
}


@pytest.mark.parametrize("answer", [np.ones(3), 1.0, (), {"x": 1}, "dx", (None, None), np.array(["a"])])
def test_any_object_as_an_answer_is_judged_without_an_exception(chapter: dict[str, Any], answer: Any) -> None:
    for exercise, name in STUBS.items():
        said = answered(chapter, exercise, **{name: lambda *_: answer})
        assert "correct" not in verdicts(said)


@pytest.mark.parametrize("formula", [None, 3, "", "X +", "dS", "exp(exp(exp(dH * 1e9)))", "__import__('os')"])
def test_any_text_as_a_formula_is_judged_without_an_exception(chapter: dict[str, Any], formula: Any) -> None:
    said = answered(chapter, "ex-tanh", **{**TANH, "my_dS": formula})
    said += answered(chapter, "ex-centring", my_dX_centred=formula)
    assert verdicts(said).count("correct") == 3
