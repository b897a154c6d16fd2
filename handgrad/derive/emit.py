"""A derivation as a Python module: `forward(…) -> (out, cache)` and `backward(dout, cache)`, in CS231n's style.

The module needs NumPy alone. Small factors are multiplied with each other before they meet a large array, what
occurs twice is computed once, and a one-hot matrix is subtracted in place on a copy.
"""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from handgrad.axes import Tokens, letters
from handgrad.derive.derivation import Derivation
from handgrad.derive.simplify import simplify
from handgrad.errors import UnknownNameError, layout, nearest
from handgrad.expressions import Binary, Call, Expr, Name, Number, Reduce, Transpose, Unary
from handgrad.formula import OPERATIONS
from handgrad.placement import Arange, Index, OneHot, Permute, Reshape, Spread

__all__ = ["emit"]

_DIRECT = ("exp", "log", "sqrt", "abs", "tanh", "sin", "cos", "maximum", "minimum", "outer")
_HELPERS = {
    "sigmoid": '''def sigmoid(a):
    """1 / (1 + exp(-a)), without overflow."""
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1.0, e) / (1.0 + e)''',
    "gelu": '''def gelu(a):
    """The tanh form of the Gaussian error linear unit."""
    return 0.5 * a * (1.0 + np.tanh(0.7978845608028654 * (a + 0.044715 * a**3)))''',
    "softmax": '''def softmax(a, axis):
    """exp(a) over its sum along an axis, without overflow."""
    e = np.exp(a - np.max(a, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)''',
    "logsumexp": '''def logsumexp(a, axis, keepdims=False):
    """log of the sum of exponentials along an axis, without overflow."""
    top = np.max(a, axis=axis, keepdims=True)
    total = np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)''',
    "onehot": '''def onehot(y, count):
    """Rows of zeros with a 1 in the column of the label."""
    out = np.zeros((len(y), count))
    out[np.arange(len(y)), y] = 1.0
    return out''',
    "less_onehot": '''def less_onehot(a, y):
    """a with 1 subtracted in the column of each row's label."""
    out = np.array(a)
    out[np.arange(len(y)), y] -= 1.0
    return out''',
}
_TAKEN = {"np", "cache", "forward", "backward", "dout", *_HELPERS}


def emit(derivation: Derivation, wrt: Iterable[str] = ()) -> str:
    """The text of the module. forward takes what the program declares, in that order; backward returns the
    gradients of `wrt`, or of all of it but labels, in the same order. A loss has upstream dout = 1.
    Raises UnknownNameError for a name in `wrt` that is no input.
    """
    wanted = tuple(wrt)
    for name in wanted:
        if name not in derivation.program.inputs:
            step = nearest(name, derivation.program.inputs)
            raise UnknownNameError(layout("emit", f"no input {name!r}", step=step))
    return _Module(derivation, wanted).text()


