"""What a formula costs: multiply-adds and entries held, counted exactly from the sizes of the axes.

One multiplication, with the addition that follows it in a running sum, counts one; every other operation on
numbers (an addition alone, a division, a comparison, exp, …) counts one too. With n entries in and m out:

    a @ b                          m times the inner axis        a * b, a > b, exp(a), outer(a, b)   m
    sum, max                       n                             mean                                n + m
    var                            3n + 2m: mean, subtract, square and add, divide
    logsumexp                      4n + 2m: max, subtract, exp, add; log, put the max back
    softmax                        5n: max, subtract, exp, add, divide
    .T, reshape, picks, copies     0: entries are moved, not computed

Numbers made of axes alone, such as sqrt(H), are free. Held is the most entries that exist at one moment: each
operation makes a new array of m entries, which goes when it has been used; a transpose or a copy along an
axis is a view and holds nothing. What the forward pass keeps, and the upstream gradient, is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from handgrad.axes import Tokens, shape_of
from handgrad.expressions import Binary, Call, Expr, Name, Number, Reduce, Transpose
from handgrad.placement import Arange, Index, OneHot, Permute, Reshape, Spread

__all__ = ["Cost", "entries", "measure"]


@dataclass(frozen=True)
class Cost:
    """multiply_adds: the work. held: the entries of the result, 0 if it exists already. peak: at one moment."""

    multiply_adds: int
    held: int
    peak: int


def entries(tokens: Tokens, sizes: Mapping[str, int]) -> int:
    """How many numbers an array of these axes holds."""
    return prod(shape_of(tokens, sizes))


def measure(expr: Expr, types: Mapping[str, Tokens], sizes: Mapping[str, int]) -> Cost:
    """The cost of evaluating one formula."""
    if isinstance(expr, Name | Number) or not any(name in types for name in expr.names):
        made = entries(expr.infer(types), sizes) if isinstance(expr, OneHot | Arange) else 0
        return Cost(0, made, made)
    work, running, peak = 0, 0, 0
    for child in _operands(expr):
        below = measure(child, types, sizes)
        work += below.multiply_adds
        peak = max(peak, running + below.peak)
        running += below.held
    if _is_view(expr):
        return Cost(work, running, peak)
    made = entries(expr.infer(types), sizes)
    return Cost(work + _work(expr, made, types, sizes), made, max(peak, running + made))


def _operands(expr: Expr) -> tuple[Expr, ...]:
    return expr.children[:1] if isinstance(expr, Index | Reshape | Spread) else expr.children


def _is_view(expr: Expr) -> bool:
    return isinstance(expr, Transpose | Permute | Reshape | Spread) or (
        isinstance(expr, Index) and not expr.picks
    )


def _work(expr: Expr, made: int, types: Mapping[str, Tokens], sizes: Mapping[str, int]) -> int:
    if isinstance(expr, Index | OneHot | Arange):
        return 0
    if isinstance(expr, Binary) and expr.op == "@":
        return made * shape_of(expr.left.infer(types)[-1:], sizes)[0]
    if isinstance(expr, Reduce):
        taken = entries(expr.operand.infer(types), sizes)
        times, after = _REDUCTIONS[expr.function]
        return times * taken + after * made
    assert isinstance(expr, Call | Binary) or len(expr.children) == 1
    return made


# operations for each entry taken, and for each entry made
_REDUCTIONS = {
    "sum": (1, 0),
    "max": (1, 0),
    "mean": (1, 1),
    "var": (3, 2),
    "logsumexp": (4, 2),
    "softmax": (5, 0),
}
