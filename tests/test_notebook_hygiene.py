"""Rules for stored notebooks that strict nbval does not enforce, each tried on a notebook that breaks it.

nbval compares the outputs that are stored. It passes a cell that was never run, skips what its tags tell it
to, and does not look at pictures: those are the rules here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from handgrad.homework import notebooks

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("book", "solutions", "exercises")
STORED = [
    path.relative_to(ROOT).as_posix()
    for path in notebooks.find([ROOT / f for f in FOLDERS if (ROOT / f).is_dir()])
]

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
LONG = re.compile(r"\b\d+\.0*[1-9]\d{8,}")
PICTURES = ("image/png", "image/jpeg", "image/gif", "application/pdf")


def code_cells(nb: Any) -> Iterator[tuple[int, Any]]:
    """The code cells that are not empty, each with its number among all cells, from 1."""
    for number, cell in enumerate(nb.cells, 1):
        if cell.cell_type == "code" and cell.source.strip():
            yield number, cell


def tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def said(output: Any) -> str:
    """What an output shows as text; pictures in HTML and SVG are drawn with long numbers, and left out."""
    if output.output_type == "stream":
        return str(output.text)
    return "\n".join(
        str(v) for k, v in output.get("data", {}).items() if k in ("text/plain", "text/markdown")
    )


def never_run(nb: Any) -> Iterator[str]:
    for expected, (number, cell) in enumerate(code_cells(nb), 1):
        if cell.execution_count != expected:
            yield f"cell {number}: execution count is {cell.execution_count}, {expected} is expected"


def complaints(nb: Any) -> Iterator[str]:
    for number, cell in code_cells(nb):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                yield f"cell {number}: writes to stderr: {output.text[:60]!r}"
            if output.output_type == "error":
                yield f"cell {number}: ends in {output.ename}"


def pixels(nb: Any) -> Iterator[str]:
    for number, cell in code_cells(nb):
        for output in cell.outputs:
            yield from (f"cell {number}: {k} output" for k in output.get("data", {}) if k in PICTURES)


def addresses(nb: Any) -> Iterator[str]:
    for number, cell in code_cells(nb):
        found = ADDRESS.search(notebooks.text_of(cell))
        if found:
            yield f"cell {number}: the address {found[0]} is in the output"


def long_numbers(nb: Any) -> Iterator[str]:
    for number, cell in code_cells(nb):
        for output in cell.outputs:
            found = LONG.search(said(output))
            if found:
                yield f"cell {number}: {found[0]} shows more than 8 significant digits"


def exemptions(nb: Any) -> Iterator[str]:
    for number, cell in code_cells(nb):
        if any(tag.startswith("nbval-") for tag in tags(cell)) or "NBVAL_" in cell.source:
            yield f"cell {number}: is exempt from comparison"


def not_left_open(nb: Any) -> Iterator[str]:
    """A stub (or several in a row) is followed by a check cell, which says "not attempted"."""
    cells = list(code_cells(nb))
    for place, (number, cell) in enumerate(cells):
        if "exercise" not in tags(cell):
            continue
        check = next(((n, c) for n, c in cells[place + 1 :] if "exercise" not in tags(c)), None)
        if check is None:
            yield f"cell {number}: no check follows this stub"
        elif "not attempted" not in notebooks.text_of(check[1]):
            yield f"cell {check[0]}: checks the stub in cell {number} and does not say 'not attempted'"


def open_solutions(nb: Any) -> Iterator[str]:
    """JupyterLab folds code and output each on its own, and either gives the answer away."""
    for number, cell in code_cells(nb):
        if "solution" not in tags(cell):
            continue
        folded = cell.metadata.get("jupyter", {})
        if "hide-cell" not in tags(cell) or folded.get("source_hidden") is not True:
            yield f"cell {number}: the solution needs the tag hide-cell and jupyter.source_hidden"
        if folded.get("outputs_hidden") is not True:
            yield f"cell {number}: the solution's output stands open; it needs jupyter.outputs_hidden"


RULES: tuple[Callable[[Any], Iterator[str]], ...] = (
    never_run, complaints, pixels, addresses, long_numbers, exemptions, open_solutions
)  # fmt: skip


def problems(nb: Any, folder: str) -> list[str]:
    rules = RULES if folder == "solutions" else (*RULES, not_left_open)
    return [line for rule in rules for line in rule(nb)]


@pytest.mark.parametrize("name", STORED)
def test_a_stored_notebook_keeps_every_rule(name: str) -> None:
    assert problems(notebooks.read(ROOT / name), name.split("/")[0]) == []


@pytest.mark.parametrize("name", STORED)
def test_a_stored_notebook_is_in_its_normal_form(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text == notebooks.dumps(notebooks.normalise(notebooks.read(ROOT / name))), "run `make notebooks`"


def test_every_chapter_is_reached_by_the_table_of_contents() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    entries = [toc["root"], *(v for part in toc["parts"] for c in part["chapters"] for v in c.values())]
    listed = [path for entry in entries for path in ROOT.glob(f"{entry}.*")]
    pages = [p for p in (ROOT / "book").iterdir() if p.suffix in (".ipynb", ".md")]
    assert sorted(listed) == sorted(pages)


# ---- each rule says no ---------------------------------------------------------------------------


def cell(source: str = "1 + 1", *outputs: Any, count: int | None = 1, **metadata: Any) -> Any:
    return new_code_cell(source, outputs=list(outputs), execution_count=count, metadata=metadata)


def stream(text: str, name: str = "stdout") -> Any:
    return new_output("stream", name=name, text=text)


def shows(data: dict[str, str]) -> Any:
    return new_output("display_data", data=data)


def stub() -> Any:
    return cell("def f(x):\n    ...", count=1, tags=["exercise"])


FOLDED = {"jupyter": {"source_hidden": True}}  # and its output is not

BAD: dict[str, tuple[Callable[[Any], Iterator[str]], list[Any], str]] = {
    "never run": (never_run, [cell(count=None)], "cell 1: execution count is None, 1 is expected"),
    "out of order": (never_run, [cell(count=2), cell(count=1)], "cell 1: execution count is 2, 1 is expected"),
    "a count left out": (never_run, [cell(count=1), new_markdown_cell("x"), cell(count=3)], "cell 3: execution"),
    "stderr": (complaints, [cell("1", stream("oh", "stderr"))], "cell 1: writes to stderr: 'oh'"),
    "an exception": (complaints, [cell("1", new_output("error", ename="E", evalue="", traceback=[]))], "ends in E"),
    "pixels": (pixels, [cell("1", shows({"image/png": "aGk=", "text/plain": "<Figure>"}))], "image/png output"),
    "an address": (addresses, [cell("1", stream("<object at 0x7f3a2c1b9d60>"))], "0x7f3a2c1b9d60"),
    "an address in HTML": (addresses, [cell("1", shows({"text/html": "at 0x7f3a2c1b9d60"}))], "0x7f3a2c1b9d60"),
    "noise in a float": (long_numbers, [cell("1", stream("0.30000000000000004"))], "0.30000000000000004"),
    "a small float": (long_numbers, [cell("1", stream("0.000123456789"))], "0.000123456789"),
    "a tag": (exemptions, [cell("1", tags=["nbval-ignore-output"])], "cell 1: is exempt"),
    "a comment": (exemptions, [cell("# NBVAL_SKIP\n1")], "cell 1: is exempt"),
    "an attempted stub": (not_left_open, [stub(), cell("check(f)", stream("correct"), count=2)], "cell 2: checks"),
    "a silent check": (not_left_open, [stub(), cell("check(f)", count=2)], "cell 2: checks the stub in cell 1"),
    "a stub without a check": (not_left_open, [cell(), stub()], "cell 2: no check follows"),
    "a solution in sight": (open_solutions, [cell("1", tags=["solution"])], "cell 1: the solution needs"),
    "a solution open in Jupyter": (open_solutions, [cell("1", tags=["solution", "hide-cell"])], "cell 1: the"),
    "a solution's open output": (open_solutions, [cell("1", tags=["solution", "hide-cell"], **FOLDED)], "stands open"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_rule_refuses_a_notebook_that_breaks_it(name: str) -> None:
    rule, cells, message = BAD[name]
    nb = new_notebook(cells=cells)
    found = list(rule(nb))
    assert len(found) >= 1
    assert message in found[0]
    assert found[0] in problems(nb, "book")


def test_a_clean_notebook_keeps_every_rule() -> None:
    hidden = {
        "tags": ["solution", "hide-cell"],
        "jupyter": {"source_hidden": True, "outputs_hidden": True},
    }
    nb = new_notebook(
        cells=[
            new_markdown_cell("# A"),
            cell("1", stream("0.12345678 0x1F 1.5e-07"), count=1),
            cell("", count=None),
            cell("def f(): ...", count=2, tags=["exercise"]),
            cell("def g(): ...", count=3, tags=["exercise"]),
            cell(
                "check(f, g)", shows({"text/plain": "not attempted yet", "text/html": "<b>no</b>"}), count=4
            ),
            cell("def f(): return 1", count=5, **hidden),
        ]
    )
    assert problems(nb, "book") == []


# ---- what nbval sees, and what it does not -------------------------------------------------------


def nbval(path: Path, nb: Any) -> subprocess.CompletedProcess[str]:
    notebooks.write(path, nb)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
    ]
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    env.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        [*command, f"--rootdir={path.parent}", path.name],
        capture_output=True,
        text=True,
        env=env,
        cwd=path.parent,
    )


def result(text: str, count: int) -> Any:
    return new_output("execute_result", data={"text/plain": text}, execution_count=count)


def test_nbval_refuses_a_stale_output_and_a_warning_but_not_a_cell_that_never_ran(tmp_path: Path) -> None:
    nb = new_notebook(
        cells=[
            cell("1 + 1", result("2", 1), count=1),
            cell("2 + 2", result("5", 2), count=2),
            cell("import warnings\nwarnings.warn('old')", count=3),
            cell("3 + 3", count=None),
        ]
    )
    done = nbval(tmp_path / "stale.ipynb", nb)
    assert done.returncode == 1, done.stdout
    assert "2 failed, 2 passed" in done.stdout
    assert list(never_run(nb)) == ["cell 4: execution count is None, 4 is expected"]
