"""Grades into nbgrader's gradebook, through its public API, so that its export and its formgrader show them.

A course's own gradebook is added to: what was marked or written by hand in it stays.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.errors import HandgradError, layout
from handgrad.homework import autograded, notebooks, rules
from handgrad.homework.naming import shown, stem
from handgrad.homework.results import PartResult, Result

if TYPE_CHECKING:
    from handgrad.homework.source import Homework

__all__ = ["student_id", "write"]

CLOSE = 1e-9
LONGEST = 8_000  # characters of a comment
# A name that nbgrader can use as a folder, and write into its CSV, which quotes nothing.
SAFE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.@ -]{0,98}[A-Za-z0-9_@-])?")


def write(
    results: Iterable[Result],
    homework: Homework,
    url: str,
    *,
    allow_lower: bool = False,
    release: Path | None = None,
    course: Path | None = None,
) -> list[str]:
    """Write every result into the gradebook at `url` (`sqlite:///…/gradebook.db`), made if it does not exist.

    A student's automatic scores are replaced together, and only by ones whose sum is no lower, unless `allow_lower`;
    marks and comments by hand are never touched. All is written in one transaction, or nothing. Returns a
    sentence for each mark that was kept or lowered.

    With `release`, the students' notebook, a new gradebook also learns its cells, as from
    `nbgrader generate_assignment`; with `course` too, the folder of submitted/ and autograded/, formgrader finds a
    notebook for each score that is written, and the time of handing in. Raises HandgradError if nbgrader is
    missing or the gradebook cannot be written.
    """
    with _opened(url) as book:
        said = _register(book, homework, release)
        for result in results:
            words, ident = _record(book, result, homework, allow_lower)
            said += words
            if course is not None and ident and not {"/", "\\"} & {*ident} and ident not in (".", ".."):
                _stamp(book, course / "submitted" / ident / homework.slug, homework.slug, ident)
                if release is not None and result.state == "graded":
                    autograded.place(course / "autograded", ident, result, homework, release)
        return said


def student_id(student: str) -> str:
    """What the gradebook calls the student: the name itself, or its stem where the name could do harm."""
    return student if SAFE.fullmatch(student) else stem(student)


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    try:
        from nbgrader.api import Gradebook, InvalidEntry, MissingEntry
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        step = 'pip install "handgrad[homework]"'
        raise HandgradError(
            layout("gradebook", "nbgrader is not installed", [str(error)], step=step)
        ) from error
    where = re.sub(r"//[^/]*@", "//", url)  # without the password
    step = (
        "see that its folder exists and that nothing else has it open; "
        "one made by an older nbgrader needs: nbgrader db upgrade"
    )
    try:
        with _prepared(), Gradebook(url) as book, book.engine.begin() as connection:
            # The API commits after each row, which waits for the disk; here its commits join one transaction.
            book.db.remove()
            book.db.configure(bind=connection, join_transaction_mode="rollback_only")
            yield book
            book.db.flush()
    except (SQLAlchemyError, InvalidEntry, MissingEntry, ImportError, OSError) as error:
        said = [line for line in str(error).splitlines() if line.strip()][:1]
        raise HandgradError(layout(where, "the gradebook cannot be written", said, step=step)) from error


@contextmanager
def _prepared() -> Iterator[None]:
    """nbgrader calls alembic by its bare name, logs a traceback before it raises, and is warned of its own queries."""
    from nbgrader.api import app_log
    from sqlalchemy.exc import SAWarning

    path, level = os.environ.get("PATH", ""), app_log.level
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    app_log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            yield
    finally:
        os.environ["PATH"] = path
        app_log.setLevel(level)


def _register(book: Any, homework: Homework, release: Path | None) -> list[str]:
    """Make sure that the gradebook knows the assignment, its notebook and its cells."""
    from nbgrader.api import MissingEntry

    name = homework.slug
    book.update_or_create_assignment(name)
    try:
        notebook = book.find_notebook(name, name)
        new = False
    except MissingEntry:
        notebook = book.add_notebook(name, name, kernelspec=json.dumps(notebooks.KERNEL))
        new = True
    said = []
    graded = {cell.name: cell.max_score for cell in notebook.grade_cells}
    answered = {cell.name for cell in notebook.solution_cells}
    for part in homework.parts:
        worth = graded.get(part.grade_id)
        if worth is None:
            book.add_grade_cell(part.grade_id, name, name, max_score=part.max_points, cell_type="code")
        elif worth != part.max_points:
            book.update_or_create_grade_cell(part.grade_id, name, name, max_score=part.max_points)
            said.append(f"{part.grade_id}: worth {part.max_points:g} now, {worth:g} in the gradebook before")
    for grade_id, _, kind in homework.cells:
        if kind == "answer" and grade_id not in answered:
            book.add_solution_cell(grade_id, name, name)
    if new and release is not None:
        _sources(book, name, release)
    return said


def _sources(book: Any, name: str, release: Path) -> None:
    """The text of every cell that nbgrader knows, as `nbgrader generate_assignment` stores it."""
    for cell in notebooks.read(release).cells:
        if any(rules.flag(cell, flag) for flag in ("grade", "solution", "locked", "task")):
            meta = cell.metadata["nbgrader"]
            book.add_source_cell(
                meta["grade_id"],
                name,
                name,
                cell_type=cell.cell_type,
                locked=bool(meta.get("locked", False)),
                source=cell.source,
                checksum=meta.get("checksum"),
            )


def _record(book: Any, result: Result, homework: Homework, allow_lower: bool) -> tuple[list[str], str]:
    """Write one student's scores and comments: the sentences about what was kept, lowered or left out.

    Then what the gradebook calls the student, or nothing if nothing was written.
    """
    from nbgrader.api import MissingEntry

    who, readable = shown(result.student), result.state == "graded"
    try:
        ident = book.find_student(result.student).id
    except MissingEntry:
        ident = student_id(result.student)
        if not readable and ident != result.student:
            return [f"{who}: not in the gradebook. Its file cannot be read, and its name is no student's"], ""
        book.add_student(ident)
    try:
        submission = book.find_submission(homework.slug, ident)
    except MissingEntry:
        submission = book.add_submission(homework.slug, ident)
    notebook = _notebook(book, submission, homework.slug)
    grades = _grades(book, notebook, homework)
    parts = {part.grade_id: part for part in result.parts if part.grade_id in grades} if readable else {}
    recorded = [grade.auto_score for grade in grades.values() if grade.auto_score is not None]
    had, gives = sum(recorded), sum(part.points for part in parts.values())
    lower = bool(recorded) and (not readable or gives < had - CLOSE)
    said = []
    if lower:
        offer = f"{gives:g}" if readable else "nothing, for the file cannot be read"
        if not allow_lower:
            book.db.commit()
            words = f"{who}: kept in the gradebook. {had:g} are recorded there; this grading gives {offer}"
            return [f"{words} (--allow-lower would take that)"], ""
        said.append(
            f"{who}: lowered in the gradebook. {had:g} were recorded there; this grading gives {offer}"
        )
    for name, grade in grades.items():
        said += _score(grade, parts.get(name), who)
    _comment(book, notebook, parts, homework)
    book.db.commit()
    return said, ident


def _stamp(book: Any, folder: Path, name: str, ident: str) -> None:
    """The time of handing in, as nbgrader's exchange leaves it beside the submission."""
    path = folder / "timestamp.txt"
    if folder.is_symlink() or path.is_symlink() or not path.is_file():
        return
    with contextlib.suppress(OSError, ValueError, OverflowError), open(path, encoding="utf-8") as file:
        book.update_or_create_submission(name, ident, timestamp=file.read(100).strip())


