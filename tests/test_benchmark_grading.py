"""The benchmark of grading compares like with like, can say no, and its stored result is complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks import grading, grading_attacks, grading_memory, grading_peers
from handgrad.homework import source
from tests.submissions import FULL, class_of, generate

STORED = json.loads(grading.OUTPUT.read_text(encoding="utf-8"))


def test_a_thousand_submissions_were_graded_as_declared() -> None:
    verdicts = STORED["verdicts"]
    assert verdicts["submissions"] == 1000
    assert verdicts["as declared"] == 1000
    assert verdicts["differing"] == {}
    assert set(verdicts["kinds"]) == {declared.kind for _, _, declared in generate(100, 1)}


@pytest.mark.parametrize("part", grading.PARTS)
def test_the_stored_result_says_how_busy_the_machine_was(part: str) -> None:
    assert STORED[part]["load"] >= 0


def test_the_table_has_every_row_for_every_grader() -> None:
    rows = {*grading_attacks.NOISES, *grading_attacks.ATTACKS, *grading_attacks.LOCKED}
    for name in grading.GRADERS:
        assert rows <= set(STORED["table"][name])


def test_no_attack_of_the_table_gains_anything_here_and_no_noise_costs_anything() -> None:
    ours = STORED["table"]["handgrad"]
    assert {ours[row] for row in grading_attacks.NOISES} == {"loses nothing"}
    assert {ours[row] for row in grading_attacks.ATTACKS} == {"nothing"}
    assert {ours[row] for row in grading_attacks.LOCKED} == {"no"}


def test_otters_tests_give_the_points_of_the_homework() -> None:
    worth = {part: sum(cases.values()) for part, cases in grading_peers.OTTER_PARTS.items()}
    assert worth == {
        part.grade_id: part.max_points for part in source.load(grading_peers.ROOT, "affine").parts
    }


def test_a_class_has_as_many_hanging_ones_as_asked_and_is_mixed() -> None:
    kinds = [declared.kind for _, _, declared in class_of(17, 3, 1)]
    assert kinds.count("limit") == 3
    assert len(kinds) == 20
    assert kinds != sorted(kinds)


def test_memory_counts_a_process_and_its_children() -> None:
    held = "x = bytearray(60_000_000); x[::4096] = b'1' * len(x[::4096])"
    again = f"{held}; import time; time.sleep(2)"
    child = f"import subprocess, sys; {held}; subprocess.run([sys.executable, '-c', {again!r}])"
    if grading_memory.pss_of_tree(os.getpid()) == 0:
        pytest.skip("no /proc here")
    done, peak = grading_memory.peak_while(
        [sys.executable, "-c", child], grading_peers.ROOT, dict(os.environ)
    )
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 0
    assert 120_000_000 < peak < 300_000_000


def test_a_mark_taken_by_an_attack_is_told_as_such() -> None:
    right = grading_peers.Graded(points={"s": dict(FULL), "t": {**FULL, "paper-grade": 0.0}, "u": None})
    attack, noise = next(iter(grading_attacks.ATTACKS)), next(iter(grading_attacks.NOISES))
    assert grading_attacks.outcomes(right, {attack: "s"}, {}) == {attack: "full marks"}
    assert grading_attacks.outcomes(right, {noise: "t"}, {}) == {noise: "loses 3 of 16"}
    assert grading_attacks.outcomes(right, {noise: "u"}, {}) == {noise: "no mark given"}
    assert grading_attacks.outcomes(right, {"reaches the network": "s"}, {"reaches the network": True}) == {
        "reaches the network": "yes"
    }


def test_a_difference_from_what_was_declared_is_counted(tmp_path) -> None:
    """Two right notebooks, one of them declared wrong: one of two is as declared."""
    (first, data, right), (second, more, also) = generate(2, 3, {"right": 1.0})
    wrong = {**also.points, "paper-grade": 1.0}
    declared = type(also)(also.kind, also.about, wrong, also.causes)
    found = grading.tally([(first, data, right), (second, more, declared)], tmp_path, "", 1)
    assert found["as declared"] == 1
    assert "paper-grade: 3 points, declared 1" in next(iter(found["differing"].values()))
