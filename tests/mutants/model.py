"""The two kinds of entry in the adversary's set: a wrong answer and a right one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Correct", "Mutant"]

Function = Callable[..., Any]


@dataclass(frozen=True)
class Mutant:
    """A wrong answer, as a student would hand it in.

    `params` are wrong: "out", "loss" or gradients. `cause` is the diagnosis expected, None where no
    known cause is true; `also` are other causes that would be as true. `shows` says when it is wrong:
    "" already in a layer's plain first case, else in words, such as "rank 3" or "test mode".
    A batchnorm's "out" stands for the running averages too.
    For cause "own-forward", `params` name the forward alone: the gradients are right for that forward.
    """

    name: str
    layer: str
    says: str
    cause: str | None
    params: tuple[str, ...]
    forward: Function | None = None
    backward: Function | None = None
    loss: Function | None = None
    also: tuple[str, ...] = ()
    shows: str = ""


@dataclass(frozen=True)
class Correct:
    """A right answer in some style. `warnings` are expected, `may_warn` are allowed besides."""

    name: str
    layer: str
    says: str
    forward: Function | None = None
    backward: Function | None = None
    loss: Function | None = None
    warnings: tuple[str, ...] = ()
    may_warn: tuple[str, ...] = ()
