"""Three graders of one class: this project's command, `nbgrader autograde`, `otter run`. Same notebooks, same cores.

Each is run as its users run it, as a program, on the cores that the benchmark allows (taskset). What is
timed is grading alone: the release, the autograder's zip and the first compilation are made beforehand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from benchmarks.grading_memory import Peak, peak_while

__all__ = ["ROOT", "Graded", "Nbgrader", "Otter", "Ours", "bound"]

ROOT = Path(__file__).resolve().parents[1]
SLUG = "affine"
OTTER_LIMIT = 60.0  # seconds; otter has none of its own, so a submission that hangs is ended from outside

Notebooks = Iterable[tuple[str, bytes]]


@dataclass
class Graded:
    """What a run came to: seconds in all, and each student's points by graded cell (None: no mark was given)."""

    seconds: float = 0.0
    memory: int = 0  # bytes at the most, the grader and all that it starts
    points: dict[str, dict[str, float] | None] = field(default_factory=dict)


def bound(argv: Sequence[str], cores: str) -> list[str]:
    """The same program on some cores only, for example "0,1"; on all with ""."""
    return ["taskset", "-c", cores, *argv] if cores and shutil.which("taskset") else list(argv)


def _environment(**more: str) -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    made = {**os.environ, **threads, "PYTHONPATH": str(ROOT), "IPYTHONDIR": "", **more}
    made.pop("PYTHONWARNINGS", None)
    made.pop("IPYTHONDIR")
    return made


class Ours:
    """`handgrad grade`, with as many workers as asked."""

    def __init__(self, folder: Path, cores: str, workers: int = 2) -> None:
        self.folder, self.cores, self.workers = folder / "ours", cores, workers

    def argv(self) -> list[str]:
        """The command, for what `put` has put in place."""
        argv = [sys.executable, "-m", "handgrad", "grade", str(self.folder / "submitted"), "--homework", SLUG]
        argv += ["--out", str(self.folder / "graded"), "--workers", str(self.workers)]
        return bound([*argv, "--gradebook", f"sqlite:///{self.folder}/gradebook.db"], self.cores)

    def put(self, notebooks: Notebooks) -> None:
        """A folder of STUDENT.ipynb, an empty gradebook as nbgrader makes it, and nothing graded yet."""
        from nbgrader.api import Gradebook

        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "submitted").mkdir(parents=True)
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        with Gradebook(f"sqlite:///{self.folder}/gradebook.db"):
            pass
        for student, data in notebooks:
            (self.folder / "submitted" / f"{student}.ipynb").write_bytes(data)

    def run(self) -> Graded:
        """Grade all. Raises RuntimeError if the command fails."""
        start = perf_counter()
        done, memory = peak_while(self.argv(), ROOT, _environment())
        graded = Graded(perf_counter() - start, memory)
        if done.returncode != 0:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        for path in sorted((self.folder / "graded" / "results").glob("*.json")):
            stored = json.loads(path.read_text(encoding="utf-8"))
            marks = {part["grade_id"]: part["points"] for part in stored["parts"]}
            graded.points[stored["student"]] = marks if stored["state"] == "graded" else None
        return graded


