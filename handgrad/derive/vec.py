"""The route by full Jacobians: every array is a vector, every operation a matrix, the chain rule a product of them.

vec lays an array out as one long vector, row by row (row-major, NumPy's order "C") or column by column
(column-major, order "F"). The Jacobian J of a step has a row for each entry of the result and a column for each
entry of the operand, in that order, and vec(dx)ᵀ = vec(dy)ᵀ J. Of a product Y = A B, with A (p, q) and B (q, r):

                     row-major                   column-major
    by A             I_p ⊗ Bᵀ                    Bᵀ ⊗ I_p
    by B             A ⊗ I_r                     I_r ⊗ A

so that for z = W x it is I ⊗ xᵀ in the one order and xᵀ ⊗ I in the other. With each go vec and reshape of its order.

Cost of a step: rows times columns multiply-adds for the product with the dense J, and what its slopes cost; a
Kronecker product with I and a placement of ones are copies and cost none. Where an operation mixes its entries
(softmax, var, max), each row of J is computed from the rule. pick(y) has a row for each pick, with a 1 at the picked
entry. Held: J, its slopes, and all gradients so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from handgrad.axes import Token, Tokens
from handgrad.derive.costs import Cost, entries, measure
from handgrad.derive.derivation import Derivation, Step
from handgrad.derive.latex import formula as latex_of
from handgrad.derive.prove import OPEN, open_operand
from handgrad.derive.pullbacks import pullback
from handgrad.derive.symbols import Symbols
from handgrad.derive.tidy import tidy
from handgrad.expressions import Call, Expr, Name, Number, Reduce, Transpose, Unary, value
from handgrad.operations import Array
from handgrad.placement import Arange, Index, Permute, Reshape, Spread

__all__ = ["ORDERS", "Jacobian", "Order", "jacobian", "obstacle"]

Order = Literal["C", "F"]
ORDERS: Mapping[Order, str] = {"C": "row-major", "F": "column-major"}
Factors = list[tuple[str, str]]  # text and LaTeX of each factor
MINUS = ("-1", "-1")


def obstacle(derivation: Derivation) -> str:
    """Why the route does not apply to this derivation; "" if it does."""
    for name, tokens in derivation.types.items():
        if len(tokens) > 2:
            return f"vec is written here for at most two axes, and {name} has {len(tokens)}"
    return ""


@dataclass(frozen=True)
class Jacobian:
    """The Jacobian of one step in one order. text, latex: how it is written. slopes: what is computed for it."""

    step: Step
    order: Order
    text: str
    latex: str
    types: Mapping[str, Tokens]
    slopes: Expr | None

    @property
    def shape(self) -> tuple[Tokens, Tokens]:
        """The axes whose sizes multiply to the rows, and to the columns."""
        return self.step.line.tokens, self.step.tokens

    @property
    def is_identity(self) -> bool:
        """Whether J changes nothing, so that its line is another name for the upstream gradient."""
        return self.slopes is None and self.text.startswith("I_") and "⊗" not in self.text

    def cost(self, sizes: Mapping[str, int]) -> Cost:
        """The cost of building J and of vec(dy)ᵀ J; none for an identity, which nobody multiplies by."""
        if self.is_identity:
            return Cost(0, 0, 0)
        rows, columns = (entries(tokens, sizes) for tokens in self.shape)
        size = rows * columns
        if self.step.rule.kind == "mixing":
            row = measure(self.step.local, self.types, sizes)
            return Cost(rows * row.multiply_adds + size, columns, size + max(row.peak, columns))
        built = Cost(0, 0, 0) if self.slopes is None else measure(self.slopes, self.types, sizes)
        peak = max(built.peak, built.held + size, size + columns)
        return Cost(built.multiply_adds + size, columns, peak)

    def build(self, values: Mapping[str, Any], sizes: Mapping[str, int]) -> Array:
        """The matrix, at the values of a forward pass."""
        step, kind = self.step, self.step.rule.kind
        operand = np.asarray(values[step.name], dtype=float)
        out = np.asarray(values[step.line.target], dtype=float)
        if kind == "product":
            return _kronecker(step, values, self.order)
        if kind == "mixing":
            return self._row_by_row(operand, out, values, sizes)
        places = np.arange(operand.size, dtype=float).reshape(operand.shape, order=self.order)
        matrix = np.zeros((out.size, operand.size))
        rows = np.arange(out.size)
        if kind == "entry":
            slope = 1.0 if self.slopes is None else self.slopes.evaluate(values, sizes, self.types)
            weights = np.broadcast_to(slope, out.shape).ravel(order=self.order)
            matrix[rows, self._flat(np.broadcast_to(places, out.shape))] = weights
        elif kind == "sum":
            assert isinstance(step.line.expr, Reduce)
            axes = step.line.expr.positions(step.tokens)
            sums = np.arange(out.size, dtype=float).reshape(out.shape, order=self.order)
            wide = sums if step.line.expr.keepdims else np.expand_dims(sums, axes)
            weight = out.size / operand.size if step.line.expr.function == "mean" else 1.0
            matrix[self._flat(np.broadcast_to(wide, operand.shape)), self._flat(places)] = weight
        else:
            opened, types = open_operand(step.line, step.position, step.tokens, self.types)
            moved = value(opened, {**values, OPEN: places}, sizes, types)
            matrix[rows, self._flat(np.real(moved))] = 1.0
        return matrix

    def _flat(self, places: Any) -> Any:
        return np.rint(np.asarray(places)).astype(int).ravel(order=self.order)

    def _row_by_row(
        self, operand: Array, out: Array, values: Mapping[str, Any], sizes: Mapping[str, int]
    ) -> Array:
        rows = np.zeros((out.size, operand.size))
        for k in range(out.size):
            unit = np.zeros(out.size)
            unit[k] = 1.0
            known = {**values, self.step.upstream: unit.reshape(out.shape, order=self.order)}
            rows[k] = self.step.local.evaluate(known, sizes, self.types).ravel(order=self.order)
        return rows


def _kronecker(step: Step, values: Mapping[str, Any], order: Order) -> Array:
    left, right = (np.asarray(value(o, values, {}, None), dtype=float) for o in step.line.operands)
    outer = isinstance(step.line.expr, Call)
    a = left[:, None] if outer else np.atleast_2d(left)
    b = right[None, :] if outer else right[:, None] if right.ndim == 1 else right
    if step.position == 0:
        identity = np.eye(a.shape[0])
        return np.kron(identity, b.T) if order == "C" else np.kron(b.T, identity)
    identity = np.eye(b.shape[1])
    return np.kron(a, identity) if order == "C" else np.kron(identity, a)


# ------------------------------------------------------------ writing


def jacobian(step: Step, derivation: Derivation, symbols: Symbols, order: Order) -> Jacobian:
    """The Jacobian of a step, written in its structure."""
    types, kind = derivation.types, step.rule.kind
    slopes: Expr | None = None
    if kind == "product":
        factors = _product(step, types, symbols, order)
    elif kind == "entry":
        slope = pullback(step.line, step.position, types, Number(1))
        assert slope is not None
        slopes = tidy(slope)
        copies = _copies(step.tokens, step.line.tokens, order)
        factors = [*_diagonal(slopes, symbols, types, step.line.tokens, order), *copies]
        slopes = None if slopes == Number(1) else slopes
    elif kind == "sum":
        assert isinstance(step.line.expr, Reduce)
        factors = _sums(step.line.expr, step.tokens, order)
    elif kind == "mixing":
        factors = _mixing(step, symbols)
    else:
        factors = _moves(step, order)
    if any("⊗" in t or t[:1] in "dJ" for t, _ in factors):  # an identity beside another matrix says nothing
        factors = [factor for factor in factors if "⊗" in factor[0] or not factor[0].startswith("I_")]
    many = len(factors) > 1
    text = " ".join(f"({t})" if many and "⊗" in t else t for t, _ in factors)
    latex = r" \, ".join(rf"({t})" if many and r"\otimes" in t else t for _, t in factors)
    if many and factors[0] == MINUS:
        text, latex = text.replace("-1 ", "-", 1), latex.replace(r"-1 \, ", "-", 1)
    return Jacobian(step, order, text, latex, types, slopes)


def _product(step: Step, types: Mapping[str, Tokens], symbols: Symbols, order: Order) -> Factors:
    left, right = step.line.operands
    other = right if step.position == 0 else left
    tokens = other.infer(types)
    mine = step.tokens
    outer = isinstance(step.line.expr, Call)
    if step.position == 0:
        # a vector on the left lies down, and a vector on the right stands
        size: Token = mine[0] if len(mine) == 2 or outer else 1
        factor = _turned(other, symbols, len(tokens) == 1 and outer)
    else:
        size = mine[-1] if len(mine) == 2 or outer else 1
        factor = (_bracket(other), latex_of(other, symbols))
        if len(tokens) == 1 and not outer:
            factor = _turned(other, symbols, False)
    identity = _identity(size)
    first = (step.position == 0) == (order == "C")
    return [_kron([identity, factor] if first else [factor, identity])]


def _turned(expr: Expr, symbols: Symbols, stands: bool) -> tuple[str, str]:
    """The transpose; of a vector that lies already, the vector."""
    if isinstance(expr, Transpose):
        return _bracket(expr.operand), latex_of(expr.operand, symbols)
    if stands:
        return _bracket(expr), latex_of(expr, symbols)
    return f"{_bracket(expr)}ᵀ", latex_of(Transpose(expr), symbols)


def _bracket(expr: Expr) -> str:
    return expr._inside(6)


def _identity(token: Token) -> tuple[str, str]:
    return ("", "") if token == 1 else (f"I_{token}", f"I_{{{token}}}")


def _kron(parts: Factors) -> tuple[str, str]:
    kept = [part for part in parts if part[0]]
    if not kept:
        return "1", "1"
    return " ⊗ ".join(t for t, _ in kept), r" \otimes ".join(t for _, t in kept)


def _diagonal(
    slope: Expr, symbols: Symbols, types: Mapping[str, Tokens], out: Tokens, order: Order
) -> Factors:
    """The slopes on a diagonal; a Kronecker product where they are the same along an axis."""
    if slope == Number(1):
        return []
    if isinstance(slope, Unary) and slope.operand == Number(1):
        return [MINUS]
    tokens = slope.infer(types)
    shown = latex_of(slope, symbols)
    if not any(t != 1 for t in tokens):
        return [(_bracket(slope), shown)]
    have = (1,) * (len(out) - len(tokens)) + tokens
    if have == out:
        inner = f"vec({slope})" if len(out) > 1 else str(slope)
        tex = rf"\operatorname{{vec}}({shown})" if len(out) > 1 else shown
        return [(f"diag({inner})", rf"\operatorname{{diag}}({tex})")]
    middle = (f"diag({slope})", rf"\operatorname{{diag}}({shown})")
    parts = [middle if own != 1 else _identity(token) for own, token in zip(have, out, strict=True)]
    return [_kron(parts if order == "C" else parts[::-1])]


def _copies(have: Tokens, want: Tokens, order: Order) -> Factors:
    """The matrix that copies an array along the axes that it lacks, axis by axis: I where it has the axis."""
    missing = (1,) * (len(want) - len(have)) + have
    parts: Factors = [
        _identity(own) if own == token else (f"1_{token}", rf"\mathbf 1_{{{token}}}")
        for token, own in zip(want, missing, strict=True)
    ]
    return [_merged(parts if order == "C" else parts[::-1], want)]


def _sums(expr: Reduce, have: Tokens, order: Order) -> Factors:
    gone = expr.positions(have)
    parts: Factors = []
    for place, token in enumerate(have):
        ones = ("", "") if token == 1 else (f"1_{token}ᵀ", rf"\mathbf 1_{{{token}}}^\top")
        parts.append(ones if place in gone else _identity(token))
    factor = _merged(parts if order == "C" else parts[::-1], have)
    if expr.function != "mean":
        return [factor]
    count = " ".join(str(have[k]) for k in gone)
    under = count if len(gone) < 2 else f"({count})"
    return [(f"1/{under}", rf"\frac{{1}}{{{count}}}"), factor]


def _merged(parts: Factors, tokens: Tokens) -> tuple[str, str]:
    """A Kronecker product; one of identities alone is an identity."""
    kept = [part for part in parts if part[0]]
    if kept and all(text.startswith("I_") for text, _ in kept):
        size = "".join(text[2:] for text, _ in kept)
        return f"I_{size}", f"I_{{{size}}}"
    return _kron(parts)


def _moves(step: Step, order: Order) -> Factors:
    expr = step.line.expr
    whole = "".join(str(t) for t in step.tokens if t != 1)
    same = [(f"I_{whole}", f"I_{{{whole}}}") if whole else ("1", "1")]
    if isinstance(expr, Spread):
        return _copies(step.tokens, step.line.tokens, order)
    if isinstance(expr, Index) and expr.picks:
        labels = [i for i in expr.items if not isinstance(i, str | Arange)] or list(expr.items)[1:]
        names = ", ".join(map(str, labels))
        return [(f"pick({names})", rf"\operatorname{{pick}}({names})")]
    if isinstance(expr, Transpose | Permute) and len([t for t in step.tokens if t != 1]) > 1:
        return [("K, which swaps rows and columns", "K")]
    if isinstance(expr, Reshape) and order == "F" and len(step.tokens) != len(step.line.tokens):
        return [("K, the entries row by row", "K")]
    return same


def _mixing(step: Step, symbols: Symbols) -> Factors:
    expr, y = step.line.expr, Name(step.line.target)
    if isinstance(expr, Reduce) and expr.function == "softmax":
        shown = latex_of(y, symbols)
        return [
            (
                f"diag({y}) - {y} {y}ᵀ, a block for each softmax",
                rf"\operatorname{{diag}}({shown}) - {shown}\,{shown}^\top",
            )
        ]
    return [("J, row by row", "J")]
