"""One student's page: what is right, what is wrong and what to do next, and never the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from markupsafe import Markup

from handgrad.homework.pages import clean, highlight, listed, render
from handgrad.homework.pages.words import Said, heading, take_apart, text, without_answer
from handgrad.homework.results import CellFailure, PartResult, Result

__all__ = ["book_address", "page", "published"]

# A page stays readable, and small, whatever a submission holds.
MOST_FINDINGS = 20
MOST_CELLS = 6
MOST_ASIDE = 20

_SEE = re.compile(r"([0-9A-Za-z_]+)(?:#([\w.:-]+))?")


def page(result: Result, homework_title: str, *, book: str = "") -> str:
    """The page of one result as HTML: self-contained, without a script, every text escaped.

    `book` is the address of the built book, for the links to its sections; without one they are words.
    An unreadable submission has a page too: the reason, and what to do. Suspicions and the seed are not shown.
    Raises nothing for any stored result.
    """
    parts = [_part(position, part, result.failures, book) for position, part in enumerate(result.parts, 1)]
    own = {grade_id for part in result.parts for grade_id in part.code}
    elsewhere = [failure for failure in result.failures if failure.grade_id not in own]
    file = PurePosixPath(result.file.replace("\\", "/")).name  # not where the teacher keeps it
    return render(
        "feedback.html",
        title=clean(homework_title, 200),
        student=clean(result.student, 100),
        file=clean(file, 200),
        readable=result.state == "graded",
        reason=_reason(result.reason.replace(result.file, file) if file else result.reason),
        points=result.points,
        max_points=result.max_points,
        parts=parts,
        opening=_opening(parts),
        failures=[_failed(failure) for failure in elsewhere[:MOST_ASIDE]],
        more_failures=max(0, len(elsewhere) - MOST_ASIDE),
        notes=[clean(note, 600) for note in result.notes[:MOST_ASIDE]],
        version=clean(text(result.versions.get("handgrad")), 40),
    )


@dataclass(frozen=True)
class _Finding:
    about: str  # the formula or question that it belongs to, where its own words do not say so
    said: Said
    warning: bool


@dataclass(frozen=True)
class _Failed:
    cell: int
    words: str
    advice: str


@dataclass(frozen=True)
class _Part:
    anchor: str
    title: str
    points: float
    max_points: float
    state: str
    verdict: str
    right: str
    own: str
    undone: str
    unjudged: str
    findings: tuple[_Finding, ...]
    more: int
    stopped: str
    advice: str
    failed: tuple[_Failed, ...]
    code: tuple[tuple[Markup, str], ...]
    see: str
    link: str

    @property
    def full(self) -> bool:
        return self.points >= self.max_points


def _part(position: int, part: PartResult, failures: Iterable[CellFailure], book: str) -> _Part:
    by: dict[str, list[str]] = {}
    found: list[_Finding] = []
    for report in part.reports:
        subject, statuses = text(report.get("subject"), 200), report.get("parts")
        several = len(part.reports) > 1
        for name, status in statuses.items() if isinstance(statuses, Mapping) else ():
            by.setdefault(text(status), []).append(text(name, 80))
        found += _findings(report, subject if several else "")
    failed = tuple(_failed(f) for f in failures if f.grade_id in part.code)[:MOST_CELLS]
    see = part.see
    if part.state == "missing":  # what is right then was written for another part
        by.pop("right", None)
    attempted = part.state == "stopped" or bool(found) or any(s in by for s in ("right", "wrong", "raised"))
    return _Part(
        anchor=f"part-{position}",
        title=clean(heading(part.title[:300]) or part.grade_id, 200),
        points=part.points,
        max_points=part.max_points,
        state=part.state,
        verdict=_verdict(part, attempted, bool(failed) and not attempted),
        right=listed(by.get("right", ())),
        own=listed(by.get("own forward", ())),
        undone=listed(by.get("not attempted", ())),
        unjudged=listed(by.get("not judged", ())),
        findings=tuple(found[:MOST_FINDINGS]),
        more=max(0, len(found) - MOST_FINDINGS),
        stopped=without_answer(clean(part.stopped, 600)),
        advice=_advice(part.stopped)
        or "Run the notebook from the top and see whether this part ends by itself.",
        failed=failed,
        code=tuple(highlight(text(code, 10**6)) for code in islice(part.code.values(), MOST_CELLS)),
        see=_section(see),
        link=book_address(book, see),
    )


def _findings(report: Mapping[str, Any], subject: str) -> Iterable[_Finding]:
    """What a report found, without a line for each value that is not attempted: the page lists those together."""
    findings = report.get("findings")
    for finding in findings if isinstance(findings, list | tuple) else ():
        if not isinstance(finding, Mapping) or finding.get("cause") == "not-attempted":
            continue
        message = without_answer(text(finding.get("message")), text(finding.get("role")))
        said = take_apart(message, text(finding.get("kind")))
        about = "" if said.what.startswith(f"{subject}:") else subject
        said = replace(said, what=said.what.removeprefix("check_gradient: "))  # the judge's name, not theirs
        yield _Finding(about, said, finding.get("severity") == "warning")


def _verdict(part: PartResult, attempted: bool, failed: bool) -> str:
    if part.state == "stopped":
        return "stopped"
    if part.points >= part.max_points:
        return "right"
    if failed:
        return "did not run"
    if part.state == "missing" or not attempted:
        return "not attempted"
    return "partly right" if part.points > 0 else "not right yet"


def _opening(parts: list[_Part]) -> str:
    """What is right, then where to go on."""
    left = [part for part in parts if not part.full]
    if not left:
        return "Everything is right. Well done."
    right = len(parts) - len(left)
    begun = [part for part in left if part.points > 0]
    first = (begun or left)[0]
    good = {0: "", 1: "One part is completely right. "}.get(right, f"{right} parts are completely right. ")
    good = good or ("Some of it is right. " if begun else "")
    if all(part.verdict == "not attempted" for part in parts):
        return f"Nothing is attempted yet. A good place to start: {first.title}."
    return f"{good}A good place to go on: {first.title}."


# What to do about a limit, by a word of the sentence that names it (`sandbox.ENDINGS`).
_ADVICE = (
    ("instructions", "Look for a loop that never ends, or one that runs over every entry many times over."),
    ("out of time", "Look for a loop that never ends, an input() that waits for you, or a sleep."),
    (
        "out of memory",
        "Look for a list or an array that grows with every step, or a shape that is far too large.",
    ),
    ("printed", "Take out the prints inside loops: show a shape or one row instead of all of it."),
    ("nested", "Look for a function that calls itself, and for what should end that."),
    ("ended the whole", "Take out exit(), quit() and sys.exit(): a function ends with return."),
    ("one submission", "Look for a cell that computes far too much. Nothing is left for the parts after it."),
    ("handed back", "Return plain NumPy arrays, numbers or strings, as the part asks."),
)


def _advice(stopped: str) -> str:
    return next((step for word, step in _ADVICE if word in stopped), "")


def _failed(failure: CellFailure) -> _Failed:
    return _Failed(failure.cell, clean(failure.words, 600), _advice(failure.words))


def _section(see: str) -> str:
    """The section of the book in words: "05_affine#sec-the-sum" is chapter 5 of the book, section “the sum”."""
    found = _SEE.fullmatch(see)
    if not found:
        return ""
    label = (found[2] or "").removeprefix("sec-").replace("-", " ")
    section = f", section “{label}”" if label else ""
    number, _, name = found[1].partition("_")
    if number.isdigit() and name:
        return f"chapter {int(number)} of the book{section}"
    return f"page {found[1]} of the book{section}"


def _reason(reason: str) -> str:
    """Why the notebook could not be read, without what the teacher is to ask of the student."""
    words = _ASK.sub("", clean(reason, 2000).strip())
    sentence = words.partition(" ")[0].isalpha()  # not the name of a file
    return words[:1].upper() + words[1:] if sentence else words


_ASK = re.compile(r"(?:[:;,.?] ?| )[Aa]sk (?:for|the student|whose|which)\b[^\n]*$")


def book_address(book: str, see: str) -> str:
    """The address of a section, "05_affine#the-backward", or "" where there is none.

    `book` is the address of the built book: http, https, or relative to the page ("../book-site"). Anything
    else, such as a javascript: address, gives no link.
    """
    found = _SEE.fullmatch(see)
    base = book.strip()
    if not found or not base or re.search(r"[\s\\\x00-\x1f]", base):
        return ""
    try:
        split = urlsplit(base)
    except ValueError:
        return ""
    web = split.scheme in ("http", "https") and bool(split.hostname)
    relative = not split.scheme and not split.netloc and ":" not in base.split("/", 1)[0]
    if not (web or relative) or split.query or split.fragment:
        return ""
    anchor = f"#{quote(found[2])}" if found[2] else ""
    return f"{quote(base.rstrip('/'), safe=_ADDRESS)}/book/{found[1]}.html{anchor}"


_ADDRESS = "/:@%~.[]-_+,=!$&()*;"


def published(root: Path) -> str:
    """Where the book is read: `baseurl` in _config.yml, as jupyter-book uses it, or an empty string."""
    try:
        text = (root / "_config.yml").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"^ +baseurl: *[\"']?([^\s\"'#]+)", text, re.MULTILINE)
    return found[1] if found else ""
