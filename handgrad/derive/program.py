"""A forward pass as text, and the same pass with one operation a line (rule two).

    X: N D;  W: D C;  b: C          declarations: the axes of every array that is given
    S = X @ W + b                   assignments, one name each
    L = sum(S**2)

`y: N int` declares labels, `lam:` a number. The last line is the loss if it is a scalar; else its upstream
gradient (`dS`, of its shape) is taken as given, and may be declared: `dS: N C`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import dedent
from typing import Any

import numpy as np

from handgrad.axes import REST, Token, Tokens, letters, shape_of
from handgrad.errors import FormulaError, HandgradError, SpecError, layout
from handgrad.expressions import Binary, Expr, Name, Number, Source, fault, value
from handgrad.formula import OPERATIONS, Assignment, parse_program
from handgrad.operations import Array
from handgrad.placement import Arange, Index, OneHot, Reshape, Spread, axis_of
from handgrad.shapes import parse as parse_spec

__all__ = ["MOST_LINES", "MOST_OPERATIONS", "Line", "Program", "read"]

LONGEST = 10_000
MOST_LINES = 60
MOST_OPERATIONS = 120
LABEL = "int"

# Different, coprime, and none of them a constant that a formula is likely to hold.
PRIMES = (7, 5, 3, 11, 13, 17, 19, 23)

_DECLARATION = re.compile(r"\s*[^\W\d]\w*\s*:")


@dataclass(frozen=True)
class Line:
    """One operation: `target = expr`, where every operand of expr is a name or a constant.

    tokens: the axes of the result. own: whether the name is the writer's, or ours for a part of their line.
    whole: what the writer wrote for this value.
    """

    target: str
    expr: Expr
    tokens: Tokens
    own: bool
    whole: Expr

    def __str__(self) -> str:
        return f"{self.target} = {self.expr}"

    @property
    def operands(self) -> tuple[Expr, ...]:
        """The children of the operation that may be differentiated, in order: names and constants."""
        children = self.expr.children
        if isinstance(self.expr, Name):  # another name for an array
            return (self.expr,)
        return children[:1] if isinstance(self.expr, Index | Reshape | Spread) else children


@dataclass(frozen=True)
class Program:
    """A forward pass that has been read.

    inputs: the axes of what is given, without labels. labels: the axes of the labels. written: the writer's
    lines. lines: one operation a line. given: inputs and labels in
    the order declared. merged: the axes that a reshape made, with those that they hold.
    """

    text: str
    inputs: Mapping[str, Tokens]
    labels: Mapping[str, Tokens]
    written: tuple[Assignment, ...]
    lines: tuple[Line, ...]
    given: tuple[str, ...] = ()
    merged: Mapping[str, Tokens] = field(default_factory=dict)

    @property
    def out(self) -> str:
        """The name of the last line's result."""
        return self.lines[-1].target

    @property
    def scalar(self) -> bool:
        """Whether the result is the loss, with upstream gradient 1."""
        return self.lines[-1].tokens == ()

    @cached_property
    def types(self) -> dict[str, Tokens]:
        """The axes of every value: inputs, labels and results."""
        return {**self.inputs, **self.labels, **{line.target: line.tokens for line in self.lines}}

    @cached_property
    def by_name(self) -> dict[str, Line]:
        """The line that computes a value."""
        return {line.target: line for line in self.lines}

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The named axes, in order of appearance."""
        every = [t for tokens in self.types.values() for t in tokens if isinstance(t, str)]
        every += [t for tokens in self.merged.values() for t in tokens if isinstance(t, str)]
        return tuple(dict.fromkeys(every))

    @cached_property
    def reach(self) -> frozenset[str]:
        """The names whose gradient is wanted: the result depends on them, and they on some input."""
        moved = set(self.inputs)
        for line in self.lines:
            compares = isinstance(line.expr, Binary) and OPERATIONS[line.expr.op].kind == "compare"
            if not compares and moved & {c.id for c in line.operands if isinstance(c, Name)}:
                moved.add(line.target)
        wanted = {self.out}
        for line in reversed(self.lines):
            if line.target in wanted and line.target in moved:
                wanted |= {c.id for c in line.operands if isinstance(c, Name)}
        return frozenset(wanted & moved)

    def sizes(self, choice: tuple[int, ...] = PRIMES) -> dict[str, int]:
        """A size for every axis, of those offered in turn; a merged axis has the product of its parts."""
        free = [axis for axis in self.axes if axis not in self.merged]
        found = dict(zip(free, choice, strict=False))
        if len(found) < len(free):
            raise FormulaError(layout("derive", f"{len(free)} axes, at most {len(choice)} are handled"))
        for axis in self.merged:
            found[axis] = self._product(axis, found)
        return {axis: found[axis] for axis in self.axes}

    def _product(self, axis: str, found: Mapping[str, int]) -> int:
        parts = self.merged.get(axis, (axis,))
        sizes = [
            p if isinstance(p, int) else found[p] if p == axis else self._product(p, found) for p in parts
        ]
        return int(np.prod(sizes, dtype=int))

    def label_range(self, name: str) -> tuple[Token, ...]:
        """The axes that the labels count: those along which they pick."""
        found: list[Token] = []
        for line in self.lines:
            for node in line.expr.walk():
                if isinstance(node, Index) and node.picks:
                    axes = self.types[str(node.operand)]
                    found += [t for item, t in zip(node.items, axes, strict=True) if item == Name(name)]
                if isinstance(node, OneHot) and node.labels == Name(name):
                    found.append(axis_of(node.count))
        return tuple(dict.fromkeys(found)) or (1,)

    def sample(self, rng: np.random.Generator, sizes: Mapping[str, int]) -> dict[str, Array]:
        """Random inputs at which every value is finite, and random labels. Raises FormulaError if none is found."""
        trouble = ""
        for attempt in range(8):
            drawn: dict[str, Array] = {}
            for name, tokens in self.inputs.items():
                drawn[name] = rng.standard_normal(shape_of(tokens, sizes))
                if attempt % 2:  # a logarithm or a root wants positive numbers
                    drawn[name] = 0.5 + np.abs(drawn[name])
                if attempt >= 4:  # and so may a difference from 1
                    drawn[name] = 0.4 * drawn[name] / (1 + np.abs(drawn[name]))
            for name, tokens in self.labels.items():
                count = min(shape_of(self.label_range(name), sizes))
                drawn[name] = rng.integers(0, count, shape_of(tokens, sizes))
            values = self.run(drawn, sizes)
            bad = [name for name, a in values.items() if not np.isfinite(a).all()]
            if not bad:
                return drawn
            trouble = bad[0]
        what = f"{trouble} is not finite on random inputs, so no line can be checked by numbers"
        raise FormulaError(
            layout("derive", what, step="keep logarithms and roots away from negative numbers")
        )

    def run(self, inputs: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Array]:
        """Every value, in order: inputs, labels, results."""
        values: dict[str, Any] = dict(inputs)
        with np.errstate(all="ignore"):
            for line in self.lines:
                values[line.target] = np.asarray(value(line.expr, values, sizes, self.types))
        return values


def read(text: str) -> Program:
    """Read a forward pass. Raises FormulaError or SpecError, with the spot underlined, for what cannot be read."""
    if not isinstance(text, str):
        raise FormulaError(layout("derive", f"a program is text, got {type(text).__name__}"))
    if len(text) > LONGEST:
        raise FormulaError(layout("derive", f"{len(text)} characters, at most {LONGEST} are read"))
    rows = dedent(text.expandtabs().strip("\n")).split("\n")
    declared: dict[str, tuple[Tokens, Source]] = {}
    for number, row in enumerate(rows, start=1):
        bare = row.split("#")[0]
        if _DECLARATION.match(bare):
            _declare(bare, number, declared)
            rows[number - 1] = "#"  # a comment keeps the numbers of the lines that follow
    if not any(row.split("#")[0].strip() for row in rows):
        step = "after the declarations write one a line: S = X @ W + b"
        raise FormulaError(layout("derive", "expected an assignment, got none", step=step))
    if not declared:
        step = "write the axes of every given array first: X: N D;  W: D C"
        raise FormulaError(layout("derive", "no array is declared", step=step))
    # a blank first line would be cut off, and the numbers of the lines with it
    written = parse_program("\n".join(row if row.strip() else "#" for row in rows))
    if len(written) > MOST_LINES:
        raise FormulaError(layout("derive", f"{len(written)} lines, at most {MOST_LINES} are read"))
    return _Flattener(text, declared, written).program()


def _declare(row: str, number: int, declared: dict[str, tuple[Tokens, Source]]) -> None:
    try:
        spec = parse_spec(row.strip().rstrip(";,"))
    except SpecError as error:
        raise SpecError(f"line {number}, {error}") from None
    for name, tokens in {**spec.inputs, **spec.outputs}.items():
        start = max(0, row.find(name))
        source = Source(row, number, start, start + len(name))
        if name in declared:
            raise fault(source, f"{name} is declared twice")
        if name in OPERATIONS:
            raise fault(source, f"{name} is a function", step="give the array another name")
        if REST in tokens:
            step = "merge the axes first, reshape(x, (N, D)), or name each"
            raise fault(source, "the unnamed rest ... cannot be derived through", step=step)
        declared[name] = (tokens, source)


class _Flattener:
    """From the writer's lines to one operation a line."""

    def __init__(
        self, text: str, declared: Mapping[str, tuple[Tokens, Source]], written: list[Assignment]
    ) -> None:
        self.text, self.written = text, written
        self.upstream = f"d{written[-1].target}"
        self.declared = {name: found for name, found in declared.items() if name != self.upstream}
        self.given = declared.get(self.upstream)
        self.taken = {*declared, *(line.target for line in written), self.upstream}
        self.labels = {n: t[:-1] for n, (t, _) in self.declared.items() if t[-1:] == (LABEL,)}
        self.inputs = {n: t for n, (t, _) in self.declared.items() if n not in self.labels}
        self.types: dict[str, Tokens] = {**self.inputs, **self.labels}
        self.lines: list[Line] = []
        self.merged: dict[str, Tokens] = {}
        self.target = ""

    def program(self) -> Program:
        self._names()
        for line in self.written:
            if line.target in self.declared:
                raise fault(line.source, f"{line.target} is assigned, and given as an input too")
            self.target = line.target
            self._labels(line.expr)
            line.expr.infer(self.types)  # the message then shows the writer's line, not ours
            self._merges(line.expr)
            self._emit(line.target, self._operation(line.expr), True, line.expr)
        last = self.lines[-1]
        if self.given is not None and self.given[0] != last.tokens:
            what = f"{self.upstream} is {letters(self.given[0])}, and {last.target} is {letters(last.tokens)}"
            raise fault(self.given[1], what, step="an upstream gradient has its variable's shape")
        program = Program(
            self.text,
            self.inputs,
            self.labels,
            tuple(self.written),
            tuple(self.lines),
            tuple(self.declared),
            self.merged,
        )
        if not set(self.inputs) & program.reach:
            what = f"{last.target} does not depend on any input in a way that can be differentiated"
            raise fault(self.written[-1].source, what)
        return program

    def _names(self) -> None:
        axes = {t: source for tokens, source in self.declared.values() for t in tokens if isinstance(t, str)}
        for name, (tokens, source) in self.declared.items():
            if name in axes:
                raise fault(source, f"{name} is an array and an axis", step="give one of them another name")
            if name in self.labels and len(tokens) != 2:
                raise fault(source, f"labels have one axis, and {name} has {len(tokens) - 1}")
            if LABEL in tokens[:-1]:
                raise fault(source, f"{LABEL} stands last: y: N {LABEL}")
        for line in self.written:
            for name in (line.target, f"d{line.target}"):
                if name in axes or (name != line.target and name in {*self.inputs, *self.labels}):
                    what = (
                        f"{name} is an axis"
                        if name in axes
                        else f"{name} is an input, and {line.target}'s gradient"
                    )
                    raise fault(line.source, what, step=f"give {line.target} another name")

    def _labels(self, expr: Expr) -> None:
        """Refuse labels used as numbers, and numbers used as labels."""
        for node in expr.walk():
            if isinstance(node, Index):
                for item in node.items:
                    if isinstance(item, Name) and item.id not in self.labels:
                        step = f"declare labels as {item}: N {LABEL}"
                        raise fault(
                            item.source, f"{item} is used as labels, and is not declared so", step=step
                        )
                continue
            if isinstance(node, OneHot):
                if not (isinstance(node.labels, Arange) or str(node.labels) in self.labels):
                    raise fault(node.source, f"{node.labels} is used as labels, and is not declared so")
                continue
            for child in node.children or (node,):
                if isinstance(child, Name) and child.id in self.labels and (node.children or node is expr):
                    step = "labels pick entries: S[arange(N), y], or onehot(y, C)"
                    raise fault(child.source, f"{child} are labels, and are used as numbers", step=step)

    def _merges(self, expr: Expr) -> None:
        """Note the axes that a reshape merges or splits."""
        known = {t for tokens in self.types.values() for t in tokens} | set(self.merged)
        for node in expr.walk():
            if isinstance(node, Reshape):
                self._merge(node, known)

    def _merge(self, node: Reshape, known: set[Token]) -> None:
        old, new = node.moved(node.operand.infer(self.types))
        if not old:
            return
        one, many = (old, new) if len(old) == 1 else (new, old)
        name = one[0]
        if self.merged.get(str(name), many) != many or isinstance(name, int):
            what = f"{name} cannot hold {' times '.join(map(str, many))}"
            raise fault(node.source, what, step="give the merged axis a name of its own")
        if name in many or any(self._holds(part, name) for part in many):
            raise fault(node.source, f"{name} would hold itself")
        missing = [part for part in many if isinstance(part, str) and part not in known]
        if missing:
            step = "an axis gets its size from a declared array"
            raise fault(node.source, f"no array or axis {missing[0]!r}", step=step)
        self.merged[str(name)] = many

    def _holds(self, part: Token, name: Token) -> bool:
        return any(p == name or self._holds(p, name) for p in self.merged.get(str(part), ()))

    def _operation(self, expr: Expr) -> Expr:
        """The expression with each operand flattened to a name or left as a constant."""
        fixed = expr.children[1:] if isinstance(expr, Index | Reshape | Spread) else ()
        if isinstance(expr, OneHot | Arange):
            return expr
        operands = expr.children[: len(expr.children) - len(fixed)]
        return expr.rebuild((*map(self._operand, operands), *fixed))

    def _operand(self, expr: Expr) -> Expr:
        if isinstance(expr, Name | Number) or self._constant(expr):
            return expr
        operation = self._operation(expr)
        target = self._fresh()
        self._emit(target, operation, False, expr)
        return Name(target)

    def _constant(self, expr: Expr) -> bool:
        return all(name not in self.types for name in expr.names)

    def _fresh(self) -> str:
        for number in range(1, MOST_OPERATIONS + len(self.taken) + 2):
            name = f"{self.target}_{number}"
            if name not in self.taken:
                self.taken |= {name, f"d{name}"}
                return name
        raise HandgradError("derive: no name is free")

    def _emit(self, target: str, expr: Expr, own: bool, whole: Expr) -> None:
        if len(self.lines) >= MOST_OPERATIONS:
            raise fault(whole.source, f"more than {MOST_OPERATIONS} operations")
        tokens = expr.infer(self.types)
        self.types[target] = tokens
        self.lines.append(Line(target, expr, tokens, own, whole))
