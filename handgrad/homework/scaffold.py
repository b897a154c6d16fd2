"""`handgrad new`: templates of a layer, a chapter and a homework, and what is left to fill in them.

A part left to fill is written `[fill: what belongs here]`, in code, text or a notebook's cells, so that one
search finds them all. A template runs as it is; only what is marked is missing.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from handgrad.errors import HandgradError, layout, nearest

__all__ = ["ScaffoldError", "left_to_fill", "new"]

_SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MARK = re.compile(r"\[fill: ((?:[^\[\]]|\[[^\]]*\])*)\]")
_LAST_CHAPTER = 19  # _toc.yml lists 00 to 19


class ScaffoldError(HandgradError, ValueError):
    """A slug that cannot be used, or a file that is already there."""


def new(root: Path, kind: str, slug: str) -> list[str]:
    """Write the template of a "layer", "chapter" or "homework"; return what was written and is left to fill.

    A chapter's slug may carry its number ("13_dropout"); without one it is the next after the last.
    Raises ScaffoldError for a bad slug or a file that is there already: nothing is overwritten.
    """
    number, slug = _parse_slug(kind, slug)
    paths = _paths(root, kind, number, slug)
    for path in paths.values():
        if (root / path).exists():
            raise _taken(path)
    words = {"slug": slug, "title": slug.replace("_", " ").capitalize()}
    words |= {f"{name}_path": path.as_posix() for name, path in paths.items()}
    for name, path in paths.items():
        text = files(__package__).joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"{{{word}}}", value)
        _write(root, path, text)
    lines = [f"wrote {path}" for path in paths.values()]
    for path in paths.values():
        lines += left_to_fill(root, path)
    return [*lines, _NEXT[kind]]


_NEXT = {
    "layer": "then: make test",
    "chapter": "then: make notebooks, make test",
    "homework": "then: make notebooks, handgrad sync, make test",
}


def _paths(root: Path, kind: str, number: str, slug: str) -> dict[str, Path]:
    """The file to write for each template of this kind, relative to `root`."""
    if kind == "layer":
        layer, test = Path("handgrad", "layers", f"{slug}.py"), Path("tests", "layers", f"test_{slug}.py")
        return {"layer": layer, "test_layer": test}
    if kind == "chapter":
        return {"chapter": Path("book", f"{_chapter_number(root, number, slug)}_{slug}.ipynb")}
    if kind == "homework":
        return {"homework": Path("solutions", slug, f"{slug}.ipynb")}
    raise ScaffoldError(layout("handgrad new", f"no kind {kind!r}", step=nearest(kind, _NEXT)))


def _taken(path: Path, what: str = "is there already") -> ScaffoldError:
    return ScaffoldError(layout(path.as_posix(), what, step="choose another slug; nothing is overwritten"))


def left_to_fill(root: Path, path: Path) -> list[str]:
    """A line for each part of a file that is still to be filled: where it stands and what belongs there.

    `path` is relative to `root`. Raises NotebookError for a notebook that cannot be read.
    """
    if path.suffix == ".ipynb":
        from handgrad.homework import notebooks

        cells = notebooks.read(root / path).cells
        places = ((f"cell {n}", cell.source) for n, cell in enumerate(cells, 1))
        return [f"{path}, {place}: fill in {what}" for place, text in places for _, what in _marks(text)]
    text = (root / path).read_text(encoding="utf-8")
    return [f"{path}, line {line}: fill in {what}" for line, what in _marks(text)]


def _marks(text: str) -> Iterator[tuple[int, str]]:
    for found in _MARK.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, re.sub(r"\s*\n\s*#?\s*", " ", found[1]).rstrip(".")


def _parse_slug(kind: str, text: str) -> tuple[str, str]:
    """A chapter's number, if it was given, and the slug."""
    number, slug = (text[:2], text[3:]) if kind == "chapter" and re.match(r"\d\d_", text) else ("", text)
    if keyword.iskeyword(slug):
        raise ScaffoldError(layout("handgrad new", f"{slug!r} cannot be a slug", ["it is a word of Python"]))
    if not _SLUG.fullmatch(slug):
        guess = re.sub(r"[^a-z0-9]+", "_", slug.lower()).strip("_").lstrip("0123456789_")
        step = f"try {guess}" if _SLUG.fullmatch(guess) and not keyword.iskeyword(guess) else None
        rule = "a slug is lower-case letters, digits and single underscores, and starts with a letter"
        raise ScaffoldError(layout("handgrad new", f"{slug!r} cannot be a slug", [rule], step=step))
    return number, slug


def _chapter_number(root: Path, number: str, slug: str) -> str:
    there = sorted((root / "book").glob("[0-9][0-9]_*.ipynb"))
    for path in there:
        if path.stem[3:] == slug:
            raise _taken(path.relative_to(root))
        if path.name[:2] == number:
            raise _taken(path.relative_to(root), f"has the number {number} already")
    chosen = number or f"{max((int(path.name[:2]) for path in there), default=0) + 1:02}"
    if int(chosen) > _LAST_CHAPTER:
        raise ScaffoldError(layout("_toc.yml", f"lists the chapters 00 to {_LAST_CHAPTER}, got {chosen}"))
    return chosen


def _write(root: Path, path: Path, text: str) -> None:
    if path.suffix == ".ipynb":
        from handgrad.homework import execute, notebooks

        text = notebooks.dumps(execute.run(notebooks.normalise(_notebook(text)), where=path.as_posix()))
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8", newline="\n")


def _notebook(text: str) -> Any:
    """A notebook from a template: cells start with `%% markdown` or `%% code` and their metadata as JSON."""
    from nbformat import v4

    cells = []
    for part in re.split(r"^%% ", text, flags=re.MULTILINE)[1:]:
        head, source = part.split("\n", 1)
        kind, _, meta = head.partition(" ")
        metadata = json.loads(meta)
        make: Any = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
        cells.append(make(source.strip("\n"), id=metadata.pop("id"), metadata=metadata))
    return v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
