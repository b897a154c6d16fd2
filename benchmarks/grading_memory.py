"""The memory of a program and all that it starts: the sum of their proportional set sizes, sampled while it runs."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Peak", "peak_while", "pss_of_tree", "tree"]

EVERY = 0.2  # seconds between two samples


def tree(root: int) -> list[int]:
    """A process and its descendants, whatever sessions they have made for themselves. Needs /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has ended since
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(path.parent.name))
    found = [root]
    for pid in found:  # it grows meanwhile
        found += children.get(pid, [])
    return found


def pss_of_tree(root: int) -> dict[int, int]:
    """Bytes of a process and each of its descendants; what several of them share is split. Empty without /proc."""
    sizes = {}
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        sizes[pid] = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) << 10
    return sizes


class Peak:
    """Samples the tree of a process until it is told to stop; `bytes` is the most that was seen.

    With `most`, the largest process below the root is ended when all together have more: what the system does when
    memory runs out, before it runs out for everybody. `cut` says whether that was done.
    """

    def __init__(self, root: int, most: int = 0) -> None:
        self.bytes, self.most, self.cut = 0, most, False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(root,), daemon=True)
        self._thread.start()

    def _watch(self, root: int) -> None:
        while not self._stop.wait(EVERY):
            sizes = pss_of_tree(root)
            self.bytes = max(self.bytes, sum(sizes.values()))
            below = [pid for pid in sizes if pid != root]
            if self.most and sum(sizes.values()) > self.most and below:
                try:
                    os.kill(max(below, key=sizes.__getitem__), 9)
                except OSError:
                    continue
                self.cut = True

    def stop(self) -> int:
        """The most bytes seen."""
        self._stop.set()
        self._thread.join()
        return self.bytes


def peak_while(
    argv: Sequence[str], cwd: Path, env: dict[str, str], most: int = 0
) -> tuple[subprocess.CompletedProcess[str], Peak]:
    """Run a program; what it came to, and what was seen of the memory that it and its children held."""
    child = subprocess.Popen(
        list(argv), cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak = Peak(child.pid, most)
    said = child.communicate()
    peak.stop()
    return subprocess.CompletedProcess(list(argv), child.returncode, *said), peak
