"""nbgrader's own commands on a copy of the tree: the release they make, and the points they give."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handgrad.homework import notebooks

ROOT = Path(__file__).resolve().parents[1]
POINTS = {"forward-grade": 2, "backward-grade": 5, "paper-grade": 3, "mended-grade": 2, "twin-grade": 4}
NOTHING = dict.fromkeys(POINTS, 0)

WRONG = {
    "forward": "def affine_forward(x, w, b):\n    return x @ w - b, (x, w, b)",
    "backward": "def affine_backward(dout, cache):\n    return dout, dout, dout",
    "paper": "def formula_for_dW():\n    return 'X.T @ dY'\n"
    "def formula_for_dX():\n    return 'dY @ W'\n"
    "def formula_for_db():\n    return 'sum(dY, axis=N)'",
    "mended": "def mended_backward(dY, X, W):\n    return colleagues_backward(dY, X, W)",
    "twin-backward": "def twin_backward(dout, x1, x2, w, b):\n    return x1, x2, w, b",
}
# Forward right; db not summed over the steps; the paper's dX transposed; dX mended only; the second use of w and
# b left out.
HALF = {
    "forward": "def affine_forward(x, w, b):\n    return x @ w + b, (x, w, b)",
    "backward": "def affine_backward(dout, cache):\n    x, w, b = cache\n"
    "    return dout @ w.T, np.einsum('ntd,ntm->dm', x, dout), dout.sum(axis=0)",
    "paper": "def formula_for_dW():\n    return 'X @ dY.T'\n"
    "def formula_for_dX():\n    return 'dY.T @ W.T'\n"
    "def formula_for_db():\n    return 'sum(dY, axis=N, keepdims=True)'",
    "mended": "def mended_backward(dY, X, W):\n"
    "    return W.T @ dY, (dY @ X.swapaxes(1, 2)).sum(axis=0), dY.sum(axis=2)",
    "twin-backward": "def twin_backward(dout, x1, x2, w, b):\n    y1, y2 = x1 @ w + b, x2 @ w + b\n"
    "    dy1, dy2 = dout * y2, dout * y1\n"
    "    return dy1 @ w.T, dy2 @ w.T, np.einsum('ntd,ntm->dm', x1, dy1), dy1.sum(axis=(0, 1))",
}
HALF_POINTS = {"forward-grade": 2, "backward-grade": 4, "paper-grade": 2, "mended-grade": 1, "twin-grade": 2}

# The first lines of a right answer's function bodies: prints, a NumPy warning, a Python warning, text on stderr.
NOISE = (
    "    import sys, warnings, numpy\n    print('here')\n    print('there', file=sys.stderr)\n"
    "    numpy.array([1.0]) / numpy.array([0.0])\n    warnings.warn('careless')\n"
)
# A cell that cannot run costs its own part only; so does an exception, and a formula without its quotes.
BROKEN_CELLS = {
    "forward": "def affine_forward(x, w, b)\n    return None",
    "paper": "def formula_for_dW():\n    return X @ dY.T\n"
    "def formula_for_dX():\n    return 'W @ dY'\n"
    "def formula_for_db():\n    return 3",
    "twin-backward": "def twin_backward(dout, x1, x2, w, b):\n    raise ValueError('later')",
}
BROKEN_POINTS = {
    "forward-grade": 0,
    "backward-grade": 5,
    "paper-grade": 1,
    "mended-grade": 2,
    "twin-grade": 0,
}
# What returns something, but not what was asked for.
ODD = {
    "backward": "def affine_backward(dout, cache):\n    return {'dx': 1}",
    "paper": "def formula_for_dW():\n    return ''\n"
    "def formula_for_dX():\n    return 'W.T @'\n"
    "def formula_for_db():\n    return '__import__(\"os\")'",
    "mended": "def mended_backward(dY, X, W):\n    return 7",
    "twin-backward": "def twin_backward(dout, x1, x2, w, b):\n    return w",
}


def nbgrader(tree, *argv):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(tree.parent / "jupyter")}
    environment.pop("PYTHONWARNINGS", None)  # as a teacher has it
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *argv], cwd=tree, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy with what a teacher needs, in which nbgrader has made its own release."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    shutil.copytree(ROOT / "solutions" / "affine", folder / "solutions" / "affine")
    nbgrader(folder, "generate_assignment", "affine", "--create", "--force")
    return folder


def submission(answers, base="exercises", noise=""):
    """A student's notebook: the release (or the solution) with these cells changed."""
    nb = notebooks.read(ROOT / base / "affine" / "affine.ipynb")
    for cell in nb.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(grade_id, cell.source)
        if noise and cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = cell.source.replace("    ### BEGIN SOLUTION\n", noise)
    return nb


