"""The one reader of formulas: `X.T @ G`, `sum(dout, axis=N)`, `S = X @ W + b`.

Text is parsed by `ast` against a whitelist and never evaluated as Python. The language: names and numbers;
`+ - * / ** @`, comparisons (1 or 0) and minus; `.T` and `.mT`; `sum mean max var logsumexp` over an axis, by
name or number, as `sum(e, axis=N)` or `e.sum(axis=N, keepdims=True)`, and `softmax(e, axis=C)`; `exp log sqrt
abs tanh sigmoid relu softplus gelu sin cos` and `maximum minimum`, entry by entry; `outer(a, b)` of two vectors;
`r[:, None]`, `S[arange(N), y]`, `onehot(y, C)`, `broadcast_to`, `reshape(x, (N, D))`, `transpose(x, (D, N))`.
`np.` may stand before a function. An axis name is also a number, its size.
"""

from __future__ import annotations

import ast
import re
import warnings
from inspect import cleandoc

from handgrad.assignments import Assignment, evaluate_program, infer_program
from handgrad.axes import Token
from handgrad.errors import FormulaError, layout, nearest
from handgrad.expressions import (
    Binary,
    Call,
    Expr,
    Name,
    Number,
    Reduce,
    Source,
    Transpose,
    Unary,
    fault,
)
from handgrad.operations import OPERATIONS, Operation
from handgrad.placement import ALL, NEW, Arange, Index, OneHot, Permute, Reshape, Spread
from handgrad.unreadable import what_to_write

__all__ = [
    "OPERATIONS",
    "Arange",
    "Assignment",
    "Binary",
    "Call",
    "Expr",
    "Index",
    "Name",
    "Number",
    "OneHot",
    "Operation",
    "Permute",
    "Reduce",
    "Reshape",
    "Source",
    "Spread",
    "Transpose",
    "Unary",
    "evaluate_program",
    "infer_program",
    "parse",
    "parse_program",
]

LONGEST_FORMULA = 4_000
LONGEST_PROGRAM = 20_000
DEEPEST = 100

_INFIX: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.Pow: "**",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}

# what readers who know NumPy type, and how this language says it
_SAY_INSTEAD = {
    "dot": "write a @ b",
    "matmul": "write a @ b",
    "multiply": "write a * b",
    "square": "write a ** 2",
    "power": "write a ** b",
    "transpose": "write a.T",
    "where": "write a product with a comparison: dout * (x > 0)",
    "BitXor": "write ** for a power, .T for a transpose",
    "FloorDiv": "write / to divide",
    "UAdd": "leave the plus out",
    "Eq": "= is not part of a formula; give its right-hand side alone",
}


def parse(text: str) -> Expr:
    """Read one formula.

    >>> e = parse("X.T @ (P - Y) / N")
    >>> e.names
    ('X', 'P', 'Y', 'N')
    >>> e.infer({"X": ("N", "D"), "P": ("N", "C"), "Y": ("N", "C")})
    ('D', 'C')

    Raises FormulaError, with line, column and the spot underlined, for anything outside the language,
    for more than 4000 characters and for nesting deeper than 100.
    """
    tree, lines = _tree(text, "eval", LONGEST_FORMULA)
    assert isinstance(tree, ast.Expression)
    return _Converter(lines).expr(tree.body, 0)


def parse_program(text: str) -> list[Assignment]:
    """Read several lines `target = formula`; each target is assigned once.

    >>> [str(line) for line in parse_program("S = X @ W + b\\nP = sigmoid(S)")]
    ['S = X @ W + b', 'P = sigmoid(S)']

    Raises FormulaError for any other statement, and for what `parse` refuses.
    """
    tree, lines = _tree(text, "exec", LONGEST_PROGRAM)
    assert isinstance(tree, ast.Module)
    convert = _Converter(lines)
    program: list[Assignment] = []
    for statement in tree.body:
        source = convert.source(statement)
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise fault(source, "expected an assignment", step="write one a line: S = X @ W + b")
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            raise fault(convert.source(target), "expected a name left of =", step="write S = X @ W + b")
        if target.id in {line.target for line in program}:
            raise fault(
                convert.source(target), f"{target.id} is assigned twice", step="give each result its own name"
            )
        program.append(Assignment(target.id, convert.expr(statement.value, 0), source))
    if not program:
        raise FormulaError(
            layout("formula", "expected an assignment, got nothing", step="write S = X @ W + b")
        )
    return program


