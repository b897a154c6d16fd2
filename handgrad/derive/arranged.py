"""The route by shapes: at each step the arrangement of the factors that fits, and numbers where shapes do not decide.

Numbers decide two things that no shape shows: which of several arrangements is right, and the number in front.
They are asked once, on small random arrays, while the formula is looked for; the cost is that of the formula found.
Where nothing fits, as for the copies that undo a sum, the forward pass has the word, and the line says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from handgrad.axes import Tokens
from handgrad.derive.derivation import Derivation, Step
from handgrad.derive.pullbacks import pullback, substitute
from handgrad.derive.tidy import tidy
from handgrad.expressions import Binary, Expr, Name, Number, Unary
from handgrad.formula import parse
from handgrad.operations import Array

__all__ = ["Arranged", "arrange", "obstacle"]

_NUMBERS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Arranged:
    """What rule one gives for a step. expr: the formula. decided: by "shape", "numbers" or "forward pass"."""

    step: Step
    expr: Expr
    decided: str
    note: str


def obstacle(derivation: Derivation) -> str:
    """Why rule one does not apply to this derivation; "" if it does."""
    for name, tokens in derivation.types.items():
        if len(tokens) > 2:
            return f"rule one is for matrices, vectors and scalars, and {name} has {len(tokens)} axes"
    return ""


def arrange(derivation: Derivation) -> tuple[Arranged, ...]:
    """The arrangement for every step, in the order of the steps."""
    program = derivation.program
    sizes = program.sizes()
    rng = np.random.default_rng(1)
    # two draws: a number in front that belongs to the formula is the same in both
    draws = [program.run(program.sample(rng, sizes), sizes) for _ in range(2)]
    return tuple(_one(step, derivation, draws, sizes, rng) for step in derivation.steps)


def _one(
    step: Step,
    derivation: Derivation,
    draws: list[dict[str, Array]],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
) -> Arranged:
    choice, types = step.choice, derivation.types
    count = len(choice.fits)
    if not count:
        return Arranged(step, step.expr, "forward pass", f"nothing fits: {step.says}")
    parts = {name: _parsed(name) for name in choice.factors}
    shape = np.shape(draws[0][step.line.target])
    drawn = [{**values, step.upstream: rng.standard_normal(shape)} for values in draws]
    scalar = _scalar_slope(step, types)
    for fit in choice.fits:
        expr = substitute(fit.expr, parts)
        expr = expr if scalar is None else Binary("*", expr, scalar)
        fronts = [
            _front(expr.evaluate(known, sizes, types), step.expr.evaluate(known, sizes, types), sizes)
            for known in drawn
        ]
        front = fronts[0]
        if front is None or front != fronts[1]:
            continue
        whole = tidy(_times(front, expr))
        if front == Number(1) and count == 1:
            return Arranged(step, whole, "shape", "one fits: the shape decides")
        decide = "which" if front == Number(1) else "the number in front"
        decide = "which, and the number in front" if front != Number(1) and count > 1 else decide
        many = "one fits" if count == 1 else f"{count} fit"
        return Arranged(step, whole, "numbers", f"{many}: numbers decide {decide}")
    many = "one fits and is wrong" if count == 1 else f"{count} fit and none is right"
    return Arranged(step, step.expr, "forward pass", f"{many}: {step.says}")


def _scalar_slope(step: Step, types: Mapping[str, Tokens]) -> Expr | None:
    """A slope that is one number and depends on arrays: it has no shape to fit, and stands beside what fits."""
    if step.rule.kind != "entry":
        return None
    slope = pullback(step.line, step.position, types, Number(1))
    slope = None if slope is None else tidy(slope)
    if slope is None or slope.infer(types) or not any(name in types for name in slope.names):
        return None
    return slope


@lru_cache(maxsize=256)
def _parsed(text: str) -> Expr:
    return parse(text)


def _front(got: Array, truth: Array, sizes: Mapping[str, int]) -> Expr | None:
    """The number that makes `got` the truth: a small one, or one over a size; None if there is none."""
    square = float(np.sum(got * got))
    if got.shape != truth.shape or not square:
        return None
    factor = float(np.sum(got * truth)) / square
    if np.abs(factor * got - truth).max(initial=0.0) > 1e-9 * np.abs(truth).max(initial=0.0):
        return None
    for axis, size in {"": 1, **sizes}.items():
        for number in _NUMBERS:
            for value in (float(number), 1.0 / number):
                if abs(abs(factor) * size - value) <= 1e-9 * value:
                    exact: Expr = Number(number) if value >= 1 else Binary("/", Number(1), Number(number))
                    exact = Binary("/", exact, Name(axis)) if axis else exact
                    return exact if factor > 0 else Unary(exact)
    return None


def _times(front: Expr, expr: Expr) -> Expr:
    if front == Number(1):
        return expr
    if isinstance(front, Unary):
        return Unary(_times(front.operand, expr))
    if isinstance(front, Binary) and front.op == "/" and front.left == Number(1):
        return Binary("/", expr, front.right)
    return Binary("*", front, expr)
