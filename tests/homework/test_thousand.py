"""Generated submissions get what they are declared to get: here a sample, in `benchmarks/grading.py` a thousand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.grading_peers import Nbgrader
from handgrad.homework import source
from handgrad.homework.grading import Job, grade
from tests.submissions import FULL, KINDS, disagreement, generate
from tests.submissions.dress import DRESSES
from tests.submissions.hostile import CHEATS, LIMITS

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = list(generate(60, 5))


def graded(data, student="s"):
    return grade(Job(str(ROOT), "affine", student, f"{student}.ipynb", "secret"), data)


@pytest.mark.parametrize(("student", "data", "declared"), SAMPLE, ids=[student for student, _, _ in SAMPLE])
def test_a_submission_gets_what_it_is_declared_to_get(student, data, declared):
    assert disagreement(declared, graded(data, student)) == ""


def test_the_sample_has_every_kind():
    assert {declared.kind for _, _, declared in SAMPLE} == set(KINDS)


def test_the_same_numbers_make_the_same_submissions():
    assert list(generate(40, 3)) == list(generate(40, 3))
    assert list(generate(40, 3)) != list(generate(40, 4))


def test_a_thousand_hold_every_dress_every_attack_and_every_limit():
    worn = {name for _, _, declared in generate(1000, 1) for name in declared.about.split()}
    assert worn >= {*DRESSES, *CHEATS, *LIMITS}


def test_the_points_declared_are_of_the_homework_as_it_is():
    assert {part.grade_id: part.max_points for part in source.load(ROOT, "affine").parts} == FULL


def test_a_verdict_that_differs_is_told_with_both():
    """The comparison must be able to say no: to points, to a cause, to a limit, to a suspicion."""
    _, data, right = next(sub for sub in SAMPLE if sub[2].kind == "right")
    result = graded(data)
    assert disagreement(right, result) == ""
    _, _, wrong = next(sub for sub in SAMPLE if sub[2].kind == "mistaken")
    words = disagreement(wrong, result)
    assert "points, declared" in words
    assert "[], declared [(" in words
    stopped = next(d for _, _, d in generate(1, 1, {"limit": 1.0}))
    assert "ended '', declared 'it ran out of instructions" in disagreement(stopped, result)
    suspected = next(d for _, _, d in generate(1, 1, {"numerical": 1.0}))
    assert "suspected (), declared ('affine_backward',)" in disagreement(suspected, result)
    unreadable = next(d for _, _, d in generate(1, 1, {"unreadable": 1.0}))
    assert disagreement(unreadable, result) == "state graded: "


def test_nbgrader_gives_a_sample_the_same_points(tmp_path):
    """20 of all kinds that nbgrader can bear, through its own command: the points declared, cell by cell."""
    kinds = dict.fromkeys(("right", "mistaken", "own-forward", "unfinished", "raising", "numerical"), 1.0)
    sample = [sub for sub in generate(200, 9, kinds) if sub[2].bearable][:20]
    assert {declared.kind for _, _, declared in sample} == set(kinds)
    theirs = Nbgrader(tmp_path, "")
    theirs.put((student, data) for student, data, _ in sample)
    assert theirs.run().points == {student: declared.points for student, _, declared in sample}


@pytest.mark.filterwarnings("ignore:Cell is missing an id")  # as old notebooks are
def test_a_notebook_is_one_that_jupyter_reads():
    import nbformat

    for _, data, declared in SAMPLE:
        if not declared.unreadable:
            assert nbformat.reads(data.decode(), as_version=4).cells
            assert json.loads(data)["nbformat"] == 4