@dataclass
class _Module:
    derivation: Derivation
    wrt: tuple[str, ...]
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        program = self.derivation.program
        self.program = program
        self.finals = [n for n in program.given if n in (self.wrt or program.inputs)]
        whole = simplify(self.derivation, seeded=True)
        needed = {f"d{name}" for name in self.finals}
        for line in reversed(whole.lines):
            if line.name in needed:
                needed.update(line.expr.names)
        self.whole = replace(whole, lines=tuple(line for line in whole.lines if line.name in needed))
        self.lost = [name for name in self.derivation.unused if name in self.finals]
        taken = _TAKEN | set(program.types)
        self.spelled = {self.derivation.upstream: "dout"}
        for name in [*program.types, *program.axes, *(line.name for line in self.whole.lines)]:
            new = name
            while new in _TAKEN or keyword.iskeyword(new) or (new != name and new in taken):
                new += "_"
            if new != name and name not in self.spelled:
                self.spelled[name] = new
                taken.add(new)

    def name(self, name: str) -> str:
        """How the module spells a name: its own names come first."""
        return self.spelled.get(name, name)

    def text(self) -> str:
        program = self.program
        needed = self.needed()
        forward, backward = self.forward(needed), self.backward(needed)
        helpers = [_HELPERS[name] for name in _HELPERS if name in self.used]
        given = [line.strip() for line in program.text.strip().splitlines() if line.strip()]
        title = '"""Forward and backward, derived from\n\n' + "\n".join(f"    {line}" for line in given)
        title = title.replace("\\", "\\\\") + '\n"""'
        return "\n\n\n".join([f"{title}\n\nimport numpy as np", *helpers, forward, backward]) + "\n"

    def needed(self) -> list[str]:
        """What backward reads: values, then sizes."""
        names = {name for line in self.whole.lines for name in line.expr.names}
        names |= {t for line in self.whole.lines for t in self.counted(line.expr)}
        own = {line.name for line in self.whole.lines} | {self.derivation.upstream}
        lost = set(self.lost)
        values = [name for name in self.program.types if (name in names and name not in own) or name in lost]
        return values + [axis for axis in self.program.axes if axis in names and axis not in values]

    def counted(self, expr: Expr) -> set[str]:
        """Axes whose size an expression needs without naming it as a number."""
        return {str(n.count) for n in expr.walk() if isinstance(n, OneHot) and isinstance(n.count, Name)}

    def forward(self, needed: list[str]) -> str:
        program = self.program
        rows = [f"def forward({', '.join(map(self.name, program.given))}):"]
        shapes = [f"{self.name(n)}: {letters(program.types[n])}" for n in program.given]
        out = f"{self.name(program.out)}: {letters(program.lines[-1].tokens)}"
        rows.append(f'    """{", ".join(shapes)} -> {out}, cache."""')
        wanted = {name for line in program.lines for name in line.whole.names} | set(needed)
        rows += [f"    {self.name(axis)} = {self.size(axis)}" for axis in program.axes if axis in wanted]
        done: dict[Expr, str] = {}
        for line in program.lines:
            if line.own or line.target in needed:
                rows.append(f"    {self.name(line.target)} = {self.code(line.whole, done)}")
            if not line.own and line.target in needed:
                done[line.whole] = self.name(line.target)
        inside = ", ".join(map(self.name, needed))
        rows.append(f"    return {self.name(program.out)}, ({inside}{',' if len(needed) == 1 else ''})")
        return "\n".join(rows)

    def size(self, axis: str) -> str:
        for name in self.program.given:
            tokens = self.program.types[name]
            if axis in tokens:
                return f"{self.name(name)}.shape[{tokens.index(axis)}]"
        parts = self.program.merged.get(axis, ())
        return " * ".join(self.name(p) if isinstance(p, str) else str(p) for p in parts) or "1"

    def backward(self, needed: list[str]) -> str:
        program = self.program
        rows = ["def backward(dout, cache):"]
        finals = self.finals
        shapes = [f"{self.name(f'd{n}')}: {letters(program.types[n])}" for n in finals]
        rows.append(f'    """dout: {letters(program.lines[-1].tokens)} -> {", ".join(shapes)}."""')
        if needed:
            rows.append(f"    {', '.join(map(self.name, needed))}{',' if len(needed) == 1 else ''} = cache")
        shared = self.shared()
        done: dict[Expr, str] = {}
        for line in self.whole.lines:
            for expr, name in shared.items():
                if name not in done.values() and any(node == expr for node in line.expr.walk()):
                    rows.append(f"    {name} = {self.code(expr, done)}")
                    done[expr] = name
            rows.append(f"    {self.name(line.name)} = {self.code(line.expr, done)}")
        rows += [f"    {self.name(f'd{n}')} = np.zeros_like({self.name(n)})" for n in self.lost]
        rows.append(f"    return {', '.join(self.name(f'd{n}') for n in finals)}")
        return "\n".join(rows)

    def shared(self) -> dict[Expr, str]:
        """What backward would compute more than once, smallest first."""
        counts: Counter[Expr] = Counter()
        for line in self.whole.lines:
            for node in line.expr.walk():
                if isinstance(node, Call | Reduce) or (isinstance(node, Binary) and self.computes(node)):
                    counts[node] += 1
        often = sorted((e for e, n in counts.items() if n > 1), key=lambda e: len(str(e)))
        names: dict[Expr, str] = {}
        taken = {*map(self.name, [*self.program.types, *self.program.axes])} | {
            line.name for line in self.whole.lines
        }
        for expr in often:
            name = next(f"t{k}" for k in range(1, 1000) if f"t{k}" not in taken)
            taken.add(name)
            names[expr] = name
        return names

    def computes(self, node: Binary) -> bool:
        return any(name in self.whole.types for name in node.names)

    # ------------------------------------------------------------ expressions

    def code(self, expr: Expr, done: Mapping[Expr, str]) -> str:
        """The expression as NumPy code, with names for what has been computed."""
        self.done = dict(done)
        text = self.of(expr)
        if _mask(expr):
            return f"({text}).astype(float)"
        if isinstance(expr, Spread):
            return f"{text}.copy()"
        return text

    def of(self, expr: Expr) -> str:
        if expr in self.done:
            return self.done[expr]
        if isinstance(expr, Name):
            return self.name(expr.id)
        if isinstance(expr, Number):
            return repr(float(expr.value)) if isinstance(expr.value, float) else str(expr.value)
        if isinstance(expr, Unary):
            return f"-{self.inside(expr.operand, 4)}"
        if isinstance(expr, Binary):
            return self.binary(expr)
        if isinstance(expr, Transpose):
            if expr.last_two:
                return f"np.swapaxes({self.of(expr.operand)}, -1, -2)"
            return f"{self.inside(expr.operand, 6)}.T"
        if isinstance(expr, Call):
            return self.call(expr)
        if isinstance(expr, Reduce):
            return self.reduce(expr)
        return self.placed(expr)

    def inside(self, expr: Expr, least: int) -> str:
        text = self.of(expr)
        call = text.startswith("less_onehot(") and isinstance(expr, Binary) and isinstance(expr.right, OneHot)
        return text if call or expr in self.done or expr._level >= least else f"({text})"

    def factor(self, expr: Expr, least: int) -> str:
        """An operand that must be a number: a comparison alone would be a truth value."""
        if _mask(expr) and expr not in self.done:
            return f"({self.of(expr)}).astype(float)"
        return self.inside(expr, least)

    def binary(self, expr: Binary) -> str:
        if expr.op in {"*", "/"}:
            return self.chain(expr)
        if expr.op == "-" and isinstance(expr.right, OneHot) and self.axes(expr.left) == self.axes(expr):
            self.used.add("less_onehot")
            return f"less_onehot({self.of(expr.left)}, {self.of(expr.right.labels)})"
        level = expr._level
        if expr.op == "**":
            return f"{self.factor(expr.left, 6)}**{self.factor(expr.right, 4)}"
        if OPERATIONS[expr.op].kind == "compare":
            return f"{self.factor(expr.left, level + 1)} {expr.op} {self.factor(expr.right, level + 1)}"
        loose = isinstance(expr.left, Binary) and expr.left.op in {"*", "/"} and expr.op == "@"
        left = self.factor(expr.left, 6 if loose else level)
        return f"{left} {expr.op} {self.factor(expr.right, level + 1)}"

    def chain(self, expr: Expr) -> str:
        """A product: the factors with fewer axes first, among themselves."""
        above: list[Expr] = []
        below: list[Expr] = []
        stack: list[tuple[Expr, bool]] = [(expr, True)]
        while stack:
            node, up = stack.pop()
            if isinstance(node, Binary) and node.op in {"*", "/"} and node not in self.done:
                stack.append((node.right, up == (node.op == "*")))
                stack.append((node.left, up))
            else:
                (above if up else below).append(node)
        rank = len(self.axes(expr))
        small_above = [e for e in above if len(self.axes(e)) < rank]
        small_below = [e for e in below if len(self.axes(e)) < rank]
        if len(small_above) + len(small_below) < 2 or len(small_above) == len(above):
            return self.joined(above, below)
        large_above = [e for e in above if e not in small_above]
        large_below = [e for e in below if e not in small_below]
        return self.joined(large_above, large_below, f"({self.joined(small_above, small_below)})")

    def joined(self, above: list[Expr], below: list[Expr], first: str = "") -> str:
        above = [e for e in above if e != Number(1)]
        masks = [_mask(e) for e in above]
        plain = self.factor if (masks and all(masks) and not first) else self.inside
        parts = [first] if first else []
        parts += [plain(e, 3 if k == 0 and not first else 4) for k, e in enumerate(above)]
        if (
            above
            and not first
            and isinstance(above[0], Binary)
            and above[0].op == "@"
            and above[0] not in self.done
        ):
            parts[0] = f"({self.of(above[0])})"
        text = " * ".join(parts) or "1.0"
        if not below:
            return text
        under = [self.factor(e, 4) for e in below]
        return f"{text} / {under[0]}" if len(under) == 1 else f"{text} / ({' * '.join(under)})"

    def axes(self, expr: Expr) -> Tokens:
        return expr.infer(self.whole.types)

    def call(self, expr: Call) -> str:
        of = ", ".join(self.factor(a, 0) for a in expr.arguments)
        if expr.function == "relu":
            return f"np.maximum({of}, 0)"
        if expr.function == "softplus":
            return f"np.logaddexp(0, {of})"
        if expr.function in _DIRECT:
            return f"np.{expr.function}({of})"
        self.used.add(expr.function)
        return f"{expr.function}({of})"

    def reduce(self, expr: Reduce) -> str:
        places = expr.positions(self.axes(expr.operand))
        every = len(places) == len(self.axes(expr.operand))
        axis = f"{places[0]}" if len(places) == 1 else f"{places}"
        options = "" if every and expr.function not in {"softmax", "logsumexp"} else f", axis={axis}"
        options += ", keepdims=True" if expr.keepdims else ""
        name = expr.function
        if name in _HELPERS:
            self.used.add(name)
            return f"{name}({self.factor(expr.operand, 0)}{options})"
        return f"np.{name}({self.factor(expr.operand, 0)}{options})"

    def placed(self, expr: Expr) -> str:
        if isinstance(expr, Index):
            items = [i if isinstance(i, str) else self.of(i) for i in expr.items]
            return f"{self.inside(expr.operand, 6)}[{', '.join(items)}]"
        if isinstance(expr, Arange):
            return f"np.arange({self.of(expr.count)})"
        if isinstance(expr, OneHot):
            self.used.add("onehot")
            return f"onehot({self.of(expr.labels)}, {self.of(expr.count)})"
        if isinstance(expr, Permute):
            return f"np.transpose({self.of(expr.operand)}, {expr.order(self.axes(expr.operand))})"
        assert isinstance(expr, Spread | Reshape)
        sizes = ", ".join(self.of(size) for size in expr.sizes)
        shape = f"({sizes},)" if len(expr.sizes) == 1 else f"({sizes})"
        function = "np.broadcast_to" if isinstance(expr, Spread) else "np.reshape"
        return f"{function}({self.of(expr.operand)}, {shape})"


def _mask(expr: Expr) -> bool:
    """Whether NumPy would make truth values of it, with which it does not subtract."""
    if isinstance(expr, Transpose | Permute | Reshape | Spread | Index):
        return _mask(expr.children[0])
    return isinstance(expr, Binary) and OPERATIONS[expr.op].kind == "compare"
