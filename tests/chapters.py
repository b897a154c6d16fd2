"""What the tests of chapters share: a chapter's cells, run as a notebook runs them, and its judges' words."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from pathlib import Path
from typing import Any

from handgrad.homework import notebooks

BOOK = Path(__file__).resolve().parents[1] / "book"


def run(source: str, names: dict[str, Any]) -> tuple[str, Any]:
    """Run a cell as a notebook does; return all that it shows as text, and the value of its last expression."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    return printed.getvalue() + ("" if value is None else str(value)), value


def verdicts(said: str) -> list[str]:
    """The verdicts of all reports in a text, in order."""
    return re.findall(r"^\S.*: (correct|incorrect|not attempted yet|could not be judged)$", said, re.M)


class Chapter:
    """A notebook of the book: `all` its cells, the code `cells` by id, and the `exercises` that have a stub."""

    def __init__(self, name: str) -> None:
        self.all = notebooks.read(BOOK / f"{name}.ipynb").cells
        self.cells = {cell.id: cell for cell in self.all if cell.cell_type == "code"}
        self.exercises = sorted(i.removesuffix("-stub") for i in self.cells if i.endswith("-stub"))

    def names(self) -> dict[str, Any]:
        """The names of the chapter, run from top to bottom."""
        names: dict[str, Any] = {}
        for cell in self.cells.values():
            run(cell.source, names)
        return names

    def judged(self, names: dict[str, Any], exercise: str, **answer: Any) -> tuple[str, Any]:
        """What the check cell of an exercise says to this answer, and the report that it ends in."""
        assert set(answer) <= set(names), "the stub defines other names"
        return run(self.cells[f"{exercise}-check"].source, {**names, **answer})

    def answered(self, names: dict[str, Any], exercise: str, **answer: Any) -> str:
        """What the check cell of an exercise says to this answer."""
        return self.judged(names, exercise, **answer)[0]
