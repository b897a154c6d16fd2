"""Releases made from sources: what is taken out, what is refused, and that nothing drifts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import v4

from handgrad import __version__
from handgrad.errors import NotebookError, UnknownNameError
from handgrad.homework import notebooks, sync

ROOT = Path(__file__).resolve().parents[1]
SOLUTION = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
GRADE = "2.0 if f(1) == 1 else 0.0"


def meta(grade_id, **changed):
    flags = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": {"schema_version": 3, "grade_id": grade_id, **flags, **changed}}


def toy():
    """A homework of three cells: a text, a solution, a grade."""
    return v4.new_notebook(
        cells=[
            v4.new_markdown_cell("Write f.", id="text", metadata=meta("text", locked=True)),
            v4.new_code_cell(SOLUTION, id="f", metadata=meta("f", solution=True)),
            v4.new_code_cell(
                GRADE, id="f-grade", metadata=meta("f-grade", grade=True, locked=True, points=2)
            ),
        ]
    )


def tree(folder, **homeworks):
    """A copy of the repository in small: solutions/<slug>/<slug>.ipynb for each."""
    for slug, nb in homeworks.items():
        path = folder / "solutions" / slug / f"{slug}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebooks.dumps(notebooks.normalise(nb)), encoding="utf-8")
    return folder


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- this repository's own homework


def test_exercises_are_what_their_sources_give():
    found = sync.sync(ROOT, check=True)
    assert found == [], "\n".join(map(str, found)) + "\nrun: handgrad sync"


@pytest.mark.parametrize("slug", sync.homeworks(ROOT))
def test_the_solution_earns_every_point_and_the_release_none(slug):
    for folder, share in (("solutions", 1), ("exercises", 0)):
        nb = notebooks.read(ROOT / folder / slug / f"{slug}.ipynb")
        graded = [
            c for c in nb.cells if c.cell_type == "code" and c.metadata.get("nbgrader", {}).get("grade")
        ]
        assert graded, f"{folder}/{slug}: no graded cell"
        for cell in graded:
            results = [out.data["text/plain"] for out in cell.outputs if out.output_type == "execute_result"]
            assert results == [str(float(share * cell.metadata.nbgrader.points))], (
                cell.metadata.nbgrader.grade_id
            )


@pytest.mark.parametrize("slug", sync.homeworks(ROOT))
def test_a_submission_carries_the_version_it_was_made_with(slug):
    for folder in ("solutions", "exercises"):
        nb = notebooks.read(ROOT / folder / slug / f"{slug}.ipynb")
        assert any(f"made with handgrad {__version__}\n" in notebooks.text_of(cell) for cell in nb.cells)


@pytest.mark.parametrize("missing", ["handgrad", "numpy"])
@pytest.mark.parametrize("slug", sync.homeworks(ROOT))
def test_a_lone_notebook_says_how_to_install_what_is_missing(slug, missing):
    nb = notebooks.read(ROOT / "exercises" / slug / f"{slug}.ipynb")
    first = next(cell.source for cell in nb.cells if cell.cell_type == "code")
    blocked = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {str(ROOT)!r})
"""
    done = subprocess.run([sys.executable, "-c", blocked + first], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"This notebook needs {missing}. Run the next line in a cell of its own")
    assert "\n%pip install " in done.stdout


# ---- what a release is


def test_a_solution_becomes_the_stub_and_its_cell_stays():
    cell = sync.release(toy(), "toy").cells[1]
    assert cell.source == "def f(x):\n    # your code here\n    return None"
    assert cell.metadata.nbgrader.solution
    assert cell.metadata.deletable is False


def test_several_regions_of_a_cell_are_each_replaced():
    nb = toy()
    nb.cells[1].source = SOLUTION + "\n\n\n" + SOLUTION.replace("f(x)", "g(x)")
    assert sync.release(nb, "toy").cells[1].source.count("# your code here\n    return None") == 2


def test_a_release_is_locked_with_checksums_and_keeps_its_ids():
    nb = sync.release(toy(), "toy")
    assert [cell.id for cell in nb.cells] == ["text", "f", "f-grade"]
    assert [cell.metadata.nbgrader.grade_id for cell in nb.cells] == ["text", "f", "f-grade"]
    assert [cell.metadata.get("editable", True) for cell in nb.cells] == [False, True, False]
    assert all(len(cell.metadata.nbgrader.checksum) == 32 for cell in nb.cells)


