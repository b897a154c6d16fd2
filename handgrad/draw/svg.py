"""What every picture is made of: a canvas that collects shapes and knows its own bounds, and the finished picture.

Pictures follow the page from light to dark: text and lines are `currentColor`, and every other colour is
mixed with it. No font is embedded and no id is random, so the same data gives the same bytes.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

__all__ = ["Canvas", "Picture", "cells", "mono_width", "number", "sans_width", "spoken"]

MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"

# A hue and how much of it is mixed into currentColor: dark on a light page, light on a dark one.
_HUES = {
    "value": ("#0b6bcb", 72),
    "gradient": ("#d9480f", 76),
    "good": ("#16833a", 72),
    "quiet": ("#868e96", 60),
}

# Widths in em of a wide common sans-serif font (DejaVu Sans), rounded up, so that no box is ever too small.
_NARROW, _MIDDLE, _WIDE = "iljI.,:;'|!", "()[]{} ftr-/", "mwMW@%−×+=→"


@dataclass(frozen=True)
class Picture:
    """A finished picture: `svg`, its `title`, a short `desc`, and `text`, which says in words all that it shows.

    A notebook shows the SVG with the words folded below it. Where SVG is stripped, the words remain. Ids come
    from the content: where the same picture stands twice on a page, give one of them another title.
    """

    title: str
    desc: str
    text: str
    svg: str
    width: float
    height: float

    def _repr_html_(self) -> str:
        wide = self.width > 430
        scroll = f' tabindex="0" role="group" aria-label="{escape(self.title)}"' if wide else ""
        return (
            f'<div class="hg-picture"><div style="overflow-x:auto"{scroll}>{self.svg}</div>'
            f'<details style="font-size:0.85em"><summary>The picture in words</summary>'
            f'<pre style="white-space:pre-wrap;background:none;color:inherit">{escape(self.text)}</pre>'
            f"</details></div>"
        )

    def __repr__(self) -> str:
        return f"<picture: {self.title}. {self.desc}>"


def number(value: Any, digits: int = 3) -> str:
    """A number with at most that many significant digits; whole ones below 10000 in full."""
    v = float(value)
    if not math.isfinite(v):
        return "nan" if math.isnan(v) else ("inf" if v > 0 else "−inf")
    if v == int(v) and abs(v) < 10_000:
        return str(int(v)).replace("-", "−")
    if 999.5 <= abs(v) < 9999.5:
        return f"{v:.0f}".replace("-", "−")
    mantissa, _, exponent = f"{v:.{digits}g}".partition("e")
    return (mantissa + (f"e{int(exponent)}" if exponent else "")).replace("-", "−")


def cells(array: np.ndarray[Any, Any], most: int = 4, digits: int = 3) -> list[str]:
    """The rows of a small array as aligned text, `most` entries along an axis; nothing for a larger one."""
    if array.ndim > 2 or any(n > most for n in array.shape):
        return []
    if array.ndim == 0:
        return [number(array, digits)]
    rows = [[number(v, digits) for v in row] for row in np.atleast_2d(array)]
    if array.size == 0:
        return []
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    return ["[" + " ".join(v.rjust(w) for v, w in zip(row, widths, strict=True)) + "]" for row in rows]


def spoken(array: np.ndarray[Any, Any], most: int = 4, digits: int = 3) -> str:
    """An array for a sentence: its numbers where a picture shows them, and its shape."""
    if array.ndim == 0:
        return number(array, digits)
    rows = " ".join(" ".join(row.split()) for row in cells(array, most, digits))
    return (f"{rows} " if rows else "") + f"of shape {array.shape}"


def mono_width(text: str, size: float = 13) -> float:
    """The width of monospaced text in pixels, from above."""
    return 0.61 * size * len(text)


def sans_width(text: str, size: float = 12) -> float:
    """The width of sans-serif text in pixels, from above."""
    em = sum(0.35 if c in _NARROW else 0.42 if c in _MIDDLE else 0.98 if c in _WIDE else 0.66 for c in text)
    return em * size


def _n(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("a coordinate is not finite")
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def paint(kind: str, ink: str, alpha: float = 1.0) -> str:
    """The attributes that fill or stroke with an ink, a little of it if alpha is below 1."""
    style = ""
    if ink in _HUES:
        hue, share = _HUES[ink]
        style = f' style="{kind}:color-mix(in oklab, {hue} {share}%, currentColor)"'
    opacity = f' {kind}-opacity="{alpha:.2f}"' if alpha < 1 else ""
    return f'{kind}="{"none" if ink == "none" else "currentColor"}"{opacity}{style}'


class Canvas:
    """Collects shapes; `picture` puts them into an SVG whose viewBox holds all of them."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.box = [math.inf, math.inf, -math.inf, -math.inf]

    def grow(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Make room for a rectangle."""
        b = self.box
        self.box = [min(b[0], x0), min(b[1], y0), max(b[2], x1), max(b[3], y1)]

    def text(
        self,
        x: float,
        y: float,
        text: str,
        ink: str = "text",
        anchor: str = "middle",
        size: float = 13,
        bold: bool = False,
        sans: bool = False,
    ) -> None:
        """One line of text; y is its baseline."""
        width = (sans_width if sans else mono_width)(text, size)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        self.grow(left, y - size, left + width, y + 0.3 * size)
        weight = ' font-weight="600"' if bold else ""
        family = f' font-family="{SANS}"' if sans else ""
        self.parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}"{weight}{family} '
            f'xml:space="preserve" {paint("fill", ink)}>{escape(text)}</text>'
        )

    def sentence(self, x: float, y: float, spans: list[tuple[str, str]], size: float = 14) -> None:
        """One line of sans-serif text from x on, in pieces (text, ink); those with an ink of their own are bold."""
        width = sum(sans_width(text, size) for text, _ in spans)
        self.grow(x, y - size, x + width, y + 0.3 * size)
        bold = ' font-weight="600"'
        pieces = [
            f"<tspan{bold if ink != 'text' else ''} {paint('fill', ink)}>{escape(text)}</tspan>"
            for text, ink in spans
        ]
        self.parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" font-family="{SANS}" '
            f'xml:space="preserve">{"".join(pieces)}</text>'
        )

    def upright(self, x: float, y: float, text: str, ink: str = "text", size: float = 13) -> None:
        """One line of monospaced text that reads upwards from x, y."""
        self.grow(x - size, y - mono_width(text, size), x + 0.3 * size, y)
        self.parts.append(
            f'<text transform="translate({_n(x)} {_n(y)}) rotate(-90)" font-size="{_n(size)}" '
            f"{paint('fill', ink)}>{escape(text)}</text>"
        )

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: str = "none",
        alpha: float = 1.0,
        line: str = "text",
        line_alpha: float = 1.0,
        rx: float = 0,
        width: float = 1.2,
    ) -> None:
        """A rectangle, filled with an ink at some opacity, with an outline unless line is "none"."""
        self.grow(x - 1, y - 1, x + w + 1, y + h + 1)
        round_ = f' rx="{_n(rx)}"' if rx else ""
        stroke = f' stroke-width="{_n(width)}"' if line != "none" else ""
        both = _join(paint("fill", fill, alpha), paint("stroke", line, line_alpha))
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}"{round_}{stroke} {both}/>'
        )

    def path(
        self,
        points: list[tuple[float, float]],
        d: str = "",
        ink: str = "text",
        width: float = 1.3,
        dash: str = "",
        alpha: float = 1.0,
    ) -> None:
        """A polyline through points, or the path `d`, of which the points are then the extremes."""
        for x, y in points:
            self.grow(x - width, y - width, x + width, y + width)
        d = d or "M" + " L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="{d}" fill="none" stroke-width="{_n(width)}"{dashes} {paint("stroke", ink, alpha)}/>'
        )

    def curve(self, x0: float, y0: float, x1: float, y1: float, **options: Any) -> None:
        """A curve that leaves and arrives horizontally."""
        if abs(y0 - y1) < 0.05:
            self.path([(x0, y0), (x1, y1)], **options)
            return
        middle = _n((x0 + x1) / 2)
        d = f"M{_n(x0)} {_n(y0)} C{middle} {_n(y0)} {middle} {_n(y1)} {_n(x1)} {_n(y1)}"
        self.path([(x0, y0), (x1, y1)], d=d, **options)

    def head(self, x: float, y: float, ink: str = "text", back: bool = False) -> None:
        """An arrow head whose tip is at x, y, pointing right, or left if `back`."""
        s = -1 if back else 1
        self.grow(x - 8, y - 4, x + 8 if back else x, y + 4)
        self.parts.append(
            f'<path d="M{_n(x)} {_n(y)} L{_n(x - 7 * s)} {_n(y - 3.5)} L{_n(x - 7 * s)} {_n(y + 3.5)} Z" '
            f"{paint('fill', ink)}/>"
        )

    def picture(self, title: str, desc: str, text: str, card: bool = False) -> Picture:
        """Close the canvas. A card has its own background, for a picture that stands in a file of its own."""
        pad = 20 if card else 4
        x0, y0 = math.floor(self.box[0] - pad), math.floor(self.box[1] - pad)
        w, h = math.ceil(self.box[2] + pad) - x0, math.ceil(self.box[3] + pad) - y0
        body = "\n".join(self.parts)
        key = hashlib.sha256(f"{title}\0{desc}\0{text}\0{body}".encode()).hexdigest()[:10]
        head = ""
        style = "width:100%;height:auto;display:block;" + f"max-width:{w}px"
        if w > 430:
            style += f";min-width:{round(0.65 * w)}px"
        size = f'style="{style}"'
        if card:
            root = f"#hg-{key}"
            size = f'id="hg-{key}" width="{w}" height="{h}"'
            head = (
                f"<style>{root}{{color:#1f2328}}{root} .card{{fill:#fbfbfd;stroke:#d0d7de}}"
                f"@media(prefers-color-scheme:dark){{{root}{{color:#e6edf3}}"
                f"{root} .card{{fill:#161b22;stroke:#3d444d}}}}</style>\n"
                f'<rect class="card" x="{x0 + 1}" y="{y0 + 1}" width="{w - 2}" height="{h - 2}" rx="12"/>\n'
            )
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x0} {y0} {w} {h}" {size} role="img" '
            f'aria-labelledby="hg-{key}-t hg-{key}-d" font-family="{MONO}">\n'
            f'<title id="hg-{key}-t">{escape(title)}</title>\n<desc id="hg-{key}-d">{escape(desc)}</desc>\n'
            f"{head}{body}\n</svg>"
        )
        return Picture(title, desc, text, svg, w, h)


def _join(*attributes: str) -> str:
    """Join attribute strings, so that two styles become one."""
    styles, rest = [], []
    for text in attributes:
        plain, mark, style = text.partition(' style="')
        rest.append(plain)
        if mark:
            styles.append(style.removesuffix('"'))
    return " ".join(rest) + (f' style="{";".join(styles)}"' if styles else "")
