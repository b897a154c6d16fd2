"""Between formulas and terms: which axis each index runs along, reading a formula, and the normal form of a term."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import permutations

from handgrad.axes import Token, Tokens
from handgrad.derive.terms import (
    DELTA,
    Idx,
    Term,
    collected,
    merge,
    multiply,
    plain_of,
    renamed,
    scaled,
    size_of,
    substituted,
    summed,
)
from handgrad.expressions import Binary, Call, Expr, Name, Number, Reduce, Transpose, Unary
from handgrad.operations import OPERATIONS
from handgrad.placement import NEW, Arange, Index, OneHot, Permute, Spread

__all__ = ["Frame"]

_MOST_SUMS = 5


class Frame:
    """What an index means: the axes of arrays, and which axis each index runs along."""

    def __init__(
        self, types: Mapping[str, Tokens], known: Mapping[Expr, str], inline: Mapping[str, Expr]
    ) -> None:
        self.types = types
        self.known = known  # an expression that the forward pass has named
        self.inline = inline  # names that stand for other expressions: copies, and gradients not kept
        self.token: dict[str, Token] = {}
        # how the arguments of functions are simplified; set by who simplifies
        self.simpler: Callable[[Expr], Expr] = lambda e: e

    def fresh(self, token: Token) -> Idx:
        """A new index along an axis; none along an axis of size 1."""
        if token == 1:
            return None
        name = f"i{len(self.token)}"
        self.token[name] = token
        return name

    def open(self, tokens: Tokens) -> tuple[Idx, ...]:
        """New indices for the axes of an array."""
        return tuple(self.fresh(t) for t in tokens)

    # ------------------------------------------------------------ reading

    def read(self, expr: Expr, idx: tuple[Idx, ...]) -> list[Term]:
        """The terms of one entry of an expression. Raises TooLarge."""
        one = Fraction(1)
        if isinstance(expr, Number):
            return [Term(Fraction(str(expr.value)), {})]
        if isinstance(expr, Name):
            if expr.id in self.inline:
                return self.read(self.inline[expr.id], idx)
            return [Term(one, {(expr, self.own(expr, idx)): one})]
        if isinstance(expr, Unary):
            return scaled(self.read(expr.operand, idx), Fraction(-1))
        if isinstance(expr, Spread):
            return self.read(expr.operand, self.aligned(expr.operand, idx))
        if isinstance(expr, Transpose | Permute):
            return self.read(expr.children[0], self.turned(expr, idx))
        if isinstance(expr, OneHot):
            row, column = idx
            label: Idx = row if isinstance(expr.labels, Arange) else (str(expr.labels), str(row))
            return [Term(one, {(DELTA, (column, label)): one} if column is not None else {})]
        if isinstance(expr, Index):
            return self.read(expr.operand, self.indexed(expr, idx))
        if isinstance(expr, Call) and expr.function == "outer":
            return multiply(self.read(expr.arguments[0], idx[:1]), self.read(expr.arguments[1], idx[1:]))
        if isinstance(expr, Call) and expr.function == "sqrt":
            return self.power(expr, expr.arguments[0], Fraction(1, 2), idx)
        if isinstance(expr, Binary):
            return self.binary(expr, idx)
        if isinstance(expr, Reduce) and expr.function in {"sum", "mean"}:
            return self.reduced(expr, idx)
        return self.opaque(expr, idx)

    def own(self, expr: Expr, idx: tuple[Idx, ...]) -> tuple[Idx, ...]:
        """The indices with None where the array's own axis has size 1."""
        tokens = self.types.get(expr.id, ()) if isinstance(expr, Name) else expr.infer(self.types)
        return tuple(None if t == 1 else i for t, i in zip(tokens, idx, strict=True))

    def aligned(self, expr: Expr, idx: tuple[Idx, ...]) -> tuple[Idx, ...]:
        """The indices of an operand that broadcasts: from the right, none where it has size 1."""
        tokens = expr.infer(self.types)
        last = idx[len(idx) - len(tokens) :]
        return tuple(None if t == 1 else i for t, i in zip(tokens, last, strict=True))

    def turned(self, expr: Transpose | Permute, idx: tuple[Idx, ...]) -> tuple[Idx, ...]:
        if isinstance(expr, Permute):
            order = expr.order(expr.operand.infer(self.types))
            back: list[Idx] = [None] * len(idx)
            for place, source in enumerate(order):
                back[source] = idx[place]
            return tuple(back)
        return (*idx[:-2], idx[-1], idx[-2]) if expr.last_two else idx[::-1]

    def indexed(self, expr: Index, idx: tuple[Idx, ...]) -> tuple[Idx, ...]:
        if not expr.picks:
            plan = expr.plan(expr.operand.infer(self.types))
            return tuple(i for i, item in zip(idx, plan, strict=True) if item != NEW)
        row = str(idx[0])
        return tuple(row if isinstance(item, Arange) else (str(item), row) for item in expr.items)

    def binary(self, expr: Binary, idx: tuple[Idx, ...]) -> list[Term]:
        if expr.op == "@":
            return self.matmul(expr, idx)
        if OPERATIONS[expr.op].kind == "compare":
            return self.opaque(expr, idx)
        if expr.op == "**":
            exponent = expr.right
            minus = isinstance(exponent, Unary) and isinstance(exponent.operand, Number)
            number = exponent.operand if isinstance(exponent, Unary) and minus else exponent
            if not isinstance(number, Number):
                return self.opaque(expr, idx)
            power = Fraction(str(number.value)) * (-1 if minus else 1)
            return self.power(expr, expr.left, power, idx)
        left = self.read(expr.left, self.aligned(expr.left, idx))
        if expr.op == "/":
            below = self.power(expr, expr.right, Fraction(-1), self.aligned(expr.right, idx), inverse=True)
            return multiply(left, below)
        right = self.read(expr.right, self.aligned(expr.right, idx))
        if expr.op == "*":
            return multiply(left, right)
        return left + (right if expr.op == "+" else scaled(right, Fraction(-1)))

    def power(
        self, expr: Expr, base: Expr, power: Fraction, idx: tuple[Idx, ...], inverse: bool = False
    ) -> list[Term]:
        """A power of one term; a power of a sum stays as it is, as an array of its own."""
        terms = merge(self.read(base, self.aligned(base, idx)))
        whole = power.denominator == 1
        if (
            len(terms) == 1
            and not terms[0].sums
            and (whole or (len(terms[0].factors) == 1 and terms[0].number == 1))
        ):
            term = terms[0]
            if whole and abs(power) <= 64 and all(whole or p.denominator == 1 for p in term.factors.values()):
                factors = {f: p * power for f, p in term.factors.items()}
                return [Term(term.number**power.numerator, factors)]
            if not whole and all(p == 1 for p in term.factors.values()):
                return [Term(Fraction(1), dict.fromkeys(term.factors, power))]
        if inverse:
            found = self.opaque(base, idx)
            return [Term(Fraction(1), {f: -p for f, p in found[0].factors.items()})]
        return self.opaque(expr, idx)

    def matmul(self, expr: Binary, idx: tuple[Idx, ...]) -> list[Term]:
        a, b = expr.left.infer(self.types), expr.right.infer(self.types)
        s = self.fresh(a[-1])
        rest = list(idx)
        column = (rest.pop(),) if len(b) > 1 else ()
        row = (rest.pop(),) if len(a) > 1 else ()

        def stack(tokens: Tokens) -> tuple[Idx, ...]:
            outer = tokens[:-2]
            last = rest[len(rest) - len(outer) :]
            return tuple(None if t == 1 else i for t, i in zip(outer, last, strict=True))

        left = self.read(expr.left, (*stack(a), *(None if a[-2] == 1 else i for i in row), s))
        right = self.read(expr.right, (*stack(b), s, *(None if b[-1] == 1 else i for i in column)))
        return summed(multiply(left, right), s)

    def reduced(self, expr: Reduce, idx: tuple[Idx, ...]) -> list[Term]:
        tokens = expr.operand.infer(self.types)
        gone = expr.positions(tokens)
        rest = iter(i for place, i in enumerate(idx) if not (expr.keepdims and place in gone))
        inner = tuple(self.fresh(t) if place in gone else next(rest) for place, t in enumerate(tokens))
        terms = self.read(expr.operand, inner)
        for place in gone:
            terms = summed(terms, inner[place])
            if expr.function == "mean":
                token = tokens[place]
                size = Term(Fraction(1, token), {}) if isinstance(token, int) else size_of(token, -1)
                terms = multiply(terms, [size])
        return terms

    def opaque(self, expr: Expr, idx: tuple[Idx, ...]) -> list[Term]:
        """An array of its own, or the name that the forward pass has for it."""
        simpler = expr.rebuild(tuple(self.simpler(child) for child in expr.children))
        if simpler.infer(self.types) == expr.infer(self.types):
            expr = simpler
        if expr in self.known:
            expr = Name(self.known[expr])
            if expr.id in self.inline:
                return self.read(expr, idx)
        return [Term(Fraction(1), {(expr, self.own(expr, idx)): Fraction(1)})]

    # ------------------------------------------------------------ one term

    def normal(self, term: Term) -> Term | None:
        """A term with one-hot factors used up, constant sums counted and powers collected; None for zero."""
        if term.number == 0:
            return None
        factors = collected(term.factors)
        sums = set(term.sums)
        number = term.number
        changed = True
        while changed:
            changed = False
            for factor in [f for f in factors if f[0] == DELTA]:
                i, j = factor[1]
                if i == j:
                    del factors[factor]
                    changed = True
                    break
                gone, stays = (i, j) if isinstance(i, str) and i in sums else (j, i)
                if isinstance(gone, str) and gone in sums and plain_of(stays) != gone:
                    del factors[factor]
                    replaced = substituted(factors, gone, stays)
                    if replaced is None:
                        factors[factor] = Fraction(1)
                        continue
                    factors, changed = replaced, True
                    sums.discard(gone)
                    break
                # free: beside a one-hot factor only the picked entry of another factor matters
                if isinstance(i, str) and plain_of(j) != i:
                    others = {f: p for f, p in factors.items() if f != factor}
                    replaced = substituted(others, i, j)
                    if replaced is not None and replaced != others:
                        factors, changed = {**replaced, factor: Fraction(1)}, True
                        break
        used = Term(number, factors).indices()
        for s in sorted(sums - used):
            sums.discard(s)
            token = self.token[s]
            if isinstance(token, int):
                number *= token
            else:
                size = (Name(token), ())
                factors[size] = factors.get(size, Fraction(0)) + 1
        return self.renamed(Term(number, collected(factors), frozenset(sums)))

    def renamed(self, term: Term) -> Term:
        """The summed indices by standard names, so that like terms are equal."""
        names = sorted(term.sums)
        if not names or len(names) > _MOST_SUMS:
            return term
        best: tuple[str, Term] | None = None
        for order in permutations(names):
            places: dict[Token, int] = {}
            rename: dict[str, Idx] = {}
            for name in order:
                token = self.token[name]
                places[token] = places.get(token, 0) + 1
                new = f"s_{token}_{places[token]}"
                self.token[new] = token
                rename[name] = new
            factors = {(e, tuple(renamed(i, rename) for i in idx)): p for (e, idx), p in term.factors.items()}
            candidate = Term(term.number, factors, frozenset(str(i) for i in rename.values()))
            text = "|".join(sorted(f"{e}{idx}{p}" for (e, idx), p in factors.items()))
            if best is None or text < best[0]:
                best = (text, candidate)
        assert best is not None
        return best[1]

    def apart(self, terms: Iterable[Term]) -> list[Term]:
        """The same terms with summed indices of their own, ready to be multiplied."""
        out = []
        for term in terms:
            rename: dict[str, Idx] = {s: self.fresh(self.token[s]) for s in sorted(term.sums)}
            factors = {(e, tuple(renamed(i, rename) for i in idx)): p for (e, idx), p in term.factors.items()}
            out.append(Term(term.number, factors, frozenset(str(rename[s]) for s in term.sums)))
        return out
