"""What runs inside the sandbox: the student's cells, then calls of the student's functions.

Nothing here is trusted once a student's cell has run, and nothing here is secret: no reference, no expected
value, no seed. It stands alone; `probe` and `wire` are put beside it, and `take` and `give` are the way out.
"""

from __future__ import annotations

import io
import json
import linecache
import os
import sys
import types
from collections.abc import Callable
from typing import Any

__all__ = ["TOO_MUCH", "Guest"]

PRINTED = 8_000_000  # characters for each request
TOO_MUCH = 75  # the exit status of a program that printed more

# Imports that only show something. They cost much and change no answer, so a stand-in accepts anything.
KEPT = 64  # calls whose results are held for the calls after them
SHOWS = ("IPython", "anywidget", "ipywidgets", "matplotlib", "seaborn")


class Anything:
    """Accepts any call, attribute and item, and gives itself."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        return

    def __iter__(self) -> Any:
        return iter((self, self))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: Any) -> None:
        return


class Stub(types.ModuleType):
    """A module in which every name is there and does nothing."""

    __path__: list[str] = []  # noqa: RUF012 - a package, so that submodules may be asked for

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class Finder:
    """Answers the imports of SHOWS with stubs."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, is_package=True) if name.split(".")[0] in SHOWS else None  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> Any:
        return Stub(spec.name)

    def exec_module(self, module: Any) -> None:
        return


class Screen(io.TextIOBase):
    """Takes what is printed and keeps nothing; ends a program that prints without end.

    Handing it on would cost time, which differs from machine to machine, and no instructions.
    """

    left = PRINTED

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.left -= len(text)
        if self.left < 0:
            os._exit(TOO_MUCH)
        return len(text)


class Ungraded:
    """What a check returns here: the judging is done elsewhere."""

    ok, verdict, findings = False, "not attempted", ()

    def points(self, *args: Any, **kwargs: Any) -> float:
        return 0.0

    def __repr__(self) -> str:
        return "judged after it is handed in"


class Shell:
    """What IPython's get_ipython() is for: cell magics run their cell, line magics do nothing."""

    def __init__(self, run: Callable[[str], None]) -> None:
        self._run = run

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        if name in ("capture", "time", "timeit", "prun"):
            self._run(cell)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


class Counted:
    """Counts how often some functions start. A hint, no more: student code could stop it."""

    def __init__(self, functions: Any) -> None:
        self.count = 0
        codes = [getattr(function, "__code__", None) for function in functions]
        self.codes = [code for code in codes if isinstance(code, types.CodeType)]
        self.tool = getattr(sys, "monitoring", None)

    def started(self, code: Any, offset: int) -> None:
        self.count += 1

    def __enter__(self) -> None:
        if self.tool is not None and self.codes:
            number, event = self.tool.PROFILER_ID, self.tool.events.PY_START
            if self.tool.get_tool(number) is None:
                self.tool.use_tool_id(number, "counted")
            self.tool.register_callback(number, event, self.started)
            for code in self.codes:
                self.tool.set_local_events(number, code, event)

    def __exit__(self, *args: Any) -> None:
        if self.tool is not None and self.codes:
            for code in self.codes:
                self.tool.set_local_events(self.tool.PROFILER_ID, code, 0)


