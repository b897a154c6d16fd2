"""From terms with indices back to matrix formulas: common factors out, sums as `@`, `sum` or `mean`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from handgrad.axes import Token, Tokens
from handgrad.derive.frame import Frame
from handgrad.derive.terms import DELTA, Factor, Idx, Term, core_of, plain_of, stands_alone, without
from handgrad.expressions import Binary, Call, Expr, Name, Number, Reduce, Transpose, Unary
from handgrad.operations import OPERATIONS
from handgrad.placement import ALL, NEW, Arange, Index, OneHot, Permute, Spread

__all__ = ["Writer"]


@dataclass(frozen=True)
class Tensor:
    """An expression, the index of each of its axes, and the power at which it stands in a product."""

    expr: Expr
    idx: tuple[str | None, ...]
    power: Fraction = Fraction(1)

    @property
    def plain(self) -> list[str]:
        """The indices without the axes of size 1."""
        return [i for i in self.idx if i is not None]


class Writer:
    """Writes terms as formulas that NumPy would take."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def write(self, terms: Sequence[Term], idx: tuple[Idx, ...], tokens: Tokens) -> Expr:
        """The array whose entry at idx is the sum of the terms, with exactly these axes."""
        order = [str(i) if i is not None else f"one{k}" for k, i in enumerate(idx)]
        expr = self.total(list(terms), order) if terms else Number(0)
        if expr.infer(self.frame.types) != tokens:
            expr = Spread(expr, tuple(Name(t) if isinstance(t, str) else Number(t) for t in tokens))
        return expr

    # ------------------------------------------------------------ sums of terms

    def total(self, terms: list[Term], order: list[str]) -> Expr:
        """The sum of the terms, laid out to broadcast against the axes in `order`."""
        if len(terms) == 1:
            return self.term(terms[0], order)
        common = self.common(terms)
        numbers = {abs(t.number) for t in terms}
        number = numbers.pop() if len(numbers) == 1 else Fraction(1)
        if all(t.number < 0 for t in terms):
            number = -number
        if common or number != 1:
            inner = [Term(t.number / number, without(t, common), t.sums) for t in terms]
            body = self.total(inner, order)
            rank = len(body.infer(self.frame.types))
            idx: tuple[str | None, ...] = tuple(order[len(order) - rank :])
            tensors = [*(self.tensor(f, p) for f, p in common.items()), Tensor(body, idx)]
            return self.product(tensors, number, order)
        cores = [core_of(t) for t in terms]
        for core in dict.fromkeys(c.key for c in cores if c.sums):
            group = [t for t, c in zip(terms, cores, strict=True) if c.key == core]
            rest = [t for t, c in zip(terms, cores, strict=True) if c.key != core]
            if len(group) > 1:
                expr = self.around(group, cores[[c.key for c in cores].index(core)], order)
                return _join(expr, [self.total(rest, order)]) if rest else expr
        shared = self.most_shared(terms)
        if shared is not None:
            group = [t for t in terms if self.has(t, *shared)]
            rest = [t for t in terms if not self.has(t, *shared)]
            if rest:
                return _join(self.total(group, order), [self.term(t, order) for t in rest])
        terms = sorted(terms, key=lambda t: t.number < 0)
        return _join(self.term(terms[0], order), [self.term(t, order) for t in terms[1:]])

    def around(self, terms: list[Term], core: Term, order: list[str]) -> Expr:
        """Several terms that hold the same sum, as a product with it: (1 - Y ** 2) * (G @ W.T)."""
        inner = [Term(t.number, without(t, dict(core.factors)), frozenset()) for t in terms]
        tensors = []
        for expr in (self.total(inner, order), self.term(core, order)):
            rank = len(expr.infer(self.frame.types))
            tensors.append(Tensor(expr, tuple(order[len(order) - rank :])))
        return self.product(tensors, Fraction(1), order)

    def common(self, terms: Sequence[Term]) -> dict[Factor, Fraction]:
        """The factors that every term has, outside of its sums."""
        out: dict[Factor, Fraction] = {}
        for factor, power in terms[0].factors.items():
            powers = [t.factors.get(factor, Fraction(0)) for t in terms]
            free = not any(plain_of(i) in t.sums for i in factor[1] for t in terms)
            if free and all(p * power > 0 for p in powers) and stands_alone(factor):
                out[factor] = min(powers, key=abs)
        return out

    def most_shared(self, terms: Sequence[Term]) -> tuple[Factor, int] | None:
        """The factor, and its sign, that most terms have outside of their sums: at least two of them."""
        counts: dict[tuple[Factor, int], int] = {}
        for term in terms:
            for factor, power in term.factors.items():
                under = any(plain_of(i) in term.sums for i in factor[1])
                if stands_alone(factor) and not under and not self.is_size_of(factor):
                    key = (factor, 1 if power > 0 else -1)
                    counts[key] = counts.get(key, 0) + 1
        # arrays before sizes: gamma * (a + b) + c / N
        ranked = sorted(counts.items(), key=lambda item: (-item[1], -len(item[0][0][1])))
        best = [key for key, count in ranked if count > 1]
        return best[0] if best else None

    @staticmethod
    def has(term: Term, factor: Factor, sign: int) -> bool:
        outside = not any(plain_of(i) in term.sums for i in factor[1])
        return outside and term.factors.get(factor, Fraction(0)) * sign > 0

    # ------------------------------------------------------------ one term

    def tensor(self, factor: Factor, power: Fraction) -> Tensor:
        """A factor without labels among its indices, unless each row picks its own entry."""
        expr, idx = factor
        rows = {plain_of(i) for i in idx if i is not None}
        picks = any(isinstance(i, tuple) for i in idx) or len([i for i in idx if i is not None]) > len(rows)
        if picks and len(rows) == 1 and None not in idx:
            row = str(rows.pop())
            count = self.size(row)
            items: list[str | Expr] = []
            for i in idx:
                items.append(Name(i[0]) if isinstance(i, tuple) else Arange(count))
            return Tensor(Index(expr, tuple(items)), (row,), power)
        return Tensor(expr, tuple(i if i is None else str(i) for i in idx), power)

    def size(self, index: str) -> Expr:
        token = self.frame.token[index]
        return Name(token) if isinstance(token, str) else Number(token)

    def tensors(self, term: Term) -> tuple[list[Tensor], set[str]]:
        """The factors as arrays; where a label stands among other indices, a one-hot matrix picks."""
        out: list[Tensor] = []
        sums = set(term.sums)
        for (expr, idx), power in term.factors.items():
            if expr == DELTA:
                column, label = idx
                row = str(plain_of(label))
                labels = Name(label[0]) if isinstance(label, tuple) else Arange(self.size(row))
                out.append(Tensor(OneHot(labels, self.size(str(column))), (row, str(column))))
                continue
            rows = {plain_of(i) for i in idx if i is not None}
            several = any(isinstance(i, tuple) for i in idx) or len([i for i in idx if i is not None]) > len(
                rows
            )
            if several and (len(rows) > 1 or None in idx):
                plain = self.spread_out(expr, idx, out, sums)
                out.append(Tensor(expr, plain, power))
                continue
            out.append(self.tensor((expr, idx), power))
        return out, sums

    def spread_out(
        self, expr: Expr, idx: tuple[Idx, ...], out: list[Tensor], sums: set[str]
    ) -> tuple[str | None, ...]:
        """Indices that all differ: a one-hot matrix, summed over, ties each new one to the label or index it was."""
        plain: list[str | None] = []
        for token, i in zip(expr.infer(self.frame.types), idx, strict=True):
            if i is None or (isinstance(i, str) and i not in plain):
                plain.append(i)
                continue
            column = str(self.frame.fresh(token))
            row = str(plain_of(i))
            labels = Name(i[0]) if isinstance(i, tuple) else Arange(self.size(row))
            out.append(Tensor(OneHot(labels, self.size(column)), (row, column)))
            sums.add(column)
            plain.append(column)
        return tuple(plain)

    def term(self, term: Term, order: list[str]) -> Expr:
        """One term, laid out to broadcast against the axes in `order`."""
        tensors, sums = self.tensors(term)
        while sums:
            s = min(sorted(sums), key=lambda s: len({i for t in tensors if s in t.idx for i in t.plain}))
            group = [t for t in tensors if s in t.idx]
            rest = [t for t in tensors if s not in t.idx]
            found = self.matmul(group, s, order, self.averages(rest, s))
            if found is None:
                found, rest, done = self.reduced(group, rest, s, sums, order)
                sums -= done
            sums.discard(s)
            tensors = [*rest, found]
        return self.product(tensors, term.number, order)

    def averages(self, rest: Sequence[Tensor], s: str, times: int = 1) -> bool:
        """Whether a 1/N stands beside a sum over N, so many times."""
        return any(t.expr == self.size(s) and t.power <= -times and not t.idx for t in rest)

    def matmul(self, group: list[Tensor], s: str, order: list[str], averages: bool) -> Tensor | None:
        """A sum over one index of two clumps of factors as a matrix product, where that is one."""
        sets = [frozenset(t.plain) for t in group]
        widest = max(sets, key=len)
        outside = [g for g in sets if not g <= widest]
        left = [t for t, g in zip(group, sets, strict=True) if g <= widest]
        right = [t for t, g in zip(group, sets, strict=True) if not g <= widest]
        if not outside:
            vectors = [t for t, g in zip(group, sets, strict=True) if g == {s}]
            left, right = [t for t in group if t not in vectors], vectors
            if not vectors or len(widest) != 2 or any(t.power < 0 for t in vectors):
                return None
            kept = [i for t in left for i in t.plain if i != s][:1]
            if averages and (len(left) > 1 or [o for o in order if o in self.frame.token] != kept):
                return None
        if all(t.power < 0 for t in left) or all(t.power < 0 for t in right):
            return None
        a = {i for t in left for i in t.plain}
        b = {i for t in right for i in t.plain}
        shared = (a & b) - {s}
        rows, columns = a - shared - {s}, b - shared - {s}
        if len(rows) > 1 or len(columns) > 1 or (shared and not (rows and columns)):
            return None
        stack = [i for i in order if i in shared] + sorted(shared - set(order))
        if rows and columns and _place(order, rows) > _place(order, columns):
            left, right, rows, columns = right, left, columns, rows
        if not rows:
            left, right, rows, columns = right, left, columns, rows
        flat = self.column(left, right, s, rows, order) if not (columns or stack) else None
        if flat is not None:
            return flat
        first = [*stack, *sorted(rows), s]
        second = [*stack, s, *sorted(columns)]
        expr = Binary("@", self.clump(left, first), self.clump(right, second))
        return Tensor(expr, (*stack, *sorted(rows), *sorted(columns)))

    def column(
        self, left: list[Tensor], right: list[Tensor], s: str, rows: set[str], order: list[str]
    ) -> Tensor | None:
        """A product with a matrix of one column, or of one row, where the result wants that axis too."""
        if len(right) != 1 or len(order) != 2 or len(rows) != 1 or right[0].power != 1:
            return None
        row = next(iter(rows))
        if right[0].idx == (s, None) and order[0] == row:
            return Tensor(Binary("@", self.clump(left, [row, s]), right[0].expr), (row, None))
        if right[0].idx == (None, s) and order[1] == row:
            return Tensor(Binary("@", right[0].expr, self.clump(left, [s, row])), (None, row))
        return None

    def clump(self, tensors: list[Tensor], order: list[str]) -> Expr:
        """A product with all of these axes: in the order of its widest factor, then transposed if need be."""
        natural = max(tensors, key=lambda t: (len(t.plain), t.power > 0)).plain
        if len(tensors) > 1 and len(order) == 2 and natural == order[::-1]:
            return Transpose(self.product(tensors, Fraction(1), natural))
        return self.product(tensors, Fraction(1), order)

    def reduced(
        self, group: list[Tensor], rest: list[Tensor], s: str, sums: set[str], order: list[str]
    ) -> tuple[Tensor, list[Tensor], set[str]]:
        """A sum, or a mean, over the axes that the same factors share."""
        done = {other for other in sums if [t for t in [*group, *rest] if other in t.idx] == group}
        union = list(dict.fromkeys(i for t in sorted(group, key=lambda t: -len(t.plain)) for i in t.plain))
        wanted = [i for i in order if i in union]
        if len(wanted) + len(done) == len(union):  # as the result wants it, if the factors do not mind
            kept = [i for i in union if i in wanted]
            if kept != wanted:
                union = [wanted.pop(0) if i in wanted or i in kept else i for i in union]
        body = self.product(group, Fraction(1), union)
        function = "sum"
        sizes = Counter(self.frame.token[i] for i in done)
        if all(self.averages(rest, i, sizes[self.frame.token[i]]) for i in done):
            function = "mean"
            for i in done:
                at = next(k for k, t in enumerate(rest) if t.expr == self.size(i) and t.power <= -1)
                one = replace(rest[at], power=rest[at].power + 1)
                rest = [*rest[:at], *([one] if one.power else []), *rest[at + 1 :]]
        tokens = [self.frame.token[i] for i in union]
        places = [k for k, i in enumerate(union) if i in done]
        axes: tuple[Token, ...] | None = tuple(
            tokens[k] if isinstance(tokens[k], str) and tokens.count(tokens[k]) == 1 else k for k in places
        )
        if len(places) == len(union):
            axes = None
        found = Tensor(Reduce(function, body, axes), tuple(i for i in union if i not in done))
        return found, rest, done

    # ------------------------------------------------------------ products and layout

    def product(self, tensors: list[Tensor], number: Fraction, order: list[str]) -> Expr:
        """number * the factors, each laid out against `order`; sizes and divisors last."""
        minus = number < 0
        number = abs(number)
        above = [t for t in tensors if t.power > 0]
        below = [t for t in tensors if t.power < 0]
        plain = [t for t in above if t.idx or not self.is_size(t)]
        sizes = [t for t in above if t not in plain]
        parts = [self.laid(t, order) for t in [*sizes, *plain]]
        top, bottom = number.numerator, number.denominator
        decimal = float(number)
        if bottom > 12 and len(repr(decimal)) < 12:
            parts.insert(0, Number(decimal))
            bottom = 1
        elif top != 1 or not parts:
            parts.insert(0, Number(top))
        expr = parts[0]
        for part in parts[1:]:
            expr = Binary("*", expr, part)
        under: list[Expr] = [Number(bottom)] if bottom != 1 else []
        under += [self.laid(replace(t, power=-t.power), order) for t in below]
        if under:
            divisor = under[0]
            for part in under[1:]:
                divisor = Binary("*", divisor, part)
            expr = Binary("/", expr, divisor)
        return Unary(expr) if minus else expr

    def is_size_of(self, factor: Factor) -> bool:
        """Whether a factor is the size of an axis: a 1/N belongs to the sum beside it."""
        return isinstance(factor[0], Name) and factor[0].id not in self.frame.types and factor[0] != DELTA

    def is_size(self, tensor: Tensor) -> bool:
        return isinstance(tensor.expr, Name) and tensor.expr.id not in self.frame.types

    def laid(self, tensor: Tensor, order: list[str]) -> Expr:
        """A factor to its power, with its axes where `order` has them."""
        expr = self.placed(tensor, order)
        power = tensor.power
        if power == 1:
            return expr
        if power == Fraction(1, 2):
            return Call("sqrt", (expr,))
        number = power.numerator if power.denominator == 1 else float(power)
        return Binary("**", expr, Number(number))

    def placed(self, tensor: Tensor, order: list[str]) -> Expr:
        expr, idx = tensor.expr, tensor.idx
        if _broadcasts(idx, order):
            return expr
        if len(idx) == 2 and None in idx and _broadcasts(idx[::-1], order):
            return Transpose(expr)
        if None in idx:
            ones = tuple(k for k, i in enumerate(idx) if i is None)
            expr = Reduce("sum", expr, ones)  # of one entry each: it takes the axes of size 1 away
        plain = tensor.plain
        wanted = [i for i in order if i in plain]
        if plain != wanted:
            if len(plain) == 2:
                expr = Transpose(expr)
            elif plain[:-2] == wanted[:-2]:
                expr = Transpose(expr, last_two=True)
            else:
                expr = Permute(expr, tuple(plain.index(i) for i in wanted))
        first = order.index(wanted[0]) if wanted else len(order)
        items = tuple(ALL if o in wanted else NEW for o in order[first:])
        if NEW not in items:
            return expr
        drops = (
            isinstance(expr, Reduce) and OPERATIONS[expr.function].kind == "reduction" and not expr.keepdims
        )
        if isinstance(expr, Reduce) and drops and expr.axes is not None and len(expr.axes) == 1:
            kept = replace(expr, keepdims=True)
            at = kept.positions(kept.operand.infer(self.frame.types))[0]
            if [k for k, item in enumerate(items) if item == NEW] == [at]:
                return kept
        return Index(expr, items)


def _broadcasts(idx: tuple[str | None, ...], order: list[str]) -> bool:
    """Whether NumPy lays an array with these axes against the order as it stands."""
    pairs = zip(idx[::-1], order[::-1], strict=False)
    return len(idx) <= len(order) and all(i is None or i == o for i, o in pairs)


def _place(order: list[str], some: set[str]) -> int:
    return min((order.index(i) if i in order else len(order)) for i in some)


def _join(first: Expr, rest: list[Expr]) -> Expr:
    expr = first
    for part in rest:
        if isinstance(part, Unary):
            expr = Binary("-", expr, part.operand)
        elif isinstance(expr, Unary):
            expr = Binary("-", part, expr.operand)
        else:
            expr = Binary("+", expr, part)
    return expr
