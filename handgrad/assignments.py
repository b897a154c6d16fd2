"""Lines `target = formula`, one after another: their axes and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handgrad.axes import Tokens
from handgrad.expressions import Expr, Source, fault
from handgrad.operations import Array

__all__ = ["Assignment", "evaluate_program", "infer_program"]


@dataclass(frozen=True)
class Assignment:
    """One line of a program: `target = expr`."""

    target: str
    expr: Expr
    source: Source | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.target} = {self.expr}"


def infer_program(program: Sequence[Assignment], types: Mapping[str, Tokens]) -> dict[str, Tokens]:
    """The axes of every array, those given and those assigned. Raises FormulaError."""
    known = dict(types)
    for line in program:
        if line.target in known:
            raise fault(line.source, f"{line.target} is assigned, and given as an input too")
        known[line.target] = line.expr.infer(known)
    return known


def evaluate_program(
    program: Sequence[Assignment],
    arrays: Mapping[str, Any],
    sizes: Mapping[str, Any] | None = None,
    types: Mapping[str, Tokens] | None = None,
) -> dict[str, Array]:
    """The value of every target, in order; arguments as in `Expr.evaluate`. Raises FormulaError."""
    known = infer_program(program, types) if types is not None else None
    values: dict[str, Array] = {}
    for line in program:
        values[line.target] = line.expr.evaluate({**arrays, **values}, sizes, known)
    return values
