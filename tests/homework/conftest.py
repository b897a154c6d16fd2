"""A homework judged in this process, with some of its author's answers replaced: no sandbox, no notebook."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path

import pytest

from handgrad.homework import notebooks, rules, source

ROOT = Path(__file__).resolve().parents[2]


@cache
def load(slug):
    """The homework, read once."""
    return source.load(ROOT, slug)


class Marked:
    """What a set of answers got: points by graded cell, and the causes and messages of what was found."""

    def __init__(self, judged):
        self.points = {part.grade_id: result.points for part, result in judged}
        self._reports = {part.grade_id: result.reports for part, result in judged}

    def verdicts(self, grade_id):
        """The verdict of every report of this part."""
        return [report.verdict for report in self._reports[grade_id]]

    def causes(self, grade_id):
        """Every (parameter, cause) of an error, in order."""
        return [(f.param, f.cause) for f in self._findings(grade_id) if f.severity == "error"]

    def text(self, grade_id):
        """All that the student reads for this part."""
        return "\n".join(str(report) for report in self._reports[grade_id])

    def _findings(self, grade_id):
        return [finding for report in self._reports[grade_id] for finding in report.findings]


@pytest.fixture(scope="session")
def mark():
    """mark(slug, {grade_id of an answer cell: code}) -> Marked; cells not named keep the author's answer."""

    def marked(slug, answers=None):
        homework = load(slug)
        unknown = set(answers or {}) - set(homework.solution)
        assert not unknown, f"no answer cells {unknown} in {slug}; there are {sorted(homework.solution)}"
        space = {}
        for grade_id, text, kind in homework.cells:
            if kind == "given":
                # A cell that shows the student's answers may fail on them.
                with contextlib.suppress(*[Exception] * bool(answers)):
                    exec(text, space)
            elif kind == "answer":
                exec((answers or {}).get(grade_id, text), space)
        given = {name: space.get(name) for name in homework.names}

        def ended(part, stop):
            raise AssertionError(f"{part.grade_id} was stopped: {stop}")

        return Marked(list(homework.judge(lambda part: given, ended)))

    return marked


@pytest.fixture(scope="session")
def full():
    """full(slug) -> the most points of each graded cell."""
    return lambda slug: {p.grade_id: p.max_points for p in load(slug).parts}


@pytest.fixture(scope="session")
def stubs():
    """stubs(slug) -> what the student finds in each answer cell of the release, by grade_id."""

    @cache
    def released(slug):
        cells = notebooks.read(ROOT / "exercises" / slug / f"{slug}.ipynb").cells
        answers = [c for c in cells if c.cell_type == "code" and rules.flag(c, "solution")]
        return {cell.metadata.nbgrader.grade_id: cell.source for cell in answers}

    return released


# How a judge says that an answer holds at some sizes only, of code and of a formula.
ELSEWHERE = ("right in the cases before it", "a number stands there for the size of an axis")


@pytest.fixture(scope="session")
def costs(mark, full):
    """costs(slug, answers, grade_id, lost): these points and no others are lost, and it is said that sizes matter."""

    def checked(slug, answers, grade_id, lost):
        marked = mark(slug, answers)
        assert marked.points == {**full(slug), grade_id: full(slug)[grade_id] - lost}
        assert any(words in marked.text(grade_id) for words in ELSEWHERE), marked.text(grade_id)

    return checked
