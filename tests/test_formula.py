from __future__ import annotations

import doctest
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad import expressions as expressions_module
from handgrad import formula as formula_module
from handgrad import operations as operations_module
from handgrad.errors import FormulaError
from handgrad.formula import (
    OPERATIONS,
    Binary,
    Call,
    Expr,
    Name,
    Number,
    Reduce,
    Transpose,
    Unary,
    evaluate_program,
    infer_program,
    parse,
    parse_program,
)

TYPES: dict[str, tuple[str | int, ...]] = {
    "X": ("N", "D"),
    "G": ("N", "C"),
    "W": ("D", "C"),
    "b": ("C",),
    "r": ("N", 1),
    "x": ("N", "..."),
    "s": (),
}
SIZES = {"N": 7, "D": 5, "C": 3, "...": (2, 3)}
SHAPES = {"X": (7, 5), "G": (7, 3), "W": (5, 3), "b": (3,), "r": (7, 1), "x": (7, 2, 3), "s": ()}
ARRAYS: dict[str, Any] = {
    name: np.random.default_rng(len(shape)).normal(size=shape) for name, shape in SHAPES.items()
}
X, G, W, B, R = (ARRAYS[name] for name in "XGWbr")


def message(text: str, types: Any = None) -> str:
    with pytest.raises(FormulaError) as caught:
        parse(text).infer(TYPES if types is None else types)
    return str(caught.value)


@pytest.mark.parametrize("module", [formula_module, expressions_module, operations_module])
def test_examples_in_docstrings_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# ---------------------------------------------------------------- reading


def test_a_formula_becomes_small_nodes_with_their_place_in_the_text() -> None:
    expr = parse("X.T @ -G / N")
    product = Binary("@", Transpose(Name("X")), Unary(Name("G")))
    assert expr == Binary("/", product, Name("N"))
    spots = {str(node): (node.source.start, node.source.end) for node in expr.walk() if node.source}
    assert spots == {
        "X": (0, 1),
        "X.T": (0, 3),
        "G": (7, 8),
        "-G": (6, 8),
        "X.T @ -G": (0, 8),
        "N": (11, 12),
        str(expr): (0, 12),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(G, axis=N)", Reduce("sum", Name("G"), ("N",))),
        ("G.sum(axis=0)", Reduce("sum", Name("G"), (0,))),
        ("np.sum(G, 0, True)", Reduce("sum", Name("G"), (0,), True)),
        ("mean(G, axis=-1, keepdims=True)", Reduce("mean", Name("G"), (-1,), True)),
        ("max(G, axis=(N, C))", Reduce("max", Name("G"), ("N", "C"))),
        ("sum(G)", Reduce("sum", Name("G"))),
        ("sum(G, axis=None)", Reduce("sum", Name("G"))),
        ("np.exp(X)", Call("exp", (Name("X"),))),
        ("outer(x, y)", Call("outer", (Name("x"), Name("y")))),
        ("X > 0", Binary(">", Name("X"), Number(0))),
        ("  X\n", Name("X")),
        ("(X\n  + Y)", Binary("+", Name("X"), Name("Y"))),
    ],
)
def test_numpy_spellings_are_read(text: str, expected: Expr) -> None:
    assert parse(text) == expected


def test_free_names_stand_in_order_and_exclude_axes_summed_over() -> None:
    assert parse("X.T @ (P - Y) / N + sum(X, axis=D)").names == ("X", "P", "Y", "N")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("(G*S)@W.T", "(G * S) @ W.T"),
        ("G*S@W.T", "(G * S) @ W.T"),
        ("G*(S@W.T)", "G * (S @ W.T)"),
        ("(A@B)@C", "A @ B @ C"),
        ("A@(B@C)", "A @ (B @ C)"),
        ("a-(b-c)-d", "a - (b - c) - d"),
        ("-a**2", "-a ** 2"),
        ("(-a)**2", "(-a) ** 2"),
        ("a**b**c", "a ** b ** c"),
        ("(a**b)**c", "(a ** b) ** c"),
        ("2**-x", "2 ** -x"),
        ("(X@W).T", "(X @ W).T"),
        ("dout*(x>0)", "dout * (x > 0)"),
        ("X.T@G/N", "X.T @ G / N"),
        ("G.sum(axis=(0,N),keepdims=True)", "sum(G, axis=(0, N), keepdims=True)"),
    ],
)
def test_printing_keeps_the_meaning_with_few_brackets(text: str, printed: str) -> None:
    assert str(parse(text)) == printed
    assert parse(printed) == parse(text)


