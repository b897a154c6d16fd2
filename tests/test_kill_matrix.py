"""The checker refuses every wrong answer that we know and accepts every right one; the committed matrix says so."""

from __future__ import annotations

import json

import pytest

from benchmarks import kill_matrix
from handgrad.report import Report

ROWS = kill_matrix.matrix()


def some(kind: str) -> list[dict[str, object]]:
    return [row for row in ROWS if row["kind"] == kind]


def names(rows: list[dict[str, object]]) -> list[str]:
    return [
        f"{row['layer']}: {row['name']}: expected {row['expected']}, found {row['found']}" for row in rows
    ]


def test_every_known_mistake_and_mutant_is_refused() -> None:
    assert names([row for row in some("mistake") + some("mutant") if not row["killed"]]) == []
    assert len(some("mutant")) >= 60


def test_every_right_answer_is_accepted_with_the_warnings_it_declares() -> None:
    assert names([row for row in some("correct") if row["killed"] or not row["named"]]) == []
    assert len(some("correct")) >= 40


def test_nine_in_ten_wrong_answers_get_the_cause_their_author_declared() -> None:
    rows = some("mistake") + some("mutant")
    assert len([row for row in rows if row["named"]]) >= 0.9 * len(rows)


def test_no_answer_without_a_known_cause_gets_one() -> None:
    unknown = [row for row in some("mutant") if row["expected"] is None]
    assert len(unknown) >= 12
    assert names([row for row in unknown if not row["named"]]) == []


def test_the_committed_matrix_is_up_to_date() -> None:
    assert json.loads(kill_matrix.OUTPUT.read_text(encoding="utf-8")) == ROWS


@pytest.mark.parametrize("expected", ["sign", None])
def test_the_matrix_itself_can_say_no(expected: str | None) -> None:
    right = Report("affine", {"dw": "right"})
    row = kill_matrix.row("mutant", "affine", "planted", "", [expected], right)
    assert not row["killed"]
    assert not row["named"]
