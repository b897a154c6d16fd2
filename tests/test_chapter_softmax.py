"""The chapter on softmax: what its cells hold, and what its own check cells say to wrong answers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from handgrad.homework import notebooks
from tests.chapters import Chapter, verdicts

CHAPTER = Chapter("06_softmax")
ALL = CHAPTER.all
CELLS = CHAPTER.cells
answered = CHAPTER.answered

# Cells whose comparison is meant to fail, and how often.
REFUSED = {
    "two-meanings-of-p": 1,
    "path-label": 1,
    "path-label-columns": 1,
    "drowsum": 1,
    "argument": 2,
    "one-over-n": 4,
    "two-paths": 2,
    "columns-wrong": 1,
}


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names of the chapter, run from top to bottom."""
    return CHAPTER.names()


def said_by(name: str) -> str:
    return notebooks.text_of(CELLS[name])


# ---- the text ------------------------------------------------------------------------------------


def test_every_line_of_every_derivation_agrees_with_values_of_the_loss() -> None:
    marked = {name: said_by(name).splitlines() for name, cell in CELLS.items() if "compare(" in cell.source}
    refused = {name: sum(line.strip()[:1] == "✗" for line in lines) for name, lines in marked.items()}
    assert {name: count for name, count in refused.items() if count} == REFUSED
    assert sum(line.strip()[:1] == "✓" for lines in marked.values() for line in lines) >= 35


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
    assert displayed == 4


@pytest.mark.parametrize("name", ["engine", "engine-shifted", "engine-columns"])
def test_every_line_of_the_engines_derivations_is_proved(name: str) -> None:
    said = " ".join(said_by(name).split())
    right, lines = map(int, re.findall(r"(\d+) of (\d+) lines are right", said)[0])
    assert right == lines > 10
    assert "onehot" in said


def test_the_sources_line_raises_or_is_silently_wrong_but_for_one_sample() -> None:
    said = said_by("code-source-sizes")
    assert re.search(r"N= 4 C=3 N x 1 +ValueError", said)
    assert float(re.search(r"N= 4 C=3 1-D +largest error (\S+)", said)[1]) > 0.2  # type: ignore[index]
    assert re.findall(r"N= 1 C=3 .* largest error (\S+)", said) == ["0.00", "0.00"]


def test_the_text_after_the_sources_line_says_what_the_check_says() -> None:
    assert "the row-sum path was added up over the samples" in said_by("refused-source")
    text = next(cell.source for cell in ALL if cell.id == "refused-text")
    assert "the path through the row sum was added up *over the samples*" in text


def test_the_element_wise_guess_is_never_close() -> None:
    assert float(said_by("element-wise").split("smallest ")[1]) > 0.3


def test_a_sum_of_softmax_accepts_what_a_random_gradient_refuses() -> None:
    said = said_by("sum-test")
    assert [line.split()[-1] for line in said.splitlines()[:6]] == [*["correct"] * 4, *["incorrect"] * 2]
    assert "the true dS is zero" in said_by("sum-warning")


def test_the_batch_is_a_block_diagonal_and_a_row_is_dense() -> None:
    shown = "".join(str(o.get("data", {})) for o in CELLS["jacobian-batch"].outputs)
    assert "block diagonal, one block " in shown
    assert "36 of 144 entries are not 0" in shown
    assert "dense, no entry is 0" in str(CELLS["jacobian-row"].outputs)


def test_the_plain_loss_overflows_and_the_shifted_one_does_not() -> None:
    assert "exp overflows above about 709" in said_by("plain-loss")
    assert "label 0: loss nan" in said_by("overflow")
    assert "label 2: loss 2000" in said_by("shifted-loss")
    assert "warning" not in said_by("shifted-loss")


# ---- wrong answers get the diagnosis that fits ---------------------------------------------------