def exprs() -> st.SearchStrategy[Expr]:
    names = st.sampled_from(["X", "G", "W", "b", "N"]).map(Name)
    numbers = st.one_of(st.integers(0, 10**9), st.floats(0, 1e300)).map(Number)
    infix = sorted(
        row.symbol for row in OPERATIONS.values() if row.kind in {"product", "elementwise", "compare"}
    )
    functions = sorted(row.symbol for row in OPERATIONS.values() if row.kind == "function")
    axes = st.one_of(
        st.none(), st.lists(st.sampled_from(["N", "D", 0, -1]), min_size=1, max_size=2).map(tuple)
    )

    def grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        return st.one_of(
            st.builds(Unary, inner),
            st.builds(Transpose, inner),
            st.builds(Binary, st.sampled_from(infix), inner, inner),
            st.builds(Call, st.sampled_from(functions), st.tuples(inner)),
            st.builds(Call, st.just("outer"), st.tuples(inner, inner)),
            st.builds(Reduce, st.sampled_from(["sum", "mean", "max"]), inner, axes, st.booleans()),
        )

    return st.recursive(st.one_of(names, numbers), grow, max_leaves=12)


@settings(deadline=None, max_examples=300)
@given(exprs())
def test_what_is_printed_is_read_back_as_the_same(expr: Expr) -> None:
    assert parse(str(expr)) == expr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "formula: expected a formula, got nothing"),
        ("S = X", "formula, line 1, column 3: cannot be read here\n  S = X\n    ^\n  = is not part of a formula"),
        ("X @", "formula, line 1, column 4: cannot be read here"),
        ("X[0]", "formula, line 1, column 3: this index has no meaning here\n  X[0]\n    ^\n  write S[arange"),
        ("X[0:2]", "formula, line 1, column 3: this index has no meaning here\n  X[0:2]\n    ^^^\n  write"),
        ("reshape(X)", "formula, line 1, column 1: reshape got 1 arguments\n  reshape(X)\n  ^^^^^^^^^^\n  write"),
        ("reshape(X, -1)", "formula, line 1, column 12: an axis is a name such as N, or a number"),
        ("X.transpose()", "formula, line 1, column 1: no order of axes is given\n  X.transpose()\n  ^^^^"),
        ("softmax(X, axis=1, keepdims=True)", "formula, line 1, column 1: softmax keeps all its axes"),
        ("onehot(b, C, N)", "formula, line 1, column 1: onehot takes one axis"),
        ("lambda: 1", "formula, line 1, column 1: this is not part of a formula"),
        ("__import__('os')", "formula, line 1, column 1: no function '__import__'"),
        ("X.__class__", "formula, line 1, column 1: .__class__ has no meaning here\n  X.__class__\n"),
        ("(lambda: 1)()", "formula, line 1, column 1: only a named function can be called"),
        ("X.dot(G)", "formula, line 1, column 1: no function 'dot'\n  X.dot(G)\n  ^^^^^^^^\n  write a @ b"),
        ("maximum(X)", "formula, line 1, column 1: maximum takes 2 arguments, got 1\n  maximum(X)\n  ^^^^^^^^^^"),
        ("tahn(X)", "formula, line 1, column 1: no function 'tahn'\n  tahn(X)\n  ^^^^^^^\n  did you mean 'tanh'?"),
        ("(X^2)", "formula, line 1, column 2: this is not part of a formula\n  (X^2)\n   ^^^\n  write ** for"),
        ("X // 2", "formula, line 1, column 1: this is not part of a formula\n  X // 2\n  ^^^^^^\n  write / to divide"),
        ("exp", "formula, line 1, column 1: exp is a function\n  exp\n  ^^^\n  write exp(…)"),
        ("exp(X, G)", "formula, line 1, column 1: exp takes 1 argument, got 2"),
        ("outer(b)", "formula, line 1, column 1: outer takes 2 arguments, got 1"),
        ("X.exp()", "formula, line 1, column 1: .exp() is not part of a formula"),
        ("'N'", "formula, line 1, column 1: a str is not part of a formula"),
        ("1j", "formula, line 1, column 1: a complex is not part of a formula"),
        ("True", "formula, line 1, column 1: a bool is not part of a formula"),
        ("1e999", "formula, line 1, column 1: a number too large, at most 1.8e308"),
        ("9" * 400, "formula, line 1, column 1: a number too large, at most 1.8e308"),
        ("0 < X < 1", "formula, line 1, column 1: two comparisons in a row"),
        ("sum(X, axis='N')", "formula, line 1, column 13: an axis is a name such as N, or a number"),
        ("sum(X, axis=N, keepdims=1)", "formula, line 1, column 25: keepdims must be True or False"),
        ("sum(X, where=G)", "formula, line 1, column 14: sum takes no where here"),
        ("sum(X, 0, axis=N)", "formula, line 1, column 16: sum takes no axis here"),
        ("sum()", "formula, line 1, column 1: sum got 0 arguments"),
        ("é + X[0]", "formula, line 1, column 7: this index has no meaning here\n  é + X[0]\n        ^"),
        ("(X\n + G[0])", "formula, line 2, column 6: this index has no meaning here\n   + G[0])\n       ^"),
        ("x\0", "formula"),
        ("\ud800", "formula: cannot be read"),
        ("-" * 3000 + "x", "formula"),
        ("(" * 1500 + "x" + ")" * 1500, "formula"),
        ("+".join("x" * 300), "formula, line 1, column 1: nested deeper than 100"),
        ("x" * 1_000_000, "formula: 1000000 characters, at most 4000 are read"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_language_is_refused_with_the_spot_underlined(text: str, words: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert str(caught.value).startswith(words)


def test_a_formula_that_is_no_text_says_so() -> None:
    with pytest.raises(FormulaError, match="a formula is text, got NoneType"):
        parse(None)  # type: ignore[arg-type]


WORDS = [
    "X", "G", "W", "b", "s", "N", "0", "2", "9", ".", "T", "(", ")", "[", "]", "@", "*", "**", "+", "-", "/", ",", "=",
    "<", "sum", "max", "axis", "exp", "outer", "keepdims", "True", " ", "\n", ":", "'", "lambda", "if", "é", "\t",
    "\\", "#", "1if",
]  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=25).map("".join)))
def test_no_text_raises_anything_but_formula_error(text: str) -> None:
    with suppress(FormulaError):
        parse_program(text)
    with suppress(FormulaError):
        expr = parse(text)
        with suppress(FormulaError):
            expr.infer(TYPES)
        with suppress(FormulaError):
            expr.evaluate(ARRAYS, SIZES)
        expr.evaluate(ARRAYS, SIZES, TYPES)


