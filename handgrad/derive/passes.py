"""Random forward passes for practice, by difficulty.

    1  entry by entry
    2  affine maps and their like
    3  with a sum, a mean or a broadcast
    4  with a value used twice, and a softmax
    5  normalisations

Draws come from `random.Random.random` alone, the one method that Python promises to keep the same in all its
versions, so the same seed gives the same passes everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

__all__ = ["LEVELS", "Draw", "draw_pass", "draw_sizes"]

T = TypeVar("T")


class Draw:
    """Random choices that are the same on every machine."""

    def __init__(self, level: int, seed: int | str) -> None:
        # text goes through a hash of its own, since Python's differs from run to run
        digest = hashlib.sha256(f"handgrad practice 1: level {level}, seed {seed}".encode()).digest()
        self._random = Random(int.from_bytes(digest, "big")).random

    def below(self, count: int) -> int:
        """A whole number from 0, below `count`."""
        return int(self._random() * count)

    def one(self, of: Sequence[T]) -> T:
        """One of several."""
        return of[self.below(len(of))]

    def several(self, of: Sequence[T], count: int) -> list[T]:
        """Some of several, in random order."""
        left = list(of)
        return [left.pop(self.below(len(left))) for _ in range(count)]

    def number(self, low: float, high: float) -> float:
        """A number with two decimals."""
        return round(low + (high - low) * self._random(), 2)

    def entry(self) -> float:
        """An entry of an input: up to 1.5, and not close to 0, where many functions are dull."""
        size = self.number(0.15, 1.5)
        return size if self.below(2) else -size


@dataclass(frozen=True)
class _Pass:
    """The declarations and the lines of a forward pass."""

    given: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join([self.given, *self.lines])


# Different, coprime, and none of them a number that the passes contain.
SIZES = (4, 5, 7, 9)

_SMOOTH = ("tanh({})", "sigmoid({})", "sin({})", "cos({})", "softplus({})", "exp({})")
_ACTIVATIONS = ("tanh({})", "sigmoid({})", "relu({})", "softplus({})")
_POWERS = ("{}**2", "{}**3")


def draw_pass(level: int, draw: Draw) -> str:
    """The text of a random forward pass of a level."""
    return draw.one(LEVELS[level])(draw).text


def draw_sizes(draw: Draw, axes: Sequence[str]) -> dict[str, int]:
    """A size for every axis, all different."""
    return dict(zip(axes, draw.several(SIZES, len(axes)), strict=True))


# ---- 1: entry by entry ---------------------------------------------------------------------------


def _chain(draw: Draw) -> _Pass:
    axes = draw.one(("N", "N D", "T"))
    first, last = draw.several((*_SMOOTH, *_POWERS, "relu({})"), 2)
    joint = draw.one(("u * y", "u + y", "u - y", "u / y", "y - u"))
    front = draw.one(("", "", "2 * ", "3 * ", "0.5 * ", "-"))
    end = last.format("v")
    return _Pass(f"x: {axes};  y: {axes}", (f"u = {first.format('x')}", f"v = {joint}", f"z = {front}{end}"))


def _single(draw: Draw) -> _Pass:
    axes = draw.one(("N", "N D", "T H"))
    inner, outer = draw.several(_SMOOTH, 2)
    front, shift = draw.one((2, 3, 0.5)), draw.one((1, 2, 0.5))
    sign = draw.one("+-")
    middle = draw.one(
        (f"{front} * u {sign} {shift}", f"1 / (u**2 + {shift})", f"u**2 {sign} {front} * {shift}")
    )
    return _Pass(f"x: {axes}", (f"u = {inner.format('x')}", f"v = {middle}", f"z = {outer.format('v')}"))


def _three(draw: Draw) -> _Pass:
    axes = draw.one(("N", "N D"))
    f, g = draw.several(_SMOOTH, 2)
    joint = draw.one(("a * {} + {}", "a * {} - {}", "{} - a * {}", "{} / (1 + exp(a)) + {}"))
    return _Pass(
        f"a: {axes};  b: {axes};  c: {axes}",
        (f"u = {joint.format(f.format('b'), g.format('c'))}", f"z = {draw.one(_POWERS).format('u')}"),
    )


# ---- 2: affine -----------------------------------------------------------------------------------


def _rows(draw: Draw) -> _Pass:
    out, turned = draw.one("CMH"), draw.below(2)
    weight = f"{out} D" if turned else f"D {out}"
    bias = draw.one((f"b: {out}", f"b: 1 {out}", ""))
    given = ";  ".join(filter(None, ("X: N D", f"W: {weight}", bias)))
    line = f"S = X @ W{'.T' if turned else ''}{' + b' if bias else ''}"
    return _Pass(given, (line, f"Y = {_end(draw)}"))


def _columns(draw: Draw) -> _Pass:
    out, turned = draw.one("CMH"), draw.below(2)
    weight = f"D {out}" if turned else f"{out} D"
    bias = draw.one((f"b: {out} 1", f"b: {out} 1", ""))
    given = ";  ".join(filter(None, ("X: D N", f"W: {weight}", bias)))
    line = f"S = W{'.T' if turned else ''} @ X{' + b' if bias else ''}"
    return _Pass(given, (line, f"Y = {_end(draw)}"))


def _end(draw: Draw) -> str:
    front = draw.one(("", "", "2 * ", "0.5 * "))
    return front + draw.one((*_ACTIVATIONS, "{}**2", "sin({})")).format("S")


def _two_layers(draw: Draw) -> _Pass:
    f, g = draw.one(_ACTIVATIONS), draw.one(("{}", "sigmoid({})", "tanh({})"))
    bias = draw.below(2)
    return _Pass(
        "X: N D;  W: D H;  V: H C" + (";  b: C" if bias else ""),
        (
            f"A = {f.format('X @ W')}",
            f"S = A @ V{' + b' if bias else ''}",
            f"Y = {g.format('S')}" if g != "{}" else "Y = 2 * S",
        ),
    )


def _gate(draw: Draw) -> _Pass:
    product, given = draw.one(
        (("X @ W", "X: N D;  W: D C"), ("X.T @ W", "X: D N;  W: D C"), ("X @ W.T", "X: N D;  W: C D"))
    )
    gate = draw.one(("sigmoid(Z)", "tanh(Z)", "Z"))
    end = draw.one(("S * G", "S - 2 * G", "G * tanh(S)"))
    return _Pass(f"{given};  Z: N C", (f"S = {product}", f"G = {gate}", f"Y = {end}"))


# ---- 3: sums and broadcasts ----------------------------------------------------------------------


def _reduced(draw: Draw) -> _Pass:
    axis, rest = draw.one((("N", "D"), ("D", "N")))
    how = draw.one(("sum", "mean"))
    f, g = draw.one(_SMOOTH), draw.one(("tanh({})", "{}**2", "sin({})"))
    joint = draw.one(("r * w", "r + w", "r - w"))
    return _Pass(
        f"X: N D;  w: {rest}",
        (f"A = {f.format('X')}", f"r = {how}(A, axis={axis})", f"y = {g.format(f'({joint})')}"),
    )


def _scaled(draw: Draw) -> _Pass:
    shape = draw.one(("D", "N 1", "1 D"))
    f = draw.one(("tanh({})", "sigmoid({})", "{}**2", "sin({})"))
    sign = draw.one("+-")
    how, axis = draw.one(("sum", "mean")), draw.one(("axis=N", "axis=D", ""))
    end = f"{how}(A, {axis})" if axis else f"{how}(A)"
    return _Pass(
        f"X: N D;  g: {shape};  b: {draw.one(('D', 'N 1'))}",
        (f"S = g * X {sign} b", f"A = {f.format('S')}", f"r = {end}"),
    )


def _centred(draw: Draw) -> _Pass:
    axis = draw.one("ND")
    f = draw.one(("{}**3", "exp({})", "sigmoid({})", "sin({})"))
    joint = draw.one(("X - m", "m - X", "X * m"))
    how = draw.one(("mean", "mean", "max"))
    return _Pass(
        "X: N D;  W: N D",
        (
            f"m = {how}(X, axis={axis}, keepdims=True)",
            f"A = {f.format(f'({joint})')}",
            f"L = {draw.one(('sum', 'mean'))}(A * W)",
        ),
    )


def _pairs(draw: Draw) -> _Pass:
    sign = draw.one("+-*")
    f = draw.one(("tanh({})", "sigmoid({})", "cos({})", "{}**2"))
    axis = draw.one("NM")
    return _Pass(
        f"a: N;  b: M;  v: {'M' if axis == 'N' else 'N'}",
        (
            f"S = a[:, None] {sign} b",
            f"r = {draw.one(('sum', 'mean'))}({f.format('S')}, axis={axis})",
            "y = r * v",
        ),
    )


def _squares(draw: Draw) -> _Pass:
    half = draw.one((" / (2 * N)", " / N", " / 2", ""))
    f = draw.one(("{}", "sigmoid({})", "tanh({})"))
    decay = draw.below(2)
    given = "X: N D;  w: D;  y: N" + (";  lam:" if decay else "")
    lines = (f"z = {f.format('X @ w')}", f"L = sum((z - y)**2){half}{' + lam * sum(w**2)' if decay else ''}")
    return _Pass(given, lines)


# ---- 4: a value used twice, and a softmax --------------------------------------------------------


def _cross_entropy(draw: Draw) -> _Pass:
    bias, decay = draw.below(2), draw.below(2)
    how = draw.one(("mean", "sum"))
    lines = [f"S = X @ W{' + b' if bias else ''}"]
    if draw.below(2):
        lines += ["P = softmax(S, axis=1)", f"L = -{how}(log(P[arange(N), y]))"]
    else:
        lines += [f"L = {how}(logsumexp(S, axis=1) - S[arange(N), y])"]
    if decay:
        lines[-1] += f" + {draw.one((0.5, 2, 3))} * sum(W**2)"
    return _Pass(f"X: N D;  W: D C{';  b: C' if bias else ''};  y: N int", tuple(lines))


def _weighted(draw: Draw) -> _Pass:
    axis = draw.below(2)
    joint = draw.one(("P * S", "P + tanh(S)", "S - P", "P * sigmoid(S)"))
    product = draw.one(
        (("X: N D;  W: D C", "X @ W"), ("X: D N;  W: D C", "X.T @ W"), ("X: N D;  W: C D", "X @ W.T"))
    )
    return _Pass(product[0], (f"S = {product[1]}", f"P = softmax(S, axis={axis})", f"Y = {joint}"))


def _attention(draw: Draw) -> _Pass:
    scale = draw.one((" / sqrt(H)", "", " / 2"))
    shared = draw.one(("K", "Q", ""))
    given = f"Q: {'T' if shared == 'Q' else 'N'} H;  K: T H" + ("" if shared else ";  V: T M")
    return _Pass(given, (f"S = Q @ K.T{scale}", "A = softmax(S, axis=1)", f"Y = A @ {shared or 'V'}"))


def _residual(draw: Draw) -> _Pass:
    f = draw.one(_ACTIVATIONS)
    axis = draw.below(2)
    end = draw.one(("P * A", "P - 2 * A", "P * X"))
    return _Pass(
        "X: N D;  W: D H;  V: H D",
        (f"A = X + {f.format('X @ W')} @ V", f"P = softmax(A, axis={axis})", f"Y = {end}"),
    )


def _gated(draw: Draw) -> _Pass:
    gate = draw.one(("S * sigmoid(S)", "S * tanh(S)", "S**2 * sigmoid(S)", "S - sin(S)"))
    axis, front = draw.below(2), draw.one((2, 3, 0.5))
    end = draw.one((f"P * G - {front} * S", f"P + {front} * G", f"log(P) * G / {front}"))
    given, product = draw.one((("X: N D;  W: D C", "X @ W"), ("X: D N;  W: C D", "(W @ X).T")))
    return _Pass(given, (f"S = {product}", f"G = {gate}", f"P = softmax(G, axis={axis})", f"Y = {end}"))


# ---- 5: normalisations ---------------------------------------------------------------------------


def _normalised(draw: Draw) -> _Pass:
    axis = draw.one("ND")
    eps = draw.one(("0.1", "0.01", "0.001"))
    scale, shift = draw.below(2), draw.below(2)
    before = draw.below(2)
    source = "X @ W" if before else ""
    x = "S" if before else "X"
    along = {"N": "N", "D": "C" if before else "D"}[axis]
    across = "C" if before else "D"
    given = ["X: N D", *(["W: D C"] if before else [])]
    given += [f"gamma: {across}"] * scale + [f"beta: {across}"] * shift
    lines = [f"S = {source}"] if before else []
    kept = f"axis={along}, keepdims=True"
    kind = draw.below(4)
    if kind == 0:
        lines += [
            f"m = mean({x}, {kept})",
            f"Z = {x} - m",
            f"v = mean(Z**2, {kept})",
            f"U = Z / sqrt(v + {eps})",
        ]
    elif kind == 1:
        lines += [f"U = ({x} - mean({x}, {kept})) / sqrt(var({x}, {kept}) + {eps})"]
    elif kind == 2:
        lines += [f"r = sqrt(mean({x}**2, {kept}) + {eps})", f"U = {x} / r"]
    else:
        lines += [f"n = sqrt(sum({x}**2, {kept}) + {eps})", f"U = {x} / n"]
    body = "gamma * U" if scale else "U"
    body += " + beta" if shift else ""
    end = draw.one(("{}", "{}", "tanh({})", "sigmoid({})"))
    lines += [f"Y = {end.format(body)}"] if body != "U" or end != "{}" else ["Y = 2 * U"]
    return _Pass(";  ".join(given), tuple(lines))


LEVELS: dict[int, tuple[Callable[[Draw], _Pass], ...]] = {
    1: (_chain, _single, _three),
    2: (_rows, _columns, _two_layers, _gate),
    3: (_reduced, _scaled, _centred, _pairs, _squares),
    4: (_cross_entropy, _weighted, _attention, _residual, _gated),
    5: (_normalised,),
}
