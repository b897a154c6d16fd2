"""The whole gradients as matrix formulas, as short as the laws make them.

Gradients of intermediate values are put into those that use them, so that factors can cancel. A gradient that
several others need, and that holds a matrix product, keeps a line of its own: dS, then dW and db from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handgrad.axes import Tokens
from handgrad.derive.frame import Frame
from handgrad.derive.laws import Rewriter
from handgrad.derive.program import Line, Program
from handgrad.derive.pullbacks import substitute
from handgrad.derive.terms import TooLarge, cost
from handgrad.derive.tidy import tidy
from handgrad.derive.write import Writer
from handgrad.errors import FormulaError
from handgrad.expressions import Binary, Expr, Name, Number, Transpose
from handgrad.operations import Array
from handgrad.placement import Index, Permute, Spread

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation

__all__ = ["Engine", "Simplified", "WholeLine", "simplify"]

SHORT = 2.6  # a formula of this cost, such as R / N, is not worth a line of its own
LONG = 30.0  # nor is one of this cost worth repeating
WIDE = 70  # characters; a formula in the writer's own words may be as long as this


@dataclass(frozen=True)
class WholeLine:
    """One line of the result: name = expr, the gradient of `of`. shown: the same in the writer's own words."""

    name: str
    of: str
    tokens: Tokens
    expr: Expr
    shown_expr: Expr
    final: bool

    @property
    def shown(self) -> str:
        """The line as it is displayed: parts of the writer's lines that have no name are written out."""
        return f"{self.name} = {self.shown_expr}"

    def __str__(self) -> str:
        return f"{self.name} = {self.expr}"


@dataclass(frozen=True)
class Simplified:
    """The lines in order of computation; `final` ones are the gradients of the inputs."""

    lines: tuple[WholeLine, ...]
    types: Mapping[str, Tokens]

    def run(self, values: Mapping[str, Array], sizes: Mapping[str, int]) -> dict[str, Array]:
        """Every gradient that has a line, from the values of a forward pass and the upstream gradient."""
        known = dict(values)
        for line in self.lines:
            known[line.name] = line.expr.evaluate(known, sizes, self.types)
        return known


class Engine:
    """Reads formulas into terms, shortens them by the laws, and writes them as formulas again.

    lines: the values that have names. inline: names that are read as other expressions; it may grow.
    """

    def __init__(self, lines: Iterable[Line], types: Mapping[str, Tokens], inline: dict[str, Expr]) -> None:
        lines = tuple(lines)
        inline.update({line.target: line.expr for line in lines if _copies(line.expr)})
        self.types, self.inline = types, inline
        self.frame = Frame(types, {line.expr: line.target for line in lines}, inline)
        self.laws = Rewriter(self.frame)
        self.writer = Writer(self.frame)
        self.frame.simpler = self.argument
        for line in lines:
            if line.target not in inline:
                self.laws.define(line.target, line.tokens, line.expr, line.own)

    def argument(self, expr: Expr) -> Expr:
        """The argument of a function, as it stands in a formula."""
        plain = isinstance(expr, Number) or (isinstance(expr, Name) and expr.id not in self.inline)
        return expr if plain else self.shorter(expr)

    def shorter(self, expr: Expr) -> Expr:
        """The shortest formula that the laws find, or the same where it grows too large on the way."""
        tokens = expr.infer(self.types)
        try:
            idx = self.frame.open(tokens)
            found = self.writer.write(self.laws.shortest(self.frame.read(expr, idx)), idx, tokens)
            return found if found.infer(self.types) == tokens else expr
        except (TooLarge, FormulaError):
            return expr


def simplify(derivation: Derivation, seeded: bool = False) -> Simplified:
    """Simplify a derivation's gradients. seeded: keep the upstream of a loss as a factor instead of 1."""
    program = derivation.program
    inline: dict[str, Expr] = {}
    if program.scalar and not seeded:
        inline[derivation.upstream] = Number(1)
    types = derivation.types
    engine = Engine(program.lines, types, inline)
    frame, laws = engine.frame, engine.laws
    lines: list[WholeLine] = []
    affine = _affine(program)
    uses = _uses(derivation)
    for gradient in derivation.gradients:
        whole = substitute(gradient.expr, {part.target: part.expr for part in gradient.parts})
        final = gradient.of in program.inputs
        try:
            idx = frame.open(gradient.tokens)
            terms = laws.shortest(frame.read(whole, idx))
            expr = tidy(engine.writer.write(terms, idx, gradient.tokens))
            length = cost(terms)
            if expr.infer(types) != gradient.tokens:
                raise TooLarge
        except (TooLarge, FormulaError):
            terms, expr, length = [], tidy(substitute(whole, inline)), LONG
        product = _multiplies(expr)
        keep = final or (
            not isinstance(expr, Name)
            and (length > SHORT or (gradient.of in affine and program.by_name[gradient.of].own))
            and (gradient.of in affine or length >= LONG or (product and uses.get(gradient.name, 0) > 1))
        )
        if keep:
            lines.append(
                WholeLine(gradient.name, gradient.of, gradient.tokens, expr, _shown(expr, program), final)
            )
        else:
            inline[gradient.name] = expr
    return Simplified(tuple(_used(lines)), types)


def _copies(expr: Expr) -> bool:
    """Whether a line only gives entries another place: then formulas speak of the entries themselves."""
    return isinstance(expr, Name | Transpose | Permute | Spread | Index)


def _affine(program: Program) -> set[str]:
    """The values at the end of a chain like X @ W + b or Q @ K.T / sqrt(D): their gradients serve several."""
    chain: set[str] = set()
    ends: set[str] = set()
    for line in program.lines:
        expr = line.expr
        if not isinstance(expr, Binary) or expr.op not in {"@", "+", "-", "*", "/"}:
            continue
        operands = [c.id for c in line.operands if isinstance(c, Name)]
        links = [name for name in operands if name in chain and not program.by_name[name].own]
        arrays = [name for name in operands if program.types.get(name)]  # a name of an axis is a number
        constant = expr.op in {"+", "-"} or len(arrays) == 1
        if expr.op == "@" or (links and constant):
            chain.add(line.target)
            ends = (ends - set(links)) | {line.target}
    return ends


def _uses(derivation: Derivation) -> dict[str, int]:
    """How often each gradient stands in the formulas of the steps."""
    counts: dict[str, int] = {}
    for step in derivation.steps:
        stack: list[Expr] = [step.expr]
        while stack:
            node = stack.pop()
            stack += node.children
            if isinstance(node, Name):
                counts[node.id] = counts.get(node.id, 0) + 1
    return counts


def _multiplies(expr: Expr) -> bool:
    return any(isinstance(node, Binary) and node.op == "@" for node in expr.walk())


def _used(lines: list[WholeLine]) -> list[WholeLine]:
    """The lines without those that no other needs; a line whose only reader is one other stays, for its name."""
    needed = {name for line in lines for name in line.expr.names}
    return [line for line in lines if line.final or line.name in needed]


def _shown(expr: Expr, program: Program) -> Expr:
    """The formula with the parts of the writer's lines written out, where that stays short."""
    hidden: dict[str, Line] = {line.target: line for line in program.lines if not line.own}
    for name in expr.names:
        if name not in hidden:
            continue
        whole = substitute(expr, {name: hidden[name].whole})
        if len(str(whole)) <= WIDE:
            expr = whole
    return expr
