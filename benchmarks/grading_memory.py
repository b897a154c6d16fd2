"""The memory of a program and all that it starts: the sum of their proportional set sizes, sampled while it runs."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Peak", "peak_while", "pss_of_tree"]

EVERY = 0.2  # seconds between two samples


def pss_of_tree(root: int) -> int:
    """Bytes of a process and its descendants; what several of them share is counted once. 0 without /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has ended since
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(path.parent.name))
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) << 10
    return total


class Peak:
    """Samples the tree of a process until it is told to stop; `bytes` is the most that was seen."""

    def __init__(self, root: int) -> None:
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(root,), daemon=True)
        self._thread.start()

    def _watch(self, root: int) -> None:
        while not self._stop.wait(EVERY):
            self.bytes = max(self.bytes, pss_of_tree(root))

    def stop(self) -> int:
        """The most bytes seen."""
        self._stop.set()
        self._thread.join()
        return self.bytes


def peak_while(
    argv: Sequence[str], cwd: Path, env: dict[str, str]
) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run a program; what it came to, and the most bytes that it and its children held."""
    child = subprocess.Popen(
        list(argv), cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak = Peak(child.pid)
    said = child.communicate()
    return subprocess.CompletedProcess(list(argv), child.returncode, *said), peak.stop()