def _tree(text: str, mode: str, longest: int) -> tuple[ast.AST, list[str]]:
    if not isinstance(text, str):
        what = f"a formula is text, got {type(text).__name__}"
        raise FormulaError(layout("formula", what, step='write it in quotes: "X.T @ G"'))
    if len(text) > longest:
        raise FormulaError(layout("formula", f"{len(text)} characters, at most {longest} are read"))
    text = cleandoc(text) if mode == "exec" else text.strip()
    lines = re.split(r"\r\n|\r|\n", text)
    if not text:
        raise FormulaError(layout("formula", "expected a formula, got nothing", step='write "X.T @ G"'))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode=mode), lines
    except SyntaxError as error:
        # Python's own words for it differ between versions, so they are not shown
        line = min(max(1, error.lineno or 1), len(lines))
        # offset 0 stands for the end of the text
        start = min(error.offset - 1 if error.offset else len(text), len(lines[line - 1]))
        column, step = what_to_write(lines[line - 1], OPERATIONS)
        start = start if column is None else column
        spot = Source(lines[line - 1], line, start, start + 1)
        if mode == "eval" and re.search(r"(?<![<>=!])=(?!=)", re.sub(r"\([^()]*\)", "", text)):
            step = _SAY_INSTEAD["Eq"]
        raise fault(spot, "cannot be read here", step=step) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        # null bytes, lone surrogates, numbers of thousands of digits, and nesting beyond Python's own parser
        raise FormulaError(
            layout("formula", "cannot be read", step="write it shorter, in plain characters")
        ) from None


