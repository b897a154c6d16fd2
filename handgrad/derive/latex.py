"""A formula as LaTeX, in the book's notation, with the shape under each factor; and a whole derivation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from handgrad.axes import Tokens
from handgrad.derive.rules import RULES
from handgrad.derive.symbols import Symbols, shape
from handgrad.expressions import Binary, Call, Expr, Name, Number, Reduce, Transpose, Unary
from handgrad.operations import OPERATIONS
from handgrad.placement import Arange, Index, OneHot, Permute, Reshape, Spread

__all__ = ["equation", "formula", "number"]

# How tightly the parts of a formula hold together.
SUM, PREFIX, TIMES, PRODUCT, POWER, ATOM = range(6)
WIDEST = 22  # symbols in one line of an equation; a longer sum is broken before its signs
_SIGNS = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge"}


def formula(expr: Expr, symbols: Symbols, shapes: bool = False) -> str:
    """One formula; with `shapes`, the axes of each factor stand under it where it occurs first."""
    return _Printer(symbols, shapes).top(expr)


def equation(left: str, tokens: Tokens, expr: Expr, symbols: Symbols) -> str:
    """`left = expr` for display, with shapes; a wide sum takes a line a term.

    left: the LaTeX of what is computed, tokens: its axes.
    """
    left = _under(left, tokens)
    whole = formula(expr, symbols, shapes=True)
    if width(whole) <= WIDEST:
        return f"{left} = {whole}"
    printer = _Printer(symbols, True)
    rows = printer.rows(expr)
    if len(rows) == 1:
        return f"{left} = {rows[0]}"
    inside = " \\\\\n&".join([f"{left} = {rows[0]}", *(rf"\qquad {row}" for row in rows[1:])])
    return f"\\begin{{aligned}}\n&{inside}\n\\end{{aligned}}"


def width(tex: str) -> int:
    """About how many symbols wide a formula is."""
    tex = re.sub(r"_\{(\([^{}]*\{,\}\)|[^{}]*\\times[^{}]*)\}", "", tex)  # shapes stand under their factors
    tex = re.sub(r"\\frac\{\\partial [^{}]*\}\{\\partial ([^{}]*(\{[^{}]*\})?)\}", r"D\1", tex)
    tex = re.sub(r"\\operatorname\{(\w*)\}", r"\1", tex)
    tex = re.sub(r"\\(underbrace|left|right|[bB]igg?[lr]?|mathbf|mathrm|boldsymbol|hat|,|;|!|quad)", "", tex)
    return len(re.sub(r"\\[a-zA-Z]+", "x", tex).translate(str.maketrans("", "", "{}_^ \\&\n")))


def number(value: int | float) -> str:
    """A number as printed: 10^{-5} for 1e-05."""
    if value == math.pi:
        return r"\pi"
    mantissa, e, exponent = repr(value).partition("e")
    if not e:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


def _under(tex: str, tokens: Tokens) -> str:
    return rf"\underbrace{{{tex}}}_{{{shape(tokens)}}}" if tokens else tex


def _wrap(tex: str) -> str:
    size = "Bigl" if r"\frac" in tex else "bigl" if r"\sum" in tex or r"\underbrace" in tex else ""
    return rf"\{size}( {tex} \{size[:-1]}r)" if size else f"({tex})"


@dataclass
class _Printer:
    symbols: Symbols
    shapes: bool
    seen: set[str] = field(default_factory=set)
    root: Expr | None = None  # the whole formula: a sum that is all of it needs no shape of its own

    def top(self, expr: Expr) -> str:
        self.root = expr
        return self.write(expr)[0]

    def rows(self, expr: Expr) -> list[str]:
        """The terms of a sum, each with its sign; of a product, those of a sum among its factors."""
        terms = list(_terms(expr))
        if len(terms) > 1:
            self.root = None
            return [self.signed(sign, term, first=k == 0) for k, (sign, term) in enumerate(terms)]
        sign, body = terms[0]
        above, below = _factors(body)
        sums = [factor for factor in above if len(list(_terms(factor))) > 1]
        if len(sums) != 1:
            return [self.top(expr)]
        rest = [factor for factor in above if factor is not sums[0]]
        start = self.outside(rest, below)
        inner = self.rows(sums[0])
        opened = rf"{'-' if sign < 0 else ''}{start}\Bigl( {inner[0]}"
        return [opened, *inner[1:-1], rf"{inner[-1]} \Bigr)"]

    def outside(self, above: Sequence[Expr], below: Sequence[Expr]) -> str:
        """The factors before a parenthesis, and the sign that joins them to it."""
        if not above and not below:
            return ""
        expr: Expr = above[0] if above else Number(1)
        for factor in above[1:]:
            expr = Binary("*", expr, factor)
        for factor in below:
            expr = Binary("/", expr, factor)
        joint = r" \odot " if self.tokens(expr) else r"\,"
        return self.at(expr, TIMES) + joint

    def signed(self, sign: int, term: Expr, first: bool) -> str:
        body = self.at(term, SUM + 1)
        if first:
            return f"-{body}" if sign < 0 else body
        return f"{'-' if sign < 0 else '+'} {body}"

    # ------------------------------------------------------------ nodes

    def tokens(self, expr: Expr) -> Tokens:
        return expr.infer(self.symbols.types)

    def at(self, expr: Expr, least: int) -> str:
        text, level = self.write(expr)
        return text if level >= least else _wrap(text)

    def inside(self, expr: Expr) -> tuple[str, int]:
        """What `write` gives, without shapes: the inside of a factor that has its own."""
        shown, self.shapes = self.shapes, False
        found = self.write(expr)
        self.shapes = shown
        return found

    def bare(self, expr: Expr, least: int = SUM) -> str:
        text, level = self.inside(expr)
        return text if level >= least else _wrap(text)

    def turned(self, expr: Expr) -> str:
        """The transpose of a factor, without a shape."""
        text, level = self.inside(expr)
        if level < ATOM or r"\frac" in text:
            return rf"{_wrap(text)}^{{\!\top}}"
        return rf"{text}^\top"

    def brace(self, text: str, expr: Expr) -> str:
        """The factor with its shape under it, unless that was shown before."""
        tokens = self.tokens(expr)
        if not self.shapes or not tokens or str(expr) in self.seen:
            return text
        self.seen.add(str(expr))
        return _under(text, tokens)

    def write(self, expr: Expr) -> tuple[str, int]:
        """The LaTeX of a formula, and how tightly it holds together."""
        if isinstance(expr, Name):
            return self.brace(self.symbols.arrays.get(expr.id, expr.id), expr), ATOM
        if isinstance(expr, Number):
            text = number(expr.value)
            return text, SUM if text.startswith("-") else ATOM if "cdot" not in text else PRODUCT
        sign, expr = _signed(expr)
        if sign < 0:
            self.root = expr if self.root is not None else None
            return f"-{self.at(expr, PREFIX)}", SUM
        if isinstance(expr, Transpose):
            return self.brace(self.turned(expr.operand), expr), ATOM
        if isinstance(expr, Binary):
            return self.binary(expr)
        if isinstance(expr, Call):
            return self.call(expr)
        if isinstance(expr, Reduce):
            return self.reduce(expr)
        return self.brace(self.placed(expr), expr), ATOM

    def binary(self, expr: Binary) -> tuple[str, int]:
        if expr.op in {"+", "-"}:
            left = self.at(expr.left, SUM)
            return f"{left} {expr.op} {self.at(expr.right, PREFIX)}", SUM
        if OPERATIONS[expr.op].kind == "compare":
            text = f"[{self.bare(expr.left)} {_SIGNS[expr.op]} {self.bare(expr.right)}]"
            return self.brace(text, expr), ATOM
        if expr.op == "**":
            return self.power(expr)
        if expr.op == "@":
            lies = len(self.tokens(expr.left)) == 1  # a vector left of a product lies down
            left = self.brace(self.turned(expr.left), expr.left) if lies else self.at(expr.left, PRODUCT)
            return rf"{left}\, {self.at(expr.right, PRODUCT)}", PRODUCT
        return self.times(expr)

    def power(self, expr: Binary) -> tuple[str, int]:
        exponent = expr.right.value if isinstance(expr.right, Number) else None
        if exponent == 0.5:
            return self.brace(rf"\sqrt{{{self.bare(expr.left)}}}", expr), ATOM
        base = self.bare(expr.left, ATOM)
        base = _wrap(base) if r"\frac" in base and not base.startswith("\\Bigl") else base
        sign = self.bare(expr.right)
        if sum(token != 1 for token in self.tokens(expr.left)) > 1:
            sign = rf"\odot {sign}"  # entry by entry, and not a product of matrices
        base = f"{{{base}}}" if "^" in base else base
        return self.brace(f"{base}^{{{sign}}}", expr), POWER

    def times(self, expr: Binary) -> tuple[str, int]:
        """Products and quotients, entry by entry: numbers first, then the arrays with a sign between them."""
        above, below = _factors(expr)
        above = [f for f in above if f != Number(1)]
        scalars = [f for f in above if not self.tokens(f)]
        arrays = [f for f in above if self.tokens(f)]
        under = [f for f in below if not self.tokens(f)]
        over = [f for f in below if self.tokens(f)]
        if not arrays and over:  # a number over an array is one factor
            text = rf"\frac{{{self.joined(scalars) or '1'}}}{{{self.joined([*under, *over])}}}"
            return self.brace(text, expr), ATOM
        if not self.shapes and over and not any(r"\frac" in self.bare(f) for f in above):
            text = rf"\frac{{{self.joined(above) or '1'}}}{{{self.joined(below)}}}"
            return text, ATOM
        front = self.bare(scalars[0], TIMES) if len(scalars) == 1 else self.joined(scalars)
        if under and r"\frac" in front:
            front = rf"\frac{{1}}{{{self.joined(under)}}}\, {front}"
        elif under:
            front = rf"\frac{{{front or '1'}}}{{{self.joined(under)}}}"
        if not arrays:
            return front or "1", ATOM if under else PRODUCT
        factors = len(arrays) + len(over)
        least = POWER if factors > 1 else PREFIX if front else PRODUCT
        parts = [self.at(f, least) for f in arrays]
        parts += [self.brace(rf"\frac{{1}}{{{self.bare(f)}}}", Binary("/", Number(1), f)) for f in over]
        body = r" \odot ".join(parts)
        level = TIMES if factors > 1 else PREFIX if isinstance(arrays[0], Reduce) else PRODUCT
        return (rf"{front}\, {body}" if front else body), level

    def joined(self, factors: Sequence[Expr]) -> str:
        """A product without shapes, as it stands in a fraction."""
        numbers = [self.bare(f, PRODUCT) for f in factors if not self.tokens(f)]
        arrays = [f for f in factors if self.tokens(f)]
        many = POWER if len(factors) > 1 else SUM
        texts = [self.bare(f, many) for f in arrays]
        if len(factors) == 1:
            return self.bare(factors[0])
        front = r"\,".join(numbers)
        if len(numbers) > 1 and all(text[0].isdigit() for text in numbers[:2]):
            front = r" \cdot ".join(numbers)
        body = r" \odot ".join(texts)
        return rf"{front}\,{body}" if front and body else front or body

    def call(self, expr: Call) -> tuple[str, int]:
        row = RULES[expr.function].latex
        if expr.function == "outer":
            a, b = expr.arguments
            return rf"{self.at(a, POWER)}\, {self.turned(b)}", PRODUCT
        text = row.format(**dict(zip("ab", map(self.bare, expr.arguments), strict=False)))
        return self.brace(_safe(text), expr), ATOM

    def reduce(self, expr: Reduce) -> tuple[str, int]:
        row = RULES[expr.function].latex
        tokens = self.tokens(expr.operand)
        gone = expr.positions(tokens)
        axes = ",".join(self.axis(tokens, k) for k in gone)
        count = r"\,".join(str(tokens[k]) for k in gone) or "1"
        closed = "({a})" in row
        if expr is self.root and not closed:
            text = row.format(a=self.at(expr.operand, PREFIX), axis=axes, n=count)
            return text.replace("_{}", ""), PREFIX
        inner = self.bare(expr.operand) if closed else self.bare(expr.operand, PREFIX)
        text = row.format(a=inner, axis=axes, n=count).replace("_{}", "")
        braced = self.brace(text, expr)
        return braced, ATOM if closed or braced != text else PREFIX  # a brace holds it together

    def axis(self, tokens: Tokens, k: int) -> str:
        if tokens.count(tokens[k]) == 1:
            return str(tokens[k])
        if len(tokens) == 2:
            return rf"\text{{{'row' if k else 'column'}}}"
        return rf"\text{{axis {k}}}"

    def placed(self, expr: Expr) -> str:
        """What copies, picks and rearranges entries."""
        if isinstance(expr, Index):
            inner = self.bare(expr.operand, ATOM)
            if not expr.picks:
                return inner
            rows = next((str(i.count).lower() for i in expr.items if isinstance(i, Arange)), "i")
            marks = [rows if isinstance(i, Arange) else f"{self.entry(i)}_{{{rows}}}" for i in expr.items]
            return rf"\bigl[ {{{inner}}}_{{{','.join(marks)}}} \bigr]_{{{rows}}}"
        if isinstance(expr, OneHot):
            if isinstance(expr.labels, Arange) and expr.labels.count == expr.count:
                return f"I_{{{expr.count}}}"
            return rf"\operatorname{{onehot}}({self.bare(expr.labels)})"
        if isinstance(expr, Arange):
            return rf"(0, \dots, {expr.count} - 1)"
        if isinstance(expr, Spread):
            return self.copies(expr)
        if isinstance(expr, Reshape):
            return rf"\operatorname{{reshape}}_{{{shape(expr.tokens)}}}({self.bare(expr.operand)})"
        assert isinstance(expr, Permute)
        return rf"\operatorname{{transpose}}_{{{shape(self.tokens(expr))}}}({self.bare(expr.operand)})"

    def copies(self, expr: Spread) -> str:
        have, want = self.tokens(expr.operand), expr.tokens
        if not have:
            ones = shape(want).strip("({,})")
            return rf"{self.bare(expr.operand, POWER)}\, \mathbf 1_{{{ones}}}"
        if len(want) == 2 and have == want[1:]:
            return rf"\mathbf 1_{{{want[0]}}}\, {self.turned(expr.operand)}"
        if len(want) == 2 and have == (want[0], 1):
            return rf"{self.bare(expr.operand, PRODUCT)}\, \mathbf 1_{{{want[1]}}}^\top"
        return rf"\operatorname{{copies}}_{{{shape(want)}}}({self.bare(expr.operand)})"

    def entry(self, item: str | Expr) -> str:
        name = str(item)
        return self.symbols.entries.get(name, name)


def _safe(text: str) -> str:
    """Bars as commands: a plain | would end a cell of a Markdown table."""
    return re.sub(r"\|(.*)\|", r"\\lvert \1 \\rvert", text)


def _signed(expr: Expr) -> tuple[int, Expr]:
    """A formula and its sign, taken out of products, quotients and sums: sum(-a * b) is -sum(a * b)."""
    if isinstance(expr, Unary):
        sign, inner = _signed(expr.operand)
        return -sign, inner
    if isinstance(expr, Binary) and expr.op in {"*", "/"}:
        (a, left), (b, right) = _signed(expr.left), _signed(expr.right)
        return a * b, expr if a == b == 1 else Binary(expr.op, left, right)
    if isinstance(expr, Reduce) and expr.function in {"sum", "mean"}:
        sign, inner = _signed(expr.operand)
        return sign, expr if sign > 0 else expr.rebuild((inner,))
    return 1, expr


def _terms(expr: Expr, sign: int = 1) -> Iterator[tuple[int, Expr]]:
    """The terms of a sum with their signs."""
    own, expr = _signed(expr)
    if own < 0:
        yield -sign, expr
    elif isinstance(expr, Binary) and expr.op in {"+", "-"}:
        yield from _terms(expr.left, sign)
        yield from _terms(expr.right, sign if expr.op == "+" else -sign)
    else:
        yield sign, expr


def _factors(expr: Expr) -> tuple[list[Expr], list[Expr]]:
    """The factors of a product entry by entry, and those that divide it."""
    if not (isinstance(expr, Binary) and expr.op in {"*", "/"}):
        return [expr], []
    above, below = _factors(expr.left)
    more, less = _factors(expr.right)
    if expr.op == "*":
        return [*above, *more], [*below, *less]
    return [*above, *less], [*below, *more]
