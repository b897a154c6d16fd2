"""A sandbox with a clock, whose own failure cannot be taken for an exception of the student's."""

from __future__ import annotations

import time
from collections.abc import Callable

from handgrad.errors import layout
from handgrad.homework.sandbox import Sandbox, SandboxError
from handgrad.probe import Stopped

__all__ = ["Broken", "Watched"]


class Broken(Stopped):
    """The sandbox itself has failed: no student's doing, and no part's. Ends the judging; `error` says why."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        said = f"{type(error).__name__}: {error}"
        broken = SandboxError(layout("sandbox", "failed: this submission was not graded", [said]))
        self.error = error if isinstance(error, SandboxError) else broken


class Watched:
    """The sandbox that `fresh` opens; `waited` is told the seconds of each request. Both may raise Broken."""

    def __init__(self, fresh: Callable[[], Sandbox], waited: Callable[[float], None]) -> None:
        self._waited = waited
        try:
            self._inner = fresh()
        except Exception as error:
            raise Broken(error) from error
        self.close = self._inner.close

    def ask(self, request: str) -> tuple[str, int]:
        """The reply to a request, and its instructions. Raises Ended or Broken."""
        start = time.monotonic()
        try:
            return self._inner.ask(request)
        except Exception as error:
            raise Broken(error) from error
        finally:
            self._waited(time.monotonic() - start)
