"""The teacher's page: how the class did, what it found hard, which mistakes were made and by how many."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from urllib.parse import quote

from handgrad.homework.naming import stem
from handgrad.homework.pages import clean, number, render
from handgrad.homework.pages.words import heading, mistake, text
from handgrad.homework.results import PartResult, Result

__all__ = ["ClassSummary", "page"]

BINS = 10  # at most, in the histogram
# Lines of a list that are shown; the results hold them all.
MOST_ROWS = 300
MOST_MISTAKES = 200


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of a graded student."""

    student: str
    link: str
    points: float
    max_points: float
    by_part: dict[str, float]


@dataclass(slots=True)
class _PartSum:
    title: str
    max_points: float = 0.0
    shares: float = 0.0
    students: int = 0
    attempted: int = 0
    full: int = 0


@dataclass
class ClassSummary:
    """A class's results, added one at a time; of each student a small row is kept, and none of their code."""

    rows: list[_Row] = field(default_factory=list)
    parts: dict[str, _PartSum] = field(default_factory=dict)
    mistakes: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (part, value, sentence)
    unreadable: list[tuple[str, str, str, str]] = field(default_factory=list)  # (student, link, file, reason)
    suspicions: list[tuple[str, str, str]] = field(default_factory=list)  # (student, function, words)
    stopped: list[tuple[str, str, str]] = field(default_factory=list)  # (student, part, words)
    failures: list[tuple[str, int, str]] = field(default_factory=list)  # (student, cells, words of the first)
    settings: Counter[str] = field(default_factory=Counter)  # versions and limits, as JSON
    seeds: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Take in one result, in any order. Nothing of it is kept but the row and short words."""
        student = clean(result.student, 80)
        link = f"feedback/{quote(stem(result.student))}.html"
        if result.state != "graded":
            reason = clean(result.reason.removeprefix(f"{result.file}: "), 300)
            self.unreadable.append((student, link, clean(result.file, 160), reason))
            return
        self.settings[_settings(result)] += 1
        self.seeds[clean(result.seed, 80)] += 1
        forwards: set[tuple[str, str]] = set()
        for part in result.parts:
            self._add_part(student, part, forwards)
        by_part = {part.grade_id: part.points for part in result.parts}
        self.rows.append(_Row(student, link, result.points, result.max_points, by_part))
        for hint in result.suspicions[:20]:
            self.suspicions.append((student, clean(hint.function, 80), clean(hint.words, 300)))
        if result.failures:
            first = result.failures[0]
            words = f"cell {first.cell}: {clean(first.words.split(chr(10), 1)[0], 200)}"
            self.failures.append((student, len(result.failures), words))

    def _add_part(self, student: str, part: PartResult, forwards: set[tuple[str, str]]) -> None:
        title = clean(heading(part.title[:300]) or part.grade_id, 120)
        total = self.parts.setdefault(part.grade_id, _PartSum(title))
        total.max_points = max(total.max_points, part.max_points)
        total.shares += part.points / part.max_points if part.max_points else 1.0
        total.students += 1
        total.full += part.points >= part.max_points
        total.attempted += _attempted(part)
        if part.state == "stopped":
            self.stopped.append((student, title, clean(part.stopped, 200)))
        found = set()
        for role, value, said in _mistakes(part):
            # Several parts judge the same forward: its mistake counts in the first that shows it.
            if role != "forward" or (value, said) not in forwards:
                found.add((part.grade_id, value, said))
            if role == "forward":
                forwards.add((value, said))
        self.mistakes.update(found)


def _attempted(part: PartResult) -> bool:
    """Whether there was anything to judge: a stopped part counts, one whose every report says so does not."""
    if part.state == "missing":
        return False
    verdicts = [report.get("verdict") for report in part.reports]
    return part.state == "stopped" or part.points > 0 or any(v != "not attempted" for v in verdicts)


def _mistakes(part: PartResult) -> Iterator[tuple[str, str, str]]:
    """The (role, value, sentence) of each error of a part; what was only not attempted is no mistake."""
    for report in part.reports:
        subject, findings = text(report.get("subject"), 80), report.get("findings")
        for finding in list(findings if isinstance(findings, list | tuple) else ())[:40]:
            if not isinstance(finding, Mapping):
                continue
            if finding.get("severity") == "error" and finding.get("cause") != "not-attempted":
                value, said = clean(text(finding.get("param"), 60)), clean(mistake(finding, subject), 300)
                yield text(finding.get("role"), 20), value, said


def _settings(result: Result) -> str:
    """The versions and limits as JSON, each name and value short."""

    def short(values: Mapping[str, object]) -> dict[str, str]:
        return {clean(name, 40): clean(_value(values[name]), 100) for name in list(values)[:30]}

    return json.dumps({"versions": short(result.versions), "limits": short(result.limits)}, sort_keys=True)


def _value(value: object) -> str:
    return f"{value:,}" if type(value) is int else str(value)


def page(summary: ClassSummary, homework_title: str) -> str:
    """The teacher's page as HTML: self-contained, without a script, every text escaped."""
    rows = sorted(summary.rows, key=lambda row: (row.student.casefold(), row.student))
    points = [row.points for row in rows]
    most = max((row.max_points for row in rows), default=0.0)
    hardest = sorted(summary.parts.values(), key=lambda part: part.shares / part.students)
    return render(
        "class.html",
        title=clean(homework_title, 200),
        graded=len(rows),
        mean=mean(points) if points else 0.0,
        median=median(points) if points else 0.0,
        most=most,
        bins=_bins(points, most),
        parts=list(summary.parts.items()),
        hardest=[
            (p.title, p.shares / p.students, percent(p.shares, p.students), p.attempted, p.full)
            for p in hardest
        ],
        mistakes=_frequent(summary),
        more_mistakes=max(0, len(summary.mistakes) - MOST_MISTAKES),
        rows=rows,
        unreadable=sorted(summary.unreadable)[:MOST_ROWS],
        unreadable_count=len(summary.unreadable),
        suspicions=_by_student(summary.suspicions),
        stopped=_together(summary.stopped),
        failures=_by_student(summary.failures),
        settings=[(json.loads(key), count) for key, count in summary.settings.most_common(10)],
        seeds=[seed for seed, _ in summary.seeds.most_common(2)],
        most_rows=MOST_ROWS,
    )


