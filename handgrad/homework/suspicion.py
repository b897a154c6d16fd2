"""Signs that an answer differentiates numerically: for the teacher's eyes, and never for the marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handgrad.homework.results import Suspicion
from handgrad.homework.source import Homework

__all__ = ["suspected"]


def suspected(homework: Homework, calls: Sequence[Any]) -> tuple[Suspicion, ...]:
    """What the calls' instruction counts suggest."""
    return ()
