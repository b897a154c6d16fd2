"""The nodes that copy, pick and rearrange: how they are read, printed, which axes they have, and their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.errors import FormulaError
from handgrad.formula import parse
from handgrad.placement import ALL, NEW, Arange, Index, OneHot, Permute, Reshape, Spread

TYPES = {
    "X": ("N", "D"),
    "S": ("N", "C"),
    "r": ("N",),
    "Q": ("B", "N", "D"),
    "y": ("N",),
    "R": ("N", 1),
    "A": ("N", "N"),
}
SIZES = {"N": 7, "D": 6, "C": 3, "B": 2, "H": 2, "K": 3}
RNG = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    name: RNG.standard_normal([SIZES[t] if isinstance(t, str) else t for t in axes])
    for name, axes in TYPES.items()
}
ARRAYS["y"] = np.array([0, 2, 1, 1, 0, 2, 2])
X, S, Q, r, y, R = (ARRAYS[name] for name in "XSQryR")
ROWS = np.arange(7)


@pytest.mark.parametrize(
    ("text", "node", "axes", "expected"),
    [
        ("r[:, None]", Index, ("N", 1), r[:, None]),
        ("r[None]", Index, (1, "N"), r[None]),
        ("Q[..., None, :]", Index, ("B", "N", 1, "D"), Q[..., None, :]),
        ("S[arange(N), y]", Index, ("N",), S[ROWS, y]),
        ("A[arange(N), arange(N)]", Index, ("N",), np.diagonal(ARRAYS["A"])),
        ("onehot(y, C)", OneHot, ("N", "C"), np.eye(3)[y]),
        ("onehot(arange(N), N)", OneHot, ("N", "N"), np.eye(7)),
        ("arange(N)", Arange, ("N",), ROWS),
        ("broadcast_to(R, (N, D))", Spread, ("N", "D"), np.broadcast_to(R, (7, 6))),
        ("broadcast_to(2, (N, 1))", Spread, ("N", 1), np.full((7, 1), 2.0)),
        ("reshape(X, (N, H, K))", Reshape, ("N", "H", "K"), X.reshape(7, 2, 3)),
        ("X.reshape(N, H, K)", Reshape, ("N", "H", "K"), X.reshape(7, 2, 3)),
        ("reshape(r, (N, 1))", Reshape, ("N", 1), r.reshape(7, 1)),
        ("transpose(Q, (D, B, N))", Permute, ("D", "B", "N"), Q.transpose(2, 0, 1)),
        ("Q.transpose(0, 2, 1)", Permute, ("B", "D", "N"), Q.transpose(0, 2, 1)),
    ],
)
def test_a_node_is_read_printed_typed_and_evaluated(text: str, node: type, axes: Any, expected: Any) -> None:
    expr = parse(text)
    assert isinstance(expr, node)
    assert parse(str(expr)) == expr
    assert expr.infer({**TYPES, "other": ("H", "K")}) == axes
    np.testing.assert_array_equal(expr.evaluate(ARRAYS, SIZES, {**TYPES, "other": ("H", "K")}), expected)
    assert expr.rebuild(expr.children) == expr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("S[y]", "S[y] has 1 indices, and S is (N, C)"),
        ("S[arange(N), y, y]", "S[arange(N), y, y] has 3 indices, and S is (N, C)"),
        ("S[:, y]", "picking takes one index for every axis"),
        ("S[arange(C), y]", "arange(C) counts along C, and the axis is N"),
        ("S[arange(N), X]", "the index X is (N, D), expected a vector"),
        ("r[:, :, None]", "r[:, :, None] has 2 indices, and r is (N,)"),
        ("onehot(2, C)", "onehot needs an array of labels, and 2 is one number"),
        ("broadcast_to(X, (N, C))", "X is (N, D), which does not broadcast to (N, C)"),
        ("broadcast_to(X, (D,))", "X is (N, D), which does not broadcast to (D,)"),
        ("reshape(X, (D, N))", "X is (N, D), which cannot be read as (D, N)"),
        ("reshape(Q, (B, D, N))", "Q is (B, N, D), which cannot be read as (B, D, N)"),
        ("transpose(Q, (B, N))", "(B, N) is not an order of the axes of Q, (B, N, D)"),
        ("transpose(A, (N, N))", "(N, N) is not an order of the axes of A, (N, N)"),
        ("r.mT", ".mT needs two axes, and r is (N,)"),
        ("maximum(X, S)", "the shapes do not fit in maximum(X, S)"),
    ],
)
def test_axes_that_do_not_fit_are_named(text: str, words: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text).infer(TYPES)
    assert words in str(caught.value)


def test_the_items_of_an_index_are_marks_or_expressions() -> None:
    expr = parse("Q[..., None]")
    assert isinstance(expr, Index)
    assert expr.plan(("B", "N", "D")) == (ALL, ALL, ALL, NEW)
    assert not expr.picks


@pytest.mark.parametrize(
    "text", ["S[arange(N), y]", "transpose(Q, (2, 0, 1))", "broadcast_to(R, (N, D))", "r[:, None]"]
)
def test_a_complex_step_passes_through(text: str) -> None:
    turned = {name: a + 1e-30j * a if a.dtype == float else a for name, a in ARRAYS.items()}
    found = parse(text).evaluate(turned, SIZES, TYPES)
    np.testing.assert_allclose(found.imag * 1e30, found.real)
