"""Notebooks under test: a kernel that dies before its first word is started again, twice at most.

A kernel is told its ports before it takes them. Where several start at one moment, two may be told the same, and
one dies.
What a notebook does is judged as strictly as before: only a start is repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from nbval import kernel

TRIES = 3


def patient(start: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, tried again after a RuntimeError, which says that the kernel died or was never ready."""

    @wraps(start)
    def tried(*args: Any, **options: Any) -> Any:
        for _ in range(TRIES - 1):
            try:
                return start(*args, **options)
            except RuntimeError:
                continue
        return start(*args, **options)

    return tried


kernel.start_new_kernel = patient(kernel.start_new_kernel)
