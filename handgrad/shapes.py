"""Named axes: read `"x: N D, w: D M -> out: N M"`, bind it to arrays, explain a shape that does not fit.

An axis is a name (`N`), an integer (`1`) or, once in an array, the unnamed rest `...`: zero or more axes,
the same for every array that writes it. A scalar has no axes (`loss:`). Arrays are separated by a comma,
a semicolon or a new line. What stands right of `->` is output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from handgrad.arrangements import Arrangement, Sorted, distinguish, search
from handgrad.axes import REST, Token, Tokens, classify, explain, letters, shape_of
from handgrad.errors import ShapeError, SpecError, UnknownNameError, layout, nearest

__all__ = [
    "REST",
    "Arrangement",
    "Sorted",
    "Spec",
    "Token",
    "Tokens",
    "arrangements",
    "classify",
    "distinguish",
    "explain",
    "letters",
    "parse",
    "parse_axes",
    "shape_of",
]

_LONGEST = 10_000
_LEXEME = re.compile(
    r"(?P<arrow>->)|(?P<rest>\.\.\.)|(?P<size>[0-9]+)|(?P<name>[^\W\d]\w*)|(?P<mark>[:,;\n])|(?P<blank>[^\S\n]+)"
)


@dataclass(frozen=True)
class Spec:
    """Axes by array: `inputs` and `outputs` map a name to its tuple of axis tokens, in the order written."""

    text: str
    inputs: Mapping[str, Tokens] = field(hash=False)
    outputs: Mapping[str, Tokens] = field(hash=False)

    def axes(self, name: str) -> Tokens:
        """The axis tokens of an array. Raises UnknownNameError for a name that the spec does not have."""
        known = {**self.inputs, **self.outputs}
        if name not in known:
            raise UnknownNameError(
                layout("shapes", f"no array {name!r} in the spec", step=nearest(str(name), known))
            )
        return known[name]

    def letters(self, name: str) -> str:
        """The axes of an array as printed in messages: `(D, M)`. Raises UnknownNameError."""
        return letters(self.axes(name))

    def shape_of(self, name: str, sizes: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape of an array at the given sizes.

        >>> parse("x: N ..., w: D M").shape_of("x", {"N": 7, "...": (3, 2)})
        (7, 3, 2)

        Raises UnknownNameError for an array that the spec, or an axis that `sizes`, does not have.
        """
        return shape_of(self.axes(name), sizes)

    def bind(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The size of every axis, read off arrays in the order of the spec; `"..."` is bound to a tuple.

        >>> import numpy as np
        >>> parse("x: N D, w: D M").bind({"x": np.ones((7, 5)), "w": np.ones((5, 3))})
        {'N': 7, 'D': 5, 'M': 3}

        Every input must be given; an output is checked if given. Raises ShapeError for an array that is
        missing, unknown, no array, or of a shape that does not fit: it names the axis and who bound it first.
        """
        known = {**self.inputs, **self.outputs}
        for name in arrays:
            if name not in known:
                shown = f"{name}"
                raise ShapeError(
                    layout("shapes", f"no array {shown!r} in the spec", step=nearest(shown, known))
                )
        binding = _Binding({}, {})
        for name, tokens in known.items():
            if name in arrays:
                binding.add(name, tokens, _shape(name, tokens, arrays[name]))
            elif name in self.inputs:
                raise ShapeError(layout(name, f"is missing, expected an array of shape {letters(tokens)}"))
        return binding.sizes


# ---------------------------------------------------------------- reading


def parse(text: str) -> Spec:
    """Read a shape specification.

    >>> spec = parse("x: N ..., w: D M, b: M -> out: N M")
    >>> spec.inputs["x"], spec.outputs
    (('N', '...'), {'out': ('N', 'M')})

    Raises SpecError, with a caret under the spot, for text that cannot be read.
    """
    return _Reader(text).spec()


def parse_axes(text: str) -> Tokens:
    """Read the axes of one array, without a name: `"N D"`. Raises SpecError for text that cannot be read."""
    reader = _Reader(text)
    tokens = reader.axes()
    if reader.kind != "end":
        raise reader.broken("expected an axis: a name such as N, a number or ...")
    return tokens


def arrangements(
    target: str,
    factors: Mapping[str, str],
    sizes: Mapping[str, int] | None = None,
    reductions: bool = False,
) -> list[Arrangement]:
    """Every distinct product, transpose and element-wise product of all the factors that has the target's shape.

    >>> wanted = {"X": "N D", "G": "N C"}
    >>> [str(a) for a in arrangements("D C", wanted)]
    ['X.T @ G']
    >>> [(str(a), a.only_if) for a in arrangements("D C", wanted, sizes={"N": 7, "D": 5, "C": 5})]
    [('X.T @ G', ()), ('G.T @ X', ('D = C',))]
    >>> len(arrangements("D C", wanted, sizes={"N": 4, "D": 4, "C": 4}))
    12

    Each factor is used once. Two formulas are one if they differ in brackets, in the order within `*`, or
    in where transposes stand. Without `sizes`, axes of different names differ in size. Nothing broadcasts.

    A vector follows NumPy: `W @ x`, `x @ W` and `x @ y` by the rules of `@`, `.T` leaves it alone, and
    `outer(x, g)` is included; `W @ x` and `x @ W.T` are equal, and listed once. A scalar multiplies scalars.

    With `reductions`, also one sum over an axis, of a factor, of an intermediate or of the result; the axis
    is dropped, or kept as 1, and element-wise products broadcast as in NumPy:

    >>> [str(a) for a in arrangements("M", {"G": "N M"}, reductions=True)]
    ['sum(G, axis=N)']

    Those that fit at all sizes stand first. Raises SpecError for text that cannot be read, for axes that
    are not of a scalar, vector or matrix, and for more than 5 factors (3 with reductions);
    UnknownNameError for an axis without a size.
    """
    types = {name: parse_axes(text) for name, text in factors.items()}
    return search(parse_axes(target), types, sizes, reductions)


class _Reader:
    """One pass over the text, one lexeme of look-ahead."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            what = f"a spec is text, got {type(text).__name__}"
            raise SpecError(layout("shapes", what, step='write "x: N D -> out: N D"'))
        self.text = text
        self.at = self.end = 0
        self.kind = self.word = ""
        if len(text) > _LONGEST:
            raise SpecError(
                layout("shapes", f"a spec of {len(text)} characters, at most {_LONGEST} are read")
            )
        self.step()

    def step(self) -> None:
        self.kind = "blank"
        while self.kind == "blank":
            self.at = self.end
            if self.at == len(self.text):
                self.kind, self.word = "end", ""
                return
            match = _LEXEME.match(self.text, self.at)
            if match is None or match.lastgroup is None:
                raise self.broken(f"{self.text[self.at]!r} has no meaning here")
            self.kind, self.word, self.end = match.lastgroup, match.group(), match.end()

    def broken(self, what: str, step: str | None = None) -> SpecError:
        start = self.text.rfind("\n", 0, self.at) + 1
        stop = self.text.find("\n", self.at)
        line = self.text[start : stop if stop >= 0 else None]
        column = self.at - start
        if len(line) > 100:
            cut = max(0, column - 50)
            line, column = line[cut : cut + 100], column - cut
        shown = "".join(c if c.isprintable() else " " for c in line)
        return SpecError(layout("shapes", what, [shown, " " * column + "^"], step=step))

    def spec(self) -> Spec:
        inputs: dict[str, Tokens] = {}
        outputs: dict[str, Tokens] = {}
        self.arrays(inputs, inputs)
        if self.kind == "arrow":
            self.step()
            self.arrays(outputs, inputs)
        if self.kind == "arrow":
            raise self.broken("a second ->, expected one")
        return Spec(self.text, inputs, outputs)

    def arrays(self, into: dict[str, Tokens], others: dict[str, Tokens]) -> None:
        self.newlines()
        while True:
            if self.kind != "name":
                raise self.broken("expected an array", step='write a name, a colon and its axes: "x: N D"')
            name = normalize("NFKC", self.word)
            if name in into or name in others:
                raise self.broken(f"a second array named {name!r}")
            self.step()
            if self.word != ":":
                step = f'write "{name}: N D", or "{name}:" for a scalar'
                raise self.broken(f"expected a colon after {name!r}", step)
            self.step()
            into[name] = self.axes()
            separated = self.newlines()
            if self.word in {",", ";"}:
                separated = True
                self.step()
                self.newlines()
            elif self.kind in {"end", "arrow"}:
                return
            if not separated:
                step = 'separate arrays with a comma: "x: N, y: N"'
                raise self.broken("expected an axis, a separator or ->", step)

    def newlines(self) -> bool:
        found = False
        while self.word == "\n":
            found = True
            self.step()
        return found

    def axes(self) -> Tokens:
        tokens: list[Token] = []
        while self.kind in {"name", "size", "rest"}:
            if self.kind == "rest" and REST in tokens:
                raise self.broken("a second ..., expected at most one in an array")
            if self.kind == "size" and (len(self.word) > 9 or int(self.word) == 0):
                raise self.broken("expected a size from 1 to 999999999")
            tokens.append(int(self.word) if self.kind == "size" else normalize("NFKC", self.word))
            self.step()
        return tuple(tokens)


# ---------------------------------------------------------------- binding


def _shape(name: str, tokens: Tokens, array: Any) -> tuple[int, ...]:
    if isinstance(array, int | float | complex):
        return ()
    try:
        shape = array.shape
    except Exception:  # an object may do anything when asked for its shape
        shape = None
    if type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape):
        return shape
    raise ShapeError(
        layout(
            name,
            f"is a {type(array).__name__}, expected an array of shape {letters(tokens)}",
            step=f"check: make it one with np.asarray({name})",
        )
    )


