"""The nodes of a formula: what shape each has, by names, and its value on arrays.

Nodes are small and frozen, and equal if they say the same, wherever they stood in the text.
`handgrad.formula` reads them; nodes made by hand have no source, and messages then show the formula alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.axes import REST, Token, Tokens, broadcast, letters, product
from handgrad.errors import FormulaError, ShapeError, layout, nearest
from handgrad.operations import OPERATIONS, Array

__all__ = [
    "Binary",
    "Call",
    "Expr",
    "Name",
    "Number",
    "Reduce",
    "Source",
    "Transpose",
    "Unary",
    "fault",
    "short",
    "value",
]

Types = Mapping[str, Tokens]
_ATOM = 6


@dataclass(frozen=True)
class Source:
    """Where a node stands: its line of text, the line's number from 1, and the columns from 0 to the end."""

    text: str
    line: int
    start: int
    end: int

    def underline(self) -> list[str]:
        """The line, cut to what a terminal shows, and carets under the node."""
        cut = max(0, self.start - 40) if len(self.text) > 100 else 0
        shown = "".join(c if c.isprintable() else " " for c in self.text[cut : cut + 100])
        width = max(1, min(self.end, cut + 100) - self.start)
        return [shown, " " * (self.start - cut) + "^" * width]


def fault(
    source: Source | None, what: str, *details: str, cause: str | None = None, step: str | None = None
) -> FormulaError:
    """An error about a spot in the text; the caller raises it."""
    if source is None:
        return FormulaError(layout("formula", what, details, cause, step))
    where = f"formula, line {source.line}, column {source.start + 1}"
    return FormulaError(layout(where, what, [*source.underline(), *details], cause, step))


@dataclass(frozen=True)
class Expr:
    """A formula. The base of all nodes."""

    source: Source | None = field(default=None, compare=False, repr=False, kw_only=True)

    @property
    def children(self) -> tuple[Expr, ...]:
        """The operands, from left to right."""
        return ()

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """The same node on other operands, as many as it has."""
        return self

    def walk(self) -> Iterator[Expr]:
        """Every node, operands before what is made of them."""
        for child in self.children:
            yield from child.walk()
        yield self

    @property
    def names(self) -> tuple[str, ...]:
        """The free names in order of appearance: arrays, and axes used as numbers (not those of `axis=`)."""
        return tuple(dict.fromkeys(node.id for node in self.walk() if isinstance(node, Name)))

    def infer(self, types: Types) -> Tokens:
        """The axes of the result, by name; an axis name used as a number is a scalar.

        An element-wise operation wants the same names, with NumPy's broadcasting along an axis that is 1 or
        missing: N never meets D, even where their sizes coincide. Raises FormulaError, the spot underlined.
        """
        return self._infer(types, [child.infer(types) for child in self.children])

    def evaluate(
        self, arrays: Mapping[str, Any], sizes: Mapping[str, Any] | None = None, types: Types | None = None
    ) -> Array:
        """The value on arrays, in float64 or complex128; `types` is needed for a sum over a *named* axis.

        Complex arrays give the analytic continuation (see handgrad.operations); nan and inf are not errors.
        Raises FormulaError for an unknown name and for shapes that do not fit.
        """
        if types is not None:
            self.infer(types)
        with np.errstate(all="ignore"):
            return np.asarray(value(self, arrays, sizes or {}, types))

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        raise NotImplementedError

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        raise NotImplementedError

    @property
    def _level(self) -> int:
        return _ATOM

    def _inside(self, least: int) -> str:
        return str(self) if self._level >= least else f"({self})"


@dataclass(frozen=True)
class Name(Expr):
    """An array, or an axis used as a number."""

    id: str

    def __str__(self) -> str:
        return self.id

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        if self.id in types:
            return tuple(types[self.id])
        axes = {t for tokens in types.values() for t in tokens if isinstance(t, str) and t != REST}
        if self.id in axes:
            return ()
        raise fault(self.source, f"no array or axis {self.id!r}", step=nearest(self.id, {*types, *axes}))


@dataclass(frozen=True)
class Number(Expr):
    """A real number."""

    value: int | float

    def __str__(self) -> str:
        return repr(self.value)

    @property
    def _level(self) -> int:
        return _ATOM if self.value >= 0 else OPERATIONS["neg"].level

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        return ()

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return np.float64(self.value)  # never an int of Python's: 9**9**9 is inf at once