@settings(deadline=None, max_examples=300)
@given(exprs())
def test_a_formula_whose_axes_fit_has_that_shape_and_no_other_raises(expr: Expr) -> None:
    try:
        tokens = expr.infer(TYPES)
    except FormulaError:
        return
    value = expr.evaluate(ARRAYS, SIZES, TYPES)
    assert value.shape == tuple(t if isinstance(t, int) else SIZES[t] for t in tokens)


# ---------------------------------------------------------------- axes by name


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("X.T @ G", ("D", "C")),
        ("X @ W + b", ("N", "C")),
        ("G / N", ("N", "C")),
        ("r * G", ("N", "C")),
        ("G @ b", ("N",)),
        ("b @ G.T", ("N",)),
        ("b @ b", ()),
        ("b.T", ("C",)),
        ("outer(b, sum(X, axis=N))", ("C", "D")),
        ("sum(G, axis=N)", ("C",)),
        ("sum(G, axis=N, keepdims=True)", (1, "C")),
        ("sum(G, axis=(N, C))", ()),
        ("sum(G, keepdims=True)", (1, 1)),
        ("max(G, axis=-1)", ("N",)),
        ("x * x + s", ("N", "...")),
        ("sum(x, axis=N)", ("...",)),
        ("exp(-G ** 2)", ("N", "C")),
        ("G * (G > 0)", ("N", "C")),
        ("r @ b.T", None),
    ],
)
def test_axes_are_inferred_by_name(text: str, axes: tuple[str | int, ...] | None) -> None:
    if axes is None:
        assert "the shapes do not fit" in message(text)
    else:
        assert parse(text).infer(TYPES) == axes
        value = parse(text).evaluate(ARRAYS, SIZES, TYPES)
        assert value.ndim == len(axes) + ("..." in axes)