@pytest.fixture(scope="module")
def points(tree):
    """The points that `nbgrader autograde affine` gives: by student, then by grade cell."""
    from nbgrader.api import Gradebook

    students = {
        "untouched": submission({}),
        "wrong": submission(WRONG),
        "half": submission(HALF),
        "right": submission({}, "solutions"),
        "noisy": submission({}, "solutions", NOISE),
        "broken": submission(BROKEN_CELLS, "solutions"),
        "odd": submission(ODD),
    }
    for student, nb in students.items():
        path = tree / "grading" / "submitted" / student / "affine" / "affine.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebooks.dumps(nb), encoding="utf-8")
    nbgrader(tree, "autograde", "affine")
    found = {}
    with Gradebook(f"sqlite:///{tree}/grading/gradebook.db") as book:
        for student in students:
            (notebook,) = book.find_submission("affine", student).notebooks
            assert not any(grade.needs_manual_grade for grade in notebook.grades)
            found[student] = {grade.name: grade.score for grade in notebook.grades}
    return found


def test_nbgraders_release_is_ours_up_to_outputs(tree):
    theirs = notebooks.read(tree / "exercises" / "affine" / "affine.ipynb")
    ours = notebooks.read(ROOT / "exercises" / "affine" / "affine.ipynb")
    for cell in ours.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    assert notebooks.dumps(theirs) == notebooks.dumps(ours)


def test_the_points_in_the_source_are_those_expected_here():
    nb = notebooks.read(ROOT / "solutions" / "affine" / "affine.ipynb")
    graded = [c.metadata.nbgrader for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert {meta.grade_id: meta.points for meta in graded} == POINTS


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ("untouched", NOTHING),
        ("wrong", NOTHING),
        ("half", HALF_POINTS),
        ("right", POINTS),
        ("noisy", POINTS),
        ("broken", BROKEN_POINTS),
        ("odd", NOTHING),
    ],
)
def test_a_submission_gets_its_points(points, student, expected):
    assert points[student] == expected


def test_every_grade_cell_ends_in_a_number_without_stderr_or_error(tree, points):
    """What nbgrader reads: a value that is no number would give full points, text on stderr none."""
    for student in points:
        nb = notebooks.read(tree / "grading" / "autograded" / student / "affine" / "affine.ipynb")
        for cell in nb.cells:
            if cell.cell_type != "code" or not cell.metadata.get("nbgrader", {}).get("grade"):
                continue
            kinds = [out.get("name", out.output_type) for out in cell.outputs]
            where = f"{student}, {cell.metadata.nbgrader.grade_id}"
            assert "stderr" not in kinds, where
            assert "error" not in kinds, where
            (value,) = [out.data["text/plain"] for out in cell.outputs if out.output_type == "execute_result"]
            assert str(float(value)) == value, where


def test_the_noise_was_made(tree, points):
    """The noisy submission is a test only if its noise reached the grade cells."""
    nb = notebooks.read(tree / "grading" / "autograded" / "noisy" / "affine" / "affine.ipynb")
    (cell,) = [c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "twin-grade"]
    said = notebooks.text_of(cell)
    assert "here\n" in said
    assert "there\n" in said


def test_all_that_belongs_to_a_class_lies_in_a_folder_that_git_ignores(tree, points):
    assert sorted(p.name for p in tree.iterdir()) == [
        "exercises",
        "grading",
        "nbgrader_config.py",
        "solutions",
    ]
    assert "grading/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
