"""The rewrite rules: each does what it says, and is proved by numbers and by SymPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from handgrad.axes import Tokens
from handgrad.derive import derive
from handgrad.derive.entries import Evaluator
from handgrad.derive.forms import FORMS, Form
from handgrad.derive.laws import LAWS
from handgrad.derive.program import Program, read
from handgrad.derive.simplify import Engine
from handgrad.derive.tidy import TIDY, tidy
from handgrad.expressions import Expr
from handgrad.formula import parse


def setting(form: Form) -> tuple[Program, dict[str, Tokens]]:
    """The lines before, as a program; where there are none, one that leaves the inputs alone."""
    last = form.given or f"unused = 2 * {form.shapes.split(':')[0]}"
    program = read(f"{form.shapes.replace(',', ';')}\n{last}")
    return program, program.types


@pytest.mark.parametrize("form", [*FORMS, *LAWS], ids=lambda form: form.says)
def test_a_law_takes_its_example_from_before_to_after(form: Form) -> None:
    program, types = setting(form)
    engine = Engine(program.lines, types, {})
    assert str(tidy(engine.shorter(parse(form.before)))) == form.after


@pytest.mark.parametrize("form", [*FORMS, *LAWS], ids=lambda form: form.says)
def test_a_law_is_proved_by_numbers(form: Form) -> None:
    program, types = setting(form)
    sizes = program.sizes()
    values = program.run(program.sample(np.random.default_rng(0), sizes), sizes)
    before, after = (parse(text).evaluate(values, sizes, types) for text in (form.before, form.after))
    assert before.shape == after.shape
    np.testing.assert_allclose(before, after, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", [*FORMS, *LAWS], ids=lambda form: form.says)
def test_a_law_is_proved_exactly_by_sympy(form: Form) -> None:
    program, types = setting(form)
    sizes = program.sizes((3, 4, 5))
    numbers = program.run(program.sample(np.random.default_rng(0), sizes), sizes)
    env: dict[str, Any] = {name: numbers[name] for name in program.labels}
    for name, axes in program.inputs.items():
        shape = tuple(sizes[a] if isinstance(a, str) else a for a in axes)
        env[name] = np.empty(shape, dtype=object)
        for place in np.ndindex(*shape):
            env[name][place] = sympy.Symbol(f"{name}{place}", positive=True)
    for line in program.lines:
        env[line.target] = Evaluator(env, numbers, sizes, types).of(line.expr)
    evaluate = Evaluator(env, numbers, sizes, types)
    before, after = evaluate.of(parse(form.before)), evaluate.of(parse(form.after))
    assert all(sympy.simplify(a - b) == 0 for a, b in zip(before.flat, after.flat, strict=True))


TIDIED = {
    "p + q": ("2 + 3", "5"),
    "p - q": ("a ** (3 - 1)", "a ** 2"),
    "p * q": ("2 * 3 * a", "6 * a"),
    "1 * a = a / 1 = a ** 1 = a": ("1 * a / 1 + a ** 1 * 1", "a + a"),
    "a + 0 = a - 0 = a": ("0 + a + 0 - 0", "a"),
    "--a = a, (-1) * a = -a, a + -b = a - b": ("--a + -b", "a - b"),
    "a.T.T = a": ("A.T.T", "A"),
    "p * (q * a) = (p q) * a, a * (1 / b) = a / b": ("2 * (3 * a) + a * (1 / b)", "6 * a + a / b"),
    "a scalar is its own copy": ("broadcast_to(s, ())", "s"),
}


@pytest.mark.parametrize("name", [name for name, _ in TIDY])
def test_a_law_of_arithmetic_is_applied_and_true(name: str) -> None:
    before, after = TIDIED[name]
    expr: Expr = parse(before)
    assert str(tidy(expr)) == after
    arrays = {"a": np.array([1.5, -2.0]), "b": np.array([0.5, 3.0]), "A": np.ones((2, 3)), "s": np.array(2.0)}
    np.testing.assert_allclose(expr.evaluate(arrays), parse(after).evaluate(arrays))


@pytest.mark.parametrize("function", ["softmax(X, axis=0)", "X - mean(X, axis=0)", "X / sum(X, axis=0)"])
def test_a_sum_of_picked_entries_is_not_taken_for_the_sum_of_a_column(function: str) -> None:
    derivation = derive(f"X: N D;  y: N int\nP = {function}\np = P[arange(N), y]\nv = var(p)")
    assert [line.formula for line in derivation.proof.failing] == []
    engine = Engine(derivation.program.lines, derivation.types, {})
    assert str(engine.shorter(parse("sum(P[arange(N), y])"))) == "sum(P[arange(N), y])"


def test_simplifying_twice_changes_nothing() -> None:
    for text in (
        "S: N C\nP = softmax(S, axis=C)\nL = sum(log(P))",
        "x: N D\nz = x - mean(x, axis=0)\nL = sum(z**3)",
    ):
        derivation = derive(text)
        engine = Engine(derivation.program.lines, derivation.types, {})
        for line in derivation.simplified.lines:
            assert str(tidy(engine.shorter(line.expr))) == str(line.expr)


def test_a_formula_that_grows_too_large_is_left_as_the_steps_have_it() -> None:
    terms = " + ".join(f"a{i}" for i in range(9))
    inputs = "; ".join(f"a{i}: N" for i in range(9))
    derivation = derive(f"{inputs}\nL = sum(({terms}) * ({terms.replace(' + ', ' - ')}) * ({terms}))")
    assert derivation.prove(symbolic=False).ok
