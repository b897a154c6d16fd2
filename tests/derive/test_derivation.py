"""The derivation itself: steps, what dimension analysis leaves to choose, proofs that must fail, and the text."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from handgrad.derive import RULES, Derivation, derive, render
from handgrad.derive.derivation import build
from handgrad.expressions import Binary, Name, Number
from handgrad.formula import parse

EXAMPLE = """
X: N D;  W: D C;  b: C
S = X @ W + b
H = exp(S)
L = sum(H**2)
"""


@pytest.fixture(scope="module")
def example() -> Derivation:
    return derive(EXAMPLE)


def test_there_is_one_step_an_operation_and_operand_backwards(example: Derivation) -> None:
    assert [str(step) for step in example.steps] == [
        "dL_1 = broadcast_to(dL, (N, C))",
        "dH = dL_1 * (2 * H)",
        "dS = dH * H",
        "dS_1 = dS",
        "db = sum(dS, axis=N)",
        "dW = X.T @ dS_1",
        "dX = dS_1 @ W.T",
    ]
    assert [step.number for step in example.steps] == list(range(1, 8))


def test_a_step_knows_what_fits_and_why_it_is_right(example: Derivation) -> None:
    weight = next(step for step in example.steps if step.target == "dW")
    assert weight.choice.factors == {"dS_1": ("N", "C"), "X": ("N", "D")}
    assert [str(fit) for fit in weight.choice.fits] == ["X.T @ dS_1"]
    assert weight.choice.by_shape
    assert weight.scalar == "s_1 = x w, so ds_1/dw = x"
    bias = next(step for step in example.steps if step.target == "db")
    assert bias.copied == ("N",)


def test_a_shape_that_fits_a_wrong_formula_does_not_decide() -> None:
    softmax = derive("S: N C\nP = softmax(S, axis=C)").steps[0]
    assert [str(fit) for fit in softmax.choice.fits] == ["dP * P"]
    assert softmax.choice.right == ()
    assert not softmax.choice.by_shape
    assert softmax.choice.why == "only dP * P fits, and it is wrong: the forward pass decides, not the shape"


def test_where_axes_have_one_size_by_name_several_fit_and_numbers_say_which() -> None:
    left = next(step for step in derive("A: N N; B: N N\nC = A @ B").steps if step.name == "A")
    assert len(left.choice.fits) == 12
    assert [str(fit) for fit in left.choice.right] == ["dC @ B.T"]
    assert "12 fit" in left.choice.why


def test_several_uses_are_summed_and_each_path_is_named() -> None:
    derivation = derive("x: N\nu = exp(x)\nv = sin(x)\ny = u * v")
    dx = derivation.gradients[-1]
    assert str(dx) == "dx = dx_via_v + dx_via_u"
    assert {part.line.target for part in dx.parts} == {"u", "v"}
    assert "x is used 2 times (through v, through u): its gradients add up" in render(derivation)


def test_the_same_array_twice_in_one_operation_counts_twice() -> None:
    derivation = derive("A: N N\nL = sum(A @ A)")
    assert derivation.proof.ok
    assert len(derivation.gradients[-1].parts) == 2


def test_an_upstream_may_be_declared_or_not() -> None:
    for declared in ("; dY: N C", ""):
        derivation = derive(f"X: N D; W: D C{declared}\nY = X @ W")
        assert derivation.upstream == "dY"
        assert [str(line) for line in derivation.simplified.lines] == ["dW = X.T @ dY", "dX = dY @ W.T"]


def test_the_name_of_an_axis_alone_is_a_number() -> None:
    programs = {
        "x: N D\nL = sum(x**2) / N": "dx = 2 * x / N",
        "x: N D\ny = x * N": "dx = N * dy",
        "X: N D;  W: D C\nS = X @ W / N": "dW = X.T @ dS / N",
    }
    for program, line in programs.items():
        derivation = derive(program)
        assert line in [shown.shown for shown in derivation.simplified.lines]
        assert derivation.proof.ok


def test_an_input_without_influence_has_gradient_zero() -> None:
    derivation = derive("X: N D; Z: N\nL = sum(X)")
    assert derivation.unused == ("Z",)
    assert "dZ = 0: L does not depend on Z" in render(derivation)


def test_the_text_shows_each_line_with_its_verdicts(example: Derivation) -> None:
    text = render(example, example.proof)
    assert "dW = X.T @ dS   (D, C)   numeric ✓ symbolic ✓" in text
    assert "11 of 11 lines are right. By numbers at N = 7, D = 5, C = 3, seed 0." in text
    assert "Exactly, by SymPy, element by element, at N = 3, D = 4, C = 5." in text


def test_the_sizes_differ_from_each_other_and_from_the_constants() -> None:
    proof = derive("X: N D; W: D C\nL = sum((3 * (X @ W)) ** 4) / 5").proof
    assert proof.small == "N = 2, D = 7, C = 6"
    assert sorted(proof.sizes.values()) == [3, 5, 7]


# ---------------------------------------------------------------- proofs that must fail

WRONG = {
    "exp": ("X: N D\nH = exp(X)\nL = sum(H)", ("G",), "dX"),
    "tanh": ("X: N D\nH = tanh(X)\nL = sum(H)", ("G * (1 - y)",), "dX"),
    "/": ("X: N D; Z: N D\nH = X / Z\nL = sum(H)", ("G / b", "-G * a / b"), "dZ"),
    "@": ("X: N N; W: N N\nH = X @ W\nL = sum(H * H)", ("G @ b", "a.T @ G"), "dX"),
    "softmax": ("X: N D\nH = softmax(X, axis=D)\nL = sum(H * H)", ("y * G",), "dX"),
    "var": (
        "X: N D\nH = var(X, axis=N)\nL = sum(H)",
        ("g * (a - mean(a, axis=k, keepdims=True)) / n",),
        "dX",
    ),
    "relu": ("X: N D\nH = relu(X)\nL = sum(H)", ("G * a",), "dX"),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_planted_wrong_rule_fails_in_its_own_line_both_ways(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, pullbacks, target = WRONG[key]
    assert derive(program).proof.ok
    monkeypatch.setitem(RULES, key, replace(RULES[key], pullbacks=pullbacks))
    proof = derive(program).proof
    steps = [line for line in proof.lines if line.kind == "step"]
    failing = [line.name for line in steps if not line.ok]
    assert failing == [target]
    line = proof.of("step", target)
    assert line is not None
    assert str(line) == "numeric ✗ symbolic ✗"
    assert not proof.ok
    assert "WRONG" in render(derive(program), proof)


def test_a_wrong_simplification_fails_in_the_line_of_the_whole(example: Derivation) -> None:
    broken = derive(EXAMPLE)
    lines = broken.simplified.lines
    wrong = replace(lines[0], expr=Binary("*", Number(3), parse("H ** 2")))
    broken.__dict__["simplified"] = replace(broken.simplified, lines=(wrong, *lines[1:]))
    proof = broken.prove()
    first = proof.of("whole", "dS")
    assert first is not None
    assert str(first) == "numeric ✗ symbolic ✗"
    assert all(line.ok for line in proof.lines if line.kind == "step")


def test_a_constant_that_equals_a_size_is_told_from_it() -> None:
    broken = derive("X: N D\nL = sum(X ** 2)")
    line = broken.simplified.lines[0]
    wrong = replace(line, expr=Binary("*", Name("N"), Name("X")))  # right only where N = 2
    broken.__dict__["simplified"] = replace(broken.simplified, lines=(wrong,))
    found = broken.prove().of("whole", "dX")
    assert found is not None
    assert str(found) == "numeric ✗ symbolic ✗"


def test_without_sympy_the_symbolic_column_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sympy", None)
    proof = derive(EXAMPLE).proof
    assert proof.ok
    assert {str(line) for line in proof.lines} == {"numeric ✓ symbolic –"}
    assert "SymPy is not installed; it comes with pip install 'handgrad[book]'" in render(
        derive(EXAMPLE), proof
    )


def test_a_time_limit_is_kept_and_said() -> None:
    proof = derive(EXAMPLE).prove(limit=0.0)
    assert proof.ok
    assert all(line.symbolic.ok is None for line in proof.lines if line.kind != "sum")
    assert "the time limit of 0 s was reached" in proof.lines[0].symbolic.why


def test_the_limit_holds_inside_one_long_simplification(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object) -> bool:
        while True:
            pass

    monkeypatch.setattr("handgrad.derive.symbolic._is_zero", endless)
    proof = derive(EXAMPLE).prove(limit=0.3)
    assert proof.lines[0].symbolic.why == "the time limit of 0.3 s was reached"


def test_a_constant_is_what_the_shape_cannot_show() -> None:
    step = next(s for s in derive("x: N D; m: D\nz = x - m").steps if s.name == "m")
    assert step.choice.by_shape
    assert step.choice.why == "the shape decides all but the factor -1, which only the scalar analogue shows"
    square = derive("x: N\ny = x ** 2").steps[0]
    assert square.scalar == "y = x^2, so dy/dx = 2 x"


def test_a_derivation_is_the_same_every_time() -> None:
    first, second = derive(EXAMPLE), derive(EXAMPLE)
    assert render(first, first.prove(symbolic=False)) == render(second, second.prove(symbolic=False))


def test_building_again_from_the_program_gives_the_same(example: Derivation) -> None:
    assert [str(s) for s in build(example.program).steps] == [str(s) for s in example.steps]


@pytest.mark.parametrize(
    "program",
    [
        "x: N\ny = x * exp(x)",
        "x: N\nu = tanh(x)\ny = x * u",
        "g: D; X: N D\nY = g * X",
        "x: N; g: N\ny = g / x",
    ],
)
def test_inputs_may_have_the_names_that_derivations_use(program: str) -> None:
    assert [str(line) for line in derive(program).proof.lines if str(line) != "numeric ✓ symbolic ✓"] == []
