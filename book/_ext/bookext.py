"""What Jupyter Book lacks here: tabs that hold code cells, MathJax without a network, cleaner pages."""

from __future__ import annotations

import posixpath
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx_design.shared import create_component

log = logging.getLogger(__name__)


class tab_mark(nodes.Element):  # noqa: N801 - docutils' own naming
    """Where a tab starts, or where the last one ends."""


class TabStart(SphinxDirective):
    """`:::{tab-start} Label`, in a Markdown cell of its own; what follows belongs to the tab."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {"sync": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        mark = tab_mark(sync=self.options.get("sync"))
        self.set_source_info(mark)
        mark += self.state.inline_text(self.arguments[0], self.lineno)[0]
        return [mark]


class TabEnd(SphinxDirective):
    """`:::{tab-end}` closes the tabs."""

    def run(self) -> list[nodes.Node]:
        mark = tab_mark(end=True)
        self.set_source_info(mark)
        return [mark]


class GatherTabs(SphinxTransform):
    """Move what stands between the marks into sphinx-design's tabs."""

    default_priority = 9  # before sphinx-exercise gathers its own

    def apply(self, **kwargs: Any) -> None:
        parents = {id(mark.parent): mark.parent for mark in self.document.findall(tab_mark)}
        for parent in parents.values():
            self.gather(parent)

    def gather(self, parent: nodes.Element) -> None:
        out: list[nodes.Node] = []
        tabs = content = None
        for child in list(parent.children):
            if not isinstance(child, tab_mark):
                (out if content is None else content).append(child)
            elif child.get("end"):
                if tabs is None:
                    log.warning("tab-end without tab-start", location=child)
                tabs = content = None
            else:
                if tabs is None:
                    tabs = create_component("tab-set", ["sd-tab-set"])
                    out.append(tabs)
                label = nodes.rubric("", "", *child.children, classes=["sd-tab-label"])
                if child["sync"]:
                    label["sync_id"], label["sync_group"] = child["sync"], "tab"
                content = create_component("tab-content", ["sd-tab-content"])
                tabs += create_component(
                    "tab-item", ["sd-tab-item"], children=[label, content], selected=False
                )
        if tabs is not None:
            log.warning("tab-start without tab-end", location=tabs)
        parent.children = []
        parent.extend(out)


# What axe finds in the theme's and the extensions' markup, and an id that sphinx-exercise repeats.
MARKUP = (
    (' aria-label="Toggle hidden content"', ""),
    ('role="doc-biblioentry"', 'role="listitem"'),
    (' id="exercise-content"', ""),
    (' id="solution-content"', ""),
)


def clean_page(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Drop Thebe's scripts, which come twice and break the page, and mend the markup."""
    seen: dict[str, Any] = {}
    for script in context["script_files"]:
        key = str(getattr(script, "filename", script)) + str(getattr(script, "attributes", {}).get("body"))
        if "thebe" not in key.lower():
            seen.setdefault(key, script)
    context["script_files"] = list(seen.values())
    if "body" in context:
        for old, new in MARKUP:
            context["body"] = context["body"].replace(old, new)


def number_pages(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """A page that is no numbered chapter counts its equations, figures and exercises from 1.

    Sphinx lets such pages share one count, so an appendix would begin at equation 7.
    """
    for kinds in env.toc_fignumbers.values():
        for numbers in kinds.values():
            if all(len(number) == 1 for number in numbers.values()):
                for new, key in enumerate(sorted(numbers, key=lambda key: numbers[key]), 1):
                    numbers[key] = (new,)
    return []


def name_page(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Such a page has an equation (1) of its own: a reference from another page names the page."""
    for link in doctree.findall(nodes.reference):
        page, mark, _ = link.get("refuri", "").partition(".html#equation-")
        page = posixpath.normpath(posixpath.join(posixpath.dirname(docname), page))
        if mark and page != docname and page in app.env.titles and not app.env.toc_secnumbers.get(page):
            link.parent.insert(
                link.parent.index(link) + 1, nodes.Text(" of " + app.env.titles[page].astext())
            )


MATHJAX = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Copy the 2 MB of MathJax that the pages need out of its 24 MB package."""
    if error is not None or app.builder.format != "html":
        return
    package = find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        log.warning("sphinx-mathjax-offline is not installed: formulas will not be set")
        return
    source = Path(package.origin).parent / "static/mathjax"
    for part in MATHJAX:
        target = Path(app.outdir, "_static/mathjax", part)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target, dirs_exist_ok=True)
        else:
            shutil.copy(source / part, target)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_node(tab_mark)
    app.add_directive("tab-start", TabStart)
    app.add_directive("tab-end", TabEnd)
    app.add_transform(GatherTabs)
    app.connect("env-get-updated", number_pages, priority=999)  # after Sphinx has numbered them
    app.connect("doctree-resolved", name_page)
    app.connect("html-page-context", clean_page, priority=999)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
