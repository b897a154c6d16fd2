"""Every page in a browser: wide and narrow, light and dark. Nothing may spill, fail, or leave this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import playwright.sync_api
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    "index.html",
    *sorted(f"book/{p.stem}.html" for p in (ROOT / "book").iterdir() if p.suffix in (".ipynb", ".md")),
]
WIDTHS = (1280, 390)

# What is wrong on the page, as a list of sentences.
LOOK = """async () => {
  const wrong = [], say = (text, node) => wrong.push(text + ": " + (node.outerHTML ?? node).slice(0, 120));
  const html = document.documentElement;
  if (html.scrollWidth > html.clientWidth) {
    const spills = [...document.querySelectorAll("body *")].filter((e) => {
      for (let up = e.parentElement; up; up = up.parentElement)
        if (up !== html && up !== document.body && getComputedStyle(up).overflowX !== "visible") return false;
      return e.getBoundingClientRect().right > html.clientWidth + 1;
    });
    say(`scrolls sideways, ${html.scrollWidth} in ${html.clientWidth}`, spills.at(-1) ?? "");
  }
  for (const formula of document.querySelectorAll(".math"))
    if (!formula.querySelector("mjx-container")) say("a formula is not set", formula);
  for (const bad of document.querySelectorAll("mjx-merror, [data-mjx-error]")) say("MathJax reports an error", bad);
  const text = document.querySelector("article")?.innerText ?? "";
  for (const raw of text.match(/\\\\(begin|frac|partial)\\b|\\$\\$/g) ?? []) say("raw TeX is shown", raw);
  for (const img of document.querySelectorAll("article img")) {
    const alt = img.getAttribute("alt") ?? "";
    if (!alt || alt.includes("_images/") || /\\.(svg|png|jpg)$/.test(alt)) say("an image has no real alt text", img);
    if (!img.naturalWidth) say("an image is not loaded", img);
  }
  for (const svg of document.querySelectorAll("article svg[role=img]"))
    if (!(svg.querySelector("title")?.textContent.trim() || svg.getAttribute("aria-label")))
      say("a drawing has no title", svg);
  for (const cell of document.querySelectorAll(".tag_solution"))
    if (!cell.querySelector("details:not([open])") && !cell.closest("details:not([open])"))
      say("a solution lies open", cell);
  for (const figure of document.querySelectorAll("[data-hg]"))
    if (!figure.querySelector(".hg-figure")) say("an interactive figure did not start", figure);
  for (const box of document.querySelectorAll("article [id]"))
    if (document.querySelectorAll("#" + CSS.escape(box.id)).length > 1) say("an id is used twice", box);
  return wrong;
}"""


SET = "() => [...document.querySelectorAll('.math')].every((f) => f.querySelector('mjx-container'))"
STARTED = "() => [...document.querySelectorAll('[data-hg]')].every((f) => f.querySelector('.hg-figure'))"


def visit(browser: Any, address: str, width: int = 1280, theme: str = "light") -> tuple[Any, list[str]]:
    """Open a page; return it and what is wrong with it. Requests to other hosts are refused and reported."""
    home = urlsplit(address).netloc
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    page = context.new_page()
    page.set_default_timeout(120_000)  # a busy machine is slow, and no page is wrong for it

    def route(handler: Any) -> None:
        url = handler.request.url
        if urlsplit(url).netloc in (home, "") and urlsplit(url).scheme in ("http", "data", "blob"):
            handler.continue_()
        else:
            wrong.append(f"asks another host: {url}")
            handler.abort()

    page.route("**/*", route)
    page.on("pageerror", lambda error: wrong.append(f"raises: {error}"))
    page.on("response", lambda r: wrong.append(f"is missing: {r.url}") if r.status >= 400 else None)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(300)  # the first page of all only sends its reader on
    page.wait_for_load_state("load")
    with suppress(playwright.sync_api.TimeoutError):
        page.wait_for_function(SET, timeout=20_000)
    # Not "networkidle": on a busy machine it may never come. Figures start after the page has loaded.
    with suppress(playwright.sync_api.TimeoutError):
        page.wait_for_function(STARTED, timeout=20_000)
    page.wait_for_timeout(200)
    wrong += page.evaluate(LOOK)
    return page, wrong


@pytest.fixture(scope="module")
def address(site: Path, serve: Any) -> str:
    return str(serve(site))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound(browser: Any, address: str, name: str, width: int, theme: str) -> None:
    page, wrong = visit(browser, f"{address}/{name}", width, theme)
    shown = page.evaluate("() => document.documentElement.dataset.theme")
    page.context.close()
    assert wrong == []
    assert shown == theme


def test_maths_is_set_on_the_page_of_symbols(browser: Any, address: str) -> None:
    page, wrong = visit(browser, f"{address}/book/notation.html")
    count = page.locator("mjx-container").count()
    page.context.close()
    assert wrong == []
    assert count > 30


FIGURES = [
    p.stem for p in sorted((ROOT / "book").glob("*.ipynb")) if "data-hg=" in p.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", FIGURES)
def test_an_interactive_figure_answers_the_keyboard_without_a_kernel(
    browser: Any, address: str, name: str
) -> None:
    page, wrong = visit(browser, f"{address}/book/{name}.html", 390)
    for i in range(page.locator("[data-hg]").count()):
        figure = page.locator("[data-hg]").nth(i)
        before = figure.inner_text()
        control = figure.locator(
            "input[type=range]:enabled, input[type=checkbox]:enabled, button:enabled"
        ).first
        control.focus()
        ranged = control.get_attribute("type") == "range"
        page.keyboard.press("ArrowRight" if ranged else "Space")
        if ranged and figure.inner_text() == before:  # it stood at its end
            page.keyboard.press("ArrowLeft")
        assert figure.inner_text() != before
    page.context.close()
    assert wrong == []


def test_at_least_six_chapters_have_an_interactive_figure() -> None:
    assert len(FIGURES) >= 6, FIGURES


# ---- a page that is wrong is found ---------------------------------------------------------------

SHELL = '<!doctype html><html><head><link rel="icon" href="data:,"></head><body><article>{}</article></body></html>'
BAD = {
    "wide": ('<div style="width: 2000px">wide</div>', "scrolls sideways, 2008 in 1280"),
    "script": ("<script>undefined.x</script>", "raises: "),
    "host": ('<script src="http://127.0.0.2:9/a.js"></script>', "asks another host: http://127.0.0.2:9/a.js"),
    "lost": ('<img alt="A curve" src="none.svg">', "is missing: "),
    "formula": ('<span class="math">x^2</span>', "a formula is not set"),
    "merror": ("<mjx-merror>Undefined control sequence</mjx-merror>", "MathJax reports an error"),
    "raw": (r"<p>\frac{1}{2}</p>", r"raw TeX is shown: \frac"),
    "alt": ('<img src="data:," alt="../_images/a.svg">', "an image has no real alt text"),
    "no alt": ('<img src="data:,">', "an image has no real alt text"),
    "drawing": ('<svg role="img"></svg>', "a drawing has no title"),
    "solution": ('<div class="tag_solution"><details open>x</details></div>', "a solution lies open"),
    "figure": ('<div data-hg="a"></div>', "an interactive figure did not start"),
    "ids": ('<p id="a"></p><p id="a"></p>', "an id is used twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_faulty_page_is_found(browser: Any, serve: Any, tmp_path: Path, name: str) -> None:
    body, message = BAD[name]
    (tmp_path / "page.html").write_text(SHELL.format(body))
    page, wrong = visit(browser, f"{serve(tmp_path)}/page.html")
    page.context.close()
    assert any(line.startswith(message) for line in wrong), wrong


def test_a_sound_page_is_not_blamed(browser: Any, serve: Any, tmp_path: Path) -> None:
    wide = '<div style="overflow-x: auto"><div style="width: 2000px">scrolls inside its box</div></div>'
    hidden = '<div class="tag_solution"><details><summary>Show</summary>x</details></div>'
    (tmp_path / "page.html").write_text(SHELL.format(wide + hidden))
    page, wrong = visit(browser, f"{serve(tmp_path)}/page.html", 390, "dark")
    page.context.close()
    assert wrong == []
