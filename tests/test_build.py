"""The book as it is built, and the wheel: what is in them, and that a faulty page stops the build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from handgrad.homework import notebooks

ROOT = Path(__file__).resolve().parents[1]
Build = Callable[[Path, Path], "subprocess.CompletedProcess[str]"]
PAGES = sorted(p.stem for p in (ROOT / "book").iterdir() if p.suffix in (".ipynb", ".md"))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_built(site: Path, name: str) -> None:
    assert (site / "book" / f"{name}.html").is_file()


def test_the_first_address_leads_to_the_first_page(site: Path) -> None:
    assert "book/index.html" in (site / "index.html").read_text(encoding="utf-8")


def test_no_page_names_a_script_or_style_on_another_host(site: Path) -> None:
    pattern = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')
    found = {p.name: pattern.findall(p.read_text(encoding="utf-8")) for p in site.rglob("*.html")}
    assert {name: tags for name, tags in found.items() if tags} == {}
    assert pattern.findall('<script defer src="https://cdn.example/a.js"></script>') != []


def test_mathjax_is_served_with_the_book(site: Path) -> None:
    folder = site / "_static" / "mathjax"
    assert (folder / "tex-chtml.js").is_file()
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 4_000_000


# ---- a small book of our own ---------------------------------------------------------------------


def small_book(folder: Path, *cells: str) -> Path:
    """A book with this book's settings whose only chapter has these Markdown cells, each before a code cell."""
    (folder / "book").mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    for name in ("_ext", "_static"):
        shutil.copytree(
            ROOT / "book" / name, folder / "book" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "book" / "index.md").write_text("# A book\n")
    (folder / "book" / "notation.md").write_text("# Notation\n")
    (folder / "book" / "bibliography.md").write_text("# Sources\n\n{cite:t}`a`\n\n```{bibliography}\n```\n")
    (folder / "book" / "references.bib").write_text(
        "@misc{a,\n author = {A, B},\n title = {C},\n year = {2000},\n}\n"
    )
    nb = new_notebook(cells=[new_markdown_cell("# One")])
    for count, text in enumerate(cells, 1):
        output = new_output("stream", name="stdout", text=f"output {count}\n")
        nb.cells += [
            new_markdown_cell(text),
            new_code_cell(f"print({count})", outputs=[output], execution_count=count),
        ]
    notebooks.write(folder / "book" / "01_one.ipynb", nb)
    return folder


def test_tabs_hold_code_cells_and_their_outputs(tmp_path: Path, build: Build) -> None:
    rows, columns = (
        ":::{tab-start} As rows\n:sync: rows\n:::",
        ":::{tab-start} As columns\n:sync: columns\n:::",
    )
    book = small_book(tmp_path / "a", rows, columns, ":::{tab-end}\n:::", "After.")
    done = build(book, book)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (book / "_build" / "html" / "book" / "01_one.html").read_text(encoding="utf-8")
    inside = page[page.index('class="sd-tab-set') : page.index("After.")]
    assert inside.count('class="sd-tab-label"') == 2
    assert inside.count('class="sd-tab-content') == 2
    assert (
        inside.index("output 1")
        < inside.index("As columns")
        < inside.index("output 2")
        < inside.index("output 3")
    )
    assert 'data-sync-id="rows"' in inside


FAULTS = {
    ":::{tab-end}\n:::": "tab-end without tab-start",
    "See {ref}`no-such-section`.": "undefined label: 'no-such-section'",
    "{cite:t}`nobody`": "could not find bibtex key",
    ":::{tab-start} Left open\n:::": "tab-start without tab-end",
}


def test_a_faulty_page_stops_the_build_and_every_fault_is_named(tmp_path: Path, build: Build) -> None:
    book = small_book(tmp_path / "a", *FAULTS)
    done = build(book, book)
    assert done.returncode != 0
    for warning in FAULTS.values():
        assert re.search(rf"01_one\.ipynb:\d+.*{warning}", done.stderr), warning


# ---- the package ---------------------------------------------------------------------------------


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    listed = ["pyproject.toml", "README.md", "LICENSE", "handgrad", "tests", "book", "benchmarks"]
    for name in filter(lambda n: (ROOT / n).exists(), listed):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        source,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("handgrad-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "handgrad",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    assert "handgrad/py.typed" in names
    packed = {name for name in names if name.startswith("handgrad/")}
    present = {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "handgrad").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert packed == present
    metadata = zipfile.ZipFile(wheel).read(next(n for n in names if n.endswith("METADATA"))).decode()
    required = [
        line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert required == ["Requires-Dist: numpy>=2.0"]


def test_requirements_are_pinned_and_name_no_host() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert len(lines) > 100
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._]+", line)] == []


def test_every_package_of_the_extras_is_pinned() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {re.split(r"[<>=]", name)[0] for extra in ("book", "homework", "dev") for name in extras[extra]}
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
    }
    assert wanted - pinned == set()


def test_the_command_of_ci_is_the_command_of_the_developer() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert script.strip().splitlines()[-1] == "exec make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