SHAPES = {"R": (7, 1), "Y": (7, 3), "dR": (7, 1), "dS": (7, 3), "P_by_S": (7, 3, 7, 3), "db": (3,)}


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("R", (7,), "not (7,)"),
        ("dR", (7, 3), "not summed over C=3"),
        ("dS", (3, 7), "looks transposed"),
        ("db", (1, 3), "not (1, 3)"),
        ("P_by_S", (7, 3), "all axes of the output, then all"),
        ("P_by_S", (7, 3, 3), "all axes of the output, then all"),
        ("Y", 7, "write a tuple"),
        ("dS", ("N", "C"), "write a tuple"),
        ("dS", (7, None), "write a tuple"),
    ],
)
def test_a_wrong_shape_is_explained(chapter: dict[str, Any], key: str, answer: Any, words: str) -> None:
    said = answered(chapter, "ex-shapes", my_shapes={**SHAPES, key: answer})
    assert [line for line in said.splitlines() if line.startswith(f"{key}: ") and words in line]
    assert said.count(": right") == 5


@pytest.mark.parametrize("answer", [(7, 7), (5,), (3, 7), (1, 3), (7,), (7, 3, 3), ()])
def test_a_wrong_shape_is_not_told_the_right_one(chapter: dict[str, Any], answer: Any) -> None:
    said = answered(chapter, "ex-shapes", my_shapes=dict.fromkeys(SHAPES, answer))
    assert "expected" not in said
    assert "right" not in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((-0.1, -0.6, 0.7), "the sign"),
        ((0.1, 0.6, 0.3), "the label's own path is missing"),
        ((0, 0, -1), "the path through the sum is missing"),
        ((0, 0, -0.7), "only the label's score is asked for"),
        ((0, 0, -10 / 3), "the slope of -log p by p"),
        ((0.1 / 3, 0.2, -0.7 / 3), "there is one sample"),
        ((0.1, -0.4, 0.3), "1 belongs at the label"),
        ((0.5, 0.5, 0.5), "must add up to 0"),
        ((0.35, 0.35, -0.7), "they add up to 0, but"),
        ((0.1, 0.6), "write three numbers"),
        ("abc", "write three numbers"),
    ],
)
def test_a_wrong_row_is_explained(chapter: dict[str, Any], answer: Any, words: str) -> None:
    said = answered(chapter, "ex-row", my_row=answer)
    assert words in said
    assert "right" not in said


def test_a_rounded_row_is_right(chapter: dict[str, Any]) -> None:
    assert answered(chapter, "ex-row", my_row=[0.1, 0.6, -0.7]).startswith("right")


@pytest.mark.parametrize(
    ("text", "answer", "words"),
    [
        ("add 5 to all scores", False, "False is wrong, the loss\n    stays at "),
        ("reorder the samples", False, "False is wrong, the loss\n    stays at "),
        ("double every score", True, "True is wrong, the loss\n    goes from "),
        ("shift each column", True, "True is wrong, the loss\n    goes from "),
        ("shift each row", "yes", "write True or False"),
    ],
)
def test_a_wrong_claim_of_invariance_is_computed(
    chapter: dict[str, Any], text: str, answer: Any, words: str
) -> None:
    right = {k: "column" not in k and "double" not in k for k in chapter["my_invariants"]}
    assert answered(chapter, "ex-invariant", my_invariants=right).count("is right") == 5
    said = answered(chapter, "ex-invariant", my_invariants={**right, text: answer})
    assert f"{text}: {words}" in said
    assert said.count("is right") == 4


def loss_with(dx: Any, shift: bool = True) -> Any:
    """A softmax loss whose value is right, and whose gradient is dx(x, y, P, Y)."""

    def wrong(x: Any, y: Any) -> Any:
        Z = x - x.max(axis=1, keepdims=True) * shift
        E = np.exp(Z)
        P = E / E.sum(axis=1, keepdims=True)
        value = np.mean(np.log(E.sum(axis=1)) - Z[np.arange(len(x)), y])
        return value, dx(x, y, P, np.eye(x.shape[1])[y])

    return wrong


