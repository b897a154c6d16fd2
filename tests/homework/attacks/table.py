"""Hostile answers to the affine homework: what each does, which parts it may cost, what the report must say.

Each takes the place of an answer that would be "not attempted", so every point that it earns is stolen.
`cells` are further cells, put before the answers; `says` must stand somewhere in what the report says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent, indent

UNFINISHED = "def mended_backward(dY, X, W):\n    raise NotImplementedError\n"
ALL = ("forward", "backward", "paper", "mended", "twin")


@dataclass(frozen=True)
class Attack:
    """`answers` by grade_id; `costs` the parts that earn nothing, `unsure` those that may suffer with them."""

    answers: dict[str, str] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    costs: tuple[str, ...] = ("mended",)
    unsure: tuple[str, ...] = ()
    says: str = ""
    seconds: float = 10.0


def body(text: str, **more) -> Attack:
    """An attack when the function is called."""
    return Attack(
        {"mended": "def mended_backward(dY, X, W):\n" + indent(dedent(text).strip("\n"), "    ")}, **more
    )


def before(text: str, **more) -> Attack:
    """An attack when the cell runs, with nothing answered after it."""
    return Attack({"mended": dedent(text).strip("\n") + "\n\n" + UNFINISHED}, **more)


def returns(text: str, what: str = "thing", **more) -> Attack:
    """An attack by objects that are returned: three `what`."""
    return Attack(
        {
            "mended": dedent(text).strip("\n")
            + f"\n\ndef mended_backward(dY, X, W):\n    return {what}, {what}, {what}\n"
        },
        **more,
    )


def cache(text: str, what: str) -> Attack:
    """An attack by the cache of a right forward; the backward then returns what it finds in it."""
    return Attack(
        {
            "forward": dedent(text).strip("\n")
            + "\n\ndef affine_forward(x, w, b):\n"
            + f"    return x @ w + b, {what}\n",
            "backward": "def affine_backward(dout, cache):\n    return cache, cache, cache\n",
        },
        costs=("backward",),
        unsure=("twin",),
    )


def replies(text: str, **more) -> Attack:
    """An attack on what is handed back: `forged(request) -> text or None` answers in the guest's place."""
    start = "import __main__, json, sys\nhonest = __main__._answer\n"
    end = """
def answering(text):
    request = json.loads(text)
    told = forged(request)
    return honest(text) if told is None else told
__main__._answer = answering
"""
    return before(start + dedent(text).strip("\n") + dedent(end), **more)


def call_reply(text: str, **more) -> Attack:
    """A forged reply to every call of `mended_backward`, as the value of an expression."""
    made = f"""
ZEROS = {{"a": "f8", "shape": [3, 5], "d": "A" * 160}}
def forged(request):
    if request["op"] == "call" and request["name"] == "mended_backward":
        return {text}
    if request["op"] == "names" and request["part"] == "mended-grade":
        told = json.loads(honest(json.dumps(request)))
        told["mended_backward"] = {{"function": True}}
        return json.dumps(told)
"""
    return replies(made, **more)


RIGHT = '\'{"value": %s, "handle": 0, "changed": {}, "others": 0}\''
VALUE = "json.dumps({'value': %s, 'handle': 0, 'changed': {}, 'others': 0})"

