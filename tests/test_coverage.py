"""Where the book teaches each item of its five sources: `book/coverage.json`, followed to its cells.

`items` takes each numbered item of the sources, and `errata` each of the thirty corrections, to the cells that
teach it. `due` lists items whose chapter is still to come, with that chapter's name, and allows no others.
"""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from handgrad.homework import notebooks

BOOK = Path(__file__).resolve().parents[1] / "book"

# The chapters in which each item belongs, in order: 000.1 is taught in chapters 1 and 2. "any" leaves it open,
# "all" wants every chapter, and "later" items (convolution, tensors) have no chapter yet.
CHAPTERS = {
    "000": "1,2 2 2,5 2 2 2,5 2,5 2,3 2 5 5 1,5 5 2,3",
    "001": "3 1 1 1 1 1 4 4 4 4 4 4 4 4 4 5 5 5 5 5 5 5 5 5,7 5 later later all",
    "002": "3 3 3 3 3 3 3 3 3 6 any 6 6 6 6 6 6 6 6 6 8",
    "003": "7 7 7 7 7 7 7 7 7 7 7",
    "004": "2,3 any 9 9 9 9 9 9 9 9 9 2 3",
}
WANTED = {
    f"{source}.{number}": chapters
    for source, row in CHAPTERS.items()
    for number, chapters in enumerate(row.split(), 1)
    if chapters != "later"
}
ERRATA = [str(number) for number in range(1, 31)]

# Further reading and a summary card are prose by nature: nothing is run below them.
READING = {"001.28", "003.11"}
CARD = "000.14"

# Sections that mention, list or ask, and do not teach.
MENTIONS = re.compile(
    r"(summary card|sources and further reading|exercises|what was mended|what you can now do)\b", re.I
)
SET_UP = {"setup", "settings", "figures", "setup-figures", "judge", "judges"}
HEADING = re.compile(r"^(#{1,4}) +(.+)$", re.M)

Cells = dict[str, list[Any]]


@cache
def book() -> Cells:
    return {path.stem: notebooks.read(path).cells for path in sorted(BOOK.glob("*.ipynb"))}


@cache
def stored() -> dict[str, Any]:
    data = json.loads((BOOK / "coverage.json").read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def prose(text: str) -> str:
    """Markdown without its code fences, in which a # is no heading."""
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)


def headings(cell: Any) -> list[str]:
    return [m[2] for m in HEADING.finditer(prose(cell.source))] if cell.cell_type == "markdown" else []


def section(cells: list[Any], place: int) -> str:
    """The heading under which a cell stands: for Markdown its first own one, else the last before it."""
    own = headings(cells[place])
    if own:
        return own[0]
    return next((found[-1] for cell in reversed(cells[:place]) if (found := headings(cell))), "")


def executed(cell: Any) -> bool:
    return (
        cell.cell_type == "code"
        and cell.execution_count is not None
        and all(o.output_type != "error" for o in cell.outputs)
    )


def followed(cells: list[Any], place: int) -> bool:
    """Does an executed code cell follow a Markdown cell before the next heading?"""
    for cell in cells[place + 1 :]:
        if headings(cell):
            return False
        if cell.cell_type == "code":
            return executed(cell)
    return False


def cites(cell: Any) -> int:
    return len(re.findall(r"\{cite(?::\w)?\}", cell.source))


def wrong(item: str, entry: dict[str, str], cells: Cells) -> str:
    """What is wrong with one entry, in words; "" if nothing is."""
    where = f"{item}: {entry.get('notebook')}, {entry.get('cell')}"
    if set(entry) != {"notebook", "cell"} or entry["notebook"] not in cells:
        return f"{where}: no such notebook"
    inside = cells[entry["notebook"]]
    places = [place for place, cell in enumerate(inside) if cell.id == entry["cell"]]
    if len(places) != 1:
        return f"{where}: {len(places)} cells of this name"
    cell = inside[places[0]]
    if cell.cell_type == "code":
        return "" if executed(cell) else f"{where}: has not been executed without an error"
    if item in READING:
        return "" if cites(cell) >= 2 else f"{where}: names nothing to read"
    if item == CARD and MENTIONS.match(section(inside, places[0])):
        return ""
    return "" if followed(inside, places[0]) else f"{where}: no executed code follows in its section"