def test_a_written_answer_gets_nbgraders_stub():
    nb = toy()
    nb.cells.append(
        v4.new_markdown_cell("Because.", metadata=meta("why", grade=True, solution=True, points=1))
    )
    assert sync.release(nb, "toy").cells[3].source == "YOUR ANSWER HERE"


def test_hidden_tests_are_taken_out():
    nb = toy()
    nb.cells[2].source = "### BEGIN HIDDEN TESTS\nsecret = 1\n### END HIDDEN TESTS\n" + GRADE
    assert sync.release(nb, "toy").cells[2].source == GRADE


def test_the_source_is_left_as_it_was():
    nb = toy()
    sync.release(nb, "toy")
    assert nb == toy()


def test_a_sync_writes_an_executed_release_and_a_second_one_nothing(tmp_path):
    tree(tmp_path, toy=toy())
    assert [str(d) for d in sync.sync(tmp_path)] == ["wrote exercises/toy/toy.ipynb\n  not there yet"]
    before = files(tmp_path)
    nb = notebooks.read(tmp_path / "exercises/toy/toy.ipynb")
    assert [cell.execution_count for cell in nb.cells[1:]] == [1, 2]
    assert nb.cells[2].outputs[0].data["text/plain"] == "0.0"
    assert sync.sync(tmp_path) == []
    assert files(tmp_path) == before


def test_check_names_what_differs_and_writes_nothing(tmp_path):
    tree(tmp_path, toy=toy())
    sync.sync(tmp_path)
    path = tmp_path / "exercises/toy/toy.ipynb"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["cells"][0]["source"] = ["Write g."]
    del data["cells"][2]["metadata"]["editable"]
    path.write_text(json.dumps(data), encoding="utf-8")
    before = files(tmp_path)
    (found,) = sync.sync(tmp_path, check=True)
    assert str(found) == (
        "exercises/toy/toy.ipynb: differs\n  cell 1 (text): source\n  cell 3 (f-grade): metadata"
    )
    assert files(tmp_path) == before


def test_a_release_with_other_bytes_and_equal_cells_differs_too(tmp_path):
    tree(tmp_path, toy=toy())
    sync.sync(tmp_path)
    path = tmp_path / "exercises/toy/toy.ipynb"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    (found,) = sync.sync(tmp_path, check=True)
    assert found.lines == ("notebook metadata or layout of the file",)


def test_a_release_without_a_source_is_named(tmp_path):
    tree(tmp_path, toy=toy())
    sync.sync(tmp_path)
    (tmp_path / "exercises" / "old").mkdir()
    (found,) = sync.sync(tmp_path, check=True)
    assert str(found) == "exercises/old: differs\n  solutions/old does not exist: delete exercises/old"


# ---- what is refused


def source(i, text):
    def change(nb):
        nb.cells[i].source = text

    return change


def nbgrader(i, **changed):
    def change(nb):
        for key, value in changed.items():
            if value is None:
                del nb.cells[i].metadata["nbgrader"][key]
            else:
                nb.cells[i].metadata["nbgrader"][key] = value

    return change


