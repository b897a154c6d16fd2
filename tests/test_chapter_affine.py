"""The exercises of the chapter on the affine layer: what its own check cells say to wrong answers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from handgrad import layers
from handgrad.homework import notebooks
from tests.chapters import Chapter, run, verdicts

CHAPTER = Chapter("05_affine")
ALL = CHAPTER.all
CELLS = CHAPTER.cells
answered = CHAPTER.answered
judged = CHAPTER.judged

# Cells whose comparison is meant to fail, and how often.
REFUSED = {"compare": 1, "pitfalls-y": 2, "constants-check": 3, "arrangements-numbers": 11}


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names of the chapter, run from top to bottom."""
    return CHAPTER.names()


def causes(report: Any) -> set[tuple[str, str | None]]:
    return {(finding.param, finding.cause) for finding in report.findings if finding.severity == "error"}


# ---- the text ------------------------------------------------------------------------------------


def test_every_line_of_every_derivation_agrees_with_values_of_the_loss() -> None:
    compared = {
        name: notebooks.text_of(cell).splitlines()
        for name, cell in CELLS.items()
        if "compare(" in cell.source or name in REFUSED
    }
    refused = {name: sum(line.startswith("✗") for line in lines) for name, lines in compared.items()}
    assert {name: count for name, count in refused.items() if count} == REFUSED
    assert sum(line.startswith("✓") for lines in compared.values() for line in lines) >= 60


def test_every_displayed_line_has_its_check_in_the_next_comparison() -> None:
    displayed = 0
    for place, cell in enumerate(ALL):
        labels = (
            re.findall(r"^&\\text\{\((\w+)\)\}", cell.source, re.M) if cell.cell_type == "markdown" else []
        )
        if labels:
            check = next(c for c in ALL[place:] if c.cell_type == "code" and "compare(" in c.source)
            assert re.findall(r'^    "(?:line |\()(\w+)', check.source, re.M) == labels, check.id
            displayed += 1
    assert displayed == 8


@pytest.mark.parametrize("ident", ["derived-rows", "derived-columns"])
def test_the_derivation_comes_from_the_engine_with_every_line_proved(
    chapter: dict[str, Any], ident: str
) -> None:
    shown = run(CELLS[ident].source, chapter)[0]
    assert CELLS[ident].outputs[0]["data"]["text/markdown"] == shown
    assert shown.count("numeric ✓ symbolic ✓") == 7
    assert "- 7 of 7 lines are right." in shown


def test_the_engines_route_by_elements_has_the_lines_of_the_chapter() -> None:
    said = notebooks.text_of(CELLS["derived-elements"])
    for line in ("db[m] = Σ_n dY[n,m]", "dW[d,m] = Σ_n X[n,d] dY[n,m]", "dX[n,d] = Σ_m W[d,m] dY[n,m]"):
        assert line in said
    assert "dW[m,d] = Σ_n X[d,n] dY[m,n]" in said


def test_the_chapter_lists_one_two_and_twelve_arrangements() -> None:
    lines = notebooks.text_of(CELLS["arrangements-sizes"]).splitlines()
    counts = [int(line.partition(")")[2].split()[0]) for line in lines[:5]]
    assert counts == [1, 2, 2, 2, 12]


# ---- wrong answers get the diagnosis that fits ---------------------------------------------------

KNOWN = layers.get("affine").mistakes
ANSWERS = {
    "forward": {"ex-forward": "my_forward"},
    "backward": {"ex-backward": "my_backward", "ex-mistake": "mended_backward"},
}
SHAPES = {"dout": (7, 5), "dx": (7, 2, 3), "dw": (6, 5), "db": (5,), "dout_dw": (7, 5, 6, 5)}


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("dout", (5, 7), "looks transposed: its axes are (M, N), expected (N, M) = (7, 5)"),
        ("dx", (7, 6), "looks flattened"),
        ("dw", (5, 6), "looks transposed"),
        ("db", (1, 5), "axis 0, of size 1, was kept"),
        ("dout_dw", (6, 5), "all axes of out, then all axes of w"),
        ("dout", (7, 2, 3), "one row for each sample, one column for each output"),
        ("dx", (7, 5), "all axes of x"),
        ("db", (7,), "looks summed over the wrong axis"),
        ("dout", [7, 5], "write a tuple"),
        ("db", 5, "write a tuple, such as (7, 2) or (7,)"),
    ],
)
def test_a_wrong_shape_is_explained(chapter: dict[str, Any], key: str, answer: Any, words: str) -> None:
    lines = answered(chapter, "ex-shapes", my_shapes={**SHAPES, key: answer}).splitlines()
    assert [line for line in lines if not line.endswith(": right")] == [
        line for line in lines if line.startswith(f"{key}: ")
    ]
    assert any(words in line for line in lines)


