"""A derivation as LaTeX source, to paste into a document that loads amsmath and amssymb."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from handgrad.derive.story import Story

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation
    from handgrad.derive.prove import Proof

__all__ = ["as_latex"]

_PLAIN = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#",
    "$": r"\$", "^": r"\^{}", "~": r"\~{}", "✓": r"$\checkmark$", "✗": r"$\times$", "×": r"$\times$",
    "²": "$^2$", "…": r"\dots{}", "–": "--", "“": "``", "”": "''",
}  # fmt: skip


def as_latex(derivation: Derivation, proof: Proof | None = None) -> str:
    """The whole derivation; with a proof, each line's verdicts."""
    return "\n\n".join(_blocks(Story(derivation, proof))) + "\n"


def _blocks(story: Story) -> Iterator[str]:
    yield "% needs \\usepackage{amsmath, amssymb}"
    yield rf"\paragraph{{Forward, one operation a line.}} {_text(story.given())}"
    yield _display(story.forward())
    yield _text(story.start())
    if story.signs():
        yield _text(story.signs())
    for told in story.steps():
        notes = "\n".join(rf"  \item {_text(label)}: {_text(sentence)}" for label, sentence in told.notes)
        yield rf"\paragraph{{{_text(told.title)}}}"
        yield f"\\begin{{itemize}}\n{notes}\n\\end{{itemize}}"
        yield _display(told.equation)
        if marks := story.marks(told.proof):
            yield _text(marks)
    yield r"\paragraph{The whole}"
    for told in story.whole():
        yield _display(told.equation)
        if marks := story.marks(told.proof):
            yield _text(marks)
    for sentence in [*story.unused(), *story.summary()]:
        yield _text(sentence)


def _display(tex: str) -> str:
    return f"\\[\n{tex}\n\\]"


def _text(sentence: str) -> str:
    """A sentence with everything escaped that is special outside of formulas."""
    parts = re.split(r"(\$[^$]*\$)|`([^`]*)`", sentence)
    out = ""
    for plain, math, code in zip(parts[::3], [*parts[1::3], None], [*parts[2::3], None], strict=True):
        out += _escape(plain or "") + (math or "")
        out += rf"\texttt{{{_escape(code)}}}" if code else ""
    return out


def _escape(text: str) -> str:
    return "".join(_PLAIN.get(character, character) for character in text)