LOSS = {
    "no label": (lambda x, y, P, Y: P / len(x), "the label's score also enters the loss by itself"),
    "no row sum": (
        lambda x, y, P, Y: -Y / len(x),
        "every score of a row enters the loss through the row sum",
    ),
    "no 1/N": (lambda x, y, P, Y: P - Y, "the 1/N is missing from dx"),
    "sign": (lambda x, y, P, Y: (Y - P) / len(x), "dx has the wrong sign"),
    "everywhere": (lambda x, y, P, Y: (P - 1) / len(x), "1 was subtracted from every probability"),
    "transposed": (lambda x, y, P, Y: ((P - Y) / len(x)).T, "looks transposed"),
    "element-wise": (
        lambda x, y, P, Y: Y * (P - 1) / len(x),
        "as if each probability depended on its own score alone",
    ),
}


@pytest.mark.parametrize("name", LOSS)
def test_a_wrong_softmax_loss_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = LOSS[name]
    said = answered(chapter, "ex-loss", my_softmax_loss=loss_with(wrong))
    assert words in said
    assert "✓ loss, ✗ dx" in said


def log_of_p(x: Any, y: Any) -> Any:
    """The gradient survives large scores, and the logarithm is taken of P."""
    E = np.exp(x - x.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    return -np.mean(np.log(P[np.arange(len(x)), y])), (P - np.eye(x.shape[1])[y]) / len(x)


def plain_dx(x: Any, y: Any) -> Any:
    """The loss survives large scores, and the gradient takes the exponentials again."""
    E = np.exp(x)
    return loss_with(lambda *_: 0)(x, y)[0], (E / E.sum(1, keepdims=True) - np.eye(x.shape[1])[y]) / len(x)


def one_maximum(x: Any, y: Any) -> Any:
    """The maximum of the batch is subtracted, not that of each row."""
    Z = x - x.max()
    E = np.exp(Z)
    R = E.sum(axis=1, keepdims=True)
    return np.mean(np.log(R[:, 0]) - Z[np.arange(len(x)), y]), (E / R - np.eye(x.shape[1])[y]) / len(x)


def clipped(x: Any, y: Any) -> Any:
    """Finite at any score, and wrong at large ones."""
    return loss_with(lambda x, y, P, Y: (P - Y) / len(x))(np.clip(x, -500, 500), y)


def by_math(x: Any, y: Any) -> Any:
    """math.exp raises an OverflowError where np.exp gives infinity."""
    E = np.array([[math.exp(s) for s in row] for row in x])
    P = E / E.sum(axis=1, keepdims=True)
    return -np.mean(np.log(P[np.arange(len(x)), y])), (P - np.eye(x.shape[1])[y]) / len(x)


@pytest.mark.parametrize(
    ("loss", "parts"),
    [
        (loss_with(lambda x, y, P, Y: (P - Y) / len(x), shift=False), "✗ loss, ✗ dx"),
        (log_of_p, "✗ loss, ✓ dx"),
        (plain_dx, "✓ loss, ✗ dx"),
        (one_maximum, "✗ loss, ✗ dx"),
        (clipped, "✗ loss, ✗ dx"),
        (by_math, "✗ loss, ✗ dx"),
    ],
)
def test_a_loss_or_gradient_that_fails_near_1000_is_refused(
    chapter: dict[str, Any], loss: Any, parts: str
) -> None:
    said = answered(chapter, "ex-loss", my_softmax_loss=loss)
    assert verdicts(said) == ["incorrect"]
    assert parts in said
    assert said.count("is right for small scores, and wrong for scores near 1000") == parts.count("✗")
    assert "next: subtract each row's maximum before exp" in said
    assert "warning" not in said


def test_one_maximum_for_the_whole_batch_is_told_what_it_leaves(chapter: dict[str, Any]) -> None:
    assert "with one maximum for the whole batch it is 0 over 0" in answered(
        chapter, "ex-loss", my_softmax_loss=one_maximum
    )


def test_a_right_loss_may_be_written_in_another_way(chapter: dict[str, Any]) -> None:
    def by_logaddexp(x: Any, y: Any) -> Any:
        log_p = x - np.logaddexp.reduce(x, axis=1)[:, None]
        at = (np.arange(len(x)), y)
        dx = np.exp(log_p)
        dx[at] -= 1
        return -np.sum(log_p[at]) / len(x), dx / len(x)

    assert verdicts(answered(chapter, "ex-loss", my_softmax_loss=by_logaddexp)) == ["correct"]


def classifier(*, dS: Any = None, dX: Any = None, dW: Any = None, db: Any = None) -> Any:
    """A backward of the classifier with some of its lines replaced."""

    def backward(P: Any, y: Any, X: Any, W: Any) -> Any:
        Y = np.eye(P.shape[1])[y]
        mine = (dS or (lambda P, Y: (P - Y) / len(P)))(P, Y)
        return (
            (dX or (lambda dS, X, W: dS @ W.T))(mine, X, W),
            (dW or (lambda dS, X, W: X.T @ dS))(mine, X, W),
            (db or (lambda dS, X, W: dS.sum(axis=0)))(mine, X, W),
        )

    return backward


ALL_WRONG = "✗ dX, ✗ dW, ✗ db"
CLASSIFIER = {
    "no label": (classifier(dS=lambda P, Y: P / len(P)), "the label's own path is missing", ALL_WRONG),
    "no row sum": (
        classifier(dS=lambda P, Y: -Y / len(P)),
        "the path through the row sum is missing",
        ALL_WRONG,
    ),
    "everywhere": (classifier(dS=lambda P, Y: (P - 1) / len(P)), "1 is subtracted everywhere", ALL_WRONG),
    "1/N twice": (classifier(dS=lambda P, Y: (P - Y) / len(P) ** 2), "the 1/N is there twice", ALL_WRONG),
    "no 1/N": (classifier(dS=lambda P, Y: P - Y), "every entry is N times too large", ALL_WRONG),
    "db a mean": (
        classifier(db=lambda dS, X, W: dS.mean(axis=0)),
        "the 1/N is there twice",
        "✓ dX, ✓ dW, ✗ db",
    ),
    "db not summed": (
        classifier(db=lambda dS, X, W: dS),
        "looks not summed over N=7",
        "✓ dX, ✓ dW, ✗ db",
    ),
    "dW transposed": (classifier(dW=lambda dS, X, W: dS.T @ X), "looks transposed", "✓ dX, ✗ dW, ✓ db"),
}


@pytest.mark.parametrize("name", CLASSIFIER)
def test_a_wrong_backward_of_the_classifier_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words, parts = CLASSIFIER[name]
    said = answered(chapter, "ex-classifier", my_classifier_backward=wrong)
    assert words in said
    assert parts in said
    assert verdicts(said) == ["incorrect"]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("P * (1 - P) * dP", "the diagonal of the Jacobian alone"),
        ("dP * P - P * P * dP", "the diagonal of the Jacobian alone"),
        ("P * dP", "the path through the row sum is missing"),
        ("E / R * dP", "the path through the row sum is missing"),
        ("P * (dP - sum(dP, axis=C, keepdims=True))", "the sum takes P * dP"),
        ("P * dP - sum(P * dP, axis=C, keepdims=True)", "multiplied by P as well"),
        ("P * (dP - sum(P * dP))", "not over the batch"),
        ("P * (dP - sum(P * dP, axis=N, keepdims=True))", "not over the samples"),
        ("P * (dP - mean(dP, axis=C, keepdims=True))", "weighs all classes alike"),
        ("P * (dP + sum(P * dP, axis=C, keepdims=True))", "the minus of the quotient rule"),
        ("P * (sum(P * dP, axis=C, keepdims=True) - dP)", "wrong sign"),
        ("sum(P * dP, axis=C)", "looks summed over C, which must stay"),
        ("P * dQ", "dQ cannot be used here"),
        ("P * (dP - sum(P * dP, axis=C))", "the axis must stay: keepdims=True"),
        ("dP - sum(P * dP, axis=C, keepdims=True)", "all of it has to be multiplied by P"),
        ("E * (dP - sum(P * dP, axis=C, keepdims=True))", "E is not yet divided by the row sum"),
        ("dP", "dP went past the softmax"),
        ("E * dE", "dE is not handed to you"),
        ("E * (dP / R + dR)", "dR is not handed to you"),
    ],
)
def test_a_wrong_formula_for_softmax_alone_is_explained(
    chapter: dict[str, Any], formula: str, words: str
) -> None:
    said = answered(chapter, "ex-alone", my_dS_alone=formula)
    assert words in said
    assert "correct" not in verdicts(said)


