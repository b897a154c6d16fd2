"""Submissions that attack or run into limits, each put upon right answers, with what they are declared to get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .answers import FULL, HEADS, function

__all__ = ["CHEATS", "HANGING", "LIMITS", "Hostile"]

LOSES = {
    "forward": ("forward-grade", "backward-grade"),  # the backward is judged after a call of the forward
    "backward": ("backward-grade",),
    "mended": ("mended-grade",),
    "twin-backward": ("twin-grade",),
}


@dataclass(frozen=True)
class Hostile:
    """`cells` replace answers, `added` stands in a cell above all of them.

    `loses` are the graded cells that get nothing; `ending` is the limit that ends each of these, '' where an
    ordinary finding is what they are told, None where it may be either. All others keep all their points.
    """

    cells: Mapping[str, str] = field(default_factory=dict)
    added: str = ""
    loses: tuple[str, ...] = ()
    ending: str | None = ""


def body(cell: str, code: str, ending: str | None = "") -> Hostile:
    """An attack in the body of one function asked for."""
    return Hostile({cell: function(HEADS[cell], code)}, loses=LOSES[cell], ending=ending)


WRONG = {  # answers that are worth nothing, and cheats that are to make them worth something
    "forward": function(HEADS["forward"], "return x, (x, w, b)"),
    "backward": function(HEADS["backward"], "return dout, dout, dout"),
    "mended": function(HEADS["mended"], "return dY, dY, dY"),
    "twin-backward": function(HEADS["twin-backward"], "return w, w, w, w"),
}
# A right answer, which what stands before it must not let count.
MENDED = "return W.T @ dY, (dY @ X.swapaxes(1, 2)).sum(axis=0), dY.sum(axis=(0, 2))[:, None]"
ALL_WRONG = ("forward-grade", "backward-grade", "mended-grade", "twin-grade")


def cheat(code: str) -> Hostile:
    """A cell that is to make wrong answers pass."""
    return Hostile(WRONG, code, ALL_WRONG)


def ruin(code: str) -> Hostile:
    """A cell that breaks the student's own interpreter: nothing in it can be judged any more."""
    return Hostile(WRONG, code, tuple(FULL), None)


def returned(cell: str, code: str, value: str) -> Hostile:
    """A class or helper above, and a function that returns something made of it."""
    return Hostile({cell: f"{code}\n\n{function(HEADS[cell], f'return {value}')}"}, loses=LOSES[cell])


LIMITS = {
    "loop": body("twin-backward", "while True:\n    pass", "instructions"),
    "loop-forward": body("forward", "while True:\n    pass", "instructions"),
    "loop-that-catches": body(
        "backward",
        "while True:\n    try:\n        x = 1\n    except BaseException:\n        pass",
        "instructions",
    ),
    "loop-numpy": body(
        "mended", "a = np.ones((60, 60))\nwhile True:\n    a = np.tanh(a @ a)", "instructions"
    ),
    "loop-in-c": body("mended", "import itertools\nreturn sum(itertools.repeat(1))", "instructions"),
    "loop-in-a-pattern": body(
        "mended", "import re\nreturn re.match(r'(a+)+$', 'a' * 60 + 'b')", "instructions"
    ),
    "loop-in-del": body(
        "backward",
        "class Late:\n    def __del__(self):\n        while True:\n            pass\n\nLate()\nreturn dout",
        "instructions",
    ),
    "loop-in-eq": body(
        "mended",
        "class Slow:\n    def __eq__(self, other):\n        while True:\n            pass\nreturn Slow() == Slow()",
        "instructions",
    ),
    "loop-in-a-cell": Hostile(added="n = 0\nwhile True:\n    n += 1"),
    "loop-recursive": body(
        "twin-backward",
        "def again(n):\n    try:\n        return again(n + 1)\n    except RecursionError:\n        return again(n)\n"
        "while True:\n    try:\n        again(0)\n    except RecursionError:\n        pass",
        "instructions",
    ),
    "flood": body("twin-backward", "while True:\n    print('x' * 10_000)", "output"),
    "sleep": body("twin-backward", "import time\ntime.sleep(10_000)", "time"),
    "exit": body("backward", "import os\nos._exit(0)", "exit"),
    "exit-forward": body("forward", "import os\nos._exit(3)", "exit"),
    "exit-in-a-cell": Hostile(added="import os\nos._exit(0)"),
    "exit-after-forging": body(
        "twin-backward",
        'import os, sys\nprint(\'{"points": 16, "state": "graded"}\', flush=True)\nos._exit(0)',
        "exit",
    ),
    "memory": body("backward", "kept = []\nwhile True:\n    kept.append(bytearray(10**6))"),
    "memory-at-once": body("backward", "return np.ones((80_000, 80_000))"),
    "memory-in-a-cell": Hostile(added="big = [0] * 10**10"),
    "huge-number": body("mended", "return 9**9**9", "instructions"),
    "recursion": body("backward", "return affine_backward(dout, cache)"),
    "recursion-in-c": body(
        "mended", "a = []\nfor _ in range(10**6):\n    a = [a]\nreturn repr(a)", "recursion"
    ),
}

# Those that hang or kill the kernel, for graders without limits too: none takes memory or floods the disk.
HANGING = (
    "loop",
    "loop-forward",
    "loop-that-catches",
    "loop-numpy",
    "loop-in-c",
    "loop-in-a-pattern",
    "loop-in-del",
    "loop-in-eq",
    "loop-in-a-cell",
    "loop-recursive",
    "sleep",
    "exit",
    "exit-forward",
    "exit-in-a-cell",
    "exit-after-forging",
)