def test_a_missing_transpose_is_reported_before_numbers() -> None:
    assert message("2 * (X @ G) / N") == (
        "formula, line 1, column 6: the shapes do not fit in X @ G\n"
        "  2 * (X @ G) / N\n"
        "       ^^^^^\n"
        "  X is (N, D), G is (N, C): @ sums over the inner axis, which is D on the left and N on the right\n"
        "  a transpose is missing, or one too many"
    )


def test_axes_of_different_names_never_meet_though_their_sizes_coincide() -> None:
    assert "X is (N, D), G is (N, C): axis D cannot meet axis C" in message("X - G")
    assert "W is (D, C), W.T is (C, D): axis C cannot meet axis D\n  a transpose" in message("W - W.T")
    assert "(C,), (N, 1)" not in message("b @ X")
    assert "transpose" not in message("b @ X")


def test_a_scalar_does_not_go_into_a_matrix_product() -> None:
    assert "X is (N, D), 3 is (): @ does not take a scalar, write *" in message("X @ 3")


def test_an_axis_that_is_not_there_is_named() -> None:
    assert message("sum(X, axis=C)") == (
        "formula, line 1, column 1: sum over axis C of X, and C is not there\n"
        "  sum(X, axis=C)\n"
        "  ^^^^^^^^^^^^^^\n"
        "  X is (N, D)"
    )
    assert "axis 2 of X, and 2 is not there" in message("sum(X, axis=2)")
    assert "axis N of A, and N is there twice" in message("sum(A, axis=N)", {"A": ("N", "N")})
    assert "axis 0 of X, and 0 is there twice" in message("sum(X, axis=(N, 0))")
    assert "axis 1 of (N, ...) may lie in the unnamed rest" in message("sum(x, axis=1)")


def test_max_of_two_is_told_from_max_over_an_axis() -> None:
    assert "for the larger of 0 and x, entry by entry, write relu(x)" in message("max(0, X)")


def test_an_unknown_name_is_reported_with_the_known_ones() -> None:
    assert message("X + q").endswith("known: C, D, G, N, W, X, b, r, s, x")


def test_the_unnamed_rest_is_not_guessed_at() -> None:
    assert "@ cannot see which axes the unnamed rest ... has" in message("x @ W")
    assert "cannot meet" in message("x + X")
    assert "outer needs vectors, and X is (N, D)" in message("outer(X, b)")


def test_a_node_made_by_hand_reports_without_a_place() -> None:
    with pytest.raises(FormulaError, match=r"^formula: the shapes do not fit in X @ G\n  X is \(N, D\)"):
        Binary("@", Name("X"), Name("G")).infer(TYPES)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X.T @ G / N", X.T @ G / 7),
        ("X @ W + b", X @ W + B),
        ("sum(G, axis=N)", G.sum(axis=0)),
        ("G.mean(axis=C, keepdims=True)", G.mean(axis=1, keepdims=True)),
        ("max(G, axis=(0, 1))", G.max()),
        ("G * (G >= 0)", np.maximum(0, G)),
        ("relu(G)", np.maximum(0, G)),
        ("abs(G)", np.abs(G)),
        ("sigmoid(G)", 1 / (1 + np.exp(-G))),
        (
            "tanh(G) - exp(-G) * log(G ** 2) / sqrt(abs(G))",
            np.tanh(G) - np.exp(-G) * np.log(G**2) / np.sqrt(np.abs(G)),
        ),
        ("outer(b, b)", np.outer(B, B)),
        ("sum(x, axis=N)", ARRAYS["x"].sum(axis=0)),
        ("2 ** 3 ** 2 - -1", 513.0),
    ],
)
def test_formulas_evaluate_as_numpy_does(text: str, expected: Any) -> None:
    value = parse(text).evaluate(ARRAYS, SIZES, TYPES)
    assert isinstance(value, np.ndarray)
    np.testing.assert_allclose(value, expected, rtol=1e-15, atol=1e-15)


