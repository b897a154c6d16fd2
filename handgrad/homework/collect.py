"""Submissions found in a folder, in nbgrader's tree or in a zip of either: who handed in which file.

Only names and places are kept, never contents: a notebook's bytes are read where it is graded. Nothing is
extracted to disk, no link is followed, and a name is text to be shown, never a path to be opened.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from handgrad.errors import NotebookError, layout
from handgrad.homework import naming
from handgrad.homework.listing import Entry, of_folder, of_zip
from handgrad.homework.naming import stem

__all__ = ["LARGEST", "Submission", "UnreadableSubmissionError", "collect", "stem", "submission_bytes"]

LARGEST = 20_000_000  # bytes of one notebook
# Where nbgrader's tree may begin below the path given; in this order, so that a course's own
# source/affine/affine.ipynb is never taken for the submission of a student called "source".
BEGINNINGS: tuple[tuple[str, ...], ...] = (("submitted",), ("grading", "submitted"), ())
NO_STUDENTS = frozenset(
    ["autograded", "exercises", "feedback", "grading", "release", "solutions", "source", "submitted"]
)
# What students hand in where a notebook was asked for; anything else that lies about is not a submission.
MISTAKEN = {
    ".7z": "an archive",
    ".doc": "a document",
    ".docx": "a document",
    ".gz": "an archive",
    ".htm": "a web page",
    ".html": "a web page",
    ".pdf": "a PDF",
    ".py": "a Python file",
    ".rar": "an archive",
    ".tar": "an archive",
    ".tgz": "an archive",
    ".zip": "an archive",
}
DOWNLOADED = (".ipynb.txt", ".ipynb.json", ".ipynb.xml")  # what browsers make of a notebook's name
NOTEBOOK = ".ipynb"


class UnreadableSubmissionError(NotebookError):
    """A submission whose bytes cannot be had; its text says why, and what to ask of the student."""


@dataclass(frozen=True)
class Submission:
    """One student's file. `path` is the notebook, or the zip in which it is `member`; `file` is for people.

    With a `reason` there is nothing to read: it says what is wrong, and what to ask of the student.
    """

    student: str
    file: str
    path: str = ""
    member: str | None = None
    reason: str = ""


def collect(path: Path, homework: str) -> Iterator[Submission]:
    """Every submission under `path`, one a student, sorted by the student's name.

    `path` is a folder of STUDENT.ipynb, one of STUDENT/any name.ipynb, a folder that holds nbgrader's
    submitted/STUDENT/HOMEWORK/, or a zip of any. Raises NotebookError, before the first one, if it is none of these.
    """
    everything, source = _listing(path)
    entries = [entry for entry in everything if not entry.outside]
    outside = [_submission(_bare(e), e, source) for e in everything if e.outside and _is_notebook(e)]
    nobody = {homework}  # a notebook of this name is a student's answer in a folder that names the student
    for _ in range(4):
        found = _tree(entries, homework, source)
        found = found or _flat(entries, source) + _folders(entries, homework, source)
        if {sub.student for sub in found} <= nobody:
            found = []
        if found or (outside and not entries):
            return iter(_one_each(found + outside))
        tops = {entry.parts[0] for entry in entries}
        if len(tops) != 1 or not any(len(entry.parts) > 1 for entry in entries):
            break
        nobody |= tops
        entries = [entry.below(1) for entry in entries if len(entry.parts) > 1]
    raise NotebookError(_nothing(path, homework, everything))


def submission_bytes(sub: Submission, largest: int = LARGEST) -> bytes:
    """The bytes of the notebook. Raises UnreadableSubmissionError, in words for the report, if they cannot be had."""
    if sub.reason:
        raise UnreadableSubmissionError(sub.reason)
    try:
        data = _from_zip(sub, largest) if sub.member is not None else _from_file(sub.path, largest)
    except UnreadableSubmissionError:
        raise
    except Exception as error:  # a damaged archive raises zlib's errors, RuntimeError, EOFError and more
        raise UnreadableSubmissionError(_damaged(error)) from error
    if not data:
        raise UnreadableSubmissionError("the file is empty: ask for the notebook again")
    return data


def _damaged(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        f"the file cannot be read ({naming.shown(said) or type(error).__name__}): ask for the notebook again"
    )


def _too_large(size: int, largest: int) -> UnreadableSubmissionError:
    return UnreadableSubmissionError(
        f"the notebook has {size:,} bytes, more than the {largest:,} that are read: "
        "ask for it again with its outputs cleared"
    )


def _from_file(path: str, largest: int) -> bytes:
    # Without waiting on a pipe, and without following a link that was not there when the folder was listed.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise UnreadableSubmissionError("it is no ordinary file: ask for the notebook itself")
        if info.st_size > largest:
            raise _too_large(info.st_size, largest)
        data = file.read(info.st_size + 1)
    if len(data) > largest:
        raise _too_large(len(data), largest)
    return data


def _from_zip(sub: Submission, largest: int) -> bytes:
    with zipfile.ZipFile(sub.path) as archive:
        info = archive.getinfo(sub.member or "")
        if info.file_size > largest:
            raise _too_large(info.file_size, largest)
        with archive.open(info) as file:
            return file.read(info.file_size + 1)


def _listing(path: Path) -> tuple[list[Entry], Path]:
    """Every visible file and folder below the path, and what to open for them."""
    try:
        if path.is_dir():
            return of_folder(path), path
        if path.is_file() and zipfile.is_zipfile(path):
            return of_zip(path), path
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, struct.error) as error:
        step = "unpack it yourself and give the folder" if path.is_file() else _ACCEPTED
        raise NotebookError(layout(str(path), "cannot be read", [str(error)], step=step)) from error
    steps = {
        ".ipynb": "give the folder that holds the submissions, not one notebook",
        ".zip": "it is no whole zip file: download it again, or give the folder it was made from",
    }
    step = steps.get(path.suffix.lower(), "unpack it and give the folder" if path.is_file() else _ACCEPTED)
    what = "is neither a folder nor a zip" if path.exists() else "no such folder or zip"
    raise NotebookError(layout(str(path), what, step=step))


_ACCEPTED = (
    "give a folder of STUDENT.ipynb, of one folder for each STUDENT with one notebook in it, "
    "the folder `submitted` of an nbgrader course, or a zip of any of them"
)


def _tree(entries: list[Entry], homework: str, source: Path) -> list[Submission]:
    """The submissions in nbgrader's tree, STUDENT/HOMEWORK/, wherever it begins."""
    for start in BEGINNINGS:
        inside = [entry.below(len(start)) for entry in entries if entry.parts[: len(start)] == start]
        folders: dict[str, list[Entry]] = {}
        for entry in inside:
            if entry.parts[1:2] == (homework,) and (start or entry.parts[0] not in NO_STUDENTS):
                folders.setdefault(entry.parts[0], []).append(entry.below(2))
        if not folders:
            continue
        for entry in inside:  # a student's folder that is a link, or may not be read
            if len(entry.parts) == 1 and entry.problem and not _is_notebook(entry):
                folders.setdefault(entry.parts[0], []).append(entry.below(1))
        whole = [_of_student(student, folders[student], homework, source) for student in folders]
        return whole + _flat(inside, source)
    return []