@pytest.mark.parametrize(
    "formula",
    [
        "P * dP - P * sum(P * dP, axis=C, keepdims=True)",
        "(dP - sum(dP * E / R, axis=C, keepdims=True)) * E / R",
        "P * dP - E * sum(E * dP, axis=C, keepdims=True) / R**2",
    ],
)
def test_another_form_of_the_right_formula_is_right(chapter: dict[str, Any], formula: str) -> None:
    assert verdicts(answered(chapter, "ex-alone", my_dS_alone=formula)) == ["correct"]


def test_mending_one_of_two_mistakes_is_not_enough(chapter: dict[str, Any]) -> None:
    given = chapter["hasty_softmax_loss"]

    def columns(x: Any, y: Any) -> Any:
        return np.isin(np.arange(x.shape[1]), y) * np.ones((len(x), 1))

    def summed(x: Any) -> Any:
        return (1 / np.exp(x).sum(axis=1)).dot(np.exp(x))

    def says(loss: Any) -> str:
        return answered(chapter, "ex-mistake", my_mended_loss=loss)

    only_dot = loss_with(lambda x, y, P, Y: (P - columns(x, y)) / len(x))
    only_label = loss_with(lambda x, y, P, Y: (summed(x) - Y) / len(x))
    assert "two mistakes are left" in says(given)
    assert "one mistake is left: dx[:, y] takes whole columns" in says(only_dot)
    assert "one mistake is left: (1 / R).dot sums over the samples" in says(only_label)
    assert "right but for the 1/N" in says(loss_with(lambda x, y, P, Y: P - Y))
    assert verdicts(says(chapter["solution_mended_loss"])) == ["correct"]