def teaches(item: str, entry: dict[str, str], cells: Cells) -> bool:
    """Is this a place that teaches? Not a title, a set-up, an exercise, a card or a list of sources."""
    if wrong(item, entry, cells):
        return False
    if item in READING:
        return True
    inside = cells[entry["notebook"]]
    place = next(p for p, cell in enumerate(inside) if cell.id == entry["cell"])
    listed = entry["cell"] in SET_UP or entry["cell"].startswith(("ex-", "predict"))
    return bool(place) and not listed and not MENTIONS.match(section(inside, place))


def chapter_of(entry: dict[str, str]) -> str:
    return entry["notebook"].split("_")[0].lstrip("0")


def problems(data: dict[str, Any], cells: Cells) -> list[str]:
    """Everything that is wrong with a coverage table."""
    items, errata, due = data["items"], data["errata"], data["due"]
    found = [f"{item}: is not in the table" for item in WANTED if item not in items and item not in due]
    found += [f"{item}: is no item of the sources" for item in {*items, *due} - {*WANTED}]
    found += [f"{item}: is due, and in the table" for item in due if item in items]
    found += [f"{item}: due in {name}, which is here" for item, name in due.items() if name in cells]
    found += [f"erratum {n}: is not in the table" for n in ERRATA if n not in errata]
    found += [f"erratum {n}: there is none" for n in errata if n not in ERRATA]
    for item, entries in (*items.items(), *errata.items()):
        found += [words for entry in entries if (words := wrong(item, entry, cells))]
        taught = {chapter_of(entry) for entry in entries if teaches(item, entry, cells)}
        wanted = WANTED.get(item, "any")
        chapters = "123456789" if wanted == "all" else "" if wanted == "any" else wanted.replace(",", "")
        found += [f"{item}: nothing teaches it in chapter {c}" for c in chapters if c not in taught]
        if not taught - {"appendix"}:
            found.append(f"{item}: nothing teaches it")
    for n in ERRATA:
        home = {"notebook": "appendix_errata", "cell": f"erratum-{n}"}
        if home not in errata.get(n, []):
            found.append(f"erratum {n}: its pair in the appendix is not in the table")
    return found


def test_every_item_of_the_sources_is_taught_where_the_table_says() -> None:
    assert problems(stored(), book()) == []


def test_the_table_has_the_items_and_errata_that_are_due() -> None:
    data = stored()
    assert len(WANTED) == 85  # 87, but for the two that wait for convolution
    assert len(data["items"]) + len(data["due"]) == 85
    assert list(data["errata"]) == ERRATA
    assert [item for item in WANTED if item in data["items"]] == list(data["items"])


def test_no_entry_is_listed_twice() -> None:
    data = stored()
    for item, entries in (*data["items"].items(), *data["errata"].items()):
        assert len(entries) == len({tuple(entry.items()) for entry in entries}), item


# ---- the table says no ---------------------------------------------------------------------------


def planted(change: Any) -> list[str]:
    """What is found once `change` has been made to a copy of the table."""
    data = copy.deepcopy(stored())
    change(data)
    return problems(data, book())


def entry(notebook: str, cell: str) -> list[dict[str, str]]:
    return [{"notebook": notebook, "cell": cell}]


