"""The laws by which terms get shorter. None of them knows a layer; each has an example, which the tests prove.

Reading a formula into terms already brings it to a normal form (`handgrad.derive.forms`). LAWS shorten that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from handgrad.axes import Tokens
from handgrad.derive.forms import Form
from handgrad.derive.frame import Frame
from handgrad.derive.terms import (
    Factor,
    Idx,
    Term,
    TooLarge,
    collected,
    cost,
    merge,
    multiply,
    plain_of,
)
from handgrad.expressions import Expr, Name, Reduce

__all__ = ["LAWS", "Definition", "Law", "Rewriter"]

_MOST_ROUNDS = 60
# terms brought to normal form for one formula, and for all; the longest formula of the book needs 150
_MOST_EFFORT, _MOST_IN_ALL = 600, 6000
_DEEPEST = 3


@dataclass(frozen=True)
class Definition:
    """A value by its name: name[idx] is the sum of the terms."""

    name: str
    tokens: Tokens
    idx: tuple[Idx, ...]
    terms: tuple[Term, ...]
    expr: Expr
    own: bool


class Rewriter:
    """Applies the laws to terms until none makes them shorter."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.definitions: list[Definition] = []
        self.depth = 0
        self.effort = 0
        self.left = _MOST_IN_ALL

    @property
    def tired(self) -> bool:
        """Whether more laws would take too long: what there is then stands as it is."""
        return self.effort > min(_MOST_EFFORT, self.left)

    def cost(self, terms: Iterable[Term]) -> float:
        """How long the terms are; a name that the writer did not give counts double, being written out."""
        terms = list(terms)
        hidden = {d.name for d in self.definitions if not d.own}
        extra = (abs(float(p)) for t in terms for (e, _), p in t.factors.items() if str(e) in hidden)
        return cost(terms) + sum(extra)

    def define(self, name: str, tokens: Tokens, expr: Expr, own: bool) -> None:
        """Let a name stand for an expression where that is shorter; own: the name is the writer's."""
        idx = self.frame.open(tokens)
        try:
            terms = self.normal(self.frame.read(expr, idx))
        except TooLarge:
            return
        self.definitions.append(Definition(name, tokens, idx, tuple(terms), expr, own))

    def normal(self, terms: list[Term]) -> list[Term]:
        """Each term in normal form, and like terms added up."""
        self.effort += len(terms)
        return merge(t for term in terms if (t := self.frame.normal(term)) is not None)

    def shortest(self, terms: list[Term]) -> list[Term]:
        """The terms after all the laws, or after as many as the effort allows. Raises TooLarge."""
        if self.depth == 0:
            self.left -= self.effort
            self.effort = 0
        terms = self.normal(terms)
        for _ in range(_MOST_ROUNDS):
            if self.tired:
                return terms
            for law in LAWS:
                found = law.apply(self, terms)
                if found is not None and self.cost(found) < self.cost(terms):
                    terms = found
                    break
            else:
                return terms
        return terms

    def definition(self, name: Expr) -> Definition | None:
        """How a name is defined, if it is."""
        if not isinstance(name, Name):
            return None
        return next((d for d in self.definitions if d.name == name.id), None)

    def instance(self, found: Definition, idx: tuple[Idx, ...]) -> list[Term] | None:
        """The terms of a definition at other indices; None where a label would be read at a label."""
        rename = {i: j for i, j in zip(found.idx, idx, strict=True) if isinstance(i, str)}
        out = []
        for t in self.frame.apart(found.terms):
            factors = {(e, tuple(_put(i, rename) for i in places)): p for (e, places), p in t.factors.items()}
            if any(isinstance(i, tuple) and isinstance(i[1], tuple) for _, places in factors for i in places):
                return None
            out.append(Term(t.number, factors, t.sums))
        return out

    def unfolded(self, term: Term, factor: Factor) -> list[Term] | None:
        """The term with one factor replaced by its definition."""
        found = self.definition(factor[0])
        power = term.factors[factor]
        if found is None or power.denominator != 1 or not found.terms:
            return None
        inner = self.instance(found, factor[1])
        if inner is None:
            return None
        rest = Term(term.number, {f: p for f, p in term.factors.items() if f != factor}, term.sums)
        if power < 0 and (len(inner) > 1 or inner[0].sums):
            return None
        out = [rest]
        for _ in range(abs(int(power))):
            step = inner if power > 0 else [_inverse(inner[0])]
            out = multiply(out, self.frame.apart(step))
        return self.normal(out)