def _notebook(book: Any, submission: Any, name: str) -> Any:
    """The submitted notebook; one is made for a submission that is older than the notebook's place in the book."""
    from nbgrader.api import SubmittedNotebook

    for notebook in submission.notebooks:
        if notebook.name == name:
            return notebook
    made = SubmittedNotebook(notebook=book.find_notebook(name, name), assignment=submission)
    book.db.add(made)
    return made


def _grades(book: Any, notebook: Any, homework: Homework) -> dict[str, Any]:
    """The grade of every part, by grade_id; likewise made where the submission is older than the part."""
    from nbgrader.api import Grade

    have = {grade.cell.name: grade for grade in notebook.grades}
    cells = {cell.name: cell for cell in notebook.notebook.grade_cells}
    for part in homework.parts:
        if part.grade_id not in have:
            have[part.grade_id] = Grade(cell=cells[part.grade_id], notebook=notebook)
            book.db.add(have[part.grade_id])
    return {part.grade_id: have[part.grade_id] for part in homework.parts}


def _score(grade: Any, part: PartResult | None, who: str) -> list[str]:
    """Set the automatic score. A mark by hand stays; if the automatic one changes beneath it, it wants a look."""
    before, after = grade.auto_score, None if part is None else part.points
    if before == after and (after is None or grade.manual_score is not None):
        return []
    grade.auto_score = after
    grade.needs_manual_grade = after is None or grade.manual_score is not None
    if grade.manual_score is None or part is None:
        return []
    return [
        f"{who}, {part.grade_id}: marked {grade.manual_score:g} by hand, which stays; "
        f"this grading gives {part.points:g}, so look at it again"
    ]


def _comment(book: Any, notebook: Any, parts: dict[str, PartResult], homework: Homework) -> None:
    """The findings of each part, at the last cell that answers it. What a person wrote there takes precedence."""
    from nbgrader.api import Comment

    have = {comment.cell.name: comment for comment in notebook.comments}
    cells = {cell.name: cell for cell in notebook.notebook.solution_cells}
    for part in homework.parts:
        if not part.answers or part.grade_id not in parts:
            continue
        place = part.answers[-1]
        text = _words(parts[part.grade_id])
        if place not in have and text is not None:
            have[place] = Comment(cell=cells[place], notebook=notebook)
            book.db.add(have[place])
        if place in have and have[place].auto_comment != text:
            have[place].auto_comment = text


def _words(part: PartResult) -> str | None:
    """The findings as a Markdown block of code: nbgrader renders comments, and a student's words must stay words."""
    lines = "\n\n".join(autograded.said(part))[:LONGEST].splitlines()
    return "\n".join("    " + line for line in lines) if any(lines) else None
