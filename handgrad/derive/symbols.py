"""The names of a derivation as LaTeX, in the book's notation.

Matrices are capitals, vectors are bold: `w` of two axes is W, `b` of one is a bold b, `xhat` carries a hat, `S_1`
and `Wq` have subscripts. Each name gets a symbol of its own; where two would look alike, one keeps its code's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handgrad.axes import Tokens

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation

__all__ = ["Symbols", "shape", "symbols"]

_GREEK = "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
_SPECIAL = {name: f"\\{name}" for name in _GREEK.split()} | {
    "eps": r"\varepsilon",
    "epsilon": r"\varepsilon",
    "lam": r"\lambda",
}
_ALIAS = {"out": "y", "loss": "L"}  # what the notation page calls them
_ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde"}
_ACCENTED = re.compile(rf"([^\W\d_]|{'|'.join(_SPECIAL)})({'|'.join(_ACCENTS)})(\d*)")
_NUMBERED = re.compile(r"([^\W\d_]+)(\d+)")


@dataclass(frozen=True)
class Symbols:
    """arrays: the symbol of every value, gradient and axis. entries: the letter for one entry of a value.

    types: the axes of every value and gradient, as `Derivation.types`. loss: the loss's own symbol.
    """

    arrays: Mapping[str, str]
    entries: Mapping[str, str]
    types: Mapping[str, Tokens]
    loss: str

    def inline(self, name: str) -> str:
        """The symbol inside a line of text: a gradient alone is written with a slash."""
        found = re.fullmatch(r"\\frac\{(\\partial [^{}]+)\}\{(.+)\}", self.arrays[name])
        return f"{found[1]}/{found[2]}" if found else self.arrays[name]


def shape(tokens: Tokens) -> str:
    r"""The axes under a factor: `N \times D`, and `(M{,})` for a vector."""
    return r" \times ".join(map(str, tokens)) if len(tokens) != 1 else f"({tokens[0]}{{,}})"


def symbols(derivation: Derivation) -> Symbols:
    """The symbols of a derivation's names; the upstream of a result that is not the loss is G."""
    program, types = derivation.program, derivation.types
    taken = {*program.axes}
    arrays: dict[str, str] = {axis: axis for axis in program.axes}
    entries: dict[str, str] = {}
    if not program.scalar:
        taken |= {"L", "G"} - set(program.types)
    # names that keep their own letter choose first: X before x
    for name in sorted(program.types, key=lambda n: (_base(n) != _cased(n, types[n]), len(n) > 1)):
        arrays[name] = _free(_candidates(name, types[name]), taken)
        taken.add(arrays[name])
    lower: set[str] = set()
    for name in program.types:
        entries[name] = _free([_write(name, "entry"), arrays[name]], lower) if types[name] else arrays[name]
        lower.add(entries[name])
    loss = arrays[program.out] if program.scalar else "L" if "L" not in program.types else r"\mathcal L"
    for gradient in derivation.gradients:
        arrays[gradient.name] = _gradient(loss, arrays[gradient.of])
        if len(gradient.parts) > 1:
            lines = [part.line.target for part in gradient.parts]
            for part in gradient.parts:
                via = arrays[part.line.target]
                if lines.count(part.line.target) > 1:
                    via += rf",\,{part.position + 1}"
                arrays[part.target] = rf"\left.{arrays[gradient.name]}\right|_{{{via}}}"
    arrays[derivation.upstream] = _gradient(loss, arrays[program.out])
    if not program.scalar and "G" not in {*program.types, *program.axes}:
        arrays[derivation.upstream] = "G"
    return Symbols(arrays, entries, types, loss)


def _gradient(loss: str, of: str) -> str:
    return rf"\frac{{\partial {loss}}}{{\partial {of}}}"


def _free(candidates: Iterable[str], taken: set[str]) -> str:
    *_, last = found = list(candidates)
    return next((one for one in found if one not in taken), last)


def _candidates(name: str, tokens: Tokens) -> list[str]:
    style = _style(tokens)
    escaped = name.replace("_", r"\_")
    as_typed = {"matrix": "number", "vector": "VECTOR"}.get(style, style)
    return [_write(name, style), _write(name, as_typed, alias=False), rf"\mathtt{{{escaped}}}"]


def _style(tokens: Tokens) -> str:
    if not tokens:
        return "number"
    return "vector" if sum(token != 1 for token in tokens) < 2 else "matrix"


def _base(name: str) -> str:
    return _split(name)[0]


def _cased(name: str, tokens: Tokens) -> str:
    base = _base(name)
    case = {"matrix": str.upper, "vector": str.lower}.get(_style(tokens), str)
    return case(base) if len(base) == 1 else base


def _split(name: str, alias: bool = True) -> tuple[str, str, list[str], int]:
    """Letter, accent, subscripts and primes: W1 is W_1, xhat_2 an x with a hat and a 2, V_ is V'."""
    bare = name.rstrip("_") or name
    first, *below = bare.split("_")
    primes = len(name) - len(bare)
    accent = ""
    if alias:
        first = _ALIAS.get(first, first)
    if found := _ACCENTED.fullmatch(first):
        first, accent = found[1], _ACCENTS[found[2]]
        below = [found[3], *below]
    elif found := _NUMBERED.fullmatch(first):
        first = found[1]
        below = [found[2], *below]
    if first not in _SPECIAL and (re.fullmatch(r"[A-Z][a-z]{1,2}", first) or re.fullmatch("[a-z]{2}", first)):
        first, below = first[0], [first[1:], *below]
    return first, accent, [part for part in below if part], primes


def _write(name: str, style: str, alias: bool = True) -> str:
    base, accent, below, primes = _split(name, alias)
    if base in _SPECIAL:
        text = _SPECIAL[base]
        text = rf"\boldsymbol{{{text}}}" if style.lower() == "vector" else text
    elif len(base) > 1:
        text = rf"\mathbf{{{base}}}" if style.lower() == "vector" else rf"\mathrm{{{base}}}"
    else:
        case = {"matrix": str.upper, "vector": str.lower, "entry": str.lower}.get(style, str)
        text = rf"\mathbf{{{case(base)}}}" if style.lower() == "vector" else case(base)
    text = f"{accent}{{{text}}}" if accent else text
    marks = [part if len(part) == 1 or part.isdigit() else rf"\mathrm{{{part}}}" for part in below]
    return text + "'" * primes + (f"_{{{','.join(marks)}}}" if marks else "")
