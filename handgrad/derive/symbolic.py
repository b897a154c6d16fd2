"""Exact proofs by SymPy, element by element, at small sizes.

A step is proved against the derivative that SymPy takes of its operation. A line of the whole is proved equal to
the steps it is made of, with as many values as possible left free: batch normalisation's dx needs to know that
xhat = xc / std and xc = x - mean(x), and holds for any std at all.

Where an operation has cases (relu, max, a comparison) the proof is for the case in which random numbers fall.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.axes import Tokens, shape_of
from handgrad.derive.entries import Evaluator, each
from handgrad.derive.prove import OPEN, Check, open_operand
from handgrad.derive.pullbacks import substitute
from handgrad.errors import HandgradError
from handgrad.expressions import Expr, Name, Number, value
from handgrad.operations import Array

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation, Step
    from handgrad.derive.simplify import WholeLine

__all__ = ["Prover", "unavailable"]

MOST_OPERATIONS = 4000  # of one entry, before expansion
MOST_ENTRIES = 400
_OFFERED = (2, 3, 4, 5, 7, 6, 8, 9, 11)


class _Late(Exception):  # noqa: N818 - a signal inside this module, never shown
    """The time is over, or an entry too long; its text says which."""


def unavailable() -> str:
    """Why there can be no symbolic proof; "" where there can."""
    try:
        import sympy  # noqa: F401
    except ImportError:
        return "SymPy is not installed; it comes with pip install 'handgrad[book]'"
    return ""


class Prover:
    """Proves the lines of one derivation at one choice of small sizes."""

    def __init__(self, derivation: Derivation, deadline: float, limit: float) -> None:
        self.derivation, self.deadline = derivation, deadline
        self.late = f"the time limit of {limit:g} s was reached"
        self.program = derivation.program
        self.types = derivation.types
        self.sizes, self.trouble = self._sizes()
        self.values: dict[str, Array] = {}
        if not self.trouble:
            rng = np.random.default_rng(1)
            try:
                self.values = self.program.run(self.program.sample(rng, self.sizes), self.sizes)
            except HandgradError as error:
                self.trouble = str(error).splitlines()[0]
        self.at = ", ".join(f"{axis} = {size}" for axis, size in self.sizes.items())
        for name in self.program.labels:
            if name in self.values:
                self.at += f", {name} = {np.asarray(self.values[name]).tolist()}"

    def _sizes(self) -> tuple[dict[str, int], str]:
        """Small sizes, different from each other and from every constant in the formulas."""
        exprs = [line.expr for line in self.program.lines] + [s.expr for s in self.derivation.steps]
        exprs += [line.expr for line in self.derivation.simplified.lines]
        constants = {n.value for e in exprs for n in e.walk() if isinstance(n, Number)}
        offered = tuple(n for n in _OFFERED if n not in constants)
        free = len([axis for axis in self.program.axes if axis not in self.program.merged])
        for choice in combinations(offered, free):
            sizes = self.program.sizes(choice)
            if len(set(sizes.values())) == len(sizes) and not set(sizes.values()) & constants:
                return sizes, ""
        return {}, "no small sizes are different from each other and from the constants"

    # ------------------------------------------------------------ lines

    def step(self, step: Step) -> Check:
        """Prove a step against SymPy's derivative of its operation."""
        return self._guarded(lambda: self._step(step))

    def whole(self, line: WholeLine) -> Check:
        """Prove a line of the whole equal to the composition of the steps."""
        return self._guarded(lambda: self._whole(line))

    def _guarded(self, proof: Callable[[], Check]) -> Check:
        if self.trouble:
            return Check(None, self.trouble)
        try:
            with self._alarm():
                return proof()
        except _Late as late:
            return Check(None, str(late))
        except (
            HandgradError,
            TypeError,
            ValueError,
            ArithmeticError,
            RecursionError,
            NotImplementedError,
        ) as error:
            return Check(None, f"SymPy could not do it ({type(error).__name__})")

    @contextmanager
    def _alarm(self) -> Iterator[None]:
        """Stop SymPy at the time limit, even inside one simplification, where the system has such a clock."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise _Late(self.late)
        main = threading.current_thread() is threading.main_thread()
        if not (main and hasattr(signal, "setitimer")) or signal.getitimer(signal.ITIMER_REAL)[0]:
            yield
            return

        def stop(*_: object) -> None:
            raise _Late(self.late)

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, left)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _step(self, step: Step) -> Check:
        import sympy

        line = step.line
        if [str(o) for o in line.operands].count(step.name) > 1:
            return self._doubled(step)
        opened, types = open_operand(line, step.position, step.tokens, self.types)
        numbers: dict[str, Any] = {**self.values, OPEN: self.values[step.name]}
        env: dict[str, Any] = {OPEN: self._symbols(OPEN, step.tokens, numbers[OPEN])}
        for name in {*opened.names} - {OPEN}:
            env[name] = self._given(name, numbers)
        y = Evaluator(env, numbers, self.sizes, types).of(opened)
        upstream = self._symbols(f"{OPEN}g", line.tokens, None)
        total = sum((g * e for g, e in zip(upstream.flat, y.flat, strict=True)), sympy.Integer(0))
        if total.is_polynomial():
            total = sympy.expand(total)
        closed = {**env, step.name: env[OPEN], line.target: y, step.upstream: upstream}
        numbers[step.upstream] = np.ones(np.shape(self.values[line.target]))
        claimed = Evaluator(closed, numbers, self.sizes, types).of(step.expr)
        if claimed.shape != env[OPEN].shape:
            return Check(False, f"the shape is {claimed.shape}, expected {env[OPEN].shape}")
        pairs = ((sympy.diff(total, x), c) for x, c in zip(env[OPEN].flat, claimed.flat, strict=True))
        return self._all_zero((d - c for d, c in pairs), claimed.size)

    def _doubled(self, step: Step) -> Check:
        """A step of an operation on the same array twice, such as A * A: its two operands vary on their own."""
        import sympy

        line = step.line
        children = list(line.expr.children)
        first, second = Name("·1"), Name("·2")
        children[0], children[1] = first, second
        pair = {"·1": step.tokens, "·2": step.tokens}
        env = {name: self._symbols(f"x{name}", step.tokens, self.values[step.name]) for name in pair}
        known = {**self.values, "·1": self.values[step.name], "·2": self.values[step.name]}
        y = Evaluator(env, known, self.sizes, {**self.types, **pair}).of(line.expr.rebuild(tuple(children)))
        upstream = self._symbols(f"{OPEN}g", line.tokens, None)
        total = sum((g * e for g, e in zip(upstream.flat, y.flat, strict=True)), sympy.Integer(0))
        here = env["·1" if step.position == 0 else "·2"]
        there = env["·2" if step.position == 0 else "·1"]
        same = dict(zip(there.flat, here.flat, strict=True))
        closed = {step.name: here, step.upstream: upstream}
        closed[line.target] = each(lambda e: e.subs(same), y)
        known[step.upstream] = np.ones(np.shape(self.values[line.target]))
        claimed = Evaluator(closed, known, self.sizes, self.types).of(step.expr)
        pairs = ((sympy.diff(total, x).subs(same), c) for x, c in zip(here.flat, claimed.flat, strict=True))
        return self._all_zero((d - c for d, c in pairs), claimed.size)

    def _whole(self, line: WholeLine) -> Check:
        kept = {other.name for other in self.derivation.simplified.lines} - {line.name}
        composed = self._composition(line.name, kept)
        looked = self._looked_into(line, composed)
        if looked is None:
            return Check(False, "it is not what the steps give")
        numbers = self._free(looked, np.random.default_rng(2))
        env: dict[str, Any] = {}
        for other in self.program.lines:
            if other.target in looked:
                self._supply(other.expr, env, numbers)
                env[other.target] = Evaluator(env, numbers, self.sizes, self.types).of(other.expr)
        for expr in (line.expr, composed):
            self._supply(expr, env, numbers)
        evaluate = Evaluator(env, numbers, self.sizes, self.types)
        left, right = evaluate.of(line.expr), evaluate.of(composed)
        shape = np.broadcast_shapes(left.shape, right.shape)
        pairs = zip(np.broadcast_to(left, shape).flat, np.broadcast_to(right, shape).flat, strict=True)
        return self._all_zero((a - b for a, b in pairs), int(np.prod(shape, dtype=int)))

    def _supply(self, expr: Expr, env: dict[str, Any], numbers: Mapping[str, Any]) -> None:
        for name in expr.names:
            if name not in env:
                env[name] = self._given(name, numbers)

    def _composition(self, name: str, kept: set[str]) -> Expr:
        """A gradient as the steps compose it, from the gradients that have a line of their own."""
        whole: dict[str, Expr] = {}
        for gradient in self.derivation.gradients:
            expr = substitute(gradient.expr, {part.target: part.expr for part in gradient.parts})
            expr = substitute(expr, whole)
            if gradient.name == name:
                return expr
            if gradient.name not in kept:
                whole[gradient.name] = expr
            if sum(1 for _ in expr.walk()) > 20_000:
                raise _Late("the composition of the steps is too long")
        raise _Late("there is no such gradient")

    def _looked_into(self, line: WholeLine, composed: Expr) -> set[str] | None:
        """The fewest values whose definitions the equality needs, found by numbers; None if it is false."""
        looked: set[str] = set()

        def equal() -> bool:
            rng = np.random.default_rng(3)
            for _ in range(2):
                arrays = self._free(looked, rng)
                a = np.asarray(value(line.expr, arrays, self.sizes, self.types))
                b = np.asarray(value(composed, arrays, self.sizes, self.types))
                size = np.max(np.abs(b), initial=0.0) + np.max(np.abs(a), initial=0.0)
                if not (np.isfinite(size) and np.all(np.abs(a - b) <= 1e-8 * size + 1e-12)):
                    return False
            return True

        names = [other.target for other in reversed(self.program.lines)]
        for name in ["", *names]:
            if name:
                looked.add(name)
            if equal():
                break
        else:
            return None
        for name in [n for n in names if n in looked]:
            looked.discard(name)
            if not equal():
                looked.add(name)
        return looked

    def _free(self, looked: set[str], rng: np.random.Generator) -> dict[str, Any]:
        """Numbers for every value: free ones at random, those looked into by their definitions."""
        arrays: dict[str, Any] = {}
        for name, tokens in self.types.items():
            if name in self.program.labels:
                arrays[name] = self.values[name]
            elif name not in looked:
                arrays[name] = rng.uniform(0.5, 1.5, shape_of(tokens, self.sizes))
        if self.program.scalar:
            arrays[self.derivation.upstream] = np.ones(())
        for line in self.program.lines:
            if line.target in looked:
                arrays[line.target] = np.asarray(value(line.expr, arrays, self.sizes, self.types))
        return arrays

    # ------------------------------------------------------------ symbols

    def _given(self, name: str, numbers: Mapping[str, Any]) -> Any:
        import sympy

        if name in self.program.labels:
            return self.values[name]
        if name not in self.types:
            return np.asarray(sympy.Integer(self.sizes[name]), dtype=object)
        if name == self.derivation.upstream and self.program.scalar:
            return np.asarray(sympy.Integer(1), dtype=object)
        return self._symbols(name, self.types[name], numbers.get(name))

    def _symbols(self, name: str, tokens: Tokens, numbers: Any) -> Any:
        """An array of symbols; positive ones where the numbers are, so that powers and logarithms are real."""
        import sympy

        shape = shape_of(tokens, self.sizes)
        if int(np.prod(shape, dtype=int)) > MOST_ENTRIES:
            raise _Late(f"{name} has more than {MOST_ENTRIES} entries")
        positive = numbers is not None and bool(np.all(np.asarray(numbers) > 0))
        out = np.empty(shape, dtype=object)
        for place in np.ndindex(*shape):
            label = f"{name}_{'_'.join(map(str, place))}"
            out[place] = sympy.Symbol(label, positive=True) if positive else sympy.Symbol(label, real=True)
        return out

    def _all_zero(self, entries: Iterator[Any], count: int) -> Check:
        """Prove every entry to be zero, within the time."""
        for done, entry in enumerate(entries):
            if monotonic() > self.deadline:
                raise _Late(self.late)
            zero = _is_zero(entry)
            if zero is False:
                return Check(False, f"entry {done + 1} of {count} differs, at {self.at}")
            if zero is None:
                return Check(None, f"SymPy cannot decide entry {done + 1} of {count}")
        return Check(
            True,
            f"exact, {count} {'entry' if count == 1 else 'entries'}" + (f" at {self.at}" if self.at else ""),
        )


def _is_zero(entry: Any) -> bool | None:
    """Whether an expression is zero: exactly; False only where numbers show that it is not."""
    import sympy

    entry = sympy.sympify(entry)
    if entry == 0:
        return True
    if entry.count_ops() > MOST_OPERATIONS:
        raise _Late(f"an entry has more than {MOST_OPERATIONS} operations")
    where = {
        s: sympy.Rational(37 + 11 * k % 83, 60 + 7 * k % 29)
        for k, s in enumerate(sorted(entry.free_symbols, key=str))
    }
    number = entry.subs(where).evalf(30)
    if number.is_number and abs(number) > sympy.Float("1e-15"):
        return False
    for shorten in (
        sympy.expand,
        lambda e: sympy.expand(sympy.fraction(sympy.together(e))[0]),
        sympy.simplify,
    ):
        if shorten(entry) == 0:
            return True
    return None