def _put(i: Idx, rename: Mapping[str, Idx]) -> Idx:
    if isinstance(i, tuple):
        return (i[0], rename.get(i[1], i[1]))  # type: ignore[return-value]
    return rename.get(i, i) if i is not None else None


def _inverse(term: Term) -> Term:
    return Term(1 / term.number, {f: -p for f, p in term.factors.items()}, frozenset())


# ---------------------------------------------------------------- the laws


def _fold(self: Rewriter, terms: list[Term]) -> list[Term] | None:
    """A product (or a sum over an axis) that the forward pass has computed goes by its name."""
    for found in self.definitions:
        if len(found.terms) != 1 or not (found.own or found.terms[0].sums):
            continue
        for place, term in enumerate(terms):
            for new in _matches(self, found, found.terms[0], term):
                if self.tired:
                    return None
                normal = self.normal([new])
                if self.cost(normal) < self.cost([term]):
                    return self.normal([*terms[:place], *normal, *terms[place + 1 :]])
    return None


def _matches(self: Rewriter, found: Definition, pattern: Term, term: Term) -> Iterator[Term]:
    """The ways to write a term with the definition's name in place of its product."""

    def sizes(expr: Expr) -> bool:
        return isinstance(expr, Name) and expr.id not in self.frame.types

    wanted = sorted(pattern.factors.items(), key=lambda item: (-len(item[0][1]), str(item[0][0])))
    wanted = [(f, p) for f, p in wanted if f[1] or not sizes(f[0])]
    counts = {f: p for f, p in pattern.factors.items() if (f, p) not in wanted}
    if not wanted:
        return

    def search(
        at: int, bound: dict[str, Idx], left: dict[Factor, Fraction]
    ) -> Iterator[tuple[dict[str, Idx], dict[Factor, Fraction]]]:
        if at == len(wanted):
            yield bound, left
            return
        (expr, idx), power = wanted[at]
        for factor, have in list(left.items()):
            if factor[0] != expr or have * power < 0 or abs(have) < abs(power):
                continue
            more = _bind(idx, factor[1], bound)
            if more is None:
                continue
            yield from search(at + 1, more, {**left, factor: have - power})

    for bound, left in search(0, {}, dict(term.factors)):
        rest = collected(left)
        summed = {bound.get(s) for s in pattern.sums}
        if not all(isinstance(s, str) and s in term.sums for s in summed) or len(summed) < len(pattern.sums):
            continue
        used = Term(Fraction(1), rest).indices()
        if summed & used or any(plain_of(bound.get(str(i))) in summed for i in found.idx if i is not None):
            continue
        idx = tuple(None if i is None else bound.get(str(i)) for i in found.idx)
        if any(i is not None and j is None for i, j in zip(found.idx, idx, strict=True)):
            continue
        for size, power in counts.items():
            rest[size] = rest.get(size, Fraction(0)) - power
        name = (Name(found.name), idx)
        rest[name] = rest.get(name, Fraction(0)) + 1
        sums = frozenset(term.sums - {s for s in summed if isinstance(s, str)})
        yield Term(term.number / pattern.number, rest, sums)


def _bind(pattern: tuple[Idx, ...], idx: tuple[Idx, ...], bound: Mapping[str, Idx]) -> dict[str, Idx] | None:
    more = dict(bound)
    for p, i in zip(pattern, idx, strict=True):
        if isinstance(p, tuple):
            if not isinstance(i, tuple) or i[0] != p[0]:
                return None
            p, i = p[1], i[1]
        if (p is None) != (i is None):
            return None
        if isinstance(p, str) and more.setdefault(p, i) != i:
            return None
    return more


def _unfold_sum(self: Rewriter, terms: list[Term]) -> list[Term] | None:
    """A value that is summed alone is looked into: centred values sum to 0, a softmax sums to 1."""
    if self.depth >= _DEEPEST:
        return None
    for place, term in enumerate(terms):
        for s in sorted(term.sums):
            holders = [f for f in term.factors if any(plain_of(i) == s for i in f[1])]
            if len(holders) != 1 or term.factors[holders[0]] != 1:
                continue
            new = self.unfolded(term, holders[0])
            if new is None:
                continue
            self.depth += 1
            try:
                new = self.shortest(new)
            finally:
                self.depth -= 1
            if self.cost(new) < self.cost([term]):
                return self.normal([*terms[:place], *new, *terms[place + 1 :]])
    return None


