"""What the tests of the figures share: a figure on a page of its own, opened from a file, moved by keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handgrad.widgets import Figure

PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>'
    '<meta name="viewport" content="width=device-width"></head>'
    '<body style="margin:0;color:{ink};background:{paper}">{body}</body></html>'
)
THEMES = {"light": ("#212529", "#ffffff"), "dark": ("#ced6dd", "#121212")}


class Shown:
    """A figure on a page of its own, opened from a file; `wrong` collects script errors and requests."""

    def __init__(self, page: Any, wrong: list[str]) -> None:
        self.page, self.wrong = page, wrong

    def words(self, at: int = 0) -> list[str]:
        return str(self.page.locator(".hg-figure pre").nth(at).text_content()).split("\n")

    def says(self) -> str:
        return str(self.page.locator(".hg-says").first.text_content())

    def picture(self) -> str:
        return str(self.page.locator(".hg-stage").first.text_content())

    def press(self, key: str, *presses: str, at: int = 0) -> None:
        self.page.locator(f"[data-key={key}]").nth(at).focus()
        for press in presses:
            self.page.keyboard.press(press)

    def click(self, name: str) -> None:
        button = self.page.get_by_role("button", name=name)
        button.focus()
        self.page.keyboard.press("Enter")

    def state(self) -> dict[str, Any]:
        """What the controls say, as the figure's traits."""
        read = """() => [...document.querySelectorAll(".hg-figure [data-key]")].map((e) =>
            [e.dataset.key, e.type, e.type === "checkbox" ? e.checked : e.value, e.checked])"""
        found: dict[str, Any] = {}
        for key, kind, value, checked in self.page.evaluate(read):
            if kind == "radio":
                found |= {key: value} if checked else {}
            else:
                found[key] = float(value) if kind == "range" else value
        return found


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A function that opens figures from file://, where every request and script error is a mistake."""
    contexts = []

    def start(*figures: Figure, width: int = 1000, theme: str = "light", scripts: bool = True) -> Shown:
        ink, paper = THEMES[theme]
        file = tmp_path / f"{len(contexts)}.html"
        body = "\n".join(figure.html() for figure in figures)
        file.write_text(PAGE.format(ink=ink, paper=paper, body=body), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, java_script_enabled=scripts
        )
        contexts.append(context)
        page, wrong = context.new_page(), list[str]()
        page.on("pageerror", lambda error: wrong.append(f"raises: {error}"))
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on(
            "request",
            lambda r: (
                None
                if r.url == file.as_uri() or r.url.startswith("blob:")
                else wrong.append(f"asks for {r.url}")
            ),
        )
        page.goto(file.as_uri())
        if scripts:
            page.locator(".hg-figure").nth(len(figures) - 1).wait_for()
        return Shown(page, wrong)

    yield start
    for context in contexts:
        context.close()