@dataclass(frozen=True)
class _Binding:
    sizes: dict[str, Any]
    source: dict[str, str]

    def add(self, name: str, tokens: Tokens, shape: tuple[int, ...]) -> None:
        fixed = len(tokens) - (REST in tokens)
        if len(shape) < fixed or (len(shape) > fixed and REST not in tokens):
            least = "at least " if REST in tokens else ""
            raise self.misfit(name, tokens, shape, f"has {_count(len(shape))}, expected {least}{fixed}")
        before = dict(self.sizes)
        position = 0
        for token in tokens:
            width = len(shape) - fixed if token == REST else 1
            part = shape[position : position + width]
            got: Any = part if token == REST else part[0]
            want = token if isinstance(token, int) else self.sizes.setdefault(token, got)
            if isinstance(token, str):
                self.source.setdefault(token, name)
            if got != want:
                label = str(want) if isinstance(token, int) else f"{token}={want}"
                where = "the rest ... is" if token == REST else f"axis {position} is"
                # what this very array bound must not count as evidence about it
                own = {axis: size for axis, size in self.sizes.items() if axis in before or axis == token}
                raise self.misfit(name, tokens, shape, f"{where} {got}, expected {label}", own)
            position += width

    def misfit(
        self,
        name: str,
        tokens: Tokens,
        shape: tuple[int, ...],
        what: str,
        sizes: dict[str, Any] | None = None,
    ) -> ShapeError:
        sizes = self.sizes if sizes is None else sizes
        bound = " ".join(f"{axis}={size} (from {self.source[axis]})" for axis, size in sizes.items())
        needed = tuple(sizes.get(t, t) if isinstance(t, str) else t for t in tokens)
        flat = tuple(n for t in needed for n in (t if isinstance(t, tuple) else (t,)))
        others = sorted({self.source[t] for t in tokens if isinstance(t, str) and t in sizes} - {name})
        alternative = f"; if {name} is right, look at {' and '.join(others)}" if others else ""
        return ShapeError(
            layout(
                name,
                what,
                [
                    f"{name} has shape {shape}; the spec says {letters(tokens)}",
                    f"bound so far: {bound}" if bound else "",
                ],
                explain(tokens, shape, sizes),
                f"check: {name} needs shape {letters(flat)}{alternative}",
            )
        )


def _count(rank: int) -> str:
    return "1 axis" if rank == 1 else f"{rank} axes"
