"""One submission graded: every ending told apart, every part for itself, and the same marks each time."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from handgrad.homework.grading import Job, versions_of
from handgrad.homework.results import Result
from tests.homework.sandboxed import ROOT, SMALL, cell, cells, graded, homework, notebook, part, points, said

FULL = {"forward-grade": 2, "backward-grade": 5, "paper-grade": 3, "mended-grade": 2, "twin-grade": 4}


def mended(*lines):
    return {"mended": "\n".join(["def mended_backward(dY, X, W):", *(f"    {line}" for line in lines)])}


# ---------------------------------------------------------------- points


def test_the_authors_answers_earn_everything_and_nothing_is_suspected():
    result = graded({})
    assert (result.state, points(result), result.points, result.max_points) == ("graded", FULL, 16.0, 16.0)
    assert [p.state for p in result.parts] == ["judged"] * 5
    assert (result.failures, result.suspicions) == ((), ())


def test_the_homework_as_it_is_handed_out_earns_nothing():
    released = (ROOT / "exercises" / "affine" / "affine.ipynb").read_bytes()
    result = graded(released)
    assert result.points == 0.0
    causes = {cause for p in result.parts for _, cause in p.causes}
    assert causes == {"not-attempted"}


def test_a_part_that_defines_nothing_is_missing():
    result = graded({"mended": None})
    assert points(result) == {**FULL, "mended-grade": 0}
    assert part(result, "mended-grade").state == "missing"


def test_each_gradient_counts_on_its_own():
    right = homework("affine").solution["backward"]
    no_db = graded({"backward": right.replace("dout.sum(axis=(0, 1))", "dout.sum(axis=0)")})
    assert points(no_db)["backward-grade"] == 4
    assert ("db", "steps-not-summed") in part(no_db, "backward-grade").causes
    half = graded(
        mended("return W.T @ dY, (dY @ X.swapaxes(1, 2)).sum(axis=0), dY.sum(axis=(0, 1))[:, None]")
    )
    assert points(half)["mended-grade"] == 1


def test_a_backward_of_its_own_wrong_forward_is_named_and_earns_what_the_homework_says():
    loss = homework("softmax").solution["loss"]
    assert "np.sum(mask * costs) / N\n" in loss
    assert "return loss, dx * mask[:, :, None] / N" in loss
    summed = loss.replace("np.sum(mask * costs) / N", "np.sum(mask * costs)").replace("None] / N", "None]")
    result = graded({"loss": summed}, "softmax")
    assert points(result)["loss-grade"] == 1.5
    assert ("dx", "own-forward") in part(result, "loss-grade").causes


def test_a_gradient_of_any_forward_at_all_earns_nothing():
    easy = "def softmax_loss(x, y, mask):\n    return x.sum(), np.ones_like(x)"
    result = graded({"loss": easy}, "softmax")
    assert points(result)["loss-grade"] == 0.0


def test_an_answer_that_changes_its_arguments_is_warned_of_as_in_a_notebook():
    right = (
        homework("affine")
        .solution["backward"]
        .replace("    dx =", "    dout *= 1.5\n    dout /= 1.5\n    dx =", 1)
    )
    kept = graded({"backward": right})
    assert points(kept)["backward-grade"] == 5
    changed = homework("affine").solution["backward"].replace("    return", "    dout *= 0\n    return")
    result = graded({"backward": changed})
    assert points(result)["backward-grade"] == 5
    assert "dout was changed in place" in said(result)


# ---------------------------------------------------------------- every ending told apart


ENDS = {
    "instructions": ("while True: pass", "mended_backward: it ran out of instructions"),
    "time": ("import time; time.sleep(99)", "mended_backward: it ran out of time"),
    "memory": ("x = bytearray(10**9)", "MemoryError"),
    "exit": ("import os; os._exit(3)", "mended_backward: it ended the whole program"),
    "recursion": ("return mended_backward(dY, X, W)", "RecursionError"),
    "a nest": (
        "a = []\n    for _ in range(10**5): a = [a]\n    repr(a)",
        "mended_backward: it nested too deeply",
    ),
    "output": ("while True: print('x' * 10**4)", "mended_backward: it printed more than is kept"),
}


@pytest.mark.parametrize("name", ENDS)
def test_how_a_call_ended_is_said_and_the_other_parts_count(name):
    line, words = ENDS[name]
    limits = replace(SMALL, seconds=1.0) if name == "time" else SMALL
    result = graded(mended(line), limits=limits)
    assert words in said(result)
    assert points(result) == {**FULL, "mended-grade": 0}
    stopped = [p.grade_id for p in result.parts if p.state == "stopped"]
    assert stopped == ([] if words.endswith("Error") else ["mended-grade"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("while True: pass", "it ran out of instructions"),
        ("import os\nos._exit(0)", "it ended the whole program"),
        ("x = bytearray(10**9)", "MemoryError"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_a_deadly_cell_is_told_of_by_its_number_and_left_out(text, words):
    result = graded([*cells("affine", {})[:3], cell(text), *cells("affine", {})[3:]])
    assert points(result) == FULL
    assert [failure.cell for failure in result.failures] == [4]
    assert words in result.failures[0].words


SECOND = """
import builtins, os
builtins.times = getattr(builtins, "times", 0) + 1
if builtins.times == 1:
    raise ValueError("not yet")
