"""A class graded: resumed, repeated, lowered, broken into."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from handgrad.homework.batch import Settings, grade_all, self_test
from handgrad.homework.collect import Submission, collect
from handgrad.homework.records import Store
from handgrad.homework.sandbox import SandboxError

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "solutions" / "affine" / "affine.ipynb"
WRONG = (
    "def affine_backward(dout, cache):\n    x, w, b = cache\n"
    "    return dout @ w.T, np.einsum('ntd,ntm->dm', x, dout), dout.mean(axis=(0, 1))"
)


class Here(Executor):
    """Works in this process, one at a time, as any executor of concurrent.futures might elsewhere."""

    def __init__(self):
        self.worked = []

    def submit(self, function, *args, **kwargs):
        self.worked.append(args[0].student)
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def notebook(answers):
    nb = json.loads(SOURCE.read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(grade_id, cell["source"])
    return json.dumps(nb)


@pytest.fixture
def handed_in(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "ada.ipynb").write_text(notebook({}), encoding="utf-8")
    (folder / "bob.ipynb").write_text(notebook({"backward": WRONG}), encoding="utf-8")
    (folder / "cut.ipynb").write_text(notebook({})[:999], encoding="utf-8")
    return folder


def settings(tmp_path, **changes):
    return Settings(ROOT, "affine", tmp_path / "out", isolation="process", secret="s", **changes)


def points(tmp_path):
    return {r.student: (r.state, r.points) for r in Store(tmp_path / "out").all()}


EXPECTED = {"ada": ("graded", 16.0), "bob": ("graded", 14.0), "cut": ("unreadable", 0.0)}


def test_a_class_is_graded_by_any_executor_and_each_student_gets_a_page(tmp_path, handed_in):
    told = []
    tally = grade_all(
        collect(handed_in, "affine"),
        settings(tmp_path),
        executor=Here(),
        told=lambda r, w: told.append(r.student),
    )
    assert points(tmp_path) == EXPECTED
    assert (tally.graded, tally.unreadable, tally.unchanged) == (2, 1, 0)
    assert sorted(told) == ["ada", "bob", "cut"]
    assert "averaged over the samples and the steps" in (
        tmp_path / "out" / "feedback" / "bob.html"
    ).read_text(encoding="utf-8")
    assert "cut off" in (tmp_path / "out" / "feedback" / "cut.html").read_text(encoding="utf-8")


def test_what_is_graded_is_not_graded_again_until_it_changes(tmp_path, handed_in):
    grade_all(collect(handed_in, "affine"), settings(tmp_path), executor=Here())
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json")}
    again = Here()
    tally = grade_all(collect(handed_in, "affine"), settings(tmp_path), executor=again)
    assert (again.worked, tally.unchanged) == ([], 3)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json")} == before
    (handed_in / "bob.ipynb").write_text(notebook({}), encoding="utf-8")
    changed = Here()
    grade_all(collect(handed_in, "affine"), settings(tmp_path), executor=changed)
    assert changed.worked == ["bob"]
    assert points(tmp_path)["bob"] == ("graded", 16.0)


def test_a_recorded_mark_is_not_lowered_unless_asked(tmp_path, handed_in):
    grade_all(collect(handed_in, "affine"), settings(tmp_path), executor=Here())
    page = (tmp_path / "out" / "feedback" / "ada.html").read_bytes()
    (handed_in / "ada.ipynb").write_text(notebook({"backward": WRONG}), encoding="utf-8")
    tally = grade_all(collect(handed_in, "affine"), settings(tmp_path), executor=Here())
    assert points(tmp_path)["ada"] == ("graded", 16.0)
    assert (tmp_path / "out" / "feedback" / "ada.html").read_bytes() == page
    assert len(tally.kept) == 1
    assert "ada: kept. 16 of 16 are recorded" in tally.kept[0]
    tally = grade_all(collect(handed_in, "affine"), settings(tmp_path, allow_lower=True), executor=Here())
    assert points(tmp_path)["ada"] == ("graded", 14.0)
    assert "lowered" in tally.kept[0]


def test_real_workers_give_the_same(tmp_path, handed_in):
    grade_all(collect(handed_in, "affine"), settings(tmp_path, workers=2))
    assert points(tmp_path) == EXPECTED


def test_a_worker_that_dies_takes_nobody_elses_grade_with_it(tmp_path, handed_in):
    # In processes of their own: the patched function must be there in the workers as well.
    code = (
        "import sys, os\nfrom pathlib import Path\nfrom handgrad.homework import batch\n"
        "from handgrad.homework.collect import collect\nimport dying\n"
        "batch._grade = dying.grade\n"
        "if __name__ == '__main__':\n"
        "    out = Path(sys.argv[3])\n"
        "    settings = batch.Settings(Path(sys.argv[1]), 'affine', out, isolation='process', secret='s', workers=2)\n"
        "    batch.grade_all(collect(Path(sys.argv[2]), 'affine'), settings)\n"
    )
    (tmp_path / "run.py").write_text(code, encoding="utf-8")
    (tmp_path / "dying.py").write_text(
        "import os\nfrom handgrad.homework import batch\noriginal = batch._grade\n"
        "def grade(submission, settings, homework):\n"
        "    if submission.student == 'bob':\n        os._exit(1)\n"
        "    return original(submission, settings, homework)\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    argv = [sys.executable, str(tmp_path / "run.py"), str(ROOT), str(handed_in), str(tmp_path / "out")]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert points(tmp_path) == {**EXPECTED, "bob": ("unreadable", 0.0)}
    assert "ended the grader's own worker" in Store(tmp_path / "out").get("bob").reason


def test_a_killed_run_goes_on_where_it_was(tmp_path, handed_in):
    for name in "defgh":
        shutil.copy(handed_in / "ada.ipynb", handed_in / f"{name}.ipynb")
    argv = [
        sys.executable,
        "-m",
        "handgrad",
        "grade",
        str(handed_in),
        "--homework",
        "affine",
        "--workers",
        "1",
    ]
    argv += ["--out", str(tmp_path / "out"), "--isolation", "process", "--gradebook", "none"]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    results = tmp_path / "out" / "results"
    while child.poll() is None and len(list(results.glob("*.json"))) < 2:
        continue
    child.send_signal(signal.SIGKILL)
    child.wait()
    there = {path.name: path.stat().st_mtime_ns for path in results.glob("*.json")}
    assert 2 <= len(there) < 8
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    after = {path.name: path.stat().st_mtime_ns for path in results.glob("*.json")}
    assert len(after) == 8
    complete = [
        name for name in there if (tmp_path / "out" / "feedback" / name.replace("json", "html")).is_file()
    ]
    assert f"unchanged {len(there)}" in done.stdout or f"unchanged {len(there) - 1}" in done.stdout
    assert sum(after[name] == there[name] for name in there) >= len(there) - 1
    assert complete


def test_nothing_is_graded_where_the_solution_itself_fails(tmp_path):
    broken = tmp_path / "solutions" / "affine"
    broken.mkdir(parents=True)
    text = SOURCE.read_text(encoding="utf-8").replace("dout.sum(axis=(0, 1))", "dout.sum(axis=1)")
    (broken / "affine.ipynb").write_text(text, encoding="utf-8")
    with pytest.raises(SandboxError, match=r"the homework's own solution earns .* of 16: nothing was graded"):
        self_test(Settings(tmp_path, "affine", tmp_path / "out", isolation="process"))


def test_a_submission_is_small_enough_to_send_anywhere():
    import pickle

    assert len(pickle.dumps(Submission("ada", "ada.ipynb", "/in/ada.ipynb"))) < 1000


def test_nothing_is_recorded_where_the_solution_itself_fails(tmp_path, handed_in):
    broken = tmp_path / "solutions" / "affine"
    broken.mkdir(parents=True)
    text = SOURCE.read_text(encoding="utf-8").replace("dout.sum(axis=(0, 1))", "dout.sum(axis=1)")
    (broken / "affine.ipynb").write_text(text, encoding="utf-8")
    told = []
    with pytest.raises(SandboxError, match="the homework's own solution earns"):
        grade_all(
            collect(handed_in, "affine"),
            Settings(tmp_path, "affine", tmp_path / "out", isolation="process", secret="s", workers=2),
            told=lambda result, words: told.append(result),
        )
    assert told == []
    assert list(Store(tmp_path / "out").all()) == []
