"""The one interface to what runs a student's code: ask it something, get a text, or learn what limit it met."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from handgrad.errors import HandgradError
from handgrad.probe import Stopped
from handgrad.version import VERSION

__all__ = [
    "ENDINGS",
    "Ended",
    "Isolation",
    "Limits",
    "Sandbox",
    "SandboxError",
    "bootstrap",
    "opener",
]

Isolation = Literal["wasm", "process"]

# How student code can end what runs it, and the words for it.
ENDINGS = {
    "instructions": "it ran out of instructions: a loop that does not end, or far too much work",
    "time": "it ran out of time: it waited for something, or worked far too long",
    "memory": "it ran out of memory",
    "output": "it printed more than is kept",
    "recursion": "it nested too deeply",
    "exit": "it ended the whole program",
    "total": "this submission has used all that one submission may use",
    "protocol": "what it handed back cannot be read",
}


class SandboxError(HandgradError):
    """The sandbox is missing or broken: nothing is graded."""


class Ended(Stopped):
    """The student's code met a limit, and what ran it is gone; `ending` is one of ENDINGS."""

    def __init__(self, ending: str) -> None:
        super().__init__(ENDINGS[ending])
        self.ending = ending
        self.where = ""  # the function that was being called


@dataclass(frozen=True)
class Limits:
    """What one submission may use: for one request to it (a cell or a call), and `total` for all.

    `instructions` make a verdict the same on a busy machine; `seconds` are for what waits without computing.
    `starts` bounds how often the sandbox is begun afresh after student code has ended it.
    """

    instructions: int = 5_000_000_000
    total: int = 60_000_000_000
    seconds: float = 10.0
    memory_mb: int = 192
    output_kb: int = 256
    starts: int = 8

    def as_dict(self) -> dict[str, Any]:
        """The limits by name."""
        return asdict(self)


class Sandbox(Protocol):
    """A fresh interpreter that holds one submission. After `Ended` it may only be closed."""

    def ask(self, request: str) -> tuple[str, int]:
        """The reply to a request, and the instructions that it took (0 if they are not counted). Raises Ended."""

    def close(self) -> None:
        """Let go of it."""


# What stands beside the guest, by the name it has there. Each is compiled by itself.
_MODULES = {
    "_probe": "handgrad.probe",
    "_wire": "handgrad.homework.wire",
    "_guest": "handgrad.homework.guest",
}


def bootstrap() -> str:
    """The program that begins a sandbox: the guest and its two helpers, then the guest itself."""
    # Beside what is needed, what many submissions import: here it costs their calls nothing.
    lines = ["import gc, sys, types, logging, random, numpy.random"]
    for name, module in _MODULES.items():
        code = f"compile({_source(module)!r}, '<{name[1:]}>', 'exec', dont_inherit=True)"
        lines.append(f"_module = sys.modules[{name!r}] = types.ModuleType({name!r})")
        lines.append(f"exec({code}, _module.__dict__)")
    made = f"sys.modules['_guest'].Guest(sys.modules['_probe'], sys.modules['_wire'], {VERSION!r})"
    lines.append(f"_answer = {made}.answer")
    # What is there by now stays: to look it through, a collection would take 10⁷ instructions of a student's call.
    return "\n".join([*lines, "gc.collect()", "gc.freeze()"])


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def opener(isolation: Isolation, limits: Limits) -> Callable[[], Sandbox]:
    """What opens a fresh sandbox of this kind. Raises SandboxError if it is missing, with what to do."""
    if isolation == "process":
        from handgrad.homework.process import ProcessSandbox

        return lambda: ProcessSandbox(limits)
    from handgrad.homework.wasm import WasmSandbox, available

    available()
    return lambda: WasmSandbox(limits)
