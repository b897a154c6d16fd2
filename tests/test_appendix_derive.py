"""The appendix on the derivation engine: what its cells claim, and what its check cells say to wrong answers."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from handgrad.derive import RULES, Derivation
from handgrad.homework import notebooks
from tests.chapters import Chapter, run

APPENDIX = Chapter("appendix_derive")
CELLS = APPENDIX.cells
EXERCISES = ("practice", "size", "program", "formula", "mistake", "two", "rms")


@pytest.fixture(scope="module")
def appendix() -> dict[str, Any]:
    """The names of the appendix, run from top to bottom."""
    return APPENDIX.names()


def answered(appendix: dict[str, Any], exercise: str, **answer: Any) -> str:
    """What the check cell of an exercise says to this answer."""
    return APPENDIX.answered(appendix, f"ex-{exercise}", **answer)


# ---- the text ------------------------------------------------------------------------------------


def test_every_line_of_every_derivation_shown_is_proved_both_ways(appendix: dict[str, Any]) -> None:
    shown = {name: d for name, d in appendix.items() if isinstance(d, Derivation) and name != "planted"}
    assert {"first", "softmax", "shifted", "batchnorm", "attention", "logistic", "product"} <= set(shown)
    for name, derivation in shown.items():
        unsure = [str(line) for line in derivation.proof.lines if line.symbolic.ok is not True]
        assert derivation.proof.ok, name
        assert unsure == [], name


def test_the_planted_rule_fails_in_one_step_and_is_taken_out_again() -> None:
    said = notebooks.text_of(CELLS["planted-run"]).splitlines()
    failing = [line for line in said if line.startswith("step") and line.endswith("fails")]
    assert len(failing) == 1
    assert re.match(r"step +dS = dH +numeric ✗ symbolic ✗", failing[0])
    assert "all right: True" in notebooks.text_of(CELLS["planted-mended"])
    assert RULES["exp"].pullbacks == ("G * y",)


def test_the_closed_forms_are_shown() -> None:
    assert "dS = (P - onehot(y, C)) / N" in notebooks.text_of(CELLS["softmax-steps"])
    assert "dS = (P - onehot(y, C)) / N" in notebooks.text_of(CELLS["softmax-shifted"])
    assert "softmax: correct" in notebooks.text_of(CELLS["softmax-check"])


def test_the_table_of_operations_has_every_rule() -> None:
    table = CELLS["operations-table"].outputs[0]["data"]["text/markdown"]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len(RULES)
    assert all(row.count(" | ") == 3 for row in rows)


def test_five_malformed_programs_are_refused_with_a_caret_each() -> None:
    said = notebooks.text_of(CELLS["errors"])
    carets = [line for line in said.splitlines() if line.strip() and set(line.strip()) == {"^"}]
    assert len(carets) == 5
    assert "Traceback" not in said


def test_the_emitted_module_passes_and_an_averaged_bias_does_not() -> None:
    assert "check_gradient: correct" in notebooks.text_of(CELLS["emit-check"])
    refused = notebooks.text_of(CELLS["emit-refuse"])
    assert "✓ dX, ✓ dW, ✗ db" in refused
    assert "looks like db divided by N" in refused


def test_all_routes_agree(appendix: dict[str, Any]) -> None:
    for name in ("four", "by_softmax"):
        assert appendix[name].ok
        assert len(appendix[name].entries) == 5


# ---- every exercise ------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_untouched_stub_is_not_attempted_yet(exercise: str) -> None:
    said = notebooks.text_of(CELLS[f"ex-{exercise}-check"])
    assert "not attempted yet" in said
    assert "right" not in said
    assert "correct" not in said


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_solution_passes_and_leaves_the_readers_answer_alone(exercise: str) -> None:
    solution = CELLS[f"ex-{exercise}-solution"]
    said = notebooks.text_of(solution)
    assert re.search(r"^right|: correct$", said, re.M)
    names: dict[str, Any] = {}
    run(CELLS[f"ex-{exercise}-stub"].source, names)
    mine = set(names) - {"__builtins__"}
    tree = ast.parse(solution.source)
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert mine
    assert not mine & (stored | defined)


# ---- wrong answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [(1, "not yet: at N = 1"), (3, "not yet: at N = 3"), (0, "whole number"), ("2", "whole number")],
)
def test_a_size_that_hides_nothing_is_refused(appendix: dict[str, Any], answer: Any, words: str) -> None:
    said = answered(appendix, "size", my_size=answer)
    assert words in said
    assert "right" not in said


GIVEN = "X: N D;  w: D;  b:;  t: N\np = sigmoid(X @ w + b)\n"
LOSS = "mean(t * log(p) + (1 - t) * log(1 - p))"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (f"{GIVEN}L = {LOSS}", "incorrect: the sign is wrong"),
        (f"{GIVEN}L = -{LOSS.replace('mean', 'sum')}", "incorrect: a sum, where a mean is wanted"),
        (f"{GIVEN}L = -mean(t * log(p))", "incorrect: that is the positive class alone"),
        (f"{GIVEN}L = -mean(t * p)", "incorrect: another value"),
        (f"{GIVEN}Y = t * log(p)", "incorrect: the last line, Y, is not one number"),
        ("X: N D;  w: D;  t: N\nL = sum(X @ w - t)", "incorrect: b is not declared; expected ()"),
        ("X: D N;  w: D;  b:;  t: N\nL = sum(w @ X + b - t)", "incorrect: X is declared as (D N)"),
        (f"c:;  {GIVEN}L = -c * {LOSS}", "incorrect: expected no arrays but X, w, b, t"),
        (f"{GIVEN}L = -{LOSS}(", "cannot be read"),
        ("", "cannot be read"),
        (7, "a program is text"),
    ],
)
def test_a_wrong_program_is_explained(appendix: dict[str, Any], program: Any, words: str) -> None:
    said = answered(appendix, "program", my_program=program)
    assert words in said
    assert "right" not in said


def test_a_program_may_be_written_in_another_way(appendix: dict[str, Any]) -> None:
    other = f"{GIVEN}n = t * log(p) + (1 - t) * log(1 - p)\nL = -sum(n) / N"
    assert answered(appendix, "program", my_program=other).startswith("right")


@pytest.mark.parametrize(
    ("pullbacks", "words"),
    [
        (("G / b", "-G * a / b"), "dB = -dY * A / B           numeric ✗ symbolic ✗"),
        (("G / b", "G * a / b ** 2"), "numeric ✗ symbolic ✗"),
        (("G * b", "-G * a / b ** 2"), "numeric ✗ symbolic ✗"),
        (("G / b",), "write a tuple of two formulas"),
        ("G / b", "write a tuple of two formulas"),
        (("G / b", "-G * a / ("), "cannot be read"),
        (("G / b", "-G * q"), "cannot be read"),
        (("G / b", 3), "cannot be read"),
    ],
)
def test_a_wrong_row_of_the_rule_table_fails(appendix: dict[str, Any], pullbacks: Any, words: str) -> None:
    before = RULES["/"]
    said = answered(appendix, "mistake", my_pullbacks=pullbacks)
    assert words in said
    assert not re.search(r"^right", said, re.M)
    assert RULES["/"] is before


@pytest.mark.parametrize(
    "formula", ["dS @ Q / sqrt(H)", "dS.T @ Q", "-dS.T @ Q / sqrt(H)", "dS @ K", "dS.T @"]
)
def test_a_wrong_formula_for_the_keys_is_refused(appendix: dict[str, Any], formula: str) -> None:
    said = answered(appendix, "formula", my_dk=formula)
    assert not re.search(r": correct$", said, re.M)
    assert "incorrect" in said or "could not be judged" in said


def test_wrong_backwards_are_refused(appendix: dict[str, Any]) -> None:
    right_two, right_rms = appendix["solution_two"], appendix["solution_rms"]
    wrong_two = {
        "the factor 2 forgotten": lambda dout, *given: tuple(g / 2 for g in right_two(dout, *given)),
        "dW and dV swapped": lambda dout, *given: (
            right_two(dout, *given)[0],
            *right_two(dout, *given)[:0:-1],
        ),
    }
    for wrong in wrong_two.values():
        assert ": incorrect" in answered(appendix, "two", my_two=wrong)

    def root_forgotten(dout: Any, X: Any) -> Any:
        r = (X**2).mean(axis=0, keepdims=True)
        return 2 * dout / (r + 0.001) ** 0.5

    assert ": incorrect" in answered(appendix, "rms", my_rms=root_forgotten)
    assert ": incorrect" in answered(appendix, "rms", my_rms=lambda dout, X: -right_rms(dout, X))
    wrong = appendix["wrong_backward"]
    assert "✓ dX, ✓ dg, ✗ db" in answered(appendix, "practice", backward=wrong)