class Guest:
    """The student's namespace and the requests about it: each is a dict with an `op`, each gives a dict."""

    def __init__(self, probe: Any, wire: Any, version: str) -> None:
        self.probe, self.wire = probe, wire
        self.space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        self.space["display"] = lambda *things, **options: None
        self.space["get_ipython"] = lambda: Shell(lambda text: self.execute(text, "<magic>"))
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.objects: dict[int, Any] = {}
        self.arrays: dict[int, list[Any]] = {}
        self.calls = 0
        sys.stdout = self.screen = Screen()
        sys.meta_path.insert(0, Finder())
        sys.modules["handgrad"] = self.package(version)

    def package(self, version: str) -> types.ModuleType:
        """A `handgrad` whose checks judge nothing."""
        import numpy

        made = types.ModuleType("handgrad")
        for name in ("check", "check_choice", "check_formula", "check_gradient", "check_shape"):
            setattr(made, name, lambda *args, **kwargs: Ungraded())
        made.generator = lambda *key: numpy.random.default_rng(key)  # type: ignore[attr-defined]
        made.__version__ = version  # type: ignore[attr-defined]
        return made

    def answer(self, text: str) -> str:
        """The reply to one request, both JSON."""
        request = json.loads(text)
        self.screen.left = PRINTED
        reply = getattr(self, f"on_{request['op']}")(request)
        return json.dumps(reply)

    def execute(self, source: str, name: str) -> None:
        """Run a cell in the student's namespace; its lines can be quoted in a message."""
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        try:
            code = compile(source, name, "exec", dont_inherit=True)
        except SyntaxError as error:
            line = (error.text or "").rstrip()
            words = f"{type(error).__name__}: {error.msg}\n  in line {error.lineno}: {line.strip()[:120]}"
            raise self.probe.ElsewhereError(words) from None
        exec(code, self.space)

    def on_cell(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one cell; {"raised": words} if it does."""
        got = self.probe.call(self.execute, request["source"], request["name"])
        return {"raised": "NotImplementedError" if got.not_attempted else got.raised}

    def on_cells(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run cells one after the other, each with the parts to keep after it; {"raised": words for each}."""
        raised = []
        for cell in request["cells"]:
            raised.append(self.on_cell(cell)["raised"])
            if cell["keep"]:
                self.on_keep({"parts": cell["keep"]})
        return {"raised": raised}

    def on_keep(self, request: dict[str, Any]) -> dict[str, Any]:
        """Remember what the names stand for now, as the answers to these parts."""
        for part in request["parts"]:
            self.snapshots[part] = dict(self.space)
        return {}

    def on_names(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the names stand for in a part: {"function": true}, a value's tree, or {"missing": true}.

        What earlier calls have returned is let go of.
        """
        self.objects.clear()
        self.arrays.clear()
        told = {}
        for name in request["names"]:
            found = self.find(request["part"], name)
            if found is None:
                told[name] = {"missing": True}
            elif callable(found):
                told[name] = {"function": True}
            else:
                told[name] = {"value": self.wire.Encoder().encode(found)}
        return told

    def find(self, part: str, name: str) -> Any:
        """What a name stood for when the part's own cell came, or else stands for at the end."""
        kept = self.snapshots.get(part, {}).get(name)
        return self.space.get(name) if kept is None else kept

    def on_call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call a function; the reply says what it returned and what it changed in place."""
        function = self.find(request["part"], request["name"])
        decoder = self.wire.Decoder()
        arguments, watched = [], []
        for place, argument in enumerate(request["args"]):
            if "ref" in argument:
                handle = argument["ref"]
                value = self.objects[handle]
                for path in argument["path"]:
                    value = value[path]
                watched += [(f"{handle}:{i}", array) for i, array in enumerate(self.arrays[handle])]
            else:
                value = decoder.decode(argument)
                if isinstance(value, dict) or "a" in argument:
                    watched.append((f"arg:{place}", value))
            arguments.append(value)
        before = {where: self.wire.Encoder().encode(value) for where, value in watched}
        others = Counted(self.space[name] for name in request["others"] if name in self.space)
        with others:
            got = self.probe.call(function, *arguments)
        if got.raised or got.not_attempted:
            return {"raised": got.raised, "not_attempted": got.not_attempted}
        encoder = self.wire.Encoder()
        tree = encoder.encode(got.value)
        handle = self.calls
        self.calls += 1
        self.objects[handle], self.arrays[handle] = got.value, encoder.arrays
        if handle >= KEPT:
            self.objects.pop(handle - KEPT, None)
            self.arrays.pop(handle - KEPT, None)
        after = {where: self.wire.Encoder().encode(value) for where, value in watched}
        changed = {where: after[where] for where in after if after[where] != before[where]}
        return {"value": tree, "handle": handle, "changed": changed, "others": others.count}
