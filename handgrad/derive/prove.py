"""Every line of a derivation, compared by numbers and proved by SymPy; a line that fails is shown as failing.

A step is compared with the derivative of its own operation, under a random upstream, so that one wrong rule
fails in one line. A line of the whole is compared with the derivative of the whole forward pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad import numeric
from handgrad.axes import Tokens
from handgrad.derive.program import Line, Program
from handgrad.errors import HandgradError
from handgrad.expressions import Expr, Name
from handgrad.operations import Array

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation, Step

__all__ = ["Check", "Proof", "ProofLine", "prove"]

# relative to the sizes of the terms; a wrong rule is off by about 1, a right one by about 1e-15
TOLERANCE = 1e-9
OPEN = "·"  # stands for the one operand that varies


@dataclass(frozen=True)
class Check:
    """One verdict: ok is True, False, or None where it could not be had; why says what was done, or why not."""

    ok: bool | None
    why: str

    @property
    def mark(self) -> str:
        """✓, ✗ or –."""
        return {True: "✓", False: "✗", None: "–"}[self.ok]


@dataclass(frozen=True)
class ProofLine:
    """A line of the derivation and its two verdicts. kind: "step", "sum" of several uses, or "whole"."""

    kind: str
    name: str
    formula: str
    numeric: Check
    symbolic: Check

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the line, and the numbers speak for it."""
        return self.numeric.ok is True and self.symbolic.ok is not False

    def __str__(self) -> str:
        return f"numeric {self.numeric.mark} symbolic {self.symbolic.mark}"


@dataclass(frozen=True)
class Proof:
    """The verdicts of all lines. sizes: of the numeric comparison; small: of the symbolic proof, "" without one."""

    lines: tuple[ProofLine, ...]
    sizes: Mapping[str, int]
    small: str
    seed: int

    @property
    def ok(self) -> bool:
        """Whether every line is ok."""
        return all(line.ok for line in self.lines)

    @property
    def failing(self) -> tuple[ProofLine, ...]:
        """The lines that are not ok."""
        return tuple(line for line in self.lines if not line.ok)

    def of(self, kind: str, name: str) -> ProofLine | None:
        """The line of that kind and name, if there is one."""
        return next((line for line in self.lines if line.kind == kind and line.name == name), None)


def prove(derivation: Derivation, *, symbolic: bool = True, seed: int = 0, limit: float = 10.0) -> Proof:
    """Prove every line: see `Derivation.prove`. Raises FormulaError where no random input is finite."""
    from handgrad.derive.symbolic import Prover, unavailable

    program = derivation.program
    sizes = program.sizes()
    rng = np.random.default_rng(seed)
    with numeric.quiet():
        values = program.run(program.sample(rng, sizes), sizes)
        upstream = np.ones(()) if program.scalar else rng.standard_normal(np.shape(values[program.out]))
        known = {**values, derivation.upstream: upstream}
        why = "not asked for" if not symbolic else unavailable()
        prover = None if why else Prover(derivation, monotonic() + limit, limit)
        lines: list[ProofLine] = []
        for step in derivation.steps:
            by_numbers = _step(step, derivation.types, values, sizes, rng)
            by_symbols = prover.step(step) if prover else Check(None, why)
            lines.append(ProofLine("step", step.target, str(step), by_numbers, by_symbols))
        numbers = derivation.run_steps(values, upstream, sizes)
        for gradient in derivation.gradients:
            if len(gradient.parts) > 1:
                check = _whole(program, gradient.of, numbers[gradient.name], known, sizes, rng)
                summed = Check(
                    None if not prover else True, why or "the sum over all uses, each proved above"
                )
                lines.append(ProofLine("sum", gradient.name, str(gradient), check, summed))
        computed = derivation.simplified.run(known, sizes)
        for line in derivation.simplified.lines:
            check = _whole(program, line.of, computed[line.name], known, sizes, rng)
            by_symbols = prover.whole(line) if prover else Check(None, why)
            lines.append(ProofLine("whole", line.name, str(line), check, by_symbols))
    return Proof(tuple(lines), sizes, prover.at if prover else "", seed)


def _step(
    step: Step, types: Mapping[str, Tokens], values: Mapping[str, Array], sizes: Mapping[str, int], rng: Any
) -> Check:
    """Compare a step's formula with the derivative of its operation by that one operand."""
    line = step.line
    at = np.asarray(values[step.name], dtype=np.float64)
    dout = rng.standard_normal(np.shape(values[line.target]))
    opened, known = open_operand(line, step.position, step.tokens, types)

    def f(x: Any) -> Array:
        return np.asarray(_value(opened, {**values, OPEN: x}, sizes, known))

    claimed = _value(step.expr, {**values, step.upstream: dout}, sizes, types)
    return _compare(f, at, claimed, dout, rng)


def open_operand(
    line: Line, position: int, tokens: Tokens, types: Mapping[str, Tokens]
) -> tuple[Expr, dict[str, Tokens]]:
    """The line's operation as a function of one operand, also where the same array stands in it twice."""
    children = list(line.expr.children)
    if not children:  # another name for an array
        return Name(OPEN), {**types, OPEN: tokens}
    children[position] = Name(OPEN)
    return line.expr.rebuild(tuple(children)), {**types, OPEN: tokens}


def _whole(
    program: Program,
    of: str,
    claimed: Array,
    known: Mapping[str, Array],
    sizes: Mapping[str, int],
    rng: Any,
) -> Check:
    """Compare a gradient with the derivative of the whole forward pass by that value."""
    later = [line for line in program.lines if line.target != of]

    def f(x: Any) -> Array:
        env: dict[str, Any] = {**known, of: x}
        for line in later:
            env[line.target] = _value(line.expr, env, sizes, program.types)
        return np.asarray(env[program.out])

    return _compare(f, np.asarray(known[of], dtype=np.float64), claimed, known[f"d{program.out}"], rng)


def _value(
    expr: Expr, arrays: Mapping[str, Any], sizes: Mapping[str, int], types: Mapping[str, Tokens]
) -> Any:
    from handgrad.expressions import value

    return value(expr, arrays, sizes, types)


def _compare(f: Any, x: Array, claimed: Any, dout: Array, rng: Any) -> Check:
    """Compare <claimed, u> with the derivative of <dout, f> along two random directions u."""
    got = np.asarray(claimed)
    if got.shape != x.shape:
        return Check(False, f"the shape is {got.shape}, expected {x.shape}")
    if not np.isfinite(got).all():
        return Check(False, "the formula is not finite on random numbers")
    worst, method = 0.0, ""
    for _ in range(2):
        u = numeric.direction(x, rng)
        try:
            found = numeric.directional(f, x, u, dout)
        except HandgradError as error:
            return Check(None, str(error).splitlines()[0])
        terms = np.asarray(got * u)
        size = float(np.linalg.norm(terms)) + abs(float(found.value))
        gap = abs(float(terms.sum()) - float(found.value))
        allowed = TOLERANCE * size + 4 * float(found.error) + 1e-13
        worst, method = max(worst, gap / (size or 1.0)), found.method
        if not gap <= allowed:
            return Check(False, f"off by {worst:.1g} of its size, against the {method}")
    return Check(True, f"{method}, two random directions")
