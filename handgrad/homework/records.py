"""What grading leaves behind: each result as it comes, and the tables made from them.

Every file is written beside its place and put there in one step, so that a run that is killed at any point
leaves the old file or the new one, never half of it. A mark once recorded is not lowered unless asked.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from handgrad.errors import NotebookError
from handgrad.homework.naming import shown, stem
from handgrad.homework.results import SCHEMA, Result

if TYPE_CHECKING:
    from handgrad.homework.source import Homework

__all__ = ["Store", "draft", "merge", "safe_cell", "write_tables"]

CLOSE = 1e-9  # points; sums of the same parts in another order differ by less
DRAFT = ".draft"
# What spreadsheets take for a formula at the start of a cell, in half and full width.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
RESULTS, PAGES, ASIDE = "results", "feedback", "not_recorded"


@contextmanager
def draft(path: Path, encoding: str = "utf-8") -> Iterator[IO[str]]:
    """A text file to write to, which takes the place of `path` when the block ends, and only if it ends well.

    Broken UTF-8 in what is written becomes escapes, which JSON reads back as what it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}{DRAFT}")
    try:
        with open(beside, "w", encoding=encoding, errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # so that the new name outlives a power cut, too
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def merge(old: Result | None, new: Result, allow_lower: bool) -> tuple[Result, str]:
    """The result to record of an old and a new one, and a sentence for the report if the mark would fall.

    The old one stays if the new one has fewer points, or cannot be read; with `allow_lower` the new one is taken.
    """
    if old is None or old.state != "graded":
        return new, ""
    unreadable = new.state != "graded"
    if not unreadable and new.points >= old.points - CLOSE:
        return new, ""
    who, had = shown(new.student), f"{_number(old.points)} of {_number(old.max_points)}"
    gave = f"cannot be read ({shown(new.reason)})" if unreadable else f"gives {_number(new.points)}"
    if allow_lower:
        return new, f"{who}: lowered. {had} were recorded; {shown(new.file)} {gave}"
    return old, f"{who}: kept. {had} are recorded; {shown(new.file)} {gave} (--allow-lower would take that)"


class Store:
    """The folder OUT: results/STEM.json, feedback/STEM.html, and what else `write` is given.

    `damaged` holds, by file, a sentence about each stored result that could not be read; its submission counts
    as not graded, and is graded again.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.damaged: dict[str, str] = {}

    def get(self, student: str) -> Result | None:
        """The recorded result, or None if there is none that can be read."""
        return self._read(self._path(RESULTS, student))

    def put(self, result: Result) -> None:
        """Record the result, in place of any other of this student."""
        self._put(RESULTS, result)
        self._path(ASIDE, result.student).unlink(missing_ok=True)

    def set_aside(self, result: Result) -> None:
        """Keep a result that `merge` did not record, so that it is not graded again either."""
        self._put(ASIDE, result)

    def record(self, new: Result, allow_lower: bool = False, page: str | None = None) -> tuple[Result, str]:
        """`merge` with what is recorded; then `put`, with the student's page, or `set_aside`.

        The page goes before the result, and without a new one the old is removed: a run killed in between leaves
        what `done` does not take for done, never a mark beside a page that tells of another.
        """
        kept, words = merge(self.get(new.student), new, allow_lower)
        if kept is not new:
            self.set_aside(new)
            return kept, words
        if page is None:
            self._page(new.student).unlink(missing_ok=True)
        else:
            self.put_page(new.student, page)
        self.put(new)
        return kept, words

    def put_page(self, student: str, html: str) -> None:
        """Write the student's feedback."""
        with draft(self._page(student)) as file:
            file.write(html)

    def write(self, name: str, text: str) -> None:
        """Write OUT/name."""
        with draft(self.out / name) as file:
            file.write(text)

    def all(self) -> Iterator[Result]:
        """Every recorded result, one at a time, in the order of `stem`; damaged ones are left out and named."""
        yield from self._all(RESULTS)

    def kept(self) -> Iterator[str]:
        """A sentence for each student whose recorded mark is above what the last file handed in gave."""
        for new in self._all(ASIDE):
            words = merge(self.get(new.student), new, allow_lower=False)[1]
            if words:
                yield words

    def done(
        self,
        student: str,
        digest: str,
        versions: Mapping[str, str],
        limits: Mapping[str, Any],
        seed: str,
        allow_lower: bool = False,
    ) -> bool:
        """Whether these very bytes were graded in this very way, with nothing left to be written.

        A result that was set aside counts, unless `allow_lower` is to take it.
        """
        wanted = _plain([digest, versions, limits, seed])

        def same(found: Result | None) -> bool:
            return found is not None and wanted == _plain(
                [found.digest, found.versions, found.limits, found.seed]
            )

        if same(self.get(student)):
            return self._page(student).is_file()
        return not allow_lower and same(self._read(self._path(ASIDE, student)))

    def sweep(self) -> int:
        """Remove what a killed run left half-written, and return how many. Not while another run is writing."""
        left = [path for path in self.out.glob(f"**/.*{DRAFT}") if path.is_file()]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _path(self, folder: str, student: str) -> Path:
        return self.out / folder / f"{stem(student)}.json"

    def _page(self, student: str) -> Path:
        return self.out / PAGES / f"{stem(student)}.html"

    def _put(self, folder: str, result: Result) -> None:
        with draft(self._path(folder, result.student)) as file:
            file.write(result.to_json())

    def _all(self, folder: str) -> Iterator[Result]:
        for path in sorted(
            (self.out / folder).glob("*.json"), key=lambda path: (path.stem.lower(), path.name)
        ):
            found = None if path.name.startswith(".") else self._read(path)
            if found is not None:
                yield found

    def _read(self, path: Path) -> Result | None:
        name = f"{path.parent.name}/{path.name}"
        try:
            found = Result.from_json(path.read_text(encoding="utf-8"), name)
            if stem(found.student) + ".json" != path.name or not 0 <= found.points <= found.max_points:
                raise ValueError("its content does not belong there")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            why = "it is no stored result" if isinstance(error, NotebookError) else shown(str(error))
            self.damaged[name] = f"{name}: damaged, so the submission counts as not graded ({why})"
            return None
        self.damaged.pop(name, None)
        return found


def _plain(data: Any) -> Any:
    """The data as JSON stores it: tuples as lists."""
    return json.loads(json.dumps(data, default=dict))


# ---------------------------------------------------------------------------------------------------- the tables


def write_tables(store: Store, homework: Homework) -> None:
    """Write OUT/grades.csv and OUT/grades.json from the recorded results, reading them one at a time.

    The CSV begins with a byte order mark: without it Excel reads the file in its country's old encoding and
    mangles every name beyond ASCII; LibreOffice, Google Sheets and pandas read it either way.
    """
    ids = [part.grade_id for part in homework.parts]
    with draft(store.out / "grades.csv", "utf-8-sig") as rows, draft(store.out / "grades.json") as data:
        table = csv.writer(rows)
        table.writerow(
            ["student", "points", "max", *(safe_cell(name) for name in ids), "state", "reason", "notes"]
        )
        head = {"schema": SCHEMA, "homework": homework.slug, "max_points": homework.max_points}
        data.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "students": [')
        comma = "\n"
        for result in store.all():
            table.writerow(_row(result, ids, homework.max_points))
            data.write(comma + json.dumps(_record(result), ensure_ascii=False))
            comma = ",\n"
        data.write("\n]}\n")


def _row(result: Result, ids: list[str], most: float) -> list[str]:
    """A line of the table. What could not be read has no points yet, which is not the same as 0."""
    graded = result.state == "graded"
    parts = {part.grade_id: part for part in result.parts}
    each = [_number(parts[name].points) if name in parts else "" for name in ids]
    total = [_number(result.points) if graded else "", _number(result.max_points if graded else most)]
    stopped = [f"{part.grade_id}: {part.stopped}" for part in result.parts if part.stopped]
    hints = [f"{hint.function}: {hint.words}" for hint in result.suspicions]
    notes = "; ".join([*result.notes, *stopped, *hints])
    words = [result.state, safe_cell(result.reason), safe_cell(notes)]
    return [safe_cell(result.student), *total, *each, *words]


def _record(result: Result) -> dict[str, Any]:
    """What grades.json says of a student: all but their code and the reports."""
    return {
        "student": result.student,
        "file": result.file,
        "state": result.state,
        "reason": result.reason,
        "points": result.points if result.state == "graded" else None,
        "max_points": result.max_points,
        "parts": [
            {
                "grade_id": part.grade_id,
                "points": part.points,
                "max_points": part.max_points,
                "state": part.state,
                "stopped": part.stopped,
                "causes": [{"param": param, "cause": cause or None} for param, cause in part.causes],
            }
            for part in result.parts
        ],
        "failures": [vars(failure) for failure in result.failures],
        "suspicions": [vars(hint) for hint in result.suspicions],
        "notes": list(result.notes),
        "digest": result.digest,
        "versions": dict(result.versions),
        "seed": result.seed,
        "limits": dict(result.limits),
        "used": dict(result.used),
    }


def _number(value: float) -> str:
    return f"{value:.10g}"


def safe_cell(text: str) -> str:
    """The text as one cell on one line, which no spreadsheet takes for a formula."""
    line = re.sub(r"\s+", " ", "".join(char if char.isprintable() else " " for char in text)).strip()
    # Looked at before and after: a cell that began with a tab begins with something else once it is one line.
    return f"'{line}" if text.startswith(FORMULA) or line.startswith(FORMULA) else line