os._exit(0)
"""


def test_a_cell_that_is_deadly_only_when_it_is_tried_again_is_left_out_too():
    result = graded([*cells("affine", {}), cell(SECOND)])
    assert points(result) == FULL
    assert [failure.words for failure in result.failures] == ["it ended the whole program"]


@pytest.mark.parametrize("front", [True, False])
def test_a_cell_that_leaves_the_sandbox_broken_is_left_out(front):
    broken = cell("import __main__\n__main__._give = lambda text: None")
    made = cells("affine", {})
    place = 0 if front else 5
    result = graded([*made[:place], broken, *made[place:]])
    assert points(result) == FULL
    assert [failure.words for failure in result.failures] == ["it ended the whole program"]


def test_a_call_that_ends_the_sandbox_leaves_the_parts_before_and_after_it_their_points():
    result = graded({"forward": "def affine_forward(x, w, b):\n    while True: pass"})
    assert points(result) == {
        "forward-grade": 0,
        "backward-grade": 0,
        "paper-grade": 3,
        "mended-grade": 2,
        "twin-grade": 4,
    }
    assert [p.state for p in result.parts] == ["stopped", "stopped", "judged", "judged", "judged"]


def test_all_that_a_submission_may_use_is_bounded_and_said():
    limits = replace(SMALL, total=2 * SMALL.instructions)
    endless = "def affine_forward(x, w, b):\n    while True: pass"
    result = graded({"forward": endless, "mended": "mended_backward = affine_forward"}, limits=limits)
    assert part(result, "forward-grade").stopped.startswith("affine_forward: it ran out of instructions")
    assert part(result, "twin-grade").stopped == "this submission has used all that one submission may use"
    assert result.used["instructions"] <= limits.total + limits.instructions


def test_a_part_is_judged_by_what_stood_when_its_own_cell_came():
    made = cells("affine", {})
    late = cell("def mended_backward(dY, X, W):\n    return None\nformula_for_dW = None")
    assert points(graded([*made, late])) == FULL


# ---------------------------------------------------------------- the same again


def test_the_same_seed_gives_the_same_result():
    data = notebook(cells("affine", mended("return dY, X, W")))
    first, second = graded(data), graded(data)
    assert first.to_json() == second.to_json()
    assert first.used["instructions"] > 0


def test_another_secret_gives_other_inputs_and_the_same_marks():
    wrong = mended("raise ValueError(float(X[0, 0, 0]))")
    words = [
        part(graded(wrong, secret=secret), "mended-grade").reports[0]["findings"] for secret in ("a", "b")
    ]
    assert words[0][0]["message"] != words[1][0]["message"]
    assert points(graded({}, secret="a")) == points(graded({}, secret="b")) == FULL


def test_other_bytes_give_other_inputs():
    shown = mended("raise ValueError(float(X[0, 0, 0]))")
    made = cells("affine", shown)
    words = [part(graded(data), "mended-grade").reports[0]["findings"] for data in (made, [*made, cell("")])]
    assert words[0][0]["message"] != words[1][0]["message"]


def test_a_result_says_what_it_takes_to_grade_it_again():
    data = notebook(cells("affine", {}))
    result = graded(data)
    assert result.seed == "secret"
    assert result.limits == SMALL.as_dict()
    assert result.versions == versions_of(homework("affine"), "wasm")
    assert set(result.versions) == {"homework", "handgrad", "numpy", "sandbox"}
    assert Result.from_json(result.to_json(), "here") == replace(result)


def test_what_cannot_be_read_is_a_result_with_the_reason():
    result = graded(b"")
    assert (result.state, result.points, result.parts) == ("unreadable", 0.0, ())
    assert "it is empty" in result.reason


def test_a_job_can_be_sent_to_a_worker():
    job = Job("root", "affine", "student", "file", "secret", SMALL, loaded=homework("affine"))
    assert pickle.loads(pickle.dumps(job)) == job


def test_the_code_of_a_part_is_the_students_own():
    result = graded(mended("return 1"))
    assert part(result, "mended-grade").code == {"mended": "def mended_backward(dY, X, W):\n    return 1"}
