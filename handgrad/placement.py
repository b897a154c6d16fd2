"""The nodes of a formula that copy, pick and rearrange entries, and compute nothing.

r[:, None]                 a new axis of size 1
S[arange(N), y]            of each row, the entry in the column that its label names
onehot(y, C)               1 in that column, else 0
broadcast_to(r, (N, C))    copies along axes
reshape(x, (N, D))         axes merged or split, in NumPy's (row-major) order
transpose(Q, (H, T, D))    the axes in another order
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.axes import REST, Token, Tokens, broadcast, letters
from handgrad.errors import ShapeError
from handgrad.expressions import Expr, Name, Number, Types, fault, short
from handgrad.operations import OPERATIONS, Array

__all__ = ["ALL", "NEW", "Arange", "Index", "OneHot", "Permute", "Reshape", "Spread", "axis_of"]

ALL, NEW = ":", "None"
Item = str | Expr


def axis_of(size: Expr) -> Token:
    """The axis token that a size stands for: a name or a whole number."""
    if isinstance(size, Name):
        return size.id
    assert isinstance(size, Number)
    return int(size.value)


def _tuple(axes: Sequence[object]) -> str:
    return f"({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"


@dataclass(frozen=True)
class Index(Expr):
    """`a[:, None]` or `a[arange(N), y]`: an item is `:`, `None`, `...`, or an expression of one axis."""

    operand: Expr
    items: tuple[Item, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand, *(item for item in self.items if isinstance(item, Expr)))

    @property
    def picks(self) -> bool:
        """Whether entries are picked by labels, rather than axes added."""
        return len(self.children) > 1

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        rest = iter(children[1:])
        items = tuple(next(rest) if isinstance(item, Expr) else item for item in self.items)
        return replace(self, operand=children[0], items=items)

    def __str__(self) -> str:
        return f"{self.operand._inside(6)}[{', '.join(map(str, self.items))}]"

    def plan(self, tokens: Tokens) -> tuple[Item, ...]:
        """The items with the dots written out as `:`. Raises FormulaError where their number does not fit."""
        taken = sum(item not in (NEW, REST) for item in self.items)
        spare = len(tokens) - taken
        if spare < 0 or self.items.count(REST) > 1 or (self.picks and (spare or NEW in self.items)):
            what = f"{short(self)} has {taken} indices, and {short(self.operand)} is {letters(tokens)}"
            step = "pick with one index an axis: S[arange(N), y]" if self.picks else None
            raise fault(self.source, what, step=step)
        at = self.items.index(REST) if REST in self.items else len(self.items)
        return (*self.items[:at], *[ALL] * spare, *self.items[at + 1 :])

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        tokens = of[0]
        if REST in tokens:
            raise fault(self.source, "an index cannot see which axes the unnamed rest ... has")
        plan = self.plan(tokens)
        if self.picks:
            return self._picked(tokens, plan, of[1:])
        old = iter(tokens)
        return tuple(1 if item == NEW else next(old) for item in plan)

    def _picked(self, tokens: Tokens, plan: tuple[Item, ...], of: list[Tokens]) -> Tokens:
        rows: Tokens = ()
        if ALL in plan:
            raise fault(self.source, "picking takes one index for every axis", step="write S[arange(N), y]")
        for item, axes, token in zip(plan, of, tokens, strict=True):
            if len(axes) != 1:
                raise fault(self.source, f"the index {item} is {letters(axes)}, expected a vector")
            if isinstance(item, Arange) and axes != (token,):
                raise fault(self.source, f"{item} counts along {axes[0]}, and the axis is {token}")
            try:
                rows = broadcast(rows, axes)
            except ShapeError as misfit:
                raise fault(self.source, f"the indices do not fit: {misfit}") from None
        return rows

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        if self.picks:
            return np.asarray(of[0])[tuple(np.real(index).astype(int) for index in of[1:])]
        where = {ALL: slice(None), NEW: None, REST: Ellipsis}
        return np.asarray(of[0])[tuple(where[str(item)] for item in self.items)]


@dataclass(frozen=True)
class Arange(Expr):
    """`arange(N)`: the numbers of the rows."""

    count: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.count,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, count=children[0])

    def __str__(self) -> str:
        return f"arange({self.count})"

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        return (axis_of(self.count),)

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return OPERATIONS["arange"].numbers(of[0])


@dataclass(frozen=True)
class OneHot(Expr):
    """`onehot(y, C)`: rows of zeros with a 1 in the column of the label, one row for each entry of y."""

    labels: Expr
    count: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.labels, self.count)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, labels=children[0], count=children[1])

    def __str__(self) -> str:
        return f"onehot({self.labels}, {self.count})"

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        if not of[0]:
            raise fault(self.source, f"onehot needs an array of labels, and {self.labels} is one number")
        return (*of[0], axis_of(self.count))

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return OPERATIONS["onehot"].numbers(of[0], of[1])


@dataclass(frozen=True)
class _Shaped(Expr):
    """What Spread and Reshape share: an operand and the sizes of the result."""

    operand: Expr
    sizes: tuple[Expr, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand, *self.sizes)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, operand=children[0], sizes=children[1:])

    @property
    def tokens(self) -> Tokens:
        """The axes of the result."""
        return tuple(axis_of(size) for size in self.sizes)

    @staticmethod
    def _shape(of: list[Array]) -> tuple[int, ...]:
        return tuple(int(np.real(size)) for size in of[1:])


@dataclass(frozen=True)
class Spread(_Shaped):
    """`broadcast_to(r, (N, C))`: copies of r along the axes where it has size 1 or none."""

    def __str__(self) -> str:
        return f"broadcast_to({self.operand}, {_tuple(self.sizes)})"

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        try:
            whole = broadcast(of[0], self.tokens)
        except ShapeError:
            whole = ()
        if whole != self.tokens:
            what = f"{short(self.operand)} is {letters(of[0])}, which does not broadcast to {letters(self.tokens)}"
            raise fault(self.source, what)
        return whole

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return OPERATIONS["broadcast_to"].numbers(of[0], self._shape(of))


@dataclass(frozen=True)
class Reshape(_Shaped):
    """`reshape(x, (N, D))`: neighbouring axes merged into one, or one split into neighbours."""

    def __str__(self) -> str:
        return f"reshape({self.operand}, {_tuple(self.sizes)})"

    def moved(self, tokens: Tokens) -> tuple[Tokens, Tokens]:
        """The axes that disappear and those that take their place. Raises FormulaError."""
        old, new = [t for t in tokens if t != 1], [t for t in self.tokens if t != 1]
        while old and new and old[0] == new[0]:
            del old[0], new[0]
        while old and new and old[-1] == new[-1]:
            del old[-1], new[-1]
        if (len(old) > 1 and len(new) > 1) or bool(old) != bool(new) or Counter(old) & Counter(new):
            what = (
                f"{short(self.operand)} is {letters(tokens)}, which cannot be read as {letters(self.tokens)}"
            )
            step = "merge neighbouring axes into one, or split one; to reorder axes write transpose(a, (…))"
            raise fault(self.source, what, step=step)
        return tuple(old), tuple(new)

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        if REST in of[0]:
            raise fault(self.source, "reshape cannot see which axes the unnamed rest ... has")
        self.moved(of[0])
        return self.tokens

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        return OPERATIONS["reshape"].numbers(of[0], self._shape(of))


@dataclass(frozen=True)
class Permute(Expr):
    """`transpose(a, (H, T, D))`: the axes in another order, by names or by numbers."""

    operand: Expr
    axes: tuple[Token, ...]

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return replace(self, operand=children[0])

    def __str__(self) -> str:
        return f"transpose({self.operand}, {_tuple(self.axes)})"

    def order(self, tokens: Tokens) -> tuple[int, ...]:
        """Which of the operand's axes stands at each place of the result. Raises FormulaError."""
        places = [
            axis % len(tokens) if isinstance(axis, int) and tokens else list(tokens).index(axis)
            for axis in self.axes
            if isinstance(axis, int) or tokens.count(axis) == 1
        ]
        if sorted(places) != list(range(len(tokens))):
            what = f"{letters(self.axes)} is not an order of the axes of {short(self.operand)}, {letters(tokens)}"
            raise fault(self.source, what)
        return tuple(places)

    def _infer(self, types: Types, of: list[Tokens]) -> Tokens:
        return tuple(of[0][i] for i in self.order(of[0]))

    def _numbers(self, types: Types | None, of: list[Array]) -> Any:
        if types is None and not all(isinstance(axis, int) for axis in self.axes):
            raise fault(self.source, f"{self} names axes, and the types of the arrays are not given")
        tokens = self.operand.infer(types) if types is not None else tuple(range(np.ndim(of[0])))
        return OPERATIONS["transpose"].numbers(of[0], self.order(tokens))