BAD: dict[str, tuple[Any, str]] = {
    "an item left out": (lambda d: d["items"].pop("001.12"), "001.12: is not in the table"),
    "an item that is none": (lambda d: d["items"].update({"005.1": []}), "005.1: is no item of the sources"),
    "an item without a place": (lambda d: d["items"].update({"002.7": []}), "002.7: nothing teaches it"),
    "an erratum left out": (lambda d: d["errata"].pop("14"), "erratum 14: is not in the table"),
    "a notebook that is not there": (
        lambda d: d["items"].update({"001.8": entry("99_none", "code")}),
        "001.8: 99_none, code: no such notebook",
    ),
    "a cell that is not there": (
        lambda d: d["items"].update({"001.8": entry("04_relu", "nowhere")}),
        "001.8: 04_relu, nowhere: 0 cells of this name",
    ),
    "another chapter": (
        lambda d: d["items"].update({"001.8": entry("05_affine", "forward-small")}),
        "001.8: nothing teaches it in chapter 4",
    ),
    "a mention in the summary": (
        lambda d: d["items"].update({"001.8": entry("04_relu", "card")}),
        "001.8: nothing teaches it",
    ),
    "a mention in the title": (
        lambda d: d["items"].update({"001.8": entry("04_relu", "title")}),
        "001.8: nothing teaches it",
    ),
    "the set-up": (
        lambda d: d["items"].update({"001.8": entry("04_relu", "setup")}),
        "001.8: nothing teaches it",
    ),
    "an exercise": (
        lambda d: d["items"].update({"001.8": entry("04_relu", "ex-forward-solution")}),
        "001.8: nothing teaches it",
    ),
    "an erratum in its appendix alone": (
        lambda d: d["errata"].update({"6": entry("appendix_errata", "erratum-6")}),
        "6: nothing teaches it",
    ),
    "an erratum without its pair": (
        lambda d: d["errata"].update({"6": entry("04_relu", "np-max")}),
        "erratum 6: its pair in the appendix is not in the table",
    ),
    "due, and in the table": (
        lambda d: d["due"].update({"001.8": "10_convolution"}),
        "001.8: is due, and in the table",
    ),
    "due in a chapter that is here": (
        lambda d: (d["items"].pop("001.8"), d["due"].update({"001.8": "04_relu"})),
        "001.8: due in 04_relu, which is here",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_table_with_a_gap_is_refused(name: str) -> None:
    change, message = BAD[name]
    assert message in planted(change)


def test_an_item_may_wait_for_a_chapter_that_is_still_to_come() -> None:
    def wait(data: dict[str, Any]) -> None:
        data["items"].pop("001.8")
        data["due"]["001.8"] = "10_convolution"

    assert planted(wait) == []


def tiny(code: Any, *between: Any) -> Cells:
    """A notebook of a title, some text, and a code cell after it."""
    text = new_markdown_cell("(sec-a)=\n## A\n\nSome text.", id="text")
    return {"01_a": [new_markdown_cell("# Title", id="title"), text, *between, code]}


def run(count: int | None = 1, *outputs: Any) -> Any:
    return new_code_cell("1 + 1", id="code", execution_count=count, outputs=list(outputs))


ERROR = new_output("error", ename="E", evalue="", traceback=[])
NEXT = new_markdown_cell("## B", id="next")


@pytest.mark.parametrize(
    ("cell", "cells", "message"),
    [
        ("code", tiny(run()), ""),
        ("text", tiny(run()), ""),
        ("code", tiny(run(None)), "x: 01_a, code: has not been executed without an error"),
        ("code", tiny(run(1, ERROR)), "x: 01_a, code: has not been executed without an error"),
        ("text", tiny(run(None)), "x: 01_a, text: no executed code follows in its section"),
        ("text", tiny(run(1, ERROR)), "x: 01_a, text: no executed code follows in its section"),
        ("text", tiny(run(), NEXT), "x: 01_a, text: no executed code follows in its section"),
        ("none", tiny(run()), "x: 01_a, none: 0 cells of this name"),
    ],
)
def test_an_entry_is_followed_to_a_cell_that_ran(cell: str, cells: Cells, message: str) -> None:
    assert wrong("x", {"notebook": "01_a", "cell": cell}, cells) == message


def test_a_list_of_readings_has_to_cite() -> None:
    cells = {"01_a": [new_markdown_cell("## Sources\n\nRead {cite:t}`a` and {cite:p}`b`.", id="two")]}
    cells["01_a"].append(new_markdown_cell("Read on.", id="none"))
    for item, (name, message) in product(READING, {"two": "", "none": "names nothing to read"}.items()):
        assert wrong(item, {"notebook": "01_a", "cell": name}, cells).endswith(message)
