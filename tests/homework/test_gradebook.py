"""Grades in nbgrader's gradebook: seen by its own export, never multiplied, never lowered, nothing by hand lost."""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
from nbgrader.api import Gradebook

from handgrad.errors import HandgradError
from handgrad.homework import gradebook, notebooks, source
from handgrad.homework.gradebook import student_id, write
from handgrad.homework.results import PartResult, Result

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "exercises" / "affine" / "affine.ipynb"
FULL = (2, 5, 3, 2, 4)
SOME = (2, 4, 2, 1, 2)
TABLES = ("assignment", "notebook", "base_cell", "source_cell", "student", "submitted_assignment")
TABLES += ("submitted_notebook", "grade", "comment")

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own queries


@pytest.fixture(scope="module")
def homework():
    return source.load(ROOT, "affine")


@pytest.fixture(scope="module")
def empty(tmp_path_factory, homework):
    """A gradebook that knows the homework and nobody; making one takes nbgrader a second."""
    path = tmp_path_factory.mktemp("empty") / "gradebook.db"
    assert write([], homework, f"sqlite:///{path}", release=RELEASE) == []
    return path


@pytest.fixture
def book(tmp_path, empty):
    """The path of a gradebook of this test's own."""
    return Path(shutil.copy(empty, tmp_path / "gradebook.db"))


@pytest.fixture
def graded(homework):
    def result(student, points, message="dw has the wrong shape\n  (3, 2) expected"):
        reports = ({"findings": [{"severity": "error", "param": "dw", "cause": None, "message": message}]},)
        parts = tuple(
            PartResult(
                part.grade_id, part.title, float(value), part.max_points, reports=reports if message else ()
            )
            for part, value in zip(homework.parts, points, strict=True)
        )
        return Result(student, "affine", f"{student}.ipynb", "d", "graded", parts=parts)

    return result


def unreadable(student):
    return Result(student, "affine", f"{student}.ipynb", "", "unreadable", "it is cut off")


def url(path):
    return f"sqlite:///{path}"


def counted(path):
    with sqlite3.connect(path) as connection:
        found = {name: connection.execute(f"select count(*) from {name}").fetchone()[0] for name in TABLES}
    connection.close()
    return found


def scores(path, student):
    """grade_id -> (automatic, by hand, needs a look)."""
    with Gradebook(url(path)) as opened:
        (notebook,) = opened.find_submission("affine", student).notebooks
        return {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in notebook.grades}


def total(path, student):
    with Gradebook(url(path)) as opened:
        return opened.find_submission("affine", student).score


def comments(path, student):
    with Gradebook(url(path)) as opened:
        (notebook,) = opened.find_submission("affine", student).notebooks
        return {comment.name: comment.comment for comment in notebook.comments}


def nbgrader(folder, *argv):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(folder / "jupyter")}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    environment.pop("PYTHONWARNINGS", None)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *argv], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def exported(folder, path):
    nbgrader(folder, "export", f"--CourseDirectory.db_url={url(path)}", "--to", "out.csv")
    with open(folder / "out.csv", encoding="utf-8", newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file, strict=True)}


def test_nbgraders_own_export_shows_the_grades(tmp_path, book, homework, graded):
    assert write([graded("ada", FULL), graded("bob", SOME), unreadable("cyd")], homework, url(book)) == []
    table = exported(tmp_path, book)
    shown = {
        name: (row["assignment"], float(row["score"]), float(row["max_score"])) for name, row in table.items()
    }
    assert shown == {
        "ada": ("affine", 16.0, 16.0),
        "bob": ("affine", 11.0, 16.0),
        "cyd": ("affine", 0.0, 16.0),
    }


def test_every_score_stands_at_its_cell_and_nothing_waits_for_a_hand(book, homework, graded):
    write([graded("ada", SOME)], homework, url(book))
    expected = {part.grade_id: (float(v), None, False) for part, v in zip(homework.parts, SOME, strict=True)}
    assert scores(book, "ada") == expected