PATCHES = {
    "patched allclose and array_equal": before(
        """
        import numpy as np
        for name in ("allclose", "array_equal", "isclose", "isfinite", "all", "any", "max", "abs"):
            setattr(np, name, lambda *a, **k: True)
        np.testing = None
        """
    ),
    "patched ndarray methods": before(
        """
        import numpy as np
        try:
            np.ndarray.__eq__ = lambda a, b: True
        except TypeError:
            pass
        np.asarray = np.array = lambda *a, **k: 1.0
        """,
        unsure=ALL,
    ),
    "patched handgrad": before(
        """
        import handgrad, sys, types
        report = types.SimpleNamespace(points=lambda *a, **k: 99, ok=True)
        handgrad.check = handgrad.check_gradient = lambda *a, **k: report
        fake = types.ModuleType("handgrad")
        fake.check = fake.check_gradient = handgrad.check
        sys.modules["handgrad"] = sys.modules["handgrad.checking"] = sys.modules["handgrad.report"] = fake
        check = check_gradient = check_formula = handgrad.check
        """
    ),
    "patched builtins": before(
        """
        import builtins
        builtins.isinstance = lambda *a: True
        builtins.max = builtins.min = builtins.sum = builtins.abs = lambda *a, **k: 0
        builtins.float = builtins.type
        """,
        unsure=ALL,
    ),
    "patched json and base64": before(
        """
        import json, base64
        json.dumps = lambda *a, **k: '{"value": {"f": "0x1p0"}, "handle": 0, "changed": {}, "others": 0}'
        base64.b64encode = lambda data: b"AAAA"
        """,
        unsure=ALL,
    ),
    "patched guest modules": before(
        """
        import sys
        sys.modules["_wire"].Encoder.encode = lambda self, value, depth=0: {"v": 1}
        sys.modules["_probe"].call = lambda *a, **k: None
        sys.modules["_guest"].Guest.on_call = lambda self, request: {"points": 99, "ok": True}
        """,
        unsure=ALL,
    ),
    "an import hook": before(
        """
        import sys
        class Hook:
            def find_spec(self, name, path=None, target=None):
                raise SystemExit(0)
        sys.meta_path.insert(0, Hook())
        sys.path_hooks.insert(0, lambda path: 1 / 0)
        """,
        unsure=ALL,
    ),
    "a trace function": before(
        """
        import sys
        def trace(frame, event, arg):
            frame.f_locals["points"] = 99
            return trace
        sys.settrace(trace)
        sys.setprofile(lambda *a: None)
        """
    ),
    "given functions overwritten": before(
        """
        def mixing_forward(X, W, b):
            return 0.0
        def check_gradient(*a, **k):
            return 99
        check = generator = colleagues_backward = check_gradient
        rng = report = gradients = inputs = dY = None
        """
    ),
}

OBJECTS = {
    "__eq__ says yes": returns(
        """
        class Yes:
            shape, dtype, ndim, size = (3, 5), float, 2, 15
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            __lt__ = __le__ = __gt__ = __ge__ = __eq__
            def __float__(self): return 0.0
            def __bool__(self): return True
            def __hash__(self): return 0
        thing = Yes()
        """
    ),
    "__array__ and its protocols": returns(
        """
        class Arrayish:
            shape, dtype, ndim, size = (3, 5), float, 2, 15
            def __array__(self, *a, **k): return np.zeros((3, 5))
            def __array_ufunc__(self, *a, **k): return True
            def __array_function__(self, *a, **k): return True
            __array_interface__ = {"shape": (3, 5), "typestr": "<f8", "version": 3, "data": (0, False)}
            __array_priority__ = 1e9
        thing = Arrayish()
        """
    ),
    "a subclass of ndarray": returns(
        """
        class Evil(np.ndarray):
            def __array_ufunc__(self, *a, **k): return np.True_
            def __array_function__(self, *a, **k): return True
            def __array_wrap__(self, *a, **k): return True
            def __eq__(self, other): return True
            def __getattribute__(self, name): raise SystemExit(0)
        thing = np.zeros((3, 5)).view(Evil)
        """
    ),
    "__class__ lies": returns(
        """
        class Liar:
            @property
            def __class__(self): return np.ndarray
            def __getattr__(self, name): return self
        thing = Liar()
        """
    ),
    "__reduce__ runs a command": returns(
        """
        import os
        class Pickled:
            def __reduce__(self): return os.system, ("touch pwned",)
            def __reduce_ex__(self, version): return os.system, ("touch pwned",)
            def __getstate__(self): return {"pwned": True}
        thing = Pickled()
        """
    ),
    "a hostile metaclass": returns(
        """
        class Meta(type):
            __name__ = property(lambda cls: "<img src=x onerror=alert(1)>")
            def __instancecheck__(cls, thing): return True
            def __subclasscheck__(cls, kind): return True
            def __eq__(cls, other): return True
            def __hash__(cls): return hash(np.ndarray)
            def mro(cls): return [cls, object]
        class Evil(metaclass=Meta):
            __slots__ = ()
        thing = Evil()
        """
    ),
    "a dict with hostile keys": returns(
        """
        class Key(str):
            def __eq__(self, other): raise SystemExit(0)
            def __hash__(self): return 0
        class Table(dict):
            def items(self): return iter(lambda: ("a", 1), None)
        thing = [{Key("a"): 1, None: 2, (1,): 3}, Table(a=1)]
        """
    ),
    "lists within themselves": returns("thing = []\nthing.append(thing)\nthing.append({'again': thing})"),
    "a list that never ends": returns(
        """
        class Long(list):
            def __iter__(self):
                while True: yield self
            def __len__(self): return 10**9
        thing = Long([1.0])
        """
    ),
    "a million items": returns("thing = [[0.0]] * 1_000_000"),
    "an array of 80 MB": returns("thing = np.zeros(10_000_000)"),
    "arrays of objects": returns(
        "class Yes:\n    def __eq__(self, other): return True\nthing = np.array([[Yes()] * 5] * 3, dtype=object)"
    ),
    "NaN and infinities": returns("thing = np.full((3, 5), np.nan)"),
    "a type name as markup": returns(
        "thing = type('<script>alert(1)</script>', (), {'__module__': '<b>', '__qualname__': '</pre>'})()"
    ),
    "a cache with hostile attributes": cache(
        """
        class Evil:
            def __init__(self):
                object.__getattribute__(self, "__dict__").update(__class__=np.ndarray, shape=(7, 5), x=self)
            def __getattribute__(self, name): raise SystemExit(0)
            def __del__(self): raise SystemExit(0)
        """,
        "Evil()",
    ),
    "a cache that is a generator": cache("import itertools", "(x for x in itertools.count())"),
    "a cache that is a module": cache("import sys", "sys.modules"),
    "a cache that is a class with a metaclass": cache(
        "class Meta(type):\n    __dict__ = property(lambda cls: 1 / 0)\nclass Evil(metaclass=Meta): pass",
        "Evil",
    ),
}