def in_columns(S: Any, y: Any, axis: int = 0) -> Any:
    E = np.exp(S)
    return E / E.sum(axis=axis, keepdims=True), np.eye(len(S))[y].T, S.shape[1]


COLUMNS = {
    "axis=1": (lambda P, Y, N, other: (other - Y) / N, "the sum runs along the samples"),
    "len(S)": (lambda P, Y, N, other: (P - Y) / len(P), "divided by the number of classes"),
    "no label": (lambda P, Y, N, other: P / N, "the label's own path is missing"),
    "as rows": (lambda P, Y, N, other: ((P - Y) / N).T, "looks transposed"),
    "sign": (lambda P, Y, N, other: (Y - P) / N, "wrong sign"),
    "no sum": (lambda P, Y, N, other: -Y / N, "the path through the sum is missing"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_gradient_of_columns_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = COLUMNS[name]

    def gradient(S: Any, y: Any) -> Any:
        return wrong(*in_columns(S, y), in_columns(S, y, 1)[0])

    said = answered(chapter, "ex-columns", my_columns_gradient=gradient)
    assert words in said
    assert verdicts(said) == ["incorrect"]


def test_whole_rows_of_labels_are_recognised_in_columns(chapter: dict[str, Any]) -> None:
    def gradient(S: Any, y: Any) -> Any:
        dS = in_columns(S, y)[0]
        dS[y] -= 1
        return dS / S.shape[1]

    assert "whole rows of S" in answered(chapter, "ex-columns", my_columns_gradient=gradient)


LOG_SOFTMAX = {
    "straight alone": (lambda G, P: G, "the path through the log of the sum is missing"),
    "not summed": (lambda G, P: G - P * G, "G is not summed over the classes"),
    "softmax": (lambda G, P: P * (G - (P * G).sum(1, keepdims=True)), "that is the pullback of softmax"),
    "sum of P G": (lambda G, P: G - P * (P * G).sum(1, keepdims=True), "the sum is taken of P * G"),
    "no P": (lambda G, P: G - G.sum(1, keepdims=True), "the sum has to be multiplied by P"),
    "over samples": (lambda G, P: G - P * G.sum(0, keepdims=True), "summed over the samples"),
    "over all": (lambda G, P: G - P * G.sum(), "summed over the samples as well"),
    "plus": (lambda G, P: G + P * G.sum(1, keepdims=True), "enters with a minus"),
}


@pytest.mark.parametrize("name", LOG_SOFTMAX)
def test_a_wrong_pullback_of_log_softmax_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = LOG_SOFTMAX[name]
    said = answered(chapter, "ex-log-softmax", my_log_softmax_backward=wrong)
    assert words in said
    assert verdicts(said) == ["incorrect"]


SOFT = {
    "one-hot formula": (lambda P, Y, m: (P - Y) / len(P), "only where each row of Y adds up to 1"),
    "no row sum": (lambda P, Y, m: -Y / len(P), "the path through the row sum is missing"),
    "no label": (lambda P, Y, m: P * m / len(P), "the label path is missing"),
    "own weight": (lambda P, Y, m: (P * Y - Y) / len(P), "the weight of its whole row of Y"),
    "all weights": (lambda P, Y, m: (P * Y.sum() - Y) / len(P), "the weight of its own row, not of all"),
    "weights brought to 1": (lambda P, Y, m: (P - Y / m) / len(P), "take them as they are"),
    "over all entries": (lambda P, Y, m: (P * m - Y) / P.size, "not over all N C entries"),
}


@pytest.mark.parametrize("name", SOFT)
def test_a_wrong_gradient_of_soft_labels_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = SOFT[name]

    def gradient(S: Any, Y: Any) -> Any:
        E = np.exp(S)
        return wrong(E / E.sum(axis=1, keepdims=True), Y, Y.sum(axis=1, keepdims=True))

    said = answered(chapter, "ex-soft", my_soft_gradient=gradient)
    assert words in said
    assert verdicts(said) == ["incorrect"]


STUBS = {
    "ex-loss": "my_softmax_loss",
    "ex-classifier": "my_classifier_backward",
    "ex-mistake": "my_mended_loss",
    "ex-columns": "my_columns_gradient",
    "ex-log-softmax": "my_log_softmax_backward",
    "ex-soft": "my_soft_gradient",
}


@pytest.mark.parametrize("answer", [np.ones(3), 1.0, (), {"x": 1}, "dx", (None, None), np.array(["a"])])
def test_any_object_as_an_answer_is_judged_without_an_exception(chapter: dict[str, Any], answer: Any) -> None:
    for exercise, name in STUBS.items():
        said = answered(chapter, exercise, **{name: lambda *_: answer})
        assert "correct" not in verdicts(said)


@pytest.mark.parametrize("formula", [None, 3, "", "P +", "dS", "exp(exp(exp(dP * 1e9)))", "__import__('os')"])
def test_any_text_as_a_formula_is_judged_without_an_exception(chapter: dict[str, Any], formula: Any) -> None:
    assert "correct" not in verdicts(answered(chapter, "ex-alone", my_dS_alone=formula))
