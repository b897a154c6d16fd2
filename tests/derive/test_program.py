"""Reading a forward pass: one operation a line, and every mistake pointed at."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handgrad.derive import derive, read
from handgrad.errors import HandgradError


def test_every_operation_gets_a_line_and_a_readable_name() -> None:
    program = read("X: N D;  W: D C;  b: C\nP = sigmoid(X @ W + b) / 2\nL = -mean(P)")
    assert [str(line) for line in program.lines] == [
        "P_1 = X @ W", "P_2 = P_1 + b", "P_3 = sigmoid(P_2)", "P = P_3 / 2", "L_1 = mean(P)", "L = -L_1",
    ]  # fmt: skip
    assert [line.own for line in program.lines] == [False, False, False, True, False, True]
    assert str(program.by_name["P_2"].whole) == "X @ W + b"


def test_constants_and_axis_sizes_are_not_split() -> None:
    program = read("X: N D\neps = 1e-5\nY = X / sqrt(D + 2) + eps")
    assert [str(line) for line in program.lines] == ["eps = 1e-05", "Y_1 = X / sqrt(D + 2)", "Y = Y_1 + eps"]


def test_a_name_that_is_taken_is_not_given_again() -> None:
    program = read("S_1: N;  X: N\nS = exp(X * S_1)")
    assert [line.target for line in program.lines] == ["S_2", "S"]


def test_labels_range_over_the_axis_that_they_pick_from() -> None:
    program = read("S: N C;  y: N int\nL = sum(S[arange(N), y])")
    sizes = program.sizes()
    labels = [program.sample(np.random.default_rng(seed), sizes)["y"] for seed in range(20)]
    assert np.max(labels) == sizes["C"] - 1
    assert np.min(labels) == 0


def test_a_merged_axis_has_the_size_of_its_parts() -> None:
    program = read("x: N A B;  w: D M\ny = reshape(x, (N, D)) @ w")
    sizes = program.sizes((2, 3, 5, 7))
    assert sizes["D"] == sizes["A"] * sizes["B"]


def test_inputs_are_drawn_where_logarithms_are_finite() -> None:
    program = read("X: N D\nL = sum(log(X) + log(1 - X))")
    values = program.run(program.sample(np.random.default_rng(0), program.sizes()), program.sizes())
    assert np.isfinite(values["L"])


MALFORMED = [
    ("", "derive: expected an assignment, got none"),
    ("X: N D", "derive: expected an assignment, got none\n  after the declarations write one a line: S = X @ W + b"),
    ("S = X @ W", "derive: no array is declared\n  write the axes of every given array first: X: N D;  W: D C"),
    ("X: N D\nS = X @ W", "formula, line 2, column 9: no array or axis 'W'\n  S = X @ W\n          ^"),
    ("X: N D\nS = X @ X", "formula, line 2, column 5: the shapes do not fit in X @ X\n  S = X @ X\n      ^^^^^"),
    ("X: N D\n\n# a comment\nS = X +", "formula, line 4, column 8: cannot be read here"),
    ("X: N D\nS = X\nS = X", "formula, line 3, column 1: S is assigned twice"),
    ("X: N D\nX = exp(X)", "formula, line 2, column 1: X is assigned, and given as an input too"),
    ("X: N D\nN = exp(X)", "formula, line 2, column 1: N is an axis"),
    ("X: N D; X: N\nS = X", "line 1, shapes: "),
    ("X: N D\nX: N\nS = X", "formula, line 2, column 1: X is declared twice"),
    ("N: N D\nS = exp(N)", "formula, line 1, column 1: N is an array and an axis"),
    ("exp: N\nS = exp(exp)", "formula, line 1, column 1: exp is a function"),
    ("x: N ...\ny = x", "formula, line 1, column 1: the unnamed rest ... cannot be derived through"),
    ("X: N D %\nS = X", "line 1, shapes: '%' has no meaning here\n  X: N D %\n         ^"),
    ("X: N D; y: N\nL = sum(X[arange(N), y])", "formula, line 2, column 22: y is used as labels, and"),
    ("X: N D; y: N int\nL = sum(X * y)", "formula, line 2, column 13: y are labels, and are used as numbers"),
    ("X: N D; y: N int\nL = y", "formula, line 2, column 5: y are labels, and are used as numbers"),
    ("X: N D; y: N D int\nL = sum(X)", "formula, line 1, column 9: labels have one axis, and y has 2"),
    ("X: N D; dL: N\nL = sum(X)", "formula, line 1, column 9: dL is (N,), and L is ()"),
    ("X: N D\nL = sum(X > 0)", "formula, line 2, column 1: L does not depend on any input in a way that can be differ"),
    ("X: N D\nL = 3", "formula, line 2, column 1: L does not depend on any input in a way that can be differentiated"),
    ("X: N D\nY = reshape(X, (D, N))", "formula, line 2, column 5: X is (N, D), which cannot be read as (D, N)"),
    ("X: N D\nY = reshape(X, (N, A, B))", "formula, line 2, column 20: no array or axis 'A'"),
    ("X: N D\nY = softmax(X)", "formula, line 2, column 5: softmax of (N, D) runs along which axis?"),
    ("X: N D\nimport os", "formula, line 2, column 1: expected an assignment"),
    ("X: N D\nS = __import__('os')", "formula, line 2, column 5: no function '__import__'"),
    ("X: N D\nS = " + "-" * 2000 + "X", "formula"),
    ("X: N D\nS = " + "exp(" * 150 + "X" + ")" * 150, "formula, line 2, column"),
    ("X: N D\n" + "\n".join(f"S{i} = X" for i in range(61)), "derive: 61 lines, at most 60 are read"),
    ("X: N D\nS = " + "+".join(["X"] * 90) + "\nT = " + "+".join(["X"] * 90), "formula, line 3, column"),
    ("X: N D\n" + "#" * 20_000, "derive: 20007 characters, at most 10000 are read"),
    ("X: N D\nL = sum(log(-exp(X)))", "derive: L_3 is not finite on random inputs"),
    ("X: A B C D E F G H I\nY = exp(X)", "derive: 9 axes, at most 8 are handled"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), MALFORMED)
def test_a_mistake_is_pointed_at(text: str, words: str) -> None:
    with pytest.raises(HandgradError) as caught:
        derive(text)
    assert str(caught.value).startswith(words)


def test_a_program_that_is_no_text_says_so() -> None:
    with pytest.raises(HandgradError, match="a program is text, got NoneType"):
        read(None)  # type: ignore[arg-type]


PIECES = (
    "X", "W", "y", "b", "N", "D", "int", ":", ";", ",", "\n", "=", "+", "-", "*", "/", "**", "@", "(", ")", "[", "]",
    ".T", "exp(", "sum(", "softmax(", "max(", "axis=", "keepdims=True", "arange(N)", "None", "0", "1e400", "9" * 30,
    "reshape(", "transpose(", "onehot(", "X: N D", "W: D C", "y: N int", "S = ", "L = ", "lambda", "if", "#", "'", "\\",
    "\t", "é", "\0",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=12).map(
        lambda p: "X: N D; W: D C; y: N int\nS = " + " ".join(p)
    ),
)


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(TEXTS)
def test_no_text_raises_anything_but_handgrads_own_errors(text: str) -> None:
    with contextlib.suppress(HandgradError):
        derive(text).prove(symbolic=False)
