"""What the README and CONTRIBUTING promise: files that exist, code that runs, targets that make knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_example_of_the_readme_prints_the_report_that_the_readme_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_paths_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:book|tests|handgrad|benchmarks|solutions|exercises|\.ci)/[\w./]*)`", text)
    named += re.findall(r"\]\(([\w./]+)\)", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "book/index.md"])
def test_the_targets_that_are_named_exist(name: str) -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", text, re.MULTILINE))
    named = {first or second for first, second in named}
    assert named
    assert named <= known


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml", "Makefile", ".ci/run"])
def test_packages_are_named_and_no_place_to_get_them_from(name: str) -> None:
    place = re.compile(r"https?://|git\+|index-url|find-links")
    assert not place.search((ROOT / name).read_text(encoding="utf-8"))
    assert place.search("--index-url https://example.org")
