"""Stand-ins for a student's functions: called here, they run in the sandbox, and change their arguments as there."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.homework.sandbox import Ended, Sandbox
from handgrad.homework.wire import Decoder, Encoder, WireError, readable
from handgrad.probe import ElsewhereError

__all__ = ["Answers", "Spent", "words"]

Tree = dict[str, Any]
KEPT = 48  # calls whose results are known again when they come back; the guest keeps more
_PLACE = re.compile(r"(arg|[0-9]{1,9}):([0-9]{1,9})")
_PLAIN = (type(None), bool, int, float, complex, str, np.generic)


@dataclass(frozen=True)
class Spent:
    """One call: its instructions, how many numbers came back in arrays, and how often it called other answers."""

    part: str
    name: str
    instructions: int
    returned: int
    others: int


class Answers:
    """What a student's notebook defines, asked for through one sandbox."""

    def __init__(self, sandbox: Sandbox, names: Sequence[str], spend: Callable[[int], None]) -> None:
        self.names = tuple(names)
        self._sandbox = sandbox
        self._spend = spend
        self._known: dict[int, tuple[Any, int, list[Any]]] = {}  # id -> (object, handle, path into it)
        self._arrays: dict[int, list[np.ndarray[Any, Any]]] = {}
        self._recent: deque[tuple[int, list[int]]] = deque()  # the handle and ids that a call has made known
        self.calls: list[Spent] = []

    def ask(self, **request: Any) -> Tree:
        """The reply to a request. Raises Ended, also for a reply that is none."""
        text, used = self._sandbox.ask(json.dumps(request))
        self._spend(used)
        self.used = used
        try:
            reply = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Ended("protocol") from error
        if type(reply) is not dict:
            raise Ended("protocol")
        return reply

    def named(self, part: str) -> dict[str, Any]:
        """What the names stand for in a part: a stand-in for each function, other values as they are.

        On both sides, what earlier calls have returned is let go of.
        """
        self.forget()
        told = self.ask(op="names", part=part, names=self.names)
        found: dict[str, Any] = {}
        for name in self.names:
            about = told.get(name)
            if type(about) is not dict:
                raise Ended("protocol")
            if about.get("function") is True:
                found[name] = self._function(part, name)
            elif "value" in about:
                found[name] = self._decoded(about["value"], Decoder())
        return found

    def forget(self) -> None:
        """Let go of what calls have returned."""
        self._known.clear()
        self._arrays.clear()
        self._recent.clear()

    def _function(self, part: str, name: str) -> Callable[..., Any]:
        def stand_in(*arguments: Any) -> Any:
            return self._call(part, name, arguments)

        stand_in.__name__ = name
        return stand_in

    def _call(self, part: str, name: str, arguments: Sequence[Any]) -> Any:
        trees = [self._tree(argument) for argument in arguments]
        try:
            others = [other for other in self.names if other != name]
            reply = self.ask(op="call", part=part, name=name, args=trees, others=others)
        except Ended as stop:
            stop.where = name
            raise
        if reply.get("not_attempted") is True:
            raise NotImplementedError
        if reply.get("raised"):
            raise ElsewhereError(words(reply["raised"]))
        decoder = Decoder()
        value = self._decoded(reply.get("value"), decoder)
        handle, counted = reply.get("handle"), reply.get("others")
        if type(handle) is not int or type(counted) is not int:
            raise Ended("protocol")
        returned = sum(array.size for array in decoder.arrays)
        self.calls.append(Spent(part, name, self.used, returned, counted))
        if len(self._recent) >= KEPT:
            self._let_go(*self._recent.popleft())
        self._arrays[handle] = decoder.arrays
        self._recent.append((handle, []))
        self._remember(value, handle, [])
        self._change(reply.get("changed"), arguments)
        return value

    def _decoded(self, tree: Any, decoder: Decoder) -> Any:
        try:
            return decoder.decode(tree)
        except WireError as error:
            raise Ended("protocol") from error

    def _tree(self, argument: Any) -> Tree:
        known = self._known.get(id(argument))
        if known is not None and known[0] is argument:
            return {"ref": known[1], "path": known[2]}
        return Encoder().encode(argument)

    def _remember(self, value: Any, handle: int, path: list[Any]) -> None:
        """Know the object again when it comes back as an argument, as a cache does."""
        if (type(value) is tuple and not value) or isinstance(
            value, _PLAIN
        ):  # shared by all who have an equal one
            return
        self._known[id(value)] = (value, handle, path)
        self._recent[-1][1].append(id(value))
        if type(value) in (tuple, list) and len(path) < 2:
            for place, item in enumerate(value):
                self._remember(item, handle, [*path, place])

    def _let_go(self, handle: int, known: list[int]) -> None:
        self._arrays.pop(handle, None)
        for number in known:
            self._known.pop(number, None)

    def _change(self, changed: Any, arguments: Sequence[Any]) -> None:
        """Repeat on our side what the call changed in place: in its arguments, in what earlier calls returned."""
        if type(changed) is not dict:
            raise Ended("protocol")
        decoder = Decoder()  # one for all of them, so that its bounds hold for their sum
        for where, tree in changed.items():
            found = _PLACE.fullmatch(where)
            if found is None:
                raise Ended("protocol")
            try:
                target = (arguments if found[1] == "arg" else self._arrays[int(found[1])])[int(found[2])]
            except LookupError as error:
                raise Ended("protocol") from error
            now = self._decoded(tree, decoder)
            if type(target) is dict and type(now) is dict:
                target.clear()
                target.update(now)
            elif _alike(target, now):
                np.copyto(target, now)


def _alike(a: Any, b: Any) -> bool:
    both = type(a) is np.ndarray and type(b) is np.ndarray
    return both and (a.shape, a.dtype) == (b.shape, b.dtype) and bool(a.flags.writeable)


def words(raised: Any) -> str:
    """What the sandbox says was raised, as text that can be kept. Raises Ended for anything but a text."""
    if type(raised) is not str:
        raise Ended("protocol")
    return readable(raised[:1000])
