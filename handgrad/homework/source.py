"""A homework as its author wrote it: the parts, the names that a student answers, the trusted cells that judge.

The cells that judge run here, outside the sandbox, from the source and never from a submission; the
student's functions reach them as stand-ins.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handgrad.errors import NotebookError, UnknownNameError, layout, nearest
from handgrad.report import Report

__all__ = ["Homework", "Judged", "Part", "load"]

_HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)
_SEE = "see:"  # a tag of a graded cell: the page and section of the book that it belongs to


@dataclass(frozen=True)
class Part:
    """One graded cell: its code, its points, the cells that answer it and the names that they define."""

    grade_id: str
    title: str
    max_points: float
    code: str
    answers: tuple[str, ...]  # grade_ids of the solution cells since the last graded cell
    names: tuple[str, ...]  # what those cells define, in the source
    see: str = ""  # "05_affine#the-backward"


@dataclass(frozen=True)
class Judged:
    """What a graded cell gave: points, every report that it showed, each layer it checked and with what."""

    points: float
    reports: tuple[Report, ...]
    checked: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True)
class Homework:
    """One homework. `cells` are (grade_id, source, kind) of every code cell, kind one of given, answer, grade."""

    slug: str
    title: str
    parts: tuple[Part, ...]
    cells: tuple[tuple[str, str, str], ...]
    digest: str
    where: str
    solution: Mapping[str, str] = field(default_factory=dict)  # the author's own answers, by grade_id

    @property
    def max_points(self) -> float:
        """The sum over the parts."""
        return float(sum(part.max_points for part in self.parts))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that an answer defines, in order."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names))

    @property
    def given(self) -> Mapping[str, str]:
        """The code cells that the student gets and may not change, by grade_id."""
        return {grade_id: source for grade_id, source, kind in self.cells if kind == "given"}

    def judge(
        self, answers: Callable[[Part], Mapping[str, Any]], ended: Callable[[Part, BaseException], None]
    ) -> Iterator[tuple[Part, Judged]]:
        """Run the trusted cells in order; yield each part with what its cell gave for `answers(part)`.

        A part whose judging was stopped (`probe.Stopped`) is told to `ended` and yields 0 points. Raises
        NotebookError for a graded cell that fails by itself.
        """
        space: dict[str, Any] = {"__name__": "__main__"}
        at = {part.grade_id: part for part in self.parts}
        for grade_id, source, kind in self.cells:
            if kind == "given":
                _given(source, space)
            elif kind == "grade":
                part = at[grade_id]
                yield part, self._grade(part, space, answers, ended)

    def _grade(
        self,
        part: Part,
        space: dict[str, Any],
        answers: Callable[[Part], Mapping[str, Any]],
        ended: Callable[[Part, BaseException], None],
    ) -> Judged:
        from handgrad.checking import check
        from handgrad.probe import Stopped

        shown: list[Report] = []
        checked: list[tuple[str, Mapping[str, Any]]] = []

        def watched(slug: str, **options: Any) -> Report:
            checked.append((slug, options))
            return check(slug, **options)

        def display(*things: Any) -> None:
            shown.extend(thing for thing in things if isinstance(thing, Report))

        try:
            space.update(dict.fromkeys(self.names))
            space.update(answers(part), display=display, check=watched)
            with _quiet():
                points = _run(part.code, space, f"<{part.grade_id}>")
        except Stopped as stop:
            ended(part, stop)
            return Judged(0.0, ())
        except Exception as error:
            where = f"{self.where} ({part.grade_id})"
            said = f"{type(error).__name__}: {error}"
            step = "a graded cell must judge anything; try it with answers that return None, 7 or raise"
            raise NotebookError(layout(where, "the graded cell itself failed", [said], step=step)) from error
        if type(points) not in (int, float) or not 0.0 <= points <= part.max_points:
            what = f"the graded cell ended in {points!r}, expected 0 to {part.max_points:g} points"
            raise NotebookError(layout(f"{self.where} ({part.grade_id})", what))
        return Judged(float(points), tuple(shown), tuple(checked))


def load(root: Path, slug: str) -> Homework:
    """The homework solutions/SLUG/SLUG.ipynb. Raises UnknownNameError, or NotebookError for a bad source."""
    from handgrad.homework import notebooks, rules  # slow to import, and a worker gets its homework loaded
    from handgrad.homework.sync import homeworks

    known = homeworks(root)
    if slug not in known:
        raise UnknownNameError(layout("solutions", f"no homework {slug!r}", step=nearest(slug, known)))
    path = root / "solutions" / slug / f"{slug}.ipynb"
    nb, where = notebooks.read(path), f"solutions/{slug}/{slug}.ipynb"
    rules.validate(nb, where)
    title, heading = slug, ""
    parts: list[Part] = []
    cells: list[tuple[str, str, str]] = []
    solution: dict[str, str] = {}
    pending: list[str] = []
    names: list[str] = []
    for cell in nb.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
        if cell.cell_type != "code":
            found = _HEADING.search(cell.source)
            if found:
                title = found[1] if not heading and not parts and title == slug else title
                heading = found[1]
            continue
        if rules.flag(cell, "solution"):
            kind = "answer"
            pending.append(grade_id)
            names += _defined(cell.source)
            solution[grade_id] = cell.source
        elif rules.flag(cell, "grade"):
            kind = "grade"
            tags = cell.metadata.get("tags", [])
            see = next((tag.removeprefix(_SEE) for tag in tags if tag.startswith(_SEE)), "")
            worth = float(cell.metadata.nbgrader.points)
            parts.append(
                Part(grade_id, heading, worth, cell.source, tuple(pending), tuple(dict.fromkeys(names)), see)
            )
            pending, names = [], []
        else:
            kind = "given"
        cells.append((grade_id, cell.source, kind))
    if not parts:
        step = 'give the cell that judges "grade": true and points in its nbgrader metadata'
        raise NotebookError(layout(where, "holds no graded cell", step=step))
    digest = hashlib.sha256(json.dumps([cells, [p.max_points for p in parts]]).encode()).hexdigest()
    return Homework(slug, title, tuple(parts), tuple(cells), digest, where, solution)


def _defined(source: str) -> Iterator[str]:
    """The names that a cell defines at its top level."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (leaf.id for t in targets for leaf in ast.walk(t) if isinstance(leaf, ast.Name))


def _given(source: str, space: dict[str, Any]) -> None:
    """Run a cell that the student was given. One that shows their answers may fail on them; the judge goes on."""
    from handgrad.probe import Stopped

    space.setdefault("display", lambda *things: None)
    with contextlib.suppress(Exception, Stopped), _quiet():
        _run(source, space, "<given>")


def _run(source: str, space: dict[str, Any], name: str) -> Any:
    """Execute a cell and return the value of its last expression, or None."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        exec(compile(tree, name, "exec"), space)
        return None
    exec(compile(ast.Module(tree.body[:-1], tree.type_ignores), name, "exec"), space)
    return eval(compile(ast.Expression(last.value), name, "eval"), space)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What trusted cells print is for the student's own screen; the streams they replace are put back."""
    import sys
    import warnings

    before = sys.stdout, sys.stderr
    try:
        sys.stdout = sys.stderr = io.StringIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdout, sys.stderr = before
