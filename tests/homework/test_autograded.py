"""The graded notebook for formgrader: the release with a student's answers as text, and nothing else of theirs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from handgrad.homework import autograded, notebooks, source
from handgrad.homework.results import PartResult, Result

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "exercises" / "affine" / "affine.ipynb"


@pytest.fixture(scope="module")
def homework():
    return source.load(ROOT, "affine")


@pytest.fixture
def graded(homework):
    def result(codes, message="dw is transposed\n  expected (D, M)", stopped=""):
        reports = ({"findings": [{"severity": "error", "param": "dw", "message": message}]},)
        parts = tuple(
            PartResult(
                p.grade_id,
                p.title,
                1.0,
                p.max_points,
                reports=reports,
                stopped=stopped,
                code=codes.get(i, {}),
            )
            for i, p in enumerate(homework.parts)
        )
        return Result("ada", "affine", "ada.ipynb", "d1", "graded", parts=parts, versions={"handgrad": "0.1"})

    return result


def cells(nb):
    return {cell.metadata.nbgrader.grade_id: cell for cell in nb.cells}


def test_it_is_the_release_with_the_answers_the_findings_and_the_points(homework, graded):
    nb = autograded.notebook(
        graded({0: {"forward": "def affine_forward(x, w, b):\n    return 1"}}), homework, RELEASE
    )
    nbformat.validate(nb)
    mine, release = cells(nb), cells(notebooks.read(RELEASE))
    assert list(mine) == list(release)
    assert {name: c.metadata for name, c in mine.items()} == {name: c.metadata for name, c in release.items()}
    assert mine["forward"].source == "def affine_forward(x, w, b):\n    return 1"
    changed = {name for name in mine if mine[name].source != release[name].source}
    assert changed == set(homework.solution), "a part without an answer shows an empty cell"
    (output,) = mine["backward-grade"].outputs
    assert output.text == "dw is transposed\n  expected (D, M)\n\n1 of 5 points\n"


def test_code_from_cells_of_their_own_stands_in_the_last_answer_and_no_other_cell_can_be_replaced(
    homework, graded
):
    codes = {0: {"cell 9": "def helper(): pass", "forward-grade": "2.0", "setup": "import os"}}
    mine, release = (
        cells(autograded.notebook(graded(codes), homework, RELEASE)),
        cells(notebooks.read(RELEASE)),
    )
    assert mine["forward"].source == "def helper(): pass\n\n2.0\n\nimport os"
    for name in ("setup", "forward-grade"):
        assert mine[name].source == release[name].source


def test_all_that_a_student_wrote_is_plain_text(homework, graded, tmp_path):
    evil = "<script>x</script>\x1b[2J\u202e\udce9\x00"
    result = graded({0: {"forward": evil, evil: evil}}, evil, evil)
    assert autograded.place(tmp_path, "ada", result, homework, RELEASE)
    nb = notebooks.read(tmp_path / "ada" / "affine" / "affine.ipynb")
    for cell in nb.cells:
        assert cell.source.replace("\n", "").isprintable()
        for output in cell.get("outputs", []):
            assert output.output_type == "stream"
            assert output.text.replace("\n", "").isprintable()


def test_a_notebook_of_nbgraders_own_and_a_link_stay_and_one_made_here_is_replaced(
    homework, graded, tmp_path
):
    path = tmp_path / "ada" / "affine" / "affine.ipynb"
    assert autograded.place(tmp_path, "ada", graded({}), homework, RELEASE)
    first = path.read_bytes()
    assert autograded.place(tmp_path, "ada", graded({0: {"forward": "x = 1"}}), homework, RELEASE)
    assert path.read_bytes() != first
    theirs = RELEASE.read_bytes()
    path.write_bytes(theirs)
    assert not autograded.place(tmp_path, "ada", graded({}), homework, RELEASE)
    assert path.read_bytes() == theirs
    path.unlink()
    (tmp_path / "elsewhere").write_bytes(first)
    path.symlink_to(tmp_path / "elsewhere")
    assert not autograded.place(tmp_path, "ada", graded({0: {"forward": "x = 2"}}), homework, RELEASE)
    assert (tmp_path / "elsewhere").read_bytes() == first
