"""What an interactive figure is: a widget in JupyterLab, and the same module as HTML that needs no kernel.

A figure is a class with a label, a lead (what to try), traits that a reader can move, and `words`, which says
all that it shows. Its JavaScript lies beside it in a file of the same name and is prefixed by kit.js; there the
numbers are computed again, and the tests hold the two equal. In HTML the module is started from the page
itself, asks no host for anything, and changes nothing but the figure's own element. Where scripts are
stripped (an untrusted notebook) the words remain.

The module format (a default export with `render({ model, el })`) is anywidget's.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from decimal import ROUND_HALF_UP, Decimal
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from handgrad.errors import HandgradError, UnknownNameError, layout, nearest

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError(
        layout(
            "handgrad.widgets",
            f"needs the package {error.name}, which is not installed",
            cause="the interactive figures need more than NumPy",
            step='pip install "handgrad[book]"',
        )
    ) from error

__all__ = ["Figure", "fixed", "listed", "short"]

_HERE = Path(__file__).parent
_NOT_STATE = {"layout", "tabbable", "tooltip", "comm"}

# Finds its elements by the hash of what they hold: the same figure twice on a page is two live figures.
_BOOT = """<script type="module">
const url = URL.createObjectURL(new Blob([%(esm)s], {type: "text/javascript"}));
const { default: widget } = await import(url);
for (const el of document.querySelectorAll('[data-hg="%(ident)s"]:not([data-live])')) {
  el.dataset.live = "";
  const data = %(state)s, on = {};
  const model = { get: (k) => data[k], save_changes() {},
    set(k, v) { if (!Object.is(data[k], v)) { data[k] = v; (on["change:" + k] ?? []).forEach((f) => f()); } },
    on(e, f) { (on[e] ??= []).push(f); }, off(e, f) { on[e] = (on[e] ?? []).filter((g) => g !== f); } };
  el.replaceChildren();
  await widget.render({ model, el });
}
</script>"""


class Figure(anywidget.AnyWidget):
    """An interactive figure. Subclasses give label, lead, traits tagged sync=True, and `words`.

    Keyword arguments set traits. Raises UnknownNameError for a name that is none, and HandgradError for a
    value outside the trait's bounds.
    """

    label: ClassVar[str] = ""
    lead: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        source = Path(sys.modules[cls.__module__].__file__ or "").with_suffix(".js")
        if "_esm" not in vars(cls) and source.is_file():
            names = json.dumps({"label": cls.label, "lead": cls.lead}, ensure_ascii=False)
            kit = (_HERE / "kit.js").read_text(encoding="utf-8")
            cls._esm = f"const FIGURE = {names};\n{kit}\n{source.read_text(encoding='utf-8')}"
        super().__init_subclass__(**kwargs)

    def __init__(self, **traits: Any) -> None:
        where, known = type(self).__name__, self._names()
        for name in traits:
            if name not in known:
                likely = nearest(name, known)
                raise UnknownNameError(
                    layout(
                        where,
                        f"has nothing named {name}",
                        [f"it has: {', '.join(known)}"],
                        step=f"try {likely}" if likely else None,
                    )
                )
        try:
            super().__init__(**traits)
        except traitlets.TraitError as error:
            raise HandgradError(layout(where, "cannot show this value", [str(error)])) from error

    @classmethod
    def _names(cls) -> list[str]:
        names = cls.class_trait_names(sync=True)
        return sorted(n for n in names if n[0] != "_" and n not in _NOT_STATE)

    def state(self) -> dict[str, Any]:
        """What a reader can move, by name, as it stands now."""
        return {name: getattr(self, name) for name in self._names()}

    def words(self) -> list[str]:
        """All that the figure shows, in lines of text with the numbers."""
        raise NotImplementedError

    def fallback(self) -> str:
        """The HTML that stands where no script runs: the same as the initial picture, in words."""
        return (
            f"<p><strong>{escape(self.label)}.</strong> {escape(self.lead)}</p>"
            "<p>The figure moves where scripts may run: on the web page, and in a notebook once you run this cell. "
            "As it starts it shows:</p>"
            f'<pre style="white-space:pre-wrap;background:none;color:inherit">'
            f"{escape(chr(10).join(self.words()))}</pre>"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.state().items())})"

    def html(self) -> str:
        """The figure as HTML that is complete in itself; the same state gives the same bytes."""
        # in JSON a "<" stands in strings alone, and escaped it can neither end the script nor open a comment
        esm, state = (
            json.dumps(v, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
            for v in (str(self._esm), self.state())
        )
        ident = hashlib.sha256((esm + state).encode()).hexdigest()[:10]
        return (
            f'<div data-hg="{ident}" role="group" aria-label="{escape(self.label)}">{self.fallback()}</div>\n'
            + _BOOT % {"esm": esm, "state": state, "ident": ident}
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[Any, Any], dict[Any, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/html"] = self.html()
        return bundle


def fixed(value: Any, digits: int = 2) -> str:
    """A number with that many digits after the point, halves away from 0, as JavaScript's toFixed has it."""
    size = Decimal(abs(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{'−' if value < 0 and size else ''}{size}"


def short(value: Any) -> str:
    """Two digits after the point; a power of ten where that would say nothing (as kit.js has it)."""
    size = abs(float(value))
    if size == 0 or 0.005 <= size < 1000:
        return fixed(value)
    return re.sub(r"e([+-])0*(\d+)", r"e\1\2", f"{float(value):.1e}").replace("e+", "e").replace("-", "−")


def listed(values: Any, digits: int = 2) -> str:
    """Numbers in square brackets, as kit.js prints them."""
    return f"[{', '.join(fixed(v, digits) for v in values)}]"