def test_a_tower_of_powers_is_infinite_at_once() -> None:
    assert parse("9**9**9**9").evaluate({}) == np.inf
    assert np.isnan(parse("(-8) ** 0.5").evaluate({}))
    assert parse("1 / 0").evaluate({}) == np.inf


def test_integer_arrays_are_taken_as_real() -> None:
    assert parse("y ** -1").evaluate({"y": np.array([2, 4])}).tolist() == [0.5, 0.25]
    assert parse("y").evaluate({"y": np.float32([1])}).dtype == np.float64


def test_arrays_that_do_not_fit_are_reported_with_their_shapes() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("X @ G").evaluate(ARRAYS)
    assert str(caught.value) == (
        "formula, line 1, column 1: the shapes do not fit in X @ G\n  X @ G\n  ^^^^^\n  X has (7, 5), G has (7, 3)"
    )


def test_a_name_without_a_value_and_a_named_axis_without_types_are_reported() -> None:
    with pytest.raises(FormulaError, match="no array or axis 'Q'"):
        parse("Q").evaluate(ARRAYS, SIZES)
    with pytest.raises(FormulaError, match=r"sum\(G, axis=N\) names an axis, and the types"):
        parse("sum(G, axis=N)").evaluate(ARRAYS, SIZES)


class Hostile:
    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [None, "text", Hostile(), [[1], [1, 2]], {"a": 1}, np.array([None])],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_array_of_numbers_is_reported(value: Any) -> None:
    with pytest.raises(FormulaError, match=r"Q is .*, expected numbers"):
        parse("Q + 1").evaluate({"Q": value})


# ---------------------------------------------------------------- complex steps


def real_line(name: str) -> Any:
    points = np.array([-2.5, -1.0, -0.3, 0.4, 1.0, 3.0])
    return np.abs(points) if name in {"log", "sqrt"} else points


@pytest.mark.parametrize("text", [f"{row.symbol}(z)" for row in OPERATIONS.values() if row.kind == "function"] + [
    "z ** 2", "z ** 3", "z ** 101", "z ** -3", "2 ** z", "max(z, axis=0)", "max(z, axis=0, keepdims=True)",
    "mean(z * z)", "z * (z > 0)", "1 / z", "exp(-z ** 2) - z", "(z ** 2) ** 0.3", "(z * z) ** z",
])  # fmt: skip
def test_a_complex_step_gives_the_derivative(text: str) -> None:
    expr = parse(text)
    z = real_line(text.split("(")[0])
    real = expr.evaluate({"z": z})
    stepped = expr.evaluate({"z": z + 1e-30j})
    np.testing.assert_allclose(stepped.real, real, rtol=1e-14, atol=1e-50)
    h = 1e-6
    central = (expr.evaluate({"z": z + h}) - expr.evaluate({"z": z - h})) / (2 * h)
    np.testing.assert_allclose(stepped.imag * 1e30, central, rtol=1e-6, atol=1e-9)


def test_sigmoid_has_no_kink_at_zero_and_relu_and_abs_have_derivative_zero_there() -> None:
    step = {"z": np.array([0.0 + 1e-30j])}
    derivative = {
        name: parse(f"{name}(z)").evaluate(step).imag[0] * 1e30 for name in ("sigmoid", "tanh", "relu", "abs")
    }
    np.testing.assert_allclose(list(derivative.values()), [0.25, 1.0, 0.0, 0.0])
    assert parse("z ** 2").evaluate(step).imag[0] == 0.0


