"""What a derivation says, in sentences with `$…$` for formulas; Markdown, HTML and LaTeX lay them out.

A display formula is LaTeX without dollars. Code stands between backticks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handgrad.axes import Tokens, letters
from handgrad.derive.latex import equation, formula, number
from handgrad.derive.pullbacks import substitute
from handgrad.derive.symbols import Symbols, shape, symbols
from handgrad.expressions import Expr, Name, Number
from handgrad.formula import parse

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation, Gradient, Step
    from handgrad.derive.program import Line
    from handgrad.derive.prove import Proof, ProofLine
    from handgrad.derive.simplify import WholeLine

__all__ = ["Story", "Told"]

MOST_FITS = 6
_SCALAR = r"\text{a scalar}"
SHORT = 32  # characters of a part without a name that a final formula writes out


@dataclass(frozen=True)
class Told:
    """One step, or one sum over several uses.

    title: what is asked. notes: labels and sentences. equation: the answer, for display. proof: its line, if any.
    """

    title: str
    notes: tuple[tuple[str, str], ...]
    equation: str
    proof: ProofLine | None


class Story:
    """The parts of a derivation in the order in which they are told."""

    def __init__(self, derivation: Derivation, proof: Proof | None) -> None:
        self.derivation, self.proof = derivation, proof
        self.symbols: Symbols = symbols(derivation)

    # ------------------------------------------------------------ before the steps

    def given(self) -> str:
        """The arrays that the forward pass is given, with shapes, and their names in code where those differ."""
        program = self.derivation.program
        parts = [self._named(name, tokens) for name, tokens in program.inputs.items()]
        parts += [f"labels {self._named(name, tokens)}" for name, tokens in program.labels.items()]
        return f"Given: {', '.join(parts)}."

    def forward(self) -> str:
        """The forward pass, one operation a line, with the shape of each result."""
        rows = [
            rf"{self.symbols.arrays[line.target]} &= {formula(line.expr, self.symbols)}"
            rf" && {shape(line.tokens) or _SCALAR}"
            for line in self.derivation.program.lines
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def start(self) -> str:
        """Where the backward pass starts."""
        program, known = self.derivation.program, self.symbols
        if program.scalar:
            loss = known.loss
            return rf"Backward: ${loss}$ is the loss, so the start is $\partial {loss}/\partial {loss} = 1$."
        slash = rf"\partial {known.loss}/\partial {known.arrays[program.out]}"
        letter = known.inline(self.derivation.upstream)
        named = f"${slash}$" if letter == slash else f"${letter} = {slash}$"
        return f"Backward: {named}, {letters(self.derivation.types[self.derivation.upstream])}, is given."

    def signs(self) -> str:
        """What the signs in the formulas mean: those that need words and occur."""
        text = " ".join([self.forward(), *(told.equation for told in (*self.steps(), *self.whole()))])
        found = [words for sign, words in _SIGNS if re.search(sign, text)]
        axis = re.search(r"\\sum_\{(\w+)[,}]", text)
        found += [rf"$\sum_{{{axis[1]}}}$ adds along the axis ${axis[1]}$"] if axis else []
        return f"Here {'; '.join(found)}." if found else ""

    # ------------------------------------------------------------ the steps

    def steps(self) -> list[Told]:
        """Backwards, each step, and after the last use of a value the sum over its uses."""
        told: list[Told] = []
        for gradient in self.derivation.gradients:
            told += [self._step(step) for step in gradient.parts]
            if len(gradient.parts) > 1:
                told.append(self._sum(gradient))
        return told

    def _step(self, step: Step) -> Told:
        of = self._math(step.name)
        path = f", through {self._math(step.line.target)}" if step.uses > 1 else ""
        notes = [
            ("upstream", f"{self._math(step.upstream)}, {_shape(step.line.tokens)}"),
            ("in numbers", self._scalar(step)),
            ("shapes", self._fits(step)),
            ("because", self._says(step)),
        ]
        if step.copied:
            notes.append(("copies", self._copies(step)))
        return Told(
            f"Step {step.number}. ${self._line(step.line)}$: the gradient of {of}, {_shape(step.tokens)}{path}",
            tuple(notes),
            equation(self.symbols.arrays[step.target], step.tokens, step.expr, self.symbols),
            self._proof("step", step.target),
        )

    def _sum(self, gradient: Gradient) -> Told:
        paths = _enumerate([self._math(part.line.target) for part in gradient.parts])
        title = f"{self._math(gradient.of)} is used {len(gradient.parts)} times, in {paths}"
        note = ("several uses", "one gradient comes back from each use, and they add up")
        shown = equation(self.symbols.arrays[gradient.name], gradient.tokens, gradient.expr, self.symbols)
        return Told(title, (note,), shown, self._proof("sum", gradient.name))

    def _fits(self, step: Step) -> str:
        choice = step.choice
        exprs = {name: parse(name) for name in choice.factors}
        listed = [f"${self._inline(exprs[name])}$ {_shape(axes)}" for name, axes in choice.factors.items()]
        if not choice.fits:
            return f"from {_enumerate(listed)}, {choice.why}"
        shown = []
        for fit in choice.fits[:MOST_FITS]:
            mark = "✓" if fit in choice.right else "✗"
            shown.append(f"${self._inline(substitute(fit.expr, exprs))}$\N{NO-BREAK SPACE}{mark}")
        more = len(choice.fits) - len(shown)
        shown += [f"{more} more"] if more else []
        count = f"{len(choice.fits)} arrangement{'s' if len(choice.fits) > 1 else ''}"
        first = choice.fits[0]
        why = choice.why.replace(
            f"only {first} fits", f"only ${self._inline(substitute(first.expr, exprs))}$ fits"
        )
        verb = "has" if len(choice.fits) == 1 else "have"
        goal = f"{verb} the shape {letters(step.tokens)}" if step.tokens else "gives a scalar"
        return f"of {_enumerate(listed)}, {count} {goal}: {', '.join(shown)}; {why}"

    def _says(self, step: Step) -> str:
        names = {"y": self._math(step.line.target), "G": self._math(step.upstream), "n": f"${self._count(step)}$",
                 "axis": "", "a": "", "b": ""}  # fmt: skip
        for letter, operand in zip("ab", step.line.operands, strict=False):
            names[letter] = f"${self._inline(operand)}$"
        return step.rule.says.format(**names).replace("1/$", "$1/")

    def _copies(self, step: Step) -> str:
        axes = _enumerate([f"${axis}$" for axis in step.copied])
        each = " × ".join(f"${axis}$" for axis in step.copied)
        return (
            f"{self._math(step.name)}, {_shape(step.tokens)}, was copied along {axes}: {each} copies, "
            "each a use of its own, so the gradients of the copies are summed"
        )

    # ------------------------------------------------------------ in numbers

    def _scalar(self, step: Step) -> str:
        """The same operation on numbers, and its derivative."""
        line = step.line
        letter = {"y": self.symbols.entries[line.target], "n": self._count(step), "axis": ""}
        for key, operand in zip("ab", line.operands, strict=False):
            letter[key] = self._letter(operand, letter["y"])
        by = letter["ab"[step.position]]
        forward = _numbers(step.rule.scalar, letter)
        slope = _numbers(step.rule.slopes[step.position], letter)
        said = rf"${letter['y']} = {forward}$, so $\partial {letter['y']}/\partial {by} = {slope}$"
        return _words_outside(said)

    def _letter(self, operand: Expr, taken: str) -> str:
        if isinstance(operand, Name) and operand.id in self.symbols.entries:
            entry = self.symbols.entries[operand.id]
            return entry if entry != taken else self.symbols.arrays[operand.id]
        if isinstance(operand, Number):
            return number(operand.value)
        return self._inline(operand)

    def _count(self, step: Step) -> str:
        axes = getattr(step.line.expr, "axes", None)
        tokens = step.tokens if axes is None else axes
        named = [self.derivation.types[step.name][a] if isinstance(a, int) else a for a in tokens]
        return r"\,".join(map(str, named)) or "1"

    # ------------------------------------------------------------ after the steps

    def whole(self) -> list[Told]:
        """The whole gradients as matrix formulas; intermediate lines first."""
        return [self._whole(line) for line in self.derivation.simplified.lines]

    def _whole(self, line: WholeLine) -> Told:
        expr = line.shown_expr
        for name in expr.names:
            hidden = self.derivation.program.by_name.get(name)
            if hidden is not None and not hidden.own and len(str(hidden.whole)) <= SHORT:
                expr = substitute(expr, {name: hidden.whole})
        title = f"the gradient of {self._math(line.of)}, {_shape(line.tokens)}"
        shown = equation(self.symbols.arrays[line.name], line.tokens, expr, self.symbols)
        return Told(title, (), shown, self._proof("whole", line.name))

    def unused(self) -> list[str]:
        """Sentences about the inputs on which nothing depends."""
        out = self._math(self.derivation.program.out)
        return [
            f"{out} does not depend on {self._math(name)}, so its gradient is 0."
            for name in self.derivation.unused
        ]

    def summary(self) -> list[str]:
        """What was proved, at which sizes, and what was not."""
        proof = self.proof
        if proof is None:
            return []
        right = sum(line.ok for line in proof.lines)
        sizes = ", ".join(f"{axis} = {size}" for axis, size in proof.sizes.items()) or "scalars"
        said = [
            f"{right} of {len(proof.lines)} lines are right. Numeric: compared on random numbers at {sizes}."
        ]
        said += [f"WRONG: `{line.formula}`: {_why(line)}." for line in proof.failing]
        if proof.small:
            said.append(f"Symbolic: proved exactly, element by element, at {proof.small}.")
        missing: dict[str, list[str]] = {}
        for line in proof.lines:
            if line.symbolic.ok is None:
                missing.setdefault(line.symbolic.why, []).append(f"`{line.name}`")
        said += [f"No symbolic proof of {', '.join(dict.fromkeys(n))}: {why}." for why, n in missing.items()]
        return said

    def marks(self, line: ProofLine | None, sizes: bool = False) -> str:
        """`numeric ✓ symbolic ✓`, if asked with the sizes, and what went wrong where something did."""
        if line is None or self.proof is None:
            return ""
        said = str(line)
        if sizes:
            numbers = ", ".join(f"{axis} = {size}" for axis, size in self.proof.sizes.items()) or "scalars"
            said = f"numeric {line.numeric.mark} at {numbers} · symbolic {line.symbolic.mark}"
            said += f" at {self.proof.small}" if line.symbolic.ok and self.proof.small else ""
        return said if line.ok else f"{said}: WRONG, {_why(line)}"

    # ------------------------------------------------------------ small pieces

    def _proof(self, kind: str, name: str) -> ProofLine | None:
        return self.proof.of(kind, name) if self.proof else None

    def _inline(self, expr: Expr) -> str:
        return (
            self.symbols.inline(expr.id)
            if isinstance(expr, Name) and expr.id in self.symbols.arrays
            else formula(expr, self.symbols)
        )

    def _math(self, name: str) -> str:
        return f"${self.symbols.inline(name)}$"

    def _line(self, line: Line) -> str:
        return f"{self.symbols.arrays[line.target]} = {formula(line.expr, self.symbols)}"

    def _named(self, name: str, tokens: Tokens) -> str:
        symbol = self.symbols.arrays[name]
        code = "" if re.sub(r"\\mathbf|[{}\\]", "", symbol) == name else f" (`{name}`)"
        return f"${symbol}${code} {_shape(tokens)}"


_SIGNS = (
    (r"\\odot", r"$\odot$ multiplies entry by entry"),
    (r"\\frac\{1\}\{(\\sqrt\{)?\\(mathbf|hat|boldsymbol)", r"$1/\mathbf s$ is meant entry by entry"),
    (r"\\text\{row\}", "“row” means along each row"),
    (r"onehot", r"$\operatorname{onehot}(\mathbf y)$ has a 1 in each row, in the column of its label"),
    (r"\\mathbf 1", r"$\mathbf 1$ is made of ones"),
    (r"\[[^\]]*[<>]|\\[lg]e ", r"$[\,\cdot\,]$ is 1 where the condition holds, else 0"),
)  # fmt: skip

_FUNCTIONS = {name: f"\\{name}" for name in ("exp", "log", "tanh", "sin", "cos", "max", "min")}
_FUNCTIONS |= {"gelu": r"\operatorname{gelu}", "gelu'": r"\operatorname{gelu}'"}
_GLYPHS = {"≥": r"\ge ", "≤": r"\le ", "…": r"\dots ", "σ": r"\sigma", "²": "^2"}
_PIECE = re.compile(
    r"\^\((?P<power>[^()]*)\)|√\{(?P<root>\w)\}|\^\{(?P<raised>\w)\}|\{(?P<name>\w+)\}"
    r"|(?P<words> ?[A-Za-z']+(?: [A-Za-z']+)* ?)|(?P<space> )|(?P<mark>.)"
)


def _numbers(template: str, letter: dict[str, str]) -> str:
    """A template of the table, such as `exp({a})` or `1 where {a} > 0, else 0`, as LaTeX with letters in it."""
    out = ""
    for found in _PIECE.finditer(template):
        kind, text = str(found.lastgroup), str(found[str(found.lastgroup)])
        if kind == "power":
            out += _lower(_numbers(text, letter))
        elif kind == "root":
            out += rf"\sqrt{{{letter[text]}}}"
        elif kind == "raised":
            out += f"^{{{letter[text]}}}"
        elif kind == "name":
            out += letter[text]
        elif kind == "space":  # between two factors
            thin = template[: found.start()].endswith("}") and template[found.end() :][:1] in {"{", "("}
            out += r"\," if thin else " "
        elif kind == "words":
            bare = text.strip()
            spaced = text.lstrip() if out[-1:] in {"-", "+"} else text  # a sign brings its own space
            out += f"{_FUNCTIONS[bare]} " if bare in _FUNCTIONS else rf"\text{{{spaced}}}"
        else:
            out += _GLYPHS.get(text, text)
    return out.strip()


def _words_outside(sentence: str) -> str:
    """The sentence with the words that stand inside its formulas outside, where lines can break."""

    def trimmed(found: re.Match[str]) -> str:
        before, inside, after = re.fullmatch(r"(\s*,?\s*)(.*?)(\s*,?\s*)", found[1]).groups()  # type: ignore[union-attr]
        return f"{before}${inside}${after}" if inside else before + after

    return re.sub(r"\$([^$]*)\$", trimmed, re.sub(r"\\text\{([^}]*)\}", r"$\1$", sentence))


def _lower(power: str) -> str:
    """An exponent, with 3-1 worked out."""
    if found := re.fullmatch(r"(\d+)-1", power):
        power = str(int(found[1]) - 1)
    return "" if power == "1" else f"^{{{power}}}"


def _shape(tokens: Tokens) -> str:
    return letters(tokens) if tokens else "a scalar"


def _enumerate(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _why(line: ProofLine) -> str:
    return line.symbolic.why if line.numeric.ok else line.numeric.why
