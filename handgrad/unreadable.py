"""Where a formula that Python cannot parse goes wrong, and what to write there instead."""

from __future__ import annotations

import re
from collections.abc import Container

__all__ = ["what_to_write"]

# Signs of printed mathematics, and how this language writes them.
_SIGNS = {
    "⊙∘": "write * for the product entry by entry",
    "×·⋅∙•": "write @ for the matrix product, * for the product entry by entry",
    "−–—": "write the minus of the keyboard, -",
    "²³": "write a power with **, as in a ** 2",
    "√": "write sqrt(a)",
    "∑": "write sum(a, axis=N)",
    "∂": "a gradient has a name: write dX for the gradient of X",
    "⊤'\"": "write .T for the transpose, as in X.T, and no quotes",
    "\\${}": "write plain text without LaTeX, as in X.T @ G / N",
    "‘’“”": "write .T for the transpose, as in X.T, and no quotes",
}

_LEXEME = re.compile(
    r"(?P<word>[^\W\d²³][^\W²³]*)|(?P<number>\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)|(?P<op>\*\*|[<>]=?|[-+*/@])"
    r"|(?P<open>[(\[])|(?P<close>[)\]])|(?P<point>\.)|(?P<comment>#.*)|(?P<blank>\s+)|(?P<other>.)"
)
_USUAL = "check: between each two names stands one operator: + - * / ** @"


def what_to_write(line: str, functions: Container[str]) -> tuple[int | None, str]:
    """The column of the slip, None where it cannot be told, and the next step in words."""
    before = ("start", "", 0)
    opened: list[int] = []
    for match in _LEXEME.finditer(line):
        kind, text, at = str(match.lastgroup), match.group(), match.start()
        if kind in ("blank", "comment"):
            continue
        said = _sign(text) or _meeting(before, kind, text, functions)
        if said:
            return at, said
        if kind == "open":
            opened.append(at)
        elif kind == "close":
            if not opened:
                return at, f"a {text} too many, or the bracket that it closes is missing"
            opened.pop()
        before = (kind, text, at)
    if opened:
        return opened[-1], f"the {line[opened[-1]]} is never closed"
    if before[0] in ("op", "point") or before[1] == "=":
        return len(line), _nothing_right(before[1])
    return None, _USUAL


def _sign(text: str) -> str:
    return next((step for signs, step in _SIGNS.items() if text in signs), "")


def _nothing_right(text: str) -> str:
    return "after the point write T, as in X.T" if text == "." else f"{text} needs something on its right"


def _meeting(before: tuple[str, str, int], kind: str, text: str, functions: Container[str]) -> str:
    """Words for two neighbours that cannot stand side by side, else nothing."""
    last, word, _ = before
    if kind in ("word", "number") and last in ("word", "number", "close"):
        if word in functions:
            return f"{word} is a function: write {word}(…) with brackets"
        return "an operator is missing here: write @ for the matrix product, * for entry by entry"
    if (last == "point" and kind != "word") or (last == "op" and kind == "close"):
        return _nothing_right(word)
    if kind == "op" and text not in "+-":
        if last == "op":
            return "one operator too many: leave one out"
        if last in ("start", "open") or word in ("=", ","):
            return f"{text} needs something on its left"
    return ""