@pytest.mark.parametrize("text", ["log(z)", "sqrt(z)", "z ** 0.5", "z ** z"])
def test_where_the_real_operation_is_undefined_the_complex_one_is_too(text: str) -> None:
    for z in (-2.5, -2.5 + 1e-30j):
        assert np.isnan(parse(text).evaluate({"z": np.array([z])})).all()


def test_transposing_does_not_conjugate() -> None:
    z = np.array([[1 + 2j, 3 - 1j]])
    np.testing.assert_array_equal(parse("z.T").evaluate({"z": z}), z.T)
    np.testing.assert_array_equal(parse("z @ z.T").evaluate({"z": z}), z @ z.T)


def test_not_a_number_stays_so() -> None:
    for name in ("relu", "abs", "sigmoid", "max"):
        assert np.isnan(parse(f"{name}(z)").evaluate({"z": np.array([np.nan])})).all()
        assert np.isnan(parse(f"{name}(z)").evaluate({"z": np.array([np.nan + 0j])})).all()


def test_extreme_arguments_of_sigmoid_do_not_overflow() -> None:
    for z in (np.array([-1e4, 1e4]), np.array([-1e4, 1e4]) + 1e-30j):
        np.testing.assert_array_equal(parse("sigmoid(z)").evaluate({"z": z}).real, [0.0, 1.0])


# ---------------------------------------------------------------- programs

PROGRAM = """
    S = X @ W + b        # scores
    P = exp(S) / sum(exp(S), axis=C, keepdims=True)
    loss = -sum(G * log(P)) / N
"""


def test_a_program_is_lines_of_assignments() -> None:
    program = parse_program(PROGRAM)
    assert [line.target for line in program] == ["S", "P", "loss"]
    assert str(program[0]) == "S = X @ W + b"
    axes = infer_program(program, TYPES)
    assert (axes["S"], axes["P"], axes["loss"]) == (("N", "C"), ("N", "C"), ())
    values = evaluate_program(program, ARRAYS, SIZES, TYPES)
    np.testing.assert_allclose(values["P"].sum(axis=1), 1.0)
    shifted = np.exp(X @ W + B)
    np.testing.assert_allclose(
        values["loss"], -(G * np.log(shifted / shifted.sum(axis=1, keepdims=True))).sum() / 7
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "formula: expected"),
        ("# nothing", "formula: expected an assignment, got nothing"),
        ("X @ W", "formula, line 1, column 1: expected an assignment\n  X @ W\n  ^^^^^\n"),
        ("S = X\nS += b", "formula, line 2, column 1: expected an assignment"),
        ("S = T = X", "formula, line 1, column 1: expected an assignment"),
        ("S[0] = X", "formula, line 1, column 1: expected a name left of ="),
        ("S = X\nS = G", "formula, line 2, column 1: S is assigned twice"),
        ("S = X\nimport os", "formula, line 2, column 1: expected an assignment"),
        (
            "S = X\nP = S[0]",
            "formula, line 2, column 7: this index has no meaning here\n  P = S[0]\n        ^",
        ),
        ("S = X\nP = = S", "formula, line 2, column 5: cannot be read here"),
        ("S = x\n" * 10_000, "formula: 60000 characters, at most 20000 are read"),
    ],
)
def test_other_statements_are_refused_with_their_line(text: str, words: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_program(text)
    assert str(caught.value).startswith(words)


def test_a_program_may_not_assign_its_inputs_or_use_what_comes_later() -> None:
    with pytest.raises(FormulaError, match="X is assigned, and given as an input too"):
        infer_program(parse_program("X = G"), TYPES)
    with pytest.raises(FormulaError, match="line 1, column 5: no array or axis 'P'"):
        infer_program(parse_program("S = P\nP = X"), TYPES)


# ---------------------------------------------------------------- the table


def test_every_operation_has_one_row_that_says_what_it_is() -> None:
    assert all(symbol == row.symbol and row.says for symbol, row in OPERATIONS.items())
    assert {row.symbol for row in OPERATIONS.values() if row.kind == "reduction"} == {
        "sum", "mean", "max", "var", "logsumexp",
    }  # fmt: skip
