"""From a forward pass to its derivation: backwards, one step an operation and operand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from handgrad.axes import Tokens
from handgrad.derive.choice import Choice, choose
from handgrad.derive.program import Line, Program, read
from handgrad.derive.pullbacks import pullback, rule_of, unbroadcast
from handgrad.derive.rules import Rule
from handgrad.derive.tidy import tidy
from handgrad.expressions import Binary, Expr, Name, Number
from handgrad.operations import Array

if TYPE_CHECKING:
    from handgrad.derive.prove import Proof
    from handgrad.derive.simplify import Simplified

__all__ = ["Derivation", "Gradient", "Step", "derive"]


@dataclass(frozen=True)
class Step:
    """One use of a value: what the operation hands back to it.

    line: the operation. name: the value that is differentiated, operand number `position`. upstream: the name
    of the gradient that arrives. local: the pullback. expr: the same, summed over copies. copied: the axes over
    which it is summed. target: the name of what this step computes, the gradient itself if it is the only use.
    scalar: the scalar analogue, "h = exp(s), so dh/ds = exp(s)". choice: what dimension analysis says.
    """

    number: int
    line: Line
    name: str
    position: int
    tokens: Tokens
    upstream: str
    rule: Rule
    local: Expr
    expr: Expr
    copied: Tokens
    target: str
    uses: int
    scalar: str
    says: str
    choice: Choice

    def __str__(self) -> str:
        return f"{self.target} = {self.expr}"


@dataclass(frozen=True)
class Gradient:
    """The gradient of one value: the sum of what its uses hand back. expr is in terms of the parts' names."""

    name: str
    of: str
    tokens: Tokens
    parts: tuple[Step, ...]

    @property
    def expr(self) -> Expr:
        """The one use's formula, or the sum of the parts by name."""
        if len(self.parts) == 1:
            return self.parts[0].expr
        total: Expr = Name(self.parts[0].target)
        for part in self.parts[1:]:
            total = Binary("+", total, Name(part.target))
        return total

    def __str__(self) -> str:
        return f"{self.name} = {self.expr}"


@dataclass(frozen=True)
class Derivation:
    """A forward pass and its derivation. See the package for the object model."""

    program: Program
    steps: tuple[Step, ...]
    gradients: tuple[Gradient, ...]
    unused: tuple[str, ...]

    @property
    def upstream(self) -> str:
        """The name of the gradient that everything starts from; its value is 1 where the result is the loss."""
        return f"d{self.program.out}"

    @cached_property
    def types(self) -> dict[str, Tokens]:
        """The axes of every value, gradient and part."""
        found = dict(self.program.types)
        found[self.upstream] = self.program.lines[-1].tokens
        for gradient in self.gradients:
            found[gradient.name] = gradient.tokens
            found.update({part.target: gradient.tokens for part in gradient.parts})
        return found

    @cached_property
    def simplified(self) -> Simplified:
        """The whole gradients as matrix formulas, in order of computation."""
        from handgrad.derive.simplify import simplify

        return simplify(self)

    @cached_property
    def proof(self) -> Proof:
        """Every line, compared by numbers and proved by SymPy where it is installed."""
        return self.prove()

    def prove(self, *, symbolic: bool = True, seed: int = 0, limit: float = 10.0) -> Proof:
        """Prove every line anew: by numbers with this seed, and, within `limit` seconds, by SymPy."""
        from handgrad.derive.prove import prove

        return prove(self, symbolic=symbolic, seed=seed, limit=limit)

    def __repr__(self) -> str:
        return "\n".join(line.shown for line in self.simplified.lines)

    def _repr_html_(self) -> str:
        from handgrad.derive.html import as_html

        return as_html(self, self.proof)

    def run_steps(
        self, values: Mapping[str, Array], upstream: Array, sizes: Mapping[str, int]
    ) -> dict[str, Array]:
        """Every gradient by the steps as they stand, from the values of a forward pass."""
        known: dict[str, Array] = {**values, self.upstream: upstream}
        for gradient in self.gradients:
            for part in gradient.parts:
                known[part.target] = part.expr.evaluate(known, sizes, self.types)
            if len(gradient.parts) > 1:
                known[gradient.name] = gradient.expr.evaluate(known, sizes, self.types)
        return known


def derive(text: str) -> Derivation:
    """Derive the gradients of a forward pass.

    text: see `handgrad.derive.program`. Raises FormulaError or SpecError, with the spot underlined, for a
    program that cannot be read.
    """
    return build(read(text))


