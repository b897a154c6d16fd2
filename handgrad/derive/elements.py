"""The route by elements: a gradient written with indices, one entry at a time.

    dW[d,c] = Σ_n X[n,d] dS[n,c]

Evaluated as it stands, over a grid of all its indices, with no matrix product. Its cost: for each entry of the
result, a term of k factors costs k - 1 multiply-adds (1 if k is 1), the last of them adding it to the total. Of a
term with a sum, the factors that move with the sum cost that much for each summand, and each factor outside
the sum 1 more. Numbers other than 1 and -1 and sizes such as N are factors, a square is two; [c = y[n]] is a
factor and a comparison. Sums are not shared between entries: that is what the graph does better. A factor that is
a function of arrays, such as (X > 0), is computed once, before. Held are the results and those functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from handgrad.axes import Token, Tokens, shape_of
from handgrad.derive.costs import entries, measure
from handgrad.derive.frame import Frame
from handgrad.derive.latex import formula as latex_of
from handgrad.derive.symbols import Symbols
from handgrad.derive.terms import DELTA, Factor, Idx, Term, merge, plain_of
from handgrad.expressions import Expr, Name
from handgrad.operations import Array

__all__ = ["Entrywise", "entrywise"]

_POWERS = {2: "²", 3: "³"}


@dataclass(frozen=True)
class Entrywise:
    """name[idx] = the sum of terms. letters: how each index is written; along: the axis that it runs along."""

    name: str
    tokens: Tokens
    idx: tuple[Idx, ...]
    terms: tuple[Term, ...]
    letters: Mapping[str, str]
    along: Mapping[str, Token]
    types: Mapping[str, Tokens]

    @property
    def text(self) -> str:
        """`dW[d,c] = Σ_n X[n,d] dS[n,c]`."""
        return f"{self.name}{self._place(self.idx)} = {self._sum(self._term_text)}"

    def latex(self, symbols: Symbols) -> str:
        """The same with subscripts."""
        left = self._entry(Name(self.name), self.idx, symbols)
        return f"{left} = {self._sum(lambda term: self._term_latex(term, symbols))}"

    # ------------------------------------------------------------ cost

    def multiply_adds(self, sizes: Mapping[str, int]) -> int:
        """The work, as the module says; what `functions` cost included."""
        each = sum(self._work(term, sizes) for term in self.terms)
        before = sum(measure(expr, self.types, sizes).multiply_adds for expr in self.functions)
        return each * entries(self.tokens, sizes) + before

    def held(self, sizes: Mapping[str, int]) -> int:
        """The entries of the result and of the functions."""
        return entries(self.tokens, sizes) + self.held_before(sizes)

    def held_before(self, sizes: Mapping[str, int]) -> int:
        """The entries of the functions alone."""
        return sum(entries(expr.infer(self.types), sizes) for expr in self.functions)

    @property
    def functions(self) -> tuple[Expr, ...]:
        """The factors that are neither names nor sizes."""
        every = (expr for term in self.terms for expr, _ in term.factors)
        return tuple(dict.fromkeys(expr for expr in every if not isinstance(expr, Name)))

    def _work(self, term: Term, sizes: Mapping[str, int]) -> int:
        inside, outside, compared = 0, 0, 0
        within = 0
        for factor, power in term.factors.items():
            moves = bool(_indices(factor) & term.sums)
            count = abs(power.numerator) + (power.denominator > 1)
            inside, outside = (inside + count, outside) if moves else (inside, outside + count)
            compared += factor[0] == DELTA and not moves
            within += factor[0] == DELTA and moves
        outside += sum(abs(n) != 1 for n in (term.number.numerator, term.number.denominator))
        if not term.sums:
            return max(outside - 1, 1) + compared
        summands = prod(shape_of(tuple(self.along[s] for s in term.sums), sizes))
        return summands * (max(inside - 1, 1) + within) + outside + compared

    # ------------------------------------------------------------ numbers

    def evaluate(self, values: Mapping[str, Any], sizes: Mapping[str, int]) -> Array:
        """The result, of the shape of its axes."""
        shape = shape_of(self.tokens, sizes)
        total = np.zeros(shape)
        for term in self.terms:
            axes = [*(i for i in self.idx if isinstance(i, str)), *sorted(term.sums)]
            grid = {i: self._grid(k, len(axes), self._size(i, sizes)) for k, i in enumerate(axes)}
            full = tuple(self._size(i, sizes) for i in axes)
            product: Array = np.full(full, float(term.number))
            for (expr, places), power in term.factors.items():
                product = product * self._factor(expr, places, grid, values, sizes) ** float(power)
            total = total + product.sum(axis=tuple(range(len(axes) - len(term.sums), len(axes)))).reshape(
                shape
            )
        return total

    def _size(self, index: str, sizes: Mapping[str, int]) -> int:
        return shape_of((self.along[index],), sizes)[0]

    @staticmethod
    def _grid(k: int, rank: int, size: int) -> Any:
        return np.arange(size).reshape([size if axis == k else 1 for axis in range(rank)])

    def _factor(
        self,
        expr: Expr,
        places: tuple[Idx, ...],
        grid: Mapping[str, Any],
        values: Mapping[str, Any],
        sizes: Mapping[str, int],
    ) -> Any:
        at = [_at(i, grid, values) for i in places]
        if expr == DELTA:
            return np.asarray(at[0] == at[1], dtype=float)
        array = expr.evaluate(values, sizes, self.types)
        return array[tuple(at)] if at else array

    # ------------------------------------------------------------ writing

    def _sum(self, write: Callable[[Term], str]) -> str:
        text = ""
        for term in self.terms:
            sign = "-" if term.number < 0 else "+" if text else ""
            text += (f" {sign} " if text else sign) + write(term)
        return text or "0"

    def _term_text(self, term: Term) -> str:
        above, below, inside, over = self._parts(term, self._factor_text)
        if term.sums:
            above.append("Σ_" + ",".join(self.letters[s] for s in sorted(term.sums)))
            above.append(_divided(" ".join(inside) or "1", over))
        return _divided(" ".join(above) or "1", below)

    def _term_latex(self, term: Term, symbols: Symbols) -> str:
        def write(factor: Factor, power: Fraction) -> str:
            return self._factor_latex(factor, power, symbols)

        above, below, inside, over = self._parts(term, write)
        front = _fraction(above, below)
        if not term.sums:
            return front or "1"
        sums = " ".join(rf"\sum_{{{self.letters[s]}}}" for s in sorted(term.sums))
        return " ".join(filter(None, [front, sums, _fraction(inside, over) or "1"]))

    def _parts(self, term: Term, write: Callable[[Factor, Fraction], str]) -> tuple[list[str], ...]:
        """The factors above and below the line before the sum, and above and below it in the sum."""
        number = abs(term.number)
        parts: tuple[list[str], ...] = ([], [], [], [])
        parts[0].extend(str(n) for n in [number.numerator] if n != 1)
        parts[1].extend(str(n) for n in [number.denominator] if n != 1)
        for factor, power in sorted(term.factors.items(), key=_rank):
            place = 2 * bool(_indices(factor) & term.sums) + (power < 0)
            parts[place].append(write(factor, abs(power)))
        return parts

    def _factor_text(self, factor: Factor, power: Fraction) -> str:
        expr, places = factor
        if expr == DELTA:
            return f"[{self._index(places[0])} = {self._index(places[1])}]"
        body = f"{expr._inside(6)}{self._place(places)}"
        if power.denominator > 1:
            return f"{body}^({power})"
        return body if power == 1 else body + _POWERS.get(int(power), f"^{power}")

    def _factor_latex(self, factor: Factor, power: Fraction, symbols: Symbols) -> str:
        expr, places = factor
        if expr == DELTA:
            return f"[{self._index_latex(places[0], symbols)} = {self._index_latex(places[1], symbols)}]"
        body = self._entry(expr, places, symbols)
        if power == Fraction(1, 2):
            return rf"\sqrt{{{body}}}"
        return body if power == 1 else f"{{{body}}}^{{{power}}}"

    def _entry(self, expr: Expr, places: tuple[Idx, ...], symbols: Symbols) -> str:
        marks = [self._index_latex(i, symbols) for i in places if i is not None]
        mark = f"_{{{('' if all(len(m) == 1 for m in marks) else ',').join(marks)}}}" if marks else ""
        if not isinstance(expr, Name):
            text = latex_of(expr, symbols)
            return f"{text}{mark}" if text.startswith("[") or not marks else rf"\left( {text} \right){mark}"
        symbol = symbols.arrays.get(expr.id, expr.id)
        head, joint, of = symbol.partition(r"}{\partial ")
        if joint and head.startswith(r"\frac{\partial"):  # a gradient: the index belongs to the variable
            return f"{head}{joint}{self._marked(expr.id[1:], of[:-1], mark, symbols)}}}"
        return self._marked(expr.id, symbol, mark, symbols)

    def _marked(self, name: str, symbol: str, mark: str, symbols: Symbols) -> str:
        if mark and sum(t != 1 for t in self.types.get(name, ())) < 2:
            symbol = symbols.entries.get(name, symbol)
        return f"{{{symbol}}}{mark}" if mark and "_" in symbol else f"{symbol}{mark}"

    def _place(self, places: Iterable[Idx]) -> str:
        marks = [self._index(i) for i in places]
        return f"[{','.join(marks)}]" if marks else ""

    def _index(self, i: Idx) -> str:
        if isinstance(i, tuple):
            return f"{i[0]}[{self.letters[i[1]]}]"
        return "0" if i is None else self.letters[i]

    def _index_latex(self, i: Idx, symbols: Symbols) -> str:
        if isinstance(i, tuple):
            return f"{symbols.entries.get(i[0], i[0])}_{{{self.letters[i[1]]}}}"
        return "" if i is None else self.letters[i]


def _divided(text: str, below: list[str]) -> str:
    if not below:
        return text
    return f"{text} / {below[0]}" if len(below) == 1 else f"{text} / ({' '.join(below)})"


def _fraction(above: list[str], below: list[str]) -> str:
    upper, lower = r" \, ".join(above), r" \, ".join(below)
    return rf"\frac{{{upper or '1'}}}{{{lower}}}" if below else upper


def entrywise(name: str, tokens: Tokens, expr: Expr, types: Mapping[str, Tokens]) -> Entrywise:
    """One formula with indices. Raises TooLarge where it has too many terms to be read."""
    frame = Frame(types, {}, {})
    idx = frame.open(tokens)
    terms = merge(t for term in frame.read(expr, idx) if (t := frame.normal(term)) is not None)
    used = dict.fromkeys(i for i in idx if isinstance(i, str))
    for term in terms:
        used.update(dict.fromkeys(sorted(term.sums)))
    return Entrywise(
        name, tokens, idx, tuple(terms), _letters(used, frame.token, types), dict(frame.token), types
    )


def _letters(used: Iterable[str], along: Mapping[str, Token], types: Mapping[str, Tokens]) -> dict[str, str]:
    """A letter for each index: its axis in small, with a prime where that is taken, also by an array."""
    found: dict[str, str] = {}
    for index in used:
        token = along[index]
        letter = token.lower() if isinstance(token, str) else "i"
        while letter in found.values() or letter in types:
            letter += "'"
        found[index] = letter
    return found


def _indices(factor: Factor) -> set[str]:
    return {plain for i in factor[1] if (plain := plain_of(i)) is not None}


def _at(i: Idx, grid: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    if isinstance(i, tuple):
        return np.asarray(values[i[0]])[grid[i[1]]]
    return 0 if i is None else grid[i]


def _rank(item: tuple[Factor, Fraction]) -> tuple[int, str]:
    """Sizes first, then arrays; one-hot factors last."""
    (expr, places), _ = item
    return (2 if expr == DELTA else 1 if places else 0), str(expr)
