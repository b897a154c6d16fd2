"""Exceptions, and the one layout in which every error and finding is worded.

where: what is wrong
  detail, with shapes and sizes
  likely cause
  next step
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "FormulaError",
    "HandgradError",
    "LayerError",
    "NotebookError",
    "ShapeError",
    "SpecError",
    "UnknownNameError",
    "layout",
    "nearest",
]


class HandgradError(Exception):
    """Anything that handgrad raises on purpose; its text is ready to show to a reader."""


class SpecError(HandgradError, ValueError):
    """A shape specification that cannot be read."""


class ShapeError(HandgradError, ValueError):
    """Arrays that do not fit a shape specification."""


class FormulaError(HandgradError, ValueError):
    """A typed formula that cannot be read or evaluated."""


class LayerError(HandgradError, ValueError):
    """A layer file that lacks a piece or holds a malformed one."""


class NotebookError(HandgradError, ValueError):
    """A notebook that cannot be read, or that breaks the rules of its folder."""


class UnknownNameError(HandgradError, LookupError):
    """A slug, parameter or axis that does not exist."""


def layout(
    where: str,
    what: str,
    details: Iterable[str] = (),
    cause: str | None = None,
    step: str | None = None,
) -> str:
    """Word a message: `where: what`, then each detail, the cause and the next step, indented.

    Raises nothing; empty parts are left out.
    """
    lines = [f"{where}: {what}", *details, cause or "", step or ""]
    return "\n  ".join(line for line in lines if line)


def nearest(name: str, known: Iterable[str]) -> str:
    """Word the next step for an unknown name: the closest known one, then all of them."""
    from difflib import get_close_matches

    names = sorted(known)
    close = [n for n in names if n.lower() == name.lower()] or get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}known: {', '.join(names) or 'none'}"
