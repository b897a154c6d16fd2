"""Every graded cell names the section of the book that it belongs to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handgrad.homework import notebooks, source
from handgrad.homework.sync import homeworks

ROOT = Path(__file__).resolve().parents[2]


def anchors(page):
    """The labels of a chapter, and what its headings become in the page's addresses."""
    path = ROOT / "book" / f"{page}.ipynb"
    text = "\n".join(cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {*re.findall(r"^\(([a-z0-9-]+)\)=$", text, re.MULTILINE), *map(anchor, headings)}


def anchor(heading):
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


@pytest.mark.parametrize("slug", homeworks(ROOT))
def test_every_graded_cell_names_a_section_that_is_there(slug):
    for part in source.load(ROOT, slug).parts:
        page, _, section = part.see.partition("#")
        assert section in anchors(page), f"{part.grade_id}: no section {part.see!r}"


def test_a_section_that_is_not_there_is_missed():
    assert "the-layer" in anchors("05_affine")
    assert "sec-affine-batch" in anchors("05_affine")
    assert "sec-affine-bacth" not in anchors("05_affine")
