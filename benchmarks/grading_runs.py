"""What one run of the benchmark was: when, on what machine, how busy, with what versions; each part names its run."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

__all__ = ["Run", "load", "words"]


def load() -> float:
    """How busy the machine is, with this and with other work."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else -1.0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


class Run:
    """One start of the program. `name` is the moment it began at; what is stored of each part says it."""

    def __init__(self, versions: Mapping[str, str]) -> None:
        self.name = datetime.now(UTC).isoformat(timespec="seconds")
        self._begun = perf_counter()
        self.record: dict[str, Any] = {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
            "versions": dict(versions),
            "parts": {},
        }

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """While a part runs: its load at the start, and its seconds. Prints that it begins and ends."""
        start, busy = perf_counter(), load()
        print(f"{self._clock()} {name} begins, load {busy}", flush=True)
        yield
        self.record["parts"][name] = {"load": busy, "seconds": round(perf_counter() - start)}
        print(f"{self._clock()} {name} has ended after {perf_counter() - start:.0f} s", flush=True)

    def _clock(self) -> str:
        seconds = int(perf_counter() - self._begun)
        return f"[{seconds // 60:02d}:{seconds % 60:02d}]"


def words(stored: Mapping[str, Any], parts: tuple[str, ...]) -> str:
    """Whether all parts are of one run, and of which; otherwise, which part is of which."""
    of = {part: stored.get(part, {}).get("run", "") for part in parts}
    names = sorted(set(of.values()))
    if len(names) == 1 and names[0]:
        return f"**One run**, begun {_when(names[0])}, of all parts: {_about(stored['runs'][names[0]])}"
    lines = [
        "**Not one run.** The parts below were measured at different times, perhaps with different versions:"
    ]
    for name in names:
        which = ", ".join(part for part in parts if of[part] == name)
        if not name:
            lines.append(f"- {which}: in a run that was not noted, or not at all.")
        else:
            lines.append(f"- {which}: begun {_when(name)}; {_about(stored['runs'][name])}")
    return "\n".join(lines)


def _when(name: str) -> str:
    return name.replace("T", " at ").replace("+00:00", " UTC")


def _about(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    loads = ", ".join(f"{part} {about['load']}" for part, about in record["parts"].items())
    return (
        f"{versions}; {record['processor']}, {record['cores']} cores, {record['system']}, "
        f"Python {record['python']}. Load of the machine as each part began: {loads}."
    )