REFUSED = {
    "unclosed": (
        source(1, SOLUTION.removesuffix("    ### END SOLUTION")),
        "toy, cell 2 (f): BEGIN SOLUTION in line 2 is never closed",
        "write ### END SOLUTION below what is to be hidden",
    ),
    "stray end": (
        source(1, SOLUTION.replace("    ### BEGIN SOLUTION\n", "")),
        "toy, cell 2 (f): END SOLUTION in line 3 has no BEGIN SOLUTION",
        "write ### BEGIN SOLUTION above, or delete line 3",
    ),
    "nested": (
        source(
            1, SOLUTION.replace("    return x", "    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION")
        ),
        "toy, cell 2 (f): BEGIN SOLUTION in line 3 stands inside another",
        "the first is in line 2",
    ),
    "hidden test never closed": (
        source(2, "### BEGIN HIDDEN TESTS\n" + GRADE),
        "toy, cell 3 (f-grade): BEGIN HIDDEN TESTS in line 1 is never closed",
        "write ### END HIDDEN TESTS below what is to be hidden",
    ),
    "markers in a grade cell": (
        source(2, SOLUTION),
        "toy, cell 3 (f-grade): BEGIN SOLUTION in a cell that is not a solution cell",
        'write "solution": true and a grade_id',
    ),
    "markers in a plain cell": (
        lambda nb: nb.cells.append(v4.new_code_cell(SOLUTION)),
        "toy, cell 4: BEGIN SOLUTION in a cell that is not a solution cell",
        'write "solution": true and a grade_id',
    ),
    "solution without markers": (
        source(1, "def f(x):\n    return x"),
        "toy, cell 2 (f): a solution cell without markers",
        "put ### BEGIN SOLUTION and ### END SOLUTION around what is to be hidden",
    ),
    "markers outside a function": (
        source(1, "### BEGIN SOLUTION\nf = abs\n### END SOLUTION"),
        "toy, cell 2 (f): the cell cannot be read once its solution is taken out",
        "put the markers inside a function, around its whole body",
    ),
    "no grade_id": (
        nbgrader(1, grade_id=None),
        "toy, cell 2: a cell marked solution has no grade_id",
        'write "grade_id": "a-name-of-its-own"',
    ),
    "empty grade_id": (
        nbgrader(2, grade_id=""),
        "toy, cell 3: a cell marked grade and locked has no grade_id",
        'write "grade_id": "a-name-of-its-own"',
    ),
    "duplicate grade_id": (
        nbgrader(2, grade_id="f"),
        "toy, cell 3 (f): grade_id 'f' is already used",
        "first in cell 2",
    ),
    "points without a grade": (
        nbgrader(1, points=2),
        "toy, cell 2 (f): points 2 on a cell that is not graded",
        'write "grade": true, or take the points out',
    ),
    "a grade without points": (
        nbgrader(2, points=None),
        "toy, cell 3 (f-grade): points must be a number from 0 up, got none",
        'write "points": 2',
    ),
    "negative points": (
        nbgrader(2, points=-1),
        "toy, cell 3 (f-grade): points must be a number from 0 up, got -1",
        'write "points": 2',
    ),
    "points that are not a number": (
        nbgrader(2, points=float("nan")),
        "toy, cell 3 (f-grade): points must be a number from 0 up, got nan",
        'write "points": 2',
    ),
    "old schema": (
        nbgrader(2, schema_version=2),
        "toy, cell 3 (f-grade): schema_version must be 3, got 2",
        'write "schema_version": 3',
    ),
    "metadata of another type": (
        lambda nb: nb.cells[1].metadata.update(nbgrader=["solution"]),
        "toy, cell 2: nbgrader metadata must be an object, got list",
        "or take it out",
    ),
    "a flag missing": (
        nbgrader(2, locked=None),
        "toy, cell 3 (f-grade): locked must be true or false, got none",
        'write "locked": false, say',
    ),
    "a flag that is a word": (
        nbgrader(1, solution="yes"),
        "toy, cell 2 (f): solution must be true or false, got 'yes'",
        'write "solution": false, say',
    ),
    "a graded text that is not a solution": (
        nbgrader(0, grade=True, points=1),
        "toy: nbgrader's CheckCellMetadata refuses it",
        "Markdown grade cell 'text' is not marked as a solution cell",
    ),
}


@pytest.mark.parametrize(("change", "what", "step"), REFUSED.values(), ids=REFUSED)
def test_a_broken_source_is_refused_with_cell_and_grade_id(change, what, step, capfd):
    nb = toy()
    change(nb)
    with pytest.raises(NotebookError) as error:
        sync.release(nb, "toy")
    assert str(error.value).splitlines()[0] == what
    assert step in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("graded", "got"),
    [("2.0", "2.0"), ("None", "nothing"), ("str(f(1))", "'None'"), ("-1.0", "-1.0"), ("0", "0")],
)
def test_a_grade_cell_must_end_in_0_where_nothing_is_attempted(tmp_path, graded, got):
    nb = toy()
    nb.cells[2].source = graded
    tree(tmp_path, toy=nb)
    with pytest.raises(NotebookError) as error:
        sync.sync(tmp_path)
    first, *rest = str(error.value).splitlines()
    assert first == (
        "solutions/toy/toy.ipynb, cell 3 (f-grade): with nothing attempted the cell must end in 0.0, "
        f"got {got}"
    )
    assert "full points to anything that is not a number" in rest[0]
    assert not (tmp_path / "exercises").exists()


