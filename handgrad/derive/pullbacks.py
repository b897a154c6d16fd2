"""From a row of the table to the gradient of one operand of one line, in the line's own names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from handgrad.axes import Token, Tokens
from handgrad.derive.program import Line
from handgrad.derive.rules import RULES, Rule
from handgrad.expressions import Binary, Call, Expr, Name, Number, Reduce, Transpose, Unary
from handgrad.formula import parse
from handgrad.placement import ALL, NEW, Arange, Index, Permute, Reshape, Spread

__all__ = ["pullback", "rule_of", "substitute", "unbroadcast"]

Types = Mapping[str, Tokens]


def _back_reshape(line: Line, types: Types) -> Expr:
    tokens = line.operands[0].infer(types)
    return Reshape(Name("G"), tuple(Name(t) if isinstance(t, str) else Number(t) for t in tokens))


def _back_permute(line: Line, types: Types) -> Expr:
    assert isinstance(line.expr, Permute)
    order = line.expr.order(line.operands[0].infer(types))
    return Permute(Name("G"), tuple(order.index(i) for i in range(len(order))))


def _back_new_axis(line: Line, types: Types) -> Expr:
    assert isinstance(line.expr, Index)
    plan = line.expr.plan(line.operands[0].infer(types))
    return Reduce("sum", Name("G"), tuple(i for i, item in enumerate(plan) if item == NEW))


_SPECIAL: dict[str, Callable[[Line, Types], Expr]] = {
    "@new axis": _back_new_axis,
    "@reshape": _back_reshape,
    "@transpose": _back_permute,
}


def rule_of(line: Line, types: Types) -> Rule | None:
    """The row for a line's operation; None for a comparison and for constants, where no gradient flows."""
    expr = line.expr
    if isinstance(expr, Name):
        return RULES["copy"]
    if isinstance(expr, Unary):
        return RULES["neg"]
    if isinstance(expr, Transpose):
        return RULES["mT" if expr.last_two else "T"]
    if isinstance(expr, Binary):
        return RULES[_product(expr, types)] if expr.op == "@" else RULES.get(expr.op)
    if isinstance(expr, Call | Reduce):
        return RULES[expr.function]
    if isinstance(expr, Index):
        return RULES[_pick(expr)]
    return RULES.get({Reshape: "reshape", Permute: "transpose", Spread: "broadcast_to"}.get(type(expr), ""))


def _product(expr: Binary, types: Types) -> str:
    ranks = tuple(len(side.infer(types)) for side in expr.children)
    kinds = ["vector" if rank == 1 else "matrix" if rank == 2 else "stack" for rank in ranks]
    if kinds == ["matrix", "matrix"]:
        return "@"
    if "stack" in kinds:
        return (
            "@ stack vector"
            if kinds[1] == "vector"
            else "@ vector stack"
            if kinds[0] == "vector"
            else "@ stack"
        )
    return f"@ {' '.join(kinds)}"


def _pick(expr: Index) -> str:
    if not expr.picks:
        return "new axis"
    if len(expr.items) == 1:
        return "pick vector"
    if isinstance(expr.items[0], Arange):
        return "pick"
    return "pick columns" if isinstance(expr.items[1], Arange) else "pick pairs"


@lru_cache(maxsize=256)
def _parsed(text: str) -> Expr:
    return parse(text)


def pullback(line: Line, position: int, types: Types, upstream: Expr) -> Expr | None:
    """The gradient of a line's operand number `position`, in the line's own names, before un-broadcasting."""
    rule = rule_of(line, types)
    given = rule.pullbacks[position] if rule is not None and position < len(rule.pullbacks) else None
    if given is None:
        return None
    template = _SPECIAL[given](line, types) if given in _SPECIAL else _parsed(given)
    names: dict[str, Expr] = {"G": upstream, "y": Name(line.target)}
    names.update(zip("ab", line.operands, strict=False))
    axes: tuple[Token, ...] = ()
    if isinstance(line.expr, Reduce):
        operand = line.operands[0].infer(types)
        axes, extra = _reduced(line.expr, operand, upstream, Name(line.target))
        names.update(extra)
    if isinstance(line.expr, Index) and line.expr.picks:
        labels = [item for item in line.expr.items if isinstance(item, Expr)]
        counted = [Name(t) if isinstance(t, str) else Number(t) for t in line.operands[0].infer(types)]
        arrays = [item for item in labels if not isinstance(item, Arange)] or labels[1:]
        names.update({"i": arrays[0], "j": labels[-1], "p": counted[0], "q": counted[-1]})
    return substitute(template, names, axes)


def _reduced(
    expr: Reduce, operand: Tokens, upstream: Expr, y: Expr
) -> tuple[tuple[Token, ...], dict[str, Expr]]:
    """The axes that a reduction takes, and what g, z and n stand for."""
    gone = expr.positions(operand)
    axes = tuple(
        operand[i] if operand.count(operand[i]) == 1 and isinstance(operand[i], str) else i for i in gone
    )
    items = tuple(NEW if i in gone else ALL for i in range(len(operand)))
    while items and items[0] == NEW:  # NumPy puts missing leading axes back by itself
        items = items[1:]
    whole = expr.keepdims or NEW not in items
    count: Expr = Number(1)
    for i in gone:
        size: Expr = Name(operand[i]) if isinstance(operand[i], str) else Number(int(operand[i]))  # type: ignore[arg-type]
        count = size if count == Number(1) else Binary("*", count, size)
    names = {
        "g": upstream if whole else Index(upstream, items),
        "z": y if whole else Index(y, items),
        "n": count,
    }
    spread = tuple(Name(t) if isinstance(t, str) else Number(t) for t in operand)
    if expr.function in {"sum", "mean"} and gone:
        names["g"] = Spread(names["g"], spread)
    return axes, names


def substitute(expr: Expr, names: Mapping[str, Expr], axes: tuple[Token, ...] = ()) -> Expr:
    """The expression with expressions for names, and `axes` for the axis k of a reduction."""
    if isinstance(expr, Name):
        return names.get(expr.id, expr)
    if isinstance(expr, Reduce) and expr.axes == ("k",):
        expr = replace(expr, axes=axes)
    return replace(
        expr.rebuild(tuple(substitute(child, names, axes) for child in expr.children)), source=None
    )


def unbroadcast(expr: Expr, have: Tokens, want: Tokens) -> tuple[Expr, Tokens]:
    """The sum over the axes along which an operand was copied, and those axes."""
    extra = len(have) - len(want)
    lost = tuple(range(extra))
    kept = tuple(i for i, t in enumerate(want) if t == 1 and have[i + extra] != 1)
    over = tuple(have[i] for i in lost) + tuple(have[i + extra] for i in kept)

    def named(tokens: Tokens, places: tuple[int, ...]) -> tuple[Token, ...]:
        return tuple(
            tokens[i] if isinstance(tokens[i], str) and tokens.count(tokens[i]) == 1 else i for i in places
        )

    if lost:
        expr = Reduce("sum", expr, named(have, lost) if len(lost) < len(have) else None)
    if kept:
        expr = Reduce("sum", expr, named(have[extra:], kept), keepdims=True)
    return expr, over