def test_what_formgrader_lists_has_the_scores(book, homework, graded):
    write([graded("ada", FULL), unreadable("bob")], homework, url(book))
    with Gradebook(url(book)) as opened:
        found = {row["student"]: row for row in opened.submission_dicts("affine")}
    assert (found["ada"]["score"], found["ada"]["max_score"]) == (16.0, 16.0)
    assert not found["ada"]["needs_manual_grade"]
    assert found["bob"]["score"] == 0.0
    assert found["bob"]["needs_manual_grade"], "a file that cannot be read is for the teacher to look at"


def test_writing_twice_changes_nothing(book, homework, graded):
    results = [graded("ada", SOME), graded("bob", FULL, ""), unreadable("cyd")]
    write(results, homework, url(book), release=RELEASE)
    rows, dump = counted(book), list(sqlite3.connect(book).iterdump())
    assert write(results, homework, url(book), release=RELEASE) == []
    assert counted(book) == rows
    assert list(sqlite3.connect(book).iterdump()) == dump
    assert rows["grade"] == 15
    assert rows["student"] == 3


def test_a_run_that_is_stopped_while_it_writes_leaves_the_gradebook_as_it_was(book, homework, graded):
    write([graded("ada", SOME)], homework, url(book))
    dump = list(sqlite3.connect(book).iterdump())

    def stopped():
        yield graded("ada", FULL)
        yield graded("bob", FULL)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(stopped(), homework, url(book))
    assert list(sqlite3.connect(book).iterdump()) == dump


def test_a_better_result_replaces_a_worse_one(book, homework, graded):
    write([graded("ada", SOME)], homework, url(book))
    assert write([graded("ada", FULL)], homework, url(book)) == []
    assert total(book, "ada") == 16


def test_a_mark_is_kept_or_lowered_as_a_whole_and_reported_both_ways(book, homework, graded):
    write([graded("ada", SOME)], homework, url(book))
    before = scores(book, "ada")
    worse = graded("ada", (0, 5, 3, 1, 1))
    assert write([worse], homework, url(book)) == [
        "ada: kept in the gradebook. 11 are recorded there; this grading gives 10 (--allow-lower would take that)"
    ]
    assert scores(book, "ada") == before
    assert write([unreadable("ada")], homework, url(book)) == [
        "ada: kept in the gradebook. 11 are recorded there; this grading gives nothing, for the file cannot be read "
        "(--allow-lower would take that)"
    ]
    assert scores(book, "ada") == before
    assert write([worse], homework, url(book), allow_lower=True) == [
        "ada: lowered in the gradebook. 11 were recorded there; this grading gives 10"
    ]
    assert total(book, "ada") == 10


def test_marks_and_comments_by_hand_stay(book, homework, graded):
    write([graded("ada", SOME)], homework, url(book))
    with Gradebook(url(book)) as opened:
        grade = opened.find_grade("backward-grade", "affine", "affine", "ada")
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 4.5, 1.0, False
        opened.find_comment("backward", "affine", "affine", "ada").manual_comment = "Well argued."
        opened.db.commit()
    assert write([graded("ada", SOME)], homework, url(book)) == []
    assert scores(book, "ada")["backward-grade"] == (4.0, 4.5, False)
    assert write([graded("ada", FULL)], homework, url(book)) == [
        "ada, backward-grade: marked 4.5 by hand, which stays; this grading gives 5, so look at it again"
    ]
    assert scores(book, "ada")["backward-grade"] == (5.0, 4.5, True)
    assert comments(book, "ada")["backward"] == "Well argued."
    assert total(book, "ada") == 2 + 5.5 + 3 + 2 + 4


def test_findings_are_the_comment_at_the_answer_and_go_when_they_are_mended(book, homework, graded):
    write([graded("ada", SOME)], homework, url(book))
    found = comments(book, "ada")
    assert set(found) == set(homework.solution)
    assert found["backward"] == "    dw has the wrong shape\n      (3, 2) expected"
    write([graded("ada", FULL, message="")], homework, url(book))
    assert set(comments(book, "ada").values()) == {None}