HUNTS = {
    "frames": body(
        """
        import sys
        frame, seen = sys._getframe(), []
        while frame is not None:
            seen += [v for v in [*frame.f_locals.values(), *frame.f_globals.values()] if type(v) is np.ndarray]
            frame = frame.f_back
        fits = lambda shape: next((a for a in seen if a.shape == shape and a is not X and a is not W), None)
        return fits(X.shape), fits(W.shape), fits((3, 1))
        """
    ),
    "gc": body(
        """
        import gc
        seen = [v for v in gc.get_objects() if type(v) is np.ndarray]
        for thing in gc.get_objects():
            seen += [v for v in gc.get_referents(thing) if type(v) is np.ndarray]
        fits = lambda shape: next((a for a in seen if a.shape == shape and a is not X and a is not W), None)
        return fits(X.shape), fits(W.shape), fits((3, 1))
        """
    ),
    "inspect": body(
        """
        import inspect
        found = [f.frame.f_locals.get("truth") for f in inspect.stack()]
        source = inspect.getsource(inspect.getmodule(inspect.stack()[1].frame))
        return found[0], source, None
        """
    ),
    "the guest's own objects": body(
        """
        import sys, __main__
        guest = __main__._answer.__self__
        names = [n for n in vars(guest) if "expect" in n or "truth" in n or "seed" in n]
        __main__._give('{"value": {"t": []}, "handle": 0, "changed": {}, "others": 0}')
        return tuple(guest.objects.values())[:3] or tuple(names)
        """
    ),
    "subclasses": body(
        """
        names = ("Truth", "Ledger", "Report", "Context", "Homework")
        return tuple(c for c in object.__subclasses__() if c.__name__ in names)
        """
    ),
    "importing handgrad.layers": body(
        """
        from handgrad.layers import get
        return get("temporal_affine").backward(dY, (X, W, None))
        """,
        says="ModuleNotFoundError",
    ),
    "importing derive, diagnose, truth and homework": body(
        """
        import importlib
        for name in ("derive", "diagnose", "truth", "homework.source", "numeric"):
            try:
                return importlib.import_module(f"handgrad.{name}").vjp(None, X, dY)
            except ImportError as error:
                last = error
        raise last
        """,
        says="ModuleNotFoundError",
    ),
    "reading the host's files": body(
        """
        own = "solutions/affine/affine.ipynb"
        for name in ("/etc/passwd", "/proc/self/environ", own, "../../" + own, "/"):
            try:
                return open(name).read(), None, None
            except OSError as error:
                last = error
        raise last
        """,
        says="Error",
    ),
    "the public seeds": body(
        """
        from handgrad import generator
        rng = generator(4)
        x, w = rng.normal(size=(7, 5, 4)), rng.normal(size=(3, 5))
        rng.normal(size=(3, 1))
        dy = rng.normal(size=(7, 3, 4))
        if not (np.allclose(x, X) and np.allclose(w, W) and np.allclose(dy, dY)):
            raise ValueError("other numbers than in the notebook")
        return w.T @ dy, (dy @ x.swapaxes(1, 2)).sum(axis=0), dy.sum(axis=(0, 2))[:, None]
        """,
        says="other numbers than in the notebook",
    ),
    "inputs through an exception": body("raise ValueError(X.tobytes().hex() * 1000)", says="ValueError"),
    "answers kept for the next call": body(
        """
        import builtins
        kept = getattr(builtins, "kept", None) or []
        builtins.kept = kept + [X]
        return kept[0] if kept else None
        """
    ),
}

