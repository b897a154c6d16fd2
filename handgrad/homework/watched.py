"""A sandbox with a clock, whose own failure cannot be taken for an exception of the student's."""

from __future__ import annotations

import time
from collections.abc import Callable

from handgrad.errors import layout
from handgrad.homework.sandbox import Ended, Limits, Sandbox, SandboxError
from handgrad.probe import Stopped

__all__ = ["Broken", "Clock", "Watched"]

# A request waits for as long as neither this nor its instructions account for, on a machine however busy.
GRACE = 0.25  # seconds
SLOWEST = 2e8  # instructions a second: a fifteenth of what is usual
PATIENCE = 4  # times the seconds of one request: all that one submission may wait


class Broken(Stopped):
    """The sandbox itself has failed: no student's doing, and no part's. Ends the judging; `error` says why."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        said = f"{type(error).__name__}: {error}"
        broken = SandboxError(layout("sandbox", "failed: this submission was not graded", [said]))
        self.error = error if isinstance(error, SandboxError) else broken


class Clock:
    """What the requests of one submission have waited: in its present part, in all, and the time in all."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.most = limits.instructions  # of one request
        self._part = self._waited = self._passed = 0.0

    def next_part(self) -> None:
        """A part begins."""
        self._part = 0.0

    def passed(self, seconds: float, instructions: int) -> None:
        """A request took so long and did so much."""
        waited = max(0.0, seconds - GRACE - instructions / SLOWEST)
        self._part += waited
        self._waited += waited
        self._passed += seconds

    def check(self) -> None:
        """Raises Ended: "time" for a part that waited longer than one request may, "total" for all parts."""
        limits = self._limits
        if self._passed > limits.seconds * limits.starts or self._waited > limits.seconds * PATIENCE:
            raise Ended("total")
        if self._part > limits.seconds:
            self._part = 0.0
            raise Ended("time")


class Watched:
    """The sandbox that `fresh` opens, and a clock of its requests. Opening and asking may raise Broken."""

    def __init__(self, fresh: Callable[[], Sandbox], clock: Clock) -> None:
        self._clock = clock
        try:
            self._inner = fresh()
        except Exception as error:
            raise Broken(error) from error
        self.close = self._inner.close

    def ask(self, request: str) -> tuple[str, int]:
        """The reply to a request, and its instructions. Raises Ended or Broken."""
        start, used = time.monotonic(), 0
        try:
            reply, used = self._inner.ask(request)
            return reply, used
        except Exception as error:
            raise Broken(error) from error
        except Ended as stop:
            used = self._clock.most if stop.ending == "instructions" else 0
            raise
        finally:
            self._clock.passed(time.monotonic() - start, used)
