"""What cannot be read as a formula is answered with the spot and with what to write there."""

from __future__ import annotations

import ast
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad import check_formula
from handgrad.errors import FormulaError
from handgrad.formula import OPERATIONS, parse, parse_program
from handgrad.unreadable import what_to_write

MISSING = "an operator is missing here: write @ for the matrix product, * for entry by entry"


@pytest.mark.parametrize(
    ("text", "column", "step"),
    [
        ("X.T dS", 5, MISSING),
        ("(X.T dS)", 6, MISSING),
        ("2 X", 3, MISSING),
        ("2X", 2, MISSING),
        ("(X + Y) 2", 9, MISSING),
        ("sum(dS axis=N)", 8, MISSING),
        ("exp x", 5, "exp is a function: write exp(…) with brackets"),
        ("X.T @", 6, "@ needs something on its right"),
        ("(X.T @) * X", 7, "@ needs something on its right"),
        ("* X", 1, "* needs something on its left"),
        ("X * (@ Y)", 6, "@ needs something on its left"),
        ("X @@ dS", 4, "one operator too many: leave one out"),
        ("X / * dS", 5, "one operator too many: leave one out"),
        ("X.T @ (dS", 7, "the ( is never closed"),
        ("X.T @ dS)", 9, "a ) too many, or the bracket that it closes is missing"),
        ("X. @ dS", 4, "after the point write T, as in X.T"),
        ("X.", 3, "after the point write T, as in X.T"),
        ("X' @ dS", 2, "write .T for the transpose, as in X.T, and no quotes"),
        ("Xᵀ @ dS", 1, "write .T for the transpose, as in X.T"),
        ("X ⊙ dS", 3, "write * for the product entry by entry"),
        ("X × dS", 3, "write @ for the matrix product, * for the product entry by entry"),
        ("−dS", 1, "write the minus of the keyboard, -"),
        ("dS²", 3, "write a power with **, as in a ** 2"),
        ("∂S", 1, "a gradient has a name: write dX for the gradient of X"),
        ("$X$", 1, "write plain text without LaTeX, as in X.T @ G / N"),
        ("if X", 4, MISSING),
    ],
)
def test_a_slip_is_pointed_at_and_answered_with_what_to_write(text: str, column: int, step: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    first, shown, caret, *_, last = str(caught.value).splitlines()
    assert first.startswith(f"formula, line 1, column {column}: ")
    assert (shown, caret.index("^")) == (f"  {text}", column + 1)
    assert last == f"  {step}"


def test_the_step_stands_in_the_report_of_a_typed_answer() -> None:
    said = str(check_formula("X.T dS", "W", forward="S = X @ W", shapes="X: N D, W: D C"))
    assert said.endswith(f"  X.T dS\n      ^\n  {MISSING}")


def test_the_line_at_fault_of_a_program_is_shown() -> None:
    with pytest.raises(FormulaError) as caught:
        parse_program("S = X @ W  # × is no sign of ours\nP = S b")
    assert (
        str(caught.value)
        == f"formula, line 2, column 7: cannot be read here\n  P = S b\n        ^\n  {MISSING}"
    )


@pytest.mark.parametrize(
    "text", ["X.T @ dS / N", "-X", "X ** -2", "sum(X, axis=N)", "1e-5 * X", "X[:, None]"]
)
def test_a_formula_that_can_be_read_has_no_slip_to_point_at(text: str) -> None:
    ast.parse(text, mode="eval")
    assert what_to_write(text, OPERATIONS)[0] is None


@given(st.text(alphabet="XdS .@*/()[]+-=,'2ᵀ×∂", max_size=20))
def test_no_text_raises_anything_but_an_error_with_a_next_step(text: str) -> None:
    with suppress(FormulaError):
        parse(text)
    column, step = what_to_write(text, OPERATIONS)
    assert step
    assert column is None or 0 <= column <= len(text)
