"""Calls a student's function and reads what it returns, trusting neither.

Nothing here runs a method of a returned object that its author could have replaced, except where the
object's type is exactly a built-in one or numpy.ndarray.
"""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ElsewhereError",
    "Outcome",
    "Stopped",
    "arrays_in",
    "call",
    "call_in_quiet",
    "copy_arguments",
    "described",
    "items",
    "own_dicts",
    "read_array",
    "read_scalar",
    "type_name",
]

MOST_ARRAYS = 200  # a cache holds a dozen arrays; the bound keeps a hostile one from holding us up


# NumPy's words for a product that does not fit name no side: "(size 7 is different from 3)".
_CORE_DIMENSION = re.compile(r"core dimension 0.*\(size (\d+) is different from (\d+)\)")


class Stopped(BaseException):
    """Ends a check from inside a function under test: what runs that function has been stopped for good."""


class ElsewhereError(Exception):
    """An exception of a function that runs in another process: its message holds the words for it."""


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a value, or the words for the exception."""

    value: Any = None
    raised: str = ""
    not_attempted: bool = False


def call(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """Call a student's function; any exception but KeyboardInterrupt becomes words.

    Warnings are silenced, and what it writes to stderr goes to stdout: nbgrader takes all points for stderr.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call_in_quiet(function, *arguments)