def _of_student(student: str, entries: list[Entry], homework: str, source: Path) -> Submission:
    """The one notebook to grade among what a student has handed in for the homework."""
    notebooks = [e for e in entries if e.kind == "file" and _is_notebook(e)]
    shallow = [entry for entry in notebooks if len(entry.parts) == 1] or notebooks
    named = [entry for entry in shallow if entry.parts[-1] == homework + NOTEBOOK]
    wanted = named if len(named) == 1 else shallow
    if len(wanted) == 1:
        return _submission(student, wanted[0], source)
    if not wanted:
        refused = [entry.problem for entry in entries if entry.problem]
        other = sorted("/".join(entry.parts) for entry in entries if entry.kind == "file" and entry.parts)
        held = f" (there is {_some(other)})" if other else ""
        why = refused[0] if refused else f"no notebook is in the folder{held}: ask for {homework}.ipynb"
        return Submission(naming.student(student), naming.shown(f"{student}/{homework}"), reason=why)
    names = _some(sorted("/".join(entry.parts) for entry in wanted))
    why = f"which of {names} is it? Ask for one notebook, called {homework}.ipynb"
    return Submission(naming.student(student), naming.shown(f"{student}/{homework}"), reason=why)


def _flat(entries: list[Entry], source: Path) -> list[Submission]:
    """The submissions in a folder of STUDENT.ipynb; empty if it holds not one notebook."""
    here = [entry for entry in entries if len(entry.parts) == 1]
    notebooks = [entry for entry in here if _is_notebook(entry)]
    found = [_submission(_bare(entry), entry, source) for entry in notebooks]
    known = {naming.key(sub.student) for sub in found}
    for entry in here if found else ():
        sub = None if entry.kind == "folder" else _mistaken(entry)
        if sub and naming.key(sub.student) not in known:
            found.append(sub)
    return found


