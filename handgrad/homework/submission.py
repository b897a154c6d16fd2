"""One notebook as it was handed in: read with bounds, and turned into the cells to run."""

from __future__ import annotations

import ast
import json
import re
import warnings
from dataclasses import dataclass
from typing import Any

from handgrad.errors import HandgradError
from handgrad.homework.source import Homework
from handgrad.homework.wire import readable

__all__ = ["Cell", "UnreadableError", "cells_of"]

MOST_CELLS = 1_000
MOST_SOURCE = 1_000_000  # characters of code in all
_FUTURE = 4  # the notebook format that this reads
# No pattern goes on over a line's end: on a megabyte of empty lines that would take hours.
_MAGIC = re.compile(r"^[ \t]*+(?:[%!?]|.*\?[ \t]*$|[A-Za-z_][\w, ]*=[ \t]*+[%!])", re.MULTILINE)
_AROUND = re.compile(r"\A((?:[ \t]*(?:#.*)?\n)*[ \t]*)%%(?=(?:capture|prun|time|timeit)\b)")
_PYTHON_2 = re.compile(
    r"^[ \t]*+(?:(?:print|exec)[ \t]++[\"'\w]|except[ \t]++\w++[ \t]*+,[ \t]*+\w++[ \t]*+:)", re.MULTILINE
)
# Turning magics reads the whole cell again for each of them; a cell of more stays as it is.
MOST_MAGIC_SOURCE = 10_000  # characters
MOST_MAGIC_EFFORT = 300_000  # characters times magics, of all cells


class UnreadableError(HandgradError):
    """A submission that cannot be graded; the message is the reason, for student and teacher."""


@dataclass(frozen=True)
class Cell:
    """A code cell to run: its number in the notebook (from 1), its grade_id or '', its Python.

    `keep` are the graded parts whose answers are what stands after this cell.
    """

    number: int
    grade_id: str
    source: str
    keep: tuple[str, ...] = ()


def cells_of(data: bytes, homework: Homework) -> list[Cell]:
    """The cells of a submission, in its own order.

    Given cells are run as the homework has them, whatever the student made of them; graded cells are not run.
    Raises UnreadableError with the reason.
    """
    nb = _parsed(data)
    given = homework.given
    graded = {part.grade_id for part in homework.parts}
    answers = {grade_id for part in homework.parts for grade_id in part.answers}
    cells: list[Cell] = []
    found: set[str] = set()
    foreign = False  # it has a cell for answers, or for marks, that this homework has not
    texts: list[str] = []
    total, effort = 0, 0
    for number, cell in enumerate(_listed(nb.get("cells")), 1):
        if type(cell) is not dict or cell.get("cell_type") != "code":
            continue
        text = _joined(cell.get("source"))
        total += len(text)
        if total > MOST_SOURCE or number > MOST_CELLS:
            raise UnreadableError(
                f"it holds more than {MOST_CELLS} cells or {MOST_SOURCE:,} characters of code: "
                "take out what is not an answer, and hand it in again"
            )
        grade_id = _grade_id(cell)
        if grade_id in graded:
            found.add(grade_id)
            if cells:
                last = cells[-1]
                cells[-1] = Cell(last.number, last.grade_id, last.source, (*last.keep, grade_id))
            continue
        if grade_id in given:
            found.add(grade_id)
            cells.append(Cell(number, grade_id, given[grade_id]))
            continue
        found.update({grade_id} & answers)
        foreign = foreign or (grade_id not in answers and _is_graded_homework(cell))
        if _MAGIC.search(text) and len(text) <= MOST_MAGIC_SOURCE:
            effort += len(text) * (1 + sum(text.count(sign) for sign in "%!?"))
            text = _python(text) if effort <= MOST_MAGIC_EFFORT else text
        texts.append(text)
        cells.append(Cell(number, grade_id if grade_id in answers else "", text))
    if (foreign or not found & (answers | graded)) and not _defines(texts, homework):
        raise UnreadableError(
            f"it is another notebook, not the homework {homework.slug!r}: it defines none of "
            f"{', '.join(homework.names[:4])}. Hand in the notebook that you were given, filled in"
        )
    if _is_python_2(nb, texts):
        raise UnreadableError(
            "it is written in Python 2; this homework is in Python 3: print(x), not print x"
        )
    missing = [(grade_id, source) for grade_id, source in given.items() if grade_id not in found]
    return [*(Cell(0, grade_id, source) for grade_id, source in missing), *cells]


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        nb = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableError(
            "it is not a notebook: it is not UTF-8 text. Save it again, then hand it in"
        ) from error
    except RecursionError as error:
        raise UnreadableError("it is not a notebook: it nests too deeply") from error
    except ValueError as error:
        place = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        whole = "it is empty" if not data.strip() else f"its JSON is cut off or damaged{place}"
        raise UnreadableError(f"it is not a notebook: {whole}. Save it again, then hand it in") from error
    if type(nb) is not dict or "nbformat" not in nb:
        raise UnreadableError(
            "it is not a notebook: it is JSON, but has no nbformat. Hand in the .ipynb file itself"
        )
    version = nb["nbformat"]
    if type(version) is not int or version > _FUTURE:
        shown = str(version)[:20] if type(version) in (int, float, str) else "of no number"
        raise UnreadableError(
            f"it is in notebook format {shown}, which is newer than {_FUTURE}. Save it as format {_FUTURE}"
        )
    if version < _FUTURE:
        raise UnreadableError(
            f"it is in the old notebook format {version}. Open it in JupyterLab, save it, and hand it in again"
        )
    language = _language(nb)
    if language and language not in ("python", "python3", "ipython", "ipython3"):
        if language.startswith("python2"):
            raise UnreadableError(
                "its kernel is Python 2; this homework is in Python 3. Change the kernel, run it again"
            )
        raise UnreadableError(f"its kernel is {language[:30]!r}; this homework is in Python 3")
    return nb