@dataclass(frozen=True)
class Unary(Expr):
    """Minus."""

    operand: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, operand=children[0])

    def __str__(self) -> str:
        return f"-{self.operand._inside(self._level)}"

    @property
    def _level(self) -> int:
        return OPERATIONS["neg"].level

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        return of[0]

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return OPERATIONS["neg"].numbers(of[0])


@dataclass(frozen=True)
class Transpose(Expr):
    """`.T`: the axes backwards; a vector stays as it is, as in NumPy. `.mT`: the last two change places."""

    operand: Expr
    last_two: bool = False

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, operand=children[0])

    def __str__(self) -> str:
        bare = self.operand._inside(_ATOM)
        mark = "mT" if self.last_two else "T"
        number = isinstance(self.operand, Number) and self.operand.value >= 0
        return f"({bare}).{mark}" if number else f"{bare}.{mark}"

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        if not self.last_two:
            return of[0][::-1]
        if len(of[0]) < 2 or REST in of[0][-2:]:
            raise fault(self.source, f".mT needs two axes, and {short(self.operand)} is {letters(of[0])}")
        return (*of[0][:-2], of[0][-1], of[0][-2])

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return np.swapaxes(of[0], -1, -2) if self.last_two else np.transpose(of[0])


@dataclass(frozen=True)
class Binary(Expr):
    """Two operands with `+ - * / ** @` or a comparison between them."""

    op: str
    left: Expr
    right: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, left=children[0], right=children[1])

    def __str__(self) -> str:
        left, right = self._level, self._level + 1
        if self.op == "**":
            left, right = _ATOM, OPERATIONS["neg"].level
        elif OPERATIONS[self.op].kind == "compare":
            left = right
        # @ and * bind alike, which few readers know: (G * S) @ W says it
        if isinstance(self.left, Binary) and (self.op, self.left.op) in {("@", "*"), ("@", "/"), ("*", "@")}:
            left = _ATOM
        return f"{self.left._inside(left)} {self.op} {self.right._inside(right)}"

    @property
    def _level(self) -> int:
        return OPERATIONS[self.op].level

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        left, right = of
        try:
            return product(left, right) if self.op == "@" else broadcast(left, right)
        except ShapeError as misfit:
            turned = {"@": [(left[::-1], right), (left, right[::-1])]}.get(self.op, [])
            lost = any(_multiplies(a, b) for a, b in turned) or (not turned and left == right[::-1])
            raise fault(
                self.source,
                f"the shapes do not fit in {short(self)}",
                f"{short(self.left)} is {letters(left)}, {short(self.right)} is {letters(right)}: {misfit}",
                cause="a transpose is missing, or one too many" if lost else None,
            ) from None

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return OPERATIONS[self.op].numbers(*of)


@dataclass(frozen=True)
class Call(Expr):
    """A function: entry by entry (`exp(x)`, `maximum(a, b)`), or `outer(a, b)` of two vectors."""

    function: str
    arguments: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.arguments

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, arguments=children)

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        if self.function != "outer":
            return of[0] if len(of) == 1 else self._meet(of)
        for argument, tokens in zip(self.arguments, of, strict=True):
            if len(tokens) != 1 or REST in tokens:
                what = f"outer needs vectors, and {short(argument)} is {letters(tokens)}"
                raise fault(argument.source, what)
        return of[0] + of[1]

    def _meet(self, of: list[Tokens]) -> Tokens:
        try:
            return broadcast(of[0], of[1])
        except ShapeError as misfit:
            a, b = self.arguments
            detail = f"{short(a)} is {letters(of[0])}, {short(b)} is {letters(of[1])}: {misfit}"
            raise fault(self.source, f"the shapes do not fit in {short(self)}", detail) from None

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return OPERATIONS[self.function].numbers(*of)


