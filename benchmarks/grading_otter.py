"""otter-grader on the same homework: its graded cells as otter's tests, its release as `otter assign` makes one."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.grading_memory import Peak, tree
from benchmarks.grading_peers import HIDDEN, ROOT, SLUG, Graded, Notebooks, bound, environment
from handgrad.homework import source
from handgrad.homework.source import Part

__all__ = ["Otter", "cases", "master"]

# A graded cell as otter's test. otter gives a case all of its points or none, so each gradient is a case of its own,
# and two where the homework pays a share for an answer that is right for the student's own wrong forward.
TEST = '''
from otter.test_files import test_case

OK_FORMAT = False
name = "{name}"
points = None
SEEN = {{}}
SPACE = {{}}
# {hidden}


def earned(env, param, own):
    """The share that a gradient earns, of the reports of the graded cell, made once for all cases of this question."""
    if not SEEN:
        shown = []
        SPACE.update(env, display=lambda *things: shown.extend(things))
        exec({code!r}, SPACE)
        for report in shown:
            SEEN.update((key, (report, key)) for key in report.parts)
        SEEN[""] = True  # judged, with whatever outcome
    report, key = SEEN[param]
    return report.points({{key: 1}}, **({{"own_forward": eval(own, SPACE)}} if own else {{}}))

{cases}
'''
CASE = """
@test_case(points={points}, hidden=True)
def test_{number}(env):
    assert earned(env, {param!r}, {own!r}) >= {share}
"""


def cases(part: Part) -> list[tuple[str, float, float, str]]:
    """The graded cell's `.points({...})` as cases: (gradient, points, share that is to be earned, own_forward's code).

    Raises ValueError where these points are not the part's, for then otter would be given another homework.
    """
    found: list[tuple[str, float, float, str]] = []
    for node in ast.walk(ast.parse(part.code)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr != "points" or not node.args or not isinstance(node.args[0], ast.Dict):
            continue
        code = next((k.value for k in node.keywords if k.arg == "own_forward"), None)
        own = ast.unparse(code) if code else ""
        # "0.5 if named else 0.0": the case is worth the most that may be earned.
        most = (
            max((n.value for n in ast.walk(code) if isinstance(n, ast.Constant)), default=0.0)
            if code
            else 0.0
        )
        for param, worth in ast.literal_eval(node.args[0]).items():
            if most:
                found.append((param, worth * most, most, own))
            found.append((param, worth * (1 - most), 1.0, own))
    if sum(points for _, points, _, _ in found) != part.max_points:
        raise ValueError(f"{part.grade_id}: its cases are {found}, which is not {part.max_points:g} points")
    return found


def _test(part: Part) -> str:
    made = "\n".join(
        CASE.format(number=number, param=param, points=points, share=share, own=own)
        for number, (param, points, share, own) in enumerate(cases(part))
    )
    return TEST.format(name=part.grade_id, code=part.code, cases=made, hidden=HIDDEN)


def master() -> dict[str, Any]:
    """The homework as `otter assign` wants it: every part a question with its solutions and its graded cell."""
    homework = source.load(ROOT, SLUG)
    code = {
        name: text.replace("### ", "# ") for name, text, _ in homework.cells
    }  # otter's marks of solutions

    def cell(kind: str, text: str) -> dict[str, Any]:
        made: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text}
        return {**made, "outputs": [], "execution_count": None} if kind == "code" else made

    cells = [cell("raw", "# ASSIGNMENT CONFIG\ngenerate: true\nexport_cell: false\ncheck_all_cell: false")]
    cells += [cell("code", text) for _, text, kind in homework.cells if kind == "given"]
    for part in homework.parts:
        head = f"# BEGIN QUESTION\nname: {part.grade_id}\npoints: {part.max_points:g}"
        cells += [cell("raw", head), cell("raw", "# BEGIN SOLUTION")]
        cells += [cell("code", code[name]) for name in part.answers]
        cells += [cell("raw", "# END SOLUTION"), cell("raw", "# BEGIN TESTS")]
        cells += [cell("code", part.code), cell("raw", "# END TESTS"), cell("raw", "# END QUESTION")]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}


class Otter:
    """`otter run`, which grades one submission without a container.

    It has no limit of time: what has not ended after `limit` seconds is ended from outside, and what has taken `most`
    bytes loses its largest process, as the system would end it when memory has run out.
    """

    limit = 30.0
    most = 0

    def __init__(self, folder: Path, cores: str, venv: Path) -> None:
        self.folder, self.cores, self.venv = folder / "otter", cores, venv

    def version(self) -> str:
        """The version installed in the environment given."""
        code = "from importlib.metadata import version; print(version('otter-grader'))"
        done = subprocess.run([str(self.venv / "bin" / "python"), "-c", code], capture_output=True, text=True)
        return done.stdout.strip()

    def _environment(self) -> dict[str, str]:
        return environment(PATH=f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def _run(self, *argv: str) -> None:
        command = [str(self.venv / "bin" / "otter"), *argv]
        subprocess.run(
            bound(command, self.cores),
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            check=True,
        )

    def released(self) -> float:
        """Seconds to make a release of the homework, its tests not run."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "master.ipynb").write_text(json.dumps(master()), encoding="utf-8")
        start = perf_counter()
        self._run("assign", "master.ipynb", "made", "--no-run-tests", "--no-pdfs")
        seconds = perf_counter() - start
        if not (self.folder / "made" / "student" / "master.ipynb").is_file():
            raise RuntimeError("otter assign has made no notebook for students")
        return seconds

    def put(self, notebooks: Notebooks) -> None:
        """The homework's cells as otter's tests, zipped by otter itself, and the submissions."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tests").mkdir(parents=True)
        (self.folder / "submitted").mkdir()
        for part in source.load(ROOT, SLUG).parts:
            path = self.folder / "tests" / f"{part.grade_id.replace('-', '_')}.py"
            path.write_text(_test(part), encoding="utf-8")
        (self.folder / "otter_config.json").write_text("{}", encoding="utf-8")
        self._run("generate", "-t", "tests", "-o", "autograder.zip", "--no-environment")
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
        peak = Peak(child.pid, self.most)
        try:
            child.wait(self.limit)
        except subprocess.TimeoutExpired:
            for pid in tree(child.pid):
                os.kill(pid, 9)
            child.wait()
            graded.ended.add(path.stem)
            return None
        finally:
            graded.memory = max(graded.memory, peak.stop())
            if peak.cut:
                graded.cut.add(path.stem)
        try:
            tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        except (OSError, ValueError):
            return None
        return {test["name"]: float(test["score"]) for test in tests if "score" in test}