def test_a_wrong_letter_is_refused_by_the_experiment(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-twice", my_letters={"dx": "b", "dw": "a", "db": "e"})
    assert "dx: b, but the experiment says no" in said
    assert "dw: a, but the experiment says no" in said
    assert "db: write a, b, c or d" in said
    assert "agrees" not in said
    assert "yours is (5, 3), and x is (10, 3) now" in said
    assert "the shape is right; what does each sample send?" in said


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [("ex-twice", {"my_letters": ("c", "b", "b")}), ("ex-shapes", {"my_shapes": [(7, 5), (7, 2, 3)]})],
)
def test_an_answer_without_its_names_is_told_to_keep_them(
    chapter: dict[str, Any], exercise: str, answer: dict[str, Any]
) -> None:
    said = answered(chapter, exercise, **answer)
    assert said == "keep the names: write into the dict of the cell above\n"


def test_a_letter_left_out_is_not_attempted_yet(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-twice", my_letters={"dx": "c"})
    assert said.splitlines() == [
        "dx: c, and the experiment agrees",
        "dw: not attempted yet",
        "db: not attempted yet",
    ]


def test_the_fifth_sample_of_the_prediction_is_answered() -> None:
    said = notebooks.text_of(CELLS["fanout-figure-words"])
    assert "with a fifth sample: db = 0.4 + (−1.1) + 0.7 + 0.9 + (−0.3) = 0.6" in said


def test_a_letter_may_be_a_capital(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-twice", my_letters={"dx": "C", "dw": " b", "db": "B"})
    assert said.count("the experiment agrees") == 3


@pytest.mark.parametrize(
    ("name", "formula", "words"),
    [
        ("my_dW", "X @ dY.T", "looks transposed: its axes are (D, M), expected (M, D)"),
        ("my_dW", "dY @ X", "an impostor: its shape fits only where D = N"),
        ("my_dW", "dY @ X.T / N", "looks like dW divided by N"),
        ("my_dW", "-dY @ X.T", "wrong sign"),
        ("my_dX", "W @ dY", "the shapes do not fit"),
        ("my_db", "dY", "looks not summed over N=3"),
        ("my_db", "sum(dY, axis=N)", "expected (M, 1)"),
        ("my_db", "sum(dY)", "it has the axes (), expected (M, 1)"),
        ("my_db", "sum(dY, axis=M, keepdims=True)", "it has the axes (1, N), expected (M, 1)"),
    ],
)
def test_a_wrong_formula_is_explained(chapter: dict[str, Any], name: str, formula: str, words: str) -> None:
    right = {"my_dW": "dY @ X.T", "my_dX": "W.T @ dY", "my_db": "sum(dY, axis=N, keepdims=True)"}
    said = answered(chapter, "ex-formulas", **{**right, name: formula})
    assert words in said
    assert sorted(verdicts(said)) == ["correct", "correct", "incorrect"]


@pytest.mark.parametrize("mistake", KNOWN, ids=lambda m: m.name)
def test_a_known_mistake_is_named(chapter: dict[str, Any], mistake: Any) -> None:
    for exercise, name in ANSWERS[mistake.role].items():
        said, report = judged(chapter, exercise, **{name: mistake.wrong})
        assert verdicts(said) == ["incorrect"]
        assert {cause for _, cause in causes(report)} == {mistake.cause}
        if mistake.cause != "permuted":  # which is about the whole answer
            assert {param for param, _ in causes(report)} == set(mistake.params)


def test_a_forward_for_matrices_only_is_told_the_shapes_it_fails_at(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-forward", my_forward=lambda x, w, b: (x @ w + b, (x, w, b)))
    assert "affine: could not be judged" in said
    assert "x (7, 2, 3), w (6, 5), b (5,)" in said


def test_mending_one_of_two_mistakes_is_not_enough(chapter: dict[str, Any]) -> None:
    tested, right = chapter["tested_backward"], chapter["solution_mended"]

    def only_dw(dout: Any, cache: Any) -> Any:
        return right(dout, cache)[:2] + tested(dout, cache)[2:]

    def only_db(dout: Any, cache: Any) -> Any:
        return tested(dout, cache)[:2] + right(dout, cache)[2:]

    said = answered(chapter, "ex-mistake", mended_backward=tested)
    assert "✓ dx, ✗ dw, ✗ db" in said
    said, report = judged(chapter, "ex-mistake", mended_backward=only_dw)
    assert "✓ dx, ✓ dw, ✗ db" in said
    assert causes(report) == {("db", "summed-over-wrong-axis")}
    said, report = judged(chapter, "ex-mistake", mended_backward=only_db)
    assert "✓ dx, ✗ dw, ✓ db" in said
    assert causes(report) == {("dw", "transposed")}


COLUMNS = {
    "keepdims forgotten": (
        lambda d, w, x: (d @ x.T, w.T @ d, d.sum(axis=1)),
        "expected shape (M, 1) = (3, 1)",
    ),
    "not summed": (lambda d, w, x: (d @ x.T, w.T @ d, d), "looks not summed over N=5"),
    "a mean": (lambda d, w, x: (d @ x.T, w.T @ d, d.mean(axis=1, keepdims=True)), "db divided by N"),
    "as for rows": (lambda d, w, x: (x @ d.T, w.T @ d, d.sum(axis=1, keepdims=True)), "looks transposed"),
    "the formulas for rows": (
        lambda d, w, x: (x.T @ d, d @ w.T, d.sum(axis=0)),
        "here dout is (3, 5), w is (3, 4), x is (4, 5), b is (3, 1)",
    ),
    "another order": (
        lambda d, w, x: (w.T @ d, d @ x.T, d.sum(axis=1, keepdims=True)),
        "returned (dx, dw, db), expected (dw, dx, db)",
    ),
    "two of three": (lambda d, w, x: (d @ x.T, w.T @ d), "expected 3 gradients: dw, dx, db; got 2"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_backward_for_columns_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = COLUMNS[name]
    said = answered(chapter, "ex-columns", my_columns_backward=lambda dout, w, x, b: wrong(dout, w, x))
    assert words in said
    assert "correct" not in verdicts(said)


RESIDUAL = {
    "no shortcut": (lambda d, x, w: (d @ w.T, x.T @ d, d.sum(axis=0)), "through the layer, and nothing else"),
    "shortcut alone": (lambda d, x, w: (d, x.T @ d, d.sum(axis=0)), "through the shortcut, and nothing else"),
    "1 for the shortcut": (lambda d, x, w: (1 + d @ w.T, x.T @ d, d.sum(axis=0)), "it passes dout on"),
    "bias counted twice": (
        lambda d, x, w: (d + d @ w.T, x.T @ d, 2 * d.sum(axis=0)),
        "looks like db counted twice",
    ),
    "dw transposed": (lambda d, x, w: (d + d @ w.T, d.T @ x, d.sum(axis=0)), "looks like dw transposed"),
    "w not transposed": (
        lambda d, x, w: (d + d @ w, x.T @ d, d.sum(axis=0)),
        "dx is wrong in 15 of 15 entries",
    ),
}


@pytest.mark.parametrize("name", RESIDUAL)
def test_a_wrong_backward_around_the_shortcut_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = RESIDUAL[name]
    said = answered(chapter, "ex-residual", my_residual_backward=lambda dout, x, w, b: wrong(dout, x, w))
    assert words in said
    assert verdicts(said) == ["incorrect"]


def test_a_backward_that_raises_or_changes_dout_is_judged(chapter: dict[str, Any]) -> None:
    def raises(dout: Any, x: Any, w: Any, b: Any) -> Any:
        return dout + dout @ w.T, x.T @ dout + dout, dout.sum(axis=0)

    def in_place(dout: Any, x: Any, w: Any, b: Any) -> Any:
        dw, db, dx = x.T @ dout, dout.sum(axis=0), dout @ w.T
        dout += dx
        return dout, dw, db

    said = answered(chapter, "ex-residual", my_residual_backward=raises)
    assert "your function raised an exception" in said
    assert "here dout is (5, 3), x is (5, 3), w is (3, 3), b is (3,)" in said
    assert verdicts(answered(chapter, "ex-residual", my_residual_backward=in_place)) == ["correct"]


@pytest.mark.parametrize("answer", [None, np.ones(3), 1.0, (), {"x": 1}, "dx", (None, None)])
def test_any_object_as_an_answer_is_judged_without_an_exception(chapter: dict[str, Any], answer: Any) -> None:
    for exercise, name in (("ex-residual", "my_residual_backward"), ("ex-columns", "my_columns_backward")):
        said = answered(chapter, exercise, **{name: lambda *_: answer})
        assert "correct" not in verdicts(said)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("X.T @ dS", "right for the first use of W, and nothing else"),
        ("S.T @ dY", "right for the second use of W, and nothing else"),
        ("2 * X.T @ dS", "the first use of W, twice: the two uses differ"),
        ("2 * S.T @ dY", "the second use of W, twice: the two uses differ"),
        ("S.T @ dY + dS.T @ X", "dW = S.T @ dY + dS.T @ X: incorrect"),
    ],
)
def test_a_forgotten_use_of_a_tied_weight_is_named(chapter: dict[str, Any], formula: str, words: str) -> None:
    said = answered(chapter, "ex-tied", my_tied=formula)
    assert words in said
    assert verdicts(said) == ["incorrect"]
