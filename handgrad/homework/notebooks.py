"""Notebooks as files: found, read, brought to one form, written only when they differ.

The one form keeps what a reader sees and what the tools need, and drops what changes from machine to
machine (Python's version, timings, random ids of widgets), so that two runs give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4.rwbase import rejoin_lines

from handgrad.errors import NotebookError, layout

__all__ = ["dumps", "find", "normalise", "read", "text_of", "write"]

KEPT = ("deletable", "editable", "jupyter", "mystnb", "nbgrader", "tags")
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"


def find(paths: Iterable[Path]) -> list[Path]:
    """Every notebook among `paths`: files as given, folders searched, hidden folders left out.

    Raises NotebookError for a path that does not exist or is no notebook.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob("*.ipynb"))
            for item in inside:
                if not any(part.startswith(".") for part in item.relative_to(path).parts):
                    found[item] = None
        elif path.suffix == ".ipynb" and path.is_file():
            found[path] = None
        else:
            what = "no such file or folder" if not path.exists() else "not a notebook"
            raise NotebookError(layout(str(path), what, step="name .ipynb files, or folders that hold some"))
    return list(found)


def read(path: Path) -> Any:
    """The notebook at `path`, in format 4.5. Raises NotebookError for a file that is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotebookError(layout(str(path), "cannot be read", [error.strerror or str(error)])) from error
    except UnicodeDecodeError as error:
        raise NotebookError(layout(str(path), "is not a notebook", ["it is not UTF-8 text"])) from error
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise NotebookError(
            layout(str(path), "is not a notebook", [f"it is not JSON: {error}"], _conflict(text), _RESTORE)
        ) from error
    try:
        nb = nbformat.from_dict(data)  # type: ignore[no-untyped-call]
        nb = rejoin_lines(nbformat.convert(nb, 4))  # type: ignore[no-untyped-call]
        nb.nbformat_minor = max(int(nb.nbformat_minor), 5)
        _give_ids(nb)
        nbformat.validate(nb)
    except Exception as error:  # nbformat raises much more than its own errors on malformed input
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise NotebookError(layout(str(path), "is not a valid notebook", first, step=_RESTORE)) from error
    return nb


_RESTORE = "restore the file, for example with: git checkout -- FILE"


def _conflict(text: str) -> str | None:
    return "it holds the marks of an unresolved merge" if "<<<<<<< " in text else None


def _give_ids(nb: Any) -> None:
    """Give an id to each cell that lacks one or repeats another's: from its source and place, not at random."""
    seen: set[str] = set()
    for place, cell in enumerate(nb.cells):
        ident = cell.get("id")
        if not ident or ident in seen:
            ident = hashlib.sha256(f"{place}\n{cell['source']}".encode()).hexdigest()[:8]
            cell["id"] = ident
        seen.add(ident)


def normalise(nb: Any) -> Any:
    """Bring `nb` to the one form, in place, and return it. Outputs are kept as they are stored."""
    nb.metadata = nbformat.from_dict(  # type: ignore[no-untyped-call]
        {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    )
    nb.nbformat, nb.nbformat_minor = 4, 5
    _give_ids(nb)
    for cell in nb.cells:
        cell.metadata = nbformat.from_dict(  # type: ignore[no-untyped-call]
            {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key) not in (None, [], {})}
        )
        if cell.cell_type != "code":
            continue
        cell.outputs = _merge_streams(cell.outputs)
        for output in cell.outputs:
            data = output.get("data", {})
            if "text/html" in data:
                data.pop(WIDGET, None)
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    return nb


def _merge_streams(outputs: Iterable[Any]) -> list[Any]:
    """Join neighbouring pieces of one stream: where they are cut depends on timing."""
    merged: list[Any] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            merged.append(output)
    return merged


def dumps(nb: Any) -> str:
    """The text of the file: keys sorted, indented by one, with a final newline."""
    body: str = nbformat.writes(nb, indent=1)  # type: ignore[no-untyped-call]
    return body if body.endswith("\n") else body + "\n"


def write(path: Path, nb: Any) -> bool:
    """Normalise `nb` and write it to `path` if that changes the file; return whether it did."""
    text = dumps(normalise(nb))
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return True


def text_of(cell: Any) -> str:
    """All that a code cell's outputs say as text: streams, plain text, Markdown and HTML, one after another."""
    parts: list[str] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}")
        parts += [str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(parts)
