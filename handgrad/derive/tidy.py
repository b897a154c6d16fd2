"""Arithmetic that a reader does without being told: 1 x is x, 2 - 1 is 1, --x is x.

Each row of TIDY is a law of numbers, taken from the left to the right; a, b stand for anything, p and q for
numbers written in the formula. Everything larger is `handgrad.derive.simplify`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from handgrad.expressions import Binary, Expr, Name, Number, Transpose, Unary
from handgrad.placement import Spread

__all__ = ["TIDY", "tidy"]

ONE, ZERO = Number(1), Number(0)


def _number(op: str) -> Callable[[Expr], Expr | None]:
    def fold(e: Expr) -> Expr | None:
        if not (isinstance(e, Binary) and isinstance(e.left, Number) and isinstance(e.right, Number)):
            return None
        p, q = e.left.value, e.right.value
        return Number(p + q if op == "+" else p - q if op == "-" else p * q) if e.op == op else None

    return fold


def _one(e: Expr) -> Expr | None:
    if isinstance(e, Binary) and e.op == "*" and ONE in (e.left, e.right):
        return e.right if e.left == ONE else e.left
    if isinstance(e, Binary) and e.op in {"/", "**"} and e.right == ONE:
        return e.left
    return None


def _zero(e: Expr) -> Expr | None:
    if isinstance(e, Binary) and e.op in {"+", "-"} and e.right == ZERO:
        return e.left
    return e.right if isinstance(e, Binary) and e.op == "+" and e.left == ZERO else None


def _minus(e: Expr) -> Expr | None:
    if isinstance(e, Unary) and isinstance(e.operand, Unary):
        return e.operand.operand
    if isinstance(e, Binary) and e.op in {"*", "/"} and isinstance(e.left, Unary) and e.left.operand == ONE:
        return Unary(e.right) if e.op == "*" else None
    if isinstance(e, Binary) and e.op == "+" and isinstance(e.right, Unary):
        return Binary("-", e.left, e.right.operand)
    return None


def _transposed(e: Expr) -> Expr | None:
    if isinstance(e, Transpose) and isinstance(e.operand, Transpose) and e.last_two == e.operand.last_two:
        return e.operand.operand
    return None


def _regroup(e: Expr) -> Expr | None:
    # p * (q * a) is (p q) * a, and a * (1 / b) is a / b
    if isinstance(e, Binary) and e.op == "*" and isinstance(e.right, Binary):
        inner = e.right
        if isinstance(e.left, Number) and inner.op == "*" and isinstance(inner.left, Number):
            return Binary("*", Number(e.left.value * inner.left.value), inner.right)
        if inner.op == "/" and inner.left == ONE:
            return Binary("/", e.left, inner.right)
    return None


def _spread(e: Expr) -> Expr | None:
    return e.operand if isinstance(e, Spread) and not e.sizes else None


TIDY: tuple[tuple[str, Callable[[Expr], Expr | None]], ...] = (
    ("p + q", _number("+")),
    ("p - q", _number("-")),
    ("p * q", _number("*")),
    ("1 * a = a / 1 = a ** 1 = a", _one),
    ("a + 0 = a - 0 = a", _zero),
    ("--a = a, (-1) * a = -a, a + -b = a - b", _minus),
    ("a.T.T = a", _transposed),
    ("p * (q * a) = (p q) * a, a * (1 / b) = a / b", _regroup),
    ("a scalar is its own copy", _spread),
)


def tidy(expr: Expr) -> Expr:
    """The expression with the laws of TIDY applied until none fits."""
    if isinstance(expr, Name | Number):
        return expr
    expr = replace(expr.rebuild(tuple(tidy(child) for child in expr.children)), source=None)
    for _, law in TIDY:
        found = law(expr)
        if found is not None:
            return tidy(found)
    return expr
