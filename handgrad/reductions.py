"""Formulas near a given one: with a sum that keeps its axis, or without it; and factors spread over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from handgrad.axes import Tokens, letters
from handgrad.errors import FormulaError
from handgrad.expressions import Binary, Expr, Reduce, short
from handgrad.operations import OPERATIONS

__all__ = ["mended_reductions", "spread"]


def mended_reductions(expr: Expr, want: Tokens) -> Iterator[tuple[str, Expr]]:
    """Each formula that one mended reduction, or all of them, would make; before it, what to do for it.

    `want` are the axes that its author was asked for. Keeping an axis comes first: who writes a sum means one.
    """
    kept = [(node, other) for node, other in _one(expr, _keep) if not node.keepdims]
    for node, other in kept:
        yield f"the axis must stay: keepdims=True, as in {short(_keep(node))}", other
    if len(kept) > 1:
        yield "the axes must stay: keepdims=True in each sum", _each(expr, _keep)
    for node, other in _one(expr, _drop):
        fitting = f"without it, {short(other)} has the axes {letters(want)}"
        yield f"there should be no {node.function} here; {fitting}", other


def spread(expr: Expr, types: Mapping[str, Tokens]) -> str:
    """Words for two factors that broadcast over each other, as a row and a column do; "" where none do."""
    for node in expr.walk():
        if not isinstance(node, Binary) or node.op not in ("*", "/", "+", "-"):
            continue
        try:
            left, right, out = (part.infer(types) for part in (node.left, node.right, node))
        except FormulaError:  # within an index
            continue
        if _long(out) > max(_long(left), _long(right)):
            pair = f"{letters(left)} meets {letters(right)}, and each is spread over the other"
            return f"in {short(node)}, {pair}: {letters(out)}"
    return ""


def _long(tokens: Tokens) -> int:
    """How many axes are not 1."""
    return sum(token != 1 for token in tokens)


def _keep(node: Reduce) -> Expr:
    return replace(node, keepdims=True)


def _drop(node: Reduce) -> Expr:
    return node.operand


def _removes_axes(expr: Expr) -> bool:
    return isinstance(expr, Reduce) and OPERATIONS[expr.function].kind == "reduction"


def _one(expr: Expr, change: Callable[[Reduce], Expr]) -> Iterator[tuple[Reduce, Expr]]:
    """For each reduction of the formula: itself, and the formula with this one changed."""
    if isinstance(expr, Reduce) and _removes_axes(expr):
        yield expr, change(expr)
    for i, child in enumerate(expr.children):
        for node, other in _one(child, change):
            yield node, expr.rebuild((*expr.children[:i], other, *expr.children[i + 1 :]))


def _each(expr: Expr, change: Callable[[Reduce], Expr]) -> Expr:
    """The formula with all its reductions changed."""
    other = expr.rebuild(tuple(_each(child, change) for child in expr.children))
    return change(other) if isinstance(other, Reduce) and _removes_axes(other) else other