def build(program: Program) -> Derivation:
    """The derivation of a program that has been read. Raises FormulaError where no random input is finite."""
    types: dict[str, Tokens] = dict(program.types)
    sizes = program.sizes()
    rng = np.random.default_rng(0)
    values = program.run(program.sample(rng, sizes), sizes)
    pending: dict[str, list[tuple[Line, int, Expr, Tokens, Tokens]]] = {}
    for line in program.lines:
        types[f"d{line.target}"] = line.tokens
    gradients: list[Gradient] = []
    steps: list[Step] = []

    def finish(name: str) -> None:
        """All uses of a value are known: number them and sum them."""
        found = pending.pop(name, [])
        if not found:
            return
        parts: list[Step] = []
        for line, position, local, copied, tokens in found:
            rule = rule_of(line, types)
            assert rule is not None
            target = f"d{name}" if len(found) == 1 else _part_name(name, line, position, found, types)
            expr = tidy(unbroadcast(local, local.infer(types), tokens)[0])
            upstream = f"d{line.target}"
            words = _words(line, name)
            grads = {**values, upstream: rng.standard_normal(np.shape(values[line.target]))}
            chosen = choose(line, name, position, rule, local, expr, tokens, types, grads, sizes)
            parts.append(
                Step(
                    len(steps) + 1, line, name, position, tokens, upstream, rule, local, expr, copied, target,
                    len(found), _scalar(rule, position, words, line), _fill(rule.says, line, words, upstream), chosen,
                )
            )  # fmt: skip
            types[target] = tokens
            steps.append(parts[-1])
        gradients.append(Gradient(f"d{name}", name, types[name], tuple(parts)))
        types[f"d{name}"] = types[name]

    for line in reversed(program.lines):
        finish(line.target)
        if line.target not in program.reach:
            continue
        for position, operand in enumerate(line.operands):
            if not (isinstance(operand, Name) and operand.id in program.reach):
                continue
            local = pullback(line, position, types, Name(f"d{line.target}"))
            if local is None:
                continue
            local = tidy(local)
            have = local.infer(types)
            copied = unbroadcast(local, have, types[operand.id])[1]
            pending.setdefault(operand.id, []).append((line, position, local, copied, types[operand.id]))
    for name in reversed(list(program.inputs)):
        finish(name)
    unused = tuple(name for name in program.inputs if name not in program.reach)
    return Derivation(program, tuple(steps), tuple(gradients), unused)


def _part_name(
    name: str,
    line: Line,
    position: int,
    found: list[tuple[Line, int, Expr, Tokens, Tokens]],
    types: Mapping[str, Tokens],
) -> str:
    twice = sum(other.target == line.target for other, *_ in found) > 1
    part = f"d{name}_via_{line.target}" + (f"_{position + 1}" if twice else "")
    while part in types:
        part += "_"
    return part


def _words(line: Line, name: str) -> dict[str, str]:
    """Scalar letters for the operands: the names in lower case, apart where that makes two alike."""
    words = {"y": line.target.lower()}
    for letter, operand in zip("ab", line.operands, strict=False):
        word = str(operand).lower() if isinstance(operand, Name | Number) else f"({operand})"
        words[letter] = word if word != words["y"] else str(operand)
    words["n"] = "N"
    words["axis"] = ""
    expr = line.expr
    operand_axes = getattr(expr, "axes", None)
    if operand_axes:
        words["axis"] = ", ".join(map(str, operand_axes))
        words["n"] = (
            " ".join(map(str, operand_axes)) if all(isinstance(a, str) for a in operand_axes) else "n"
        )
    return words


def _scalar(rule: Rule, position: int, words: Mapping[str, str], line: Line) -> str:
    """The scalar analogue: the operation on numbers, and its derivative."""
    forward, slope = rule.scalar.format(**words), rule.slopes[position].format(**words)
    if (
        rule.key == "**"
        and position == 0
        and isinstance(line.expr, Binary)
        and isinstance(line.expr.right, Number)
    ):
        power = line.expr.right.value
        rest = "" if power == 2 else f"^{power - 1:g}"
        slope = f"{power:g} {words['a']}{rest}"
    return f"{words['y']} = {forward}, so d{words['y']}/d{words['ab'[position]]} = {slope}"


def _fill(sentence: str, line: Line, words: Mapping[str, str], upstream: str) -> str:
    """The rule's reason, with the arrays' own names."""
    names = {**words, "y": line.target, "G": upstream}
    names.update(zip("ab", map(str, line.operands), strict=False))
    return sentence.format(**names)
