"""A formula as shapes: rectangles with proportional sides, their axes named, and what meets what marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handgrad import formula as language
from handgrad.axes import Token, Tokens, letters
from handgrad.draw.svg import Canvas, Picture, mono_width
from handgrad.errors import ShapeError, layout
from handgrad.shapes import parse

__all__ = ["product"]

_LONG, _SHORT = 110.0, 18.0
_SYMBOLS = {"*": "⊙", "-": "−", "/": "÷"}


def product(
    text: str, shapes: str, sizes: Mapping[str, int] | None = None, result: str = "", title: str = ""
) -> Picture:
    """Draw a formula's operands and its result as rectangles: `product("X.T @ dout", "X: N D, dout: N M")`.

    Top level may be products `@`, one of `+ - * /` (a bias is drawn as repeated), or a sum, mean or max over
    axes; deeper parts are one rectangle each. sizes: of the axes, which the sides are proportional to;
    without them the axes are named alone. Raises FormulaError, SpecError or ShapeError.
    """
    expr = language.parse(text)
    types = dict(parse(shapes).inputs)
    axes = list(dict.fromkeys(t for tokens in types.values() for t in tokens if isinstance(t, str)))
    missing = [a for a in axes if sizes is not None and a not in sizes]
    if missing:
        raise ShapeError(
            layout("product", f"no size for {', '.join(missing)}", step="pass sizes for every axis")
        )
    scale = dict(zip(axes, (7, 5, 3, 4, 6, 2, 8, 9), strict=False)) if sizes is None else dict(sizes)
    drawing = _Drawing(types, scale, sizes is not None)
    total = expr.infer(types)
    drawing.expression(expr)
    last = expr.right.infer(types) if isinstance(expr, language.Binary) and expr.op == "@" else ()
    drawing.equals(total, result, column=len(last) == 1)
    drawing.notes()
    label = f"{result} = {expr}" if result else str(expr)
    words = [*drawing.words, f"the result {result + ' ' if result else ''}is {drawing.named(total)}"]
    desc = f"{'; '.join(words)}."
    return drawing.canvas.picture(
        title or f"Shapes in {label}", desc, f"{label}\n" + "\n".join(f"  {w}" for w in words)
    )


class _Drawing:
    """The rectangles of one formula, from left to right."""

    def __init__(self, types: Mapping[str, Tokens], scale: Mapping[str, Any], sized: bool) -> None:
        self.canvas, self.types, self.scale, self.sized = Canvas(), types, scale, sized
        self.x = 0.0
        self.words: list[str] = []
        self.captions: list[str] = []
        self.largest = max([self.size(t) for tokens in types.values() for t in tokens] or [1])

    def size(self, token: Token) -> int:
        """The size that a side is drawn with."""
        return token if isinstance(token, int) else int(self.scale.get(token, 4))

    def axis(self, token: Token) -> str:
        """An axis as written on a side: N, or N=7."""
        return f"{token}={self.scale[token]}" if self.sized and isinstance(token, str) else str(token)

    def named(self, tokens: Tokens) -> str:
        """Axes in words: (N, D) = (7, 5)."""
        sizes = tuple(self.size(t) for t in tokens)
        return (
            f"{letters(tokens)} = {sizes}"
            if self.sized and tokens
            else letters(tokens)
            if tokens
            else "a scalar"
        )

    def side(self, token: Token) -> float:
        """The length of a side in pixels."""
        return max(_SHORT, _LONG * self.size(token) / self.largest)

    def expression(self, expr: language.Expr) -> None:
        """Draw the top level of a formula."""
        if isinstance(expr, language.Binary) and expr.op == "@":
            factors = _chain(expr)
            for k, factor in enumerate(factors):
                tokens = factor.infer(self.types)
                if k:
                    self.symbol("@")
                left = k > 0
                right = k < len(factors) - 1
                self.operand(str(factor), tokens, match_rows=left, match_cols=right)
                if left:
                    inner = self.axis(tokens[-2 if len(tokens) > 1 else 0])
                    self.captions.append(f"inner axes match: {inner} meets {inner} and is summed")
                    self.words.append(f"the inner axes match: {inner} is summed")
        elif isinstance(expr, language.Binary):
            total = expr.infer(self.types)
            for k, operand in enumerate(expr.children):
                if k:
                    self.symbol(_SYMBOLS.get(expr.op, expr.op))
                tokens = operand.infer(self.types)
                self.operand(str(operand), tokens, spread_to=total if tokens != total and tokens else ())
                repeated = _repeated(tokens, total)
                if tokens and repeated:
                    along = ", ".join(self.axis(t) for t in repeated)
                    self.captions.append(f"{operand} is repeated along {along}")
                    self.words.append(f"{operand} is repeated along {along}")
            if all(operand.infer(self.types) == total for operand in expr.children):
                self.captions.append("same shape: entry by entry")
                self.words.append("both have the same shape, entry meets entry")
        elif isinstance(expr, language.Reduce):
            tokens = expr.operand.infer(self.types)
            gone = expr.positions(tokens)
            along = ", ".join(self.axis(tokens[i]) for i in gone)
            self.symbol(expr.function)
            self.operand(str(expr.operand), tokens, summed=gone)
            self.captions.append(f"{expr.function} over {along}" if along else f"{expr.function} of a scalar")
            self.words.append(f"{expr.function} over {along or 'nothing'}")
        else:
            self.operand(str(expr), expr.infer(self.types))

    def equals(self, tokens: Tokens, name: str, column: bool) -> None:
        """The sign of equality and the result."""
        self.symbol("=")
        self.rectangle(name or "result", tokens, ink="gradient", column=column)

    def symbol(self, text: str) -> None:
        """A sign between rectangles."""
        width = mono_width(text, 18)
        self.canvas.text(self.x + 12 + width / 2, 6, text, size=18)
        self.x += width + 24

    def operand(self, name: str, tokens: Tokens, **marks: Any) -> None:
        """A rectangle, and its line in the words."""
        self.words.append(f"{name} is {self.named(tokens)}")
        self.rectangle(name, tokens, **marks)

    def rectangle(
        self,
        name: str,
        tokens: Tokens,
        ink: str = "value",
        match_rows: bool = False,
        match_cols: bool = False,
        spread_to: Tokens = (),
        summed: tuple[int, ...] = (),
        column: bool = False,
    ) -> None:
        """One array: its name inside or below, its axes on its sides, its marks."""
        canvas = self.canvas
        column = len(tokens) == 1 and (match_rows or column)  # a vector right of @ is drawn as a column
        rows: Token | None = tokens[-2] if len(tokens) > 1 else tokens[0] if column else None
        cols: Token | None = tokens[-1] if tokens and not column else None
        h = self.side(rows) if rows is not None else _SHORT
        w = self.side(cols) if cols is not None else _SHORT
        row_text = self.axis(rows) if rows is not None else ""
        col_text = self.axis(cols) if cols is not None else ""
        left = self.x + (mono_width(row_text, 12) + 8 if row_text else 4)
        ghost = (w, h)
        if len(spread_to) > 1:
            ghost = (self.side(spread_to[-1]), self.side(spread_to[-2]))
        width = max(w, ghost[0], mono_width(col_text, 12))
        top = -max(h, ghost[1]) / 2 if spread_to else -h / 2
        for k in range(min(len(tokens) - 2, 2), 0, -1):  # more axes: a stack of rectangles
            canvas.rect(left + 5 * k, top - 5 * k, w, h, line="quiet")
        if ghost != (w, h):
            canvas.rect(left, top, *ghost, line="quiet", width=1)
            canvas.path(
                [(left + w / 2, top + h + 2), (left + w / 2, top + ghost[1] - 3)]
                if ghost[1] > h
                else [(left + w + 2, top + h / 2), (left + ghost[0] - 3, top + h / 2)],
                ink="quiet",
                dash="4 3",
            )
        canvas.rect(left, top, w, h, fill=ink, alpha=0.22, line=ink, width=1.5)
        if match_rows and rows is not None:
            canvas.path([(left, top), (left, top + h)], ink="gradient", width=5)
        if match_cols and cols is not None:
            canvas.path([(left, top), (left + w, top)], ink="gradient", width=5)
        for axis in summed:
            self._collapse(left, top, w, h, vertical=axis == len(tokens) - 2, inside=axis >= len(tokens) - 2)
        bold_rows, bold_cols = match_rows and rows is not None, match_cols and cols is not None
        if row_text:
            canvas.text(
                left - 6, top + h / 2 + 4, row_text, "gradient" if bold_rows else "text", "end", 12, bold_rows
            )
        if col_text:
            up = 7 + 5 * min(max(len(tokens) - 2, 0), 2)
            canvas.text(
                left + w / 2, top - up, col_text, "gradient" if bold_cols else "text", "middle", 12, bold_cols
            )
        bottom = top + max(h, ghost[1])
        inside = mono_width(name) + 8 <= w and h >= 20 and not summed
        if inside:
            canvas.text(left + w / 2, top + h / 2 + 4.5, name, bold=True)
        else:
            width = max(width, mono_width(name))
            canvas.text(left + w / 2, bottom + 18, name, bold=True)
        shape = letters(tokens)
        width = max(width, mono_width(shape, 12))
        canvas.text(left + w / 2, bottom + (18 if inside else 34), shape, "quiet", size=12)
        self.x = left + max(max(w, ghost[0]), w / 2 + width / 2)

    def _collapse(self, left: float, top: float, w: float, h: float, vertical: bool, inside: bool) -> None:
        """Arrows along the axis that a reduction removes."""
        if not inside:
            return
        for share in (0.25, 0.5, 0.75):
            if vertical:
                x = left + w * share
                self.canvas.path([(x, top + 4), (x, top + h - 4)], ink="gradient", dash="4 3")
                self.canvas.path(
                    [(x - 4, top + h - 9), (x, top + h - 3), (x + 4, top + h - 9)], ink="gradient"
                )
            else:
                y = top + h * share
                self.canvas.path([(left + 4, y), (left + w - 4, y)], ink="gradient", dash="4 3")
                self.canvas.path(
                    [(left + w - 9, y - 4), (left + w - 3, y), (left + w - 9, y + 4)], ink="gradient"
                )

    def notes(self) -> None:
        """The captions below the picture."""
        y = self.canvas.box[3] + 22
        for k, caption in enumerate(dict.fromkeys(self.captions)):
            self.canvas.text(0, y + 17 * k, caption, anchor="start", size=12, sans=True)


def _chain(expr: language.Expr) -> list[language.Expr]:
    """The factors of a product of products, from left to right."""
    factors: list[language.Expr] = []
    while isinstance(expr, language.Binary) and expr.op == "@":
        factors.append(expr.right)
        expr = expr.left
    return [expr, *factors[::-1]]


def _repeated(tokens: Tokens, total: Tokens) -> list[Token]:
    """The axes of the result along which an operand is repeated."""
    lead = len(total) - len(tokens)
    return [t for i, t in enumerate(total) if i < lead or tokens[i - lead] != t]
