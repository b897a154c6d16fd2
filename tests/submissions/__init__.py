"""Submissions of the affine homework as classes hand them in, each with what it is declared to get.

`generate(count, seed)` makes the same ones for the same numbers, on any machine. Nothing is stored but code.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .answers import FULL, HEADS, PART, Answers, Causes, answers, function, own_forward, untouched
from .dress import BODY, DRESSES, code_cell
from .hostile import CHEATS, HANGING, LIMITS

__all__ = ["FULL", "KINDS", "Declared", "Submission", "class_of", "disagreement", "generate"]

ROOT = Path(__file__).resolve().parents[2]

# kind: its share of a class. Only `limit` meets limits, which is what takes long.
KINDS = {"right": 0.30, "mistaken": 0.36, "own-forward": 0.02, "unfinished": 0.10, "raising": 0.06,
         "numerical": 0.02, "cheating": 0.06, "limit": 0.05, "unreadable": 0.03}  # fmt: skip
# Dresses of which a notebook wears at most one: each moves the cells or what they are known by.
MOVING = ("reversed", "shuffled", "stripped", "renamed", "earlier-try", "tampered")


@dataclass(frozen=True)
class Declared:
    """What a submission is to get.

    By graded cell: its points, the (parameter, cause) of each error, the limit that ended it (None: any).
    are functions that the teacher is to hear of; `bearable` says whether nbgrader can be given it as well.
    """

    kind: str
    about: str
    points: dict[str, float]
    causes: dict[str, Causes] = field(default_factory=dict)
    endings: dict[str, str | None] = field(default_factory=dict)
    suspected: tuple[str, ...] = ()
    unreadable: bool = False
    bearable: bool = True


Submission = tuple[str, bytes, Declared]


def generate(count: int, seed: int, kinds: dict[str, float] | None = None) -> Iterator[Submission]:
    """`count` submissions: (student, the notebook's bytes, what it is declared to get)."""
    shares = kinds or KINDS
    handed_out = json.loads((ROOT / "exercises" / "affine" / "affine.ipynb").read_text(encoding="utf-8"))
    turns: dict[str, int] = {}
    rng = random.Random(seed)
    for number, kind in enumerate(_spread(count, shares, rng)):
        turn = turns[kind] = turns.get(kind, -1) + 1
        data, declared = _MAKE[kind](copy.deepcopy(handed_out), random.Random(rng.random()), turn)
        yield f"{number:04d}-{kind}", data, declared


def class_of(normal: int, hanging: int, seed: int) -> Iterator[Submission]:
    """An ordinary class with some that hang or kill the kernel, mixed."""
    ordinary = {
        kind: share for kind, share in KINDS.items() if kind not in ("limit", "cheating", "unreadable")
    }
    everyone = [*generate(normal, seed, ordinary), *generate(hanging, seed + 1, {"hanging": 1.0})]
    random.Random(seed).shuffle(everyone)
    for number, (_, data, declared) in enumerate(everyone):
        yield f"{number:04d}-{declared.kind}", data, declared


def _spread(count: int, shares: dict[str, float], rng: random.Random) -> list[str]:
    """The kinds in their shares, mixed."""
    total = sum(shares.values())
    exact = {kind: count * share / total for kind, share in shares.items()}
    numbers = {kind: int(value) for kind, value in exact.items()}
    for kind in sorted(exact, key=lambda kind: numbers[kind] - exact[kind])[: count - sum(numbers.values())]:
        numbers[kind] += 1
    kinds = [kind for kind, number in numbers.items() for _ in range(number)]
    rng.shuffle(kinds)
    return kinds


# ---------------------------------------------------------------- one submission of each kind


def _filled(nb: dict[str, Any], made: Answers) -> None:
    for cell in nb["cells"]:
        cell["source"] = "".join(cell["source"])
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = made.cells.get(grade_id, cell["source"])


def _dressed(nb: dict[str, Any], rng: random.Random, must: str = "") -> tuple[str, bool]:
    """Some dresses put on; their names, and whether nbgrader bears them all."""
    moving = rng.choice(MOVING) if rng.random() < 0.35 else ""
    chosen = [name for name in DRESSES if name == must or (name not in MOVING and rng.random() < 0.08)]
    if must not in MOVING and moving:
        chosen.append(moving)
    chosen.sort(key=lambda name: (name == "lines", name not in BODY, list(DRESSES).index(name)))
    for name in chosen:
        DRESSES[name][0](nb, rng)
    return " ".join(chosen), all(DRESSES[name][1] for name in chosen)


def _bytes(nb: dict[str, Any]) -> bytes:
    return json.dumps(nb, indent=1).encode()


def _handed_in(nb: dict[str, Any], rng: random.Random, kind: str, made: Answers, must: str = "", **more: Any):
    _filled(nb, made)
    about, bearable = _dressed(nb, rng, must)
    # A wrong forward's own gradients take many calls of it, too: hundreds of plots are more than nbgrader's 30 s.
    called_often = kind == "numerical" or made.points["forward-grade"] == 0.0
    if called_often and "plot" in about.split():
        bearable = False
    return _bytes(nb), Declared(kind, about, made.points, made.causes, bearable=bearable, **more)


def _right(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
    names = list(DRESSES)
    return _handed_in(nb, rng, "right", answers(rng), names[turn % len(names)])


def _mistaken(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
    cells = list(PART)
    mistakes = {cells[turn % len(cells)], *(cell for cell in cells if rng.random() < 0.2)}
    return _handed_in(nb, rng, "mistaken", answers(rng, sorted(mistakes)))


def _own_forward(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
    """A wrong forward, and a backward that is right for it: half of what those gradients are worth."""
    return _handed_in(nb, rng, "own-forward", own_forward(rng))


def _unfinished(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
    """Some answer cells as they were handed out; every tenth notebook wholly so."""
    made, nothing = answers(rng), untouched()
    left = list(PART) if turn % 10 == 0 else rng.sample(["backward", "paper", "mended", "twin-backward"], 2)
    for cell in left:
        del made.cells[cell]
        made.points[PART[cell]] = 0.0
        made.causes[PART[cell]] = nothing.causes[PART[cell]]
    if "backward" in left and "twin-backward" not in left:  # it may lean on the backward
        made.cells["twin-backward"] = answers(rng, ["backward"]).cells["twin-backward"]
    if len(left) == 2 and "backward" in left:
        made.causes["backward-grade"] = (("", "not-attempted"),)
    return _handed_in(nb, rng, "unfinished", made)


def _raising(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
    """One cell raises when it is run, when it is called, or is no Python at all."""
    made = answers(rng, ["backward"])  # so that no twin leans on it
    made.cells["backward"] = function(HEADS["backward"], "raise ValueError(cache)")
    made.points["backward-grade"], made.causes["backward-grade"] = 0.0, (("", "raised"),)
    cell = rng.choice(["mended", "twin-backward"])
    made.points[PART[cell]] = 0.0
    if turn % 3 == 0:
        made.cells[cell] = made.cells[cell].replace("return", "return not_defined,", 1)
        made.causes[PART[cell]] = (("", "raised"),)
    else:
        made.cells[cell] = ("1 / 0\n\n" if turn % 3 == 1 else "def oops(\n\n") + made.cells[cell]
        made.causes.pop(PART[cell])
    return _handed_in(nb, rng, "raising", made)


NUMERICAL = (  # the layer is linear in each of its arguments, so that differences of any size are exact
    "x, w, b = cache\ngrads = []\nfor which in range(3):\n    grad = np.zeros(cache[which].shape)\n"
    "    for index in np.ndindex(grad.shape):\n        moved = [a.astype(complex) for a in cache]\n"
    "        moved[which][index] += 1e-30j\n        out = moved[0] @ moved[1] + moved[2]\n"
    "        grad[index] = np.sum(dout * out.imag) / 1e-30\n    grads.append(grad)\nreturn tuple(grads)",
    "grads = []\nfor which in range(3):\n    grad = np.zeros_like(cache[which])\n"
    "    for index in np.ndindex(grad.shape):\n"
    "        values = []\n        for step in (0.5, -0.5):\n            moved = [a.copy() for a in cache]\n"
    "            moved[which][index] += step\n            values.append(np.sum(dout * affine_forward(*moved)[0]))\n"
    "        grad[index] = values[0] - values[1]\n    grads.append(grad)\nreturn tuple(grads)",
)


def _numerical(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
    """Right answers found by differences: the marks of a right answer, and a word to the teacher."""
    made = answers(rng, ["backward"])
    made.cells["forward"] = function(HEADS["forward"], "return x @ w + b, (x, w, b)")
    made.cells["backward"] = function(HEADS["backward"], NUMERICAL[turn % 2])
    made.points["backward-grade"], made.causes["backward-grade"] = 5.0, ()
    return _handed_in(nb, rng, "numerical", made, suspected=("affine_backward",))


def _hostile(table: dict[str, Any], kind: str) -> Any:
    def make(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
        name = list(table)[turn % len(table)]
        attack = table[name]
        made = answers(rng, ["backward"])  # so that no twin leans on it
        made.cells["forward"] = function(HEADS["forward"], "return x @ w + b, (x, w, b)")
        made.cells["backward"] = function(
            HEADS["backward"],
            "x, w, b = cache\nreturn dout @ w.T, np.einsum('ntd,ntm->dm', x, dout), dout.sum(axis=(0, 1))",
        )
        made.points = {part: 0.0 if part in attack.loses else FULL[part] for part in FULL}
        made.cells.update(attack.cells)
        _filled(nb, made)
        if attack.added:
            nb["cells"].insert(3, code_cell(attack.added))
        endings = dict.fromkeys(attack.loses, attack.ending)
        return _bytes(nb), Declared(kind, name, made.points, {}, endings, bearable=False)

    return make


def _unreadable(nb: dict[str, Any], rng: random.Random, turn: int) -> tuple[bytes, Declared]:
    """Files that are no such notebook."""
    _filled(nb, answers(rng))
    whole = _bytes(nb)
    other = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [code_cell("print('hello')")]}
    old = {**other, "cells": [code_cell("def affine_forward(x, w, b):\n    print 'hi'\n    return x")]}
    files = {
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "another notebook": _bytes(other),
        "from the future": _bytes({**nb, "nbformat": 9}),
        "Python 2": _bytes(old),
        "another kernel": _bytes({**nb, "metadata": {"kernelspec": {"name": "ir", "language": "R"}}}),
        "no JSON": b"%PDF-1.4 \xff\xfe",
        "a list": b"[]",
        "deep": b"[" * 200_000,
    }
    name = list(files)[turn % len(files)]
    return files[name], Declared("unreadable", name, {}, unreadable=True, bearable=False)


_MAKE = {
    "right": _right,
    "mistaken": _mistaken,
    "own-forward": _own_forward,
    "unfinished": _unfinished,
    "raising": _raising,
    "numerical": _numerical,
    "cheating": _hostile(CHEATS, "cheating"),
    "limit": _hostile(LIMITS, "limit"),
    "hanging": _hostile({name: LIMITS[name] for name in HANGING}, "limit"),
    "unreadable": _unreadable,
}


# ---------------------------------------------------------------- the comparison


def disagreement(declared: Declared, result: Any) -> str:
    """How a `Result` differs from what was declared; '' if it does not."""
    from handgrad.homework.sandbox import ENDINGS

    if declared.unreadable or result.state != "graded":
        return (
            ""
            if declared.unreadable == (result.state == "unreadable")
            else f"state {result.state}: {result.reason}"
        )
    got = {part.grade_id: part for part in result.parts}
    words = []
    for grade_id, points in declared.points.items():
        part = got[grade_id]
        if part.points != points:
            words.append(f"{grade_id}: {part.points:g} points, declared {points:g}")
        key = declared.endings.get(grade_id, "")
        ending = ENDINGS.get(key or "", "")
        if key is None:
            continue
        if (ending not in part.stopped) if ending else bool(part.stopped):
            words.append(f"{grade_id}: ended {part.stopped!r}, declared {ending!r}")
        causes = declared.causes.get(grade_id)
        if causes is not None and sorted(part.causes) != sorted(causes):
            words.append(f"{grade_id}: {sorted(part.causes)}, declared {sorted(causes)}")
    suspected = tuple(sorted({suspicion.function for suspicion in result.suspicions}))
    if suspected != declared.suspected and declared.kind not in ("cheating", "limit"):
        words.append(f"suspected {suspected}, declared {declared.suspected}")
    return "; ".join(words)