def test_a_comment_cannot_carry_a_page_into_nbgraders_feedback(book, homework, graded):
    from nbconvert.filters import markdown2html

    evil = "<script>x</script>\r\n\n</code></pre><img src=x>\u2028<b>$$<i>$$\x0b<u> [a](javascript:1)\x1b[2J"
    write([graded("ada", SOME, evil * 300)], homework, url(book))
    text = comments(book, "ada")["backward"]
    assert len(text) < 12_000
    assert text.replace("\n", "").isprintable()
    html = markdown2html(text)
    assert html.count("<") == 4  # <pre><code> and their ends
    assert html.startswith("<pre><code>")


def listed(folder, path):
    """What formgrader's list of submissions shows: student -> (graded, score)."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory

    api = NbGraderAPI(CourseDirectory(root=str(folder), db_url=url(path)))
    notebooks_too = {row["student"]: row["score"] for row in api.get_notebook_submissions("affine", "affine")}
    found = {row["student"]: (row["autograded"], row["score"]) for row in api.get_submissions("affine")}
    assert all(notebooks_too.get(name) == score for name, (graded, score) in found.items() if graded)
    return found


def test_formgrader_shows_the_scores_of_a_course_whose_submissions_it_would_call_ungraded(
    tmp_path, book, homework, graded
):
    for student in ("ada", "bob", "cyd"):
        (tmp_path / "submitted" / student / "affine").mkdir(parents=True)
    (tmp_path / "submitted" / "bob" / "affine" / "timestamp.txt").write_text("2026-03-01 12:00:00.5 UTC\n")
    (tmp_path / "submitted" / "ada" / "affine" / "timestamp.txt").write_text("some day")
    results = [graded("ada", FULL), graded("bob", SOME)]
    write(results, homework, url(book))
    (tmp_path / "submitted" / "ada" / "affine" / "timestamp.txt").unlink()
    assert listed(tmp_path, book) == {"ada": (False, 0.0), "bob": (False, 0.0), "cyd": (False, 0.0)}
    write(results, homework, url(book), release=RELEASE, course=tmp_path)
    assert listed(tmp_path, book) == {"ada": (True, 16.0), "bob": (True, 11.0), "cyd": (False, 0.0)}
    dump = list(sqlite3.connect(book).iterdump())
    write(results, homework, url(book), release=RELEASE, course=tmp_path)
    assert list(sqlite3.connect(book).iterdump()) == dump


def test_a_stamp_that_is_no_time_and_a_link_are_passed_over(tmp_path, book, homework, graded):
    for student in ("ada", "bob"):
        (tmp_path / "submitted" / student / "affine").mkdir(parents=True)
    (tmp_path / "when").write_text("2026-03-01 12:00:00 UTC")
    (tmp_path / "submitted" / "ada" / "affine" / "timestamp.txt").write_text("some day")
    (tmp_path / "submitted" / "bob" / "affine" / "timestamp.txt").symlink_to(tmp_path / "when")
    write([graded("ada", FULL), graded("bob", FULL)], homework, url(book), course=tmp_path)
    with Gradebook(url(book)) as opened:
        assert opened.find_submission("affine", "ada").timestamp is None
        assert opened.find_submission("affine", "bob").timestamp is None


def test_a_mark_that_was_kept_keeps_its_notebook(tmp_path, book, homework, graded):
    write([graded("ada", FULL)], homework, url(book), release=RELEASE, course=tmp_path)
    path = tmp_path / "autograded" / "ada" / "affine" / "affine.ipynb"
    before = path.read_bytes()
    write([graded("ada", SOME)], homework, url(book), release=RELEASE, course=tmp_path)
    assert path.read_bytes() == before


def test_no_name_leads_a_notebook_out_of_the_course(tmp_path, book, homework, graded):
    course = tmp_path / "course"
    names = ["../../up", "..", "/abs", "a\\b"]
    with Gradebook(url(book)) as opened:
        opened.add_student("../../up")  # even if a gradebook knows a student by that name
    write([graded(name, FULL) for name in names], homework, url(book), release=RELEASE, course=course)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["course", "gradebook.db"]
    assert [item.name for item in course.iterdir()] == ["autograded"]
    assert len(list((course / "autograded").iterdir())) == 3


@pytest.mark.parametrize("student", ["ada", "Ada", "s123", "ada@uni.edu", "Ada Lovelace", "a.b-c_d"])
def test_a_students_name_is_the_gradebooks_own(student):
    assert student_id(student) == student


@pytest.mark.parametrize(
    "student", ["=1+1", "a,b", 'a"b', "a\nb", "../x", "a/b", "-x", "@x", "+x", "José", "", "x" * 101]
)
def test_a_name_that_would_harm_a_path_or_nbgraders_csv_is_replaced(
    tmp_path, book, homework, graded, student
):
    ident = student_id(student)
    assert ident != student
    assert student_id(ident) != ident, "no other student can be called that"
    write([graded(student, SOME)], homework, url(book))
    assert total(book, ident) == 11


def test_a_student_whom_the_course_knows_by_such_a_name_keeps_it(book, homework, graded):
    with Gradebook(url(book)) as opened:
        opened.add_student("Lovelace, Ada", first_name="Ada", email="ada@uni.edu")
    write([graded("Lovelace, Ada", SOME)], homework, url(book))
    assert total(book, "Lovelace, Ada") == 11
    with Gradebook(url(book)) as opened:
        student = opened.find_student("Lovelace, Ada")
        assert (student.first_name, student.email) == ("Ada", "ada@uni.edu")


def test_an_unreadable_file_with_a_name_that_is_no_students_makes_no_student(book, homework):
    assert write([unreadable("../../etc/x")], homework, url(book)) == [
        "../../etc/x: not in the gradebook. Its file cannot be read, and its name is no student's"
    ]
    assert counted(book)["student"] == 0


def test_two_hundred_students_are_all_there(tmp_path, book, homework, graded):
    write((graded(f"s{i:03}", FULL if i % 2 else SOME) for i in range(200)), homework, url(book))
    assert counted(book)["grade"] == 1000
    table = exported(tmp_path, book)
    assert sum(float(row["score"]) for row in table.values()) == 100 * (16 + 11)


def test_a_homework_whose_points_or_parts_changed_is_told_and_older_submissions_get_the_new_part(
    book, homework, graded
):
    with_less = dataclasses.replace(
        homework,
        parts=(dataclasses.replace(homework.parts[0], max_points=1.0), *homework.parts[1:]),
    )
    assert write([], with_less, url(book)) == ["forward-grade: worth 1 now, 2 in the gradebook before"]
    assert write([graded("ada", FULL)], homework, url(book)) == [
        "forward-grade: worth 2 now, 1 in the gradebook before"
    ]
    more = dataclasses.replace(homework.parts[0], grade_id="new-grade", max_points=3.0, answers=("new",))
    with_more = dataclasses.replace(
        homework, parts=(*homework.parts, more), cells=(*homework.cells, ("new", "x = 1", "answer"))
    )
    better = graded("ada", FULL)
    extra = PartResult("new-grade", "New", 3.0, 3.0, stopped="out of instructions")
    better = dataclasses.replace(better, parts=(*better.parts, extra))
    assert write([better], with_more, url(book)) == []
    assert total(book, "ada") == 19
    assert comments(book, "ada")["new"] == "    out of instructions"
    rows = counted(book)
    assert write([better], with_more, url(book)) == []
    assert counted(book) == rows


def test_a_new_gradebook_learns_the_release_and_never_a_solution(book, homework):
    with Gradebook(url(book)) as opened:
        notebook = opened.find_notebook("affine", "affine")
        stored = {cell.name: (cell.source, cell.locked, cell.checksum) for cell in notebook.source_cells}
        assert {cell.name: cell.max_score for cell in notebook.grade_cells} == {
            part.grade_id: part.max_points for part in homework.parts
        }
    cells = notebooks.read(RELEASE).cells
    expected = {c.metadata.nbgrader.grade_id: c for c in cells if c.metadata.get("nbgrader")}
    assert set(stored) == set(expected)
    for name, (text, locked, checksum) in stored.items():
        meta = expected[name].metadata.nbgrader
        assert (text, locked, checksum) == (expected[name].source, meta.locked, meta.checksum)
        assert text != homework.solution.get(name)


def test_a_course_made_by_nbgrader_is_added_to_and_nbgrader_goes_on_with_one_made_here(
    tmp_path, book, homework, graded
):
    """Both ways: our grades beside nbgrader's own in its gradebook, then its commands on ours."""
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(ROOT / "solutions" / "affine", tmp_path / "solutions" / "affine")
    theirs = tmp_path / "grading" / "gradebook.db"
    nbgrader(tmp_path, "generate_assignment", "affine", "--create", "--force")
    rows = counted(theirs)
    assert write([graded("ada", SOME)], homework, url(theirs)) == []
    unchanged = ("assignment", "notebook", "base_cell", "source_cell")
    assert {name: counted(theirs)[name] for name in unchanged} == {name: rows[name] for name in unchanged}
    assert {name: counted(book)[name] for name in unchanged} == {name: rows[name] for name in unchanged}

    write([graded("ada", SOME)], homework, url(book))
    shutil.copy(book, theirs)
    submitted = tmp_path / "grading" / "submitted" / "bob" / "affine"
    submitted.mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "affine" / "affine.ipynb", submitted)
    nbgrader(tmp_path, "generate_assignment", "affine", "--create", "--force")
    nbgrader(tmp_path, "autograde", "affine")
    found = exported(tmp_path, theirs)
    assert {name: float(row["score"]) for name, row in found.items()} == {"ada": 11.0, "bob": 16.0}
    assert write([graded("bob", SOME)], homework, url(theirs)) == [
        "bob: kept in the gradebook. 16 are recorded there; this grading gives 11 (--allow-lower would take that)"
    ]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite:////nowhere/at/all/gradebook.db", "unable to open database file"),
        ("no address", "Could not parse"),
        ("nothing://x/y", "nothing"),
    ],
)
def test_an_address_where_no_gradebook_can_be_is_said_in_words(homework, address, words, capfd):
    with pytest.raises(HandgradError) as caught:
        write([], homework, address)
    assert str(caught.value).startswith(f"{address}: the gradebook cannot be written\n")
    assert words in str(caught.value)
    assert "see that its folder exists" in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_that_is_no_gradebook_and_one_in_use_are_said_in_words(
    tmp_path, book, homework, graded, monkeypatch, capfd
):
    (tmp_path / "x.db").write_text("no database at all, but some text that is long enough to be read")
    with pytest.raises(HandgradError, match="file is not a database"):
        write([], homework, url(tmp_path / "x.db"))
    with sqlite3.connect(book) as other:
        other.execute("begin exclusive")
        with pytest.raises(
            HandgradError, match=r"database is locked\n  see that .* nothing else has it open"
        ):
            write([graded("ada", SOME)], homework, url(book) + "?timeout=0.1")
    other.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_password_in_the_address_is_not_repeated(homework):
    with pytest.raises(HandgradError) as caught:
        write([], homework, "nothing://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_without_nbgrader_the_command_to_install_it_is_named(homework, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    with pytest.raises(
        HandgradError, match=r'nbgrader is not installed\n.*\n  pip install "handgrad\[homework\]"'
    ):
        write([], homework, "sqlite://")


def test_the_search_path_and_the_log_are_as_they_were(book, homework):
    from nbgrader.api import app_log

    before = os.environ["PATH"], app_log.level
    write([], homework, url(book))
    assert (os.environ["PATH"], app_log.level) == before
    assert gradebook.__all__ == ["student_id", "write"]
