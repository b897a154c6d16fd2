"""Answers that are a choice or a shape: judged with a reason for each wrong one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np

from handgrad.axes import Tokens, explain, letters, shape_of
from handgrad.causes import words_for
from handgrad.errors import layout
from handgrad.probe import call, items, type_name
from handgrad.report import Finding, Report, Status
from handgrad.shapes import parse as parse_spec

__all__ = ["check_choice", "check_shape", "judged_later", "veiled"]

_EXPECTED = re.compile(r"[:,]? expected \(.*$")
LONGEST = 200  # characters of an answer that are looked at
_TRIMMED = " \t\n\"'`.,;:()[]"
_SAID_BEFORE = re.compile(r"^(option|answer|letter)\b")
_BETWEEN = re.compile(r"[,()\[\]×]|(?<=\s)x(?=\s)")


def check_choice(answer: Any, options: Mapping[str, str], *, right: str = "", part: str = "choice") -> Report:
    """Judge a choice among named options.

    `options` gives each option's letter or word, with the reason why it is wrong; the right one has an empty
    reason. Where students read the cell that judges, give every option a reason, the right one a plausible one
    that is never shown, and `right`, what `veiled(part, name)` returns for the right one.
    `answer` is a string, compared without case, blanks, quotes and brackets, or a function of no
    arguments that returns one; None is "not attempted". Raises nothing: anything else is a finding.
    """
    given = _given(answer, part)
    if isinstance(given, Report):
        return given
    if type(given) is not str or len(given) > LONGEST:
        what = f"your answer is of type {type_name(given)}, expected one of {_names(options)}"
        return _wrong(part, "not-a-choice", what, "write the letter as a string")
    chosen = _SAID_BEFORE.sub("", given.strip(_TRIMMED).lower()).strip(_TRIMMED)
    for name, reason in options.items():
        if chosen == name.lower():
            fits = veiled(part, name) == right if right else not reason
            return _right(part) if fits else _wrong(part, f"chose:{name}", f"not {name}: {reason}")
    what = f"{given.strip()[:40]!r} is none of {_names(options)}"
    return _wrong(part, "not-a-choice", what, "write one of them as a string")


def veiled(part: str, name: str) -> str:
    """Eight characters that stand for an option, so that the one which is right cannot be read off.

    It keeps nobody from trying all options: a cell that judges here does that as well.
    """
    return hashlib.sha256(f"{part}: {name}".encode()).hexdigest()[:8]


def judged_later(part: str) -> Report:
    """A report that judges nothing here, for a teacher who keeps the answers until the work is handed in.

    In the cell that judges, write `report = judged_later("sizes")`, and the check that replaces it between
    `### BEGIN HIDDEN TESTS` and `### END HIDDEN TESTS`. These lines are not released, and grading runs them.
    """
    return Report(part, {part: "not judged"})


def check_shape(
    answer: Any,
    expected: str = "",
    *,
    sizes: Mapping[str, int] | None = None,
    right: str = "",
    part: str = "shape",
) -> Report:
    """Judge a shape, written in letters or, if `sizes` are given, in numbers.

    `expected` names the axes, "D M", or "" for a scalar. `answer` is "D M", "(D, M)", ("D", "M") or, with
    `sizes`, a tuple of these numbers; or a function of no arguments that returns one. Where students read the cell that
    judges, give `right`, what `veiled(part, "D M")` returns, in the place of `expected`: then letters alone will
    do, and less is said of a wrong shape. Raises nothing.
    """
    given = _given(answer, part)
    if isinstance(given, Report):
        return given
    tokens = parse_spec(f"a: {expected}").inputs["a"]
    axes = _axes(given)
    if axes is None:
        step = f"write {letters(('N', 'K'))} as a string, say"
        return _wrong(part, "not-a-shape", f"a value of type {type_name(given)} is no shape", step)
    if all(str(axis).isdecimal() for axis in axes) and axes:
        if not sizes:
            return _wrong(part, "not-a-shape", "the axes are asked for by their letters, not as numbers")
        numbers = tuple(int(axis) for axis in axes)
        if numbers == shape_of(tokens, dict(sizes)):
            return _right(part)
        why = _EXPECTED.sub("", explain(tokens, numbers, dict(sizes)) or "")  # it is the answer
        return _wrong(part, "wrong-shape", f"{numbers} is not the shape", why or _advice(part))
    orders = permutations(axes) if len(axes) <= 4 else iter((axes,))
    fits = {order for order in orders if _is_right(order, tokens, part, right)}
    if tuple(axes) in fits:
        return _right(part)
    got = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    if fits:
        return _wrong(
            part, "transposed", f"{got} has the right axes in another order", "check: which axis is first?"
        )
    if any(axis.islower() for axis in axes):
        return _wrong(
            part, "wrong-shape", f"{got} is not the shape", "check: axes are named by capitals, such as N"
        )
    return _wrong(part, "wrong-shape", f"{got} is not the shape", _advice(part))


def _advice(part: str) -> str:
    """What to look at where nothing more is known; a part such as dW is a gradient, dZ_dW is none."""
    gradient = part.startswith("d") and "_" not in part
    return f"check: {'a gradient has the shape of its variable' if gradient else 'count the axes one by one'}"


def _given(answer: Any, part: str) -> Any:
    """The answer itself, or a report where there is none."""
    if callable(answer):
        got = call(answer)
        if got.raised:
            message = layout(part, "your function raised an exception", [got.raised])
            return Report(part, {part: "raised"}, (Finding("choice", part, "raised", "raised", message),))
        answer = got.value
    if answer is None or (type(answer) is str and not answer.strip(" .…\n")):
        step = words_for("not-attempted", "").step
        message = layout(part, "not attempted yet", step=step)
        return _report(
            part, "not attempted", Finding("choice", part, "not attempted", "not-attempted", message)
        )
    return answer


def _axes(given: object) -> tuple[str, ...] | None:
    if type(given) is str and len(given) <= LONGEST:
        return tuple(_BETWEEN.sub(" ", given).split())
    if type(given) is np.ndarray and given.ndim == 1 and given.size <= 10:
        given = given.tolist()
    values = items(given)
    if values is None or len(values) > 10 or not all(_is_axis(value) for value in values):
        return None
    return tuple(str(value).strip()[:LONGEST] for value in values)


def _is_axis(value: object) -> bool:
    return type(value) in (str, int) or issubclass(type(value), np.integer)


def _is_right(axes: tuple[str, ...], tokens: Tokens, part: str, right: str) -> bool:
    return veiled(part, " ".join(axes)) == right if right else axes == tuple(map(str, tokens))


def _names(options: Mapping[str, str]) -> str:
    return ", ".join(options)


def _right(part: str) -> Report:
    return Report(part, {part: "right"})


def _wrong(part: str, cause: str, what: str, step: str = "") -> Report:
    return _report(part, "wrong", Finding("choice", part, "choice", cause, layout(part, what, step=step)))


def _report(part: str, status: Status, finding: Finding) -> Report:
    return Report(part, {part: status}, (finding,))
