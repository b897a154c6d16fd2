"""What grading leaves behind: nothing half-written, no mark lowered unasked, no formula in a table."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from handgrad.homework import records
from handgrad.homework.records import Store, draft, merge, safe_cell, write_tables
from handgrad.homework.results import CellFailure, PartResult, Result, Suspicion
from handgrad.homework.source import Homework, Part

ROOT = Path(__file__).resolve().parents[2]
IDS = ("forward-grade", "backward-grade")
VERSIONS = {"homework": "d1", "handgrad": "0.1.0", "numpy": "2.5"}
LIMITS = {"instructions": 10**10, "seconds": 20.0, "order": (1, 2)}
SAME = {"versions": VERSIONS, "limits": LIMITS, "seed": "s"}


@pytest.fixture(scope="module")
def homework():
    parts = tuple(Part(name, name, 5.0, "", (), ()) for name in IDS)
    return Homework("affine", "Affine", parts, (), "d1", "solutions/affine/affine.ipynb")


def graded(student="ada", *points, digest="f1", code="", **more):
    reports = ({"findings": [{"severity": "error", "param": "dw", "cause": "transposed", "message": "…"}]},)
    parts = tuple(
        PartResult(name, name, float(value), 5.0, reports=reports, code={"c": code})
        for name, value in zip(IDS, points or (5, 2), strict=True)
    )
    settings = {"seed": "s", "limits": LIMITS, "versions": VERSIONS, **more}
    return Result(student, "affine", f"{student}.ipynb", digest, "graded", parts=parts, **settings)


def unreadable(student="ada", reason="it is cut off: ask for it again"):
    return Result(student, "affine", f"{student}.ipynb", "", "unreadable", reason, **SAME)


def same(one, other):
    return json.loads(one.to_json()) == json.loads(other.to_json())


# ------------------------------------------------------------------------------------------- marks are not lowered


@pytest.mark.parametrize(
    "old", [None, unreadable(), graded("ada", 5, 1), graded("ada", 2, 5), graded("ada", 0, 0)]
)
@pytest.mark.parametrize("allow_lower", [False, True])
def test_a_first_a_better_and_an_equal_result_are_recorded_without_words(old, allow_lower):
    new = graded("ada", 5, 2)
    assert merge(old, new, allow_lower) == (new, "")


def test_a_lower_result_is_not_recorded_unless_asked_and_is_reported_both_ways():
    old, new = graded("ada", 5, 2), graded("ada", 1.5, 5)
    assert merge(old, new, False) == (
        old,
        "ada: kept. 7 of 10 are recorded; ada.ipynb gives 6.5 (--allow-lower would take that)",
    )
    assert merge(old, new, True) == (new, "ada: lowered. 7 of 10 were recorded; ada.ipynb gives 6.5")


@pytest.mark.parametrize("points", [(5, 2), (0, 0)])
def test_a_file_that_cannot_be_read_takes_no_mark_away_unless_asked(points):
    old, new = graded("ada", *points), unreadable()
    total = sum(points)
    assert merge(old, new, False) == (
        old,
        f"ada: kept. {total} of 10 are recorded; ada.ipynb cannot be read (it is cut off: ask for it again) "
        "(--allow-lower would take that)",
    )
    kept, words = merge(old, new, True)
    assert kept is new
    assert words.startswith(f"ada: lowered. {total} of 10 were recorded; ada.ipynb cannot be read")
    assert merge(unreadable(), unreadable(reason="now empty"), False)[1] == ""


def test_words_about_a_student_are_one_line_without_control_characters():
    words = merge(graded("a\x1b[2J\nb", 5, 5), graded("a\x1b[2J\nb", 0, 0), False)[1]
    assert words.isprintable()


# -------------------------------------------------------------------------------------------------------- the store


def test_a_result_comes_back_as_it_was_put(tmp_path):
    store = Store(tmp_path)
    assert store.get("ada") is None
    for student in ("ada", "Ada", "../../x", "ad\udce9", "=1", "x" * 500):
        one = dataclasses.replace(
            graded(student, 5, 2, code="x = '\udce9\x00'"),
            failures=(CellFailure(3, "c", "NameError"),),
            suspicions=(Suspicion("f", "calls it often"),),
        )
        store.put(one)
        assert same(Store(tmp_path).get(student), one)
    assert len(list((tmp_path / "results").iterdir())) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]  # none got out


def test_all_are_read_in_the_same_order_and_a_second_put_replaces(tmp_path):
    store = Store(tmp_path)
    for student in ("cyd", "Ada", "bob", "аda"):
        store.put(graded(student))
    store.put(graded("bob", 1, 1))
    names = [result.student for result in store.all()]
    assert sorted(names) == sorted(["cyd", "Ada", "bob", "аda"])
    assert names == [result.student for result in Store(tmp_path).all()]
    assert names.index("Ada") < names.index("bob") < names.index("cyd")
    assert store.get("bob").points == 2


def test_a_half_written_draft_is_ignored_and_swept_away(tmp_path):
    store = Store(tmp_path)
    store.put(graded())
    for name in ("results/.bob.json.99.draft", "feedback/.bob.html.99.draft", ".grades.csv.99.draft"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"schema": 1, "stu')
    assert [result.student for result in store.all()] == ["ada"]
    assert store.get("bob") is None
    assert store.damaged == {}
    assert store.sweep() == 3
    assert store.sweep() == 0
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["ada.json"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "null",
            "[]",
            "7",
            '{"schema": 1}',
            '{"schema": 99}',
            "\x00" * 10,
            "[" * 100_000,
            '"\\ud800"',
        ),
        graded("bob").to_json(),
        graded("ada", 9, 9).to_json(),
        graded().to_json().replace('"points": 5.0', '"points": "5"'),
        graded().to_json().replace('"points": 5.0', '"points": NaN'),
        graded().to_json()[:-20],
    ],
)
def test_a_damaged_result_is_named_and_its_submission_counts_as_not_graded(tmp_path, text):
    store = Store(tmp_path)
    store.put(graded())
    store.put(graded("cyd"))
    store.put_page("ada", "page")
    (tmp_path / "results" / "ada.json").write_text(text)
    assert store.get("ada") is None
    assert not store.done("ada", "f1", **SAME)
    assert [result.student for result in store.all()] == ["cyd"]
    (words,) = store.damaged.values()
    assert words.startswith("results/ada.json: damaged, so the submission counts as not graded")
    store.put(graded())
    assert store.done("ada", "f1", **SAME)
    assert store.damaged == {}


def test_bytes_that_are_no_text_are_damage_too(tmp_path):
    store = Store(tmp_path)
    store.put(graded())
    (tmp_path / "results" / "ada.json").write_bytes(b"\xff\xfe\x00")
    assert list(store.all()) == []
    assert len(store.damaged) == 1


def test_only_an_identical_grading_is_done(tmp_path):
    store = Store(tmp_path)
    assert not store.done("ada", "f1", **SAME)
    store.put(graded())
    assert not store.done("ada", "f1", **SAME), "the run was killed before the page was written"
    store.put_page("ada", "page")
    assert store.done("ada", "f1", **SAME)
    assert not store.done("bob", "f1", **SAME)
    assert not store.done("ada", "f2", **SAME)
    assert not store.done("ada", "f1", **{**SAME, "seed": "t"})
    assert not store.done("ada", "f1", **{**SAME, "limits": {**LIMITS, "seconds": 21.0}})
    assert not store.done("ada", "f1", **{**SAME, "versions": {**VERSIONS, "homework": "d2"}})


@pytest.mark.parametrize("page", [None, "new page"])
def test_a_run_killed_between_a_result_and_its_page_grades_that_student_again(tmp_path, monkeypatch, page):
    store = Store(tmp_path)
    store.record(graded("ada", 1, 1, digest="old"), page="old page")
    new, writes = graded("ada", 5, 5, digest="new"), records.draft
    for place in range(3):
        count = iter(range(10))

        def killed(path, encoding="utf-8", place=place, count=count):
            if next(count) == place:
                raise KeyboardInterrupt
            return writes(path, encoding)

        monkeypatch.setattr(records, "draft", killed)
        with contextlib.suppress(KeyboardInterrupt):
            Store(tmp_path).record(new, page=page)
            Store(tmp_path).put_page("ada", "new page")
        monkeypatch.undo()
        read = (tmp_path / "feedback" / "ada.html").read_text() if store.done("ada", "new", **SAME) else None
        assert read in (None, "new page")
    Store(tmp_path).record(new, page=page)
    Store(tmp_path).put_page("ada", "new page")
    assert store.done("ada", "new", **SAME)


def test_a_grading_that_was_not_recorded_is_not_made_again_until_lower_marks_are_allowed(tmp_path):
    store = Store(tmp_path)
    store.record(graded("ada", 5, 5, digest="old"))
    store.put_page("ada", "page")
    worse = graded("ada", 1, 1, digest="new")
    kept, words = store.record(worse)
    assert kept.points == store.get("ada").points == 10
    assert words.startswith("ada: kept.")
    again = Store(tmp_path)
    assert again.done("ada", "new", **SAME)
    assert list(again.kept()) == [words]
    assert not again.done("ada", "new", **SAME, allow_lower=True)
    kept, words = again.record(worse, allow_lower=True, page="page")
    assert kept is worse
    assert words.startswith("ada: lowered.")
    assert again.get("ada").points == 2
    assert list(again.kept()) == []
    assert again.done("ada", "new", **SAME, allow_lower=True)
    assert [result.points for result in again.all()] == [2]


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with draft(path) as file:
        file.write("old")

    def fail():
        with draft(path) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]


def test_a_run_killed_while_it_writes_leaves_the_old_results(tmp_path):
    """The process ends without any clean-up in the middle of a write; what is there can be read and is the old."""
    store = Store(tmp_path)
    store.put(graded("ada", 1, 1))
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom handgrad.homework.records import draft\n"
        f"with draft(Path({str(tmp_path / 'results' / 'ada.json')!r})) as file:\n"
        "    file.write('{\"schema\": 1, '); file.flush(); os._exit(9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 9
    assert len(list((tmp_path / "results").iterdir())) == 2
    assert [result.points for result in Store(tmp_path).all()] == [2]
    assert store.sweep() == 1


def test_a_name_leads_no_page_out_of_the_folder(tmp_path):
    store = Store(tmp_path / "out")
    store.put_page("../../../escape", "page")
    store.put_page("C:\\con", "page")
    assert len(list((tmp_path / "out" / "feedback").glob("*.html"))) == 2
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


# ------------------------------------------------------------------------------------------------------- the tables


def rows(out):
    raw = (out / "grades.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf"), "Excel needs it to read UTF-8"
    assert raw.count(b"\r\n") == raw.count(b"\n"), "RFC 4180 ends a line with CR LF, and no cell holds one"
    return list(csv.reader(raw.decode("utf-8-sig").splitlines(), strict=True))


def test_the_table_has_a_line_a_student_and_numbers_stay_numbers(tmp_path, homework):
    store = Store(tmp_path)
    store.put(graded("bob", 5, 7 / 3, notes=("late", "twice"), suspicions=(Suspicion("dw", "many calls"),)))
    store.put(unreadable("ada"))
    parts = (PartResult(IDS[0], "", 0.0, 5.0, "stopped", stopped="out of instructions"),)
    store.put(dataclasses.replace(graded("José"), parts=parts))
    write_tables(store, homework)
    assert rows(tmp_path) == [
        ["student", "points", "max", *IDS, "state", "reason", "notes"],
        ["ada", "", "10", "", "", "unreadable", "it is cut off: ask for it again", ""],
        ["bob", "7.333333333", "10", "5", "2.333333333", "graded", "", "late; twice; dw: many calls"],
        ["José", "0", "5", "0", "", "graded", "", "forward-grade: out of instructions"],
    ]


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\t=", " =", "\u200b=", "\x00=", "＝", "＠"]
)
def test_no_cell_begins_like_a_formula(tmp_path, homework, start):
    evil = start + 'cmd|"/c calc"!A1'
    store = Store(tmp_path)
    store.put(graded(evil, 5, 5, notes=(evil,)))
    store.put(unreadable("x", reason=evil + '\r\n=HYPERLINK("http://evil.example","a"),b'))
    write_tables(store, homework)
    table = rows(tmp_path)
    assert len(table) == 3
    for row in table:
        assert len(row) == 8
        for cell in row:
            assert not cell.startswith(records.FORMULA)
            assert cell.isprintable()
    assert safe_cell(evil).startswith("'")


@pytest.mark.parametrize("text", ["ada", "a=b", "3-1", "ada@uni.edu", "", "José, \"the\" 'first'", "7"])
def test_a_harmless_cell_stays_as_it_is(text):
    assert safe_cell(text) == text


def test_grades_json_holds_causes_versions_seed_and_limits_and_no_code(tmp_path, homework):
    store = Store(tmp_path)
    store.put(graded("ada", 5, 2, code="SECRET"))
    store.put(unreadable("bob\udce9"))
    write_tables(store, homework)
    text = (tmp_path / "grades.json").read_text(encoding="utf-8")
    data = json.loads(text)
    assert "SECRET" not in text
    assert (data["schema"], data["homework"], data["max_points"]) == (1, "affine", 10.0)
    ada, bob = data["students"]
    assert (ada["student"], ada["points"], ada["seed"], ada["digest"]) == ("ada", 7.0, "s", "f1")
    assert ada["versions"] == VERSIONS
    assert ada["limits"] == {**LIMITS, "order": [1, 2]}
    assert ada["parts"][1]["causes"] == [{"param": "dw", "cause": "transposed"}]
    assert (bob["points"], bob["state"], bob["reason"]) == (
        None,
        "unreadable",
        "it is cut off: ask for it again",
    )


def test_tables_of_no_results_are_still_tables(tmp_path, homework):
    write_tables(Store(tmp_path), homework)
    assert len(rows(tmp_path)) == 1
    assert json.loads((tmp_path / "grades.json").read_text())["students"] == []


def test_tables_are_the_same_bytes_each_time(tmp_path, homework):
    store = Store(tmp_path)
    for student in ("bob", "ada", "=x"):
        store.put(graded(student))

    def both():
        write_tables(Store(tmp_path), homework)
        return [(tmp_path / name).read_bytes() for name in ("grades.csv", "grades.json")]

    assert both() == both()


def test_tables_of_many_results_do_not_hold_them(tmp_path, homework):
    store = Store(tmp_path)
    for i in range(200):
        store.put(graded(f"s{i}", code="x" * 100_000))
    tracemalloc.start()
    write_tables(store, homework)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000  # all of them together have 40,000,000 bytes
    assert len(rows(tmp_path)) == 201