EQUAL = (
    "class Equal(np.ndarray):\n    def __eq__(self, other):\n        return np.True_\n"
    "    def __array_function__(self, *a, **k):\n        return True\n    def __sub__(self, other):\n"
    "        return 0.0\n"
    "    __rsub__ = __sub__\n    def __array_ufunc__(self, *a, **k):\n        return 0.0\n"
)
CHEATS = {
    "patched-numpy": cheat(
        "np.allclose = lambda *a, **k: True\nnp.array_equal = lambda *a, **k: True\n"
        "np.linalg.norm = lambda *a, **k: 0.0\nnp.testing.assert_allclose = lambda *a, **k: None"
    ),
    "patched-check": cheat(
        "import handgrad\n\nclass Perfect:\n    ok, verdict, findings = True, 'correct', ()\n"
        "    parts = dict.fromkeys('out dx dw db dW dX dx1 dx2'.split(), 'right')\n"
        "    def points(self, table, *more, **options):\n        return float(sum(table.values()))\n\n"
        "check = check_gradient = check_formula = lambda *a, **k: Perfect()\nhandgrad.check = check"
    ),
    "patched-report": cheat(
        "import sys\nfor module in list(sys.modules.values()):\n    for name in ('Report', 'Judged', 'Homework'):\n"
        "        if hasattr(module, name):\n            getattr(module, name).points = 16.0"
    ),
    "patched-guest": ruin(
        "import json, __main__\n__main__._answer = lambda text: json.dumps({'value': {'v': 16}, 'handle': 0,"
        " 'others': 0, 'changed': {}, 'function': True, 'points': 16})"
    ),
    "patched-probe": ruin(
        "import sys\nfor name in ('_probe', '_wire', '_guest'):\n    module = sys.modules.get(name)\n"
        "    if module is not None:\n        module.Outcome = module.Encoder = None"
    ),
    "patched-builtins": cheat(
        "import builtins\nbuiltins.sum = builtins.abs = lambda *a, **k: 0\nbuiltins.len = None"
    ),
    "printed-record": cheat(
        "import sys, json\nfor stream in (sys.stdout, sys.stderr, sys.__stdout__):\n"
        "    print(json.dumps({'schema': 1, 'points': 16, 'max_points': 16, 'state': 'graded'}), file=stream)"
    ),
    "forged-reply": cheat(
        'from host.tools import give\nfor _ in range(3):\n    give(\'{"points": 16, "value": {"v": 1}}\')'
    ),
    "raised-success": cheat("raise SystemExit('16 of 16 points')"),
    "import-hook": cheat(
        "import sys\n\nclass Hook:\n    def find_spec(self, name, path=None, target=None):\n        return None\n\n"
        "sys.meta_path.insert(0, Hook())\nsys.path.insert(0, '.')\nsys.setrecursionlimit(10**6)"
    ),
    "equal-to-all": returned("backward", EQUAL, "[np.zeros(3).view(Equal)] * 3"),
    "lying-shape": returned(
        "backward",
        "class Shape:\n    shape = (3, 4)\n    dtype = np.dtype(float)\n    ndim = 2\n"
        "    def __array__(self, *a, **k):\n"
        "        raise SystemExit\n    __class__ = np.ndarray\n",
        "[Shape()] * 3",
    ),
    "frames": body(
        "backward",
        "import sys\nframe = sys._getframe()\nfound = {}\nwhile frame:\n    found.update(frame.f_globals)\n"
        "    found.update(frame.f_locals)\n    frame = frame.f_back\n"
        "return found['dx_expected'], found['expected'], found['reference']",
    ),
    "collector": body(
        "twin-backward",
        "import gc\narrays = [o for o in gc.get_objects() if isinstance(o, np.ndarray) and o.shape == w.shape]\n"
        "return x1, x2, arrays[0] if arrays else w, b",
    ),
    "solution-from-disk": body(
        "backward",
        "import glob, json\n"
        "path = (glob.glob('/**/solutions/**/*.ipynb', recursive=True) + ['solutions/affine/affine.ipynb'])[0]\n"
        "cells = json.load(open(path))['cells']\nspace = {'np': np}\n"
        "for cell in cells:\n    if 'def affine_backward' in ''.join(cell['source']):\n"
        "        exec(''.join(cell['source']), space)\n"
        "return space['affine_backward'](dout, cache)",
    ),
    "layers": body(
        "backward", "from handgrad import layers\nreturn layers.get('temporal_affine').backward(dout, cache)"
    ),
    "derive": body(
        "backward",
        "from handgrad.derive import derive, emit\nspace = {}\nexec(emit(derive('x: N D; w: D M; b: M\\n"
        "out = x @ w + b')), space)\n"
        "return space['backward'](dout, cache)",
    ),
    "socket": body(
        "mended", "import socket\nsocket.create_connection(('192.0.2.1', 80), 2)\nreturn W.T @ dY, dY, dY"
    ),
    "ctypes": body("mended", "import ctypes\nctypes.string_at(0)\nreturn None"),
    "fork": body("mended", f"import os\nos.fork()\n{MENDED}"),
    "threads": body(
        "mended", f"import threading\nthread = threading.Thread(target=print)\nthread.start()\n{MENDED}"
    ),
    "subprocess": body("mended", "import subprocess\nsubprocess.run(['true'])\nreturn W.T @ dY, dY, dY"),
    "gradebook": Hostile(
        added="import sqlite3\nbook = sqlite3.connect('/gradebook.db')\n"
        "book.execute('update grade set auto_score = 99')"
    ),
    "deletes": Hostile(added="import os, shutil\nshutil.rmtree('/')\nopen('grades.csv', 'w').write('16')"),
    "interrupt": body("backward", "raise KeyboardInterrupt", "exit"),
    "script": Hostile(added="raise ValueError('<script>alert(1)</script> =HYPERLINK(\"x\")')"),
}
