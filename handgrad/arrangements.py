"""Every way to multiply some arrays that has a wanted shape: what dimension analysis leaves to choose from.

The search builds formulas factor by factor and computes each on random integers modulo a prime, at small
sizes that coincide exactly where the real ones do. Formulas of equal value are one; the shortest is kept.
That is the normal form: (A @ B).T is B.T @ A.T, and brackets and the order within `*` make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.axes import REST, Token, Tokens, letters, shape_of
from handgrad.errors import SpecError, layout
from handgrad.expressions import Binary, Call, Expr, Name, Reduce, Transpose, value

__all__ = ["MOST_FACTORS", "MOST_FACTORS_REDUCED", "Arrangement", "Sorted", "distinguish", "search"]

MOST_FACTORS = 5
MOST_FACTORS_REDUCED = 3

_PRIME = 268_435_399  # below 2**28, so that a sum of 128 products fits in 64 bits
_DRAWS = 3  # values of three draws at once: a scalar alone could be equal by chance

_Ints = NDArray[np.int64]
_Pairs = frozenset[tuple[Token, Token]]


@dataclass(frozen=True)
class Arrangement:
    """A formula with the wanted shape: `str(a)` prints it, `a.evaluate(arrays)` computes it.

    `axes` is the target; `shape` is its shape, of sizes where they were given and of names elsewhere.
    `only_if` tells the coincidences of sizes that the fit needs, such as `("D = C",)`: () fits at all sizes.
    """

    expr: Expr
    axes: Tokens
    shape: tuple[Token, ...]
    only_if: tuple[str, ...]
    types: Mapping[str, Tokens] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.expr)

    def evaluate(self, arrays: Mapping[str, Any]) -> NDArray[Any]:
        """The value on arrays by name, real or complex. Raises FormulaError if they do not fit the formula."""
        return np.asarray(value(self.expr, arrays, {}, self.types))


class Sorted(NamedTuple):
    """What `distinguish` returns."""

    right: list[Arrangement]
    impostors: list[Arrangement]


def distinguish(
    arrangements: Sequence[Arrangement], arrays: Mapping[str, Any], truth: Any, tolerance: float = 1e-6
) -> Sorted:
    """Tell by numbers which arrangements are the truth: within `tolerance` of its largest entry everywhere.

    `arrays` and `truth` should be random, with no symmetry: special values make impostors right by luck.
    Raises FormulaError for arrays that do not fit.
    """
    goal = np.asarray(truth)
    result = Sorted([], [])
    for arrangement in arrangements:
        got = arrangement.evaluate(arrays)
        same = got.shape == goal.shape
        close = same and bool(np.all(np.abs(got - goal) <= tolerance * np.max(np.abs(goal), initial=0.0)))
        (result.right if close else result.impostors).append(arrangement)
    return result


def search(
    target: Tokens,
    factors: Mapping[str, Tokens],
    sizes: Mapping[str, int] | None = None,
    reductions: bool = False,
) -> list[Arrangement]:
    """What `handgrad.shapes.arrangements` returns; there it is documented."""
    most = MOST_FACTORS_REDUCED if reductions else MOST_FACTORS
    if not 1 <= len(factors) <= most:
        kind = "with reductions" if reductions else "without reductions"
        what = f"{len(factors)} factors, expected from 1 to {most} {kind}"
        raise SpecError(
            layout("arrangements", what, step="name a product of some of them, and use that as one")
        )
    for name, axes in {"the target": target, **factors}.items():
        if len(axes) > 2 or REST in axes:
            what = f"{name} is {letters(axes)}, expected a scalar, vector or matrix with named axes"
            raise SpecError(layout("arrangements", what))
    real = {token: token for axes in (target, *factors.values()) for token in axes}
    if sizes is not None:
        real = {token: shape_of((token,), sizes)[0] for token in real}
        for token, size in real.items():
            if not isinstance(size, int | np.integer) or size < 1:
                raise SpecError(
                    layout("arrangements", f"the size of {token} is {size!r}, expected 1, 2, 3, …")
                )
    found = _Search(target, factors, _stand_ins(real, reductions), reductions).run()
    return [
        Arrangement(
            form.expr, target, tuple(real[t] for t in target), _classes(form.equal, tuple(real)), factors
        )
        for form in found
    ]


def _stand_ins(real: Mapping[Token, Token], reductions: bool) -> dict[Token, int]:
    """Small sizes that differ where the real ones do; 1 stays 1 only where it may broadcast."""
    small: dict[Token, int] = {}
    for size in real.values():
        small.setdefault(size, 1 if reductions and size == 1 else len(small) + 3)
    return {1: 1, **{token: small[size] for token, size in real.items()}}


def _classes(pairs: _Pairs, order: Sequence[Token]) -> tuple[str, ...]:
    """The pairs joined up: {(D, C), (C, N)} is ("D = C = N",)."""
    classes: list[set[Token]] = []
    for pair in pairs:
        touched = [c for c in classes if c & set(pair)]
        classes = [c for c in classes if c not in touched] + [set(pair).union(*touched)]
    names = [*order, 1]
    ordered = [sorted(c, key=lambda t: (isinstance(t, int), names.index(t))) for c in classes]
    return tuple(" = ".join(map(str, c)) for c in sorted(ordered, key=lambda c: names.index(c[0])))


@dataclass(frozen=True, slots=True)
class _Form:
    """A formula on the way.

    Its axes, its value (draws first), the axes whose sizes had to coincide, the factors in the order
    printed, and how many sums it has.
    """

    expr: Expr
    axes: Tokens
    value: _Ints
    equal: _Pairs
    order: tuple[int, ...]
    sums: int = 0


class _Search:
    """All forms of every subset of the factors, from single factors up, one for each value."""

    def __init__(
        self, target: Tokens, factors: Mapping[str, Tokens], dims: Mapping[Token, int], reductions: bool
    ) -> None:
        self.target, self.factors, self.dims, self.reductions = target, factors, dims, reductions
        self.names = list(factors)
        self.everything = (1 << len(factors)) - 1
        self.table: dict[int, dict[tuple[Any, ...], _Form]] = {}

    def run(self) -> list[_Form]:
        rng = np.random.default_rng(0)
        for mask in range(1, self.everything + 1):
            self.table[mask] = {}
            if mask & (mask - 1) == 0:
                index = mask.bit_length() - 1
                name = self.names[index]
                axes = self.factors[name]
                shape = (_DRAWS, *(self.dims[t] for t in axes))
                numbers = rng.integers(1, _PRIME, shape)
                self.keep(mask, _Form(Name(name), axes, numbers, frozenset(), (index,)))
            else:
                self.combine(mask)
            # over a snapshot: what is added is not itself transposed again, and is summed at most once
            if self.reductions or mask & (mask - 1) == 0:
                for form in list(self.table[mask].values()):
                    self.transpose(mask, form)
            if self.reductions:
                for form in list(self.table[mask].values()):
                    self.reduce(mask, form)
        goal = self.shape(self.target)
        fits: dict[bytes, _Form] = {}
        for form in self.table[self.everything].values():
            if form.value.shape[1:] == goal:
                equal = form.equal | self.meeting(zip(form.axes, self.target, strict=True))
                self.better(fits, form.value.tobytes(), replace(form, equal=equal))
        return sorted(fits.values(), key=self.rank)

    def shape(self, axes: Tokens) -> tuple[int, ...]:
        return tuple(self.dims[t] for t in axes)

    @staticmethod
    def meeting(pairs: Iterable[tuple[Token, Token]]) -> _Pairs:
        return frozenset((a, b) for a, b in pairs if a != b)

    def rank(self, form: _Form) -> tuple[Any, ...]:
        """Of formulas of equal value the least is kept; and the order of the result."""
        text = str(form.expr)
        merged = sum(part.count("=") for part in _classes(form.equal, tuple(self.dims)))
        return merged, form.sums, text.count("("), text.count("keepdims"), len(text), form.order, text

    def better(self, kept: dict[Any, _Form], key: Any, form: _Form) -> None:
        if key not in kept or self.rank(form) < self.rank(kept[key]):
            kept[key] = form

    def keep(self, mask: int, form: _Form) -> None:
        if (
            mask == self.everything
            and not self.reductions
            and form.value.shape[1:] != self.shape(self.target)
        ):
            return
        self.better(self.table[mask], (form.sums, form.value.shape, form.value.tobytes()), form)

    def transpose(self, mask: int, form: _Form) -> None:
        if len(form.axes) == 2:
            flipped = np.ascontiguousarray(np.swapaxes(form.value, 1, 2))
            self.keep(mask, replace(form, expr=Transpose(form.expr), axes=form.axes[::-1], value=flipped))

    def reduce(self, mask: int, form: _Form) -> None:
        if form.sums:
            return
        for i, axis in enumerate(form.axes):
            # a name can say which axis only where the names fit without coincidence
            plain = isinstance(axis, str) and form.axes.count(axis) == 1 and not form.equal
            for keepdims in (False, True)[: len(form.axes)]:
                expr = Reduce("sum", form.expr, (axis if plain else i,), keepdims)
                axes = tuple(1 if j == i else t for j, t in enumerate(form.axes) if keepdims or j != i)
                total = np.sum(form.value, axis=i + 1, keepdims=keepdims) % _PRIME
                self.keep(mask, replace(form, expr=expr, axes=axes, value=total, sums=1))

    def combine(self, mask: int) -> None:
        lowest = mask & -mask
        part = (mask - 1) & mask
        while part:
            if part & lowest:
                for a in self.table[part].values():
                    for b in self.table[mask ^ part].values():
                        if a.sums + b.sums <= 1:
                            for form in self.pairs(a, b):
                                self.keep(mask, form)
            part = (part - 1) & mask

    def pairs(self, a: _Form, b: _Form) -> Iterator[_Form]:
        yield from self.elementwise(a, b)
        for left, right in ((a, b), (b, a)):
            if len(left.axes) == len(right.axes) == 1:
                outer = left.value[:, :, None] * right.value[:, None, :] % _PRIME
                yield self.made(
                    Call("outer", (left.expr, right.expr)), left.axes + right.axes, outer, left, right
                )
            yield from self.product(left, right)

    def made(
        self, expr: Expr, axes: Tokens, numbers: _Ints, a: _Form, b: _Form, new: _Pairs = frozenset()
    ) -> _Form:
        return _Form(expr, axes, numbers, a.equal | b.equal | new, a.order + b.order, a.sums + b.sums)

    def product(self, a: _Form, b: _Form) -> Iterator[_Form]:
        if not a.axes or not b.axes:
            return
        inner, first = a.axes[-1], b.axes[0]
        axes = a.axes[:-1] + b.axes[1:]
        if self.dims[inner] != self.dims[first] or self.hopeless(a, b, axes):
            return
        row = a.value[:, None, :] if len(a.axes) == 1 else a.value
        column = b.value[:, :, None] if len(b.axes) == 1 else b.value
        numbers = (row @ column % _PRIME).reshape(_DRAWS, *self.shape(axes))
        yield self.made(Binary("@", a.expr, b.expr), axes, numbers, a, b, self.meeting([(inner, first)]))

    def elementwise(self, a: _Form, b: _Form) -> Iterator[_Form]:
        axes: list[Token] = []
        met: list[tuple[Token, Token]] = []
        if len(a.axes) != len(b.axes) and not self.reductions:
            return
        for i in range(1, max(len(a.axes), len(b.axes)) + 1):
            s = a.axes[-i] if i <= len(a.axes) else 1
            t = b.axes[-i] if i <= len(b.axes) else 1
            if self.reductions and 1 in (s, t):
                axes.append(t if s == 1 else s)
            elif self.dims[s] == self.dims[t]:
                axes.append(s)
                met.append((s, t))
            elif self.reductions and 1 in (self.dims[s], self.dims[t]):
                stays, goes = (t, s) if self.dims[s] == 1 else (s, t)
                axes.append(stays)
                met.append((goes, 1))
            else:
                return
        whole = tuple(axes[::-1])
        if self.hopeless(a, b, whole):
            return
        rank = len(whole)
        left, right = (
            f.value.reshape(_DRAWS, *(1,) * (rank - len(f.axes)), *f.value.shape[1:]) for f in (a, b)
        )
        numbers = left * right % _PRIME
        yield self.made(Binary("*", a.expr, b.expr), whole, numbers, a, b, self.meeting(met))

    def hopeless(self, a: _Form, b: _Form, axes: Tokens) -> bool:
        """Whether this is the last step, and the shape is not the target's: not worth computing."""
        last = len(a.order) + len(b.order) == len(self.factors) and not self.reductions
        return last and self.shape(axes) != self.shape(self.target)