def test_a_grade_cell_must_not_write_to_stderr(tmp_path):
    nb = toy()
    nb.cells[2].source = "import sys\nprint('late', file=sys.stderr)\n0.0"
    tree(tmp_path, toy=nb)
    with pytest.raises(NotebookError, match=r"must end in 0\.0, got 0\.0 and text on stderr"):
        sync.sync(tmp_path)


def test_a_release_that_raises_is_refused_with_its_cell(tmp_path):
    nb = toy()
    nb.cells[2].source = "f(1) + 1.0"
    tree(tmp_path, toy=nb)
    with pytest.raises(NotebookError, match=r"toy\.ipynb, cell 3: raised TypeError"):
        sync.sync(tmp_path)
    assert not (tmp_path / "exercises").exists()


def test_one_broken_source_leaves_every_release_as_it_was(tmp_path):
    broken = toy()
    broken.cells[1].source = SOLUTION.removesuffix("    ### END SOLUTION")
    tree(tmp_path, a=toy(), b=broken)
    before = files(tmp_path)
    with pytest.raises(NotebookError, match=r"solutions/b/b\.ipynb, cell 2 \(f\)"):
        sync.sync(tmp_path)
    assert files(tmp_path) == before


def test_an_unreadable_source_is_named(tmp_path):
    tree(tmp_path, toy=toy())
    (tmp_path / "solutions/toy/toy.ipynb").write_text("<<<<<<< HEAD\n{", encoding="utf-8")
    with pytest.raises(NotebookError, match=r"toy\.ipynb: is not a notebook"):
        sync.sync(tmp_path)


def test_a_folder_without_its_notebook_is_told_what_to_create(tmp_path):
    (tmp_path / "solutions" / "toy").mkdir(parents=True)
    with pytest.raises(NotebookError) as error:
        sync.sync(tmp_path)
    path = "solutions/toy/toy.ipynb"
    assert str(error.value) == f"{path}: no such notebook\n  create {path}"


def test_an_unknown_homework_gets_the_nearest_name(tmp_path):
    tree(tmp_path, affine=toy())
    with pytest.raises(UnknownNameError, match=r"no homework 'afine'\n  did you mean 'affine'\?"):
        sync.sync(tmp_path, ["afine"])


def test_a_folder_outside_the_repository_is_told_so(tmp_path):
    with pytest.raises(NotebookError, match="no folder solutions/ here or above"):
        sync.find_root(tmp_path)


def test_the_root_is_found_from_a_folder_inside(tmp_path):
    tree(tmp_path, toy=toy())
    assert sync.find_root(tmp_path / "solutions" / "toy") == tmp_path.resolve()


# ---- the command


def test_the_command_says_what_it_wrote_and_then_that_all_is_well(tmp_path, monkeypatch, capsys):
    from handgrad.cli import main

    monkeypatch.chdir(tree(tmp_path, toy=toy()))
    assert main(["sync", "--check"]) == 1
    assert (
        capsys.readouterr().out == "exercises/toy/toy.ipynb: differs\n  not there yet\nrun: handgrad sync\n"
    )
    assert main(["sync", "toy"]) == 0
    assert capsys.readouterr().out == "wrote exercises/toy/toy.ipynb\n  not there yet\n"
    assert main(["sync", "--check"]) == 0
    assert capsys.readouterr().out == "exercises/ is up to date (1 homework)\n"


def test_the_command_words_a_broken_source_without_a_traceback(tmp_path, monkeypatch, capsys):
    from handgrad.cli import main

    nb = toy()
    nb.cells[1].source = "f = abs"
    monkeypatch.chdir(tree(tmp_path, toy=nb))
    assert main(["sync"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == (
        "",
        "solutions/toy/toy.ipynb, cell 2 (f): a solution cell without markers",
    )
