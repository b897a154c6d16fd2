"""HTML pages from templates: one file each, no script, nothing fetched, every text of a student inert."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight as coloured
from pygments.formatters import HtmlFormatter
from pygments.lexers.python import PythonLexer

__all__ = ["clean", "highlight", "listed", "number", "render"]

MOST_CODE = 8000  # characters shown of one cell
MOST_LINES = 200
MOST_LINE = 500  # of one line; what is longer is data, not code

# Controls that a page cannot hold, and marks that turn the direction of what follows, to hide what it says.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def clean(text: str, most: int = 4000) -> str:
    """A text that can be stored and read: a replacement sign for each unseen control, cut at `most` characters."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return _UNSEEN.sub("\ufffd", cut.replace("\r\n", "\n"))


def number(value: float) -> str:
    """Points as they are said: 4, 4.5, 0.33."""
    return f"{round(float(value), 2):g}"


def highlight(code: str) -> tuple[Markup, str]:
    """Python code as coloured HTML, and a sentence on what was cut from it, or ""."""
    given = code.replace("\r\n", "\n").split("\n")
    kept = [line if len(line) <= MOST_LINE else line[:MOST_LINE] + " …" for line in given[:MOST_LINES]]
    text = clean("\n".join(kept), MOST_CODE).rstrip() + "\n"
    shown = text.count("\n")
    missing = len(given) - shown
    cut = f"{missing} more lines are not shown." if missing > 0 and "\n".join(given[shown:]).strip() else ""
    # The formatter escapes every token, so what it returns is HTML of its own.
    return Markup(coloured(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))), cut


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("handgrad.homework", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["number"] = number
    return environment


def _finalize(value: Any) -> Any:
    return clean(value) if type(value) is str else value


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the source that lets a page use it and no other."""
    css = files(__package__).joinpath("page.css").read_text(encoding="utf-8").strip()
    digest = b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return css, f"'sha256-{digest}'"


def render(template: str, **values: Any) -> str:
    """The page of that template. Every text is escaped; only the style sheet and coloured code are HTML."""
    css, allowed = _style()
    policy = f"default-src 'none'; style-src {allowed}; base-uri 'none'; form-action 'none'"
    return _environment().get_template(template).render(css=Markup(css), policy=Markup(policy), **values)


def listed(names: Iterable[str]) -> str:
    """ "dx, dw and db": names as a sentence says them, each once."""
    once = list(dict.fromkeys(names))
    return " and ".join([", ".join(once[:-1]), once[-1]] if len(once) > 1 else once)
