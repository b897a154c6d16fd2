"""What holds of every exercise in the book: its stub, its solution, its hint, and their order."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

from handgrad.homework import notebooks
from tests.chapters import BOOK, Chapter, run, verdicts

CHAPTERS = {path.stem: Chapter(path.stem) for path in sorted(BOOK.glob("*.ipynb"))}
NUMBERED = [name for name in CHAPTERS if name[:2].isdigit()]
EXERCISES = [
    pytest.param(chapter, exercise, id=f"{name}:{exercise}")
    for name, chapter in CHAPTERS.items()
    for exercise in chapter.exercises
    if exercise.startswith("ex-")  # the test at the beginning of chapter 0 gives no hints
]

# How the judges say that an answer is right.
RIGHT = re.compile(r"(^|: |\bis )(right|correct)\b(?! to)|the experiment agrees", re.M)


def _names_of(source: str) -> set[str]:
    """The names that a cell leaves behind."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        else:
            names |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return names


def _cells(chapter: Chapter, exercise: str, kind: str) -> list[str]:
    found = [i for i in chapter.cells if i.startswith(f"{exercise}-{kind}")]
    assert found, f"no {kind}"
    return found


def _said(chapter: Chapter, exercise: str, kind: str) -> str:
    return "\n".join(notebooks.text_of(chapter.cells[i]) for i in _cells(chapter, exercise, kind))


def test_every_chapter_has_exercises_in_code_and_on_paper() -> None:
    in_code = {
        name: sum("def " in CHAPTERS[name].cells[f"{e}-stub"].source for e in CHAPTERS[name].exercises)
        for name in NUMBERED
    }
    everywhere = {name: len(CHAPTERS[name].exercises) for name in NUMBERED}
    assert len(NUMBERED) == 10
    assert min(everywhere.values()) >= 5, everywhere
    assert all(code < everywhere[name] for name, code in in_code.items()), in_code
    assert sum(everywhere.values()) >= 50
    assert sum(in_code.values()) >= 32


def test_there_are_enough_mistakes_to_find() -> None:
    finds = [
        cell.id
        for chapter in CHAPTERS.values()
        for cell in chapter.all
        if cell.cell_type == "markdown" and re.search(r"\{exercise-start\} .*[Mm]istake", cell.source)
    ]
    assert len(finds) >= 9, finds


@pytest.mark.parametrize(("chapter", "exercise"), EXERCISES)
def test_an_untouched_stub_is_not_attempted_yet(chapter: Chapter, exercise: str) -> None:
    said = _said(chapter, exercise, "check")
    assert "not attempted yet" in said
    assert not RIGHT.search(said)
    assert "correct" not in verdicts(said)


@pytest.mark.parametrize(("chapter", "exercise"), EXERCISES)
def test_a_solution_passes_its_own_check(chapter: Chapter, exercise: str) -> None:
    said = _said(chapter, exercise, "solution")
    assert RIGHT.search(said)
    assert "not attempted" not in said


@pytest.mark.parametrize(("chapter", "exercise"), EXERCISES)
def test_a_solution_leaves_the_readers_answer_alone(chapter: Chapter, exercise: str) -> None:
    mine = _names_of(chapter.cells[f"{exercise}-stub"].source)
    assert mine
    for ident in _cells(chapter, exercise, "solution"):
        assert not mine & _names_of(chapter.cells[ident].source)


@pytest.mark.parametrize(("chapter", "exercise"), EXERCISES)
def test_a_hint_comes_before_the_solution_and_the_solution_is_folded(chapter: Chapter, exercise: str) -> None:
    places = {cell.id: place for place, cell in enumerate(chapter.all)}
    stub, first = places[f"{exercise}-stub"], places[_cells(chapter, exercise, "solution")[0]]
    between = [cell.source for cell in chapter.all[stub:first] if cell.cell_type == "markdown"]
    assert any("{dropdown} Hint" in text for text in between)
    for ident in _cells(chapter, exercise, "check"):
        assert stub < places[ident] < first
    for ident in _cells(chapter, exercise, "solution"):
        assert {"solution", "hide-cell"} <= set(chapter.cells[ident].metadata.tags)
        assert chapter.cells[ident].execution_count


@pytest.mark.parametrize(("chapter", "exercise"), EXERCISES)
def test_a_stub_runs_by_itself(chapter: Chapter, exercise: str) -> None:
    run(chapter.cells[f"{exercise}-stub"].source, {"np": np})