def _softmax_sum(self: Rewriter, terms: list[Term]) -> list[Term] | None:
    """A softmax that is summed alone over its axis is 1."""
    for place, term in enumerate(terms):
        for factor, power in term.factors.items():
            found = self.definition(factor[0])
            expr = found.expr if found is not None else factor[0]
            if power != 1 or not (isinstance(expr, Reduce) and expr.function == "softmax"):
                continue
            places = expr.positions(expr.operand.infer(self.frame.types))
            along = {factor[1][i] for i in places}
            if along & {plain_of(i) for k, i in enumerate(factor[1]) if k not in places}:
                continue  # P[n, y_n] summed over n is no sum over a whole column
            rest = {f: p for f, p in term.factors.items() if f != factor}
            if along <= term.sums and not along & Term(Fraction(1), rest).indices():
                sums = frozenset(s for s in term.sums if s not in along)
                new = Term(term.number, rest, sums)
                return self.normal([*terms[:place], new, *terms[place + 1 :]])
    return None


def _fold_sum(self: Rewriter, terms: list[Term]) -> list[Term] | None:
    """A difference that the forward pass has computed, times the same factors, goes by its name."""
    for found in self.definitions:
        if not 2 <= len(found.terms) <= 3 or any(t.sums for t in found.terms):
            continue
        first = max(found.terms, key=lambda t: len(t.indices()))
        for term in terms:
            for new in _matches(self, found, first, term):
                if self.tired:
                    return None
                name = next(f for f in new.factors if f[0] == Name(found.name))
                inner = self.instance(found, name[1])
                if inner is None:
                    continue
                rest = {**new.factors, name: new.factors[name] - 1}
                whole = self.normal(multiply([Term(new.number, rest, new.sums)], inner))
                have = {t.key: t.number for t in terms}
                if all(have.get(t.key) == t.number for t in whole):
                    gone = {t.key for t in whole}
                    return self.normal([*(t for t in terms if t.key not in gone), new])
    return None


def _unfold(self: Rewriter, terms: list[Term]) -> list[Term] | None:
    """A value is looked into where that makes terms cancel."""
    if self.depth >= 2:
        return None
    present = {str(e) for term in terms for e, _ in term.factors}
    sums = [d for d in self.definitions if d.name in present and len(d.terms) > 1]
    choices = [{d.name} for d in sums] + [{d.name for d in sums if not d.own}]
    for names in choices:
        if self.tired:
            return None
        try:
            self.depth += 1
            short = self.shortest(_opened(self, terms, names))
        except TooLarge:
            continue
        finally:
            self.depth -= 1
        if len(short) <= len(terms) and self.cost(short) < self.cost(terms):
            return short
    return None


def _opened(self: Rewriter, terms: list[Term], names: set[str]) -> list[Term]:
    """The terms with every one of these names replaced by its definition."""
    for _ in range(len(names)):
        out: list[Term] = []
        for term in terms:
            factor = next((f for f in term.factors if str(f[0]) in names), None)
            new = self.unfolded(term, factor) if factor is not None else None
            out += [term] if new is None else new
        terms = self.normal(out)
    return terms


@dataclass(frozen=True)
class Law(Form):
    """One law that shortens terms; `given` are the lines that stand before."""

    apply: Callable[[Rewriter, list[Term]], list[Term] | None] = field(kw_only=True)


LAWS: tuple[Law, ...] = (
    Law(
        "what is summed alone is looked into: centred values sum to 0", "X: N D, G: D",
        "G * sum(Z, axis=N) + G", "G", "m = mean(X, axis=N)\nZ = X - m", apply=_unfold_sum,
    ),
    Law(
        "a product or a sum that has a name goes by its name", "E: N C, G: N C",
        "G * E / sum(E, axis=C)[:, None]", "G * P", "R = sum(E, axis=C)\nP = E / R[:, None]", apply=_fold,
    ),
    Law(
        "a softmax sums to 1", "S: N C, g: N", "g * sum(P, axis=C)", "g", "P = softmax(S, axis=C)", apply=_softmax_sum,
    ),
    Law(
        "a difference that has a name goes by its name", "X: N D, G: N D",
        "G * X - G * m", "G * Z", "m = mean(X, axis=N)\nZ = X - m", apply=_fold_sum,
    ),
    Law(
        "a value is looked into where that makes terms cancel", "p: N, y: N",
        "q * p - y + y * p", "p - y", "q = 1 - y", apply=_unfold,
    ),
)  # fmt: skip
