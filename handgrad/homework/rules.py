"""What a homework source must keep to: nbgrader's metadata and markers, checked before nbgrader sees them.

nbgrader passes some of these by in silence and answers others with a traceback; here each is named with
the notebook, the cell and its grade_id.
"""

from __future__ import annotations

import math
from typing import Any

from handgrad.errors import NotebookError, layout

__all__ = ["flag", "released", "scores_nothing", "spot", "validate"]

SCHEMA = 3
FLAGS = ("grade", "solution", "locked")  # nbgrader requires these three; task may be left out
# What a marker says, the flag that its cell needs, and what nbgrader calls such a cell.
MARKERS = (
    ("SOLUTION", "solution", "a solution cell"),
    ("HIDDEN TESTS", "grade", "a grade cell"),
    ("MARK SCHEME", "task", "a task cell"),
)


def flag(cell: Any, name: str) -> bool:
    """Whether the cell's nbgrader metadata sets this flag."""
    return bool((cell.metadata.get("nbgrader") or {}).get(name, False))


def spot(where: str, number: int, cell: Any) -> str:
    """Where a cell is, for a message: notebook, number among all cells, grade_id."""
    meta = cell.metadata.get("nbgrader")
    grade_id = meta.get("grade_id") if isinstance(meta, dict) else None
    return f"{where}, cell {number}" + (f" ({grade_id})" if grade_id else "")


def validate(nb: Any, where: str) -> None:
    """Check every cell of a source. Raises NotebookError for the first that breaks a rule."""
    seen: dict[str, int] = {}
    for number, cell in enumerate(nb.cells, 1):
        here = spot(where, number, cell)
        if "nbgrader" in cell.metadata:
            _metadata(cell.metadata["nbgrader"], here)
            _identity(cell, number, seen, here)
            _points(cell, here)
        pairs = {word: _pairs(cell.source, word, here) for word, _, _ in MARKERS}
        _placed(cell, pairs, here)


def _broken(here: str, what: str, *details: str, step: str) -> NotebookError:
    return NotebookError(layout(here, what, details, step=step))


def _metadata(meta: Any, here: str) -> None:
    if not isinstance(meta, dict):
        raise _broken(
            here,
            f"nbgrader metadata must be an object, got {type(meta).__name__}",
            step='write {"schema_version": 3, "grade_id": "…", "grade": false, …}, or take it out',
        )
    version = meta.get("schema_version", "none")
    if version != SCHEMA:
        raise _broken(
            here, f"schema_version must be {SCHEMA}, got {version}", step=f'write "schema_version": {SCHEMA}'
        )
    for name in (*FLAGS, "task"):
        value = meta.get(name, False if name == "task" else None)
        if not isinstance(value, bool):
            got = "none" if value is None else repr(value)
            raise _broken(
                here, f"{name} must be true or false, got {got}", step=f'write "{name}": false, say'
            )


def _identity(cell: Any, number: int, seen: dict[str, int], here: str) -> None:
    flags = [name for name in (*FLAGS, "task") if flag(cell, name)]
    grade_id = cell.metadata["nbgrader"].get("grade_id")
    if not flags:
        return
    if not grade_id:
        raise _broken(
            here,
            f"a cell marked {' and '.join(flags)} has no grade_id",
            step='write "grade_id": "a-name-of-its-own" in the cell\'s nbgrader metadata',
        )
    if grade_id in seen:
        raise _broken(
            here,
            f"grade_id {grade_id!r} is already used",
            f"first in cell {seen[grade_id]}",
            step="give each cell a grade_id of its own",
        )
    seen[grade_id] = number


def _points(cell: Any, here: str) -> None:
    meta = cell.metadata["nbgrader"]
    points = meta.get("points")
    worth = flag(cell, "grade") or flag(cell, "task")
    if "points" in meta and not worth:
        raise _broken(
            here,
            f"points {points} on a cell that is not graded",
            "nbgrader ignores them, and the total would be short",
            step='write "grade": true, or take the points out',
        )
    number = isinstance(points, int | float) and not isinstance(points, bool)
    if worth and not (number and 0 <= points < math.inf):
        got = "none" if points is None else repr(points)
        raise _broken(here, f"points must be a number from 0 up, got {got}", step='write "points": 2, say')


def _pairs(source: str, word: str, here: str) -> int:
    """How many regions of this kind the cell holds; each must be opened once and closed."""
    begin, end, opened, pairs = f"BEGIN {word}", f"END {word}", 0, 0
    for i, line in enumerate(source.split("\n"), 1):
        if begin in line:
            if opened:
                raise _broken(
                    here,
                    f"{begin} in line {i} stands inside another",
                    f"the first is in line {opened}",
                    step=f"close the first with ### {end} before line {i}",
                )
            opened = i
        elif end in line:
            if not opened:
                raise _broken(
                    here,
                    f"{end} in line {i} has no {begin}",
                    step=f"write ### {begin} above, or delete line {i}",
                )
            opened, pairs = 0, pairs + 1
    if opened:
        raise _broken(
            here,
            f"{begin} in line {opened} is never closed",
            step=f"write ### {end} below what is to be hidden",
        )
    return pairs


def _placed(cell: Any, pairs: dict[str, int], here: str) -> None:
    for word, name, kind in MARKERS:
        if pairs[word] and not flag(cell, name):
            raise _broken(
                here,
                f"BEGIN {word} in a cell that is not {kind}",
                step=f'write "{name}": true and a grade_id in the cell\'s nbgrader metadata',
            )
    if cell.cell_type == "code" and flag(cell, "solution") and not pairs["SOLUTION"]:
        raise _broken(
            here,
            "a solution cell without markers",
            "nbgrader would replace the whole cell by its stub",
            step="put ### BEGIN SOLUTION and ### END SOLUTION around what is to be hidden",
        )


def released(cell: Any, number: int, where: str, stub: str) -> None:
    """Check a solution cell after its solution was replaced by `stub`. Raises NotebookError."""
    try:
        compile(cell.source, "<cell>", "exec")
    except SyntaxError as error:
        raise _broken(
            spot(where, number, cell),
            "the cell cannot be read once its solution is taken out",
            f"line {error.lineno}: {error.msg}; the solution becomes {stub!r}",
            step="put the markers inside a function, around its whole body",
        ) from error


def scores_nothing(cell: Any, number: int, where: str) -> None:
    """Check a grade cell as run in the untouched release: it ends in 0.0. Raises NotebookError."""
    shown = [out.data.get("text/plain", "") for out in cell.outputs if out.output_type == "execute_result"]
    stderr = any(out.get("name") == "stderr" for out in cell.outputs)
    if shown == ["0.0"] and not stderr:
        return
    got = (", ".join(shown) or "nothing") + (" and text on stderr" if stderr else "")
    raise _broken(
        spot(where, number, cell),
        f"with nothing attempted the cell must end in 0.0, got {got}",
        "nbgrader gives full points to anything that is not a number, and none for any text on stderr",
        step='end the cell in report.points({"dw": 2}), and the solution before it in return None',
    )