class _Converter:
    """From Python's tree to ours, node by node; what is not named here is refused."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def source(self, node: ast.AST) -> Source:
        line: int = getattr(node, "lineno", 1)
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        # ast counts columns in bytes of UTF-8
        encoded = text.encode("utf-8", "replace")
        start = len(encoded[: getattr(node, "col_offset", 0)].decode("utf-8", "replace"))
        end = len(text)
        if getattr(node, "end_lineno", None) == line:
            end = len(encoded[: getattr(node, "end_col_offset", 0)].decode("utf-8", "replace"))
        return Source(text, line, start, end)

    def refuse(self, node: ast.AST, what: str, step: str | None = None) -> FormulaError:
        return fault(self.source(node), what, step=step)

    def expr(self, node: ast.expr, depth: int) -> Expr:
        if depth > DEEPEST:
            raise self.refuse(node, f"nested deeper than {DEEPEST}", "give a part a name of its own")
        at, deeper = self.source(node), depth + 1
        if isinstance(node, ast.Name):
            if "ᵀ" in at.text[at.start : at.end]:  # a letter to Python, which reads Xᵀ as XT
                raise self.refuse(
                    node, "this is not part of a formula", "write .T for the transpose, as in X.T"
                )
            if node.id in OPERATIONS:
                raise self.refuse(node, f"{node.id} is a function", f"write {node.id}(…)")
            return Name(node.id, source=at)
        if isinstance(node, ast.Constant):
            return self.number(node, at)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return Unary(self.expr(node.operand, deeper), source=at)
        if isinstance(node, ast.BinOp):
            return self.infix(node, node.op, node.left, node.right, deeper)
        if isinstance(node, ast.Compare):
            if len(node.ops) > 1:
                raise self.refuse(node, "two comparisons in a row", "write one, in parentheses")
            return self.infix(node, node.ops[0], node.left, node.comparators[0], deeper)
        if isinstance(node, ast.Attribute):
            if node.attr not in {"T", "mT"}:
                raise self.refuse(
                    node, f".{node.attr} has no meaning here", _SAY_INSTEAD.get(node.attr, "known: .T")
                )
            return Transpose(self.expr(node.value, deeper), node.attr == "mT", source=at)
        if isinstance(node, ast.Subscript):
            return self.index(node, deeper)
        if isinstance(node, ast.Call):
            return self.call(node, deeper)
        raise self.refuse(node, "this is not part of a formula", _SAY_INSTEAD.get(type(node).__name__))

    def number(self, node: ast.Constant, at: Source) -> Number:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(
                node,
                f"a {type(value).__name__} is not part of a formula",
                "numbers are real: 2, 0.5, 1e-5",
            )
        exact = type(value) is int and abs(value) <= 2**53
        try:
            near = float(value)
        except OverflowError:
            near = float("inf")
        if near == float("inf"):
            raise self.refuse(node, "a number too large, at most 1.8e308")
        return Number(value if exact else near, source=at)

    def infix(self, node: ast.expr, op: ast.AST, left: ast.expr, right: ast.expr, depth: int) -> Expr:
        symbol = _INFIX.get(type(op))
        if symbol is None:
            kind = type(op).__name__
            raise self.refuse(
                node,
                "this is not part of a formula",
                _SAY_INSTEAD.get(kind, "known: + - * / ** @ < <= > >="),
            )
        return Binary(symbol, self.expr(left, depth), self.expr(right, depth), source=self.source(node))

    def call(self, node: ast.Call, depth: int) -> Expr:
        function, given = node.func, list(node.args)
        if isinstance(function, ast.Name):
            name = function.id
        elif isinstance(function, ast.Attribute):
            name = function.attr
            numpy = isinstance(function.value, ast.Name) and function.value.id in {"np", "numpy"}
            if not numpy:
                if name == "transpose" and not given:
                    raise self.refuse(node, "no order of axes is given", "write a.T or a.transpose(D, N)")
                if name in OPERATIONS and not (
                    OPERATIONS[name].kind in {"reduction", "along"} or name in {"reshape", "transpose"}
                ):
                    raise self.refuse(node, f".{name}() is not part of a formula", f"write {name}(…)")
                given.insert(0, function.value)
        else:
            raise self.refuse(node, "only a named function can be called")
        kinds = {"function", "pair", "reduction", "along", "outer", "axes"}
        known = [row.symbol for row in OPERATIONS.values() if row.kind in kinds]
        if name not in known:
            raise self.refuse(node, f"no function {name!r}", _SAY_INSTEAD.get(name) or nearest(name, known))
        if OPERATIONS[name].kind in {"reduction", "along"}:
            return self.reduce(name, node, given, depth)
        if OPERATIONS[name].kind == "axes":
            return self.placed(name, node, given, depth)
        wanted = 1 if OPERATIONS[name].kind == "function" else 2
        if len(given) != wanted or node.keywords:
            what = f"{name} takes {wanted} argument{'s' if wanted > 1 else ''}"
            raise self.refuse(node, f"{what}, got {len(given) + len(node.keywords)}")
        return Call(name, tuple(self.expr(argument, depth) for argument in given), source=self.source(node))

    def reduce(self, name: str, node: ast.Call, given: list[ast.expr], depth: int) -> Expr:
        usage = f"write {name}(a, axis=N) or {name}(a, axis=N, keepdims=True)"
        options = dict(zip(("axis", "keepdims"), given[1:], strict=False))
        for keyword in node.keywords:
            if keyword.arg not in {"axis", "keepdims"} or keyword.arg in options:
                raise self.refuse(keyword.value, f"{name} takes no {keyword.arg or '**'} here", usage)
            options[keyword.arg] = keyword.value
        if not 1 <= len(given) <= 3:
            raise self.refuse(node, f"{name} got {len(given)} arguments", usage)
        if OPERATIONS[name].kind == "along" and "keepdims" in options:
            raise self.refuse(node, f"{name} keeps all its axes", f"write {name}(a, axis=C)")
        keep = options.get("keepdims")
        if keep is not None and not (isinstance(keep, ast.Constant) and isinstance(keep.value, bool)):
            raise self.refuse(keep, "keepdims must be True or False", usage)
        axes = self.axes(options["axis"], usage) if "axis" in options else None
        keepdims = isinstance(keep, ast.Constant) and keep.value is True
        return Reduce(name, self.expr(given[0], depth), axes, keepdims, source=self.source(node))

    def index(self, node: ast.Subscript, depth: int) -> Expr:
        usage = "write S[arange(N), y] to pick by labels, or r[:, None] for a new axis"
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        items: list[str | Expr] = []
        for part in parts:
            whole = isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None
            if whole:
                items.append(ALL)
            elif isinstance(part, ast.Constant) and part.value in (None, Ellipsis):
                items.append(NEW if part.value is None else "...")
            elif isinstance(part, ast.Name | ast.Call) and isinstance(
                item := self.expr(part, depth), Name | Arange
            ):
                items.append(item)
            else:
                raise self.refuse(part, "this index has no meaning here", usage)
        return Index(self.expr(node.value, depth), tuple(items), source=self.source(node))

    def placed(self, name: str, node: ast.Call, given: list[ast.expr], depth: int) -> Expr:
        at = self.source(node)
        usage = {
            "arange": "arange(N)",
            "onehot": "onehot(y, C)",
            "broadcast_to": "broadcast_to(r, (N, C))",
        }.get(name, f"{name}(x, (N, D))")
        usage = f"write {usage}"
        if len(given) < (1 if name == "arange" else 2) or node.keywords:
            raise self.refuse(node, f"{name} got {len(given)} arguments", usage)
        axes = list(given[1:] if name != "arange" else given)
        if len(axes) == 1 and isinstance(axes[0], ast.Tuple):
            axes = list(axes[0].elts)
        if name in {"arange", "onehot"} and len(axes) != 1:
            raise self.refuse(node, f"{name} takes one axis", usage)
        if name == "transpose":
            order = self.axes(ast.copy_location(ast.Tuple(axes), node), usage) or ()
            return Permute(self.expr(given[0], depth), order, source=at)
        sizes = tuple(self.expr(axis, depth) for axis in axes)
        for axis, size in zip(axes, sizes, strict=True):
            if not (isinstance(size, Name) or (isinstance(size, Number) and type(size.value) is int)):
                raise self.refuse(axis, "an axis is a name such as N, or a number", usage)
        if name == "arange":
            return Arange(sizes[0], source=at)
        operand = self.expr(given[0], depth)
        if name == "onehot":
            return OneHot(operand, sizes[0], source=at)
        return (Reshape if name == "reshape" else Spread)(operand, sizes, source=at)

    def axes(self, node: ast.expr, usage: str) -> tuple[Token, ...] | None:
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        found: list[Token] = []
        for part in node.elts if isinstance(node, ast.Tuple) else [node]:
            minus = isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub)
            bare = part.operand if isinstance(part, ast.UnaryOp) and minus else part
            if isinstance(part, ast.Name):
                found.append(part.id)
            elif isinstance(bare, ast.Constant) and type(bare.value) is int and bare.value < 64:
                found.append(-bare.value if minus else bare.value)
            else:
                raise self.refuse(part, "an axis is a name such as N, or a number", usage)
        return tuple(found)
