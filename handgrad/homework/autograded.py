"""Graded notebooks where nbgrader's formgrader looks for them: AUTOGRADED/STUDENT/HOMEWORK/HOMEWORK.ipynb.

Without such a file formgrader calls a submission ungraded, whatever the gradebook says. What is written is the
release with the student's answers as text and the findings as its outputs: nothing that a submission brought
along is rendered.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from handgrad.homework import notebooks
from handgrad.homework.records import draft
from handgrad.homework.results import PartResult, Result

if TYPE_CHECKING:
    from handgrad.homework.source import Homework

__all__ = ["notebook", "place", "said"]

MARK = "handgrad"  # in the metadata of a notebook written here; one without it is nbgrader's, and stays


def place(folder: Path, ident: str, result: Result, homework: Homework, release: Path) -> bool:
    """Write the notebook of one student below `folder`, and return whether it was.

    One that `nbgrader autograde` has put there, or a link, is left alone. Raises NotebookError for a bad release.
    """
    path = folder / ident / homework.slug / f"{homework.slug}.ipynb"
    if path.is_symlink() or path.parent.is_symlink() or (path.exists() and not _ours(path)):
        return False
    with draft(path) as file:
        file.write(notebooks.dumps(notebook(result, homework, release)))
    return True


def _ours(path: Path) -> bool:
    try:
        return f'"{MARK}"' in path.read_text(encoding="utf-8", errors="replace")[-2000:]
    except OSError:
        return False


@lru_cache(maxsize=1)
def _read(release: Path) -> Any:
    return notebooks.read(release)


def notebook(result: Result, homework: Homework, release: Path) -> Any:
    """The release with this student's answers, each graded cell with its findings and points."""
    nb = copy.deepcopy(_read(release))
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id", ""): cell for cell in nb.cells}
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    have = {part.grade_id: part for part in result.parts}
    for asked in homework.parts:
        part = have.get(asked.grade_id)
        if part is None or asked.grade_id not in cells:
            continue
        for name, text in _answers(part, asked.answers).items():
            if name in cells:
                cells[name].source = text
        text = "\n\n".join([*said(part), f"{part.points:g} of {part.max_points:g} points"])
        stream = nbformat.v4.new_output("stream", name="stdout", text=text + "\n")  # type: ignore[no-untyped-call]
        cells[asked.grade_id].outputs = [stream]
    nb.metadata[MARK] = {"version": result.versions.get("handgrad", ""), "digest": result.digest}
    return nb


def _answers(part: PartResult, asked: tuple[str, ...]) -> dict[str, str]:
    """What the student wrote, by the cell to show it in; code from cells of their own goes to the last one."""
    found = {name: printable(part.code.get(name, "")) for name in asked}
    other = [printable(text) for name, text in part.code.items() if name not in asked]
    if asked and other:
        found[asked[-1]] = "\n\n".join(filter(None, [found[asked[-1]], *other]))
    return found


def said(part: PartResult) -> list[str]:
    """What the student is told about a part: the limit that it met, and each finding."""
    found = [str(item.get("message", "")) for report in part.reports for item in report.get("findings", ())]
    return [printable(text) for text in (part.stopped, *found) if text]


def printable(text: str) -> str:
    """The text with its lines, and without control, direction and broken characters."""
    lines = ("".join(c if c.isprintable() else " " for c in line.expandtabs()) for line in text.splitlines())
    return "\n".join(line.rstrip() for line in lines)
