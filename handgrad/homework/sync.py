"""The student release of a homework: exercises/<slug>/ from solutions/<slug>/, canonical and executed.

nbgrader's own preprocessors make it, so that `nbgrader generate_assignment` gives the same cells.
"""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handgrad.errors import NotebookError, UnknownNameError, layout, nearest
from handgrad.homework import rules

__all__ = ["CODE_STUB", "Difference", "find_root", "homeworks", "release", "sync"]

CODE_STUB = "# your code here\nreturn None"


@dataclass(frozen=True)
class Difference:
    """A release that was not what its source gives: the path, a line for each thing that differed."""

    path: Path
    lines: tuple[str, ...]
    written: bool = False

    def __str__(self) -> str:
        return "\n  ".join([f"wrote {self.path}" if self.written else f"{self.path}: differs", *self.lines])


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds solutions/. Raises NotebookError if none does."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "solutions").is_dir():
            return folder
    step = "change to your copy of the repository"
    raise NotebookError(layout(str(start), "no folder solutions/ here or above", step=step))


def homeworks(root: Path) -> tuple[str, ...]:
    """The slug of every folder in solutions/, sorted."""
    return _folders(root / "solutions")


def sync(root: Path, slugs: Sequence[str] = (), *, check: bool = False) -> list[Difference]:
    """Bring exercises/ up to date with solutions/, for these slugs or for all; return what differed.

    With `check`, nothing is written. Every release is made before the first is written, so an error leaves
    exercises/ as it was. Raises UnknownNameError for a slug without a folder in solutions/, NotebookError
    for a source that breaks a rule.
    """
    from handgrad.homework import notebooks

    known = homeworks(root)
    for slug in slugs:
        if slug not in known:
            step = nearest(slug, known)
            raise UnknownNameError(layout("solutions", f"no homework {slug!r}", step=step))
    texts: dict[Path, str] = {}
    found: list[Difference] = []
    for slug in dict.fromkeys(slugs or known):
        path = Path("exercises", slug, f"{slug}.ipynb")
        new = notebooks.dumps(_make(root, slug))
        old = (root / path).read_bytes() if (root / path).is_file() else None
        if old != new.encode():
            texts[root / path] = new
            found.append(Difference(path, tuple(_compare(old, new)), written=not check))
    if not check:
        for target, text in texts.items():
            _write(target, text)
    if not slugs:
        found += [
            Difference(
                Path("exercises", name), (f"solutions/{name} does not exist: delete exercises/{name}",)
            )
            for name in _folders(root / "exercises")
            if name not in known
        ]
    return found


def release(nb: Any, where: str) -> Any:
    """The student version of a source, not executed: solutions out, cells locked, checksums in.

    `nb` is left as it is; `where` names it in errors. Raises NotebookError for a source that breaks a rule.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import SaveCells
    from traitlets.config import Config

    rules.validate(nb, where)
    config = Config({"ClearSolutions": {"code_stub": {"python": CODE_STUB}}})
    quiet = logging.getLogger("handgrad.homework.nbgrader")
    quiet.setLevel(logging.CRITICAL + 1)  # what it would log stands in the error that we raise
    new = copy.deepcopy(nb)
    resources: Any = {}
    for step in GenerateAssignment.preprocessors.default():
        if step is SaveCells:  # writes to the gradebook
            continue
        try:
            new, resources = step(config=config, log=quiet).preprocess(new, resources)
        except Exception as error:
            reason = error.__context__ or error
            said = str(getattr(reason, "message", reason)).splitlines()[:1]
            raise NotebookError(layout(where, f"nbgrader's {step.__name__} refuses it", said)) from error
    for number, cell in enumerate(new.cells, 1):
        if cell.cell_type == "code" and rules.flag(cell, "solution"):
            rules.released(cell, number, where, CODE_STUB)
    return new


def _make(root: Path, slug: str) -> Any:
    """The release of one homework, executed and normalised."""
    from handgrad.homework import execute, notebooks

    source = Path("solutions", slug, f"{slug}.ipynb")
    if not (root / source).is_file():
        raise NotebookError(layout(str(source), "no such notebook", step=f"create {source}"))
    where = str(source)
    nb = notebooks.normalise(release(notebooks.read(root / source), where))
    nb = execute.run(nb, where=where, folder=root / source.parent)
    for number, cell in enumerate(nb.cells, 1):
        if cell.cell_type == "code" and rules.flag(cell, "grade") and not rules.flag(cell, "solution"):
            rules.scores_nothing(cell, number, where)
    return nb


def _compare(old: bytes | None, new: str) -> Iterator[str]:
    """A line for each cell that differs, naming what of it does."""
    if old is None:
        yield "not there yet"
        return
    try:
        before: list[Any] = json.loads(old)["cells"]
    except (ValueError, KeyError, TypeError):
        yield "what is there is not a notebook"
        return
    after: list[Any] = json.loads(new)["cells"]
    quiet = True
    if len(before) != len(after):
        quiet = False
        yield f"{len(before)} cells there, {len(after)} from the source"
    for number, (was, now) in enumerate(zip(before, after, strict=False), 1):
        keys = [key for key in sorted({*was, *now}) if _joined(was.get(key)) != _joined(now.get(key))]
        if keys:
            quiet = False
            grade_id = now["metadata"].get("nbgrader", {}).get("grade_id")
            yield f"cell {number}" + (f" ({grade_id})" if grade_id else "") + f": {', '.join(keys)}"
    if quiet:
        yield "notebook metadata or layout of the file"


def _joined(value: Any) -> Any:
    """A text as one string: a notebook may store it as a list of lines."""
    lines = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return "".join(value) if lines else value


def _folders(parent: Path) -> tuple[str, ...]:
    inside: Iterable[Path] = parent.iterdir() if parent.is_dir() else ()
    return tuple(sorted(p.name for p in inside if p.is_dir() and p.name[0] not in "._"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8", newline="\n")
    os.replace(draft, path)