FORGED = {
    "function true for what is none": replies(
        """
        def forged(request):
            if request["op"] == "names":
                return json.dumps({name: {"function": True} for name in request["names"]})
        """
    ),
    "names that are no dict": replies(
        "def forged(request):\n    return '[]' if request['op'] == 'names' else None",
        costs=ALL,
        says="cannot be read",
    ),
    "a name with attributes that are no dict": replies(
        """
        def forged(request):
            if request["op"] == "names":
                return json.dumps({"mended_backward": {"value": {"x": "a", "in": {"v": 1}}}})
        """,
        costs=ALL,
        says="cannot be read",
    ),
    "points in place of a value": call_reply(
        '\'{"points": 2, "ok": true, "verdict": "correct"}\'', says="cannot be read"
    ),
    "not JSON": call_reply("'points: 2'", says="cannot be read"),
    "deep JSON": call_reply("'[' * 100_000 + ']' * 100_000", says="cannot be read"),
    "deep words": replies(
        """
        def forged(request):
            if request["op"] == "call":
                return '{"raised": ' + '[' * 900 + ']' * 900 + '}'
        """,
        costs=("forward", "backward", "paper", "mended", "twin"),
        says="cannot be read",
    ),
    "a huge reply": call_reply("'[' + '0,' * 4_000_000 + '0]'", says="ended the whole program"),
    "a shape that lies": call_reply(
        VALUE % "{'a': 'f8', 'shape': [10**6, 10**6], 'd': ''}", says="cannot be read"
    ),
    "a negative shape": call_reply(
        VALUE % "{'a': 'f8', 'shape': [-3, -5], 'd': 'A' * 160}", says="cannot be read"
    ),
    "a hundred axes": call_reply(
        VALUE % "{'a': 'f8', 'shape': [1] * 100, 'd': 'A' * 11 + '='}", says="cannot be read"
    ),
    "a dtype of objects": call_reply(
        VALUE % "{'a': 'O', 'shape': [1], 'd': 'A' * 11 + '='}", says="cannot be read"
    ),
    "an integer of 4,000 digits": call_reply(VALUE % "{'v': 10**4000}", says="cannot be read"),
    "NaN as JSON": call_reply(
        '\'{"value": {"v": NaN}, "handle": 0, "changed": {}, "others": 0}\'', says="cannot be read"
    ),
    "negative handles": call_reply(
        "json.dumps({'value': {'v': 1}, 'handle': -1, 'changed': {'-1:-1': ZEROS}, 'others': -9})",
        says="cannot be read",
    ),
    "changed arrays of other parts": call_reply(
        "json.dumps({'value': {'v': 1}, 'handle': 0, 'others': 0, "
        "'changed': {f'{h}:{i}': ZEROS for h in range(9) for i in range(9)}})",
        says="cannot be read",
    ),
    "changed many times over": call_reply(
        "json.dumps({'value': {'v': 1}, 'handle': 0, 'others': 0, "
        "'changed': {'arg:' + '0' * i: {'o': 'x', 'shape': [50_000]} for i in range(1, 900)}})",
        says="cannot be read",
    ),
    "giving twice, early and late": Attack(
        {
            "mended": dedent(
                """
                import __main__, atexit
                reply = '{"value": {"t": [{"f": "0x0p0"}]}, "handle": 0, "changed": {}, "others": 0, "points": 99}'
                atexit.register(lambda: __main__._give(reply))
                class Late:
                    def __del__(self): __main__._give(reply)
                def mended_backward(dY, X, W):
                    for _ in range(50):
                        try:
                            __main__._give(reply)
                        except Exception:
                            pass
                    return Late()
                """
            )
        }
    ),
    "give replaced": before(
        "import __main__\n__main__._give = lambda text: None", says="it ended the whole program"
    ),
    "a forged success, then SystemExit": body(
        "import __main__\n__main__._give(%s)\nraise SystemExit(0)" % (RIGHT % '{\\"t\\": []}')
    ),
    "a forged success, then os._exit": body(
        "import __main__, os\n__main__._give(%s)\nos._exit(0)" % (RIGHT % '{\\"t\\": []}'),
        says="mended_backward: it ended the whole program",
    ),
    "results on stdout": body(
        """
        import sys, os
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            print('{"points": 99, "mended-grade": 2, "verdict": "correct"}', file=stream, flush=True)
        for number in range(6):
            try:
                os.write(number, b'{"points": 99}')
            except OSError:
                pass
        """
    ),
}