def call_in_quiet(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """`call`, for use inside `quiet()`: warnings are silent already, and are again if the function saw to it."""
    stderr, sys.stderr = sys.stderr, sys.stdout
    filters, first = warnings.filters, warnings.filters[:1]
    try:
        with np.errstate(all="ignore"):
            return Outcome(function(*arguments))
    except (KeyboardInterrupt, Stopped):
        raise
    except NotImplementedError:
        return Outcome(not_attempted=True)
    except BaseException as error:
        return Outcome(raised=_describe(error, sys.exc_info()[2]))
    finally:
        sys.stderr = stderr
        if warnings.filters is not filters or filters[:1] != first:
            warnings.filters = filters
            warnings.simplefilter("ignore")


# Where NumPy and Python keep their files: installed, or in the sandbox's archive.
_LIBRARY = re.compile(r"site-packages|[\\/]python3\d+\.zip[\\/]")


def _describe(error: BaseException, trace: TracebackType | None) -> str:
    """The exception's type and text, and the line of the student's code that raised it."""
    if type(error) is ElsewhereError:
        return str(error)
    try:
        text = " ".join(BaseException.__str__(error).split())[:300]
    except BaseException:  # the arguments of an exception may have a hostile repr
        text = ""
    core = _CORE_DIMENSION.search(text)
    if core:
        text = f"in this matrix product the inner axes differ: {core[2]} on the left, {core[1]} on the right"
    words = f"{type_name(error)}: {text}" if text else type_name(error)
    try:
        frames = traceback.extract_tb(trace, limit=50)[1:]
    except Exception:
        return words
    frames = [f for f in frames if not _LIBRARY.search(f.filename)] or frames
    if not frames:
        return words
    last = frames[-1]
    source = f": {last.line.strip()[:120]}" if last.line else ""
    return f"{words}\n  in {last.name}, line {last.lineno}{source}"


def type_name(value: object) -> str:
    """The name of an object's type, read past any metaclass."""
    try:
        return str(type.__dict__["__name__"].__get__(type(value)))[:80]
    except Exception:
        return "object"


def described(value: object) -> str:
    """What an answer of the wrong kind is: "a number", "an array of shape (5, 3)", "a list"."""
    if type(value) is np.ndarray:
        return f"an array of shape {value.shape}"
    if issubclass(type(value), int | float | complex | np.number):
        return "a number"
    name = type_name(value)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def items(value: object) -> list[Any] | None:
    """The elements of a tuple or list (named tuples included), else None."""
    if issubclass(type(value), tuple):
        return list(tuple.__iter__(value))  # type: ignore[arg-type]
    if issubclass(type(value), list):
        return list(list.__iter__(value))  # type: ignore[arg-type]
    return None


def copy_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Fresh copies of a layer's sampled arguments: arrays, dicts of arrays, plain values."""
    return {name: _copy(value) for name, value in arguments.items()}


def own_dicts(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments themselves, but dicts copied: what a reference needs, which changes dicts and no array."""
    return {name: dict(value) if type(value) is dict else value for name, value in arguments.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_copy(item) for item in value)
    return value


def arrays_in(cache: object) -> list[NDArray[Any]]:
    """The plain arrays that a cache holds, in a fixed order, whatever it is built of."""
    return list(_walk(cache))


def _walk(root: object) -> Iterator[NDArray[Any]]:
    stack, seen, found = [root], set[int](), 0
    while stack and len(seen) < 10 * MOST_ARRAYS:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) is np.ndarray:
            if value.dtype.kind in "biufc" and value.size <= 10**7:
                found += 1
                yield value
                if found >= MOST_ARRAYS:
                    return
            continue
        if type(value) is dict:
            stack.extend(reversed(list(value.values())[:MOST_ARRAYS]))
        elif (elements := items(value)) is not None:
            stack.extend(reversed(elements[:MOST_ARRAYS]))
        else:
            try:
                inside = object.__getattribute__(value, "__dict__")
            except Exception:
                continue
            if type(inside) is dict and not issubclass(type(value), type):
                stack.extend(reversed(list(inside.values())[:MOST_ARRAYS]))


def read_array(value: object, shape: Sequence[int]) -> tuple[str, str]:
    """What keeps a value from being a float array of that shape: (cause, words), or two empty strings.

    The shape itself is left to the caller when only it is wrong: cause "wrong-shape".
    """
    kind = type(value)
    if kind is not np.ndarray:
        return "not-an-array", _not_an_array(value)
    assert isinstance(value, np.ndarray)
    if value.shape != tuple(shape):
        return "wrong-shape", ""
    dtype = value.dtype
    if dtype.kind != "f" or dtype.itemsize < 4:
        return "wrong-dtype", f"its dtype is {str(dtype)[:40]}, expected float64"
    # A sum of squares is finite where every entry is, but for overflow, and takes half the time to see.
    if not isfinite(np.vdot(value, value)) and not np.isfinite(value).all():
        bad = int(value.size - np.isfinite(value).sum())
        return "not-finite", f"{bad} of {value.size} entries are NaN or infinite"
    return "", ""


def _not_an_array(value: object) -> str:
    name = type_name(value)
    article = "an" if name[:1].lower() in "aeiou" else "a"
    if value is None:
        return "it is None: nothing was assigned or returned"
    if issubclass(type(value), np.ndarray):
        return f"it is {article} {name}, a subclass of ndarray with rules of its own; expected a plain numpy.ndarray"
    if type(value) in (list, tuple):
        return f"it is {article} {name}, expected a numpy.ndarray; wrap it in np.array(…)"
    return f"it is {article} {name}, expected a numpy.ndarray"


def read_scalar(value: object) -> tuple[float | None, str, str]:
    """A loss as a float: (number, "", ""), or (None, cause, words).

    Python and NumPy floats and 0-d float arrays are numbers; (1,) and (1, 1) arrays are not.
    """
    kind = type(value)
    if kind is np.ndarray:
        assert isinstance(value, np.ndarray)
        if value.shape != ():
            cause = "kept-axis" if value.size == 1 else "wrong-shape"
            return None, cause, f"it has shape {value.shape}, expected one number"
        if value.dtype.kind != "f":
            return None, "wrong-dtype", f"its dtype is {str(value.dtype)[:40]}, expected a float"
    elif kind is not float and kind is not int and not issubclass(kind, np.floating):
        if value is None:
            return None, "not-attempted", "it is None"
        return (
            None,
            "wrong-dtype" if issubclass(kind, np.generic) else "not-an-array",
            (f"it is of type {type_name(value)}, expected one number"),
        )
    try:
        number = float(value)  # type: ignore[arg-type]
    except Exception:
        return None, "not-finite", "it is too large for a float"
    if not np.isfinite(number):
        return None, "not-finite", f"it is {number}"
    return number, "", ""


def is_single(value: object) -> bool:
    """Whether a value is a float32 number or array."""
    return type(value) is np.float32 or (type(value) is np.ndarray and value.dtype == np.float32)


def has_shape(value: object, shape: Sequence[int]) -> bool:
    """Whether a value is a plain array of that shape."""
    return type(value) is np.ndarray and value.shape == tuple(shape)


def same(a: object, b: object) -> bool:
    """Whether two results are equal, entry by entry, to far less than any tolerance; NaN equals NaN."""
    if type(a) is not np.ndarray or type(b) is not np.ndarray:
        return type(a) is type(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc" or a.size > 10**7:
        return a.size > 10**7 or a.dtype.kind not in "biu" or bool(np.array_equal(a, b))
    # Nearly all are equal to the bit, which is far cheaper to see than that they are close.
    if a.tobytes() == b.tobytes():
        return True
    scale = float(np.max(np.abs(a[np.isfinite(a)]), initial=0.0))
    return bool(np.allclose(a, b, rtol=0.0, atol=1e-13 * scale, equal_nan=True))