def percent(count: float, total: float) -> str:
    """ "31 %": a share in whole percent; what is not nothing and not all is never rounded to it."""
    if not total:
        return "–"
    share = 100 * count / total
    whole = round(share)
    if whole == 0 and share > 0:
        return "< 1 %"
    return "> 99 %" if whole == 100 and share < 100 - 1e-9 else f"{whole} %"


def _frequent(summary: ClassSummary) -> list[tuple[str, int, int, str, str, str]]:
    """The mistakes as (share, students, of how many, part, value, sentence), the most frequent first."""
    found = []
    for (grade_id, value, said), count in summary.mistakes.items():
        part = summary.parts[grade_id]
        of = max(part.attempted, count)
        found.append((count / of, count, of, part.title, value, said))
    found.sort(key=lambda item: (-item[0], -item[1], item[3:]))
    return [(percent(item[1], item[2]), *item[1:]) for item in found[:MOST_MISTAKES]]


def _by_student(items: Sequence[tuple[str, object, str]]) -> tuple[list[tuple[str, object, str]], int]:
    """The first rows in the order of the names, and how many are left out."""
    ordered = sorted(items, key=lambda item: item[0].casefold())
    return ordered[:MOST_ROWS], max(0, len(items) - MOST_ROWS)


def _together(stopped: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Each (part, words) once, with the students that it happened to, the most first."""
    names: dict[tuple[str, str], list[str]] = {}
    for student, part, words in stopped:
        names.setdefault((part, words), []).append(student)
    ordered = sorted(names.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(part, words, _some(sorted(who, key=str.casefold))) for (part, words), who in ordered[:MOST_ROWS]]


def _some(names: Sequence[str], most: int = 40) -> str:
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


@dataclass(frozen=True)
class _Bin:
    start: str
    end: str
    count: int
    x: float
    width: float
    height: float


def _bins(points: Sequence[float], most: float) -> list[_Bin]:
    """The histogram: equal bins of 0.5, 1, 2, 5, 10, … points; full marks belong to the last."""
    steps = (base * 10**power for power in range(6) for base in (0.5, 1, 2))
    step = next((step for step in steps if most <= BINS * step), most / BINS)
    bins = max(1, math.ceil(most / step - 1e-9))
    counts = Counter(min(bins - 1, max(0, int(value / step + 1e-9))) for value in points)
    highest, width = max(counts.values(), default=1), 357 / bins
    return [
        _Bin(
            number(step * i),
            number(min(most, step * (i + 1))),
            counts[i],
            round(width * i, 2),
            round(width - 3, 2),
            round(120 * counts[i] / highest, 2),
        )
        for i in range(bins)
    ]
