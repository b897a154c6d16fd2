"""What the terminal shows while a class is graded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Told", "shown", "spinning"]

MOST_LINES = 10  # of unreadable submissions on the terminal; the class page lists them all


@contextmanager
def spinning(words: str) -> Iterator[None]:
    """A turning sign and the time that has passed, while something else works; elsewhere, the words alone."""
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


class Told:
    """Hears of each submission: shows that it is done, and keeps lines on the first that were unreadable."""

    def __init__(self, step: Callable[[str], None]) -> None:
        self.unreadable: list[str] = []
        self._step = step

    def __call__(self, result: Any, words: str) -> None:
        if result is not None and result.state == "unreadable" and len(self.unreadable) < MOST_LINES:
            self.unreadable.append(_printable(f"{result.student}: unreadable. {result.reason}", 300))
        self._step("" if result is None else _printable(result.student, 30))


def _printable(text: str, most: int) -> str:
    return "".join(c for c in " ".join(text.split())[:most] if c.isprintable())


@contextmanager
def shown(total: int) -> Iterator[Told]:
    """A bar with the time left on a terminal; elsewhere, a line for each tenth."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        done = 0

        def line(who: str) -> None:
            nonlocal done
            done += 1
            if done == total or done * 10 // total > (done - 1) * 10 // total:
                print(f"{done} of {total}", file=sys.stderr, flush=True)

        yield Told(line)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)
        yield Told(lambda who: progress.update(task, advance=1, description=escape(who)))
