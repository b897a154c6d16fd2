"""Cells of answers put together from pieces, with the points and causes that they are declared to get."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .pieces import BACKWARD, CACHES, FORWARD, MENDED, PAPER, SETUPS, TWIN, WHOLE_BACKWARD, Piece

__all__ = ["FULL", "HEADS", "Answers", "answers", "own_forward", "untouched"]

FULL = {
    "forward-grade": 2.0,
    "backward-grade": 5.0,
    "paper-grade": 3.0,
    "mended-grade": 2.0,
    "twin-grade": 4.0,
}
WORTH = {
    "backward": {"dx": 2, "dw": 2, "db": 1},
    "paper": {"dW": 1, "dX": 1, "db": 1},
    "mended": {"dX": 1, "dW": 0, "db": 1},
    "twin": {"dx1": 1, "dx2": 1, "dw": 1, "db": 1},
}
# The graded cell of each answer's cell; and the first line of each function.
PART = {"forward": "forward-grade", "backward": "backward-grade", "paper": "paper-grade", "mended": "mended-grade",
        "twin-backward": "twin-grade"}  # fmt: skip
HEADS = {
    "forward": "def affine_forward(x, w, b):",
    "backward": "def affine_backward(dout, cache):",
    "mended": "def mended_backward(dY, X, W):",
    "twin-backward": "def twin_backward(dout, x1, x2, w, b):",
}
# Right twins that lean on the student's own layer: only where that backward is right and its cache a tuple.
LEANING = (
    "y1, y2 = x1 @ w + b, x2 @ w + b\ndx1, dw1, db1 = affine_backward(dout * y2, (x1, w, b))\n"
    "dx2, dw2, db2 = affine_backward(dout * y1, (x2, w, b))\nreturn dx1, dx2, dw1 + dw2, db1 + db2",
    "(y1, kept1), (y2, kept2) = affine_forward(x1, w, b), affine_forward(x2, w, b)\n"
    "one, two = affine_backward(dout * y2, kept1), affine_backward(dout * y1, kept2)\n"
    "return one[0], two[0], one[1] + two[1], one[2] + two[2]",
)
RIGHT = Piece("")
OWN = 0.5  # the share that a gradient earns which is right for one's own wrong forward
OFTEN_RIGHT = 0.75  # of the pieces of a submission that has mistakes

Causes = tuple[tuple[str, str], ...]


@dataclass
class Answers:
    """The code of the answer cells, and by graded cell: the points and the (parameter, cause) of every error."""

    cells: dict[str, str] = field(default_factory=dict)
    points: dict[str, float] = field(default_factory=lambda: dict(FULL))
    causes: dict[str, Causes] = field(default_factory=lambda: dict.fromkeys(FULL, ()))


def indented(code: str) -> str:
    return "\n".join("    " + line for line in code.splitlines())


def function(head: str, body: str) -> str:
    return f"{head}\n{indented(body)}\n"


def untouched() -> Answers:
    """Nothing filled in: the cells as they were handed out."""
    nothing = {"backward-grade": 2, "paper-grade": 0}
    causes: dict[str, Causes] = {part: (("", "not-attempted"),) * nothing.get(part, 1) for part in FULL}
    causes["paper-grade"] = tuple((name, "not-attempted") for name in WORTH["paper"])
    return Answers({}, dict.fromkeys(FULL, 0.0), causes)


def answers(rng: random.Random, mistakes: Sequence[str] = ()) -> Answers:
    """All answers right, but for those of the cells in `mistakes`, in which one piece or more is wrong."""
    made = Answers()
    forward, cache = _forward(rng, made, FORWARD, "forward" in mistakes)
    _backward(rng, made, forward, cache, "backward" in mistakes)
    _paper(rng, made, "paper" in mistakes)
    _mended(rng, made, "mended" in mistakes)
    _twin(rng, made, cache, "twin-backward" in mistakes)
    return made


def own_forward(rng: random.Random) -> Answers:
    """All answers right, but for a wrong forward and the gradients that are right for it."""
    made = Answers()
    forward, cache = _forward(rng, made, [piece for piece in FORWARD if piece.own], True)
    _backward(rng, made, forward, cache, matching=True)
    _paper(rng, made, False)
    _mended(rng, made, False)
    _twin(rng, made, cache, False)
    return made


def _pick(rng: random.Random, pieces: Mapping[str, Sequence[Piece]], mistaken: bool) -> dict[str, Piece]:
    """A piece for each name; with `mistaken` at least one that is wrong."""
    must = rng.choice(list(pieces)) if mistaken else ""
    chosen = {}
    for name, all_of_it in pieces.items():
        bad = name == must or (mistaken and rng.random() > OFTEN_RIGHT)
        chosen[name] = rng.choice([piece for piece in all_of_it if (piece.cause is not None) == bad])
    return chosen


def _declare(
    made: Answers,
    part: str,
    chosen: Mapping[str, Piece],
    worth: Mapping[str, float],
    forward: Piece = RIGHT,
) -> None:
    """The points and causes of pieces. What is right for one's own wrong `forward` says so.

    It earns half if it is known what is wrong with that forward.
    """
    own = {name for name, piece in chosen.items() if piece.cause and piece.cause == forward.own.get(name)}
    right = {name for name, piece in chosen.items() if piece.cause is None}
    share = OWN if forward.cause else 0.0
    made.points[part] = sum((float(worth[name]) for name in right), share * sum(worth[name] for name in own))
    made.causes[part] = tuple(
        (name, "own-forward" if name in own else piece.cause)
        for name, piece in chosen.items()
        if piece.cause is not None
    )


def _forward(rng: random.Random, made: Answers, pieces: Sequence[Piece], mistaken: bool) -> tuple[Piece, str]:
    """The forward, and the way its cache is kept."""
    piece = rng.choice([piece for piece in pieces if (piece.cause is not None) == mistaken])
    # Without a forward that runs, a backward is tried with the cache that the homework would keep.
    cache = "tuple" if piece.cause == "raised" else rng.choice(list(CACHES))
    keep, _ = CACHES[cache]
    code = SETUPS.get(cache, "") + function(HEADS["forward"], f"{piece.code}\nreturn out, {keep}")
    made.cells["forward"] = code
    if piece.cause is not None:
        made.points["forward-grade"] = 0.0
        made.causes["forward-grade"] = (("" if piece.cause == "raised" else "out", piece.cause),)
    return piece, cache


def _backward(
    rng: random.Random,
    made: Answers,
    forward: Piece,
    cache: str,
    mistaken: bool = False,
    matching: bool = False,
) -> None:
    """The backward; with `matching` the one that is right for this forward, wherever that is wrong."""
    whole = rng.choice(WHOLE_BACKWARD) if mistaken and rng.random() < 0.2 else None
    chosen = _pick(rng, BACKWARD, mistaken and whole is None)
    if matching:
        for name, cause in forward.own.items():
            chosen[name] = rng.choice([piece for piece in BACKWARD[name] if piece.cause == cause])
    _, take = CACHES[cache]
    lines = [take, "rows, drows = x.reshape(-1, x.shape[2]), dout.reshape(-1, dout.shape[2])"]
    if rng.random() < 0.5 or whole is not None:
        lines += [f"{name} = {piece.code}" for name, piece in chosen.items()]
        lines.append(whole.code if whole else rng.choice(["return dx, dw, db", "return (dx, dw, db)"]))
    else:
        lines.append("return " + ", ".join(piece.code for piece in chosen.values()))
    made.cells["backward"] = function(HEADS["backward"], "\n".join(lines))
    _declare(made, "backward-grade", chosen, WORTH["backward"], forward)
    if whole is not None:
        made.points["backward-grade"] = 0.0
        made.causes["backward-grade"] = (("", whole.cause or ""),)
    # What is wrong with the forward is told again where the backward is judged.
    made.causes["backward-grade"] = (*made.causes["forward-grade"], *made.causes["backward-grade"])


def _paper(rng: random.Random, made: Answers, mistaken: bool) -> None:
    chosen = _pick(rng, PAPER, mistaken)
    made.cells["paper"] = "\n\n".join(
        function(f"def formula_for_{name}():", f"return {piece.code}") for name, piece in chosen.items()
    )
    _declare(made, "paper-grade", chosen, WORTH["paper"])


def _mended(rng: random.Random, made: Answers, mistaken: bool) -> None:
    if mistaken and rng.random() < 0.15:  # the colleague's own lines: the shapes do not even fit
        made.cells["mended"] = function(HEADS["mended"], "return colleagues_backward(dY, X, W)")
        made.points["mended-grade"], made.causes["mended-grade"] = 0.0, (("", "raised"),)
        return
    chosen = _pick(rng, MENDED, mistaken)
    body = [*(f"{name} = {piece.code}" for name, piece in chosen.items()), "return dX, dW, db"]
    made.cells["mended"] = function(HEADS["mended"], "\n".join(body))
    _declare(made, "mended-grade", chosen, WORTH["mended"])


def _twin(rng: random.Random, made: Answers, cache: str, mistaken: bool) -> None:
    leaning = made.points["backward-grade"] == 5 and made.points["forward-grade"] == 2 and cache == "tuple"
    if not mistaken and leaning:
        made.cells["twin-backward"] = function(HEADS["twin-backward"], rng.choice(LEANING))
        return
    chosen = _pick(rng, TWIN, mistaken)
    body = ["dy1 = dout * (x2 @ w + b)", "dy2 = dout * (x1 @ w + b)"]
    body.append("pairs = lambda x, dy: np.einsum('ntd,ntm->dm', x, dy)")
    body.append("return " + ", ".join(piece.code for piece in chosen.values()))
    made.cells["twin-backward"] = function(HEADS["twin-backward"], "\n".join(body))
    _declare(made, "twin-grade", chosen, WORTH["twin"])