def _language(nb: dict[str, Any]) -> str:
    metadata = nb.get("metadata")
    if type(metadata) is not dict:
        return ""
    kernel, info = metadata.get("kernelspec"), metadata.get("language_info")
    name = kernel.get("name") if type(kernel) is dict else ""
    language = info.get("name") if type(info) is dict else ""
    version = info.get("version") if type(info) is dict else ""
    old = type(version) is str and version.startswith("2")
    if name == "python2" or (language == "python" and old):
        return "python2"
    if type(language) is str and language:
        return language.lower()
    named = kernel.get("language") if type(kernel) is dict else ""
    return named.lower() if type(named) is str else ""


def _listed(cells: Any) -> list[Any]:
    if type(cells) is not list:
        raise UnreadableError("it is not a notebook: it has no list of cells. Hand in the .ipynb file itself")
    return cells


def _joined(source: Any) -> str:
    if type(source) is list:
        source = "".join(line for line in source if type(line) is str)
    return readable(source) if type(source) is str else ""


def _grade_id(cell: dict[str, Any]) -> str:
    metadata = cell.get("metadata")
    meta = metadata.get("nbgrader") if type(metadata) is dict else None
    grade_id = meta.get("grade_id") if type(meta) is dict else None
    return grade_id if type(grade_id) is str else ""


def _is_graded_homework(cell: dict[str, Any]) -> bool:
    """Whether nbgrader's metadata makes the cell one to fill in, or one that is worth points."""
    meta = cell["metadata"].get("nbgrader") if _grade_id(cell) else {}
    return meta.get("solution") is True or meta.get("grade") is True


def _python(text: str) -> str:
    """The cell as plain Python: magics and shell lines become calls, as in a notebook.

    Magics above a cell that only time or hide it become comments, so that its own lines are read as ever.
    """
    while (commented := _AROUND.sub(r"\1# %%", text, count=1)) != text:
        text = commented
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return str(TransformerManager().transform_cell(text))  # type: ignore[no-untyped-call]
    except Exception:  # what it cannot read, Python will say of the cell itself
        return text


def _defines(texts: list[str], homework: Homework) -> bool:
    """Whether a notebook without our metadata still answers: it defines a function that we ask for."""
    names = "|".join(map(re.escape, homework.names))
    pattern = re.compile(rf"^[ \t]*+(?:def[ \t]++({names})[ \t]*\(|({names})[ \t]*=)", re.MULTILINE)
    return any(pattern.search(text) for text in texts)


def _is_python_2(nb: dict[str, Any], texts: list[str]) -> bool:
    """Whether no cell but a Python 2 one can be meant: a statement of Python 2 in a cell that Python 3 refuses."""
    for text in texts:
        if _PYTHON_2.search(text):
            return not any(_is_python_3(text) for text in texts if "def " in text or _PYTHON_2.search(text))
    return False


def _is_python_3(text: str) -> bool:
    """Whether Python 3 can read the cell; also where it is too large or too deep to tell."""
    if len(text) > MOST_MAGIC_SOURCE:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    except (RecursionError, MemoryError):
        return True
    return True
