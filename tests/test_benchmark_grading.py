"""The benchmark of grading compares like with like, can say no, and its stored result is complete."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from benchmarks import (
    grading,
    grading_attacks,
    grading_limits,
    grading_memory,
    grading_otter,
    grading_peers,
    grading_runs,
    grading_words,
)
from handgrad.homework import source
from tests.submissions import FULL, class_of, generate

STORED = json.loads(grading.OUTPUT.read_text(encoding="utf-8"))


def test_a_thousand_submissions_were_graded_as_declared() -> None:
    verdicts = STORED["verdicts"]
    assert verdicts["submissions"] == 1000
    assert verdicts["as declared"] == 1000
    assert verdicts["differing"] == {}
    assert set(verdicts["kinds"]) == {declared.kind for _, _, declared in generate(100, 1)}


def test_the_readme_says_what_is_stored() -> None:
    assert grading_words.words(STORED) in grading_words.README.read_text(encoding="utf-8")


def test_the_table_has_every_row_for_every_grader() -> None:
    rows = {*grading_attacks.NOISES, *grading_attacks.ATTACKS, *grading_attacks.LOCKED}
    for name in grading.GRADERS:
        assert rows <= set(STORED["table"][name])
        assert set(grading_limits.ROWS) <= set(STORED["limits"][name])


def test_no_attack_of_the_table_gains_anything_here_and_no_noise_costs_anything() -> None:
    ours = STORED["table"]["handgrad"]
    assert {ours[row] for row in grading_attacks.NOISES} == {"loses nothing"}
    assert {ours[row] for row in grading_attacks.ATTACKS} == {"nothing"}
    assert {ours[row] for row in grading_attacks.LOCKED} == {"no"}


def test_here_a_loop_and_memory_without_end_cost_their_own_part_alone_and_the_teacher_is_told_of_differences() -> (
    None
):
    loop, memory, numerical = (STORED["limits"]["handgrad"][row]["words"] for row in grading_limits.ROWS)
    assert loop.endswith("the rest counts")
    assert memory.endswith("the rest counts")
    assert numerical == "full marks, the teacher is told"


AFFINE = {part.grade_id: part for part in source.load(grading_peers.ROOT, "affine").parts}


@pytest.mark.parametrize("part", AFFINE.values(), ids=AFFINE)
def test_otters_cases_are_worth_the_part(part: source.Part) -> None:
    assert sum(points for _, points, _, _ in grading_otter.cases(part)) == part.max_points


def test_a_share_for_ones_own_forward_is_a_case_of_its_own() -> None:
    found = grading_otter.cases(AFFINE["backward-grade"])
    assert ("dx", 1.0, 0.5, "0.5 if named else 0.0") in found
    assert ("dx", 1.0, 1.0, "0.5 if named else 0.0") in found


def test_a_part_whose_points_cannot_be_read_from_its_cell_is_refused() -> None:
    part = dataclasses.replace(AFFINE["forward-grade"], max_points=3.0)
    with pytest.raises(ValueError, match=r"forward-grade.*which is not 3 points"):
        grading_otter.cases(part)


def test_otters_master_has_every_part_with_its_answers() -> None:
    text = json.dumps(grading_otter.master())
    assert text.count("# BEGIN QUESTION") == text.count("# BEGIN TESTS") == len(AFFINE)
    assert "def affine_backward" in text


def test_nbgraders_source_has_a_hidden_test_that_its_release_must_not_show() -> None:
    notebook = json.dumps(grading_otter.master())
    with pytest.raises(ValueError, match="no graded cell"):
        grading_peers.hidden(notebook)
    path = grading_peers.ROOT / "solutions" / "affine" / "affine.ipynb"
    assert grading_peers.HIDDEN not in path.read_text(encoding="utf-8")
    assert grading_peers.HIDDEN in grading_peers.hidden(path.read_text(encoding="utf-8"))


def test_a_class_has_as_many_hanging_ones_as_asked_and_is_mixed() -> None:
    kinds = [declared.kind for _, _, declared in class_of(17, 3, 1)]
    assert kinds.count("limit") == 3
    assert len(kinds) == 20
    assert kinds != sorted(kinds)


def test_memory_counts_a_process_and_its_children() -> None:
    held = "x = bytearray(60_000_000); x[::4096] = b'1' * len(x[::4096])"
    again = f"{held}; import time; time.sleep(2)"
    child = f"import subprocess, sys; {held}; subprocess.run([sys.executable, '-c', {again!r}])"
    if not grading_memory.pss_of_tree(os.getpid()):
        pytest.skip("no /proc here")
    done, peak = grading_memory.peak_while(
        [sys.executable, "-c", child], grading_peers.ROOT, dict(os.environ)
    )
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 0
    assert 120_000_000 < peak.bytes < 300_000_000
    assert not peak.cut


def test_what_takes_too_much_loses_its_largest_process() -> None:
    child = "held = []\nwhile True:\n    held.append(b'1' * 10**7)\n    __import__('time').sleep(0.02)"
    parent = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {child!r}]).returncode == -9)"
    if not grading_memory.pss_of_tree(os.getpid()):
        pytest.skip("no /proc here")
    argv = [sys.executable, "-c", parent]
    done, peak = grading_memory.peak_while(argv, grading_peers.ROOT, dict(os.environ), 200_000_000)
    assert done.returncode == 1
    assert peak.cut


def test_a_mark_taken_by_an_attack_is_told_as_such() -> None:
    right = grading_peers.Graded(points={"s": dict(FULL), "t": {**FULL, "paper-grade": 0.0}, "u": None})
    attack, noise = next(iter(grading_attacks.ATTACKS)), next(iter(grading_attacks.NOISES))
    assert grading_attacks.outcomes(right, {attack: "s"}, {}) == {attack: "full marks"}
    assert grading_attacks.outcomes(right, {noise: "t"}, {}) == {noise: "loses 3 of 16"}
    assert grading_attacks.outcomes(right, {noise: "u"}, {}) == {noise: "no mark given"}
    assert grading_attacks.outcomes(right, {"reaches the network": "s"}, {"reaches the network": True}) == {
        "reaches the network": "yes"
    }


def test_the_words_for_a_limit_are_of_what_was_seen() -> None:
    row, right = grading_limits.ROWS[0], dict(FULL)
    lost = {**right, grading_limits.PART: 0.0}
    seen = {
        "ended after 3 s; the rest counts": grading_peers.Graded(3.1, points={"s": lost}),
        "ended after 3 s; 2 of the rest's 12 lost": grading_peers.Graded(
            3.1, points={"s": {**lost, "forward-grade": 0.0}}
        ),
        "not ended after 60 s; all of it lost": grading_peers.Graded(61, points={"s": None}, ended={"s"}),
        "not ended at 4 GB; all of it lost": grading_peers.Graded(9, points={"s": None}, cut={"s"}),
    }
    assert {grading_limits.said(row, graded) for graded in seen.values()} == set(seen)
    for words, graded in seen.items():
        assert grading_limits.said(row, graded) == words
    told = grading_peers.Graded(points={"s": right}, told={"s": "x"})
    assert grading_limits.said(grading_limits.ROWS[2], told) == "full marks, the teacher is told"
    told.told.clear()
    assert grading_limits.said(grading_limits.ROWS[2], told) == "full marks, nobody is told"


def test_a_part_of_another_run_cannot_pose_as_one_of_this() -> None:
    first, second = grading_runs.Run({"handgrad": "1"}), grading_runs.Run({"handgrad": "2"})
    first.name, second.name = "2001-01-01T01:00:00+00:00", "2001-01-02T01:00:00+00:00"
    runs = {run.name: run.record for run in (first, second)}
    whole = {"a": {"run": first.name}, "b": {"run": first.name}, "runs": runs}
    said = grading_runs.words(whole, ("a", "b"))
    assert said.startswith("**One run**, begun 2001-01-01 at 01:00:00 UTC, of all parts: handgrad 1;")
    mixed = grading_runs.words({**whole, "b": {"run": second.name}}, ("a", "b"))
    assert mixed.startswith("**Not one run.**")
    assert "- b: begun 2001-01-02 at 01:00:00 UTC; handgrad 2;" in mixed
    assert "- b: in a run that was not noted, or not at all." in grading_runs.words(
        {**whole, "b": {}}, ("a", "b")
    )


def test_a_difference_from_what_was_declared_is_counted(tmp_path) -> None:
    """Two right notebooks, one of them declared wrong: one of two is as declared."""
    (first, data, right), (second, more, also) = generate(2, 3, {"right": 1.0})
    wrong = {**also.points, "paper-grade": 1.0}
    declared = type(also)(also.kind, also.about, wrong, also.causes)
    found = grading.tally([(first, data, right), (second, more, declared)], tmp_path, "", 1)
    assert found["as declared"] == 1
    assert "paper-grade: 3 points, declared 1" in next(iter(found["differing"].values()))
