"""Values as JSON between the grader and the sandbox, the same module on both sides.

What comes back is data from an untrusted place: it is read with bounds, and only plain numbers, strings,
arrays of numbers and containers of these are built; anything else becomes a stand-in that has its type's name.
"""

from __future__ import annotations

import base64
import math
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["MOST_BYTES", "Decoder", "Encoder", "Foreign", "WireError", "readable"]

MOST_NODES = 5_000
MOST_DEPTH = 24
MOST_BYTES = 400_000  # of the arrays of one value
MOST_TEXT = 20_000  # characters of one string
DTYPES = frozenset(["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"])


class WireError(ValueError):
    """What came over the wire is not a value."""


class Foreign:
    """Stands for an object of a type that does not cross; its class bears the type's name."""


def _code(dtype: np.dtype[Any]) -> str:
    """The name of a dtype that crosses, or ''."""
    name = "?" if dtype.kind == "b" else f"{dtype.kind}{dtype.itemsize}"
    return name if name in DTYPES else ""


class Encoder:
    """Writes one value as a tree of JSON; `arrays` are the plain arrays met, in order, for `refresh`."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self._nodes = 0
        self._bytes = 0
        self._above: set[int] = set()

    def encode(self, value: Any, depth: int = 0) -> dict[str, Any]:
        """The tree of `value`. Never raises for a strange one: it is then foreign."""
        self._nodes += 1
        kind = type(value)
        if value is None or kind is bool:
            return {"v": value}
        if kind is int:
            return {"v": value} if -(2**63) <= value < 2**64 else _foreign("int too large to hand over")
        if kind is float:
            return {"f": value.hex()}
        if kind is complex:
            return {"c": [value.real.hex(), value.imag.hex()]}
        if kind is str:
            return {"v": value[:MOST_TEXT].encode("utf-8", "replace").decode("utf-8")}
        if kind is np.ndarray:
            return self._array(value)
        if issubclass(kind, np.generic) and kind.__module__ == "numpy" and _code(np.dtype(kind)):
            plain = np.empty((), np.dtype(kind))
            plain[()] = value
            return {"s": _code(plain.dtype), "d": base64.b64encode(plain.tobytes()).decode()}
        if depth >= MOST_DEPTH or self._nodes >= MOST_NODES or id(value) in self._above:
            return _foreign(_name(kind))
        self._above.add(id(value))
        try:
            return self._container(value, kind, depth)
        finally:
            self._above.discard(id(value))

    def _container(self, value: Any, kind: type, depth: int) -> dict[str, Any]:
        if issubclass(kind, np.ndarray):
            shape = np.ndarray.__getattribute__(value, "shape")
            return {"sub": _name(kind), "shape": [int(size) for size in shape]}
        if issubclass(kind, tuple | list):
            walk = tuple.__iter__ if issubclass(kind, tuple) else list.__iter__
            inside = [self.encode(item, depth + 1) for item in list(walk(value))[:MOST_NODES]]
            return {"t" if issubclass(kind, tuple) else "l": inside}
        if kind is dict:
            pairs = [(k, v) for k, v in list(value.items())[:MOST_NODES] if type(k) in (str, int)]
            return {"m": [[key, self.encode(item, depth + 1)] for key, item in pairs]}
        try:
            attributes: Any = object.__getattribute__(value, "__dict__")
        except Exception:
            attributes = None
        if type(attributes) is not dict or issubclass(kind, type):
            return _foreign(_name(kind))
        return {**_foreign(_name(kind)), "in": self._container(attributes, dict, depth)}

    def _array(self, value: np.ndarray[Any, Any]) -> dict[str, Any]:
        code, shape = _code(value.dtype), list(value.shape)
        self._bytes += value.nbytes
        if self._bytes > MOST_BYTES:
            return _foreign("array too large to hand over")
        self.arrays.append(value)
        if not code:
            return {"o": value.dtype.name[:40], "shape": shape}
        data = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
        return {"a": code, "shape": shape, "d": base64.b64encode(data).decode()}


def _foreign(name: str) -> dict[str, Any]:
    return {"x": name}


def _name(kind: type) -> str:
    try:
        return str(type.__dict__["__name__"].__get__(kind))[:80]
    except Exception:
        return "object"


class Decoder:
    """Builds the value of a tree; `arrays` are the arrays built, in the order of `Encoder.arrays`."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.made: list[Any] = []  # every container, array and stand-in built
        self._nodes = 0
        self._bytes = 0

    def decode(self, tree: Any, depth: int = 0) -> Any:
        """The value. Raises WireError for a tree that no Encoder writes."""
        self._nodes += 1
        if type(tree) is not dict or depth > MOST_DEPTH + 2 or self._nodes > 2 * MOST_NODES:
            raise WireError("not a value, or too deep, or too large")
        try:
            return self._build(tree, depth)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise WireError(f"{type(error).__name__} in a value") from error

    def _build(self, tree: dict[str, Any], depth: int) -> Any:
        value: Any
        if "v" in tree:
            return _plain_value(tree["v"])
        if "f" in tree:
            return float.fromhex(_text(tree["f"]))
        if "c" in tree:
            real, imaginary = tree["c"]
            return complex(float.fromhex(_text(real)), float.fromhex(_text(imaginary)))
        if "s" in tree:
            return self._plain(tree["s"], (), tree["d"])[()]
        if "a" in tree or "o" in tree or "sub" in tree:
            return self._array(tree)
        if "t" in tree:
            value = tuple(self.decode(item, depth + 1) for item in _list(tree["t"]))
        elif "l" in tree:
            value = [self.decode(item, depth + 1) for item in _list(tree["l"])]
        elif "m" in tree:
            value = {_key(key): self.decode(item, depth + 1) for key, item in _list(tree["m"])}
        else:
            value = _stand_in(tree["x"], Foreign)()
            if "in" in tree:
                inside = self.decode(tree["in"], depth + 1)
                if type(inside) is not dict:
                    raise WireError("attributes that are no dict")
                value.__dict__.update({name: held for name, held in inside.items() if type(name) is str})
        self.made.append(value)
        return value

    def _array(self, tree: dict[str, Any]) -> np.ndarray[Any, Any]:
        shape = tuple(_size(size) for size in _list(tree["shape"]))
        value: np.ndarray[Any, Any]
        if "a" in tree:
            value = self._plain(tree["a"], shape, tree["d"])
        else:
            self._take(8 * math.prod(shape))
            kind = _stand_in(tree["sub"], np.ndarray) if "sub" in tree else np.ndarray
            value = np.zeros(shape, float if "sub" in tree else object).view(kind)
        if "sub" not in tree:
            self.arrays.append(value)
        self.made.append(value)
        return value

    def _plain(self, code: Any, shape: tuple[int, ...], data: Any) -> np.ndarray[Any, Any]:
        if code not in DTYPES:
            raise WireError("not a dtype that crosses")
        dtype = np.dtype(code).newbyteorder("<")
        size = math.prod(shape) * dtype.itemsize
        self._take(size)
        raw = base64.b64decode(_text(data), validate=True)
        if len(raw) != size:
            raise WireError("an array of another size than its shape")
        if code == "?":  # a byte that is neither 0 nor 1 is no truth value
            return np.frombuffer(raw, "u1").reshape(shape).astype(bool)
        return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="))

    def _take(self, count: int) -> None:
        self._bytes += count
        if self._bytes > MOST_BYTES:
            raise WireError("arrays of more bytes than may cross")


def _stand_in(name: Any, base: type) -> type:
    return _made("".join(c for c in _text(name)[:80] if c.isprintable()) or "object", base)


@lru_cache(maxsize=64)
def _made(name: str, base: type) -> type:
    """One class for each name, so that two values of one type are of one type here too."""
    return type(name, (base,), {})


def _plain_value(value: Any) -> Any:
    if type(value) is str:
        return readable(value[:MOST_TEXT])
    if type(value) is int and not -(2**63) <= value < 2**64:
        raise WireError("an integer too large")
    if value is not None and type(value) not in (bool, int):
        raise WireError("not a plain value")
    return value


def readable(text: str) -> str:
    """The text as UTF-8 can hold it: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise WireError("not a text")
    return value


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise WireError("not a list")
    return value


def _key(value: Any) -> str | int:
    if type(value) not in (str, int):
        raise WireError("not a key")
    plain: str | int = _plain_value(value)
    return plain


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_BYTES:
        raise WireError("not a size")
    return value
