"""The entries of an expression as SymPy's expressions, on arrays of symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad.axes import Tokens
from handgrad.derive.pullbacks import substitute
from handgrad.derive.rules import RULES
from handgrad.errors import FormulaError
from handgrad.expressions import Binary, Call, Expr, Name, Number, Reduce, Unary, value
from handgrad.formula import OPERATIONS, parse
from handgrad.placement import Arange, OneHot

__all__ = ["Evaluator", "each", "meaning_of"]


def each(f: Callable[[Any], Any], array: Any) -> Any:
    """f of every entry, as an array of objects."""
    out = np.empty(np.shape(array), dtype=object)
    for place in np.ndindex(*out.shape):
        out[place] = f(array[place])
    return out


class Evaluator:
    """The value of an expression on arrays of symbols; numbers decide the cases."""

    def __init__(
        self,
        env: Mapping[str, Any],
        numbers: Mapping[str, Any],
        sizes: Mapping[str, int],
        types: Mapping[str, Tokens],
    ) -> None:
        self.env, self.numbers, self.sizes, self.types = env, numbers, sizes, types

    def of(self, expr: Expr) -> Any:
        """The array of the expression's entries, as SymPy's expressions."""
        return np.asarray(self._of(expr), dtype=object)

    def _of(self, expr: Expr) -> Any:
        import sympy

        if isinstance(expr, Name):
            if expr.id in self.env:
                return self.env[expr.id]
            return np.asarray(sympy.Integer(self.sizes[expr.id]), dtype=object)
        if isinstance(expr, Number):
            return np.asarray(sympy.Rational(str(expr.value)), dtype=object)
        if isinstance(expr, OneHot | Arange) or (
            isinstance(expr, Binary) and OPERATIONS[expr.op].kind == "compare"
        ):
            return self._integers(value(expr, self.numbers, self.sizes, self.types))
        if isinstance(expr, Call | Reduce):
            return self._function(expr)
        of = [np.asarray(self._of(child)) for child in expr.children]
        if isinstance(expr, Unary):
            return -of[0]
        if isinstance(expr, Binary):
            return _INFIX[expr.op](*of)
        return expr._numbers(self.types, of)

    def _integers(self, numbers: Any) -> Any:
        import sympy

        return each(lambda n: sympy.Integer(int(n)), np.asarray(numbers))

    def _function(self, expr: Call | Reduce) -> Any:
        import sympy

        name = expr.function
        rule = RULES[name]
        if rule.meaning:
            return self._of(meaning_of(expr, self.types))
        if isinstance(expr, Reduce):
            a = np.asarray(self._of(expr.operand), dtype=object)
            axes = expr.positions(expr.operand.infer(self.types))
            if name == "max":
                numbers = np.asarray(value(expr.operand, self.numbers, self.sizes, self.types))
                top = numbers >= np.max(numbers, axis=axes, keepdims=True)
                a = a * self._integers(top)
            total = np.sum(a, axis=axes, keepdims=expr.keepdims)
            count = sympy.Integer(int(np.prod([a.shape[i] for i in axes], dtype=int)))
            return total / count if name == "mean" else total
        of = [np.asarray(self._of(child), dtype=object) for child in expr.arguments]
        if name == "outer":
            return np.multiply.outer(of[0], of[1])
        return each(getattr(sympy, name), of[0])


_INFIX: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power, "@": np.matmul,
}  # fmt: skip


def meaning_of(expr: Call | Reduce, types: Mapping[str, Tokens]) -> Expr:
    """What an operation computes, in simpler operations. Raises FormulaError where the table does not say."""
    text = RULES[expr.function].meaning
    if not text:
        raise FormulaError(f"{expr.function} has no simpler meaning")
    names = dict(zip("ab", expr.children, strict=False))
    if not isinstance(expr, Reduce):
        return substitute(parse(text), names)
    axes = expr.positions(expr.operand.infer(types))
    whole = substitute(parse(text), names, axes)
    if isinstance(whole, Reduce) and expr.keepdims:
        whole = Reduce(whole.function, whole.operand, whole.axes, True)
    elif isinstance(whole, Call) and expr.keepdims and isinstance(whole.arguments[0], Reduce):
        inner = whole.arguments[0]
        whole = Call(whole.function, (Reduce(inner.function, inner.operand, inner.axes, True),))
    return whole