LIMITS = {
    "a loop in Python": body("while True:\n    pass", says="mended_backward: it ran out of instructions"),
    "a loop in a cell": before("while True: pass", says="it ran out of instructions"),
    "a huge product": body(
        "a = np.ones((1500, 1500))\nwhile True:\n    a = a @ a",
        says="mended_backward: it ran out of instructions",
    ),
    "a loop in __del__": body(
        """
        class Slow:
            def __del__(self):
                while True: pass
        Slow()
        """,
        says="it ran out of instructions",
    ),
    "a loop in atexit": before("import atexit\ndef slow():\n    while True: pass\natexit.register(slow)"),
    "a loop in a generator's close": body(
        """
        def slow():
            try:
                yield 1
            finally:
                while True: pass
        next(slow())
        """,
        says="it ran out of instructions",
    ),
    "a loop that catches everything": body(
        """
        while True:
            try:
                while True: pass
            except BaseException:
                pass
        """,
        says="it ran out of instructions",
    ),
    "a loop in __eq__ and __hash__": returns(
        """
        class Slow:
            def __hash__(self):
                while True: pass
            __eq__ = __array__ = __hash__
        thing = Slow()
        """
    ),
    "a regular expression that backtracks": body(
        "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", says="it ran out of instructions"
    ),
    "a big power": body("return 9 ** 9 ** 9", says="it ran out of"),
    "bytes without end": body(
        "kept = []\nwhile True:\n    kept.append(bytearray(10**7))", says="MemoryError"
    ),
    "an array of a terabyte": body("return np.ones(10**9, np.int8), None, None", says="MemoryError"),
    "a list that grows": body("kept = [0]\nwhile True:\n    kept += kept", says="MemoryError"),
    "output without end": body("while True:\n    print('x' * 10_000)", says="it printed more than is kept"),
    "output, then an answer": body("for _ in range(100):\n    print('x' * 10_000)"),
    "recursion": body("return mended_backward(dY, X, W)", says="RecursionError"),
    "recursion without a limit": body(
        "import sys\nsys.setrecursionlimit(10**9)\nreturn mended_backward(dY, X, W)",
        says="mended_backward: it ",
    ),
    "recursion in C": body(
        "a = []\nfor _ in range(10**5):\n    a = [a]\nrepr(a)", says="it nested too deeply"
    ),
    "recursion in json": body(
        "import json, sys\nsys.setrecursionlimit(10**9)\njson.loads('[' * 10**6)", says=""
    ),
    "sleeping": body(
        "import time\ntime.sleep(3600)", says="mended_backward: it ran out of time", seconds=1.0
    ),
    "sleeping until after grading": before(
        "import time\ntime.sleep(3600)", says="it ran out of time", seconds=1.0
    ),
    "os._exit in a cell": before("import os\nos._exit(0)", says="it ended the whole program"),
    "os.abort": body("import os\nos.abort()", says="mended_backward: it ended the whole program"),
    "SystemExit": body("raise SystemExit(0)", says="SystemExit"),
    "KeyboardInterrupt": body("raise KeyboardInterrupt"),
    "exit and quit": before("import sys\nsys.exit(0)", says="SystemExit"),
}

