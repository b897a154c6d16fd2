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

__all__ = ["HIDDEN", "ROOT", "SLUG", "Graded", "Nbgrader", "Notebooks", "Ours", "bound", "environment"]

ROOT = Path(__file__).resolve().parents[1]
SLUG = "affine"
HIDDEN = "a hidden test"  # stands in the tests of those graders that have hidden ones

Notebooks = Iterable[tuple[str, bytes]]


@dataclass
class Graded:
    """What a run came to: seconds in all, and each student's points by graded cell (None: no mark was given)."""

    seconds: float = 0.0
    memory: int = 0  # bytes at the most, the grader and all that it starts
    points: dict[str, dict[str, float] | None] = field(default_factory=dict)
    told: dict[str, str] = field(
        default_factory=dict
    )  # what the teacher is told of a student, beside the points
    ended: set[str] = field(
        default_factory=set
    )  # students whose notebook was ended from outside: it took too long
    cut: set[str] = field(
        default_factory=set
    )  # students whose notebook was ended from outside: it took too much


def bound(argv: Sequence[str], cores: str) -> list[str]:
    """The same program on some cores only, for example "0,1"; on all with ""."""
    return ["taskset", "-c", cores, *argv] if cores and shutil.which("taskset") else list(argv)


def environment(**more: str) -> dict[str, str]:
    """What a contestant runs with: one thread of linear algebra, this package, nobody's own settings."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    made = {**os.environ, **threads, "PYTHONPATH": str(ROOT), **more}
    for name in ("PYTHONWARNINGS", "IPYTHONDIR"):
        made.pop(name, None)
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
        done, peak = peak_while(self.argv(), ROOT, environment())
        graded = Graded(perf_counter() - start, peak.bytes)
        if done.returncode != 0:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        for path in sorted((self.folder / "graded" / "results").glob("*.json")):
            stored = json.loads(path.read_text(encoding="utf-8"))
            marks = {part["grade_id"]: part["points"] for part in stored["parts"]}
            graded.points[stored["student"]] = marks if stored["state"] == "graded" else None
            graded.told[stored["student"]] = "; ".join(hint["words"] for hint in stored["suspicions"])
        return graded

    def released(self) -> float:
        """Seconds to make a release of the homework, executed as the others' are not."""
        root = self.folder.parent / "released"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(ROOT / "solutions" / SLUG, root / "solutions" / SLUG)
        start = perf_counter()
        argv = [sys.executable, "-m", "handgrad", "sync", SLUG]
        subprocess.run(bound(argv, self.cores), cwd=root, env=environment(), capture_output=True, check=True)
        seconds = perf_counter() - start
        if not (root / "exercises" / SLUG / f"{SLUG}.ipynb").is_file():
            raise RuntimeError("handgrad sync has made no notebook for students")
        return seconds


class Nbgrader:
    """`nbgrader autograde`, as it comes: one submission after the other, 30 s a cell.

    It has no limit of memory: what has taken `most` bytes loses its largest process, as the system would end it when
    memory has run out.
    """

    most = 0

    def __init__(self, folder: Path, cores: str) -> None:
        self.folder, self.cores = folder / "nbgrader", cores

    def _argv(self, *argv: str) -> list[str]:
        return bound([sys.executable, "-m", "nbgrader", *argv], self.cores)

    def _run(self, *argv: str) -> tuple[subprocess.CompletedProcess[str], Peak]:
        own = environment(JUPYTER_CONFIG_DIR=str(self.folder / "jupyter"))
        return peak_while(self._argv(*argv), self.folder, own, self.most)

    def released(self) -> float:
        """Seconds to make a release of the homework. Raises RuntimeError if nbgrader makes none."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copy(ROOT / "nbgrader_config.py", self.folder)
        shutil.copytree(ROOT / "solutions" / SLUG, self.folder / "solutions" / SLUG)
        path = self.folder / "solutions" / SLUG / f"{SLUG}.ipynb"
        path.write_text(hidden(path.read_text(encoding="utf-8")), encoding="utf-8")
        start = perf_counter()
        done, _ = self._run("generate_assignment", SLUG, "--create", "--force")
        seconds = perf_counter() - start
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2000:])
        return seconds

    def put(self, notebooks: Notebooks) -> None:
        """A course with its release, and the submissions. Raises RuntimeError if nbgrader makes no release."""
        self.released()
        for student, data in notebooks:
            path = self.folder / "grading" / "submitted" / student / SLUG / f"{SLUG}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(data)

    def run(self) -> Graded:
        """Grade all; a submission that nbgrader gives up has no marks."""
        from nbgrader.api import Gradebook

        start = perf_counter()
        _, peak = self._run("autograde", SLUG)
        graded = Graded(perf_counter() - start, peak.bytes)
        with Gradebook(f"sqlite:///{self.folder}/grading/gradebook.db") as book:
            for path in sorted((self.folder / "grading" / "submitted").iterdir()):
                graded.points[path.name] = _marks(book, path.name)
                graded.told[path.name] = _asked(book, path.name)
                if peak.cut:
                    graded.cut.add(path.name)
        return graded


def hidden(text: str) -> str:
    """The homework's source with a hidden test, as nbgrader has them: a cell's lines that no release holds."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade") and cell["cell_type"] == "code":
            lines = ["### BEGIN HIDDEN TESTS", f"assert True  # {HIDDEN}", "### END HIDDEN TESTS"]
            cell["source"] = "\n".join([*lines, "".join(cell["source"])])
            return json.dumps(notebook)
    raise ValueError(f"{SLUG}: no graded cell")


def _asked(book: object, student: str) -> str:
    """nbgrader's way to tell a teacher something: the cells that it asks them to look at."""
    try:
        (notebook,) = book.find_submission(SLUG, student).notebooks  # type: ignore[attr-defined]
    except Exception:
        return ""
    return ", ".join(grade.name for grade in notebook.grades if grade.needs_manual_grade)


def _marks(book: object, student: str) -> dict[str, float] | None:
    try:
        (notebook,) = book.find_submission(SLUG, student).notebooks  # type: ignore[attr-defined]
    except Exception:  # nbgrader keeps no submission that it could not run
        return None
    return {grade.name: float(grade.score) for grade in notebook.grades}
