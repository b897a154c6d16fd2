"""Formulas written with indices: a sum of terms, each a number times entries of arrays, summed over some indices.

    (dS @ W.T)[n, d] = Σ_c dS[n,c] W[d,c]         onehot(y, C)[n, c] = δ[c, y_n]

There `@`, `.T`, broadcasting, sums and one-hot matrices are all alike, so that two formulas for the same gradient
mostly become the same terms. What has no such form, exp(S) say, stands in them as an array of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from handgrad.expressions import Binary, Expr, Name
from handgrad.operations import OPERATIONS

__all__ = [
    "DELTA",
    "Factor",
    "Idx",
    "Term",
    "TooLarge",
    "collected",
    "core_of",
    "cost",
    "merge",
    "multiply",
    "plain_of",
    "renamed",
    "scaled",
    "size_of",
    "stands_alone",
    "substituted",
    "summed",
    "without",
]

Idx = str | tuple[str, str] | None  # an index, the label y at an index, or an axis of size 1
Factor = tuple[Expr, tuple[Idx, ...]]
DELTA = Name("δ")
MOST_TERMS = 40
_MOST_SUMS = 5


class TooLarge(Exception):  # noqa: N818 - a signal between modules, never shown
    """The terms are too many to be a formula that anyone reads."""


@dataclass(frozen=True)
class Term:
    """number * product of factors to their powers, summed over `sums`."""

    number: Fraction
    factors: Mapping[Factor, Fraction] = field(hash=False)
    sums: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[frozenset[tuple[Factor, Fraction]], frozenset[str]]:
        """What like terms have in common."""
        return frozenset(self.factors.items()), self.sums

    def indices(self) -> set[str]:
        """The plain indices that occur."""
        return {plain for _, idx in self.factors for i in idx if (plain := plain_of(i)) is not None}


def plain_of(i: Idx) -> str | None:
    """The index itself, or the one at which a label is read."""
    return i[1] if isinstance(i, tuple) else i


def cost(terms: Iterable[Term]) -> float:
    """How long a formula is: its terms, factors and sums; sizes such as N count little."""
    total = 0.0
    for term in terms:
        total += 1 + 3 * len(term.sums)
        for (expr, idx), power in term.factors.items():
            light = not idx and isinstance(expr, Name)
            total += (0.1 if light else 1.0) * max(1.0, abs(float(power))) + 0.1 * str(expr).count("(")
    return total


def multiply(a: Iterable[Term], b: Iterable[Term]) -> list[Term]:
    """The product, term by term. Raises TooLarge."""
    out: list[Term] = []
    for left, right in product(list(a), list(b)):
        factors = dict(left.factors)
        for factor, power in right.factors.items():
            factors[factor] = factors.get(factor, Fraction(0)) + power
        out.append(Term(left.number * right.number, factors, left.sums | right.sums))
        if len(out) > MOST_TERMS:
            raise TooLarge
    return out


def renamed(i: Idx, rename: Mapping[str, Idx]) -> Idx:
    """The index by its new name, also where a label is read at it."""
    if isinstance(i, tuple):
        return (i[0], str(rename.get(i[1], i[1])))
    return rename.get(i, i) if i is not None else None


def size_of(token: str, power: int) -> Term:
    """The number of entries along an axis, to a power."""
    return Term(Fraction(1), {(Name(token), ()): Fraction(power)})


def scaled(terms: Iterable[Term], by: Fraction) -> list[Term]:
    """The terms times a number."""
    return [Term(t.number * by, t.factors, t.sums) for t in terms]


def summed(terms: Iterable[Term], s: Idx) -> list[Term]:
    """The terms summed over an index; an axis of size 1 needs no sum."""
    return [Term(t.number, t.factors, t.sums | {s}) if isinstance(s, str) else t for t in terms]


def collected(factors: Mapping[Factor, Fraction]) -> dict[Factor, Fraction]:
    """Powers without those that are 0; a mask of zeros and ones is its own square."""
    out: dict[Factor, Fraction] = {}
    for (expr, idx), power in factors.items():
        mask = expr == DELTA or (isinstance(expr, Binary) and OPERATIONS[expr.op].kind == "compare")
        if power:
            out[expr, idx] = Fraction(1) if mask and power > 0 else power
    return out


def substituted(factors: Mapping[Factor, Fraction], old: str, new: Idx) -> dict[Factor, Fraction] | None:
    """The factors with one index put for another; None where a label would be read at a label."""
    out: dict[Factor, Fraction] = {}
    for (expr, idx), power in factors.items():
        if isinstance(new, tuple) and any(isinstance(i, tuple) and i[1] == old for i in idx):
            return None
        key = (expr, tuple(renamed(i, {old: new}) for i in idx))
        out[key] = out.get(key, Fraction(0)) + power
    return out


def merge(terms: Iterable[Term]) -> list[Term]:
    """Like terms added up, in order of first appearance."""
    found: dict[object, Term] = {}
    for term in terms:
        old = found.get(term.key)
        found[term.key] = term if old is None else Term(old.number + term.number, term.factors, term.sums)
    out = [term for term in found.values() if term.number]
    if len(out) > MOST_TERMS:
        raise TooLarge
    return out


def without(term: Term, common: dict[Factor, Fraction]) -> dict[Factor, Fraction]:
    """A term's factors divided by common ones."""
    left = {f: p - common.get(f, Fraction(0)) for f, p in term.factors.items()}
    return {f: p for f, p in left.items() if p}


def core_of(term: Term) -> Term:
    """The factors of a term that stand under its sums."""
    factors = {f: p for f, p in term.factors.items() if any(plain_of(i) in term.sums for i in f[1])}
    return Term(Fraction(1), factors, term.sums)


def stands_alone(factor: Factor) -> bool:
    """Whether a factor is one array as it stands, with no one-hot matrix to pick among other axes."""
    expr, idx = factor
    rows = {plain_of(i) for i in idx if i is not None}
    several = any(isinstance(i, tuple) for i in idx) or len([i for i in idx if i is not None]) > len(rows)
    return expr != DELTA and not (several and (len(rows) > 1 or None in idx))
