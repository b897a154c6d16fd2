"""Isolation for code that you trust: a plain subprocess with limits. It sees your files and your network."""

from __future__ import annotations

import math
import os
import selectors
import signal
import subprocess
import sys
import time

from handgrad.errors import layout
from handgrad.homework.sandbox import Ended, Limits, SandboxError, bootstrap

__all__ = ["ProcessSandbox"]

_MOST = 1 << 20  # bytes that one reply may have
_GRACE = 2  # seconds after those of a request, when the child ends itself

# The child keeps its two pipes to itself and gives the student's code an empty stdin and no output.
_CHILD = """
import os, sys
requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
nowhere = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(nowhere, number)
try:
    import resource
except ImportError:
    resource = None
seconds, memory, wait = map(int, sys.argv[1:])
try:
    from signal import alarm
except ImportError:
    alarm = lambda seconds: None
if resource is not None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
space = {}
exec(requests.read(int(requests.readline())), space)
while True:
    line = requests.readline()
    if not line:
        break
    alarm(wait)  # who asked may be gone, and then nobody else ends what waits
    reply = space["_answer"](requests.read(int(line)).decode()).encode()
    replies.write(b"%d\\n" % len(reply) + reply)
    replies.flush()
    alarm(0)
"""


class ProcessSandbox:
    """One child process. Its instructions are not counted, so a busy machine can change a verdict."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        allowance = (limits.memory_mb << 20) + (2 << 30)  # NumPy maps much more than it uses
        bounds = (int(limits.seconds * 4), allowance, math.ceil(limits.seconds) + _GRACE)
        argv = [sys.executable, "-I", "-c", _CHILD, *map(str, bounds)]
        clean = {"PATH": os.environ.get("PATH", ""), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=clean,
                start_new_session=True,  # what it starts ends with it
            )
            assert self._child.stdin is not None
            os.set_blocking(self._child.stdin.fileno(), False)
            self._write(bootstrap(), time.monotonic() + limits.seconds)
        except (OSError, Ended) as error:
            said = f"{type(error).__name__}: {error}"
            raise SandboxError(layout("sandbox", "does not start: nothing was graded", [said])) from error

    def ask(self, request: str) -> tuple[str, int]:
        """One request and its reply, within the seconds of a request."""
        deadline = time.monotonic() + self._limits.seconds
        try:
            self._write(request, deadline)
        except OSError as error:
            raise Ended("exit") from error
        head = self._read(None, deadline)
        if not head.isdigit() or int(head) > _MOST:
            raise Ended("protocol")
        return self._read(int(head), deadline).decode("utf-8", "replace"), 0

    def _write(self, text: str, deadline: float) -> None:
        """All of a request. Raises Ended when the child does not read it in time."""
        assert self._child.stdin is not None
        data = text.encode()
        left = memoryview(b"%d\n" % len(data) + data)
        target = self._child.stdin.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(target, selectors.EVENT_WRITE)
            while left:
                waiting = deadline - time.monotonic()
                if waiting <= 0 or not selector.select(waiting):
                    raise Ended("time")
                left = left[os.write(target, left[:65536]) :]

    def _read(self, size: int | None, deadline: float) -> bytes:
        """So many bytes, or a short line. Raises Ended when the child is gone or late."""
        assert self._child.stdout is not None
        source, got = self._child.stdout.fileno(), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            while size is None or len(got) < size:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise Ended("time")
                piece = os.read(source, 1 if size is None else min(size - len(got), 65536))
                if not piece:
                    self._child.wait()
                    raise Ended("time" if self._child.returncode == -24 else "exit")
                if size is None and (piece == b"\n" or len(got) > 12):
                    break
                got += piece
        return bytes(got)

    def close(self) -> None:
        """End the child, whatever it does."""
        if hasattr(os, "killpg"):
            try:
                os.killpg(self._child.pid, signal.SIGKILL)
            except OSError:  # all of them are gone
                self._child.kill()
        else:
            self._child.kill()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        self._child.wait()
