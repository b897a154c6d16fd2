"""One submission graded: its cells run in a sandbox, each part judged here by the homework's own cells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.draws import seeded
from handgrad.errors import NotebookError
from handgrad.homework import source, suspicion, wasm
from handgrad.homework.results import PartResult, Result, Suspicion
from handgrad.homework.running import Running
from handgrad.homework.sandbox import Ended, Isolation, Limits, Sandbox, opener
from handgrad.homework.source import Homework, Judged, Part
from handgrad.homework.submission import Cell, UnreadableError, cells_of
from handgrad.homework.watched import Broken
from handgrad.probe import Stopped
from handgrad.version import VERSION

__all__ = ["Job", "grade", "grade_cells", "versions_of"]


@dataclass(frozen=True)
class Job:
    """All that a worker needs to grade one submission; it can be pickled.

    `loaded` is the homework itself, which a worker then need not read from `root`.

    `secret` is the seed of the whole run. What a submission is tried with follows from it and from the
    submission's own bytes, so that numbers seen in one attempt say nothing about the next.
    """

    root: str
    homework: str
    student: str
    file: str
    secret: str
    limits: Limits = field(default_factory=Limits)
    isolation: Isolation = "wasm"
    loaded: Homework | None = None


@lru_cache(maxsize=4)
def _homework(root: str, slug: str) -> Homework:
    return source.load(Path(root), slug)


def versions_of(homework: Homework, isolation: Isolation) -> dict[str, str]:
    """What a mark depends on besides the submission, the seed and the limits."""
    sandbox = wasm.version() if isolation == "wasm" else "process"
    return {
        "homework": homework.digest,
        "handgrad": VERSION,
        "numpy": np.__version__,
        "sandbox": sandbox,
    }


def grade(job: Job, data: bytes) -> Result:
    """Grade one submission. Raises SandboxError if there is nothing to run it in, and for nothing in `data`."""
    homework = job.loaded or _homework(job.root, job.homework)
    digest = hashlib.sha256(data).hexdigest()
    about: dict[str, Any] = {
        "student": job.student,
        "homework": job.homework,
        "file": job.file,
        "digest": digest,
        "seed": job.secret,
        "limits": job.limits.as_dict(),
        "versions": versions_of(homework, job.isolation),
    }
    try:
        cells = cells_of(data, homework)
    except UnreadableError as error:
        return Result(**about, state="unreadable", reason=str(error))
    seed = int(hashlib.sha256(f"{job.secret} {digest}".encode()).hexdigest()[:16], 16)
    with seeded(seed):
        run = grade_cells(homework, cells, job.limits, opener(job.isolation, job.limits))
    return Result(
        **about,
        state="graded",
        parts=tuple(run.parts),
        failures=tuple(run.failures.values()),
        suspicions=tuple(run.suspicions.values()),
        used={"instructions": run.total},
    )


def grade_cells(homework: Homework, cells: list[Cell], limits: Limits, fresh: Callable[[], Sandbox]) -> _Run:
    """Run the cells and judge every part, with the seed that is set. Raises SandboxError."""
    failed: dict[str, str] = {}  # graded cells that these answers make fail, and why
    while True:
        asked = [(name, code, "failed" if name in failed else kind) for name, code, kind in homework.cells]
        run = _Run(homework, cells, limits, fresh)
        try:
            for part, judged in replace(homework, cells=tuple(asked)).judge(run.answers, run.ended):
                run.note(part, judged)
            run.suspect()
            run.failed(failed)
            return run
        except NotebookError as error:  # the homework's own mistake; the other parts can still be judged
            if run.at is None or run.at.grade_id in failed:
                raise
            failed[run.at.grade_id] = str(error)
        finally:
            run.close()


class _Run(Running):
    """The parts of one submission, judged as its answers come."""

    def __init__(
        self, homework: Homework, cells: list[Cell], limits: Limits, fresh: Callable[[], Sandbox]
    ) -> None:
        super().__init__(homework, cells, limits, fresh)
        self.parts: list[PartResult] = []
        self.suspicions: dict[str, Suspicion] = {}
        self.at: Part | None = None
        self._checked: list[tuple[Part, Judged]] = []
        self._stopped: dict[str, str] = {}
        self._missing: set[str] = set()

    def answers(self, part: Part) -> Mapping[str, Any]:
        """What the student's notebook offers for a part. Raises Ended."""
        self.at = part
        self.clock.next_part()
        try:
            found = self._ready().named(part.grade_id)
        except Ended:
            if self._singly:
                raise
            self._singly = True  # a cell may have left the sandbox broken: run one by one, it shows
            self._drop()
            found = self._ready().named(part.grade_id)
        if part.names and not set(part.names) & set(found):
            self._missing.add(part.grade_id)
        return {name: found.get(name, _not_there) for name in self.homework.names}

    def ended(self, part: Part, stop: BaseException) -> None:
        """A part met a limit: its sandbox is gone, the next part gets a fresh one. Raises SandboxError."""
        if isinstance(stop, Broken):
            raise stop.error
        where = getattr(stop, "where", "")
        self._trapped(stop)
        self._stopped[part.grade_id] = f"{where}: {stop}" if where else str(stop)
        self._drop()

    def note(self, part: Part, judged: Judged) -> None:
        """Keep what a part has come to."""
        calls, self.calls[:] = list(self.calls), []
        self.suspicions.update(suspicion.by_counting(calls, work=not judged.checked))
        self._checked.append((part, judged))
        stopped = self._stopped.get(part.grade_id, "")
        state = "stopped" if stopped else "missing" if part.grade_id in self._missing else "judged"
        self.parts.append(
            PartResult(
                part.grade_id,
                part.title,
                judged.points,
                part.max_points,
                state,  # type: ignore[arg-type]
                tuple(json.loads(report.to_json()) for report in judged.reports),
                stopped,
                part.see,
                self._code(part),
            )
        )

    def suspect(self) -> None:
        """Look at how the answers' costs grow, when all is judged. A limit met on the way changes nothing."""
        for part, judged in self._checked:
            for slug, roles in judged.checked:
                try:
                    found = self._ready().named(part.grade_id)
                    fresh = {role: found.get(getattr(f, "__name__", ""), f) for role, f in roles.items()}
                    self.suspicions.update(suspicion.by_growth(slug, fresh, self.calls))
                except Broken as stop:
                    raise stop.error from stop
                except Stopped:
                    return

    def failed(self, parts: Mapping[str, str]) -> None:
        """Note the parts whose graded cell failed: no points, and the reason for the teacher."""
        for part in self.homework.parts:
            if part.grade_id in parts:
                why = f"the graded cell cannot judge this answer; tell your teacher: {parts[part.grade_id]}"
                about = part.grade_id, part.title, 0.0, part.max_points
                self.parts.append(PartResult(*about, "stopped", (), why, part.see, self._code(part)))
        order = [part.grade_id for part in self.homework.parts]
        self.parts.sort(key=lambda result: order.index(result.grade_id))

    def close(self) -> None:
        """Let go of the sandbox."""
        self._drop()

    def _code(self, part: Part) -> dict[str, str]:
        """The student's own code for a part: by grade_id, or where that is lost, by the names it defines."""
        own = {cell.grade_id: cell.source for cell in self.cells if cell.grade_id in part.answers}
        if own:
            return own
        defines = tuple(f"def {name}(" for name in part.names)
        return {
            f"cell {cell.number}": cell.source
            for cell in self.cells
            if not cell.grade_id and any(text in cell.source for text in defines)
        }


def _not_there(*arguments: Any) -> Any:
    """Stands for a function that the notebook does not define."""
    raise NotImplementedError
