"""What a page says of a finding: its message taken apart, without an answer in it, and a mistake in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handgrad.causes import words_for

__all__ = ["Said", "heading", "mistake", "take_apart", "text", "without_answer"]

MOST_FINDING = 3000  # characters of one message

_NUMBER = r"[-+−]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?j?"
# "worst [3, 1]: yours 9.4, expected 2.1, tolerance …": the number that is not the student's.
_CALLED = "expected|truth|true|right|correct|reference|should be"
_TRUE_NUMBER = re.compile(
    rf",? *\b(?:{_CALLED})(?: value| is|:| =)* (?:{_NUMBER}|nan|inf)(?![\w.])", re.IGNORECASE
)
_WORST = re.compile(r"^\s*(?:worst \[|yours )", re.IGNORECASE)
# "looks transposed: its axes are (M, D), expected (D, M) = (5, 3)": the answer, where a shape was asked for.
_TRUE_SHAPE = re.compile(r"(?:,|:) expected \([^()\n]*\)(?: = \([^()\n]*\))?(?:, with(?:out)? it)?")


def text(value: Any, most: int = MOST_FINDING) -> str:
    """A field of a stored report as text, whatever is there."""
    return value[:most] if isinstance(value, str) else "" if value is None else str(value)[:most]


def heading(title: str) -> str:
    """A part's title without its points, which the pages show in a place of their own."""
    return _POINTS.sub("", title)


_POINTS = re.compile(r"\s*\(\d+(?:\.\d+)? points?\)\s*$")


def without_answer(message: str, role: str = "") -> str:
    """The message without a true number and, where the answer is a choice or a shape, without the true shape.

    Of "worst [0, 1]: yours 9.4, expected 2.1" it keeps what is yours. A gradient's expected shape stays: it is
    that of its variable, and the homework says it.
    """
    lines = [_TRUE_NUMBER.sub("", line) if _WORST.match(line) else line for line in message.split("\n")]
    if role == "choice":
        lines = [lines[0], *(_TRUE_SHAPE.sub("", line) for line in lines[1:])]
    return "\n".join(lines)


@dataclass(frozen=True)
class Said:
    """A message in its layout: what is wrong, code with a caret, sentences, the evidence, the next step."""

    what: str
    marked: str
    sentences: tuple[str, ...]
    evidence: str
    step: str


_EVIDENCE = re.compile(
    r"^(shape \(|worst \[|yours |at \S+=|expected |in this case |in \S+, line |[\w.]*(Error|Exception)\b)"
)
_STEP = re.compile(r"^(check|next): ")


def take_apart(message: str, kind: str = "") -> Said:
    """The parts of a message of `errors.layout`."""
    first, *rest = message.split("\n")
    rest = [line.removeprefix("  ") for line in rest]
    step = _STEP.sub("", rest.pop()) if rest and _STEP.match(rest[-1]) else ""
    carets = {i for i, line in enumerate(rest) if line.strip() and not line.strip(" ^~")}
    under = carets | {i - 1 for i in carets}
    marked, evidence, sentences = [], [], []
    for i, line in enumerate(rest):
        if i in under:
            marked.append(line)
        elif _EVIDENCE.match(line) or kind == "raised":
            evidence.append(line)
        elif line.strip():
            sentences.append(line.strip())
    if kind == "raised":
        step = step or "look at the line named here; print the shapes of what it uses just before it"
    return Said(first, "\n".join(marked), tuple(sentences), "\n".join(evidence), step)


# Causes whose row wants an argument that a finding does not carry, or that have no row.
_SHORT = {
    "raised": "the function raised an exception",
    "arity": "the function returned another number of values than asked for",
    "not-an-array": "{what} is no NumPy array",
    "wrong-dtype": "{what} does not hold floats",
    "not-finite": "{what} holds nan or infinity",
    "wrong-shape": "{what} has another shape, and no known cause fits it",
    "flattened": "{what} lost an axis, or was left flattened",
    "kept-axis": "an axis of size 1 was kept in {what}",
    "permuted": "the values are returned in another order",
    "some-rows": "only some rows of {what} are wrong: a loop's bounds, an index, one sample treated on its own",
    "some-columns": "only some columns of {what} are wrong: a loop's bounds, an index, one feature on its own",
    "some-entries": "only some entries of {what} are wrong: a mask, an index, a boundary",
    "second-call-differs": "the same cache and the same dout gave another answer the second time",
    "not-updated": "{what} was not updated",
    "not-a-choice": "the answer is none of the options",
    "not-a-shape": "the answer is no shape",
    "overflow": "exp overflows where inputs are near 1000",
}
_KINDS = {
    "call": "the function returned something else than was asked for",
    "names": "the formula uses a name that is not given",
    "shape": "{what} has another shape, and no known cause fits it",
}
# The same on paper, where the value is a formula or a shape.
_ON_PAPER = {
    ("formula", "wrong-shape"): "the axes of the formula for {what} do not fit",
    ("formula", "raised"): "the function that gives the formula for {what} raised an exception",
    ("formula", ""): "the formula for {what} is wrong, and no known cause fits",
    ("formula", "call"): "the formula for {what} could not be read",
    ("formula", "names"): "the formula for {what} uses a name that is not given",
    ("choice", "wrong-shape"): "{what}: another shape",
    ("choice", "transposed"): "{what}: the right axes in another order",
}


def mistake(finding: Mapping[str, Any], subject: str) -> str:
    """A finding's mistake in one sentence, the same for all who made it: the layer's own words, or the cause's."""
    cause, kind = text(finding.get("cause"), 80), text(finding.get("kind"), 40)
    what, role = text(finding.get("param"), 60) or "the answer", text(finding.get("role"), 40)
    message = text(finding.get("message"))
    if cause == "told":  # a sentence of the homework: the message's last line
        return message.rsplit("\n", 1)[-1].strip()[:300]
    if cause.startswith("chose:"):
        return "chose " + message.split("\n", 1)[0].partition(": not ")[2][:300]
    on_paper = _ON_PAPER.get((role, cause or (kind if kind in _KINDS else "")))
    if on_paper:
        return on_paper.replace("{what}", what)
    if not cause:
        return _KINDS.get(kind, "{what} is wrong, and no known cause fits").replace("{what}", what)
    known = _of_layer(subject, role, what, cause)
    if known:
        return known
    if cause in _SHORT:
        return _SHORT[cause].replace("{what}", what)
    return words_for(cause, what).cause.strip() or cause.replace("-", " ").replace(":", ": ")


def _of_layer(subject: str, role: str, what: str, cause: str) -> str:
    """The sentence of the layer's own MISTAKES for that cause, or ""."""
    from handgrad import layers

    slug = subject.partition(".")[0]
    if slug not in layers.names():
        return ""
    alike = [m for m in layers.get(slug).mistakes if m.cause == cause and m.role == role]
    return next((m.tell(what) for m in alike if what in m.params), "")