@dataclass(frozen=True)
class Reduce(Expr):
    """`sum`, `mean`, `max`, … over axes, by name or number; over all of them where `axes` is None.

    `softmax` divides by a sum over the axes and keeps them all.
    """

    function: str
    operand: Expr
    axes: tuple[Token, ...] | None = None
    keepdims: bool = False

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, operand=children[0])

    def __str__(self) -> str:
        text = str(self.operand)
        if self.axes is not None:
            many = ", ".join(map(str, self.axes))
            text += f", axis={many}" if len(self.axes) == 1 else f", axis=({many})"
        return f"{self.function}({text}{', keepdims=True' if self.keepdims else ''})"

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        gone = self.positions(of[0])
        if OPERATIONS[self.function].kind == "along":
            if self.axes is None and len(of[0]) > 1:
                what = f"{self.function} of {letters(of[0])} runs along which axis?"
                raise fault(self.source, what, step=f"write {self.function}(a, axis={of[0][-1]})")
            return of[0]
        if self.keepdims:
            return tuple(1 if i in gone else t for i, t in enumerate(of[0]))
        return tuple(t for i, t in enumerate(of[0]) if i not in gone)

    def positions(self, tokens: Tokens) -> tuple[int, ...]:
        """The positions among the operand's axis tokens that are reduced. Raises FormulaError."""
        if self.axes is None:
            return tuple(range(len(tokens)))
        found: list[int] = []
        for axis in self.axes:
            at = [i for i, t in enumerate(tokens) if t == axis] if isinstance(axis, str) else []
            if isinstance(axis, int) and -len(tokens) <= axis < len(tokens):
                at = [axis % len(tokens)]
                if REST in (tokens[: axis + 1] if axis >= 0 else tokens[axis:]):
                    raise fault(
                        self.source, f"axis {axis} of {letters(tokens)} may lie in the unnamed rest ..."
                    )
            if len(at) != 1 or at[0] in found:
                problem = "is there twice" if at else "is not there"
                step = None
                if self.function == "max" and not tokens:
                    step = "max runs over an axis; for the larger of 0 and x, entry by entry, write relu(x)"
                what = f"{self.function} over axis {axis} of {short(self.operand)}, and {axis} {problem}"
                raise fault(self.source, what, f"{short(self.operand)} is {letters(tokens)}", step=step)
            found.append(at[0])
        return tuple(found)

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        rank = np.ndim(of[0])
        axes = tuple(range(rank)) if self.axes is None else self.axes
        if any(isinstance(axis, str) for axis in axes):
            if types is None:
                raise fault(self.source, f"{self} names an axis, and the types of the arrays are not given")
            tokens = self.operand.infer(types)
            rest = tokens.index(REST) if REST in tokens else len(tokens)
            axes = tuple(i if i < rest else i - len(tokens) for i in self.positions(tokens))
        where = tuple(int(axis) % rank if -rank <= int(axis) < rank else int(axis) for axis in axes)
        return OPERATIONS[self.function].numbers(np.asarray(of[0]), where, self.keepdims)


def _multiplies(left: Tokens, right: Tokens) -> bool:
    try:
        product(left, right)
    except ShapeError:
        return False
    return True


def short(expr: Expr) -> str:
    """The formula as messages show it, cut at 60 characters."""
    text = str(expr)
    return text if len(text) <= 60 else text[:57] + "..."


# ---------------------------------------------------------------- numbers


def value(expr: Expr, arrays: Mapping[str, Any], sizes: Mapping[str, Any], types: Types | None) -> Any:
    """What `Expr.evaluate` computes, without asking first whether the axes fit by name."""
    if isinstance(expr, Name):
        return _lookup(expr, arrays, sizes)
    of = [value(child, arrays, sizes, types) for child in expr.children]
    try:
        return expr._numbers(types, of)
    except (ValueError, IndexError, TypeError) as error:
        if isinstance(error, FormulaError):
            raise
        shapes = ", ".join(f"{short(c)} has {np.shape(v)}" for c, v in zip(expr.children, of, strict=True))
        raise fault(expr.source, f"the shapes do not fit in {short(expr)}", shapes) from error


def _lookup(name: Name, arrays: Mapping[str, Any], sizes: Mapping[str, Any]) -> Array:
    if name.id not in arrays and name.id not in sizes:
        raise fault(
            name.source, f"no array or axis {name.id!r}", step=nearest(name.id, {*arrays, *sizes} - {REST})
        )
    given = arrays[name.id] if name.id in arrays else sizes[name.id]
    try:
        array = np.asarray(given)
        if array.dtype.kind in "biufc":
            return array.astype(np.result_type(array.dtype, np.float64), copy=False)
        problem = f"an array of {array.dtype}"
    except Exception:  # an object may do anything when asked to become an array
        problem = f"a {type(given).__name__}"
    raise fault(name.source, f"{name.id} is {problem}, expected numbers")