OUTSIDE = {
    "threads": body("import threading\nthreading.Thread(target=lambda: None).start()", says="RuntimeError"),
    "a fork bomb": body("import os\nwhile True:\n    os.fork()", says="Error"),
    "subprocess": body("import subprocess\nsubprocess.run(['touch', 'pwned'])", says="Error"),
    "os.system": body("import os\nos.system('touch pwned')", says="Error"),
    "multiprocessing": body("import multiprocessing\nmultiprocessing.Pool(4)", says="Error"),
    "sockets": body("import socket\nsocket.create_connection(('127.0.0.1', 80))", says="Error"),
    "urllib": body("import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')", says="Error"),
    "ctypes": body("import ctypes\nctypes.string_at(0)", says="Error"),
    "writing files": before(
        """
        import pathlib
        for name in ("pwned", "/tmp/pwned", "/pwned", "../pwned", "handgrad/__init__.py", "results/student.json"):
            try:
                pathlib.Path(name).write_text("pwned")
            except OSError:
                pass
        """
    ),
    "symlinks": body(
        "import os\nos.symlink('/etc/passwd', '/tmp/link')\nreturn open('/tmp/link').read()", says="Error"
    ),
    "the environment": before(
        """
        import os
        os.environ["PYTHONPATH"] = os.environ["HANDGRAD"] = "/pwned"
        try:
            os.chdir("/")
        except OSError:
            pass
        """
    ),
    "signals": body("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)", says="Error"),
    "magics that run a shell": before(
        "!touch pwned\n%%bash\n%system touch pwned\nx = !touch pwned\n%run /etc/passwd\n%pip install pwned"
    ),
    "a cell magic": Attack({"mended": "%%bash\ntouch pwned"}),
    "paths in code": before(
        "exec(compile('raise ValueError(1)', '../../../../etc/passwd', 'exec'))", says="ValueError"
    ),
}

TEXTS = {
    "markup in an exception": body(
        "raise type('</pre><script>alert(1)</script>', (Exception,), {})('<img src=x onerror=alert(1)>')",
        says="<script>",
    ),
    "half a surrogate pair in an exception": body("raise ValueError('\\ud800 \\udfff')", says="ValueError"),
    "half a surrogate pair in the code": before("x = '\ud800'", says=""),
    "half a surrogate pair in a type name": returns("thing = type('a' + chr(0xDC80), (), {})()"),
    "null bytes": before("x = 1\x00", says="null bytes"),
    "control characters": body("raise ValueError('\\x1b[2J\\r\\n\\x00\\u202e=cmd()')", says="ValueError"),
    "an exception that cannot be shown": body(
        """
        class Silent(Exception):
            def __str__(self): raise SystemExit(0)
            __repr__ = __str__
            __class__ = property(lambda self: 1 / 0)
        raise Silent(Silent())
        """,
        says="Silent",
    ),
    "a message of 3 MB": body("raise ValueError('x' * 3_000_000)", says="ValueError"),
    "letters that look alike": before("def mended_b\u0430ckward(dY, X, W):\n    return W.T @ dY, dY, dY"),
    "formulas that take for ever": Attack(
        {
            "paper": "def formula_for_dW():\n    return '9**9**9**9**9'\n"
            "def formula_for_dX():\n    return '(' * 5000 + 'X' + ')' * 5000\n"
            "def formula_for_db():\n    return 'sum(' * 900 + 'dY' + ')' * 900"
        },
        costs=("paper",),
    ),
    "formulas that are Python": Attack(
        {
            "paper": "def formula_for_dW():\n    return \"__import__('os').system('touch pwned')\"\n"
            "def formula_for_dX():\n    return 'X.__class__.__mro__'\n"
            "def formula_for_db():\n    return 'sum(dY, axis=N, keepdims=True) ' + 'x' * 10**6"
        },
        costs=("paper",),
    ),
}

ATTACKS: dict[str, Attack] = {**PATCHES, **OBJECTS, **HUNTS, **FORGED, **LIMITS, **OUTSIDE, **TEXTS}