class Nbgrader:
    """`nbgrader autograde`, as it comes: one submission after the other, 30 s a cell."""

    release = 0.0  # seconds for the release that `put` made

    def __init__(self, folder: Path, cores: str) -> None:
        self.folder, self.cores = folder / "nbgrader", cores

    def _argv(self, *argv: str) -> list[str]:
        return bound([sys.executable, "-m", "nbgrader", *argv], self.cores)

    def _run(self, *argv: str) -> tuple[subprocess.CompletedProcess[str], int]:
        environment = _environment(JUPYTER_CONFIG_DIR=str(self.folder / "jupyter"))
        return peak_while(self._argv(*argv), self.folder, environment)

    def put(self, notebooks: Notebooks) -> None:
        """A course with its release, and the submissions. Raises RuntimeError if nbgrader makes no release."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copy(ROOT / "nbgrader_config.py", self.folder)
        shutil.copytree(ROOT / "solutions" / SLUG, self.folder / "solutions" / SLUG)
        start = perf_counter()
        done, _ = self._run("generate_assignment", SLUG, "--create", "--force")
        self.release = perf_counter() - start
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2000:])
        for student, data in notebooks:
            path = self.folder / "grading" / "submitted" / student / SLUG / f"{SLUG}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(data)

    def run(self) -> Graded:
        """Grade all; a submission that nbgrader gives up has no marks."""
        from nbgrader.api import Gradebook

        start = perf_counter()
        _, memory = self._run("autograde", SLUG)
        graded = Graded(perf_counter() - start, memory)
        with Gradebook(f"sqlite:///{self.folder}/grading/gradebook.db") as book:
            for path in sorted((self.folder / "grading" / "submitted").iterdir()):
                graded.points[path.name] = _marks(book, path.name)
        return graded


def _marks(book: object, student: str) -> dict[str, float] | None:
    try:
        (notebook,) = book.find_submission(SLUG, student).notebooks  # type: ignore[attr-defined]
    except Exception:  # nbgrader keeps no submission that it could not run
        return None
    return {grade.name: float(grade.score) for grade in notebook.grades}


# The graded cells as otter's tests: one case for each gradient, as otter gives a case all of its points or none.
OTTER_TEST = '''
from otter.test_files import test_case

OK_FORMAT = False
name = "{name}"
points = None
SEEN = {{}}


def judged(env):
    """The reports of the graded cell, made once for all cases of this question."""
    if not SEEN:
        space = dict(env)
        shown = []
        space["display"] = lambda *things: shown.extend(things)
        exec({code!r}, space)
        SEEN.update((key, True) for report in shown for key in report.parts if report.points({{key: 1}}) == 1)
        SEEN[""] = True  # judged, with whatever outcome
    return SEEN

{cases}
'''
OTTER_CASE = """
@test_case(points={points}, hidden=False)
def test_{param}(env):
    assert judged(env).get({param!r})
"""
OTTER_PARTS = {
    "forward-grade": {"out": 2},
    "backward-grade": {"dx": 2, "dw": 2, "db": 1},
    "paper-grade": {"dW": 1, "dX": 1, "db": 1},
    "mended-grade": {"dX": 1, "db": 1},
    "twin-grade": {"dx1": 1, "dx2": 1, "dw": 1, "db": 1},
}


class Otter:
    """`otter run`, which grades one submission without a container."""

    def __init__(self, folder: Path, cores: str, venv: Path) -> None:
        self.folder, self.cores, self.venv = folder / "otter", cores, venv

    def version(self) -> str:
        """The version installed in the environment given."""
        code = "from importlib.metadata import version; print(version('otter-grader'))"
        done = subprocess.run([str(self.venv / "bin" / "python"), "-c", code], capture_output=True, text=True)
        return done.stdout.strip()

    def _environment(self) -> dict[str, str]:
        return _environment(PATH=f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def put(self, notebooks: Notebooks) -> None:
        """The homework's cells as otter's tests, zipped by otter itself, and the submissions."""
        from handgrad.homework import source

        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tests").mkdir(parents=True)
        (self.folder / "submitted").mkdir()
        for part in source.load(ROOT, SLUG).parts:
            worth = OTTER_PARTS[part.grade_id]
            cases = "\n".join(
                OTTER_CASE.format(param=param, points=points) for param, points in worth.items()
            )
            text = OTTER_TEST.format(name=part.grade_id, code=part.code, cases=cases)
            path = self.folder / "tests" / f"{part.grade_id.replace('-', '_')}.py"
            path.write_text(text, encoding="utf-8")
        (self.folder / "otter_config.json").write_text("{}", encoding="utf-8")
        argv = [
            str(self.venv / "bin" / "otter"),
            "generate",
            "-t",
            "tests",
            "-o",
            "autograder.zip",
            "--no-environment",
        ]
        subprocess.run(argv, cwd=self.folder, env=self._environment(), capture_output=True, check=True)
        for student, data in notebooks:
            (self.folder / "submitted" / f"{student}.ipynb").write_bytes(data)

    def run(self) -> Graded:
        """Grade all, one after the other."""
        graded = Graded()
        start = perf_counter()
        for path in sorted((self.folder / "submitted").iterdir()):
            graded.points[path.stem] = self._one(path, graded)
        graded.seconds = perf_counter() - start
        return graded

    def _one(self, path: Path, graded: Graded) -> dict[str, float] | None:
        out = self.folder / "out" / path.stem
        out.mkdir(parents=True)
        argv = [str(self.venv / "bin" / "otter"), "run", "-a", "autograder.zip", "-o", str(out), str(path)]
        child = subprocess.Popen(
            bound(argv, self.cores),
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        peak = Peak(child.pid)
        try:
            child.wait(OTTER_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            child.wait()
            return None
        finally:
            graded.memory = max(graded.memory, peak.stop())
        try:
            tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        except (OSError, ValueError):
            return None
        return {test["name"]: float(test["score"]) for test in tests if "score" in test}