def _folders(entries: list[Entry], homework: str, source: Path) -> list[Submission]:
    """The submissions in a folder for each student, as learning platforms pack them: STUDENT/any name.ipynb.

    A folder that has a homework's name is not a student's; one folder alone is, if a platform named it.
    """
    folders: dict[str, list[Entry]] = {}
    for entry in entries:
        if len(entry.parts) > 1:
            folders.setdefault(entry.parts[0], []).append(entry.below(1))
    holding = any(len(e.parts) == 1 and _is_notebook(e) for below in folders.values() for e in below)
    alone = len(folders) == 1 and not any(map(_MOODLE.search, folders))
    if not holding or alone or {homework, *NO_STUDENTS} & {*folders}:
        return []
    return [_of_student(_student(top), files, homework, source) for top, files in folders.items()]


def _student(name: str) -> str:
    """The name without what Moodle appends to it: "Ada L_1042_assignsubmission_file_" is "Ada L_1042"."""
    return _MOODLE.sub("", name)


_MOODLE = re.compile(r"_assignsubmission_file_?[^/]*$")


def _bare(entry: Entry) -> str:
    """The name of a notebook without its ending; of one whose name leads outside, with the way there."""
    return entry.name[: -len(NOTEBOOK)] if entry.outside else _student(entry.parts[-1][: -len(NOTEBOOK)])


def _is_notebook(entry: Entry) -> bool:
    return bool(entry.parts) and _suffix(entry.parts[-1]) == NOTEBOOK


def _mistaken(entry: Entry) -> Submission | None:
    """What was handed in instead of a notebook, if the file looks like it."""
    name = entry.parts[-1]
    for ending in DOWNLOADED:
        if name.lower().endswith(ending):
            why = f"its name ends in {ending}, as a browser stores it: rename it to .ipynb if it is the notebook"
            return Submission(naming.student(name[: -len(ending)]), naming.shown(entry.name), reason=why)
    what = MISTAKEN.get(_suffix(name))
    if what is None:
        return None
    bare = name[: -len(_suffix(name))].removesuffix(NOTEBOOK)
    why = f"it is {what}, not a notebook: ask for the .ipynb file itself"
    return Submission(naming.student(bare), naming.shown(entry.name), reason=why)


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot >= 0 else ""


def _submission(student: str, entry: Entry, source: Path) -> Submission:
    member = entry.name if source.is_file() else None
    path = str(source) if member is not None else str(source / entry.name)
    reason = entry.problem
    if entry.kind == "folder":
        reason = reason or "it is a folder, not a notebook: ask for the .ipynb file itself"
    if not student.strip():
        reason = reason or "its name has no student in it: ask whose it is"
    return Submission(naming.student(student), naming.shown(entry.name), path, member, reason)


def _one_each(found: Iterable[Submission]) -> list[Submission]:
    """One submission a student: of two files for one name, neither is graded and both are named."""
    groups: dict[str, list[Submission]] = {}
    for sub in found:
        groups.setdefault(naming.key(sub.student), []).append(sub)
    chosen = []
    for group in groups.values():
        group.sort(key=lambda sub: (sub.file, sub.student))
        if len(group) > 1:
            files = _some([sub.file for sub in group])
            why = f"one student, {len(group)} files: {files}. Ask which one counts, and take the others away"
            chosen.append(Submission(group[0].student, files, reason=why))
        else:
            chosen.append(group[0])
    return sorted(chosen, key=lambda sub: (stem(sub.student).lower(), sub.student))


def _some(names: list[str]) -> str:
    shown = [naming.shown(name) for name in names[:4]]
    return ", ".join(shown) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _nothing(path: Path, homework: str, entries: list[Entry]) -> str:
    """The words for a path in which nothing was found: what is there instead, and what to give."""
    others = sorted({e.parts[-2] for e in entries if len(e.parts) > 2 and _is_notebook(e)})
    files = sum(entry.kind == "file" for entry in entries)
    details = [f"it holds {files} file{'' if files == 1 else 's'}, none of them STUDENT.ipynb"]
    if others:
        details.append(f"there are folders STUDENT/{_some(others)}/, but none STUDENT/{homework}/")
    return layout(str(path), f"no submission of {homework} in it", details, step=_ACCEPTED)
